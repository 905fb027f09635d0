//! The page as a whole: complete, safe, self-contained, bounded.

use super::*;
use crate::telemetry::example;
use serde_json::json;

fn facts() -> Value {
    json!({
        "ranshift": "0.1.0",
        "config": "config.yaml",
        "scenario": "scenario.yaml",
        "description": "Two DUs of one cell; du-1 dies",
        "outcome": "passed",
        "expectations": [
            {"what": "drops.not_active", "expected": 9404, "found": 9404, "ok": true},
            {"what": "failover of cell-1", "expected": "1 before 260 ms", "found": "0.2462 s", "ok": true},
        ],
        "restored_frames": 19612,
    })
}

#[test]
fn the_page_says_what_happened_and_why() {
    let page = render(&example::two_dus(), &facts());
    for text in [
        "\u{2713} passed",
        "migrated from du-2 to du-1 at slot 2958514523200, no frame lost",
        "du-1 fell silent at 0.2451 s",
        "a stall, below confirm",
        "In between, 3 downlink slots and 0 uplink slots went without an owner.",
        "The member is a standby: the cell&#39;s active member owns this slot.",
        "failover decided: du-2 waits for its first C-plane to take over from du-1",
        "Every frame is accounted for.",
        "19,612 frames were cut by the capture",
    ] {
        assert!(page.contains(text), "{text}");
    }
}

#[test]
fn an_expectation_that_failed_stands_on_top() {
    let facts =
        json!({"expectations": [{"what": "drops.late", "expected": 0, "found": 3, "ok": false}]});
    let page = render(&example::two_dus(), &facts);
    let failed = page.find("drops.late: expected 0, found 3").unwrap();
    assert!(failed < page.find("class=\"story\"").unwrap());
}

#[test]
fn a_run_that_was_cut_short_says_so_on_top() {
    let facts = json!({"outcome": "failed", "incomplete": "a.pcap ends in frame 7"});
    let page = render(&example::two_dus(), &facts);
    assert!(page.contains("The run was cut short: a.pcap ends in frame 7"));
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    let page = render(&example::two_dus(), &facts());
    for door in ["http:", "https:", "src=", "@import", "<link", "url(//"] {
        assert!(!page.contains(door), "{door}");
    }
}

#[test]
fn markup_in_names_and_facts_stays_text() {
    let mut record = example::two_dus();
    let evil = "<script>alert(1)</script>";
    let names = &mut record.names.cells[0];
    names.name = evil.to_owned();
    names.members = vec![evil.to_owned(); 2];
    names.streams = vec![format!("DL {evil}"); 6];
    record.names.peers = vec![evil.to_owned(); 3];
    record.names.ports = vec![evil.to_owned(); 3];
    let facts = json!({
        "outcome": evil, "description": evil, "config": evil, "scenario": evil,
        "expectations": [{"what": evil, "expected": evil, "found": evil, "ok": false}],
    });
    assert!(!render(&record, &facts).contains("<script>alert"));
}

#[test]
fn a_run_of_a_hundred_thousand_slots_stays_below_three_megabytes() {
    let page = render(&example::quiet(100_000), &json!({}));
    assert!(page.len() < 3_000_000, "{} bytes", page.len());
}

#[test]
fn many_cells_stay_below_three_megabytes() {
    let mut record = example::two_dus();
    for index in 1..200u16 {
        record.cells.push(record.cells[0].clone());
        record.names.cells.push(record.names.cells[0].clone());
        let moved = record.events.iter().filter(|event| event.cell == CellId(0));
        let moved: Vec<_> = moved.copied().collect();
        record.events.extend(
            moved
                .into_iter()
                .map(|event| crate::dataplane::mailbox::Event {
                    cell: CellId(index),
                    ..event
                }),
        );
    }
    let page = render(&record, &facts());
    assert!(page.len() < 3_000_000, "{} bytes", page.len());
    assert!(page.contains("176 cells not drawn"));
}

#[test]
fn an_empty_record_is_a_page_too() {
    let page = render(&RunRecord::default(), &json!({}));
    assert!(page.contains("No cell had a frame to decide on."));
    assert!(page.ends_with("</html>\n"));
}
