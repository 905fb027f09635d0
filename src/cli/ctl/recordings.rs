//! Flight recordings: taken, listed, and fetched to be replayed elsewhere.

use super::{Console, segment};
use crate::cli::calendar;
use crate::cli::client::Trouble;
use crate::cli::text::{Table, clean};
use crate::control::status::{Captured, KeptRecording};
use crate::telemetry::amount;
use serde_json::json;
use std::fs;
use std::io;
use std::path::{Component, Path};

const LIST: &str = "/api/v1/recordings";

impl Console<'_> {
    pub(super) fn capture(&mut self, cell: &str) -> Result<(), Trouble> {
        let path = format!("/api/v1/cells/{}/capture", segment(cell));
        let answer = self.client.command(&path, &json!({}))?;
        if self.json {
            return self.verbatim(&String::from_utf8_lossy(&answer));
        }
        let captured: Captured = self.client.understand(&answer)?;
        let name = clean(&captured.name);
        Ok(writeln!(self.out, "{}: recording {name}", clean(cell))?)
    }

    pub(super) fn recordings(&mut self) -> Result<(), Trouble> {
        if self.as_json(LIST)? {
            return Ok(());
        }
        let recordings: Vec<KeptRecording> = self.client.read(LIST)?;
        let mut table = Table::new(&["RECORDING", "CELL", "TRIGGER", ">FRAMES", ">KIB"]);
        for recording in recordings {
            let bytes: u64 = recording.files.iter().map(|file| file.bytes).sum();
            table.row([
                recording.name,
                recording.cell,
                recording.trigger,
                amount(recording.frames),
                amount(bytes.div_ceil(1024)),
            ]);
        }
        Ok(table.print(self.out, self.paper, "no recordings")?)
    }

    /// Fetches a recording into a folder of its name below `to`.
    pub(super) fn fetch(&mut self, name: &str, to: &Path) -> Result<(), Trouble> {
        let path = format!("{LIST}/{}", segment(name));
        if self.as_json(&path)? {
            return Ok(());
        }
        let recording: KeptRecording = self.client.read(&path)?;
        let folder = to.join(plain(&recording.name)?);
        let unwritable = |path: &Path, error: io::Error| {
            Trouble::Environment(format!("{}: {error}", path.display()))
        };
        fs::create_dir(&folder).map_err(|error| unwritable(&folder, error))?;
        for file in &recording.files {
            let target = folder.join(plain(&file.name)?);
            let mut output =
                fs::File::create_new(&target).map_err(|error| unwritable(&target, error))?;
            let path = format!("{path}/{}", segment(&file.name));
            self.client.fetch(&path, &mut output)?;
        }
        Ok(writeln!(
            self.out,
            "{}: taken at {} UTC, replay it with\n  ranshift replay --recording {}",
            clean(&recording.cell),
            calendar::utc(recording.taken_ns),
            folder.display()
        )?)
    }
}

/// `name`, unless a file of that name would lie somewhere else.
fn plain(name: &str) -> Result<&str, Trouble> {
    let mut parts = Path::new(name).components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(part)), None) if part == name => Ok(name),
        _ => Err(Trouble::Environment(format!(
            "the appliance names a file {}, which is not fetched",
            clean(name)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_leads_elsewhere_is_not_fetched() {
        assert!(plain("ru-side.pcap").is_ok());
        for name in ["", ".", "..", "../x", "/etc/passwd", "a/b", "a/"] {
            assert!(plain(name).is_err(), "{name}");
        }
    }
}
