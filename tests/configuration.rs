//! What the documentation claims about configuration: every example is accepted without a warning, and
//! the reference is the one that the tables of keys give.
#![allow(
    clippy::unwrap_used,
    reason = "a test file: a failed unwrap is a failed test"
)]

use ranshift::config;
use std::path::{Path, PathBuf};

fn examples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| extension == "yaml")
    });
    files.sort();
    files
}

#[test]
fn every_example_is_accepted_without_a_warning() {
    assert!(!examples().is_empty());
    for file in examples() {
        let loaded = config::load(&file).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(loaded.warnings, [], "{}", file.display());
    }
}

#[test]
fn the_written_reference_is_the_one_of_the_tables() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let written = std::fs::read_to_string(file).unwrap();
    assert!(
        written == config::reference(),
        "run `ranshift check --reference > docs/configuration.md`"
    );
}
