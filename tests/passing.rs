//! What is not C-plane or U-plane and must survive the appliance.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "support/appliance.rs"]
mod appliance;

use appliance::*;
use ranshift::dataplane::mailbox::{Action, Boundary, EventKind};
use ranshift::dataplane::verdict::DropReason;
use ranshift::ran::Direction::Downlink;
use ranshift::ran::MemberId;
use ranshift::wire::oran::emit::ControlSection;

fn in_step() -> Appliance {
    let mut appliance = Appliance::new(&two_dus(""));
    appliance.go_to(START);
    let whole = [ControlSection::whole(0, 14)];
    appliance.receive(1, &FROM_A.control(Downlink, at(0, 0, START, 0), &whole));
    appliance.receive(2, &FROM_B.control(Downlink, at(16, 0, START, 0), &whole));
    appliance
}

/// Type 5: measurementId, actionType, timestamp, compensation.
fn delay(id: u8, action: u8) -> Vec<u8> {
    let mut pdu = vec![0x10, 5, 0, 20, id, action];
    pdu.extend([0; 18]);
    pdu
}

fn other(sender: Sender, ethertype: u16) -> Vec<u8> {
    let mut frame = sender.frame(&[0; 50]);
    let at = if sender.vlan.is_some() { 16 } else { 12 };
    frame[at..at + 2].copy_from_slice(&ethertype.to_be_bytes());
    frame
}

fn ports(left: &[Left]) -> Vec<usize> {
    left.iter().map(|left| left.port).collect()
}

#[test]
fn two_dus_measuring_under_one_id_get_each_its_own_answer() {
    let mut appliance = in_step();
    let from_a = appliance.receive(1, &FROM_A.frame(&delay(7, 0)));
    let from_b = appliance.receive(2, &FROM_B.frame(&delay(7, 0)));
    assert_eq!((from_a[0].bytes[22], from_b[0].bytes[22]), (7, 8));
    let answer_b = appliance.receive(0, &FROM_RU.frame(&delay(8, 2)));
    assert_eq!(ports(&answer_b), [2]);
    assert_eq!(answer_b[0].bytes[18], 7, "untagged: 14 + 4");
    let answer_a = appliance.receive(0, &FROM_RU.frame(&delay(7, 2)));
    assert_eq!(ports(&answer_a), [1]);
}

#[test]
fn a_measurement_of_the_ru_is_answered_through_the_owner_alone() {
    let mut appliance = in_step();
    let asked = appliance.receive(0, &FROM_RU.frame(&delay(3, 0)));
    assert_eq!(ports(&asked), [1]);
    assert_eq!(
        ports(&appliance.receive(1, &FROM_A.frame(&delay(3, 2)))),
        [0]
    );
    assert!(appliance.receive(2, &FROM_B.frame(&delay(3, 2))).is_empty());
    assert_eq!(appliance.dropped(DropReason::UnknownMeasurement), 1);
}

#[test]
fn an_answer_nobody_asked_for_goes_nowhere() {
    let mut appliance = in_step();
    assert!(
        appliance
            .receive(0, &FROM_RU.frame(&delay(9, 2)))
            .is_empty()
    );
    assert_eq!(appliance.dropped(DropReason::UnknownMeasurement), 1);
}

#[test]
fn an_event_of_the_ru_reaches_every_member_in_step() {
    let mut appliance = in_step();
    let left = appliance.receive(0, &FROM_RU.frame(&[0x10, 7, 0, 4, 1, 2, 3, 4]));
    let mut reached = ports(&left);
    reached.sort_unstable();
    assert_eq!(reached, [1, 2]);
    let to_b = left.iter().find(|left| left.port == 2).unwrap();
    assert_eq!(to_b.bytes[..6], DU_B);
}

#[test]
fn reserved_types_are_dropped_and_vendor_types_pass_as_configured_by_default() {
    let mut appliance = in_step();
    assert!(
        appliance
            .receive(1, &FROM_A.frame(&[0x10, 33, 0, 0]))
            .is_empty()
    );
    assert_eq!(appliance.dropped(DropReason::EcpriReservedType), 1);
    assert_eq!(
        ports(&appliance.receive(1, &FROM_A.frame(&[0x10, 200, 0, 0]))),
        [0]
    );
    assert!(
        appliance
            .receive(2, &FROM_B.frame(&[0x10, 200, 0, 0]))
            .is_empty()
    );
}

#[test]
fn arp_is_flooded_and_a_known_destination_is_not() {
    let mut appliance = in_step();
    let mut arp = other(FROM_RU, 0x0806);
    arp[..6].copy_from_slice(&[0xff; 6]);
    let left = appliance.receive(0, &arp);
    assert_eq!(left.len(), 2);
    assert!(
        left.iter().all(|left| left.bytes == arp),
        "bridged untouched"
    );
    let mut ip = other(FROM_RU, 0x0800);
    ip[..6].copy_from_slice(&DU_B);
    let left = appliance.receive(0, &ip);
    assert_eq!(ports(&left), [2]);
    assert_eq!(left[0].bytes, ip);
}

#[test]
fn a_frame_for_a_host_on_its_own_port_has_no_route() {
    let mut appliance = in_step();
    let mut ip = other(FROM_RU, 0x0800);
    ip[..6].copy_from_slice(&RU);
    assert!(appliance.receive(0, &ip).is_empty());
    assert_eq!(appliance.dropped(DropReason::NoRoute), 1);
}

#[test]
fn ptp_passes_with_one_warning_and_a_count() {
    let mut appliance = in_step();
    for _ in 0..3 {
        let mut ptp = other(FROM_RU, 0x88f7);
        ptp[..6].copy_from_slice(&[1, 0x1b, 0x19, 0, 0, 0]);
        assert_eq!(appliance.receive(0, &ptp).len(), 2);
    }
    let warnings = appliance
        .events
        .iter()
        .filter(|event| event.kind == EventKind::PtpSeen);
    assert_eq!(warnings.count(), 1);
    assert_eq!(appliance.worker.counters().ptp_seen, 3);
}

#[test]
fn link_local_frames_end_at_the_port_by_default() {
    let mut appliance = in_step();
    for ethertype in [0x8809, 0x88cc, 0x888e] {
        assert!(appliance.receive(0, &other(FROM_RU, ethertype)).is_empty());
    }
    assert_eq!(appliance.dropped(DropReason::LinkLocal), 3);
}

#[test]
fn connectivity_checks_run_between_the_ru_and_the_owner_under_expected_addresses() {
    let mut appliance = in_step();
    let left = appliance.receive(0, &other(FROM_RU, 0x8902));
    assert_eq!(ports(&left), [1]);
    assert_eq!(left[0].bytes[..6], DU_A);
    assert_eq!(left[0].bytes[14..18], [0xe0, 101, 0x89, 0x02]);
    let reply = appliance.receive(1, &other(FROM_A, 0x8902));
    assert_eq!(ports(&reply), [0]);
    assert_eq!(reply[0].bytes[6..12], [2, 0x0b, 0, 0, 0, 1]);
    assert!(appliance.receive(2, &other(FROM_B, 0x8902)).is_empty());
}

#[test]
fn three_tags_are_refused() {
    let mut appliance = in_step();
    let mut frame = FROM_RU.frame(&[0; 60]);
    for _ in 0..2 {
        frame.splice(12..12, [0x81, 0, 0, 5]);
    }
    assert!(appliance.receive(0, &frame).is_empty());
    assert_eq!(appliance.dropped(DropReason::VlanDepth), 1);
}

#[test]
fn a_measurement_of_a_fenced_du_goes_nowhere() {
    let mut appliance = in_step();
    let fence = Action::Fence {
        member: MemberId(1),
    };
    appliance.command(Boundary::Next, fence);
    let left = appliance.receive(2, &FROM_B.frame(&delay(7, 0)));
    assert!(left.is_empty());
    assert_eq!(appliance.dropped(DropReason::Fenced), 1);
}
