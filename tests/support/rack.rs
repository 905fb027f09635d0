//! A backend in memory that never allocates once it is filled and copies no payload: a frame leaves in the buffer
//! it came in, and one that is built takes its head from the outbox and shares the rest, as mbufs do. It counts
//! every byte it is told to copy.
#![allow(
    dead_code,
    clippy::indexing_slicing,
    reason = "each user takes its own part and stops at the first surprise"
)]

use ranshift::dataplane::frame_io::{BURST, FrameInfo, FrameIo, HEADROOM};
use ranshift::dataplane::outbox::Part;
use ranshift::dataplane::verdict::Departure;
use ranshift::ran::{Instant, PortId};
use std::collections::VecDeque;

/// One buffer.
#[derive(Debug)]
pub(crate) struct Sheet {
    buffer: Vec<u8>,
    start: usize,
    /// Built here; else it was offered.
    pub(crate) made: bool,
}

impl Sheet {
    /// The frame as it stands; of one that was built, what is not shared.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Where its last byte lies: a frame that was copied ends elsewhere.
    pub(crate) fn end(&self) -> *const u8 {
        self.buffer.as_ptr_range().end
    }
}

/// Ports, what waits on them, and what was sent.
#[derive(Debug, Default)]
pub(crate) struct Rack {
    /// By port.
    waiting: [VecDeque<Sheet>; PORTS],
    spare: Vec<Vec<u8>>,
    /// In order of sending.
    pub(crate) sent: Vec<(PortId, Sheet)>,
    /// Bytes of heads, which the appliance wrote.
    pub(crate) heads: usize,
    /// Bytes of received frames that were copied.
    pub(crate) copied: usize,
    /// Bytes of received frames that left in frames that share them.
    pub(crate) shared: usize,
}

/// Buffers for frames that are built between two calls of `clear`.
const SPARE: usize = 4096;
const PORTS: usize = 3;
/// Frames up to this length are copied, as in the DPDK backend.
const SMALL: usize = 128;

impl Rack {
    /// Ready for `SPARE` frames at once.
    pub(crate) fn new() -> Self {
        Self {
            waiting: std::array::from_fn(|_| VecDeque::with_capacity(SPARE)),
            spare: (0..SPARE).map(|_| Vec::with_capacity(1024)).collect(),
            sent: Vec::with_capacity(2 * SPARE),
            ..Self::default()
        }
    }

    /// `frame` arrives on `port`; returns where its last byte lies.
    pub(crate) fn offer(&mut self, port: u8, frame: &[u8]) -> *const u8 {
        let mut buffer = Vec::with_capacity(HEADROOM + frame.len());
        buffer.resize(HEADROOM, 0);
        buffer.extend_from_slice(frame);
        let sheet = Sheet {
            buffer,
            start: HEADROOM,
            made: false,
        };
        let end = sheet.end();
        self.waiting[usize::from(port)].push_back(sheet);
        end
    }

    /// Forgets what was sent; its buffers are used again.
    pub(crate) fn clear(&mut self) {
        for (_, sheet) in self.sent.drain(..) {
            if sheet.made {
                self.spare.push(sheet.buffer);
            }
        }
    }

    fn one(&mut self, sources: &[Sheet], parts: &[Part], arena: &[u8]) -> Option<Sheet> {
        let mut buffer = self.spare.pop()?;
        buffer.clear();
        let tails: usize = parts.iter().map(|part| part.tail.len()).sum();
        for part in parts {
            let head = &arena[part.head.start as usize..part.head.end as usize];
            buffer.extend_from_slice(head);
            self.heads += head.len();
            if tails > 0 && buffer.len() + tails <= SMALL {
                let source = &sources.get(usize::from(part.source))?.buffer[HEADROOM..];
                let tail = &source[part.tail.start as usize..part.tail.end as usize];
                buffer.extend_from_slice(tail);
                self.copied += tail.len();
            } else {
                self.shared += part.tail.len();
            }
        }
        Some(Sheet {
            buffer,
            start: 0,
            made: true,
        })
    }
}

impl FrameIo for Rack {
    type Frame = Sheet;

    fn receive(&mut self, port: PortId, into: &mut Vec<Sheet>) {
        let waiting = &mut self.waiting[port.index()];
        into.extend(waiting.drain(..waiting.len().min(BURST)));
    }

    fn head(sheet: &mut Sheet, port: PortId) -> (&mut [u8], FrameInfo) {
        let info = FrameInfo {
            port,
            start: sheet.start as u16,
            len: (sheet.buffer.len() - sheet.start) as u32,
        };
        (&mut sheet.buffer, info)
    }

    fn stamp(_: &Sheet) -> Option<Instant> {
        None
    }

    fn depart(sheet: &mut Sheet, departure: Departure) -> bool {
        sheet.start = usize::from(departure.start);
        departure.pad == 0
    }

    fn build(
        &mut self,
        sources: &mut [Sheet],
        parts: &[Part],
        arena: &[u8],
        out: &mut Vec<Option<Sheet>>,
    ) {
        for parts in parts.chunk_by(|_, next| next.joins) {
            let built = self.one(sources, parts, arena);
            out.push(built);
        }
    }

    fn transmit(&mut self, port: PortId, sheets: &mut Vec<Sheet>) -> u64 {
        let bytes = sheets.iter().map(|sheet| sheet.bytes().len() as u64).sum();
        self.sent
            .extend(sheets.drain(..).map(|sheet| (port, sheet)));
        bytes
    }
}
