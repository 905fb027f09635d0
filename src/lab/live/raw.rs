//! A raw socket on one interface, by libpcap, which puts VLAN tags back that the kernel took out.
//!
//! Stamps are the kernel's, in nanoseconds: what a process was too busy to read in time is not late.

use crate::ran::Instant;
use pcap::{Active, Capture, Direction, Error, Precision};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::path::Path;
use std::thread;
use std::time::Duration;

/// One interface.
pub(super) struct Raw {
    capture: Capture<Active>,
}

/// Whose frames a socket hears.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Hearing {
    /// Those that come.
    Incoming,
    /// Those that come and those that any socket of this end sends.
    All,
}

impl Raw {
    /// Opens `interface`, which may still be on its way into this namespace.
    pub(super) fn open(interface: &str, mtu: u16, hearing: Hearing) -> Result<Self, Error> {
        let mut tries = OPEN_TRIES;
        loop {
            match Self::try_open(interface, mtu, hearing) {
                Err(_) if tries > 0 => tries -= 1,
                result => return result,
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn try_open(interface: &str, mtu: u16, hearing: Hearing) -> Result<Self, Error> {
        let capture = Capture::from_device(interface)?
            .immediate_mode(true)
            .precision(Precision::Nano)
            .snaplen(i32::from(mtu) + HEADERS)
            .buffer_size(BUFFER)
            .timeout(1)
            .open()?
            .setnonblock()?;
        capture.direction(match hearing {
            Hearing::Incoming => Direction::In,
            Hearing::All => Direction::InOut,
        })?;
        Ok(Self { capture })
    }

    /// False if the interface did not take the frame.
    pub(super) fn send(&mut self, frame: &[u8]) -> bool {
        self.capture.sendpacket(frame).is_ok()
    }

    /// Hears at most `most` frames; returns how many, fewer if there are no more for now.
    pub(super) fn drain(
        &mut self,
        most: usize,
        mut hear: impl FnMut(Instant, &[u8], usize),
    ) -> usize {
        for heard in 0..most {
            let Ok(packet) = self.capture.next_packet() else {
                return heard;
            };
            hear(
                stamp(packet.header),
                packet.data,
                packet.header.len as usize,
            );
        }
        most
    }

    /// Like `drain`, into a capture file.
    pub(super) fn save(&mut self, most: usize, file: &mut pcap::Savefile) -> (usize, u64) {
        let mut bytes = 0;
        for heard in 0..most {
            let Ok(packet) = self.capture.next_packet() else {
                return (heard, bytes);
            };
            bytes += u64::from(packet.header.caplen);
            file.write(&packet);
        }
        (most, bytes)
    }

    /// A capture file with nanosecond stamps.
    pub(super) fn savefile(&self, path: &Path) -> Result<pcap::Savefile, Error> {
        self.capture.savefile(path)
    }

    /// Waits until a frame comes, or for `nanos`.
    pub(super) fn wait(&self, nanos: u64) {
        let limit = Timespec {
            tv_sec: (nanos / 1_000_000_000) as i64,
            tv_nsec: (nanos % 1_000_000_000) as i64,
        };
        let mut fds = [PollFd::new(&self.capture, PollFlags::IN)];
        let woken = poll(&mut fds, Some(&limit));
        let broken = fds.iter().any(|fd| fd.revents().contains(PollFlags::ERR));
        // A link that was cut reports an error for ever: do not spin on it.
        if woken.is_ok() && broken {
            thread::sleep(Duration::from_nanos(nanos.min(1_000_000)));
        }
    }

    /// Frames that came and found no room because this process was not given the time to read.
    pub(super) fn overrun(&mut self) -> u64 {
        self.capture
            .stats()
            .map_or(0, |stats| u64::from(stats.dropped))
    }
}

/// With nanosecond precision the field of microseconds holds nanoseconds.
fn stamp(header: &pcap::PacketHeader) -> Instant {
    Instant(header.ts.tv_sec as u64 * 1_000_000_000 + header.ts.tv_usec as u64)
}

/// Ten seconds, 5 ms at a time.
const OPEN_TRIES: u32 = 2_000;
/// Ethernet header and two tags, and what else a driver may put ahead.
const HEADERS: i32 = 64;
/// Bytes of the ring that the kernel fills: a stall of a few hundred milliseconds.
const BUFFER: i32 = 32 << 20;
