//! The real program is killed and started again: roles are as they were, by the API, before it says a word
//! about anything else. How long that took is printed; only a limit that means something is broken ends
//! the test.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test of processes: it waits by the clock, and stops at the first surprise"
)]

#[path = "support/process.rs"]
mod process;

use process::{Folder, Process};
use std::fs;
use std::time::Instant;

#[test]
fn a_killed_process_is_back_with_its_roles_and_a_foreign_file_is_named_and_ignored() {
    let folder = Folder::new("restart");
    let file = folder.0.join("live.state");
    let mut first = Process::start(&folder.0, &file);
    let fence = r#"{"member": "du-2"}"#;
    let answer = first.ask("POST", "/api/v1/cells/cell-1/fence", fence);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    first.child.kill().unwrap();
    first.child.wait().unwrap();

    let began = Instant::now();
    let second = Process::start(&folder.0, &file);
    assert_eq!(second.role_of("du-2"), "fenced");
    println!("back after {} ms", began.elapsed().as_millis());
    drop(second);

    fs::write(&file, "something else").unwrap();
    let third = Process::start(&folder.0, &file);
    assert_eq!(third.role_of("du-2"), "standby");
    let said = third.said();
    assert!(said.contains("the file is ignored"), "{said}");
}
