//! The witness at the far end of a cable: it captures what passes both ways, with the kernel's stamps.
//!
//! It holds the network namespace, so that a peer can be killed while its cable stays. Captures are
//! bounded: the first frames are kept, the rest is counted.

use super::peer::PeerError;
use super::raw::{Hearing, Raw};
use super::report::{self, WitnessReport};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

/// What to watch.
#[derive(Clone, Debug)]
pub struct WitnessOptions {
    /// Name of the port; the capture is `PORT.pcap`, the report `PORT.json`.
    pub port: String,
    /// The interface.
    pub interface: String,
    /// Largest frame payload there, bytes.
    pub mtu: u16,
    /// Where files go.
    pub directory: PathBuf,
    /// Bytes of frames that are captured at most.
    pub most_bytes: u64,
}

/// Watches until `stop`, and then until there is nothing more to read.
pub fn watch(options: &WitnessOptions, stop: &AtomicBool) -> Result<(), PeerError> {
    let broken = |error| PeerError::Interface(options.interface.clone(), error);
    let mut raw = Raw::open(&options.interface, options.mtu, Hearing::All).map_err(broken)?;
    let capture = options.directory.join(format!("{}.pcap", options.port));
    let path = options.directory.join(format!("{}.json", options.port));
    let mut file = raw.savefile(&capture).map_err(broken)?;
    let mut told = WitnessReport::default();
    let mut room = options.most_bytes;
    let tell = |told: &WitnessReport| {
        report::write(&path, told).map_err(|error| PeerError::Report(path.clone(), error))
    };
    tell(&told)?;
    loop {
        let over = stop.load(Ordering::Relaxed);
        let heard = match room {
            0 => {
                let heard = raw.drain(BATCH, |_, _, _| ());
                told.left_out += heard as u64;
                heard
            }
            _ => {
                let (heard, bytes) = raw.save(BATCH, &mut file);
                told.frames += heard as u64;
                room = room.saturating_sub(bytes);
                heard
            }
        };
        if over && heard == 0 {
            break;
        }
        if heard == 0 {
            raw.wait(NAP);
        }
    }
    file.flush().map_err(broken)?;
    told.overrun = raw.overrun();
    tell(&told)
}

/// Frames read before the rest of the world is looked at.
const BATCH: usize = 256;
/// Nanoseconds of waiting for a frame.
const NAP: u64 = 50_000_000;
