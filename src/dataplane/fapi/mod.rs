//! One P7 datagram from bytes to verdict: who sent it, what it is, to whom it goes.
//!
//! A request of the L2 goes whole to the PHY that owns its slot and as NULL to each other that runs; of the
//! PHYs' indications those pass that their sender may say. Of a message addresses, sequence number and PHY_ID
//! are edited, and SFN and slot where PHYs are not aligned; checksums follow by difference, so that a payload
//! is not touched.

mod clock;
mod held;
mod indication;
mod pieces;
mod request;
mod send;
pub mod state;

pub(super) use clock::{fail_crcs, tick};
pub(super) use held::{Leaving, Message, decide};
pub(super) use pieces::rejoined;

use crate::dataplane::classify::Envelope;
use crate::dataplane::journey::Scene;
use crate::dataplane::tables::{Carrier, P7Address, P7Entry, PeerEntry, PeerKind, Tables};
use crate::dataplane::verdict::{DropReason, Verdict};
use crate::ran::{CellId, MemberId, PeerId, PortId};
use crate::wire::ethernet::Ethernet;
use crate::wire::ipv4::Ipv4;
use crate::wire::nfapi::{Datagram, Head};
use crate::wire::udp::Udp;

const IPV4: u16 = 0x0800;
const UDP: u8 = 17;

/// A whole message of a known peer.
#[derive(Clone, Copy, Debug)]
struct Incoming<'a> {
    p7: &'a P7Entry,
    cell: CellId,
    /// The place of a PHY; 0 for an L2.
    member: MemberId,
    head: Head,
    timestamp: u32,
    /// So much of the body as is at hand.
    body: &'a [u8],
    /// Bytes of all of it.
    len: usize,
    came: Came,
}

/// What a message came in.
#[derive(Clone, Copy, Debug)]
struct Came {
    /// Frames of it all.
    frames: usize,
    /// Bytes of its first datagram; `None` if that came in fragments. Later ones are seldom longer.
    datagram: Option<usize>,
}

/// Decides a frame if it is a P7 datagram of an L2 or a PHY; `None` if it is something else.
pub(super) fn steer(head: &mut [u8], scene: &mut Scene<'_>) -> Option<Result<Verdict, DropReason>> {
    let Some(envelope) = envelope(scene.received(head), scene.frame.port, scene.tables) else {
        return pieces::hold_fragment(head, scene);
    };
    scene.lcore.trace.peer = Some(envelope.peer);
    Some(datagram_of(head, scene, envelope))
}

/// The L2 or PHY that sent `received`, be it a fragment, to `port`.
pub(super) fn sender(received: &[u8], port: PortId, tables: &Tables) -> Option<PeerId> {
    let envelope = envelope(received, port, tables);
    let peer = envelope.map(|envelope| envelope.peer);
    peer.or_else(|| pieces::fragment(received, port, tables).map(|(peer, _)| peer))
}

/// The envelope of a P7 datagram that an L2 or a PHY sent to `port`, if that is what `received` is.
pub(super) fn envelope(received: &[u8], port: PortId, tables: &Tables) -> Option<Envelope> {
    if tables.own_on(port).is_empty() {
        return None;
    }
    let (ethernet, packet) = Ethernet::parse(received).ok()?;
    if ethernet.ethertype() != IPV4 {
        return None;
    }
    let (ip, datagram) = Ipv4::parse(packet).ok()?;
    if ip.protocol() != UDP {
        return None;
    }
    let (udp, pdu) = Udp::parse(datagram).ok()?;
    let address = P7Address {
        peer: ip.source(),
        own: ip.destination(),
        own_port: udp.destination_port(),
    };
    let peer = tables.p7_peer(port, ethernet.source(), ethernet.vlans(), address)?;
    let at = (pdu.as_ptr() as usize).saturating_sub(received.as_ptr() as usize);
    Some(Envelope {
        peer,
        header: at as u16,
        ethernet: ethernet.header_len() as u16,
        tci: [ethernet.tci(0), ethernet.tci(1)],
        carrier: Carrier::Ipv4,
        pdu: pdu.len() as u32,
        udp_checksum: udp.checksum(),
    })
}

fn datagram_of(
    head: &mut [u8],
    scene: &mut Scene<'_>,
    envelope: Envelope,
) -> Result<Verdict, DropReason> {
    let entry = scene.tables.peer_entry(envelope.peer);
    let (entry, p7) = entry
        .and_then(|entry| Some((entry, entry.p7.as_ref()?)))
        .ok_or(DropReason::UnknownPeer)?;
    // What is edited by difference is edited in one piece.
    if (scene.received(head).len() as u32) < scene.frame.len {
        return Err(DropReason::HeadTooShort);
    }
    // The frame stays where it is while views of it are held: decisions come first, edits last.
    let (start, end) = bounds(scene, &envelope);
    let copy = head.get(start..end).unwrap_or_default();
    let (datagram, body) = Datagram::parse(copy, p7.dialect, p7.check)?;
    let Some(message) = datagram.head.filter(|_| datagram.is_whole()) else {
        return pieces::hold_datagram(head, scene);
    };
    let told = (message, datagram.timestamp);
    let came = Came {
        frames: 1,
        datagram: Some(envelope.pdu as usize),
    };
    let fate = judge(scene, (entry, p7), told, (body, body.len(), came))?;
    let verdict = send::carry_out(head, scene, &envelope, p7, fate)?;
    scene.sent(fate);
    Ok(verdict)
}

/// What becomes of a message of a peer, by so much of its body as is at hand, SFN and slot at least, by the
/// length of all of it, and by what it came in.
fn judge(
    scene: &mut Scene<'_>,
    (entry, p7): (&PeerEntry, &P7Entry),
    (message, timestamp): (Head, u32),
    (body, len, came): (&[u8], usize, Came),
) -> Result<Fate, DropReason> {
    if message.phy != p7.phy {
        return Err(DropReason::P7Phy);
    }
    let (cell, member) = *entry.cells.first().ok_or(DropReason::UnknownPeer)?;
    scene.lcore.trace.cell = Some(cell);
    scene.lcore.trace.fapi = Some(message.message);
    let incoming = Incoming {
        p7,
        cell,
        member,
        head: message,
        timestamp,
        body,
        len,
        came,
    };
    match entry.kind {
        PeerKind::L2 => request::judge(scene, &incoming),
        _ => indication::judge(scene, &incoming),
    }
}

/// Where the PDU lies in `head`.
fn bounds(scene: &Scene<'_>, envelope: &Envelope) -> (usize, usize) {
    let start = usize::from(scene.frame.start) + usize::from(envelope.header);
    (start, start + envelope.pdu as usize)
}

/// What becomes of a message that passes.
#[derive(Clone, Copy, Debug)]
struct Fate {
    cell: CellId,
    /// To whom it goes as it is.
    recipient: Recipient,
    to: PeerId,
    /// Under which number; used up once it is sent.
    sequence: u16,
    /// Slots by which SFN and slot inside are moved.
    shift: i32,
}

/// Who is sent something.
#[derive(Clone, Copy, Debug)]
enum Recipient {
    L2,
    Phy(MemberId),
}

impl<'t> Scene<'t> {
    /// What is refused on its way out leaves no gap in the numbers of whoever it was for.
    fn sent(&mut self, fate: Fate) {
        let state = self.lcore.cells.get_mut(fate.cell.index());
        if let Some(fapi) = state.and_then(|state| state.fapi.as_mut()) {
            fapi.next_to(fate.recipient);
        }
    }

    /// The endpoint of a member's PHY, how it speaks, and its slot offset.
    fn phy(
        &self,
        cell: CellId,
        member: MemberId,
    ) -> Option<(PeerId, &'t PeerEntry, &'t P7Entry, i32)> {
        let tables = self.tables;
        let phys = &tables.cell(cell)?.fapi.as_ref()?.phys;
        let phy = phys.get(member.index())?;
        let entry = tables.peer_entry(phy.peer)?;
        Some((phy.peer, entry, entry.p7.as_ref()?, phy.slot_offset))
    }
}
