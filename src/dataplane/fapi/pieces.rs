//! Datagrams that are not a message by themselves: fragments of IPv4, segments of OAI, pieces of SCF 225.
//!
//! The journey only says where such a frame belongs. Once its datagram is whole, `rejoined` says where that
//! belongs, by the headers in its first fragment; what is held is never put together in one buffer.

use crate::dataplane::classify::Envelope;
use crate::dataplane::frame_io::FrameInfo;
use crate::dataplane::holding::{Holding, Piece};
use crate::dataplane::journey::Scene;
use crate::dataplane::reassembly::{Key, Place, UnitId};
use crate::dataplane::tables::{Carrier, P7Address, P7Entry, Tables};
use crate::dataplane::verdict::{DropReason, Verdict};
use crate::ran::{PeerId, PortId};
use crate::wire::checksum::{self, Running};
use crate::wire::ethernet::{self, Ethernet};
use crate::wire::ipv4::{self, Fragment, Ipv4};
use crate::wire::nfapi::header::Checksum;
use crate::wire::nfapi::{self, Check, Datagram};
use crate::wire::udp::{self, Udp};

/// The head of a datagram of a known peer, the rest of which may be in other frames.
#[derive(Clone, Copy, Debug)]
pub(super) struct First<'a> {
    pub(super) envelope: Envelope,
    pub(super) p7: P7Entry,
    /// What is at hand of it.
    pub(super) datagram: Datagram<'a>,
    /// To hold the body against, if the dialect has one and it is looked at.
    checksum: Option<Checksum>,
    /// Sum of the UDP pseudo header.
    pseudo: u32,
    source_port: u16,
    /// In the datagram that it was cut from; all of it if it was not.
    pub(super) fragment: Fragment,
}

impl<'a> First<'a> {
    /// Reads the frame that holds the first byte of a datagram; the UDP header says how long that is.
    pub(super) fn read(
        received: &'a [u8],
        frame: FrameInfo,
        tables: &Tables,
    ) -> Result<Self, DropReason> {
        let (ethernet, packet) = Ethernet::parse(received)?;
        let (ip, fragment, payload) = Ipv4::parse_fragment(packet)?;
        let (udp, pdu) = Udp::parse_head(payload)?;
        let address = P7Address {
            peer: ip.source(),
            own: ip.destination(),
            own_port: udp.destination_port(),
        };
        let peer = tables
            .p7_peer(frame.port, ethernet.source(), ethernet.vlans(), address)
            .ok_or(DropReason::OwnAddress)?;
        let p7 = tables.peer_entry(peer).and_then(|entry| entry.p7);
        let p7 = p7.ok_or(DropReason::UnknownPeer)?;
        let there = udp.payload_len();
        let (datagram, checksum) = Datagram::parse_head(pdu, there, p7.dialect)?;
        let at = ethernet.header_len() + ip.header_len() + udp::HEADER_LEN;
        Ok(Self {
            envelope: Envelope {
                peer,
                header: at as u16,
                ethernet: ethernet.header_len() as u16,
                tci: [ethernet.tci(0), ethernet.tci(1)],
                carrier: Carrier::Ipv4,
                pdu: there as u32,
                udp_checksum: udp.checksum(),
            },
            p7,
            datagram,
            checksum: checksum.filter(|_| p7.check == Check::Verify),
            pseudo: ip.pseudo_sum(),
            source_port: udp.source_port(),
            fragment,
        })
    }

    /// Bytes before the body, counted from the UDP header.
    fn lead(&self) -> usize {
        udp::HEADER_LEN + self.datagram.piece.header_len(self.p7.dialect)
    }

    /// Bytes of the body, here and elsewhere.
    fn body_len(&self) -> u32 {
        self.envelope.pdu + udp::HEADER_LEN as u32 - self.lead() as u32
    }

    /// Where the datagram belongs in its message: all pieces of a message have one key.
    fn place(&self, digest: u32) -> Place {
        let from = u64::from(self.source_port);
        let phy = |head: nfapi::Head| u64::from(head.phy.0) << 16 | u64::from(head.message.0);
        let named = self.datagram.head.map_or(0, phy);
        let len = self.body_len();
        let (key, at, extent, last) = match self.datagram.piece {
            nfapi::Piece::Numbered {
                sequence,
                number,
                more,
            } => {
                let key = Key(NUMBERED | named, from << 16 | u64::from(sequence));
                (key, u32::from(number), 1, !more)
            }
            nfapi::Piece::Placed {
                sequence,
                offset,
                total,
            } => {
                let key = Key(PLACED | u64::from(total), from << 16 | u64::from(sequence));
                (
                    key,
                    offset,
                    len,
                    u64::from(offset) + u64::from(len) >= u64::from(total),
                )
            }
            nfapi::Piece::Whole => {
                let id = u64::from(self.fragment.id);
                (Key(WHOLE | named, from << 16 | id), 0, 1, true)
            }
        };
        Place {
            key,
            sender: self.envelope.peer.0,
            at,
            extent,
            last,
            digest,
        }
    }

    fn check_phy(&self) -> Result<(), DropReason> {
        match self.datagram.head {
            Some(head) if head.phy != self.p7.phy => Err(DropReason::P7Phy),
            _ => Ok(()),
        }
    }
}

/// A datagram that is a part of a message.
pub(super) fn hold_datagram(head: &[u8], scene: &mut Scene<'_>) -> Result<Verdict, DropReason> {
    let received = scene.received(head);
    let first = First::read(received, scene.frame, scene.tables)?;
    first.check_phy()?;
    let digest = match first.checksum {
        Some(checksum) => checksum.told(),
        None => digest(first.datagram.body),
    };
    let from = u32::from(first.envelope.header) - udp::HEADER_LEN as u32 + first.lead() as u32;
    let piece = Piece {
        place: first.place(digest),
        bytes: (from, from + first.body_len()),
        fragment: false,
    };
    scene.lcore.piece = Some(piece);
    Ok(Verdict::Hold)
}

/// A fragment of a datagram of a known peer; `None` if it is something else.
pub(super) fn hold_fragment(
    head: &[u8],
    scene: &mut Scene<'_>,
) -> Option<Result<Verdict, DropReason>> {
    let (peer, piece) = fragment(scene.received(head), scene.frame.port, scene.tables)?;
    scene.lcore.trace.peer = Some(peer);
    scene.lcore.piece = Some(piece);
    Some(Ok(Verdict::Hold))
}

/// Whose fragment `received` is, and where it belongs. Only the first has a UDP header: until the datagram is
/// whole, one of those that send from its address answers for it.
pub(super) fn fragment(received: &[u8], port: PortId, tables: &Tables) -> Option<(PeerId, Piece)> {
    if tables.own_on(port).is_empty() {
        return None;
    }
    let (ethernet, packet) = Ethernet::parse(received).ok()?;
    if ethernet.ethertype() != ethernet::IPV4 {
        return None;
    }
    let (ip, fragment, payload) = Ipv4::parse_fragment(packet).ok()?;
    if ip.protocol() != ipv4::UDP || fragment.is_whole() {
        return None;
    }
    let address = P7Address {
        peer: ip.source(),
        own: ip.destination(),
        own_port: P7Address::ANY_PORT,
    };
    let peer = tables.p7_peer(port, ethernet.source(), ethernet.vlans(), address)?;
    let addresses = u64::from(ip.source().to_bits()) << 32 | u64::from(ip.destination().to_bits());
    let (from, len) = (ethernet.header_len() + ip.header_len(), payload.len());
    let piece = Piece {
        place: Place {
            key: Key(addresses, FRAGMENT | u64::from(fragment.id)),
            sender: peer.0,
            at: u32::from(fragment.offset),
            extent: len as u32,
            last: !fragment.more,
            digest: digest(payload),
        },
        bytes: (from as u32, (from + len) as u32),
        fragment: true,
    };
    Some((peer, piece))
}

/// Where a datagram that is whole again belongs in its message, and how many of its bytes are headers.
/// Refused: one that is not what its headers say.
pub(in crate::dataplane) fn rejoined<F>(
    holding: &mut Holding<F>,
    datagram: UnitId,
    tables: &Tables,
    view: impl Fn(&mut F) -> (&mut [u8], FrameInfo),
) -> Result<(Place, u32), DropReason> {
    let (frame, _, len) = holding.first(datagram).ok_or(DropReason::IpMalformed)?;
    let (head, info) = view(frame);
    let received = head.get(usize::from(info.start)..).unwrap_or_default();
    let first = First::read(received, info, tables)?;
    first.check_phy()?;
    if len != first.envelope.pdu + udp::HEADER_LEN as u32 {
        return Err(DropReason::IpMalformed);
    }
    let (lead, pseudo, checksum) = (first.lead(), first.pseudo, first.checksum);
    let has_sum = first.envelope.udp_checksum != 0;
    let place = first.place(checksum.map_or(0, |checksum| checksum.told()));
    let mut told = checksum.as_ref().map(Checksum::begin);
    let mut running = Running::default();
    let mut before = lead;
    holding.show(datagram, &view, |bytes| {
        running.over(bytes);
        let headers = before.min(bytes.len());
        before -= headers;
        if let Some(sum) = &mut told {
            sum.over(bytes.get(headers..).unwrap_or_default());
        }
    });
    if has_sum && checksum::finish(pseudo + len + running.sum()) != 0 {
        return Err(DropReason::IpMalformed);
    }
    if let (Some(checksum), Some(sum)) = (checksum, told)
        && !checksum.holds(sum)
    {
        return Err(DropReason::P7Checksum);
    }
    Ok((place, lead as u32))
}

/// A digest of bytes that have no checksum of their own.
fn digest(bytes: &[u8]) -> u32 {
    nfapi::checksum::of(&[0; nfapi::checksum::COVERED_HEAD], &[bytes])
}

/// Keys of different kinds of pieces are never alike.
const NUMBERED: u64 = 1 << 62;
const PLACED: u64 = 2 << 62;
const WHOLE: u64 = 3 << 62;
const FRAGMENT: u64 = 1 << 63;
