//! DPDK itself, addresses and folders.

use super::Fake;
use crate::cli::doctor::finding::Level;

const TABLE: &str = "  sl  local_address rem_address   st\n";

#[test]
fn a_process_without_dpdk_fails() {
    assert_eq!(
        Fake::healthy()
            .write("/proc/self/maps", "")
            .worst("dpdk")
            .level,
        Level::Fails
    );
}

#[test]
fn dpdk_without_drivers_fails() {
    let fake = Fake::healthy().remove("/usr/lib/x86_64-linux-gnu/dpdk");
    assert_eq!(fake.worst("dpdk").level, Level::Fails);
}

#[test]
fn the_release_is_named_by_its_binary_interface() {
    let found = Fake::healthy().worst("dpdk").found;
    assert!(
        found.starts_with("DPDK 22.11, network drivers in /usr/lib"),
        "{found}"
    );
}

#[test]
fn a_listener_on_the_apis_address_fails_and_others_do_not() {
    let with = |line: &str| {
        Fake::healthy()
            .write("/proc/net/tcp", &format!("{TABLE}{line}\n"))
            .worst("api")
            .level
    };
    assert_eq!(with("   0: 0100007F:2116 00000000:0000 0A"), Level::Fails);
    assert_eq!(with("   0: 00000000:2116 00000000:0000 0A"), Level::Fails);
    assert_eq!(with("   0: 0200007F:2116 00000000:0000 0A"), Level::Ok);
    assert_eq!(with("   0: 0100007F:2116 0100007F:9999 01"), Level::Ok);
    assert_eq!(with("   0: 0100007F:2117 00000000:0000 0A"), Level::Ok);
}

#[test]
fn an_appliance_that_runs_already_is_recognised() {
    let beside = |line: &str| {
        Fake::healthy()
            .write(
                "/proc/net/tcp",
                &format!("{TABLE}   0: 0100007F:2116 00000000:0000 0A\n"),
            )
            .write("/proc/50/cmdline", line)
            .worst("api")
    };
    let found = beside("/usr/bin/ranshift\0run\0-c\0/etc/ranshift/ranshift.yaml\0");
    assert_eq!(found.level, Level::Note);
    assert!(
        found.found.ends_with("an appliance runs already"),
        "{found:?}"
    );
    // The doctor itself is no appliance.
    assert_eq!(beside("ranshift\0doctor\0").level, Level::Fails);
}

#[test]
fn a_user_without_runtime_folder_is_told_what_is_missing() {
    let mut fake = Fake::healthy();
    fake.variables.clear();
    assert_eq!(fake.worst("runtime-folder").level, Level::Note);
    let closed = Fake::healthy().close("/run/user/1000");
    assert_eq!(closed.worst("runtime-folder").level, Level::Note);
}

#[test]
fn live_state_on_a_disk_is_warned_of() {
    let fake = Fake::healthy().write("/proc/self/mounts", "/dev/sda / ext4 rw 0 0\n");
    assert_eq!(fake.worst("state").level, Level::Warning);
}

#[test]
fn live_state_that_may_not_be_written_is_warned_of_since_run_starts_without() {
    let closed = Fake::healthy().close("/run/ranshift");
    assert_eq!(closed.worst("state").level, Level::Warning);
    let absent = Fake::healthy().remove("/run/ranshift");
    assert_eq!(absent.worst("state").level, Level::Warning);
}

#[test]
fn live_state_of_another_user_is_warned_of_though_the_folder_is_ours() {
    let found = Fake::healthy().close("/run/ranshift/live").worst("state");
    assert_eq!(found.level, Level::Warning);
    assert_eq!(found.found, "/run/ranshift/live is another user's");
}

#[test]
fn earlier_live_state_is_named_and_its_absence_is_a_first_start() {
    let found = Fake::healthy().worst("state");
    assert!(found.found.contains("/run/ranshift/live"), "{found:?}");
    assert!(found.found.ends_with("its 5 bytes"), "{found:?}");
    let first = Fake::healthy()
        .write("/run/ranshift/x", "")
        .remove("/run/ranshift/live");
    assert!(first.worst("state").found.ends_with("a first start"));
}

#[test]
fn an_appliance_without_live_state_is_told_what_it_loses() {
    let fake = Fake::healthy().edit("state: {file: /run/ranshift/live}", "");
    assert_eq!(fake.worst("state").level, Level::Note);
}
