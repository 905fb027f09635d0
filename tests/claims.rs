//! What the documentation claims, held against the code: drop reasons, targets, commands, examples,
//! dependencies, links.
//!
//! With RANSHIFT_REGENERATE set (`make fixtures`), generated pages are written anew instead; the diff is
//! to be reviewed. The configuration reference is held by `tests/configuration.rs`.
#![allow(
    clippy::unwrap_used,
    reason = "clippy's exemption for tests does not reach helper functions of an integration test"
)]

use ranshift::dataplane::verdict::DropReason;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[test]
fn the_page_of_drop_reasons_lists_every_reason_with_its_sentence() {
    let page = root().join("docs/drop-reasons.md");
    let expected = drop_reasons();
    if std::env::var_os("RANSHIFT_REGENERATE").is_some() {
        fs::write(&page, &expected).unwrap();
    }
    assert!(
        read("docs/drop-reasons.md") == expected,
        "run `make fixtures`"
    );
}

#[test]
fn every_make_target_of_the_readme_exists_and_every_target_has_a_word_of_help() {
    let makefile = read("Makefile");
    let targets: Vec<_> = makefile
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
        .filter_map(|line| line.split_once(": "))
        .collect();
    for (target, rest) in &targets {
        assert!(rest.contains("## "), "{target}");
    }
    for command in commands("README.md") {
        if let Some(target) = command.strip_prefix("make ") {
            assert!(targets.iter().any(|(name, _)| *name == target), "{command}");
        }
    }
}

#[test]
fn the_readme_opens_with_the_demo_and_then_the_tests() {
    let commands = commands("README.md");
    assert_eq!(commands.get(..2).unwrap(), ["make demo", "make test"]);
}

#[test]
fn every_ranshift_command_of_the_readme_runs() {
    let commands = commands("README.md");
    let ranshift = commands
        .iter()
        .filter_map(|command| command.strip_prefix("target/debug/ranshift "));
    let lines: Vec<_> = ranshift.collect();
    assert!(!lines.is_empty());
    // A machine that stalls a DU of the lab has its cell fail over on its own, before what is commanded.
    for chance in (0..3).rev() {
        let failed = play(&lines);
        assert!(failed.is_empty() || chance > 0, "{}", failed.join("\n"));
        match failed.is_empty() {
            true => return,
            false => eprintln!("once more, after: {}", failed.join("\n")),
        }
    }
}

/// Runs the commands in order and to the end, as the last takes down what others have started; what failed.
fn play(lines: &[&str]) -> Vec<String> {
    let scratch = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("claims");
    fs::create_dir_all(&scratch).unwrap();
    let out = format!("{}/", scratch.to_str().unwrap());
    let ranshift = env!("CARGO_BIN_EXE_ranshift");
    let mut failed = Vec::new();
    let complaints = scratch.join("complaints");
    for arguments in lines {
        let words = arguments.replace("out/", &out);
        // A command that hangs is ended and has failed, and the rest goes on.
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", "60"]);
        match arguments.starts_with("top ") {
            // A full screen wants a terminal, and goes on until it is told to end.
            true => {
                let watched =
                    format!("timeout --foreground --preserve-status 2 {ranshift} {words}");
                command.args(["script", "--quiet", "--return", "--command", &watched]);
                command.arg("/dev/null")
            }
            false => command.arg(ranshift).args(words.split_whitespace()),
        };
        // Files, not pipes: what a command leaves running would hold a pipe open.
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(fs::File::create(&complaints).unwrap());
        let status = command.current_dir(root()).status().unwrap();
        if !status.success() {
            let complaint = fs::read_to_string(&complaints).unwrap();
            // On a machine that stalled a DU of the lab, its cell is where the command would have it.
            if complaint.contains("refused: The lcore refused: the active member") {
                eprintln!("{arguments}: the cell had failed over on its own");
                continue;
            }
            failed.push(format!("{arguments}: {status}\n{complaint}"));
        }
    }
    failed
}

#[test]
fn every_example_configuration_is_named_in_the_readme() {
    let readme = read("README.md");
    for entry in fs::read_dir(root().join("configs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(readme.contains(&format!("configs/{name}")), "{name}");
    }
}

#[test]
fn every_dependency_is_explained() {
    let page = read("docs/dependencies.md");
    let manifest = read("Cargo.toml");
    let mut in_dependencies = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            in_dependencies = line.contains("dependencies");
            continue;
        }
        if let (true, Some((name, _))) = (in_dependencies, line.split_once(" = ")) {
            assert!(page.contains(&format!("`{name}`")), "{name}");
        }
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut pages = vec!["README.md".to_owned()];
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") {
            pages.push(format!("docs/{name}"));
        }
    }
    for page in pages {
        let folder = root().join(&page).parent().unwrap().to_owned();
        for link in read(&page).split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap();
            let is_here = !target.is_empty() && !target.contains("://");
            assert!(!is_here || folder.join(target).exists(), "{page}: {target}");
        }
    }
}

fn drop_reasons() -> String {
    let mut page = String::from(
        "# Drop reasons\n\nGenerated by `make fixtures`; do not edit. Every frame that ends in the box ends with one of these, and\n\
         `drops.LABEL` counts them.\n\n| label | meaning |\n|---|---|\n",
    );
    for reason in DropReason::ALL {
        page.push_str(&format!("| `{}` | {} |\n", reason.label(), reason.help()));
    }
    page
}

/// The lines of the `sh` blocks of a document, comments left out, continued lines joined.
fn commands(document: &str) -> Vec<String> {
    let text = read(document).replace("\\\n", " ");
    let mut commands = Vec::new();
    let mut in_block = false;
    for line in text.lines() {
        if line.starts_with("```") {
            in_block = line == "```sh";
            continue;
        }
        let command = line.split('#').next().unwrap().trim();
        if in_block && !command.is_empty() {
            commands.push(command.to_owned());
        }
    }
    commands
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
