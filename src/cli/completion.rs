//! `ranshift completion`: what a shell needs to complete commands and options.

use super::Exit;
use clap_complete::Shell;
use std::io::{self, Write};

/// Print the completion script of a shell
///
/// bash: ranshift completion bash > /etc/bash_completion.d/ranshift;
/// zsh: ranshift completion zsh > /usr/local/share/zsh/site-functions/_ranshift;
/// fish: ranshift completion fish > /etc/fish/completions/ranshift.fish
#[derive(clap::Args)]
pub(super) struct Completion {
    /// The shell
    #[arg(value_enum)]
    shell: Known,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Known {
    Bash,
    Zsh,
    Fish,
}

impl Completion {
    pub(super) fn run(&self, mut command: clap::Command, out: &mut dyn Write) -> io::Result<Exit> {
        let shell = match self.shell {
            Known::Bash => Shell::Bash,
            Known::Zsh => Shell::Zsh,
            Known::Fish => Shell::Fish,
        };
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut command, "ranshift", &mut script);
        out.write_all(&script)?;
        Ok(Exit::Done)
    }
}
