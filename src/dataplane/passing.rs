//! What is not C-plane or U-plane and must survive: other eCPRI types between the RU and the carrier's
//! owner, and everything else by a layer 2 map. The RU's M-plane supervision runs through here.

use crate::dataplane::classify::{self, Envelope, Message};
use crate::dataplane::egress::{self, EgressHeader};
use crate::dataplane::host;
use crate::dataplane::journey::{Scene, members};
use crate::dataplane::mailbox::EventKind;
use crate::dataplane::tables::{PeerEntry, PeerKind};
use crate::dataplane::verdict::{Departure, DropReason, Verdict};
use crate::planes::role::Mode;
use crate::ran::{CellId, MacAddr, MemberId, PeerId, PortId, SlotCount};
use crate::wire::checksum::Difference;
use crate::wire::delay::{self, Action, DelayMeasurement};
use crate::wire::ecpri::{self, MessageType};
use crate::wire::ethernet::Ethernet;

const PTP: u16 = 0x88f7;
const SLOW_PROTOCOLS: u16 = 0x8809;
const LLDP: u16 = 0x88cc;
const PORT_ACCESS: u16 = 0x888e;
const CFM: u16 = 0x8902;
/// ARP, IPv4, IPv6, MACsec, RoE: bridged whatever the policy on others.
const BRIDGED: [u16; 5] = [0x0806, 0x0800, 0x86dd, 0x88e5, 0xfc3d];

/// One eCPRI message of a type other than 0 and 2.
pub(super) fn other_message(
    head: &mut [u8],
    scene: &mut Scene<'_>,
    envelope: &Envelope,
    message: &Message,
) -> Result<Verdict, DropReason> {
    let policy = &scene.tables.policy;
    match message.kind {
        MessageType::Reserved(_) if !policy.reserved_types => {
            return Err(DropReason::EcpriReservedType);
        }
        MessageType::Vendor(_) if !policy.vendor_types => return Err(DropReason::EcpriVendorType),
        _ => {}
    }
    let entry = scene
        .tables
        .peer_entry(envelope.peer)
        .ok_or(DropReason::UnknownPeer)?;
    match (entry.kind, message.kind) {
        (PeerKind::Ru, MessageType::EventIndication) => event(head, scene, envelope, entry),
        (_, MessageType::DelayMeasurement) => measurement(head, scene, envelope, message, entry),
        (PeerKind::Ru, _) => {
            let owner = owner_of(scene, entry).ok_or(DropReason::NoMember)?;
            deliver(head, scene, envelope, owner, Difference::default())
        }
        (_, kind) => {
            let (cell, member) = place_of(scene, envelope.peer, entry)?;
            let mode = mode_now(scene, cell);
            let shared = matches!(mode, Some(Mode::Shared { .. }));
            let owns = mode.is_some_and(|mode| mode.carrier_owner() == member);
            if kind == MessageType::RemoteReset && (shared || !owns) {
                return Err(DropReason::CarrierCommand);
            }
            admit(scene, cell, member, owns)?;
            let ru = ru_of(scene, cell)?;
            deliver(head, scene, envelope, ru, Difference::default())
        }
    }
}

fn admit(scene: &Scene<'_>, cell: CellId, member: MemberId, owns: bool) -> Result<(), DropReason> {
    let fenced = scene
        .lcore
        .cells
        .get(cell.index())
        .is_some_and(|state| state.roles.is_fenced(member));
    match (fenced, owns) {
        (true, _) => Err(DropReason::Fenced),
        (false, false) => Err(DropReason::NotActive),
        (false, true) => Ok(()),
    }
}

/// eCPRI type 7 of the RU: to every member in step of all its cells, each DU once.
fn event(
    head: &mut [u8],
    scene: &mut Scene<'_>,
    envelope: &Envelope,
    entry: &PeerEntry,
) -> Result<Verdict, DropReason> {
    let mut first = None;
    let mut copies = 0usize;
    for (nth, (cell, _)) in entry.cells.iter().enumerate() {
        for member in members(scene.in_step(*cell)) {
            let Some(peer) = peer_of(scene, *cell, member) else {
                continue;
            };
            let before = entry.cells.get(..nth).unwrap_or_default();
            if before.iter().any(|(other, _)| hears(scene, *other, peer)) {
                continue;
            }
            if first.is_none() {
                first = Some(peer);
                continue;
            }
            copies += 1;
            copy_to(head, scene, envelope, peer)?;
        }
    }
    let first = first.ok_or(DropReason::NoMember)?;
    let sent = deliver(head, scene, envelope, first, Difference::default())?;
    match sent {
        Verdict::Forward(departure) if copies > 0 => Ok(Verdict::Fanout(departure)),
        other => Ok(other),
    }
}

fn hears(scene: &Scene<'_>, cell: CellId, peer: PeerId) -> bool {
    members(scene.in_step(cell)).any(|member| peer_of(scene, cell, member) == Some(peer))
}

/// eCPRI type 5: requests of DUs under ids of their own, answers back to who asked, requests of the RU
/// to the owner alone.
fn measurement(
    head: &mut [u8],
    scene: &mut Scene<'_>,
    envelope: &Envelope,
    message: &Message,
    entry: &PeerEntry,
) -> Result<Verdict, DropReason> {
    let start = usize::from(scene.frame.start) + usize::from(envelope.header);
    let pdu = head.get(start..).unwrap_or_default();
    let payload = classify::payload(pdu, message);
    let (view, _) = DelayMeasurement::parse(payload)?;
    let (id, action, now) = (view.measurement_id(), view.action(), scene.now);
    let (target, sent_as) = if entry.kind == PeerKind::Ru {
        let asked = scene
            .lcore
            .measurements
            .get_mut(envelope.peer.index())
            .and_then(|pending| pending.answer(id, now));
        match (asked, action) {
            (Some((peer, asked_as)), _) => (peer, asked_as),
            (None, Action::Response) => return Err(DropReason::UnknownMeasurement),
            (None, _) => (owner_of(scene, entry).ok_or(DropReason::NoMember)?, id),
        }
    } else {
        let (cell, member) = place_of(scene, envelope.peer, entry)?;
        let ru = ru_of(scene, cell)?;
        let owns = mode_now(scene, cell).is_some_and(|mode| mode.carrier_owner() == member);
        // Any member may measure, a standby too, unless it is fenced.
        if admit(scene, cell, member, owns) == Err(DropReason::Fenced) {
            return Err(DropReason::Fenced);
        }
        let pending = scene
            .lcore
            .measurements
            .get_mut(ru.index())
            .ok_or(DropReason::UnknownMeasurement)?;
        let sent_as = match action {
            Action::Response if !pending.knows(envelope.peer, id, now) => {
                owns.then_some(id).ok_or(DropReason::UnknownMeasurement)?
            }
            _ => pending
                .ask(envelope.peer, id, now)
                .ok_or(DropReason::UnknownMeasurement)?,
        };
        (ru, sent_as)
    };
    let at = start + usize::from(message.offset) + ecpri::HEADER_LEN;
    let payload = head.get_mut(at..).unwrap_or_default();
    let kind = payload.get(1).copied().unwrap_or(0);
    delay::set_measurement_id(payload, sent_as);
    let changes = Difference::default().replace(
        u16::from_be_bytes([id, kind]),
        u16::from_be_bytes([sent_as, kind]),
    );
    deliver(head, scene, envelope, target, changes)
}

/// The frame itself, readdressed to `peer`.
fn deliver(
    head: &mut [u8],
    scene: &mut Scene<'_>,
    envelope: &Envelope,
    peer: PeerId,
    changes: Difference,
) -> Result<Verdict, DropReason> {
    let entry = scene
        .tables
        .peer_entry(peer)
        .ok_or(DropReason::UnknownPeer)?;
    let received = scene.received(head);
    let header = EgressHeader::new(&entry.control, envelope, received, envelope.pdu, changes);
    egress::readdress(head, scene.frame, envelope, &header, entry.port).map(Verdict::Forward)
}

fn copy_to(
    head: &[u8],
    scene: &mut Scene<'_>,
    envelope: &Envelope,
    peer: PeerId,
) -> Result<(), DropReason> {
    let entry = scene
        .tables
        .peer_entry(peer)
        .ok_or(DropReason::UnknownPeer)?;
    let received = scene.received(head);
    let header = EgressHeader::new(
        &entry.control,
        envelope,
        received,
        envelope.pdu,
        Difference::default(),
    );
    let tail = u32::from(envelope.header);
    egress::push_copy(scene.outbox, scene.frame, &header, &[], tail, entry.port)
}

/// Everything that is not eCPRI of a known peer.
pub(super) fn bridge(head: &mut [u8], scene: &mut Scene<'_>) -> Result<Verdict, DropReason> {
    let own = scene.tables.own_on(scene.frame.port);
    if let Some(departure) = host::answer(head, scene.frame, own)? {
        return Ok(Verdict::Forward(departure));
    }
    let received = scene.received(head);
    let (ethernet, _) = Ethernet::parse(received)?;
    let policy = scene.tables.policy;
    let destination = ethernet.destination();
    match ethernet.ethertype() {
        PTP => {
            ptp_seen(scene);
            if !policy.ptp {
                return Err(DropReason::Ptp);
            }
        }
        SLOW_PROTOCOLS | LLDP | PORT_ACCESS if !policy.link_local => {
            return Err(DropReason::LinkLocal);
        }
        CFM => {
            let header = ethernet.header_len();
            if let Some(verdict) = supervise(head, scene, destination, header)? {
                return Ok(verdict);
            }
        }
        ethertype if !BRIDGED.contains(&ethertype) && !policy.other => {
            return Err(DropReason::OtherFrame);
        }
        _ => {}
    }
    by_map(scene, destination)
}

fn ptp_seen(scene: &mut Scene<'_>) {
    if scene.lcore.counters.ptp_seen == 0 {
        scene.lcore.say(scene.now, CellId(0), EventKind::PtpSeen);
    }
    scene.lcore.counters.ptp_seen += 1;
}

fn by_map(scene: &mut Scene<'_>, destination: MacAddr) -> Result<Verdict, DropReason> {
    let ingress = scene.frame.port;
    if !destination.is_group()
        && let Some(port) = scene.tables.host(destination)
    {
        if port == ingress {
            return Err(DropReason::NoRoute);
        }
        return Ok(Verdict::Forward(unchanged(scene, port)));
    }
    let tables = scene.tables;
    let ports = tables
        .flood
        .get(ingress.index())
        .map_or(&[][..], Vec::as_slice);
    let (first, others) = ports.split_first().ok_or(DropReason::NoRoute)?;
    let whole = 0..scene.frame.len;
    for port in others {
        scene
            .outbox
            .push(*port, &[], whole.clone(), 0)
            .map_err(|_| DropReason::OutboxFull)?;
    }
    let departure = unchanged(scene, *first);
    if others.is_empty() {
        return Ok(Verdict::Forward(departure));
    }
    Ok(Verdict::Fanout(departure))
}

pub(super) fn unchanged(scene: &Scene<'_>, port: PortId) -> Departure {
    Departure {
        port,
        start: scene.frame.start,
        pad: 0,
    }
}

/// CFM between an RU and the owner of its carrier supervises C/U connectivity: it goes under the
/// identities that each side expects. `None` when the sender is no configured peer.
fn supervise(
    head: &mut [u8],
    scene: &mut Scene<'_>,
    destination: MacAddr,
    header: usize,
) -> Result<Option<Verdict>, DropReason> {
    let Some(peer) = scene.lcore.trace.peer else {
        return Ok(None);
    };
    let entry = scene
        .tables
        .peer_entry(peer)
        .ok_or(DropReason::UnknownPeer)?;
    let target = if entry.kind == PeerKind::Ru {
        owner_of(scene, entry).ok_or(DropReason::NoMember)?
    } else {
        let (cell, member) = place_of(scene, peer, entry)?;
        let owns = mode_now(scene, cell).is_some_and(|mode| mode.carrier_owner() == member);
        admit(scene, cell, member, owns)?;
        ru_of(scene, cell)?
    };
    let to = scene
        .tables
        .peer_entry(target)
        .ok_or(DropReason::UnknownPeer)?;
    // Up to the EtherType, which stays.
    let kept = 12 + 4 * usize::from(to.control.tags);
    let end = usize::from(scene.frame.start) + header - 2;
    let start = end.checked_sub(kept).ok_or(DropReason::NoHeadroom)?;
    let place = head.get_mut(start..end).ok_or(DropReason::NoHeadroom)?;
    let bytes = to.control.bytes.get(..kept).unwrap_or_default();
    place.copy_from_slice(bytes);
    if destination.is_group()
        && let Some(first) = place.first_chunk_mut()
    {
        *first = destination.0;
    }
    let len = scene.frame.len + kept as u32 + 2 - header as u32;
    Ok(Some(Verdict::Forward(Departure {
        port: to.port,
        start: start as u16,
        pad: egress::padding(scene.frame.len, len),
    })))
}

/// The carrier's owner of an RU: that of its first cell.
fn owner_of(scene: &Scene<'_>, ru: &PeerEntry) -> Option<PeerId> {
    let (cell, _) = ru.cells.first()?;
    let owner = mode_now(scene, *cell)?.carrier_owner();
    peer_of(scene, *cell, owner)
}

fn peer_of(scene: &Scene<'_>, cell: CellId, member: MemberId) -> Option<PeerId> {
    let members = &scene.tables.cell(cell)?.members;
    members.get(member.index()).map(|member| member.peer)
}

/// The cell a DU speaks for when a frame names none: the one it is assigned to, or its first.
fn place_of(
    scene: &Scene<'_>,
    peer: PeerId,
    entry: &PeerEntry,
) -> Result<(CellId, MemberId), DropReason> {
    if entry.kind != PeerKind::PooledDu {
        return entry.cells.first().copied().ok_or(DropReason::NoRoute);
    }
    let assigned = scene
        .lcore
        .pool
        .get(peer.index())
        .and_then(|pool| pool.assigned);
    entry
        .cells
        .iter()
        .find(|(cell, _)| Some(*cell) == assigned)
        .copied()
        .ok_or(DropReason::Unassigned)
}

fn ru_of(scene: &Scene<'_>, cell: CellId) -> Result<PeerId, DropReason> {
    let tables = scene.tables.cell(cell).ok_or(DropReason::NoRoute)?;
    tables.ru.ok_or(DropReason::NoRoute)
}

/// The mode of the slot on air.
fn mode_now(scene: &Scene<'_>, cell: CellId) -> Option<Mode> {
    let state = scene.lcore.cells.get(cell.index())?;
    let slot = state
        .clock
        .map_or(SlotCount(u64::MAX), |clock| clock.slot_at(scene.now));
    Some(state.roles.mode(slot))
}
