//! Every C/U-plane frame that leaves carries the addresses of its egress peer: MAC, VLAN ids, IP and UDP,
//! and the eAxC id that this peer uses for the stream.

use super::super::packet::Packet;
use super::super::run::{Fact, Run};
use super::super::settings::Peer;
use super::super::timeline::Mode;
use super::super::verdict::{Rule, Verdict};

/// Judges every output frame whose link was proved.
pub fn judge(run: &Run, verdict: &mut Verdict) {
    for (index, sent) in run.sent.iter().enumerate() {
        let Some(source) = sent.source else { continue };
        if sent.packet.messages.is_empty() {
            continue;
        }
        verdict.examine(Rule::Addresses);
        if let Some(text) = frame_fault(run, index, source) {
            verdict.refuse(
                Rule::Addresses,
                run.sent_place(index),
                run.seen_place(source),
                || text,
            );
            continue;
        }
        for (message, source, _, fact) in run.origins(index) {
            let eaxc = message.stream.map_or(0, |stream| stream.eaxc);
            if let Some(text) = stream_fault(run, index, fact, eaxc) {
                verdict.refuse(
                    Rule::Addresses,
                    run.sent_place(index),
                    run.seen_place(source),
                    || text,
                );
            }
        }
    }
}

fn frame_fault(run: &Run, index: usize, source: usize) -> Option<String> {
    let (sent, seen) = (&run.sent[index], &run.seen[source]);
    let packet = &sent.packet;
    let bridged =
        packet.destination == seen.packet.destination && packet.source == seen.packet.source;
    if !packet.is_fronthaul() && bridged {
        return None;
    }
    let Some(index) = sent.peer else {
        return Some(format!(
            "no peer on this port is {:02x?} with VLAN {:?}",
            packet.destination,
            packet.vlans()
        ));
    };
    let peer = &run.inputs.settings.peers[index];
    let facts = seen.facts.iter().flatten();
    for fact in facts {
        let cell = &run.inputs.settings.cells[fact.cell];
        let right = match fact.member {
            Some(_) => index == cell.ru,
            None => cell.members.iter().any(|member| member.peer == index),
        };
        if !right {
            return Some(format!("{} has no part in cell {}", peer.name, cell.name));
        }
    }
    if packet.source != peer.facing {
        return Some(format!(
            "source {:02x?} where {} expects {:02x?}",
            packet.source, peer.name, peer.facing
        ));
    }
    tag_fault(packet, peer, seen.packet.tags.len()).or_else(|| transport_fault(packet, peer))
}

fn tag_fault(packet: &Packet, peer: &Peer, tags_before: usize) -> Option<String> {
    let expected = match packet.messages.first()?.kind {
        0 => &peer.vlan_user,
        _ => &peer.vlan_control,
    };
    if packet.vlans() != *expected {
        return Some(format!(
            "VLAN {:?} where {} expects {expected:?}",
            packet.vlans(),
            peer.name
        ));
    }
    let added = tags_before == 0
        && packet
            .tags
            .iter()
            .any(|tci| tci >> 13 != u16::from(peer.pcp));
    added.then(|| format!("an added tag has not PCP {}", peer.pcp))
}

fn transport_fault(packet: &Packet, peer: &Peer) -> Option<String> {
    match (&packet.datagram, &peer.udp) {
        (None, None) => None,
        (None, Some(_)) => Some(format!("not over UDP, as {} expects", peer.name)),
        (Some(_), None) => Some(format!("over UDP, which {} does not expect", peer.name)),
        (Some(datagram), Some(udp)) => {
            let addressed =
                datagram.addresses == (udp.facing, udp.peer) && datagram.ports.1 == udp.peer_port;
            if !addressed {
                return Some(format!(
                    "{:?} {:?} are not {}'s",
                    datagram.addresses, datagram.ports, peer.name
                ));
            }
            (!datagram.sound).then(|| "an IP or UDP length or checksum is wrong".to_owned())
        }
    }
}

fn stream_fault(run: &Run, index: usize, fact: Fact, eaxc: u16) -> Option<String> {
    let settings = &run.inputs.settings;
    let cell = &settings.cells[fact.cell];
    let (list, position) = fact.stream;
    let own = cell.streams.lists[list as usize].get(position).copied();
    if fact.member.is_none() {
        let peer = run.sent[index].peer?;
        let member = cell.members.iter().find(|member| member.peer == peer)?;
        let theirs = member.streams.lists[list as usize].get(position).copied();
        return (theirs != Some(eaxc))
            .then(|| format!("eAxC {eaxc:#06x} where the DU uses {theirs:x?}"));
    }
    if matches!(
        run.timelines[fact.cell].segment(fact.slot).mode,
        Mode::Shared(..)
    ) && fact.downlink
    {
        let known = cell.streams.lists[list as usize].contains(&eaxc);
        return (!known).then(|| format!("eAxC {eaxc:#06x} is not one of the RU's"));
    }
    (own != Some(eaxc)).then(|| format!("eAxC {eaxc:#06x} where the RU uses {own:x?}"))
}
