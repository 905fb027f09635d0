//! The folder that `--out` names: ours if it is empty, new, or holds an earlier report.
//!
//! A report that says `incomplete` is written first, so that even a killed run leaves a folder that
//! tells the truth and may be used again.

use crate::replay::arrivals::Input;
use serde_json::{Value, json};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A folder prepared for one run.
pub(super) struct Folder(PathBuf);

/// Why a folder cannot be used.
pub(super) enum Unusable {
    /// It holds something that is not ours to overwrite.
    Foreign(String),
    /// The system says no.
    System(String),
}

impl Folder {
    /// Makes `path` ready: new, empty, or cleared of an earlier run.
    pub(super) fn prepare(path: &Path, inputs: &[Input]) -> Result<Self, Unusable> {
        refuse_inputs_within(path, inputs)?;
        fs::create_dir_all(path).map_err(|error| system(path, &error))?;
        let mut entries = fs::read_dir(path).map_err(|error| system(path, &error))?;
        if entries.next().is_some() && !holds_report(path) {
            return Err(Unusable::Foreign(format!(
                "{}: is not empty and holds no earlier report; name a new folder or clear it",
                path.display()
            )));
        }
        let folder = Self(path.to_owned());
        for stale in ["report.html", "egress"].map(|name| path.join(name)) {
            let removed = match stale.is_dir() {
                true => fs::remove_dir_all(&stale),
                false => fs::remove_file(&stale),
            };
            match removed {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(system(&stale, &error));
                }
                _ => {}
            }
        }
        folder
            .mark_incomplete("the run did not end")
            .map_err(Unusable::System)?;
        Ok(folder)
    }

    /// Where captures of egress ports go.
    pub(super) fn egress(&self) -> PathBuf {
        self.0.join("egress")
    }

    /// Writes a `report.json` that says no more than why there is none.
    pub(super) fn mark_incomplete(&self, why: &str) -> Result<(), String> {
        self.write_report(&json!({"ranshift": env!("CARGO_PKG_VERSION"), "incomplete": why}))
    }

    /// Writes `report.json`.
    pub(super) fn write_report(&self, report: &Value) -> Result<(), String> {
        self.write("report.json", &format!("{report:#}\n"))
    }

    /// Writes one file.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<(), String> {
        let path = self.0.join(name);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// Refuses a folder for `--write-ingress` in which captures lie that no earlier run wrote.
pub(super) fn check_ingress(
    path: &Path,
    ports: &[String],
    inputs: &[Input],
) -> Result<(), Unusable> {
    refuse_inputs_within(path, inputs)?;
    for port in ports {
        let capture = path.join(format!("{port}.pcap"));
        let index = path.join(format!("{port}.index.csv"));
        if capture.exists() && !index.exists() {
            return Err(Unusable::Foreign(format!(
                "{}: exists and was not written by an earlier run; name another folder",
                capture.display()
            )));
        }
    }
    Ok(())
}

/// A run must not clear away what it is about to read.
fn refuse_inputs_within(folder: &Path, inputs: &[Input]) -> Result<(), Unusable> {
    let Ok(folder) = folder.canonicalize() else {
        return Ok(());
    };
    let within = |input: &&Input| {
        let path = input.path.canonicalize();
        path.is_ok_and(|path| path.starts_with(&folder))
    };
    match inputs.iter().find(within) {
        Some(input) => Err(Unusable::Foreign(format!(
            "{}: holds the input {}; write somewhere else",
            folder.display(),
            input.name
        ))),
        None => Ok(()),
    }
}

fn holds_report(path: &Path) -> bool {
    let text = fs::read_to_string(path.join("report.json")).unwrap_or_default();
    let report: Value = serde_json::from_str(&text).unwrap_or_default();
    report.get("ranshift").is_some()
}

fn system(path: &Path, error: &io::Error) -> Unusable {
    Unusable::System(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ran::PortId;
    use crate::replay::arrivals::Route;

    fn folder(name: &str) -> PathBuf {
        let path =
            std::env::temp_dir().join(format!("ranshift-folder-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        path
    }

    #[test]
    fn a_new_folder_and_one_with_an_earlier_report_are_used() {
        let path = folder("again");
        for _ in 0..2 {
            assert!(Folder::prepare(&path, &[]).is_ok());
            fs::create_dir_all(path.join("egress")).unwrap();
        }
        assert!(!path.join("egress").join("old.pcap").exists());
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn a_folder_with_other_files_is_refused() {
        let path = folder("foreign");
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("thesis.tex"), "x").unwrap();
        assert!(matches!(
            Folder::prepare(&path, &[]),
            Err(Unusable::Foreign(_))
        ));
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn a_folder_that_holds_an_input_is_refused() {
        let path = folder("input");
        assert!(Folder::prepare(&path, &[]).is_ok());
        fs::create_dir_all(path.join("egress")).unwrap();
        fs::write(path.join("egress/ru.pcap"), "x").unwrap();
        let input = Input {
            name: "ru.pcap".into(),
            path: path.join("egress/ru.pcap"),
            route: Route::Port(PortId(0)),
            overridden: Vec::new(),
        };
        assert!(matches!(
            Folder::prepare(&path, &[input]),
            Err(Unusable::Foreign(_))
        ));
        assert!(path.join("egress/ru.pcap").exists());
        fs::remove_dir_all(path).unwrap();
    }
}
