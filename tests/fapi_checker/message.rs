//! P7 messages: the header of each dialect, and messages put together from their pieces (OAI's numbered
//! segments, byte offsets of SCF 225).

use super::packet::Datagram;
use super::settings::{Dialect, Peer};
use std::collections::HashMap;

/// DL_TTI.request.
pub const DL_TTI: u16 = 0x80;
/// UL_TTI.request.
pub const UL_TTI: u16 = 0x81;
/// SLOT.indication.
pub const SLOT: u16 = 0x82;
/// UL_DCI.request.
pub const UL_DCI: u16 = 0x83;
/// TX_DATA.request.
pub const TX_DATA: u16 = 0x84;
/// RX_DATA.indication.
pub const RX_DATA: u16 = 0x85;
/// CRC.indication.
pub const CRC: u16 = 0x86;
/// ERROR.indication.
pub const ERROR: u16 = 0x07;

/// DL_NODE_SYNC, which either has by its dialect.
pub const NODE_SYNC: [u16; 2] = [0x180, 0x181];

/// The requests of a slot.
pub const REQUESTS: [u16; 4] = [DL_TTI, UL_TTI, UL_DCI, TX_DATA];

/// A message, whole or cut.
#[derive(Clone, Debug)]
pub struct Message {
    /// In `Settings::peers`.
    pub peer: usize,
    /// Number of the frame that made it whole, from 1.
    pub frame: usize,
    /// When its first piece was there.
    pub begun: u64,
    /// When it was whole.
    pub at: u64,
    /// message_ID.
    pub id: u16,
    /// Sequence number; 0 where the dialect has none.
    pub sequence: u16,
    /// Transmit timestamp of its first piece, where the dialect has one.
    pub timestamp: Option<u32>,
    /// The body; of one that never was whole, the piece in front.
    pub body: Vec<u8>,
    /// SFN and slot as written; none for messages without.
    pub point: Option<(u16, u16)>,
    /// Its slot, unwrapped, as the L2 counts.
    pub slot: Option<i64>,
    /// In how many datagrams it came.
    pub pieces: usize,
}

/// One datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// PHY_ID, or the opaque handle.
    pub phy_id: u16,
    /// message_ID.
    pub id: u16,
    /// Sequence number.
    pub sequence: u16,
    /// Which part of its message.
    pub part: Part,
    /// Transmit timestamp.
    pub timestamp: Option<u32>,
    /// The part of the body that is here.
    pub body: &'a [u8],
    /// OAI's checksum is right.
    pub checksum: bool,
}

/// Which part of its message a datagram holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// OAI: number and whether more follow.
    Segment(u8, bool),
    /// SCF 225: offset in the SDU, and its length.
    Range(usize, usize),
}

/// Reads a P7 datagram.
pub fn piece(payload: &[u8], dialect: Dialect) -> Result<Piece<'_>, &'static str> {
    const SHORT: &str = "shorter than its header";
    let be16 = |at: usize| {
        Some(u16::from_be_bytes(
            payload.get(at..at + 2)?.try_into().ok()?,
        ))
    };
    let be32 = |at: usize| {
        Some(u32::from_be_bytes(
            payload.get(at..at + 4)?.try_into().ok()?,
        ))
    };
    match dialect {
        Dialect::Oai => {
            let body = payload.get(18..).ok_or(SHORT)?;
            if be32(4) != Some(payload.len() as u32) {
                return Err("its length is not that of the datagram");
            }
            let cut = be16(8).ok_or(SHORT)?;
            let (number, more) = ((cut >> 8) as u8 & 0x7f, cut & 0x8000 != 0);
            Ok(Piece {
                phy_id: be16(0).ok_or(SHORT)?,
                id: be16(2).ok_or(SHORT)?,
                sequence: cut & 0xff,
                part: match (number, more) {
                    (0, false) => Part::Whole,
                    _ => Part::Segment(number, more),
                },
                timestamp: be32(14),
                body,
                checksum: be32(10) == Some(checksum(payload)),
            })
        }
        Dialect::Scf => {
            let (total, offset) = (
                be32(2).ok_or(SHORT)? as usize,
                be32(6).ok_or(SHORT)? as usize,
            );
            let here = payload.get(14..).ok_or(SHORT)?;
            let first = offset == 0;
            if first && (be32(18).map(|len| len as usize + 8) != Some(total) || here.len() < 8) {
                return Err("its length is not that of the SDU");
            }
            if offset + here.len() > total {
                return Err("it reaches beyond its SDU");
            }
            Ok(Piece {
                phy_id: if first { u16::from(here[1]) } else { 0 },
                id: if first { be16(16).ok_or(SHORT)? } else { 0 },
                sequence: be16(0).ok_or(SHORT)?,
                part: match here.len() == total {
                    true => Part::Whole,
                    false => Part::Range(offset, total),
                },
                timestamp: be32(10),
                body: if first { &here[8..] } else { here },
                checksum: true,
            })
        }
        Dialect::FapiBig | Dialect::FapiLittle => {
            let head: [u8; 8] = payload.get(..8).ok_or(SHORT)?.try_into().unwrap();
            let [_, handle, id_0, id_1, length @ ..] = head;
            let (id, length) = match dialect {
                Dialect::FapiBig => (u16::from_be_bytes([id_0, id_1]), u32::from_be_bytes(length)),
                _ => (u16::from_le_bytes([id_0, id_1]), u32::from_le_bytes(length)),
            };
            if length as usize + 8 != payload.len() || head[0] != 1 {
                return Err("it is not one message of its length");
            }
            Ok(Piece {
                phy_id: u16::from(handle),
                id,
                sequence: 0,
                part: Part::Whole,
                timestamp: None,
                body: &payload[8..],
                checksum: true,
            })
        }
    }
}

/// OAI's checksum: CRC-32 over bytes 0 to 9, four zero bytes and the body, without the final inversion.
pub fn checksum(datagram: &[u8]) -> u32 {
    let mut crc = 0xffff_ffffu32;
    let covered = datagram[..10].iter().chain(&[0; 4]).chain(&datagram[18..]);
    for byte in covered {
        crc = TABLE[((crc ^ u32::from(*byte)) & 0xff) as usize] ^ (crc >> 8);
    }
    crc
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let (mut crc, mut bit) = (index as u32, 0);
        while bit < 8 {
            crc = if crc & 1 == 1 {
                crc >> 1 ^ 0xedb8_8320
            } else {
                crc >> 1
            };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
};

/// SFN and slot, where a message has them.
pub fn point(id: u16, body: &[u8], dialect: Dialect) -> Option<(u16, u16)> {
    let bytes: [u8; 4] = body.get(..4)?.try_into().ok()?;
    let [a, b, c, d] = bytes;
    let dated = matches!(id, ERROR | 0x80..=0x8a | 0x8f..=0x91);
    dated.then_some(match dialect {
        Dialect::FapiLittle => (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d])),
        _ => (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])),
    })
}

/// What a stream of datagrams amounts to.
#[derive(Clone, Debug, Default)]
pub struct Messages {
    /// Whole ones, in order of their first piece.
    pub whole: Vec<Message>,
    /// Those of which the front came and something else did not.
    pub cut: Vec<Message>,
    /// What is wrong with pieces: frame and text.
    pub faults: Vec<(usize, String)>,
}

struct Open {
    message: Message,
    pieces: Vec<(usize, Vec<u8>)>,
    /// Pieces by byte offset, not by number.
    ranged: bool,
    /// Number of segments, or bytes of the SDU.
    goal: Option<usize>,
    order: usize,
}

/// A message whose pieces take longer than this is given up, nanoseconds (SCF has no figure; OAI: 10 ms).
const PATIENCE: u64 = 10_000_000;

/// Puts together the messages of one peer from its datagrams.
pub fn assemble<'a>(
    peer: usize,
    settings: &Peer,
    datagrams: impl Iterator<Item = (&'a Datagram, Piece<'a>)>,
) -> Messages {
    let mut messages = Messages::default();
    let mut whole = Vec::new();
    let mut open: HashMap<u16, Open> = HashMap::new();
    for (order, (datagram, piece)) in datagrams.enumerate() {
        let fresh = || Message {
            peer,
            frame: datagram.frame,
            begun: datagram.begun,
            at: datagram.at,
            id: piece.id,
            sequence: piece.sequence,
            timestamp: piece.timestamp,
            body: piece.body.to_vec(),
            point: None,
            slot: None,
            pieces: 1,
        };
        if piece.part == Part::Whole {
            whole.push((order, fresh()));
            continue;
        }
        if let Some(old) = open.get(&piece.sequence)
            && old.message.begun + PATIENCE < datagram.begun
        {
            let old = open.remove(&piece.sequence);
            give_up(&mut messages, old.into_iter());
        }
        let entry = open.entry(piece.sequence).or_insert_with(|| Open {
            message: Message {
                body: Vec::new(),
                pieces: 0,
                ..fresh()
            },
            pieces: Vec::new(),
            ranged: matches!(piece.part, Part::Range(..)),
            goal: None,
            order,
        });
        if let Err(text) = entry.take(&piece) {
            messages.faults.push((datagram.frame, text));
            continue;
        }
        if entry.is_whole() {
            let mut done = open.remove(&piece.sequence).unwrap();
            done.close();
            done.message.at = datagram.at;
            done.message.frame = datagram.frame;
            whole.push((done.order, done.message));
        }
    }
    give_up(&mut messages, open.into_values());
    whole.sort_by_key(|(order, _)| *order);
    messages.whole = whole.into_iter().map(|(_, message)| message).collect();
    for message in messages.whole.iter_mut().chain(&mut messages.cut) {
        message.point = point(message.id, &message.body, settings.dialect);
    }
    messages
}

fn give_up(messages: &mut Messages, open: impl Iterator<Item = Open>) {
    for mut left in open {
        let text = format!("message {} is never whole", left.message.sequence);
        messages.faults.push((left.message.frame, text));
        left.pieces.sort_by_key(|(at, _)| *at);
        if left.pieces.first().is_some_and(|(at, _)| *at == 0) {
            left.pieces.truncate(1);
            left.close();
            messages.cut.push(left.message);
        }
    }
}

impl Open {
    fn take(&mut self, piece: &Piece) -> Result<(), String> {
        let (at, goal) = match piece.part {
            Part::Whole => return Ok(()),
            Part::Segment(number, more) => {
                let number = usize::from(number);
                (number, (!more).then_some(number + 1))
            }
            Part::Range(offset, total) => (offset, Some(total)),
        };
        if self.pieces.iter().any(|(other, _)| *other == at) {
            return Err(format!(
                "piece {at} of message {} comes twice",
                piece.sequence
            ));
        }
        if goal.is_some() && self.goal.is_some_and(|known| Some(known) != goal) {
            return Err(format!("message {} ends twice", piece.sequence));
        }
        if at == 0 {
            (self.message.id, self.message.timestamp) = (piece.id, piece.timestamp);
        }
        self.goal = self.goal.or(goal);
        // An SDU of SCF 225 counts its message header, of 8 bytes, too.
        let body = match (piece.part, at) {
            (Part::Range(..), 0) => [&[0; 8], piece.body].concat(),
            _ => piece.body.to_vec(),
        };
        self.pieces.push((at, body));
        self.message.pieces += 1;
        Ok(())
    }

    fn is_whole(&self) -> bool {
        let bytes: usize = self.pieces.iter().map(|(_, body)| body.len()).sum();
        match self.ranged {
            true => self.goal == Some(bytes),
            false => self.goal == Some(self.pieces.len()),
        }
    }

    fn close(&mut self) {
        self.pieces.sort_by_key(|(at, _)| *at);
        let bytes = self
            .pieces
            .iter()
            .flat_map(|(_, body)| body.iter().copied());
        self.message.body = bytes.skip(if self.ranged { 8 } else { 0 }).collect();
    }
}
