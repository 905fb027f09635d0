//! A fixture replayed by the binary, as files: what each port received and sent, and the report.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses its own part and stops at the first surprise"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where everything is; what was written is deleted in the end.
#[derive(Debug)]
pub(crate) struct Replayed {
    pub(crate) config: PathBuf,
    pub(crate) scenario: PathBuf,
    /// What each port received.
    pub(crate) ingress: PathBuf,
    /// What it sent, and the report.
    pub(crate) out: PathBuf,
    written: PathBuf,
}

impl Replayed {
    /// Replays the fixture of that name. Whether its expectations hold is judged elsewhere.
    pub(crate) fn new(name: &str) -> Self {
        static REPLAYS: AtomicUsize = AtomicUsize::new(0);
        let replay = REPLAYS.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        let written = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("replayed-{name}-{process}-{replay}"));
        let fixture = fixtures().join(name);
        let replayed = Self {
            config: fixture.join("config.yaml"),
            scenario: fixture.join("scenario.yaml"),
            ingress: written.join("ingress"),
            out: written.join("replayed"),
            written,
        };
        let played = Command::new(env!("CARGO_BIN_EXE_ranshift"))
            .arg("replay")
            .arg("--config")
            .arg(&replayed.config)
            .arg("--scenario")
            .arg(&replayed.scenario)
            .arg("--out")
            .arg(&replayed.out)
            .arg("--write-ingress")
            .arg(&replayed.ingress)
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&played.stderr);
        let code = played.status.code();
        assert!(matches!(code, Some(0 | 1)), "{name}: {words}");
        replayed
    }
}

impl Drop for Replayed {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.written);
    }
}

pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("pcap-fixtures")
}

/// Fixtures with a scenario, by name, whose configuration has `section`.
pub(crate) fn with_section(section: &str) -> Vec<String> {
    let folders = std::fs::read_dir(fixtures()).unwrap();
    let folders = folders.map(|entry| entry.unwrap().path());
    let has = |folder: &PathBuf| {
        let config = std::fs::read_to_string(folder.join("config.yaml"));
        folder.join("scenario.yaml").exists() && config.unwrap().contains(&format!("\n{section}:"))
    };
    let name = |folder: PathBuf| folder.file_name().unwrap().to_str().unwrap().to_owned();
    let mut names: Vec<_> = folders.filter(has).map(name).collect();
    names.sort();
    names
}
