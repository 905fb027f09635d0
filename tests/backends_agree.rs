//! Two backends, one journey: the same ingress captures through `replay` and through `run --clock capture`
//! on net_pcap leave the same frames in the same order on every port, sequence numbers included, and
//! count the same, in every mode. Each test also says that its mode was really reached.
//!
//! `run --clock capture` takes frames of all ports in order of their stamps, so ports apart are held to
//! as much as one arm.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says so when it is wrong"
)]

#[path = "support/both_programs.rs"]
mod both_programs;

use both_programs::Stage;
use ranshift::ran::Instant;

#[test]
fn a_cell_with_one_member_passes_alike() {
    let agreed = Stage::fixture("one-member", "full-load")
        .one_armed()
        .compare();
    assert_eq!(
        agreed.counter("ledger.sent"),
        agreed.counter("ledger.received")
    );
}

#[test]
fn jumbo_frames_in_one_buffer_pass_alike() {
    let agreed = Stage::fixture("jumbo", "jumbo").one_armed().compare();
    assert_eq!(agreed.counter("ledger.dropped"), 0);
}

#[test]
fn jumbo_frames_in_chains_of_buffers_pass_alike() {
    let stage = Stage::fixture("chains", "jumbo").edited("mtu: 9000", "mtu: 1500");
    assert_eq!(stage.compare().counter("ledger.dropped"), 0);
}

#[test]
fn damaged_frames_are_refused_alike() {
    let agreed = Stage::fixture("damaged", "bad-wire").one_armed().compare();
    assert!(agreed.counter("ledger.dropped") > 0);
    assert!(agreed.counter("peers.du-1.missing") > 0);
}

#[test]
fn a_migration_and_the_failover_after_a_death_are_alike_behind_one_port() {
    let agreed = Stage::fixture("failover-arm", "two-du-failover")
        .one_armed()
        .compare();
    assert_eq!(agreed.counter("cells.cell-1.switches"), 1);
    assert_eq!(agreed.counter("cells.cell-1.failovers"), 1);
}

#[test]
fn a_migration_and_the_failover_after_a_death_are_alike_with_ports_apart() {
    let agreed = Stage::fixture("failover-apart", "two-du-failover").compare();
    assert_eq!(agreed.counter("cells.cell-1.switches"), 1);
    assert_eq!(agreed.counter("cells.cell-1.failovers"), 1);
}

#[test]
fn a_fenced_member_is_refused_and_readmitted_alike() {
    let agreed = Stage::fixture("fence", "fence-and-readmit")
        .one_armed()
        .compare();
    assert!(agreed.counter("drops.fenced") > 0);
    assert_eq!(agreed.counter("cells.cell-1.switches"), 1);
}

#[test]
fn two_members_share_an_ru_alike_behind_one_port() {
    let agreed = Stage::fixture("sharing-arm", "two-du-sharing")
        .one_armed()
        .compare();
    assert!(agreed.counter("cells.cell-1.split") > 0);
    assert!(agreed.counter("drops.not_slot_owner") > 0);
    assert_eq!(agreed.counter("cells.cell-1.switches"), 1);
}

#[test]
fn two_members_share_an_ru_alike_with_ports_apart() {
    let agreed = Stage::fixture("sharing-apart", "two-du-sharing").compare();
    assert!(agreed.counter("cells.cell-1.split") > 0);
}

#[test]
fn the_pattern_follows_the_use_of_prbs_alike() {
    let stage = Stage::fixture("adaptive", "two-du-sharing").one_armed();
    let agreed = stage
        .edited("adaptive: none", "adaptive: {window: 10ms, floor: 1}")
        .compare();
    assert!(agreed.counter("drops.not_slot_owner") > 0);
    assert!(agreed.events("pattern") > 1, "the controller has its say");
}

#[test]
fn exponents_tell_the_use_of_prbs_alike() {
    let traffic = "--duration 80ms --seed 6 --load du-1=40 --load du-2=80";
    let agreed = Stage::generated("exponents", "one-cell-two-dus.yaml", traffic)
        .edited("prb_use: announced", "prb_use: {exponents: {symbols: [3]}}")
        .one_armed()
        .commanded(&["{at: 10ms, share: {cell: cell-1, source: du-1, destination: du-2}}"])
        .compare();
    assert!(agreed.events("pattern") > 0);
}

#[test]
fn udp_over_both_versions_of_ip_fails_over_alike_behind_one_port() {
    let traffic = "--duration 70ms --seed 7 --death du-1@45ms --death du-3@50ms";
    let agreed = Stage::generated("udp", "udp.yaml", traffic)
        .edited("    failover:", "    liveness: {history: 1}\n    failover:")
        .one_armed()
        .compare();
    assert_eq!(agreed.counter("cells.cell-1.failovers"), 1);
    assert_eq!(agreed.counter("cells.cell-2.failovers"), 1);
}

#[test]
fn stacked_tags_and_a_clock_lifted_from_headers_share_and_migrate_alike() {
    let agreed = Stage::generated("qinq", "qinq.yaml", "--duration 60ms --seed 8")
        .one_armed()
        .commanded(&[
            "{at: 20ms, share: {cell: cell-1, source: du-1, destination: du-2, boundary: {in_slots: 5}}}",
            "{at: 45ms, migrate: {cell: cell-1, to: du-2, boundary: next}}",
        ])
        .compare();
    assert_eq!(agreed.events("mode"), 3);
    assert!(agreed.counter("drops.not_slot_owner") > 0);
}

#[test]
fn a_pooled_backup_takes_the_place_of_the_first_of_two_dead_alike() {
    let silent: String = (3..=10)
        .map(|du| format!(" --restart du-{du}@1s"))
        .collect();
    let deaths = "--death du-1@45ms --death du-2@50ms";
    let traffic = format!("--duration 60ms --seed 9 --serves backup=cell-1 {deaths}{silent}");
    let agreed = Stage::generated("pooled", "pooled-backup.yaml", &traffic)
        .edited("    failover:", "    liveness: {history: 1}\n    failover:")
        .compare();
    assert_eq!(agreed.counter("cells.cell-1.failovers"), 1);
    assert_eq!(agreed.events("assigned"), 1);
    assert_eq!(
        agreed.events("failover_impossible"),
        1,
        "cell-2 finds it gone"
    );
    assert!(agreed.counter("ports.backup-side.sent") > 0);
}

#[test]
fn stamps_that_step_back_do_not_turn_time_back_in_either() {
    let mut stage = Stage::fixture("steps-back", "full-load");
    // Further than the step window: taken as it is, such a stamp would put its frame out of step.
    for (_, frames) in &mut stage.ingress {
        for (at, _) in frames.iter_mut().skip(1).step_by(7) {
            *at = Instant(at.0 - 30_000_000);
        }
    }
    let agreed = stage.compare();
    assert_eq!(agreed.counter("ledger.dropped"), 0);
}

#[test]
fn a_command_at_the_instant_of_a_frame_comes_before_it_in_both() {
    let stage = Stage::fixture("tie", "fence-and-readmit").one_armed();
    let start = stage.ingress[0].1[0].0;
    let from_du_2 = |bytes: &[u8]| bytes[6..12] == [2, 0xd0, 0, 0, 0, 2];
    let frames = stage.ingress[0].1.iter().skip(1000);
    let (tied, _) = frames.clone().find(|(_, bytes)| from_du_2(bytes)).unwrap();
    let rest = frames
        .filter(|(at, bytes)| at >= tied && from_du_2(bytes))
        .count() as u64;
    let fence = format!(
        "{{at: {}us, fence: {{cell: cell-1, member: du-2}}}}",
        tied.nanos_since(start) / 1_000
    );
    let agreed = stage.commanded(&[&fence]).compare();
    assert_eq!(agreed.counter("drops.fenced"), rest);
}

#[test]
fn a_run_whose_frames_end_before_a_command_says_so() {
    let stage = Stage::fixture("late-command", "full-load");
    let late = "{at: 10s, migrate: {cell: cell-1, to: du-1}}";
    let (code, said) = stage.commanded(&[late]).run_alone(&["--clock", "capture"]);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("commands later than the last frame"),
        "{said}"
    );
}

#[test]
fn a_run_takes_commands_only_by_the_clock_that_times_them() {
    let stage = Stage::fixture("clock", "full-load");
    let (code, said) = stage.run_alone(&[]);
    assert_eq!(code, Some(2));
    assert!(said.contains("add --clock capture"), "{said}");
}

#[test]
fn a_run_refuses_faults() {
    let mut stage = Stage::fixture("faults", "bad-wire");
    stage.actions = "faults:\n  - {silence: {peer: du-1, from: 0ms}}\n".into();
    let (code, said) = stage.run_alone(&["--clock", "capture"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("only a replay can do faults"), "{said}");
}
