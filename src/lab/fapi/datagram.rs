//! Messages to P7 datagrams and back, as an L2 or a PHY does it: a `Voice` numbers and cuts, an `Ear` puts
//! together and notes what the network did to them.
//!
//! Written apart from what the appliance cuts and joins with, so that each finds the other's mistakes; only the
//! codec of the header is shared. One ear hears one peer. SCF 225 table 2-4; OAI's 128 segments.

use super::numbers::{Numbers, Order};
use crate::ran::{Duration, Instant};
use crate::wire::WireError;
use crate::wire::nfapi::{Check, Datagram, Dialect, Head, Header, MessageId, PhyId, Piece};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What both ends of a P7 link agree on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// Header and bodies.
    pub dialect: Dialect,
    /// PHY_ID of every message.
    pub phy: PhyId,
    /// Largest datagram sent, bytes of UDP payload.
    pub segment: usize,
    /// Whether received checksums are looked at.
    pub check: Check,
}

impl Terms {
    /// As OAI has them.
    pub const OAI: Self = Self {
        dialect: Dialect::OaiNfapi,
        phy: PhyId(1),
        segment: 65_000,
        check: Check::Verify,
    };
}

/// Speaks: one counter for all messages.
#[derive(Clone, Debug)]
pub(super) struct Voice {
    terms: Terms,
    next: u16,
}

impl Voice {
    pub(super) const fn new(terms: Terms) -> Self {
        Self { terms, next: 0 }
    }

    /// Appends the datagrams of a message. One that the dialect cannot say takes no number.
    pub(super) fn say(
        &mut self,
        message: MessageId,
        timestamp: u32,
        body: &[u8],
        out: &mut Vec<Vec<u8>>,
    ) -> Result<(), WireError> {
        let before = out.len();
        let head = Head {
            phy: self.terms.phy,
            message,
        };
        for (piece, part) in self.pieces(body) {
            let header = Header {
                head,
                piece,
                timestamp,
            };
            let mut bytes = vec![0; LONGEST_HEADER];
            match header.emit(self.terms.dialect, &[part], &mut bytes) {
                Ok(len) => bytes.truncate(len),
                Err(error) => {
                    out.truncate(before);
                    return Err(error);
                }
            }
            bytes.extend_from_slice(part);
            out.push(bytes);
        }
        self.next = self.next.wrapping_add(1);
        Ok(())
    }

    fn pieces<'a>(&self, body: &'a [u8]) -> Vec<(Piece, &'a [u8])> {
        let Terms {
            dialect, segment, ..
        } = self.terms;
        let mut pieces: Vec<(Piece, &[u8])> = Vec::new();
        let (mut at, mut rest) = (0, body);
        while pieces.is_empty() || !rest.is_empty() {
            let whole = Piece::uncut(dialect, self.next, body.len() as u32);
            let piece = match whole {
                Piece::Whole => whole,
                Piece::Numbered { sequence, .. } => Piece::Numbered {
                    sequence,
                    number: pieces.len().min(usize::from(u8::MAX)) as u8,
                    more: false,
                },
                Piece::Placed {
                    sequence, total, ..
                } => Piece::Placed {
                    sequence,
                    offset: at as u32,
                    total,
                },
            };
            let room = match piece {
                Piece::Whole => rest.len(),
                _ => segment.saturating_sub(piece.header_len(dialect)).max(1),
            };
            let (part, after) = rest.split_at(room.min(rest.len()));
            pieces.push((piece, part));
            (at, rest) = (at + part.len(), after);
        }
        let last = pieces.len() - 1;
        for (piece, _) in pieces.iter_mut().take(last) {
            if let Piece::Numbered { more, .. } = piece {
                *more = true;
            }
        }
        pieces
    }
}

/// One message, whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Message {
    pub(super) id: MessageId,
    pub(super) body: Vec<u8>,
}

/// What an ear noticed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct EarReport {
    /// Datagrams heard.
    pub datagrams: u64,
    /// Messages put together.
    pub messages: u64,
    /// Datagrams that could not be read: header, length or checksum.
    pub malformed: u64,
    /// Datagrams for another PHY_ID.
    pub misaddressed: u64,
    /// Sequence numbers that never came.
    pub lost: u64,
    /// Messages with a number below one that came before.
    pub reordered: u64,
    /// Datagrams that came twice.
    pub repeated: u64,
    /// Datagrams that contradict others of their message.
    pub contradicting: u64,
    /// Messages given up with pieces missing.
    pub incomplete: u64,
}

/// Hears one peer.
#[derive(Clone, Debug)]
pub(super) struct Ear {
    terms: Terms,
    numbers: Numbers,
    open: Vec<Open>,
    report: EarReport,
}

impl Ear {
    pub(super) fn new(terms: Terms) -> Self {
        let bits = match terms.dialect {
            Dialect::OaiNfapi => 8,
            _ => 16,
        };
        Self {
            terms,
            numbers: Numbers::new(bits),
            open: Vec::new(),
            report: EarReport::default(),
        }
    }

    /// The message that `datagram` completes.
    pub(super) fn hear(&mut self, now: Instant, datagram: &[u8]) -> Option<Message> {
        self.report.datagrams += 1;
        self.give_up(now);
        let Terms { dialect, check, .. } = self.terms;
        let Ok((view, _)) = Datagram::parse(datagram, dialect, check) else {
            self.report.malformed += 1;
            return None;
        };
        if view.head.is_some_and(|head| head.phy != self.terms.phy) {
            self.report.misaddressed += 1;
            return None;
        }
        let message = match view.piece.sequence() {
            None => self.whole(&view),
            Some(sequence) => self.numbered(now, sequence, &view),
        }?;
        self.report.messages += 1;
        Some(message)
    }

    /// What was noticed so far.
    pub(super) const fn report(&self) -> EarReport {
        EarReport {
            lost: self.numbers.lost(),
            ..self.report
        }
    }

    fn whole(&mut self, view: &Datagram<'_>) -> Option<Message> {
        let Some(head) = view.head else {
            self.report.malformed += 1;
            return None;
        };
        Some(Message {
            id: head.message,
            body: view.body.to_vec(),
        })
    }

    fn numbered(&mut self, now: Instant, sequence: u16, view: &Datagram<'_>) -> Option<Message> {
        let at = match self.open.iter().position(|open| open.sequence == sequence) {
            Some(at) => at,
            None => {
                match self.numbers.note(sequence) {
                    Order::Next => {}
                    Order::Late => self.report.reordered += 1,
                    Order::Repeated => {
                        self.report.repeated += 1;
                        return None;
                    }
                }
                if view.is_whole() {
                    return self.whole(view);
                }
                self.open.push(Open::new(sequence, now));
                self.open.len() - 1
            }
        };
        let open = self.open.get_mut(at)?;
        match open.add(view) {
            Added::Piece => {}
            Added::Again => self.report.repeated += 1,
            Added::Contradiction => self.report.contradicting += 1,
        }
        if !open.is_complete() {
            return None;
        }
        let open = self.open.swap_remove(at);
        Some(Message {
            id: open.id?,
            body: open.pieces.into_values().flatten().collect(),
        })
    }

    fn give_up(&mut self, now: Instant) {
        let before = self.open.len();
        self.open.retain(|open| open.since.after(PATIENCE) > now);
        self.report.incomplete += (before - self.open.len()) as u64;
    }
}

/// A message of which something is missing.
#[derive(Clone, Debug)]
struct Open {
    sequence: u16,
    since: Instant,
    id: Option<MessageId>,
    /// By number or by offset.
    pieces: BTreeMap<u32, Vec<u8>>,
    end: Option<End>,
}

/// Where a message ends, once it is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    /// OAI: the number of its last segment.
    Number(u32),
    /// SCF 225: bytes of its body.
    Total(u32),
}

enum Added {
    Piece,
    Again,
    Contradiction,
}

impl Open {
    const fn new(sequence: u16, since: Instant) -> Self {
        Self {
            sequence,
            since,
            id: None,
            pieces: BTreeMap::new(),
            end: None,
        }
    }

    fn add(&mut self, view: &Datagram<'_>) -> Added {
        let (key, end) = match view.piece {
            Piece::Whole => return Added::Contradiction,
            Piece::Numbered { number, more, .. } => {
                let number = u32::from(number);
                (number, (!more).then_some(End::Number(number)))
            }
            Piece::Placed { offset, total, .. } => (offset, Some(End::Total(total))),
        };
        if let Some(known) = self.pieces.get(&key) {
            return match known == view.body {
                true => Added::Again,
                false => Added::Contradiction,
            };
        }
        let id = view.head.map(|head| head.message);
        if contradicts(self.id, id) || contradicts(self.end, end) {
            return Added::Contradiction;
        }
        self.id = self.id.or(id);
        self.end = self.end.or(end);
        self.pieces.insert(key, view.body.to_vec());
        Added::Piece
    }

    fn is_complete(&self) -> bool {
        match self.end {
            None => false,
            Some(End::Number(last)) => {
                self.pieces.len() as u32 == last + 1 && self.pieces.keys().all(|key| *key <= last)
            }
            Some(End::Total(total)) => {
                let mut at = 0;
                let adjacent = self.pieces.iter().all(|(offset, piece)| {
                    let fits = *offset == at;
                    at += piece.len() as u32;
                    fits
                });
                adjacent && at == total
            }
        }
    }
}

fn contradicts<T: PartialEq>(known: Option<T>, new: Option<T>) -> bool {
    matches!((known, new), (Some(known), Some(new)) if known != new)
}

/// As OAI waits for the rest of a message.
const PATIENCE: Duration = Duration::from_millis(10);
/// Of all dialects: SCF 225 in the first datagram.
const LONGEST_HEADER: usize = 22;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn terms(dialect: Dialect, segment: usize) -> Terms {
        Terms {
            dialect,
            segment,
            ..Terms::OAI
        }
    }

    fn said(terms: Terms, bodies: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut voice = Voice::new(terms);
        let mut out = Vec::new();
        for body in bodies {
            let id = MessageId::TX_DATA_REQUEST;
            voice.say(id, 0, body, &mut out).unwrap();
        }
        out
    }

    fn heard(terms: Terms, datagrams: &[Vec<u8>]) -> (Vec<Vec<u8>>, EarReport) {
        let mut ear = Ear::new(terms);
        let messages = datagrams
            .iter()
            .filter_map(|datagram| ear.hear(Instant(0), datagram));
        (messages.map(|message| message.body).collect(), ear.report())
    }

    fn body(len: usize) -> Vec<u8> {
        (0..len).map(|n| n as u8 ^ (n >> 8) as u8).collect()
    }

    #[test]
    fn a_cut_of_oai_is_what_oai_cuts() {
        let terms = terms(Dialect::OaiNfapi, 1472);
        let sizes = |len| {
            said(terms, &[&body(len)])
                .iter()
                .map(Vec::len)
                .collect::<Vec<_>>()
        };
        assert_eq!(sizes(1454), [1472]);
        assert_eq!(sizes(1458), [1472, 22]);
    }

    #[test]
    fn more_than_128_segments_are_refused_and_take_no_number() {
        let terms = terms(Dialect::OaiNfapi, 118);
        let mut voice = Voice::new(terms);
        let mut out = Vec::new();
        let id = MessageId::TX_DATA_REQUEST;
        assert!(voice.say(id, 0, &body(12_801), &mut out).is_err());
        assert!(out.is_empty());
        voice.say(id, 0, &body(12_800), &mut out).unwrap();
        assert_eq!((out.len(), out[0][9]), (128, 0));
    }

    #[test]
    fn the_number_wraps_without_a_loss() {
        let terms = terms(Dialect::OaiNfapi, 100);
        let bodies: Vec<&[u8]> = vec![&[1, 2, 3, 4]; 600];
        let (messages, report) = heard(terms, &said(terms, &bodies));
        assert_eq!((messages.len(), report.lost, report.reordered), (600, 0, 0));
    }

    #[test]
    fn a_lost_message_is_counted() {
        let terms = terms(Dialect::OaiNfapi, 100);
        let mut datagrams = said(terms, &[&[1], &[2], &[3]]);
        datagrams.remove(1);
        let (messages, report) = heard(terms, &datagrams);
        assert_eq!((messages.len(), report.lost), (2, 1));
    }

    #[test]
    fn a_message_that_was_overtaken_is_not_lost() {
        let terms = terms(Dialect::Scf225v2, 100);
        let mut datagrams = said(terms, &[&[1], &[2], &[3]]);
        datagrams.swap(1, 2);
        let (messages, report) = heard(terms, &datagrams);
        let counts = (messages.len(), report.lost, report.reordered);
        assert_eq!(counts, (3, 0, 1));
    }

    #[test]
    fn a_message_that_comes_twice_is_heard_once() {
        let terms = terms(Dialect::OaiNfapi, 100);
        let mut datagrams = said(terms, &[&[1], &[2]]);
        datagrams.push(datagrams[0].clone());
        let (messages, report) = heard(terms, &datagrams);
        assert_eq!((messages.len(), report.repeated), (2, 1));
    }

    #[test]
    fn a_message_without_its_last_piece_is_given_up() {
        let terms = terms(Dialect::OaiNfapi, 100);
        let mut datagrams = said(terms, &[&body(200)]);
        datagrams.pop();
        let mut ear = Ear::new(terms);
        for datagram in &datagrams {
            assert_eq!(ear.hear(Instant(0), datagram), None);
        }
        let whole = &said(terms, &[&[], &[9]])[1];
        ear.hear(Instant(0).after(PATIENCE), whole).unwrap();
        assert_eq!(ear.report().incomplete, 1);
    }

    #[test]
    fn a_piece_with_other_bytes_contradicts() {
        let terms = Terms {
            check: Check::Ignore,
            ..terms(Dialect::OaiNfapi, 100)
        };
        let mut datagrams = said(terms, &[&body(200)]);
        let mut other = datagrams[0].clone();
        other[99] ^= 1;
        datagrams.insert(1, other);
        let (messages, report) = heard(terms, &datagrams);
        assert_eq!((messages, report.contradicting), (vec![body(200)], 1));
    }

    #[test]
    fn another_phy_is_not_heard() {
        let terms = terms(Dialect::FapiLittle, 100);
        let other = Terms {
            phy: PhyId(2),
            ..terms
        };
        let (messages, report) = heard(other, &said(terms, &[&[1]]));
        assert_eq!((messages.len(), report.misaddressed), (0, 1));
    }

    #[test]
    fn a_wrong_checksum_is_not_heard() {
        let terms = terms(Dialect::OaiNfapi, 100);
        let mut datagrams = said(terms, &[&[1, 2]]);
        datagrams[0][19] ^= 1;
        let (messages, report) = heard(terms, &datagrams);
        assert_eq!((messages.len(), report.malformed), (0, 1));
    }

    proptest! {
        #[test]
        fn what_is_said_is_heard_in_any_order(
            len in 0usize..3000,
            segment in 60usize..1500,
            dialect in prop::sample::select(vec![Dialect::OaiNfapi, Dialect::Scf225v2]),
            turn in 0usize..64,
        ) {
            let terms = terms(dialect, segment);
            let mut datagrams = said(terms, &[&body(len)]);
            prop_assert!(datagrams.iter().all(|datagram| datagram.len() <= segment));
            let count = datagrams.len();
            datagrams.rotate_left(turn % count);
            let (messages, report) = heard(terms, &datagrams);
            prop_assert_eq!(messages, vec![body(len)]);
            prop_assert_eq!(report.repeated + report.contradicting + report.lost, 0);
        }
    }
}
