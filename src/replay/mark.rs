//! What the headers of one C/U-plane frame say: who sent it, on which eAxC, with which number, for
//! which symbol. Read on ingress and again on egress, so that a replay can judge its own output.

use crate::ran::{Direction, EaxcId, MacAddr, Plane, SequenceNumber, VlanStack};
use crate::wire::{
    ecpri::{Ecpri, MessageType, Size, Stream},
    ethernet::Ethernet,
    ipv4::Ipv4,
    ipv6::Ipv6,
    oran::header::RadioHeader,
    udp::Udp,
};

/// Headers of the first C/U-plane message of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    /// Source MAC address.
    pub source: MacAddr,
    /// Destination MAC address.
    pub destination: MacAddr,
    /// VLAN ids.
    pub vlans: VlanStack,
    /// C or U.
    pub plane: Plane,
    /// dataDirection.
    pub direction: Direction,
    /// ecpriPcid or ecpriRtcid.
    pub eaxc: EaxcId,
    /// ecpriSeqid.
    pub sequence: SequenceNumber,
    /// frameId, subframeId, slotId and symbolId.
    pub symbol: [u8; 4],
}

impl Mark {
    /// Reads `frame`; `None` if it is not a C/U-plane message, cannot be parsed, or is a later fragment
    /// of a message, which carries no radio header.
    pub fn read(frame: &[u8]) -> Option<Self> {
        let (ethernet, body) = Ethernet::parse(frame).ok()?;
        let pdu = match ethernet.ethertype() {
            0xaefe => body,
            0x0800 => Udp::parse(Ipv4::parse(body).ok()?.1).ok()?.1,
            0x86dd => Udp::parse(Ipv6::parse(body).ok()?.1).ok()?.1,
            _ => return None,
        };
        let (ecpri, payload) = Ecpri::parse(pdu, Size::Lenient).ok()?;
        let plane = match ecpri.message_type() {
            MessageType::IqData => Plane::User,
            MessageType::RealTimeControl => Plane::Control,
            _ => return None,
        };
        let (stream, message) = Stream::parse(payload).ok()?;
        if stream.subsequence() != 0 {
            return None;
        }
        let (radio, _) = RadioHeader::parse(message).ok()?;
        Some(Self {
            source: ethernet.source(),
            destination: ethernet.destination(),
            vlans: ethernet.vlans(),
            plane,
            direction: radio.direction(),
            eaxc: stream.eaxc(),
            sequence: stream.sequence(),
            symbol: [
                radio.frame(),
                radio.subframe(),
                radio.slot(),
                radio.symbol(),
            ],
        })
    }
}
