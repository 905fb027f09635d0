//! What the load says of itself, in the file that it maps: `struct figures` of `load.c`.
#![allow(dead_code, reason = "shared by two tests that each use a part of it")]

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// One reading.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    /// Everything fed came back or will never come.
    pub(crate) stopped: bool,
    /// Of the cycle counter.
    pub(crate) hertz: u64,
    /// Slots sent.
    pub(crate) slots: u64,
    /// Slots left out because the thread had no core in their time.
    pub(crate) left_out: u64,
    /// Slots of which the end was left out for the same reason.
    pub(crate) cut_short: u64,
    /// How often it waited for room.
    pub(crate) waits: u64,
    /// Frames handed to each port.
    pub(crate) fed: [u64; 3],
    /// Frames that came back at each port.
    pub(crate) drained: [u64; 3],
    /// Sequence numbers that were not the next of their stream.
    pub(crate) gaps: u64,
    /// Buffers of the load's own pool that are not in it.
    pub(crate) buffers: u64,
    latency: Vec<u64>,
}

impl Figures {
    pub(crate) fn read(file: &Path) -> Self {
        let words = words(file);
        let mut rest = words.iter().copied();
        let mut next = || rest.next().expect("a word for each field");
        let _stop = next();
        Self {
            stopped: next() != 0,
            hertz: next(),
            slots: next(),
            left_out: next(),
            cut_short: next(),
            waits: next(),
            fed: [next(), next(), next()],
            drained: [next(), next(), next()],
            gaps: next(),
            buffers: next(),
            latency: rest.collect(),
        }
    }

    /// Whether frames are under way already.
    pub(crate) fn has_begun(file: &Path) -> bool {
        file.metadata().is_ok_and(|data| data.len() == BYTES) && Self::read(file).slots > 0
    }

    /// Tells the load to end.
    pub(crate) fn stop(file: &Path) {
        let file = OpenOptions::new().write(true).open(file).unwrap();
        file.write_all_at(&1u64.to_ne_bytes(), 0).unwrap();
    }

    /// Of the frames that came through since `before`.
    pub(crate) fn since(&self, before: &Self) -> Latency {
        let both = self.latency.iter().zip(&before.latency);
        Latency {
            hertz: self.hertz,
            counts: both.map(|(now, before)| now - before).collect(),
        }
    }
}

/// How long frames took: how many by `bucket` of `load.c`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latency {
    hertz: u64,
    counts: Vec<u64>,
}

impl Latency {
    /// Frames.
    pub(crate) fn frames(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Takes those of another time in.
    pub(crate) fn add(&mut self, other: &Self) {
        self.hertz = other.hertz;
        self.counts.resize(other.counts.len(), 0);
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
    }

    /// Microseconds below which this part of them came through.
    pub(crate) fn below_us(&self, part: f64) -> f64 {
        let mut left = (self.frames() as f64 * part).ceil() as u64;
        for (index, here) in self.counts.iter().enumerate() {
            if *here >= left {
                return upper_edge(index) as f64 * 1e6 / self.hertz as f64;
            }
            left -= here;
        }
        f64::NAN
    }
}

/// The counterpart of `bucket` in `load.c`.
fn upper_edge(index: usize) -> u64 {
    if index < 16 {
        return index as u64;
    }
    ((16 + index % 16 + 1) as u64) << (index / 16 - 1)
}

fn words(file: &Path) -> Vec<u64> {
    let mut bytes = vec![0; BYTES as usize];
    File::open(file)
        .unwrap()
        .read_exact_at(&mut bytes, 0)
        .unwrap();
    let word = |bytes: &[u8]| u64::from_ne_bytes(bytes.try_into().unwrap());
    bytes.chunks_exact(8).map(word).collect()
}

/// Of `struct figures`: its single words, two arrays by port, and the buckets.
const BYTES: u64 = 8 * (7 + 3 + 3 + 2 + 1024);
