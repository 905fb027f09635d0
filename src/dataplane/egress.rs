//! The edits that a decided frame gets: the egress peer's header before the PDU, eAxC and number inside.
//!
//! A header may grow or shrink (tags differ between the sides): the PDU stays where it is and the start
//! of the frame moves. PCP and DEI of a tag that was there are kept. UDP checksums follow every edit by
//! difference; an absent one stays absent.

use crate::dataplane::classify::{Envelope, Message};
use crate::dataplane::frame_io::FrameInfo;
use crate::dataplane::outbox::Outbox;
use crate::dataplane::tables::{Carrier, TEMPLATE, Template};
use crate::dataplane::verdict::{Departure, DropReason};
use crate::ran::{EaxcId, PortId, SequenceNumber};
use crate::wire::checksum::Difference;
use crate::wire::{checksum, ecpri, ipv4, ipv6, udp};

/// Frames are never sent shorter than received, up to this length without FCS.
const SHORTEST: u32 = 64;
const UDP_LEN: usize = 8;
const MACS_AND_TYPE: usize = 14;

/// The header of one egress frame.
#[derive(Clone, Copy, Debug)]
pub struct EgressHeader {
    bytes: [u8; TEMPLATE],
    len: usize,
}

impl EgressHeader {
    /// The template's header for a PDU of `pdu` bytes that came in `envelope`. `frame` is the frame as
    /// received, `changes` what was edited in its PDU; a frame over UDP needs both for its checksum.
    #[inline]
    pub fn new(
        template: &Template,
        envelope: &Envelope,
        frame: &[u8],
        pdu: u32,
        changes: Difference,
    ) -> Self {
        let mut header = Self {
            bytes: template.bytes,
            len: usize::from(template.len),
        };
        header.keep_priority(template.tags, envelope.tci);
        if template.carrier != Carrier::Ethernet {
            header.complete_datagram(template, envelope, frame, pdu, changes);
        }
        header
    }

    /// The bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// PCP and DEI of tags that were there stay.
    #[inline]
    fn keep_priority(&mut self, tags: u8, [outer, inner]: [Option<u16>; 2]) {
        if let (1.., Some(tci)) = (tags, outer) {
            let byte = &mut self.bytes[MACS_AND_TYPE];
            *byte = (*byte & 0x0f) | (tci >> 8) as u8 & 0xf0;
        }
        if let (2.., Some(tci)) = (tags, inner) {
            let byte = &mut self.bytes[MACS_AND_TYPE + 4];
            *byte = (*byte & 0x0f) | (tci >> 8) as u8 & 0xf0;
        }
    }

    /// The PDU was edited after the header was made.
    pub fn also_changed(&mut self, template: &Template, changes: Difference) {
        if template.carrier != Carrier::Ethernet
            && let Some(udp) = self.bytes.get_mut(self.len - UDP_LEN..)
        {
            udp::adjust(udp, changes);
        }
    }

    fn complete_datagram(
        &mut self,
        template: &Template,
        envelope: &Envelope,
        frame: &[u8],
        pdu: u32,
        changes: Difference,
    ) {
        let ip = MACS_AND_TYPE + 4 * usize::from(template.tags);
        let udp = self.len - UDP_LEN;
        let datagram = (UDP_LEN as u32 + pdu) as u16;
        let Some(header) = self.bytes.get_mut(ip..) else {
            return;
        };
        match template.carrier {
            Carrier::Ipv6 => ipv6::set_payload_length(header, datagram),
            _ => ipv4::set_total_length(header, (udp - ip) as u16 + datagram),
        }
        let received_udp = usize::from(envelope.header).saturating_sub(UDP_LEN);
        let received = ends(
            frame,
            envelope.carrier,
            envelope.ethernet.into(),
            received_udp,
        );
        let written = ends(&self.bytes, template.carrier, ip, udp);
        let changes = received
            .into_iter()
            .zip(written)
            .fold(changes, |changes, (old, new)| {
                changes.replace_words(old, new)
            });
        if let Some([_, _, _, _, a, b, c, d]) = self
            .bytes
            .get_mut(udp..)
            .and_then(|udp| udp.first_chunk_mut::<UDP_LEN>())
        {
            [*a, *b] = datagram.to_be_bytes();
            [*c, *d] = envelope.udp_checksum.to_be_bytes();
        }
        if let Some(header) = self.bytes.get_mut(udp..) {
            udp::adjust(header, changes);
        }
    }
}

/// Addresses and ports of a frame whose IP and UDP headers begin there: what the checksum of UDP covers of them.
#[inline]
fn ends(frame: &[u8], carrier: Carrier, ip: usize, udp: usize) -> [&[u8]; 2] {
    let addresses = match carrier {
        Carrier::Ethernet => 0..0,
        Carrier::Ipv4 => ip + 12..ip + 20,
        Carrier::Ipv6 => ip + 8..ip + 40,
    };
    [addresses, udp..udp + 4].map(|range| frame.get(range).unwrap_or_default())
}

/// Writes eAxC and number of the stream message at `message` in `pdu`; returns what changed.
#[inline]
pub fn set_stream(
    pdu: &mut [u8],
    message: &Message,
    eaxc: EaxcId,
    sequence: Option<SequenceNumber>,
) -> Difference {
    let at = usize::from(message.offset) + ecpri::HEADER_LEN;
    let Some(stream) = pdu
        .get_mut(at..)
        .and_then(|payload| payload.first_chunk_mut::<{ ecpri::STREAM_LEN }>())
    else {
        return Difference::default();
    };
    let before = *stream;
    ecpri::set_eaxc(stream, eaxc);
    if let Some(sequence) = sequence {
        ecpri::set_sequence(stream, sequence);
    }
    Difference::default().replace_words(&before, stream)
}

/// Puts `header` in place of the received one, in front of the PDU where it lies in `head`.
#[inline]
pub fn readdress(
    head: &mut [u8],
    frame: FrameInfo,
    envelope: &Envelope,
    header: &EgressHeader,
    port: PortId,
) -> Result<Departure, DropReason> {
    let end = usize::from(frame.start) + usize::from(envelope.header);
    let start = end.checked_sub(header.len).ok_or(DropReason::NoHeadroom)?;
    let place = head.get_mut(start..end).ok_or(DropReason::NoHeadroom)?;
    place.copy_from_slice(header.bytes());
    let len = frame.len + header.len as u32 - u32::from(envelope.header);
    Ok(Departure {
        port,
        start: start as u16,
        pad: padding(frame.len, len),
    })
}

/// Bytes to append so that a frame of `len` is not shorter than the `received` one, up to `SHORTEST`.
#[inline]
pub fn padding(received: u32, len: u32) -> u8 {
    received.min(SHORTEST).saturating_sub(len) as u8
}

/// Pushes a part: header, `lead` (the PDU's first bytes, edited), then the received frame from `tail` on.
pub fn push_copy(
    outbox: &mut Outbox,
    frame: FrameInfo,
    header: &EgressHeader,
    lead: &[u8],
    tail: u32,
    port: PortId,
) -> Result<(), DropReason> {
    let tail = tail.min(frame.len)..frame.len;
    let len = header.len as u32 + lead.len() as u32 + (tail.end - tail.start);
    outbox
        .push(port, &[header.bytes(), lead], tail, padding(frame.len, len))
        .map_err(|_| DropReason::OutboxFull)
}

/// How one message leaves.
#[derive(Clone, Copy, Debug)]
pub struct Stamp<'t> {
    /// Header before the PDU.
    pub template: &'t Template,
    /// Egress port.
    pub port: PortId,
    /// eAxC id at the egress peer.
    pub eaxc: EaxcId,
    /// Number, or as received.
    pub sequence: Option<SequenceNumber>,
}

/// Pushes one message of a PDU as a frame of its own. It must lie in the head.
pub fn push_message(
    outbox: &mut Outbox,
    received: &[u8],
    frame: FrameInfo,
    envelope: &Envelope,
    message: &Message,
    stamp: &Stamp<'_>,
) -> Result<(), DropReason> {
    const LEAD: usize = ecpri::HEADER_LEN + ecpri::STREAM_LEN;
    let at = usize::from(envelope.header) + usize::from(message.offset);
    let bytes = received
        .get(at..at + ecpri::HEADER_LEN + message.size as usize)
        .ok_or(DropReason::HeadTooShort)?;
    let (source, rest) = bytes
        .split_first_chunk::<LEAD>()
        .ok_or(DropReason::EcpriSize)?;
    let mut lead = *source;
    ecpri::set_alone(&mut lead, message.size as u16);
    let alone = Message {
        offset: 0,
        ..*message
    };
    set_stream(&mut lead, &alone, stamp.eaxc, stamp.sequence);
    push_whole(
        outbox,
        frame,
        envelope,
        stamp.template,
        [&lead, rest],
        stamp.port,
    )
}

/// Pushes a part whose PDU is `pieces` and nothing of the received frame: lengths and checksum anew.
pub fn push_whole(
    outbox: &mut Outbox,
    frame: FrameInfo,
    envelope: &Envelope,
    template: &Template,
    pieces: [&[u8]; 2],
    port: PortId,
) -> Result<(), DropReason> {
    let [first, second] = pieces;
    let pdu = first.len() + second.len();
    let header = EgressHeader::new(template, envelope, &[], pdu as u32, Difference::default());
    let len = (header.len + pdu) as u32;
    outbox
        .push(
            port,
            &[header.bytes(), first, second],
            0..0,
            padding(frame.len, len),
        )
        .map_err(|_| DropReason::OutboxFull)?;
    if envelope.udp_checksum != 0
        && let Some(head) = outbox.last_head_mut()
    {
        checksum_anew(head, template);
    }
    Ok(())
}

fn checksum_anew(head: &mut [u8], template: &Template) {
    let ip = MACS_AND_TYPE + 4 * usize::from(template.tags);
    let udp = usize::from(template.len).saturating_sub(UDP_LEN);
    let addresses = match template.carrier {
        Carrier::Ethernet => return,
        Carrier::Ipv4 => head.get(ip + 12..ip + 20),
        Carrier::Ipv6 => head.get(ip + 8..ip + 40),
    };
    let pseudo = checksum::sum(17, addresses.unwrap_or_default());
    if let Some(datagram) = head.get_mut(udp..) {
        udp::complete(datagram, pseudo);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ran::PeerId;
    use crate::wire::udp::Udp;
    use crate::wire::{ipv4::Ipv4, ipv6::Ipv6};
    use proptest::prelude::*;

    /// An IP and UDP header between these ends, behind 14 bytes of Ethernet.
    fn template(carrier: Carrier, ends: &[u8; 36]) -> Template {
        let mut bytes = [0; TEMPLATE];
        let ip = match carrier {
            Carrier::Ipv6 => {
                bytes[14] = 0x60;
                bytes[20] = 17;
                bytes[22..54].copy_from_slice(&ends[..32]);
                40
            }
            _ => {
                (bytes[14], bytes[23]) = (0x45, 17);
                bytes[26..34].copy_from_slice(&ends[..8]);
                let sum = checksum::finish(checksum::sum(0, &bytes[14..34]));
                bytes[24..26].copy_from_slice(&sum.to_be_bytes());
                20
            }
        };
        bytes[14 + ip..14 + ip + 4].copy_from_slice(&ends[32..]);
        Template {
            bytes,
            len: (14 + ip + UDP_LEN) as u8,
            tags: 0,
            carrier,
        }
    }

    fn holds(frame: &[u8], carrier: Carrier) -> bool {
        let (pseudo, datagram) = match carrier {
            Carrier::Ipv6 => {
                let (ip, rest) = Ipv6::parse(&frame[14..]).unwrap();
                (ip.pseudo_sum(), rest)
            }
            _ => {
                let (ip, rest) = Ipv4::parse(&frame[14..]).unwrap();
                assert!(ip.checksum_holds());
                (ip.pseudo_sum(), rest)
            }
        };
        let (udp, payload) = Udp::parse(datagram).unwrap();
        udp.checksum_holds(pseudo, payload)
    }

    proptest! {
        #[test]
        fn the_checksum_of_a_datagram_holds_between_other_ends_of_either_family(
            old in any::<[u8; 36]>(),
            new in any::<[u8; 36]>(),
            families in any::<(bool, bool)>(),
            payload in proptest::collection::vec(any::<u8>(), 1..40),
        ) {
            let carrier = |six| if six { Carrier::Ipv6 } else { Carrier::Ipv4 };
            let (from, to) = (carrier(families.0), carrier(families.1));
            let (old, new) = (template(from, &old), template(to, &new));
            let start = usize::from(old.len);
            let mut envelope = Envelope {
                peer: PeerId(0),
                header: old.len.into(),
                ethernet: 14,
                tci: [None, None],
                carrier: from,
                pdu: payload.len() as u32,
                udp_checksum: 1,
            };
            let made = EgressHeader::new(&old, &envelope, &[], envelope.pdu, Difference::default());
            let mut frame = [made.bytes(), &payload].concat();
            checksum_anew(&mut frame, &old);
            prop_assert!(holds(&frame, from));
            envelope.udp_checksum = u16::from_be_bytes([frame[start - 2], frame[start - 1]]);
            let header = EgressHeader::new(&new, &envelope, &frame, envelope.pdu, Difference::default());
            prop_assert!(holds(&[header.bytes(), &payload].concat(), to));
        }
    }
}
