//! Messages that came in several frames: decided by the first, sent on as they were cut if that suits who they
//! are for, else cut anew. Neither way copies a payload: the frames leave themselves, or parts take their tails
//! from them.

use super::pieces::First;
use super::send::{self, LONGEST_HEADER};
use super::{Came, Fate, judge};
use crate::dataplane::classify::Envelope;
use crate::dataplane::egress::EgressHeader;
use crate::dataplane::frame_io::FrameInfo;
use crate::dataplane::journey::Scene;
use crate::dataplane::outbox::OutboxFull;
use crate::dataplane::tables::{P7Entry, PeerEntry, PeerKind, TEMPLATE};
use crate::dataplane::verdict::{Departure, DropReason, Verdict};
use crate::wire::checksum::{Difference, Running};
use crate::wire::nfapi::checksum::Sum;
use crate::wire::nfapi::segment::Segments;
use crate::wire::nfapi::slot::SLOT_LEN;
use crate::wire::nfapi::{Head, Header, MessageId};
use crate::wire::{checksum, udp};

/// Most frames of a message: the largest of OAI in segments of 1472 bytes has 128, and in fragments not more.
pub(in crate::dataplane) const FRAMES: usize = 192;

/// A whole message: its frames in order, and where its body lies in each.
#[derive(Debug)]
pub(in crate::dataplane) struct Message<'m, F> {
    pub(in crate::dataplane) frames: &'m mut [F],
    pub(in crate::dataplane) bytes: &'m [(u32, u32)],
    /// Room for a body that has to be read from end to end.
    pub(in crate::dataplane) scratch: &'m mut Vec<u8>,
}

/// How a message leaves, beside what else is in the outbox.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::dataplane) enum Leaving {
    /// Its frames, edited.
    Frames,
    /// Parts, in the outbox.
    Parts,
}

/// What is said of a message that passes.
#[derive(Clone, Copy, Debug)]
struct Asked {
    fate: Fate,
    /// Of its first datagram.
    envelope: Envelope,
    from: P7Entry,
    head: Head,
    timestamp: u32,
}

/// Decides a whole message. Where its frames are to leave, `departures` says how.
pub(in crate::dataplane) fn decide<F>(
    message: &mut Message<'_, F>,
    scene: &mut Scene<'_>,
    view: impl Fn(&mut F) -> (&mut [u8], FrameInfo),
    departures: &mut Vec<Departure>,
) -> Result<Leaving, DropReason> {
    if message.frames.len() > FRAMES {
        return Err(DropReason::PieceLimit);
    }
    let asked = ask(message, scene, &view)?;
    let entry = scene.tables.peer_entry(asked.fate.to);
    let (entry, to) = entry
        .and_then(|entry| Some((entry, entry.p7?)))
        .ok_or(DropReason::UnknownPeer)?;
    let mut fits = |frame: &mut F| {
        let (head, info) = view(frame);
        let read = First::read(received(head, info), info, scene.tables);
        read.is_ok_and(|first| {
            first.fragment.is_whole() && first.envelope.pdu as usize <= send::room(&to)
        })
    };
    if to.dialect == asked.from.dialect && message.frames.iter_mut().all(&mut fits) {
        pass(
            message.frames,
            scene,
            &view,
            (entry, &to),
            asked.fate,
            departures,
        )?;
        scene.sent(asked.fate);
        return Ok(Leaving::Frames);
    }
    cut(message, scene, &view, (entry, &to), &asked)?;
    scene.sent(asked.fate);
    Ok(Leaving::Parts)
}

/// To whom the message goes, by its first datagram.
fn ask<F>(
    message: &mut Message<'_, F>,
    scene: &mut Scene<'_>,
    view: &impl Fn(&mut F) -> (&mut [u8], FrameInfo),
) -> Result<Asked, DropReason> {
    let (start, end) = message.bytes.first().copied().unwrap_or_default();
    let first = message.frames.first_mut().ok_or(DropReason::P7Malformed)?;
    let (head, info) = view(first);
    let read = First::read(received(head, info), info, scene.tables)?;
    let is_whole = read.fragment.is_whole();
    let (envelope, from, timestamp) = (read.envelope, read.p7, read.datagram.timestamp);
    let named = read.datagram.head.ok_or(DropReason::P7Malformed)?;
    scene.lcore.trace.peer = Some(envelope.peer);
    let entry = scene.tables.peer_entry(envelope.peer);
    let entry = entry.ok_or(DropReason::UnknownPeer)?;
    message.scratch.clear();
    if is_read_through(scene, entry, named.message) {
        let room = message.scratch.capacity();
        for (frame, (from, to)) in message.frames.iter_mut().zip(message.bytes) {
            let (head, info) = view(frame);
            let bytes = received(head, info).get(*from as usize..*to as usize);
            let bytes = bytes.unwrap_or_default();
            if message.scratch.len() + bytes.len() > room {
                return Err(DropReason::PieceLimit);
            }
            message.scratch.extend_from_slice(bytes);
        }
    }
    let first = message.frames.first_mut().ok_or(DropReason::P7Malformed)?;
    let (head, info) = view(first);
    let at_hand = received(head, info).get(start as usize..end as usize);
    let body = match message.scratch.as_slice() {
        [] => at_hand.unwrap_or_default(),
        whole => whole,
    };
    scene.frame = info;
    let len = message.bytes.iter().map(|(from, to)| (to - from) as usize);
    let len = len.sum();
    let came = Came {
        frames: message.bytes.len(),
        datagram: is_whole.then_some(envelope.pdu as usize),
    };
    Ok(Asked {
        fate: judge(scene, (entry, &from), (named, timestamp), (body, len, came))?,
        envelope,
        from,
        head: named,
        timestamp,
    })
}

/// Whether more than SFN and slot is looked at: arrays that a request must not overflow, uplink that it asks for
/// and its answers. Only then is a body put together.
fn is_read_through(scene: &Scene<'_>, from: &PeerEntry, message: MessageId) -> bool {
    let cell = from.cells.first();
    let cell = cell.and_then(|(cell, _)| scene.tables.cell(*cell));
    let Some(fapi) = cell.and_then(|cell| cell.fapi.as_ref()) else {
        return false;
    };
    match message {
        MessageId::UL_TTI_REQUEST | MessageId::CRC_INDICATION if fapi.fail_crc => true,
        _ => from.kind == PeerKind::L2 && !fapi.readers.is_empty(),
    }
}

/// The frames themselves, under new addresses.
fn pass<F>(
    frames: &mut [F],
    scene: &mut Scene<'_>,
    view: &impl Fn(&mut F) -> (&mut [u8], FrameInfo),
    to: (&PeerEntry, &P7Entry),
    fate: Fate,
    departures: &mut Vec<Departure>,
) -> Result<(), DropReason> {
    for (number, frame) in frames.iter_mut().enumerate() {
        let (head, info) = view(frame);
        scene.frame = info;
        let envelope = First::read(received(head, info), info, scene.tables)?.envelope;
        // SFN and slot are in the first.
        let shift = if number == 0 { fate.shift } else { 0 };
        let sent = send::pass(head, scene, &envelope, to, Fate { shift, ..fate })?;
        if let Verdict::Forward(departure) | Verdict::Fanout(departure) = sent {
            departures.push(departure);
        }
    }
    Ok(())
}

/// The body in datagrams of other sizes, or under headers of another dialect.
fn cut<F>(
    message: &mut Message<'_, F>,
    scene: &mut Scene<'_>,
    view: &impl Fn(&mut F) -> (&mut [u8], FrameInfo),
    (entry, to): (&PeerEntry, &P7Entry),
    asked: &Asked,
) -> Result<(), DropReason> {
    let numerology = scene
        .tables
        .cell(asked.fate.cell)
        .map(|cell| cell.numerology);
    let numerology = numerology.ok_or(DropReason::UnknownPeer)?;
    let named = asked.head.message.between(asked.from.dialect, to.dialect);
    let named = named.ok_or(DropReason::NotRepresentable)?;
    let mut runs = [Run::default(); FRAMES];
    let frames = message.frames.iter_mut().zip(message.bytes).zip(0..);
    let mut len = 0;
    for (run, ((frame, (from, to)), source)) in runs.iter_mut().zip(frames) {
        let (head, info) = view(frame);
        let bytes = received(head, info).get(*from as usize..*to as usize);
        *run = Run {
            source,
            from: *from,
            bytes: bytes.unwrap_or_default(),
        };
        len += run.bytes.len();
    }
    let first = runs.first().map_or(&[][..], |run| run.bytes);
    let mut point = send::moved(first, to.encoding, numerology, asked.fate.shift);
    // SFN and slot that were cut in two cannot be moved.
    if asked.fate.shift != 0 && point.is_none() {
        return Err(DropReason::P7Malformed);
    }
    let mut body = Body {
        runs: &runs,
        skip: 0,
    };
    let segments = Segments::new(to.dialect, asked.fate.sequence, len, send::room(to));
    for segment in segments.map_err(|_| DropReason::NotRepresentable)? {
        let header = Header {
            head: Head {
                phy: to.phy,
                message: named,
            },
            piece: segment.piece,
            timestamp: asked.timestamp,
        };
        // The point is in the first.
        let point = point.take();
        let point = point.as_ref().map_or(&[][..], |point| &point[..]);
        body.next(point.len());
        let len = segment.range.len() - point.len();
        let lead = Lead::new(&header, (entry, to), &asked.envelope, (point, body), len)?;
        body = push(scene, entry, &lead, body, len).map_err(|_| DropReason::OutboxFull)?;
    }
    Ok(())
}

/// One frame: `lead`, then the next `len` bytes of the body. Returns what is left of that.
fn push<'r>(
    scene: &mut Scene<'_>,
    entry: &PeerEntry,
    lead: &Lead,
    mut body: Body<'r>,
    len: usize,
) -> Result<Body<'r>, OutboxFull> {
    let head = lead.bytes.get(..lead.len).unwrap_or_default();
    let first = body.next(len);
    scene.outbox.begin(first.source);
    scene.outbox.push(entry.port, &[head], first.range(), 0)?;
    let mut left = len - first.bytes.len();
    while left > 0 {
        let more = body.next(left);
        if more.bytes.is_empty() {
            return Err(OutboxFull);
        }
        scene.outbox.join(more.source, more.range())?;
        left -= more.bytes.len();
    }
    // What the journey adds next belongs to no other frame.
    scene.outbox.begin(0);
    Ok(body)
}

/// Everything before the body in one frame.
#[derive(Clone, Copy, Debug)]
struct Lead {
    bytes: [u8; TEMPLATE + LONGEST_HEADER + SLOT_LEN],
    len: usize,
}

impl Lead {
    /// With `point`, in front of the next `len` bytes of `body`.
    fn new(
        header: &Header,
        (entry, to): (&PeerEntry, &P7Entry),
        envelope: &Envelope,
        (point, body): (&[u8], Body<'_>),
        len: usize,
    ) -> Result<Self, DropReason> {
        let mut p7 = [0; LONGEST_HEADER];
        let show = |sum: &mut Sum| {
            sum.over(point);
            body.each(len, |run| sum.over(run));
        };
        let said = point.len() + len;
        let written = header.emit_shown(to.dialect, said as u32, show, &mut p7)?;
        let p7 = p7.get(..written).unwrap_or_default();
        let pdu = (written + said) as u32;
        let outer = EgressHeader::new(&entry.user, envelope, &[], pdu, Difference::default());
        let mut lead = Self {
            bytes: [0; TEMPLATE + LONGEST_HEADER + SLOT_LEN],
            len: outer.bytes().len() + written + point.len(),
        };
        let bytes = outer.bytes().iter().chain(p7).chain(point);
        for (place, byte) in lead.bytes.iter_mut().zip(bytes) {
            *place = *byte;
        }
        if envelope.udp_checksum != 0 {
            let mut tail = Running::default();
            body.each(len, |run| tail.over(run));
            lead.sum(entry, tail, len);
        }
        Ok(lead)
    }

    /// Writes the UDP checksum in front of a body of this sum.
    fn sum(&mut self, entry: &PeerEntry, tail: Running, len: usize) {
        let ip = 14 + 4 * usize::from(entry.user.tags);
        let at = usize::from(entry.user.len).saturating_sub(udp::HEADER_LEN);
        let pseudo = checksum::sum(17, self.bytes.get(ip + 12..ip + 20).unwrap_or_default());
        if let Some(datagram) = self.bytes.get_mut(at..self.len) {
            udp::complete_summed(datagram, pseudo, tail.sum(), len);
        }
    }
}

/// Bytes of the body that lie in one frame.
#[derive(Clone, Copy, Debug, Default)]
struct Run<'r> {
    source: u16,
    /// Counted from the frame's first byte as received.
    from: u32,
    bytes: &'r [u8],
}

impl Run<'_> {
    const fn range(&self) -> std::ops::Range<u32> {
        self.from..self.from + self.bytes.len() as u32
    }
}

/// What is left of a body.
#[derive(Clone, Copy, Debug)]
struct Body<'r> {
    runs: &'r [Run<'r>],
    /// Bytes of the first run that are gone.
    skip: usize,
}

impl<'r> Body<'r> {
    /// The next bytes, at most `most`, as far as they lie in one frame; none at the end.
    fn next(&mut self, most: usize) -> Run<'r> {
        while let Some((first, rest)) = self.runs.split_first() {
            let left = first.bytes.get(self.skip..).unwrap_or_default();
            if left.is_empty() && !rest.is_empty() {
                (self.runs, self.skip) = (rest, 0);
                continue;
            }
            let bytes = left.get(..most).unwrap_or(left);
            let from = first.from + self.skip as u32;
            self.skip += bytes.len();
            return Run {
                bytes,
                from,
                ..*first
            };
        }
        Run::default()
    }

    /// Shows the next `len` bytes.
    fn each(mut self, mut len: usize, mut see: impl FnMut(&[u8])) {
        while len > 0 {
            let run = self.next(len);
            if run.bytes.is_empty() {
                return;
            }
            see(run.bytes);
            len -= run.bytes.len();
        }
    }
}

fn received(head: &[u8], info: FrameInfo) -> &[u8] {
    head.get(usize::from(info.start)..).unwrap_or_default()
}
