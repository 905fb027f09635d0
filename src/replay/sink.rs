//! Where frames leave: one capture file per port, stamped in virtual time, and beside each an index
//! that says which frame of which input each of its frames was.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::ran::{Instant, PortId};

use super::capture::{CaptureError, CaptureFault, CaptureWriter};
use super::frame::ReplayFrame;

/// Capture files of one folder, made as their first frame comes.
pub struct Sink {
    folder: PathBuf,
    ports: Vec<String>,
    inputs: Vec<String>,
    open: BTreeMap<PortId, Lane>,
}

struct Lane {
    capture: CaptureWriter,
    index: BufWriter<File>,
    index_name: String,
}

impl Sink {
    /// Writes into `folder`, making it if it is missing; `ports` and `inputs` are names by position.
    pub fn new(folder: &Path, ports: &[String], inputs: &[String]) -> Result<Self, CaptureError> {
        fs::create_dir_all(folder).map_err(|error| failed(&folder.display().to_string(), error))?;
        Ok(Self {
            folder: folder.to_owned(),
            ports: ports.to_owned(),
            inputs: inputs.to_owned(),
            open: BTreeMap::new(),
        })
    }

    /// Appends `frame`, which passed `port` at `at`.
    pub fn write(
        &mut self,
        at: Instant,
        port: PortId,
        frame: &ReplayFrame,
    ) -> Result<(), CaptureError> {
        if !self.open.contains_key(&port) {
            let lane = Lane::create(&self.folder, self.ports.get(port.index()))?;
            self.open.insert(port, lane);
        }
        let Some(lane) = self.open.get_mut(&port) else {
            return Ok(());
        };
        let bytes = frame.bytes();
        lane.capture.write(at, bytes, bytes.len() as u32)?;
        let number = lane.capture.frames();
        let kind = frame.kind.label();
        let written = match frame.origin {
            Some(origin) => {
                let input = self.inputs.get(origin.input).map_or("?", String::as_str);
                let input = quoted(input);
                writeln!(lane.index, "{number},{input},{},{kind}", origin.frame)
            }
            None => writeln!(lane.index, "{number},originated,0,{kind}"),
        };
        written.map_err(|error| failed(&lane.index_name, error))
    }

    /// Writes what is buffered and closes all files.
    pub fn finish(self) -> Result<(), CaptureError> {
        for (_, mut lane) in self.open {
            lane.capture.finish()?;
            let flushed = lane.index.flush();
            flushed.map_err(|error| failed(&lane.index_name, error))?;
        }
        Ok(())
    }
}

impl Lane {
    fn create(folder: &Path, port: Option<&String>) -> Result<Self, CaptureError> {
        let port = port.map_or("unknown", String::as_str);
        let capture = CaptureWriter::create(&folder.join(format!("{port}.pcap")))?;
        let path = folder.join(format!("{port}.index.csv"));
        let index_name = path.display().to_string();
        let create = || -> io::Result<BufWriter<File>> {
            let mut index = BufWriter::new(File::create(&path)?);
            writeln!(index, "output,input,frame,kind")?;
            Ok(index)
        };
        Ok(Self {
            capture,
            index: create().map_err(|error| failed(&index_name, error))?,
            index_name,
        })
    }
}

/// A CSV field (RFC 4180): quoted where a file name needs it.
fn quoted(field: &str) -> String {
    match field.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.to_owned(),
    }
}

fn failed(file: &str, error: io::Error) -> CaptureError {
    CaptureFault::Write(error).in_file(file, 0, 0)
}

#[cfg(test)]
mod tests {
    use super::super::frame::Origin;
    use super::*;

    #[test]
    fn the_index_names_the_input_frame_of_each_output_frame() {
        let folder = std::env::temp_dir().join(format!("ranshift-sink-{}", std::process::id()));
        let inputs = ["a.pcap".to_owned(), "b,c.pcap".to_owned()];
        let mut sink = Sink::new(&folder, &["ru".to_owned()], &inputs).unwrap();
        let origins = [Some((0, 7)), Some((1, 8)), None];
        for origin in origins.map(|pair| pair.map(|(input, frame)| Origin { input, frame })) {
            let frame = ReplayFrame::new(&[0; 60], 60, origin, Instant(0));
            sink.write(Instant(1), PortId(0), &frame).unwrap();
        }
        sink.finish().unwrap();
        let index = fs::read_to_string(folder.join("ru.index.csv")).unwrap();
        let expected = "output,input,frame,kind\n1,a.pcap,7,forwarded\n\
                        2,\"b,c.pcap\",8,forwarded\n3,originated,0,forwarded\n";
        assert_eq!(index, expected);
        fs::remove_dir_all(folder).unwrap();
    }
}
