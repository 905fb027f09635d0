//! Datagrams of each dialect built by hand, and what may befall them: nothing here comes from the codecs under
//! test.

use super::Dialect;
use super::p7::{Place, fragments, frame};
use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;

/// A message as it is before it is cut.
#[derive(Clone)]
pub(crate) struct Message {
    pub(crate) phy: u8,
    pub(crate) id: u16,
    pub(crate) sequence: u16,
    pub(crate) body: Vec<u8>,
}

/// Bytes in front of the body in a first datagram.
pub(crate) const fn header_len(dialect: Dialect) -> usize {
    match dialect {
        Dialect::OaiNfapi => 18,
        Dialect::Scf225v2 => 22,
        Dialect::FapiBig | Dialect::FapiLittle => 8,
    }
}

/// The P7 datagrams (UDP payloads) of a message, each of at most `most` bytes.
pub(crate) fn datagrams(dialect: Dialect, message: &Message, most: usize) -> Vec<Vec<u8>> {
    let body = &message.body;
    let first = match dialect {
        Dialect::FapiBig | Dialect::FapiLittle => body.len(),
        _ => (most - header_len(dialect)).min(body.len()),
    };
    let mut cuts: Vec<_> = std::iter::once(0..first).collect();
    while let Some(at) = cuts.last().map(|cut| cut.end).filter(|at| *at < body.len()) {
        let later = match dialect {
            Dialect::Scf225v2 => most - 14,
            _ => most - 18,
        };
        cuts.push(at..(at + later).min(body.len()));
    }
    let last = cuts.len() - 1;
    let one = |(number, cut): (usize, &std::ops::Range<usize>)| {
        let mut pdu = header(dialect, message, number, number < last, cut.start);
        pdu.extend_from_slice(&body[cut.clone()]);
        seal(dialect, &mut pdu);
        pdu
    };
    cuts.iter().enumerate().map(one).collect()
}

fn header(dialect: Dialect, of: &Message, number: usize, more: bool, at: usize) -> Vec<u8> {
    let (id, len) = (of.id.to_be_bytes(), of.body.len() as u32);
    match dialect {
        Dialect::OaiNfapi => {
            let cut = if more { 0x80 } else { 0 } | number as u8;
            let tail = [cut, of.sequence as u8, 0, 0, 0, 0, 0, 0, 1, 44];
            [&[0, of.phy][..], &id, &[0; 4], &tail].concat()
        }
        Dialect::Scf225v2 => {
            let offset = if at == 0 { 0 } else { at as u32 + 8 };
            let mut head = of.sequence.to_be_bytes().to_vec();
            head.extend((len + 8).to_be_bytes());
            head.extend(offset.to_be_bytes());
            head.extend([0, 0, 1, 44]);
            if at == 0 {
                head.extend([1, of.phy]);
                head.extend(id);
                head.extend(len.to_be_bytes());
            }
            head
        }
        Dialect::FapiBig => [&[1, of.phy][..], &id, &len.to_be_bytes()].concat(),
        Dialect::FapiLittle => {
            let id = of.id.to_le_bytes();
            [&[1, of.phy][..], &id, &len.to_le_bytes()].concat()
        }
    }
}

/// Makes lengths and checksum of a datagram true again, whatever else it says. Of SCF 225 only what comes whole.
pub(crate) fn seal(dialect: Dialect, pdu: &mut [u8]) {
    let len = pdu.len() as u32;
    let body = len.wrapping_sub(header_len(dialect) as u32);
    let mut put = |at: usize, value: [u8; 4]| {
        if let Some(place) = pdu.get_mut(at..at + 4) {
            place.copy_from_slice(&value);
        }
    };
    match dialect {
        Dialect::OaiNfapi => {
            put(4, len.to_be_bytes());
            if let Some(sum) = oai_checksum(pdu) {
                pdu[10..14].copy_from_slice(&sum.to_be_bytes());
            }
        }
        Dialect::Scf225v2 => {
            // A later piece has no place for a second length.
            if pdu.get(6..10) == Some(&[0; 4]) && pdu.len() >= 22 && is_uncut(pdu) {
                pdu[2..6].copy_from_slice(&(body + 8).to_be_bytes());
                pdu[18..22].copy_from_slice(&body.to_be_bytes());
            }
        }
        Dialect::FapiBig => put(4, body.to_be_bytes()),
        Dialect::FapiLittle => put(4, body.to_le_bytes()),
    }
}

/// Cut messages keep what they announce: it is more than they hold.
fn is_uncut(pdu: &[u8]) -> bool {
    let total = u32::from_be_bytes([pdu[2], pdu[3], pdu[4], pdu[5]]) as usize;
    total <= pdu.len() + 64
}

/// CRC-32 of zlib without its final xor, the checksum taken as 0 and the timestamp left out (fapi.md 2.1.1).
pub(crate) fn oai_checksum(pdu: &[u8]) -> Option<u32> {
    let mut sum = crc32fast::Hasher::new();
    sum.update(pdu.get(..10)?);
    sum.update(&[0; 4]);
    sum.update(pdu.get(18..)?);
    Some(!sum.finalize())
}

/// What a mutation leaves of lengths and checksums.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mend {
    /// All true, so that what changed is looked at.
    All,
    /// Those below P7.
    Below,
    /// None.
    Nothing,
}

/// The frames of one message of `from`, somehow damaged.
pub(crate) fn mutated(
    from: Place,
    dialect: Dialect,
    datagrams: &[Vec<u8>],
    others: &[Vec<u8>],
    random: &mut Pcg32,
) -> Vec<Vec<u8>> {
    let mut pdus = datagrams.to_vec();
    let which = below(random, pdus.len());
    let mend = match below(random, 8) {
        0 => Mend::Nothing,
        1 => Mend::Below,
        _ => Mend::All,
    };
    let on_the_wire = below(random, 6) == 0;
    if !on_the_wire {
        for _ in 0..=below(random, 3) {
            damage(&mut pdus[which], dialect, others, random);
        }
        if mend == Mend::All {
            seal(dialect, &mut pdus[which]);
        }
    }
    let mut frames = Vec::new();
    for (number, pdu) in pdus.iter().enumerate() {
        pdus_to_frames(from, pdu, number, random, &mut frames);
    }
    if on_the_wire {
        let which = below(random, frames.len());
        on_wire(&mut frames[which], random);
    } else if mend == Mend::Nothing {
        let which = below(random, frames.len());
        let last = frames[which].len() - 1;
        frames[which][last] ^= 0x40;
    }
    disorder(&mut frames, random);
    frames
}

/// A frame around `pdu`, in fragments where no frame of a usual network holds it.
fn pdus_to_frames(
    from: Place,
    pdu: &[u8],
    number: usize,
    random: &mut Pcg32,
    into: &mut Vec<Vec<u8>>,
) {
    // No UDP datagram is longer.
    let pdu = &pdu[..pdu.len().min(65_000)];
    let whole = frame(from, pdu);
    match pdu.len() > 1472 || below(random, 12) == 0 {
        true => {
            let size = if pdu.len() > 8000 {
                1480
            } else {
                8 * (1 + below(random, 185))
            };
            into.extend(fragments(&whole, size, number as u16));
        }
        false => into.push(whole),
    }
}

/// One change to a datagram.
fn damage(pdu: &mut Vec<u8>, dialect: Dialect, others: &[Vec<u8>], random: &mut Pcg32) {
    let header = header_len(dialect).min(pdu.len());
    match below(random, 12) {
        0 => {
            for _ in 0..=below(random, 8) {
                let at = below(random, pdu.len());
                flip(pdu, at, random);
            }
        }
        // Any field of the header; then the ones that say length, piece, or message.
        1 => {
            let at = below(random, header);
            word(pdu, at, random);
        }
        2 => {
            let id = IDS[below(random, IDS.len())];
            let (at, id) = match dialect {
                Dialect::Scf225v2 => (16, id.to_be_bytes()),
                Dialect::FapiLittle => (2, id.to_le_bytes()),
                _ => (2, id.to_be_bytes()),
            };
            put(pdu, at, &id);
        }
        3 => match dialect {
            Dialect::OaiNfapi => put(pdu, 8, &[random.next_u32() as u8]),
            Dialect::Scf225v2 => word(pdu, [2, 6][below(random, 2)], random),
            _ => word(pdu, 4, random),
        },
        // SFN and slot.
        4 => {
            let at = header + 2 * below(random, 2);
            let value = SLOTS[below(random, SLOTS.len())];
            let bytes = match dialect {
                Dialect::FapiLittle => value.to_le_bytes(),
                _ => value.to_be_bytes(),
            };
            put(pdu, at, &bytes);
        }
        // Counts.
        5 => {
            let value = [0, 1, 2, 7, 9, 13, 17, 33, 0x7f, 0x80, 0xff][below(random, 11)];
            put(pdu, header + 4 + below(random, 5), &[value]);
        }
        // Types, sizes, tags, lengths: the first PDUs have them in their first bytes.
        6 => {
            let at = header + 5 + below(random, 48);
            word(pdu, at, random);
        }
        7 if pdu.len() > header => {
            let at = header + below(random, pdu.len() - header);
            word(pdu, at, random);
        }
        8 => pdu.truncate(below(random, pdu.len() + 1).max(1)),
        9 => pdu.extend((0..=below(random, 40)).map(|_| random.next_u32() as u8)),
        // The body of another message under this header, and more of it.
        10 => {
            let other = &others[below(random, others.len())];
            pdu.truncate(header);
            pdu.extend_from_slice(other.get(header..).unwrap_or_default());
        }
        _ => {
            let (from, len) = (below(random, pdu.len()), 1 + below(random, 64));
            let piece = pdu[from..(from + len).min(pdu.len())].to_vec();
            let at = below(random, pdu.len());
            pdu.splice(at..at, piece);
        }
    }
}

/// A change below P7: Ethernet, IPv4, UDP; half of them with the header checksum made true again.
fn on_wire(frame: &mut [u8], random: &mut Pcg32) {
    for _ in 0..=below(random, 2) {
        match below(random, 5) {
            0 => {
                let at = below(random, 14);
                flip(frame, at, random);
            }
            1 => {
                let at = 14 + below(random, 20);
                flip(frame, at, random);
            }
            2 => word(frame, [16, 18, 20, 38, 40][below(random, 5)], random),
            3 => {
                let at = 34 + below(random, 8);
                flip(frame, at, random);
            }
            _ => put(frame, 40, &[0, 0]),
        }
    }
    if below(random, 2) == 0 {
        put(frame, 24, &[0, 0]);
        let sum = !super::p7::sum16(0, &frame[14..34]);
        put(frame, 24, &sum.to_be_bytes());
    }
}

/// Loss, repetition and disorder of the pieces of a message.
fn disorder(frames: &mut Vec<Vec<u8>>, random: &mut Pcg32) {
    if frames.len() < 2 {
        return;
    }
    match below(random, 6) {
        0 => {
            let (one, other) = (below(random, frames.len()), below(random, frames.len()));
            frames.swap(one, other);
        }
        1 => {
            let again = frames[below(random, frames.len())].clone();
            frames.push(again);
        }
        2 => {
            frames.remove(below(random, frames.len()));
        }
        _ => {}
    }
}

fn flip(bytes: &mut [u8], at: usize, random: &mut Pcg32) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << below(random, 8);
    }
}

/// Two or four bytes become an extreme, or one more or less than they were.
fn word(bytes: &mut [u8], at: usize, random: &mut Pcg32) {
    let wide = below(random, 2) == 0;
    let value = match below(random, 9) {
        0 => 0,
        1 => 1,
        2 => 3,
        3 => 4,
        4 => 0x7fff_ffff,
        5 => 0x8000_0000,
        6 => u32::MAX,
        7 => 152_065,
        _ => random.next_u32() & 0xffff,
    };
    match wide {
        true => put(bytes, at, &value.to_be_bytes()),
        false => put(bytes, at, &(value as u16).to_be_bytes()),
    }
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    for (place, byte) in bytes.iter_mut().skip(at).zip(value) {
        *place = *byte;
    }
}

/// A number below `most`; 0 if there is none.
pub(crate) fn below(random: &mut Pcg32, most: usize) -> usize {
    random.next_u32() as usize % most.max(1)
}

/// Requests, indications, what only one side or dialect sends, and what nobody does.
const IDS: [u16; 24] = [
    0x00, 0x02, 0x04, 0x05, 0x07, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a,
    0x8f, 0x90, 0x180, 0x181, 0x182, 0x300, 0x3ff, 0xffff,
];
const SLOTS: [u16; 9] = [0, 1, 19, 20, 1023, 1024, 0x7fff, 0x8000, 0xffff];
