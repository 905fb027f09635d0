//! Files as a whole: many mistakes at once, and everything that is no configuration at all.

use super::{EXAMPLE, edited, parse, refused};
use crate::config;
use proptest::prelude::*;

/// A file that exists only for one test.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn holding(name: &str, bytes: &[u8]) -> Self {
        let path =
            std::env::temp_dir().join(format!("ranshift-{}-{name}.yaml", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn refusal(text: &str) -> String {
    config::parse(text, "test.yaml").unwrap_err().to_string()
}

const MISTAKES: &str = "\
ports:
  ru-side: {mtu: 90000, devcie: x}
  du side: {}
rus:
  ru-1: {port: ru-sid, mac: 02:a0:00:00:00:01, facing: 02:a0:00:00:00:01, vlan: 4095, pcp: 8}
dus:
  du-1: {port: ru-side, mac: zz, facing: 02:a0:00:00:00:01, vlan: [1], attachment: pool}
cells:
  cell-1:
    ru: ru-2
    numerology: 5
    carrier_prbs: 276
    eaxc_bits: [4, 4, 4, 3]
    eaxc: {downlink: [0, 70000], uplink: [0, 0]}
    compression: {downlink: {method: bfq, width: 17, header: x}, uplink: 5}
    time: {source: headers, alpha: 3}
    step_window: 20
    periods: {tdd: 7, prach: 1281}
    active: du-9
    members: {du-1: {}, du-2: {}}
    active: du-1
    liveness: {history: 256, declared: {uplink_control: [7]}}
    sharing: {pattern: SX, control_symbols: [14]}
bridge: none
";

#[test]
fn all_mistakes_of_a_file_are_reported_at_once_in_order_of_place() {
    let problems = config::parse(MISTAKES, "test.yaml").unwrap_err();
    let found: Vec<(usize, &str)> = problems
        .problems
        .iter()
        .map(|problem| (problem.mark.line, problem.key.as_str()))
        .collect();
    let expected = [
        (2, "ports.ru-side.mtu"),
        (2, "ports.ru-side.devcie"),
        (3, "ports.\"du side\""),
        (5, "rus.ru-1.port"),
        (5, "rus.ru-1.facing"),
        (5, "rus.ru-1.vlan"),
        (5, "rus.ru-1.pcp"),
        (7, "dus.du-1.mac"),
        (7, "dus.du-1.vlan"),
        (7, "dus.du-1.attachment"),
        (10, "cells.cell-1.ru"),
        (11, "cells.cell-1.numerology"),
        (12, "cells.cell-1.carrier_prbs"),
        (13, "cells.cell-1.eaxc_bits"),
        (14, "cells.cell-1.eaxc.downlink[1]"),
        (14, "cells.cell-1.eaxc.uplink[1]"),
        (15, "cells.cell-1.compression.downlink.method"),
        (15, "cells.cell-1.compression.downlink.width"),
        (15, "cells.cell-1.compression.downlink.header"),
        (15, "cells.cell-1.compression.uplink"),
        (16, "cells.cell-1.time.alpha"),
        (17, "cells.cell-1.step_window"),
        (18, "cells.cell-1.periods.prach"),
        (19, "cells.cell-1.active"),
        (20, "cells.cell-1.members.du-2"),
        (21, "cells.cell-1.active"),
        (22, "cells.cell-1.liveness.history"),
        (23, "cells.cell-1.sharing.pattern"),
        (23, "cells.cell-1.sharing.control_symbols[0]"),
        (24, "bridge"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_problem_is_one_line_with_place_key_value_and_remedy() {
    let text = refusal(&edited(&[("carrier_prbs: 51", "carrier_prbs: 300")]));
    let line = EXAMPLE
        .lines()
        .position(|line| line.contains("carrier_prbs"))
        .unwrap()
        + 1;
    let expected = format!(
        "test.yaml:{line}:19: cells.cell-1.carrier_prbs: is not in 1..=275 (found \"300\"); \
         accepted: integer 1..=275\ntest.yaml: 1 problem"
    );
    assert_eq!(text, expected);
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_known_one() {
    refused(
        &[("late_tolerance: 10ms", "late_tolerence: 10ms")],
        "cells.cell-1.late_tolerence",
        "did you mean late_tolerance?",
    );
    refused(&[("ecpri: {", "ecprj: {")], "ecprj", "did you mean ecpri?");
    refused(
        &[("hosts: []", "colour: []")],
        "bridge.colour",
        "accepted: flood, hosts, ptp, link_local, other",
    );
}

#[test]
fn a_duplicate_key_is_refused_and_so_is_a_duplicate_name() {
    refused(
        &[("  link_local: drop\n", "  link_local: drop\n  ptp: drop\n")],
        "bridge.ptp",
        "written twice, first in line",
    );
    let ru = "  ru-1: {}\n\ndus:";
    refused(
        &[("\ndus:", ru)],
        "rus.ru-1",
        "written twice, first in line",
    );
}

#[test]
fn a_required_key_that_is_missing_is_named() {
    refused(
        &[(
            "  cell-1:\n    ru: ru-1\n    numerology: 1 ",
            "  cell-1:\n    ru: ru-1\n    #",
        )],
        "cells.cell-1.numerology",
        "is missing",
    );
}

#[test]
fn a_name_is_made_of_letters_digits_hyphens_and_underscores() {
    let long = format!("  {}: {{mtu: 9000}}\n\nrus:", "a".repeat(63));
    assert!(parse(&[("\nrus:", &long)]).is_ok());
    let too_long = "a".repeat(64);
    for name in [
        "../etc",
        "a.b",
        "-a",
        "none",
        "\"\"",
        "é",
        too_long.as_str(),
    ] {
        let port = format!("  {name}: {{mtu: 9000}}\n\nrus:");
        let text = refusal(&edited(&[("\nrus:", &port)]));
        assert!(text.contains("is no usable name"), "{text}");
    }
}

#[test]
fn a_file_may_have_no_empty_section() {
    for section in ["ports", "rus", "dus", "cells"] {
        let text = refusal(&format!("{section}: {{}}"));
        assert!(text.contains(&format!("{section}: is empty")), "{text}");
    }
}

#[test]
fn a_wrong_shape_is_refused_wherever_it_stands() {
    refused(
        &[("uplink: [0, 1, 2, 3]", "uplink: {0: 1}")],
        "cells.cell-1.eaxc.uplink",
        "found a mapping of 1",
    );
    refused(
        &[("carrier_prbs: 51", "carrier_prbs: [51]")],
        "cells.cell-1.carrier_prbs",
        "found a list of 1",
    );
    refused(
        &[("carrier_prbs: 51", "carrier_prbs:")],
        "cells.cell-1.carrier_prbs",
        "has no value",
    );
    refused(
        &[(
            "ecpri: {size: strict, reserved_types: drop, vendor_types: pass}",
            "ecpri: strict",
        )],
        "ecpri",
        "a mapping of size,",
    );
}

#[test]
fn an_empty_file_is_refused() {
    for text in ["", "\n\n", "# nothing\n", "\u{feff}"] {
        assert!(
            refusal(text).contains("test.yaml: the file is empty"),
            "{text:?}"
        );
    }
    assert!(refusal("---\n").contains("is not a mapping"));
}

#[test]
fn broken_yaml_is_refused_with_its_place() {
    let text = refusal("ports:\n  ru-side: {mtu: 9000\nrus: }\n");
    assert!(text.contains("accepted: well-formed YAML"), "{text}");
    assert!(text.starts_with("test.yaml:"), "{text}");
}

#[test]
fn what_could_hide_a_mistake_is_refused() {
    assert!(refusal("ports: &a {}\nrus: *a\n").contains("1:8: ports: an anchor is not supported"));
    assert!(refusal("ports: !!map {}\n").contains("a tag is not supported"));
    assert!(refusal("ports: {}\n---\nports: {}\n").contains("2:1: a second document starts here"));
    assert!(refusal("? [a, b]\n: 1\n").contains("a key is a list or mapping"));
}

#[test]
fn an_alias_bomb_costs_nothing() {
    let mut text = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, of) in ('b'..='z').zip('a'..) {
        text.push_str(&format!(
            "{name}: &{name} [*{of}, *{of}, *{of}, *{of}, *{of}, *{of}]\n"
        ));
    }
    assert!(refusal(&text).contains("an anchor is not supported"));
}

#[test]
fn deep_nesting_is_refused() {
    assert!(refusal(&"[".repeat(200)).contains("nested more than 32 levels deep"));
    assert!(refusal(&"[".repeat(100_000)).contains("recursion limit exceeded"));
    let block: String = (0..200)
        .map(|depth| format!("{}a:\n", " ".repeat(depth)))
        .collect();
    assert!(refusal(&block).contains("nested more than 32 levels deep"));
}

#[test]
fn an_unreadable_file_is_refused_with_the_reason() {
    let missing = std::path::Path::new("no/such/file.yaml");
    let problems = config::load(missing).unwrap_err();
    assert!(
        problems
            .to_string()
            .starts_with("no/such/file.yaml: cannot be read: "),
        "{problems}"
    );
}

#[test]
fn a_file_that_is_not_text_is_refused() {
    let file = Scratch::holding("binary", b"ports:\n  \xff\xfe: {}\n");
    let problems = config::load(&file.0).unwrap_err();
    assert!(
        problems
            .to_string()
            .contains("is not UTF-8 text, from line 2 on"),
        "{problems}"
    );
}

#[test]
fn a_file_above_16_mib_is_refused_and_one_of_16_mib_is_read() {
    let comment = |length: usize| [b"#".repeat(length), b"\n".to_vec()].concat();
    let file = Scratch::holding("large", &comment((16 << 20) - 1));
    assert!(
        config::load(&file.0)
            .unwrap_err()
            .to_string()
            .contains("the file is empty")
    );
    let file = Scratch::holding("too-large", &comment(16 << 20));
    assert!(
        config::load(&file.0)
            .unwrap_err()
            .to_string()
            .contains("is larger than 16 MiB")
    );
}

#[test]
fn a_thousand_problems_are_shown_and_the_rest_counted() {
    let text = |count| {
        (0..count)
            .map(|n| format!("key{n}: 1\n"))
            .collect::<String>()
    };
    // Two required sections, ports and cells, are missing besides.
    let all = config::parse(&text(998), "test.yaml").unwrap_err();
    assert_eq!(all.problems.len(), 1000);
    let more = config::parse(&text(1001), "test.yaml").unwrap_err();
    assert_eq!(more.problems.len(), 1001);
    assert!(more.to_string().contains("has 3 more problems, not shown"));
}

proptest! {
    #[test]
    fn random_text_never_panics(text in "\\PC{0,200}|[\\[\\]{}:,&*!|>'\"%@`#\n -]{0,200}") {
        let _ = config::parse(&text, "test.yaml");
    }

    #[test]
    fn a_mutated_configuration_never_panics(
        at in 0usize..EXAMPLE.len(),
        length in 0usize..40,
        insert in "[\\[\\]{}:,&*!|>'\"#\n a0-]{0,8}",
    ) {
        let start = EXAMPLE.floor_char_boundary(at);
        let end = EXAMPLE.floor_char_boundary((start + length).min(EXAMPLE.len()));
        let text = format!("{}{insert}{}", &EXAMPLE[..start], &EXAMPLE[end..]);
        let _ = config::parse(&text, "test.yaml");
    }

    #[test]
    fn a_truncated_configuration_is_refused_or_accepted_but_never_panics(at in 0usize..EXAMPLE.len()) {
        let _ = config::parse(&EXAMPLE[..EXAMPLE.floor_char_boundary(at)], "test.yaml");
    }
}
