//! Sharing of an RU by two members.

use super::{accepted, boundary, parse, refused, warned};
use crate::config::model::{Adaptive, CplaneStyle, PrbUse, UplinkOverlap};
use crate::ran::Duration;

const SYMBOLS: &str = "control_symbols: [0, 1] ";

#[test]
fn the_example_means_what_it_says() {
    let config = accepted(&[]);
    let sharing = &config.cells[0].sharing;
    assert_eq!(sharing.control_symbols.masks, [0b11]);
    assert_eq!(
        (sharing.source_ports[0], sharing.destination_ports[0]),
        ((0, 0), (0, 1))
    );
    assert_eq!(sharing.broadcast[1].slots, [20]);
    assert_eq!(sharing.cplane, CplaneStyle::Split);
    assert_eq!(
        sharing
            .pattern
            .destination
            .iter()
            .filter(|owner| **owner)
            .count(),
        5
    );
    let window = Duration::from_millis(10);
    assert_eq!(sharing.adaptive, Some(Adaptive { window, floor: 1 }));
    assert_eq!(sharing.prb_use, PrbUse::Announced);
    assert_eq!(sharing.uplink_overlap, UplinkOverlap::MapSectionIds);
}

#[test]
fn control_symbols_may_differ_from_slot_to_slot() {
    let config = accepted(&[(SYMBOLS, "control_symbols: [[0], [], [0, 1]]")]);
    assert_eq!(config.cells[0].sharing.control_symbols.masks, [1, 0, 3]);
    refused(
        &[(SYMBOLS, "control_symbols: [[0], 1]")],
        "cells.cell-1.sharing.control_symbols[1]",
        "is not a list",
    );
}

#[test]
fn a_symbol_lies_in_its_slot() {
    let key = "cells.cell-1.sharing.control_symbols[0]";
    let none = (
        "      broadcast:                    # the two cells' SSB and SIB1, in slots that do not meet\n        - {member: du-1, period: 40, slots: [0]}\n        - {member: du-2, period: 40, slots: [20]}\n",
        "",
    );
    accepted(&[(SYMBOLS, "control_symbols: [13]"), none]);
    refused(
        &[(SYMBOLS, "control_symbols: [14]"), none],
        key,
        "not in 0..=13",
    );
    let extended = [
        ("numerology: 1", "numerology: 2"),
        ("prefix: normal", "prefix: extended"),
    ];
    accepted(&[
        (SYMBOLS, "control_symbols: [11]"),
        none,
        extended[0],
        extended[1],
    ]);
    refused(
        &[
            (SYMBOLS, "control_symbols: [12]"),
            none,
            extended[0],
            extended[1],
        ],
        key,
        "not in 0..=11",
    );
}

#[test]
fn no_port_is_the_goal_of_both_members() {
    let edit = |to| [("destination_ports: {0: 1}", to)];
    accepted(&edit("destination_ports: {0: 1, 1: 2}"));
    let key = "cells.cell-1.sharing.destination_ports";
    refused(
        &edit("destination_ports: {0: 0}"),
        &format!("{key}.0"),
        "used by source_ports too",
    );
    refused(
        &edit("destination_ports: {0: 1, 2: 1}"),
        &format!("{key}.2"),
        "where RU_Port_ID 0 goes already",
    );
}

#[test]
fn a_port_exists_in_the_downlink_of_the_cell() {
    let edit = |to| [("destination_ports: {0: 1}", to)];
    let key = "cells.cell-1.sharing.destination_ports";
    accepted(&edit("destination_ports: {3: 3}"));
    refused(
        &edit("destination_ports: {4: 1}"),
        &format!("{key}.4"),
        "in no downlink eAxC id",
    );
    refused(
        &edit("destination_ports: {0: 4}"),
        &format!("{key}.0"),
        "no downlink of the cell",
    );
    refused(
        &edit("destination_ports: {0: 70000}"),
        &format!("{key}.0"),
        "not in 0..=65535",
    );
    refused(
        &edit("destination_ports: {x: 1}"),
        &format!("{key}.x"),
        "not a mapping from an RU_Port_ID",
    );
}

#[test]
fn ports_are_told_apart_by_the_layout_of_the_cell() {
    // With 15 bits for the other fields the port is the lowest bit: 0 and 2 are both port 0.
    let layout = ("eaxc_bits: [4, 4, 4, 4]", "eaxc_bits: [5, 5, 5, 1]");
    accepted(&[layout]);
    refused(
        &[("source_ports: {0: 0}", "source_ports: {2: 0}"), layout],
        "cells.cell-1.sharing.source_ports.2",
        "in no downlink",
    );
}

#[test]
fn broadcast_slots_of_two_members_do_not_meet() {
    let edit = |to| [("{member: du-2, period: 40, slots: [20]}", to)];
    let key = "cells.cell-1.sharing.broadcast[1]";
    accepted(&edit("{member: du-2, period: 20, slots: [1, 19]}"));
    accepted(&edit("{member: du-1, period: 40, slots: [0]}"));
    refused(
        &edit("{member: du-2, period: 40, slots: [0]}"),
        &format!("{key}.slots"),
        "slot 0 is broadcast by du-1 too",
    );
    refused(
        &edit("{member: du-2, period: 20, slots: [0]}"),
        &format!("{key}.slots"),
        "slot 0 is broadcast by du-1 too",
    );
    refused(
        &edit("{member: du-2, period: 7, slots: [3]}"),
        &format!("{key}.slots"),
        "slot 3 is broadcast by du-1 too",
    );
}

#[test]
fn a_broadcast_names_a_member_and_slots_of_its_period() {
    let edit = |to| [("{member: du-2, period: 40, slots: [20]}", to)];
    let key = "cells.cell-1.sharing.broadcast[1]";
    accepted(&edit("{member: du-2, period: 1280, slots: [1279]}"));
    refused(
        &edit("{member: du-2, period: 40, slots: [40]}"),
        &format!("{key}.slots[0]"),
        "outside the period of 40",
    );
    refused(
        &edit("{member: du-2, period: 40, slots: []}"),
        &format!("{key}.slots"),
        "at least one slot",
    );
    refused(
        &edit("{member: du-2, period: 0, slots: [20]}"),
        &format!("{key}.period"),
        "1..=1280",
    );
    refused(
        &edit("{member: du-2, period: 1281, slots: [20]}"),
        &format!("{key}.period"),
        "1..=1280",
    );
    refused(
        &edit("{member: du-3, period: 40, slots: [20]}"),
        &format!("{key}.member"),
        "did you mean du-1?",
    );
}

#[test]
fn a_pattern_has_1_to_160_letters_s_and_d() {
    let longest = format!("pattern: {}", "SD".repeat(80));
    let too_long = format!("pattern: {}", "S".repeat(161));
    let inside = ["pattern: SD", longest.as_str()];
    let outside = [
        "pattern: SSX",
        "pattern: ssd",
        "pattern: \"\"",
        too_long.as_str(),
    ];
    boundary(
        "pattern: SSSSSDDDDD",
        &inside,
        &outside,
        "cells.cell-1.sharing.pattern",
    );
}

#[test]
fn a_pattern_lead_is_at_least_one_slot() {
    let inside = ["pattern_lead: 1\n", "pattern_lead: 10240"];
    let outside = ["pattern_lead: 0", "pattern_lead: 10241"];
    boundary(
        "pattern_lead: 20",
        &inside,
        &outside,
        "cells.cell-1.sharing.pattern_lead",
    );
}

#[test]
fn an_adaptive_pattern_has_a_window_and_a_floor() {
    let from = "adaptive: {window: 10ms, floor: 1}";
    assert_eq!(
        accepted(&[(from, "adaptive: none")]).cells[0]
            .sharing
            .adaptive,
        None
    );
    accepted(&[(from, "adaptive: {}")]);
    refused(
        &[(from, "adaptive: {window: 999us}")],
        "cells.cell-1.sharing.adaptive.window",
        "1ms to 10s",
    );
    refused(
        &[(from, "adaptive: {window: 10001ms}")],
        "cells.cell-1.sharing.adaptive.window",
        "1ms to 10s",
    );
    refused(
        &[(from, "adaptive: {floor: 81}")],
        "cells.cell-1.sharing.adaptive.floor",
        "0..=80",
    );
    warned(
        &[(from, "adaptive: {floor: 6}")],
        "cells.cell-1.sharing.adaptive",
        "at most half the slots",
    );
    assert_eq!(
        parse(&[(from, "adaptive: {floor: 5}")]).unwrap().warnings,
        []
    );
}

#[test]
fn exponents_are_sampled_of_bfp_only() {
    let exponents = (
        "prb_use: announced",
        "prb_use: {exponents: {symbols: [3, 5]}}",
    );
    let symbols = 0b10_1000;
    let config = accepted(&[exponents]);
    assert_eq!(
        config.cells[0].sharing.prb_use,
        PrbUse::Exponents { symbols }
    );
    let other = ("downlink: {method: bfp", "downlink: {method: none");
    let key = "cells.cell-1.sharing.prb_use.exponents";
    refused(&[exponents, other], key, "compression.downlink.method bfp");
    let edit = |to| [("prb_use: announced", to)];
    refused(
        &edit("prb_use: {exponents: {symbols: []}}"),
        &format!("{key}.symbols"),
        "at least one symbol",
    );
    refused(
        &edit("prb_use: exponents"),
        "cells.cell-1.sharing.prb_use",
        "no way to measure",
    );
}

#[test]
fn styles_are_words() {
    let config = accepted(&[
        ("cplane: split", "cplane: owner_wins"),
        ("uplink_overlap: map_section_ids", "uplink_overlap: refuse"),
    ]);
    assert_eq!(config.cells[0].sharing.cplane, CplaneStyle::OwnerWins);
    assert_eq!(
        config.cells[0].sharing.uplink_overlap,
        UplinkOverlap::Refuse
    );
    refused(
        &[("cplane: split", "cplane: owner-wins")],
        "cells.cell-1.sharing.cplane",
        "did you mean owner_wins?",
    );
    refused(
        &[("disjoint_ue_ids: false", "disjoint_ue_ids: no")],
        "cells.cell-1.sharing.disjoint_ue_ids",
        "true or false",
    );
}

#[test]
fn control_symbols_over_a_possible_ssb_are_warned_of() {
    let key = "cells.cell-1.sharing.control_symbols";
    warned(
        &[(SYMBOLS, "control_symbols: [0, 1, 2]")],
        key,
        "takes symbol 2 of broadcast slot 0",
    );
    warned(
        &[(SYMBOLS, "control_symbols: [[0, 3], [0]]")],
        key,
        "takes symbol 3 of broadcast slot 0",
    );
    let odd_slots_only = parse(&[(SYMBOLS, "control_symbols: [[0], [0, 3]]")]).unwrap();
    assert_eq!(odd_slots_only.warnings, []);
}

#[test]
fn control_symbols_without_ports_are_warned_of() {
    warned(
        &[("source_ports: {0: 0}", "source_ports: {}")],
        "cells.cell-1.sharing.source_ports",
        "dropped while sharing",
    );
}
