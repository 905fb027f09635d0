//! L2s, PHYs and the plane between them.

const TWO_PHYS: &str = include_str!("../../../configs/two-phys.yaml");

/// The problems of the example after `edits`, each of which must change something.
fn problems(edits: &[(&str, &str)]) -> String {
    let mut text = TWO_PHYS.to_owned();
    for (from, to) in edits {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    let refused = crate::config::parse(&text, "test.yaml");
    refused.map_or_else(|problems| problems.to_string(), |_| String::new())
}

#[test]
fn the_example_means_an_l2_and_two_phys_without_fronthaul() {
    let config = crate::config::parse(TWO_PHYS, "test.yaml").unwrap().config;
    let cell = &config.cells[0];
    let fapi = cell.fapi.as_ref().unwrap();
    assert_eq!((cell.ru, fapi.l2, fapi.slots_ahead), (None, 0, 4));
    assert_eq!(config.member_name(&cell.members[1]), "phy-b");
    assert_eq!(config.fixed_side(cell), "l2-1");
    assert!(config.phys[0].oai_limits);
}

#[test]
fn p7_needs_udp_over_ipv4() {
    let udp = "{udp: {peer: 10.1.0.10, facing: 10.1.0.1, peer_port: 50011, facing_port: 50010}}";
    assert!(problems(&[(udp, "ethernet")]).contains("does not carry P7"));
}

#[test]
fn a_cell_of_phys_takes_no_key_of_fronthaul() {
    let said = problems(&[(
        "    active: phy-a",
        "    carrier_prbs: 51\n    active: phy-a",
    )]);
    assert!(said.contains("carrier_prbs"), "{said}");
    assert!(said.contains("is not a known key"), "{said}");
}

#[test]
fn a_grace_of_a_slot_or_more_is_refused() {
    let said = problems(&[("      confirm: 2", "      grace: 500us\n      confirm: 2")]);
    assert!(said.contains("when the next is due already"), "{said}");
}

#[test]
fn peers_of_a_cell_write_bodies_alike() {
    for other in ["fapi-le", "scf225v2"] {
        let said = problems(&[("dialect: oai-nfapi", &format!("dialect: {other}"))]);
        let refused = said.matches("nothing translates them").count();
        assert_eq!(refused, 2, "{said}");
    }
    assert_eq!(problems(&[("dialect: oai-nfapi", "dialect: fapi-be")]), "");
}

#[test]
fn scf225v2_carries_other_bodies_than_its_own() {
    let carried = "dialect: scf225v2\n    bodies: oai";
    assert_eq!(problems(&[("dialect: oai-nfapi", carried)]), "");
}

#[test]
fn other_headers_carry_their_own_bodies_only() {
    let said = problems(&[(
        "dialect: oai-nfapi",
        "dialect: oai-nfapi\n    bodies: scf222",
    )]);
    assert!(said.contains("are not those that oai-nfapi has"), "{said}");
}

#[test]
fn p5_is_spoken_in_one_dialect_that_has_it() {
    let p5 = "      p5: {transport: tcp, l2: \"127.0.0.1:1\", listen: \"127.0.0.1:2\"}\n      confirm: 2";
    assert_eq!(problems(&[("      confirm: 2", p5)]), "");
    let carried = "scf225v2\n    bodies: oai";
    let said = problems(&[("      confirm: 2", p5), ("oai-nfapi", carried)]);
    assert!(said.contains("in another dialect than the L2"), "{said}");
}

#[test]
fn a_phy_id_above_8_bits_needs_a_header_that_has_room() {
    let said = problems(&[("dialect: oai-nfapi", "dialect: scf225v2\n    phy_id: 300")]);
    assert!(said.contains("does not fit the 8 bits"), "{said}");
}
