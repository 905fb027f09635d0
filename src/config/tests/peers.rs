//! Ports, RUs, DUs and the bridge.

use super::{accepted, boundary, refused, warned};
use crate::config::model::{Attachment, Pass, Transport};
use crate::ran::{MacAddr, PortId, VlanId, VlanStack};

const RU_VLAN: &str = "    vlan: 100\n\ndus:";
const DU_2: &str = "    vlan: 100\n    attachment: dedicated\n\ncells:";

fn ru_vlan(value: &str) -> String {
    format!("    vlan: {value}\n\ndus:")
}

#[test]
fn the_example_means_what_it_says() {
    let config = accepted(&[]);
    assert_eq!(config.ports.len(), 3);
    assert_eq!(config.ports[1].mtu, 9000);
    assert!(
        config.ports[0]
            .device
            .as_ref()
            .unwrap()
            .starts_with("net_pcap0,rx_pcap=")
    );
    let ru = &config.rus[0];
    assert_eq!((ru.name.as_str(), ru.port, ru.pcp), ("ru-1", PortId(0), 7));
    assert_eq!(ru.mac, MacAddr([2, 0xa0, 0, 0, 0, 1]));
    assert_eq!(ru.facing, MacAddr([2, 0xd0, 0, 0, 0, 1]));
    assert_eq!(
        ru.vlan_control,
        VlanStack::single(VlanId::new(100).unwrap())
    );
    assert_eq!(ru.transport, Transport::Ethernet);
    assert_eq!(config.dus[1].attachment, Attachment::Dedicated);
    assert_eq!(
        config.bridge.flood,
        [vec![PortId(1), PortId(2)], vec![PortId(0)], vec![PortId(0)]]
    );
    assert_eq!(config.bridge.link_local, Pass::Drop);
    assert!(!config.ecpri.lenient_size);
}

#[test]
fn an_mtu_has_bounds() {
    let from = "ru-side: {mtu: 9000";
    let inside = ["ru-side: {mtu: 512", "ru-side: {mtu: 16000"];
    let outside = [
        "ru-side: {mtu: 511",
        "ru-side: {mtu: 16001",
        "ru-side: {mtu: -1",
        "ru-side: {mtu: x",
    ];
    boundary(from, &inside, &outside, "ports.ru-side.mtu");
}

#[test]
fn two_ports_do_not_open_one_device() {
    refused(
        &[("net_pcap1,", "net_pcap0,")],
        "ports.du-1-side.device",
        "device of port ru-side already",
    );
}

#[test]
fn a_priority_has_three_bits() {
    let with = |pcp: &str| format!("    pcp: {pcp}\n    vlan: 100\n\ndus:");
    let (zero, seven, eight) = (with("0"), with("7"), with("8"));
    boundary(RU_VLAN, &[&zero, &seven], &[&eight], "rus.ru-1.pcp");
}

#[test]
fn a_vlan_id_ends_at_4094() {
    let (first, last, beyond) = (ru_vlan("0"), ru_vlan("4094"), ru_vlan("4095"));
    boundary(
        RU_VLAN,
        &[&first, &last, &ru_vlan("none")],
        &[&beyond],
        "rus.ru-1.vlan",
    );
}

#[test]
fn two_vlan_ids_are_outer_and_inner() {
    let config = accepted(&[(RU_VLAN, &ru_vlan("[2000, 11]"))]);
    assert_eq!(
        config.rus[0].vlan_user.ids().collect::<Vec<_>>(),
        [2000, 11]
    );
    refused(
        &[(RU_VLAN, &ru_vlan("[1, 2, 3]"))],
        "rus.ru-1.vlan",
        "not an outer and an inner id",
    );
    refused(
        &[(RU_VLAN, &ru_vlan("[1]"))],
        "rus.ru-1.vlan",
        "not an outer and an inner id",
    );
    refused(
        &[(RU_VLAN, &ru_vlan("[1, 4095]"))],
        "rus.ru-1.vlan[1]",
        "not in 0..=4094",
    );
}

#[test]
fn the_planes_may_have_vlans_of_their_own() {
    let config = accepted(&[(RU_VLAN, &ru_vlan("{control: 11, user: none}"))]);
    assert_eq!(config.rus[0].vlan_control.ids().collect::<Vec<_>>(), [11]);
    assert_eq!(config.rus[0].vlan_user, VlanStack::NONE);
    refused(
        &[(RU_VLAN, &ru_vlan("{control: 11}"))],
        "rus.ru-1.vlan.user",
        "is missing",
    );
}

#[test]
fn a_peer_does_not_face_itself() {
    let edit = ("facing: 02:d0:00:00:00:01 ", "facing: 02:a0:00:00:00:01 ");
    refused(&[edit], "rus.ru-1.facing", "the peer's own mac");
}

#[test]
fn a_station_has_no_group_address() {
    let mac = |to| ("    mac: 02:a0:00:00:00:01", to);
    refused(
        &[mac("    mac: 03:a0:00:00:00:01")],
        "rus.ru-1.mac",
        "group address",
    );
    refused(
        &[mac("    mac: 00:00:00:00:00:00")],
        "rus.ru-1.mac",
        "no address",
    );
    refused(
        &[mac("    mac: 02:a0:00:00:00")],
        "rus.ru-1.mac",
        "not a MAC address",
    );
}

#[test]
fn a_port_that_does_not_exist_is_refused_with_the_nearest_name() {
    refused(
        &[("port: du-2-side", "port: du2-side")],
        "dus.du-2.port",
        "did you mean du-2-side?",
    );
    refused(
        &[("port: du-2-side", "port: backbone")],
        "dus.du-2.port",
        "accepted: ru-side, du-1-side, du-2-side",
    );
}

#[test]
fn an_attachment_is_one_of_two_words() {
    let pooled = DU_2.replace("dedicated", "pooled");
    let slip = DU_2.replace("dedicated", "pooledd");
    assert_eq!(
        accepted(&[(DU_2, &pooled)]).dus[1].attachment,
        Attachment::Pooled
    );
    refused(
        &[(DU_2, &slip)],
        "dus.du-2.attachment",
        "did you mean pooled?",
    );
}

#[test]
fn two_peers_do_not_share_port_address_and_vlan() {
    let same_mac = ("mac: 02:d0:00:00:00:02", "mac: 02:d0:00:00:00:01");
    accepted(&[same_mac]);
    let same_port = ("port: du-2-side", "port: du-1-side");
    accepted(&[same_port]);
    refused(
        &[same_mac, same_port],
        "dus.du-2.mac",
        "is the address of du-1 too",
    );
    accepted(&[same_mac, same_port, (DU_2, &DU_2.replace("100", "101"))]);
    let one_plane = DU_2.replace("100", "{control: 101, user: 100}");
    refused(
        &[same_mac, same_port, (DU_2, &one_plane)],
        "dus.du-2.mac",
        "same port and VLAN (100)",
    );
}

#[test]
fn an_ru_and_a_du_have_different_names() {
    let edits = [
        ("  du-1:\n    port", "  ru-1:\n    port"),
        ("      du-1: {}", "      ru-1: {}"),
        ("active: du-1", "active: ru-1"),
        ("member: du-1", "member: ru-1"),
    ];
    refused(&edits, "dus.ru-1", "is the name of an RU already");
}

const UDP_RU: &str = "    vlan: 100\n    transport: {udp: {peer: 10.0.0.1, facing: 10.0.0.2, peer_port: 1, facing_port: 65535}}\n\ndus:";
const DU_1: (&str, &str) = (
    "    vlan: 100\n    attachment: dedicated           #",
    "    vlan: 100\n    transport: {udp: {peer: 10.0.0.2, facing: 10.0.0.1, peer_port: 5, facing_port: 5}}\n    attachment: dedicated           #",
);

fn udp_du_2(peer: &str, facing: &str) -> String {
    format!(
        "    vlan: 100\n    transport: {{udp: {{peer: \"{peer}\", facing: \"{facing}\", peer_port: 5, facing_port: 5}}}}\n    attachment: dedicated\n\ncells:"
    )
}

#[test]
fn a_cell_may_run_over_udp_as_a_whole() {
    let config = accepted(&[
        (RU_VLAN, UDP_RU),
        DU_1,
        (DU_2, &udp_du_2("10.0.0.3", "10.0.0.1")),
    ]);
    assert!(matches!(
        config.rus[0].transport,
        Transport::Udp {
            facing_port: 65_535,
            ..
        }
    ));
}

#[test]
fn ethernet_and_udp_do_not_mix_within_a_cell() {
    let text = super::edited(&[(RU_VLAN, UDP_RU), DU_1]);
    let problems = crate::config::parse(&text, "test.yaml").unwrap_err();
    let text = problems.to_string();
    assert!(
        text.contains("members.du-2: is reached over Ethernet and ru-1 over UDP and IPv4"),
        "{text}"
    );
    assert_eq!(problems.problems.len(), 1);
}

#[test]
fn both_ip_families_do_not_mix_within_a_cell() {
    let du_2 = udp_du_2("fd00::3", "fd00::1");
    let text = super::edited(&[(RU_VLAN, UDP_RU), DU_1, (DU_2, &du_2)]);
    let problems = crate::config::parse(&text, "test.yaml").unwrap_err();
    assert!(
        problems
            .to_string()
            .contains("du-2: is reached over UDP and IPv6"),
        "{problems}"
    );
}

#[test]
fn both_addresses_of_a_peer_are_of_one_family_and_differ() {
    for (facing, what) in [
        ("fd00::1", "same family"),
        ("10.0.0.3", "own address"),
        ("224.0.0.1", "one station"),
        ("x", "one station"),
    ] {
        let du_2 = udp_du_2("10.0.0.3", facing);
        let text = super::edited(&[(RU_VLAN, UDP_RU), DU_1, (DU_2, &du_2)]);
        let problems = crate::config::parse(&text, "test.yaml").unwrap_err();
        assert_eq!(problems.problems.len(), 1, "{problems}");
        assert_eq!(problems.problems[0].key, "dus.du-2.transport.udp.facing");
        assert!(problems.to_string().contains(what), "{problems}");
    }
}

#[test]
fn an_unused_peer_is_warned_of() {
    let third = "  du-3: {port: du-2-side, mac: 02:d0:00:00:00:03, facing: 02:a0:00:00:00:01, vlan: 1, attachment: pooled}\n\ncells:";
    warned(&[("\ncells:", third)], "dus.du-3", "is in no cell");
}

#[test]
fn a_port_does_not_flood_to_itself_or_twice_to_another() {
    let flood = |to| ("flood: {ru-side: [du-1-side, du-2-side]", to);
    refused(
        &[flood("flood: {ru-side: [ru-side]")],
        "bridge.flood.ru-side[0]",
        "ingress port itself",
    );
    refused(
        &[flood("flood: {ru-side: [du-1-side, du-1-side]")],
        "bridge.flood.ru-side[1]",
        "named twice",
    );
    refused(
        &[flood("flood: {ru-sidee: [du-1-side]")],
        "bridge.flood.ru-sidee",
        "did you mean ru-side?",
    );
}

#[test]
fn a_host_has_an_address_of_its_own() {
    let hosts = |to| ("hosts: []", to);
    accepted(&[hosts("hosts: [{mac: 02:00:00:00:00:99, port: ru-side}]")]);
    accepted(&[hosts("hosts: [{mac: 02:a0:00:00:00:01, port: ru-side}]")]);
    refused(
        &[hosts("hosts: [{mac: 02:a0:00:00:00:01, port: du-1-side}]")],
        "bridge.hosts[0]",
        "address of ru-1",
    );
    let twice =
        "hosts: [{mac: 02:00:00:00:00:99, port: ru-side}, {mac: 02:00:00:00:00:99, port: ru-side}]";
    refused(&[hosts(twice)], "bridge.hosts[1].mac", "named twice");
}
