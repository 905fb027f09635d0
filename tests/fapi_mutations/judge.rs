//! What may leave towards a peer, by fapi.md alone: Ethernet, IPv4 and UDP that are true, a header of the peer's
//! dialect, messages that it can put together, ids that it may be sent, and no array of OAI's beyond its end.

use super::Dialect;
use super::forge::oai_checksum;
use super::oai_arrays;
use super::p7::{L2, PHY_A, PHY_B, sum16};
use super::stage::Terms;
use std::collections::BTreeMap;

/// Listens to everything that leaves.
pub(crate) struct Judge {
    terms: Terms,
    /// The last sequence number of each port; the first is 0.
    last: [u16; 3],
    /// What came in since nothing was held.
    seen: Seen,
}

/// What a datagram that leaves may have inherited.
#[derive(Default)]
struct Seen {
    frames: usize,
    /// UDP payload of the last one, if it is a plain one.
    payload: Option<Vec<u8>>,
    without_udp_sum: bool,
    wrong_udp_sum: bool,
    wrong_oai_sum: bool,
}

/// One datagram that left.
struct Left {
    phy: u16,
    /// Later pieces of SCF 225 do not say it.
    id: Option<u16>,
    sequence: Option<u16>,
    /// OAI: segment number and M. SCF 225: first byte in the SDU, and how many it has.
    piece: (u32, u32),
    body: Vec<u8>,
}

type Verdict<T> = Result<T, String>;

fn rule(holds: bool, what: impl FnOnce() -> String) -> Verdict<()> {
    if holds { Ok(()) } else { Err(what()) }
}

impl Judge {
    pub(crate) fn new(terms: Terms) -> Self {
        Self {
            terms,
            last: [u16::MAX; 3],
            seen: Seen::default(),
        }
    }

    /// Nothing that came before can still be on its way.
    pub(crate) fn forget(&mut self) {
        self.seen = Seen::default();
    }

    /// A frame goes in.
    pub(crate) fn saw(&mut self, frame: &[u8]) {
        self.seen.frames += 1;
        self.seen.payload = None;
        // Of a fragment only the whole datagram has checksums; anything else is no P7.
        if frame.len() < 42 || frame[14] != 0x45 || frame[20] & 0x3f != 0 || frame[21] != 0 {
            self.seen.wrong_udp_sum |= frame.len() >= 42 && frame[20] & 0x3f != 0;
            self.seen.without_udp_sum |= self.seen.wrong_udp_sum;
            return;
        }
        let total = usize::from(u16::from_be_bytes([frame[16], frame[17]]));
        let Some(udp) = frame.get(34..14 + total).filter(|udp| udp.len() >= 8) else {
            return;
        };
        let len = usize::from(u16::from_be_bytes([udp[4], udp[5]]));
        let Some(payload) = udp.get(8..len) else {
            return;
        };
        match udp[6..8] == [0, 0] {
            true => self.seen.without_udp_sum = true,
            false => self.seen.wrong_udp_sum |= !udp_sum_holds(&frame[14..34], &udp[..len]),
        }
        let told = payload.get(10..14).map(|sum| sum.try_into().unwrap());
        self.seen.wrong_oai_sum |= told.map(u32::from_be_bytes) != oai_checksum(payload);
        self.seen.payload = Some(payload.to_vec());
    }

    /// The frames that left since the last call; `by_clock` if only time made them.
    pub(crate) fn hear<'f>(
        &mut self,
        frames: impl Iterator<Item = (usize, &'f [u8])>,
        by_clock: bool,
    ) -> Verdict<()> {
        let mut messages: BTreeMap<(usize, u32), Vec<Left>> = BTreeMap::new();
        let mut count = 0;
        for (port, frame) in frames {
            let Some(pdu) = self.carried(port, frame)? else {
                continue;
            };
            let left = self.read(port, &pdu)?;
            count += 1;
            let key = match left.sequence {
                Some(sequence) => self.number(port, sequence)?,
                None => count,
            };
            messages.entry((port, key)).or_default().push(left);
        }
        for ((port, _), mut pieces) in messages {
            let (id, body) = self.whole(port, &mut pieces)?;
            self.may_be_sent(port, id, &body)
                .and_then(|()| self.is_what_came(port, id, &body, by_clock))
                .map_err(|what| format!("{what}: message {id:#x} to port {port}"))?;
        }
        Ok(())
    }

    /// Ethernet, IPv4 and UDP of a frame; `None` for an answer to ARP or echo.
    fn carried(&self, port: usize, frame: &[u8]) -> Verdict<Option<Vec<u8>>> {
        let to = [L2, PHY_A, PHY_B][port];
        rule(frame.len() >= 42, || "a frame without headers".to_owned())?;
        rule(frame[..6] == to.mac && frame[6..12] == to.facing, || {
            "wrong MACs".to_owned()
        })?;
        if frame[12..14] == [8, 6] || frame[23] == 1 {
            return Ok(None);
        }
        rule(frame[12..15] == [8, 0, 0x45], || "no plain IPv4".to_owned())?;
        let total = usize::from(u16::from_be_bytes([frame[16], frame[17]]));
        let mtu = self.terms.mtu();
        rule(total <= mtu && 14 + total <= frame.len(), || {
            format!(
                "{total} bytes of IPv4 in a frame of {}, MTU {mtu}",
                frame.len()
            )
        })?;
        let (ip, udp) = frame[14..14 + total].split_at(20);
        rule(sum16(0, ip) == 0xffff, || "IPv4 checksum".to_owned())?;
        rule(ip[6] & 0x3f == 0 && ip[7] == 0, || "a fragment".to_owned())?;
        rule(
            ip[9] == 17 && ip[12..16] == to.own && ip[16..20] == to.ip,
            || "wrong addresses".to_owned(),
        )?;
        let ports = [to.udp.1.to_be_bytes(), to.udp.0.to_be_bytes()].concat();
        rule(udp.len() >= 8 && udp[..4] == ports, || {
            "UDP ports".to_owned()
        })?;
        rule(udp[4..6] == (udp.len() as u16).to_be_bytes(), || {
            "UDP length".to_owned()
        })?;
        let sum = match udp[6..8] == [0, 0] {
            true => self.seen.without_udp_sum,
            false => udp_sum_holds(ip, udp) || self.seen.wrong_udp_sum,
        };
        rule(sum, || "UDP checksum".to_owned())?;
        Ok(Some(udp[8..].to_vec()))
    }

    fn read(&self, port: usize, pdu: &[u8]) -> Verdict<Left> {
        let dialect = self.terms.towards(port);
        let short = || "shorter than its header".to_owned();
        let field = |at: usize, len: usize| {
            let bytes = pdu.get(at..at + len).ok_or_else(short)?;
            Ok::<_, String>(
                bytes
                    .iter()
                    .fold(0u32, |value, byte| value << 8 | u32::from(*byte)),
            )
        };
        match dialect {
            Dialect::OaiNfapi => {
                rule(field(4, 4)? as usize == pdu.len(), || {
                    "OAI length".to_owned()
                })?;
                let sum = oai_checksum(pdu) == Some(field(10, 4)?);
                let inherited = !self.terms.check && self.seen.wrong_oai_sum;
                rule(sum || inherited, || "OAI checksum".to_owned())?;
                let cut = field(8, 1)?;
                Ok(Left {
                    phy: field(0, 2)? as u16,
                    id: Some(field(2, 2)? as u16),
                    sequence: Some(field(9, 1)? as u16),
                    piece: (cut & 0x7f, cut >> 7),
                    body: pdu.get(18..).ok_or_else(short)?.to_vec(),
                })
            }
            Dialect::Scf225v2 => {
                let (total, offset) = (field(2, 4)?, field(6, 4)?);
                let sdu = pdu.get(14..).ok_or_else(short)?;
                rule(
                    u64::from(offset) + sdu.len() as u64 <= u64::from(total),
                    || "beyond its SDU".to_owned(),
                )?;
                let first = offset == 0;
                rule(
                    !first || (field(18, 4)? + 8 == total && field(14, 1)? == 1),
                    || "SCF lengths".to_owned(),
                )?;
                Ok(Left {
                    phy: if first { field(15, 1)? as u16 } else { 1 },
                    id: match first {
                        true => Some(field(16, 2)? as u16),
                        false => None,
                    },
                    sequence: Some(field(0, 2)? as u16),
                    piece: (offset, total),
                    body: sdu[if first { 8 } else { 0 }..].to_vec(),
                })
            }
            Dialect::FapiBig | Dialect::FapiLittle => {
                let little = dialect == Dialect::FapiLittle;
                let (id, len) = (field(2, 2)? as u16, field(4, 4)?);
                let (id, len) = match little {
                    true => (id.swap_bytes(), len.swap_bytes()),
                    false => (id, len),
                };
                rule(field(0, 1)? == 1 && len as usize + 8 == pdu.len(), || {
                    "FAPI length".to_owned()
                })?;
                Ok(Left {
                    phy: field(1, 1)? as u16,
                    id: Some(id),
                    sequence: None,
                    piece: (0, 0),
                    body: pdu[8..].to_vec(),
                })
            }
        }
    }

    /// Each message has the next number.
    fn number(&mut self, port: usize, sequence: u16) -> Verdict<u32> {
        let wide = self.terms.towards(port) == Dialect::Scf225v2;
        let last = self.last[port];
        let step = match wide {
            true => sequence.wrapping_sub(last),
            false => u16::from((sequence as u8).wrapping_sub(last as u8)),
        };
        rule(step <= 1, || format!("sequence {sequence} after {last}"))?;
        self.last[port] = sequence;
        Ok(u32::from(sequence))
    }

    /// One message out of all its datagrams, in order.
    fn whole(&self, port: usize, pieces: &mut [Left]) -> Verdict<(u16, Vec<u8>)> {
        let dialect = self.terms.towards(port);
        pieces.sort_by_key(|left| left.piece.0);
        let id = pieces[0].id.ok_or("a message without its first piece")?;
        let last = pieces.len() - 1;
        let (mut at, mut body) = (0, Vec::new());
        for (number, left) in pieces.iter().enumerate() {
            rule(left.phy == 1, || format!("PHY_ID {}", left.phy))?;
            rule(left.id.is_none_or(|own| own == id), || {
                "two messages under one number".to_owned()
            })?;
            let fits = match dialect {
                Dialect::OaiNfapi => left.piece == (number as u32, u32::from(number < last)),
                Dialect::Scf225v2 => left.piece.0 == at && left.piece.1 == pieces[0].piece.1,
                _ => last == 0,
            };
            rule(fits, || format!("piece {number} says {:?}", left.piece))?;
            let message_header = if number == 0 { 8 } else { 0 };
            at += left.body.len() as u32 + message_header;
            body.extend_from_slice(&left.body);
        }
        let announced = dialect != Dialect::Scf225v2 || at == pieces[0].piece.1;
        rule(announced, || "an SDU that is not whole".to_owned())?;
        Ok((id, body))
    }

    /// Ids by dialect and direction (fapi.md 2.6, 3), SFN and slot, and OAI's arrays (4.4).
    fn may_be_sent(&self, port: usize, id: u16, body: &[u8]) -> Verdict<()> {
        let dialect = self.terms.towards(port);
        let oai = dialect == Dialect::OaiNfapi;
        let plain = matches!(dialect, Dialect::FapiBig | Dialect::FapiLittle);
        let down_sync = if oai { 0x181 } else { 0x180 };
        let to_phy = port != 0;
        let known = match id {
            0x80 | 0x81 | 0x83 | 0x84 => to_phy,
            0x82 | 0x85..=0x89 | 0x182 => !to_phy,
            0x180 | 0x181 => to_phy == (id == down_sync),
            0x300..=0x3ff => true,
            0x07 | 0x8a => !oai && !to_phy,
            0x8f..=0x91 => plain && to_phy,
            0x00 | 0x02 | 0x04 | 0x05 => plain && to_phy,
            0x01 | 0x03 | 0x06 => plain && !to_phy,
            0x100..=0x109 => plain,
            _ => false,
        };
        rule(known, || format!("not for {dialect:?} on port {port}"))?;
        if matches!(id, 0x07 | 0x80..=0x8a | 0x8f..=0x91) {
            let (sfn, slot) = point(dialect, body).ok_or("a body without SFN and slot")?;
            rule(sfn < 1024 && slot < 20, || format!("SFN {sfn} slot {slot}"))?;
        }
        // OAI reads what comes over nFAPI and, built for it, plain FAPI.
        if self.terms.limits && to_phy && (oai || dialect == Dialect::FapiBig) {
            oai_arrays::hold(id, body).map_err(str::to_owned)?;
        }
        Ok(())
    }

    /// Bodies are as they came, NULL, or a SLOT.indication; the standby is given no work.
    fn is_what_came(&self, port: usize, id: u16, body: &[u8], by_clock: bool) -> Verdict<()> {
        let null = match id {
            0x80 | 0x84 => body.len() == 6 && body[4..] == [0; 2],
            0x81 => body.len() == 9 && body[4..] == [0; 5],
            0x83 => body.len() == 5 && body[4..] == [0],
            _ => false,
        };
        if by_clock {
            return rule(null || id == 0x82, || "made of nothing".to_owned());
        }
        rule(port != 2 || null || matches!(id, 0x180 | 0x181), || {
            "work for a standby".to_owned()
        })?;
        let made = null || (id == 0x82 && body.len() == 4);
        match &self.seen.payload {
            Some(payload) if self.seen.frames == 1 => rule(made || payload.ends_with(body), || {
                "not the body that came".to_owned()
            }),
            _ => Ok(()),
        }
    }
}

fn point(dialect: Dialect, body: &[u8]) -> Option<(u16, u16)> {
    let [a, b, c, d] = *body.first_chunk()?;
    Some(match dialect {
        Dialect::FapiLittle => (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d])),
        _ => (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])),
    })
}

fn udp_sum_holds(ip: &[u8], udp: &[u8]) -> bool {
    let pseudo = [&ip[12..20], &[0, 17], &udp[4..6]].concat();
    sum16(u32::from(sum16(0, &pseudo)), udp) == 0xffff
}
