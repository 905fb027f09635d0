//! Members, liveness, failover, and what several cells claim of one DU or RU.

use super::{accepted, boundary, edited, refused, warned};
use crate::config::model::Signal;
use crate::ran::{Duration, EaxcId, MemberId};

#[test]
fn the_example_means_what_it_says() {
    let config = accepted(&[]);
    let cell = &config.cells[0];
    assert_eq!(cell.members[0].streams, cell.streams);
    assert_eq!(cell.members[1].streams.downlink[0], EaxcId(16));
    assert_eq!((cell.members[1].du, cell.active), (Some(1), MemberId(0)));
    assert_eq!(cell.failover.standby, [MemberId(1)]);
    assert_eq!(cell.failover.damping, Duration::from_millis(10_000));
}

#[test]
fn absent_sections_arm_nothing_and_keep_liveness_on() {
    let text = edited(&[]);
    let start = text.find("    liveness:").unwrap();
    let end = text.find("\nbridge:").unwrap();
    let text = format!("{}{}", &text[..start], &text[end..]);
    let loaded = crate::config::parse(&text, "test.yaml").unwrap();
    let cell = &loaded.config.cells[0];
    assert!(cell.liveness.enabled);
    assert_eq!((cell.liveness.history, cell.liveness.confirm), (20, 1));
    assert_eq!(cell.liveness.grace, Duration::from_micros(250));
    assert_eq!(cell.failover.standby, []);
    assert_eq!(cell.sharing.pattern.destination, [false]);
    assert_eq!(cell.sharing.control_symbols.masks, [0]);
    assert_eq!(cell.sharing.adaptive, None);
}

#[test]
fn the_grace_is_half_a_slot_of_the_cell_unless_written() {
    let config = accepted(&[
        ("      grace: 250us\n", ""),
        ("numerology: 1", "numerology: 3"),
    ]);
    assert_eq!(config.cells[0].liveness.grace, Duration::from_nanos(62_500));
}

#[test]
fn a_member_uses_as_many_eaxc_ids_as_the_cell() {
    let edit = |to| [("uplink: [16, 17, 18, 19]", to)];
    let key = "cells.cell-1.members.du-2.eaxc.uplink";
    refused(&edit("uplink: [16, 17, 18]"), key, "3 eAxC ids");
    refused(
        &edit("uplink: [16, 17, 18, 19, 24]"),
        key,
        "4 eAxC ids, as in the cell's own list",
    );
}

#[test]
fn a_member_is_a_du() {
    let edits = [
        ("      du-2:    ", "      du-3:    "),
        ("standby: [du-2]", "standby: []"),
        ("member: du-2", "member: du-3"),
    ];
    let text = edited(&edits);
    let problems = crate::config::parse(&text, "test.yaml").unwrap_err();
    assert_eq!(problems.problems.len(), 1, "{problems}");
    assert!(
        problems
            .to_string()
            .contains("members.du-3: names no DU: did you mean du-1?"),
        "{problems}"
    );
}

#[test]
fn a_group_has_one_to_eight_members() {
    let group = |count: usize| {
        let names: Vec<String> = (1..=count).map(|n| format!("du-{n}: {{}}")).collect();
        let dus = (3..=count).map(|n| {
            format!("  du-{n}: {{port: du-2-side, mac: 02:d0:00:00:00:0{n}, facing: 02:a0:00:00:00:01, vlan: 100, attachment: dedicated}}\n")
        });
        let text = edited(&[("\ncells:", &format!("{}\ncells:", dus.collect::<String>()))]);
        let start = text.find("    members:").unwrap();
        let end = text.find("    active: du-1").unwrap();
        format!(
            "{}    members: {{{}}}\n{}",
            &text[..start],
            names.join(", "),
            &text[end..]
        )
    };
    let judge = |count| crate::config::parse(&group(count), "test.yaml");
    assert_eq!(judge(8).unwrap().config.cells[0].members.len(), 8);
    let problems = judge(9).unwrap_err();
    assert_eq!(problems.problems.len(), 1, "{problems}");
    assert!(
        problems
            .to_string()
            .contains("members: is no group (found a mapping of 9)"),
        "{problems}"
    );
    let empty = judge(0).unwrap_err();
    assert!(
        empty
            .to_string()
            .contains("members: is no group (found a mapping of 0)"),
        "{empty}"
    );
}

#[test]
fn the_active_one_is_a_member() {
    refused(
        &[("active: du-1", "active: du-5")],
        "cells.cell-1.active",
        "accepted: du-1, du-2",
    );
}

#[test]
fn a_standby_is_another_member_and_named_once() {
    let edit = |to| [("standby: [du-2]", to)];
    refused(
        &edit("standby: [du-1]"),
        "cells.cell-1.failover.standby[0]",
        "is the active member",
    );
    refused(
        &edit("standby: [du-2, du-2]"),
        "cells.cell-1.failover.standby[1]",
        "is named twice",
    );
    refused(
        &edit("standby: [du-22]"),
        "cells.cell-1.failover.standby[0]",
        "did you mean du-2?",
    );
    refused(
        &edit("standby: du-2"),
        "cells.cell-1.failover.standby",
        "is not a list",
    );
}

#[test]
fn a_history_is_1_to_255_periods() {
    let inside = ["history: 1 ", "history: 255"];
    boundary(
        "history: 20",
        &inside,
        &["history: 0", "history: 256"],
        "cells.cell-1.liveness.history",
    );
}

#[test]
fn at_least_one_empty_slot_confirms_a_loss() {
    boundary(
        "confirm: 1",
        &["confirm: 1", "confirm: 65535"],
        &["confirm: 0", "confirm: 65536"],
        "cells.cell-1.liveness.confirm",
    );
}

#[test]
fn a_declared_position_lies_in_the_tdd_period() {
    let declared =
        |slot: &str| format!("grace: 250us\n      declared: {{uplink_control: [{slot}]}}");
    let (last, beyond, twice) = (declared("9"), declared("10"), declared("9, 9"));
    let config = accepted(&[("grace: 250us", &last)]);
    assert_eq!(config.cells[0].liveness.declared.uplink_control, [9]);
    refused(
        &[("grace: 250us", &beyond)],
        "cells.cell-1.liveness.declared.uplink_control[0]",
        "outside the TDD period of 10",
    );
    refused(
        &[("grace: 250us", &twice)],
        "cells.cell-1.liveness.declared.uplink_control[1]",
        "named twice",
    );
}

#[test]
fn one_silent_plane_of_those_that_the_cell_has_means_loss_by_default() {
    let failover = &accepted(&[]).cells[0].failover;
    assert_eq!(
        (failover.signals.as_slice(), failover.least),
        (&[Signal::Fronthaul][..], 1)
    );
}

#[test]
fn what_means_loss_must_be_there_and_at_most_all_of_it() {
    let edit = |to: &str| format!("standby: [du-2]\n      {to}");
    for (to, key, what) in [
        (
            "signals: [fapi]",
            "signals[0]",
            "names no plane of this cell",
        ),
        (
            "signals: [fronthaul, fronthaul]",
            "signals[1]",
            "named twice",
        ),
        ("signals: []", "signals", "no loss be noticed"),
        ("lost_when: 2", "lost_when", "is not in 1..=1"),
        ("lost_when: 0", "lost_when", "is not in 1..=1"),
        ("lost_when: most", "lost_when", "is not"),
        ("priority: 256", "priority", "is not in 0..=255"),
    ] {
        let to = edit(to);
        let key = format!("cells.cell-1.failover.{key}");
        refused(&[("standby: [du-2]", &to)], &key, what);
    }
    for to in ["lost_when: all", "lost_when: any", "lost_when: 1"] {
        let to = edit(to);
        let config = accepted(&[("standby: [du-2]", &to)]);
        assert_eq!(config.cells[0].failover.least, 1, "{to}");
    }
}

#[test]
fn a_standby_without_liveness_is_warned_of() {
    warned(
        &[("enabled: true", "enabled: false")],
        "cells.cell-1.failover",
        "never takes over",
    );
    let unarmed = ("standby: [du-2]", "standby: []");
    assert_eq!(
        super::parse(&[("enabled: true", "enabled: false"), unarmed])
            .unwrap()
            .warnings,
        []
    );
}

/// The example with a second cell of the same members; its streams and the attachment of du-2 vary.
fn two_cells(ru_ids: &str, du_2_ids: &str, attachment: &str, active: &str) -> String {
    let second = format!(
        "  cell-2:
    ru: ru-1
    numerology: 1
    carrier_prbs: 51
    eaxc: {{downlink: [{ru_ids}]}}
    compression:
      downlink: {{method: bfp, width: 9, header: dynamic}}
      uplink: {{method: bfp, width: 9, header: dynamic}}
    time: {{source: gps}}
    periods: {{tdd: 10}}
    members: {{du-1: {{}}, du-2: {{eaxc: {{downlink: [{du_2_ids}]}}}}}}
    active: {active}

bridge:"
    );
    let du_2 = "    vlan: 100\n    attachment: dedicated\n\ncells:";
    let attached = du_2.replace("dedicated", attachment);
    edited(&[("\nbridge:", &second), (du_2, &attached)])
}

#[test]
fn an_eaxc_id_of_an_ru_belongs_to_one_cell() {
    let judge = |ids| crate::config::parse(&two_cells(ids, "32", "dedicated", "du-1"), "test.yaml");
    assert_eq!(judge("8").unwrap().config.cells.len(), 2);
    let text = judge("3").unwrap_err().to_string();
    assert!(
        text.contains(
            "cells.cell-2.eaxc: eAxC ids of ru-1 belong to cell-1 already (found downlink 3)"
        ),
        "{text}"
    );
}

#[test]
fn an_eaxc_id_of_a_dedicated_du_belongs_to_one_cell_and_of_a_pooled_one_to_any() {
    let judge =
        |attachment| crate::config::parse(&two_cells("8", "16", attachment, "du-1"), "test.yaml");
    let problems = judge("dedicated").unwrap_err();
    assert_eq!(problems.problems.len(), 1, "{problems}");
    assert!(
        problems
            .to_string()
            .contains("members.du-2.eaxc: eAxC ids of du-2 belong to cell-1"),
        "{problems}"
    );
    assert_eq!(judge("pooled").unwrap().config.cells.len(), 2);
}

#[test]
fn a_pooled_du_is_active_in_one_cell() {
    let text = two_cells("8", "16", "pooled", "du-2");
    assert!(crate::config::parse(&text, "test.yaml").is_ok());
    let both = text
        .replace("active: du-1", "active: du-2")
        .replace("standby: [du-2]", "standby: []");
    let problems = crate::config::parse(&both, "test.yaml").unwrap_err();
    assert_eq!(problems.problems.len(), 1, "{problems}");
    assert!(
        problems
            .to_string()
            .contains("cells.cell-2.active: is pooled and active in cell-1 already"),
        "{problems}"
    );
}
