//! Which peer, which carrier, which message: values read from a frame's head before anything is decided.

use crate::dataplane::frame_io::FrameInfo;
use crate::dataplane::tables::{Carrier, Tables};
use crate::dataplane::verdict::DropReason;
use crate::ran::{Direction, EaxcId, Numerology, PeerId, Plane, SequenceNumber, WireSlot};
use crate::wire::ecpri::{self, Ecpri, MessageType, Size, Stream};
use crate::wire::ethernet::Ethernet;
use crate::wire::ipv4::Ipv4;
use crate::wire::ipv6::Ipv6;
use crate::wire::oran::header::RadioHeader;
use crate::wire::udp::Udp;
use crate::wire::{Fault, Layer, WireError};

/// EtherType of eCPRI.
pub const ECPRI: u16 = 0xaefe;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const PROTOCOL_UDP: u8 = 17;

/// What carries the eCPRI PDU of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Envelope {
    /// Who sent it.
    pub peer: PeerId,
    /// Bytes before the PDU.
    pub header: u16,
    /// Bytes of Ethernet header and tags among them.
    pub ethernet: u16,
    /// Tag control information, outer first.
    pub tci: [Option<u16>; 2],
    /// What lies between Ethernet and eCPRI.
    pub carrier: Carrier,
    /// Bytes of the PDU: to the end of the frame or datagram, padding included.
    pub pdu: u32,
    /// UDP checksum as received; 0 for none.
    pub udp_checksum: u16,
}

/// The eCPRI envelope of a frame from `peer`; `None` if it carries something else.
#[inline]
pub fn envelope(
    frame: &[u8],
    info: FrameInfo,
    tables: &Tables,
    ethernet: &Ethernet<'_>,
    body: &[u8],
    peer: PeerId,
) -> Result<Option<Envelope>, DropReason> {
    let header = ethernet.header_len();
    let mut envelope = Envelope {
        peer,
        header: header as u16,
        ethernet: header as u16,
        tci: [ethernet.tci(0), ethernet.tci(1)],
        carrier: Carrier::Ethernet,
        pdu: info.len.saturating_sub(header as u32),
        udp_checksum: 0,
    };
    if ethernet.ethertype() == ECPRI {
        return Ok(Some(envelope));
    }
    let port = tables.peer_entry(peer).and_then(|entry| entry.ecpri_port);
    let Some(port) = port else {
        return Ok(None);
    };
    // A datagram must lie in the head: its checksum and length are ours to keep true.
    if (frame.len() as u32) < info.len {
        let protocol = match ethernet.ethertype() {
            IPV4 => body.get(9),
            IPV6 => body.get(6),
            _ => None,
        };
        return match protocol {
            Some(&PROTOCOL_UDP) => Err(DropReason::HeadTooShort),
            _ => Ok(None),
        };
    }
    let (carrier, datagram) = match ethernet.ethertype() {
        IPV4 => {
            let (ip, datagram) = Ipv4::parse(body)?;
            if ip.protocol() != PROTOCOL_UDP {
                return Ok(None);
            }
            (Carrier::Ipv4, datagram)
        }
        IPV6 => {
            let (ip, datagram) = Ipv6::parse(body)?;
            if ip.next_header() != PROTOCOL_UDP {
                return Ok(None);
            }
            (Carrier::Ipv6, datagram)
        }
        _ => return Ok(None),
    };
    let (udp, pdu) = Udp::parse(datagram)?;
    if udp.destination_port() != port {
        return Ok(None);
    }
    envelope.carrier = carrier;
    envelope.header = distance(frame, pdu);
    envelope.pdu = pdu.len() as u32;
    envelope.udp_checksum = udp.checksum();
    Ok(Some(envelope))
}

/// One eCPRI message of a PDU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message {
    /// From the PDU's first byte to the common header.
    pub offset: u16,
    /// Bytes of payload, after the size policy; may reach beyond the head for the U-plane.
    pub size: u32,
    /// Its type.
    pub kind: MessageType,
    /// Another message follows.
    pub concatenated: bool,
    /// From this common header to the next.
    pub advance: u32,
}

/// The message whose common header starts `offset` bytes into `pdu`. `left` counts the PDU's bytes
/// from there on, beyond the head if the frame is a chain.
#[inline]
pub fn message(pdu: &[u8], offset: u16, left: u32, lenient: bool) -> Result<Message, WireError> {
    let bytes = pdu.get(usize::from(offset)..).unwrap_or_default();
    let policy = if lenient { Size::Lenient } else { Size::Strict };
    let chained = left as usize > bytes.len();
    let parsed = if chained {
        Ecpri::parse(bytes, Size::Lenient)
    } else {
        Ecpri::parse(bytes, policy)
    };
    let (view, _) = parsed?;
    let mut message = Message {
        offset,
        size: view.size() as u32,
        kind: view.message_type(),
        concatenated: view.concatenated(),
        advance: view.advance() as u32,
    };
    if chained {
        message.size = chained_size(bytes, left, policy)?;
    }
    Ok(message)
}

fn chained_size(bytes: &[u8], left: u32, policy: Size) -> Result<u32, WireError> {
    let refused = WireError {
        layer: Layer::Ecpri,
        fault: Fault::Size,
    };
    let [_, _, high, low] = bytes.first_chunk().ok_or(refused)?;
    let announced = u32::from(u16::from_be_bytes([*high, *low]));
    let room = left.saturating_sub(ecpri::HEADER_LEN as u32);
    if announced >= ecpri::STREAM_LEN as u32 && announced <= room {
        return Ok(announced);
    }
    if policy == Size::Lenient {
        return Ok(room);
    }
    Err(refused)
}

/// What a type 0 or 2 message says before its sections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamMessage {
    /// C-plane or U-plane.
    pub plane: Plane,
    /// eAxC as received.
    pub eaxc: EaxcId,
    /// Number as received.
    pub sequence: SequenceNumber,
    /// The message is one of several radio-transport fragments.
    pub fragmented: bool,
    /// Position among them; only the first, 0, carries a radio header.
    pub subsequence: u8,
}

/// What the radio header says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Radio {
    /// Direction of the radio data.
    pub direction: Direction,
    /// filterIndex.
    pub filter: u8,
    /// Raw frameId, subframeId, slotId.
    pub time: (u8, u8, u8),
    /// symbolId or startSymbolId, 0..=13.
    pub symbol: u8,
}

impl Radio {
    /// The slot on the headers' circle.
    #[inline]
    pub fn wire_slot(&self, numerology: Numerology) -> Result<WireSlot, DropReason> {
        let (frame, subframe, slot) = self.time;
        WireSlot::new(frame, subframe, slot, numerology).ok_or(DropReason::RadioHeader)
    }
}

/// Reads identifier and sequence of the message at `offset` into `pdu`.
#[inline]
pub fn stream(pdu: &[u8], message: &Message, plane: Plane) -> Result<StreamMessage, WireError> {
    let payload = payload(pdu, message);
    let (stream, _) = Stream::parse(payload)?;
    Ok(StreamMessage {
        plane,
        eaxc: stream.eaxc(),
        sequence: stream.sequence(),
        fragmented: !stream.is_last() || stream.subsequence() > 0,
        subsequence: stream.subsequence(),
    })
}

/// Reads the radio header of an unfragmented message or first fragment.
#[inline]
pub fn radio(pdu: &[u8], message: &Message) -> Result<Radio, WireError> {
    let body = payload(pdu, message)
        .get(ecpri::STREAM_LEN..)
        .unwrap_or_default();
    let (radio, _) = RadioHeader::parse(body)?;
    Ok(Radio {
        direction: radio.direction(),
        filter: radio.filter_index(),
        time: (radio.frame(), radio.subframe(), radio.slot()),
        symbol: radio.symbol(),
    })
}

/// The part of a message's payload that lies in the head.
#[inline]
pub fn payload<'a>(pdu: &'a [u8], message: &Message) -> &'a [u8] {
    let from = usize::from(message.offset) + ecpri::HEADER_LEN;
    let rest = pdu.get(from..).unwrap_or_default();
    rest.get(..message.size as usize).unwrap_or(rest)
}

fn distance(frame: &[u8], inner: &[u8]) -> u16 {
    (inner.as_ptr() as usize).saturating_sub(frame.as_ptr() as usize) as u16
}
