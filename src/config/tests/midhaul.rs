//! CUs and the F1-C of DUs.

const DU_MOVE: &str = include_str!("../../../configs/du-move.yaml");

/// The problems of the example after `edits`, each of which must change something.
fn problems(edits: &[(&str, &str)]) -> String {
    let mut text = DU_MOVE.to_owned();
    for (from, to) in edits {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    let refused = crate::config::parse(&text, "test.yaml");
    refused.map_or_else(|problems| problems.to_string(), |_| String::new())
}

#[test]
fn the_example_means_two_dus_of_one_cu() {
    let config = crate::config::parse(DU_MOVE, "test.yaml").unwrap().config;
    let [one, other] = [&config.dus[0], &config.dus[1]].map(|du| du.f1.as_ref().unwrap());
    assert_eq!(
        (one.cu, one.sctp_port, one.aborts, one.any_cell),
        (0, None, true, false)
    );
    assert_eq!(other.addresses, [std::net::IpAddr::from([10, 30, 0, 12])]);
    assert_eq!((config.cus[0].sctp_port, config.cus[0].udp), (38_472, None));
}

#[test]
fn encapsulation_and_words_are_read() {
    let edits = [
        ("encapsulation: none", "encapsulation: {udp: 9899}"),
        ("on_failure: abort", "on_failure: notify"),
        ("lost_with: all", "lost_with: any"),
    ];
    let text = edits.iter().fold(DU_MOVE.to_owned(), |text, (from, to)| {
        text.replacen(from, to, 1)
    });
    let config = crate::config::parse(&text, "test.yaml").unwrap().config;
    let f1 = config.dus[0].f1.as_ref().unwrap();
    assert_eq!(
        (f1.aborts, f1.any_cell, config.cus[0].udp),
        (false, true, Some(9899))
    );
}

#[test]
fn a_cu_that_is_not_there_is_refused() {
    let said = problems(&[("cu: cu-1\n", "cu: cu-2\n")]);
    assert!(said.contains("dus.du-1.f1.cu"), "{said}");
}

#[test]
fn a_du_and_its_cu_are_behind_two_ports() {
    let said = problems(&[("port: du-1-midhaul", "port: cu-side")]);
    assert!(said.contains("nothing between them passes here"), "{said}");
}

#[test]
fn a_du_and_its_cu_have_addresses_of_one_family_and_none_in_common() {
    let said = problems(&[("[10.30.0.11]", "['fd00::11']")]);
    assert!(said.contains("are of another family"), "{said}");
    let said = problems(&[("[10.30.0.11]", "[10.30.0.11, 10.30.0.1]")]);
    assert!(said.contains("10.30.0.1 is an address of cu-1"), "{said}");
}

#[test]
fn an_end_has_one_to_four_addresses_of_stations() {
    for list in ["[]", "[10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5]"] {
        let said = problems(&[("[10.30.0.11]", list)]);
        assert!(said.contains("1 to 4 addresses"), "{said}");
    }
    let said = problems(&[("[10.30.0.11]", "[224.0.0.1]")]);
    assert!(
        said.contains("is not the IP address of one station"),
        "{said}"
    );
}

#[test]
fn dus_behind_one_address_are_told_apart_by_port() {
    let one = (
        "addresses: [10.30.0.11] ",
        "sctp_port: 40000\n      addresses: [10.30.0.11] ",
    );
    let other = "{port: du-1-midhaul, cu: cu-1, addresses: [10.30.0.11], sctp_port: 40001}";
    let du_2 = "{port: du-2-midhaul, cu: cu-1, addresses: [10.30.0.12]}";
    assert_eq!(problems(&[one, (du_2, other)]), "");
    let said = problems(&[(du_2, other)]);
    assert!(said.contains("nothing tells the two apart"), "{said}");
    let said = problems(&[one, (du_2, &other.replace("du-1-midhaul", "du-2-midhaul"))]);
    assert!(said.contains("nothing tells the two apart"), "{said}");
}

#[test]
fn a_cu_without_a_du_is_probably_a_slip() {
    let more = (
        "cus:\n",
        "cus:\n  cu-2: {port: cu-side, addresses: [10.30.0.2]}\n",
    );
    let text = DU_MOVE.replacen(more.0, more.1, 1);
    let warnings = crate::config::parse(&text, "test.yaml").unwrap().warnings;
    assert!(
        warnings[0].to_string().contains("has no DU"),
        "{warnings:?}"
    );
}

#[test]
fn a_cu_has_a_name_of_its_own() {
    let said = problems(&[
        ("  cu-1:\n", "  du-1:\n"),
        ("cu: cu-1\n", "cu: du-1\n"),
        ("cu: cu-1,", "cu: du-1,"),
    ]);
    assert!(said.contains("is the name of a DU already"), "{said}");
}
