//! The generator on every example configuration, and its leads against the profile they are drawn from.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy's exemption for tests does not reach helper functions of an integration test"
)]

use ranshift::config::model::{Attachment, Peer, Transport};
use ranshift::config::{self, Config};
use ranshift::lab::{Class, Generator, LeadProfile, Plan, Sender};
use ranshift::ran::{CellId, CyclicPrefix, Duration, SlotClock};
use ranshift::wire::ethernet::{self, Ethernet};
use ranshift::wire::ipv4::Ipv4;
use ranshift::wire::ipv6::Ipv6;
use ranshift::wire::udp::Udp;
use std::collections::BTreeSet;
use std::path::Path;

fn example(name: &str) -> Config {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs");
    config::load(&path.join(name)).unwrap().config
}

fn plan(config: &Config) -> Plan {
    Plan {
        duration: Duration::from_millis(20),
        snap: Some(64),
        ..Plan::new(config)
    }
}

fn peer(config: &Config, sender: Sender) -> &Peer {
    match sender {
        Sender::Du(du) => &config.dus[usize::from(du)].peer,
        Sender::Ru(ru) => &config.rus[usize::from(ru)],
    }
}

/// Who sent something in which cell.
fn senders(config: &Config, plan: Plan) -> BTreeSet<(Sender, CellId)> {
    let mut generator = Generator::new(config, plan).unwrap();
    let mut senders = BTreeSet::new();
    while let Some(frame) = generator.next_frame() {
        senders.insert((frame.sender, frame.cell));
    }
    senders
}

#[test]
fn every_frame_carries_the_addresses_of_its_sender() {
    for name in [
        "one-cell-two-dus.yaml",
        "ten-cells.yaml",
        "pooled-backup.yaml",
        "qinq.yaml",
    ] {
        let config = example(name);
        let mut generator = Generator::new(&config, plan(&config)).unwrap();
        while let Some(frame) = generator.next_frame() {
            let peer = peer(&config, frame.sender);
            let (outer, _) = Ethernet::parse(frame.bytes).unwrap();
            assert_eq!(
                (outer.source(), outer.destination()),
                (peer.mac, peer.facing)
            );
            let user = [Class::DownlinkUser, Class::UplinkUser, Class::PrachUser];
            let vlan = match user.contains(&frame.class) {
                true => peer.vlan_user,
                false => peer.vlan_control,
            };
            assert_eq!((outer.vlans(), frame.port), (vlan, peer.port), "{name}");
        }
    }
}

#[test]
fn datagrams_carry_the_addresses_of_their_sender() {
    let config = example("udp.yaml");
    let plan = Plan {
        snap: None,
        ..plan(&config)
    };
    let mut generator = Generator::new(&config, plan).unwrap();
    let mut datagrams = 0;
    while let Some(frame) = generator.next_frame() {
        let peer = peer(&config, frame.sender);
        let Transport::Udp {
            peer_port,
            facing_port,
            ..
        } = peer.transport
        else {
            continue;
        };
        let (outer, rest) = Ethernet::parse(frame.bytes).unwrap();
        let (datagram, sum) = match outer.ethertype() {
            ethernet::IPV4 => {
                let (ip, datagram) = Ipv4::parse(rest).unwrap();
                (datagram, ip.pseudo_sum())
            }
            _ => {
                let (ip, datagram) = Ipv6::parse(rest).unwrap();
                (datagram, ip.pseudo_sum())
            }
        };
        let (udp, payload) = Udp::parse(datagram).unwrap();
        assert_eq!(
            (udp.source_port(), udp.destination_port()),
            (peer_port, facing_port)
        );
        assert!(udp.checksum_holds(sum, payload) && udp.checksum() != 0);
        datagrams += 1;
    }
    assert!(datagrams > 100);
}

#[test]
fn every_dedicated_member_speaks_in_its_cell_and_a_pooled_one_nowhere() {
    for name in ["ten-cells.yaml", "pooled-backup.yaml"] {
        let config = example(name);
        let mut expected = BTreeSet::new();
        for (id, cell) in config.cells.iter().enumerate() {
            let id = CellId(id as u16);
            expected.insert((Sender::Ru(cell.ru.unwrap() as u16), id));
            let members = cell.members.iter().map(|member| member.du.unwrap());
            let dedicated =
                members.filter(|du| config.dus[*du].attachment == Attachment::Dedicated);
            expected.extend(dedicated.map(|du| (Sender::Du(du as u16), id)));
        }
        assert_eq!(senders(&config, plan(&config)), expected, "{name}");
    }
}

#[test]
fn a_pooled_du_speaks_where_it_is_told_to() {
    let config = example("pooled-backup.yaml");
    let backup = config
        .dus
        .iter()
        .position(|du| du.attachment == Attachment::Pooled);
    let backup = backup.unwrap();
    let mut plan = plan(&config);
    plan.dus[backup].serves = Some(vec![CellId(3)]);
    let spoke = senders(&config, plan);
    let cells = spoke
        .iter()
        .filter(|(sender, _)| *sender == Sender::Du(backup as u16));
    assert!(cells.map(|(_, cell)| *cell).eq([CellId(3)]));
}

/// Captures whose stalls are longer than a slot: those delay the slots behind them as well.
const STALLING: [&str; 2] = [
    "n78_100MHz_2T2R_bfp9_vlan100_jumbo",
    "two_du_same_cell_du1_stops_headers",
];

#[test]
fn leads_are_distributed_as_captured() {
    let config = example("one-cell-two-dus.yaml");
    let clock = SlotClock::from_gps(config.cells[0].numerology, CyclicPrefix::Normal, 0, 0);
    let class = Class::DownlinkControl;
    for profile in LeadProfile::all() {
        if STALLING.contains(&profile.name) {
            continue;
        }
        let mut plan = plan(&config);
        plan.duration = Duration::from_millis(2_000);
        plan.dus[0].leads = profile;
        let mut generator = Generator::new(&config, plan).unwrap();
        let mut leads = Vec::new();
        while let Some(frame) = generator.next_frame() {
            let first = frame.sender == Sender::Du(0) && frame.stream.0 == 0;
            if first && frame.class == class {
                leads.push(clock.air(frame.slot, 0).nanos_since(frame.at));
            }
        }
        leads.sort_unstable();
        for share in [0.25, 0.5, 0.75, 0.95] {
            let drawn = leads[(leads.len() as f64 * share) as usize];
            let below = profile.lead(class, share - 0.04) - 1_000;
            let above = profile.lead(class, share + 0.04) + 1_000;
            assert!(
                (below..above).contains(&drawn),
                "{} {share}: {drawn}",
                profile.name
            );
        }
    }
}
