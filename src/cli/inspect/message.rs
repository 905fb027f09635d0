//! From the bytes of one frame to the facts that the summary counts: Ethernet or UDP, then every eCPRI
//! message of the frame, then its radio header.

use std::collections::BTreeSet;

use super::known::Known;
use crate::ran::{Direction, EaxcId, MacAddr, Plane, SequenceNumber, VlanStack};
use crate::wire::ecpri::{self, MessageType, Messages};
use crate::wire::ethernet::{self, Ethernet};
use crate::wire::ipv4::{self, Ipv4};
use crate::wire::ipv6::{self, Ipv6};
use crate::wire::oran::cplane::{Cplane, SectionType};
use crate::wire::oran::header::RadioHeader;
use crate::wire::udp::{self, Udp};
use crate::wire::{Fault, Layer, WireError};

/// How to read frames.
pub(super) struct Reading<'k>(pub(super) &'k Known);

/// The outer headers of a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outer<'a> {
    pub(super) source: MacAddr,
    pub(super) destination: MacAddr,
    pub(super) vlans: VlanStack,
    pub(super) ethertype: u16,
    /// The eCPRI PDU, if the frame carries one.
    pub(super) pdu: Option<&'a [u8]>,
    /// Bytes of the frame in front of it.
    pub(super) pdu_at: usize,
}

/// One eCPRI message.
#[derive(Clone, Copy, Debug)]
pub(super) enum Message<'a> {
    /// Type 0 or 2 with its radio header.
    Radio(RadioMessage<'a>),
    /// A later radio-transport fragment of type 0 or 2: it has no radio header.
    Continuation,
    /// Any other type.
    Other(MessageType),
}

/// A C-plane or U-plane message.
#[derive(Clone, Copy, Debug)]
pub(super) struct RadioMessage<'a> {
    pub(super) plane: Plane,
    pub(super) direction: Direction,
    /// C-plane only.
    pub(super) section_type: Option<u8>,
    pub(super) filter_index: u8,
    pub(super) eaxc: EaxcId,
    pub(super) sequence: SequenceNumber,
    pub(super) frame: u8,
    pub(super) subframe: u8,
    pub(super) slot: u8,
    pub(super) symbol: u8,
    /// The E bit: false if more of this message follows in later fragments.
    pub(super) whole: bool,
    /// Bytes of the message, common header included.
    pub(super) len: u32,
    /// What follows the radio header.
    pub(super) body: &'a [u8],
    /// Where `body` starts in the PDU.
    pub(super) at: usize,
    application: &'a [u8],
}

impl RadioMessage<'_> {
    /// The symbols that the message speaks for, bit n for symbol n. A C-plane message is walked to its end
    /// for it; one of an opaque section type, or of which a snap length left only `captured` bytes of the
    /// body, speaks for none that could be read.
    pub(super) fn symbols(&self, captured: usize) -> Result<u16, WireError> {
        if self.plane == Plane::User {
            return Ok(1 << self.symbol);
        }
        if captured < SECTION_TYPE_END {
            return Err(NO_SECTION_TYPE);
        }
        let (message, _) = Cplane::parse(self.application)?;
        let opaque = matches!(message.section_type(), SectionType::Opaque(_));
        if opaque || captured < self.body.len() {
            return Ok(0);
        }
        let mut sections = message.sections();
        sections.try_fold(0, |mask, section| Ok(mask | section?.symbols()))
    }
}

impl Reading<'_> {
    /// The outer headers of `frame`.
    pub(super) fn outer<'a>(&self, frame: &'a [u8]) -> Result<Outer<'a>, WireError> {
        let (header, payload) = Ethernet::parse(frame)?;
        let (behind, pdu) = self.pdu(header.ethertype(), payload)?;
        Ok(Outer {
            source: header.source(),
            destination: header.destination(),
            vlans: header.vlans(),
            ethertype: header.ethertype(),
            pdu,
            pdu_at: header.header_len() + behind,
        })
    }

    /// Bytes in front of the PDU, and the PDU.
    fn pdu<'a>(&self, ethertype: u16, payload: &'a [u8]) -> Result<Found<'a>, WireError> {
        let ports = &self.0.udp_ports;
        match ethertype {
            ethernet::ECPRI => Ok((0, Some(payload))),
            ethernet::IPV4 if !ports.is_empty() => {
                let (header, datagram) = Ipv4::parse(payload)?;
                match header.protocol() {
                    ipv4::UDP => in_datagram(header.header_len(), datagram, ports),
                    _ => Ok(NO_PDU),
                }
            }
            ethernet::IPV6 if !ports.is_empty() => {
                let (header, datagram) = Ipv6::parse(payload)?;
                match header.next_header() {
                    ipv6::UDP => in_datagram(header.header_len(), datagram, ports),
                    _ => Ok(NO_PDU),
                }
            }
            _ => Ok(NO_PDU),
        }
    }

    /// The messages of an eCPRI PDU; ends after the first whose header cannot be believed.
    pub(super) fn messages<'a>(
        &self,
        pdu: &'a [u8],
    ) -> impl Iterator<Item = Result<Message<'a>, WireError>> + use<'a> {
        Messages::new(pdu, self.0.size).map(|found| {
            let (offset, header, payload) = found?;
            match header.message_type() {
                MessageType::IqData => radio(Plane::User, offset, payload),
                MessageType::RealTimeControl => radio(Plane::Control, offset, payload),
                other => Ok(Message::Other(other)),
            }
        })
    }
}

type Found<'a> = (usize, Option<&'a [u8]>);
const NO_PDU: Found<'static> = (0, None);

fn in_datagram<'a>(
    before: usize,
    datagram: &'a [u8],
    ports: &BTreeSet<u16>,
) -> Result<Found<'a>, WireError> {
    let (header, payload) = Udp::parse(datagram)?;
    match ports.contains(&header.destination_port()) {
        true => Ok((before + udp::HEADER_LEN, Some(payload))),
        false => Ok(NO_PDU),
    }
}

fn radio(plane: Plane, offset: usize, payload: &[u8]) -> Result<Message<'_>, WireError> {
    let (stream, application) = ecpri::Stream::parse(payload)?;
    if stream.subsequence() != 0 {
        return Ok(Message::Continuation);
    }
    let (header, body) = RadioHeader::parse(application)?;
    if header.slot() > LARGEST_SLOT {
        return Err(SLOT_RANGE);
    }
    let section_type = match plane {
        Plane::User => None,
        Plane::Control => Some(*body.get(1).ok_or(NO_SECTION_TYPE)?),
    };
    Ok(Message::Radio(RadioMessage {
        plane,
        direction: header.direction(),
        section_type,
        filter_index: header.filter_index(),
        eaxc: stream.eaxc(),
        sequence: stream.sequence(),
        frame: header.frame(),
        subframe: header.subframe(),
        slot: header.slot(),
        symbol: header.symbol(),
        whole: stream.is_last(),
        len: (ecpri::HEADER_LEN + payload.len()) as u32,
        body,
        at: offset + ecpri::HEADER_LEN + payload.len() - body.len(),
        application,
    }))
}

/// slotId of the finest numerology, mu 4.
const LARGEST_SLOT: u8 = 15;
const SLOT_RANGE: WireError = WireError {
    layer: Layer::Radio,
    fault: Fault::Range,
};
/// numberOfSections and sectionType, behind the radio header.
const SECTION_TYPE_END: usize = 2;
const NO_SECTION_TYPE: WireError = WireError {
    layer: Layer::Cplane,
    fault: Fault::Truncated,
};
