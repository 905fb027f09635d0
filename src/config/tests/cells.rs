//! Carrier, streams and timing of a cell.

use super::{accepted, boundary, refused, warned};
use crate::config::model::{Periods, TimeSource};
use crate::ran::{CyclicPrefix, Duration, EaxcId};

#[test]
fn the_example_means_what_it_says() {
    let config = accepted(&[]);
    let cell = &config.cells[0];
    assert_eq!(cell.streams.prach, [4, 5, 6, 7].map(EaxcId));
    assert_eq!(cell.downlink_compression.method, 1);
    assert!(cell.downlink_compression.header);
    assert_eq!(cell.time, TimeSource::Gps { alpha: 0, beta: 0 });
    assert_eq!(cell.transmit.uplink_control, Duration::from_micros(285));
    assert_eq!(
        cell.periods,
        Periods {
            tdd: 10,
            ssb: Some(40),
            prach: Some(20)
        }
    );
}

#[test]
fn absent_keys_have_the_documented_defaults() {
    let config = accepted(&[
        ("    cyclic_prefix: normal\n", ""),
        ("    eaxc_bits: [4, 4, 4, 4]", "    #"),
        ("    step_window: 20ms", "    #"),
        ("    step_memory: 100ms\n", ""),
        ("    late_tolerance: 10ms", "    #"),
        ("    largest_lead: 2ms\n", ""),
        ("    transmit_window_end:", "    #"),
        (", alpha: 0, beta: 0", ""),
    ]);
    let mut cell = config.cells[0].clone();
    assert_eq!(cell.transmit.downlink_control, Duration::default());
    cell.transmit = accepted(&[]).cells[0].transmit;
    assert_eq!(cell, accepted(&[]).cells[0]);
}

#[test]
fn a_numerology_is_0_to_4() {
    let inside = ["numerology: 0", "numerology: 4", "numerology: 0x3"];
    boundary(
        "numerology: 1",
        &inside,
        &["numerology: 5", "numerology: 1.0"],
        "cells.cell-1.numerology",
    );
}

#[test]
fn the_extended_prefix_exists_with_numerology_2_only() {
    let extended = ("cyclic_prefix: normal", "cyclic_prefix: extended");
    let config = accepted(&[extended, ("numerology: 1", "numerology: 2")]);
    assert_eq!(config.cells[0].prefix, CyclicPrefix::Extended);
    refused(
        &[extended],
        "cells.cell-1.cyclic_prefix",
        "numerology 2 only, and this cell has 1",
    );
}

#[test]
fn a_carrier_has_1_to_275_prbs() {
    let inside = ["carrier_prbs: 1 ", "carrier_prbs: 275"];
    boundary(
        "carrier_prbs: 51",
        &inside,
        &["carrier_prbs: 0", "carrier_prbs: 276"],
        "cells.cell-1.carrier_prbs",
    );
}

#[test]
fn the_eaxc_bits_sum_to_16() {
    let inside = ["eaxc_bits: [0, 0, 8, 8]", "eaxc_bits: [6, 3, 4, 3]"];
    let outside = [
        "eaxc_bits: [4, 4, 4, 5]",
        "eaxc_bits: [4, 4, 4, 3]",
        "eaxc_bits: [8, 8]",
        "eaxc_bits: 16",
    ];
    boundary(
        "eaxc_bits: [4, 4, 4, 4]",
        &inside,
        &outside,
        "cells.cell-1.eaxc_bits",
    );
}

#[test]
fn an_eaxc_id_has_16_bits() {
    let from = "prach: [4, 5, 6, 7]";
    accepted(&[(from, "prach: [4, 5, 6, 65535]")]);
    accepted(&[(from, "prach: [4, 5, 6, 0xFFFF]")]);
    refused(
        &[(from, "prach: [4, 5, 6, 65536]")],
        "cells.cell-1.eaxc.prach[3]",
        "not in 0..=65535",
    );
    refused(
        &[(from, "prach: [4, 5, 6, -1]")],
        "cells.cell-1.eaxc.prach[3]",
        "not in 0..=65535",
    );
}

#[test]
fn an_eaxc_id_stands_for_one_stream_of_a_direction() {
    let from = "prach: [4, 5, 6, 7]";
    refused(
        &[(from, "prach: [0, 5, 6, 7]")],
        "cells.cell-1.eaxc.prach[0]",
        "used twice in one direction",
    );
    refused(
        &[(from, "prach: [4, 5, 6, 4]")],
        "cells.cell-1.eaxc.prach[3]",
        "used twice in one direction",
    );
}

#[test]
fn a_cell_has_a_downlink_and_at_most_64_streams() {
    let without = (
        "      du-2:                         # has its own, in the same order\n        eaxc: {downlink: [16, 17, 18, 19], uplink: [16, 17, 18, 19], prach: [20, 21, 22, 23]}",
        "      du-2: {}",
    );
    let uplink = |count: usize| {
        let ids: Vec<String> = (100..100 + count).map(|id| id.to_string()).collect();
        format!(
            "    eaxc:\n      downlink: [0, 1, 2, 3]\n      uplink: [{}]",
            ids.join(", ")
        )
    };
    let from = "    eaxc:                           # as the RU knows them\n      downlink: [0, 1, 2, 3]\n      uplink: [0, 1, 2, 3]";
    accepted(&[(from, &uplink(56)), without]);
    refused(
        &[(from, &uplink(57)), without],
        "cells.cell-1.eaxc",
        "at most 64 streams",
    );
    let no_downlink = ("downlink: [0, 1, 2, 3]", "downlink: []");
    let no_sharing = [
        ("source_ports: {0: 0}", "source_ports: {}"),
        ("destination_ports: {0: 1}", "destination_ports: {}"),
    ];
    refused(
        &[no_downlink, without, no_sharing[0], no_sharing[1]],
        "cells.cell-1.eaxc.downlink",
        "at least one",
    );
}

#[test]
fn a_compression_has_a_method_a_width_and_a_header() {
    let from = "uplink: {method: bfp, width: 9, header: dynamic}";
    let key = "cells.cell-1.compression.uplink";
    let config = accepted(&[(
        from,
        "uplink: {method: modulation_selective_masked, width: 16, header: static}",
    )]);
    let compression = config.cells[0].uplink_compression;
    assert_eq!(
        (compression.method, compression.width, compression.header),
        (8, 16, false)
    );
    accepted(&[(from, "uplink: {method: none, width: 1, header: static}")]);
    let edit = |to| [(from, to)];
    refused(
        &edit("uplink: {method: bpf, width: 9, header: dynamic}"),
        &format!("{key}.method"),
        "did you mean bfp?",
    );
    refused(
        &edit("uplink: {method: bfp, width: 17, header: dynamic}"),
        &format!("{key}.width"),
        "1..=16",
    );
    refused(
        &edit("uplink: {method: bfp, width: 0, header: dynamic}"),
        &format!("{key}.width"),
        "1..=16",
    );
    refused(
        &edit("uplink: {method: bfp, width: 9, header: yes}"),
        &format!("{key}.header"),
        "dynamic or static",
    );
    refused(
        &edit("uplink: {method: bfp, width: 9}"),
        &format!("{key}.header"),
        "is missing",
    );
}

#[test]
fn alpha_and_beta_shift_gps_time_only() {
    let from = "time: {source: gps, alpha: 0, beta: 0}";
    let config = accepted(&[(from, "time: {source: gps, alpha: 12288000, beta: -32768}")]);
    let expected = TimeSource::Gps {
        alpha: 12_288_000,
        beta: -32_768,
    };
    assert_eq!(config.cells[0].time, expected);
    assert_eq!(
        accepted(&[(from, "time: {source: headers}")]).cells[0].time,
        TimeSource::Headers
    );
    let edit = |to| [(from, to)];
    refused(
        &edit("time: {source: gps, alpha: 12288001}"),
        "cells.cell-1.time.alpha",
        "not in 0..=12288000",
    );
    refused(
        &edit("time: {source: gps, beta: 32768}"),
        "cells.cell-1.time.beta",
        "not in -32768..=32767",
    );
    refused(
        &edit("time: {source: gps, beta: -32769}"),
        "cells.cell-1.time.beta",
        "not in -32768..=32767",
    );
    refused(
        &edit("time: {source: headers, beta: 1}"),
        "cells.cell-1.time.beta",
        "shifts GPS time only",
    );
}

#[test]
fn the_step_window_is_below_half_the_circle_of_frame_ids() {
    let inside = ["step_window: 1us", "step_window: 1279999999ns"];
    let outside = [
        "step_window: 1280ms",
        "step_window: 999ns",
        "step_window: 20",
        "step_window: [20ms]",
    ];
    boundary(
        "step_window: 20ms",
        &inside,
        &outside,
        "cells.cell-1.step_window",
    );
}

#[test]
fn late_tolerance_and_largest_lead_together_are_below_half_the_circle() {
    let lead = ("largest_lead: 2ms", "largest_lead: 280ms");
    accepted(&[
        ("late_tolerance: 10ms", "late_tolerance: 999999999ns"),
        lead,
    ]);
    refused(
        &[("late_tolerance: 10ms", "late_tolerance: 1s"), lead],
        "cells.cell-1.late_tolerance",
        "a sum of 1280ms",
    );
}

#[test]
fn a_transmit_window_closes_after_it_opens() {
    let from = "downlink_user: 85us";
    let key = "cells.cell-1.transmit_window_end.downlink_user";
    boundary(
        from,
        &["downlink_user: 0us", "downlink_user: 2ms"],
        &["downlink_user: 2000001ns"],
        key,
    );
}

#[test]
fn the_pattern_of_liveness_has_at_most_1280_slots() {
    accepted(&[("ssb: 40", "ssb: 1280")]);
    refused(
        &[("ssb: 40", "ssb: 1281")],
        "cells.cell-1.periods.ssb",
        "not in 1..=1280",
    );
    refused(
        &[("ssb: 40", "ssb: 0")],
        "cells.cell-1.periods.ssb",
        "not in 1..=1280",
    );
    refused(
        &[("periods: {tdd: 10, ssb: 40", "periods: {tdd: 10, ssb: 97")],
        "cells.cell-1.periods",
        "multiple of 1940 slots",
    );
}

#[test]
fn a_drifting_period_is_warned_of_without_gps_time() {
    let headers = ("source: gps, alpha: 0, beta: 0", "source: headers");
    let seven = ("tdd: 10, ssb: 40, prach: 20", "tdd: 7");
    warned(
        &[headers, seven],
        "cells.cell-1.periods",
        "start anew every 5120 slots",
    );
    assert_eq!(super::parse(&[seven]).unwrap().warnings, []);
    assert_eq!(super::parse(&[headers]).unwrap().warnings, []);
}

#[test]
fn an_ru_that_does_not_exist_is_refused_with_the_nearest_name() {
    refused(
        &[("    ru: ru-1", "    ru: ur-1")],
        "cells.cell-1.ru",
        "did you mean ru-1?",
    );
}
