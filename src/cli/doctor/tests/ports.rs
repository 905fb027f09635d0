//! Ports: NICs, interfaces, virtual devices, and the rights to open them.

use super::{Fake, level, status};
use crate::cli::doctor::finding::Level;

const NIC: &str = "/sys/bus/pci/devices/0000:3b:00.0";

#[test]
fn a_nic_that_is_not_there_fails() {
    let found = Fake::healthy()
        .edit("0000:3b:00.0", "0000:3c:00.0")
        .worst("nic");
    assert_eq!(found.level, Level::Fails);
    assert!(found.read[0].contains("0000:3b:00.0"), "{found:?}");
}

#[test]
fn a_nic_of_the_kernel_fails_with_the_command_that_takes_it() {
    let fake = Fake::healthy()
        .link(&format!("{NIC}/driver"), "../drivers/ice")
        .write(&format!("{NIC}/net/ens1f0/x"), "");
    let found = fake.worst("nic");
    assert_eq!(found.level, Level::Fails);
    assert!(
        found.found.contains("driver ice, interface ens1f0"),
        "{found:?}"
    );
    assert_eq!(
        found.advice[2],
        "dpdk-devbind.py --bind=vfio-pci 0000:3b:00.0"
    );
}

#[test]
fn a_nic_without_driver_fails() {
    let found = Fake::healthy()
        .remove(&format!("{NIC}/driver"))
        .worst("nic");
    assert_eq!(found.level, Level::Fails);
}

#[test]
fn a_nic_that_is_shared_with_the_kernel_needs_no_vfio() {
    let fake = Fake::healthy()
        .link(&format!("{NIC}/driver"), "../drivers/mlx5_core")
        .remove("/dev/vfio/vfio");
    assert_eq!(fake.worst("nic").level, Level::Ok);
    assert_eq!(fake.diagnosis().count(Level::Fails), 0);
}

#[test]
fn a_nic_in_the_hands_of_uio_is_warned_of() {
    let fake = Fake::healthy().link(&format!("{NIC}/driver"), "../drivers/igb_uio");
    assert_eq!(fake.worst("nic").level, Level::Warning);
}

#[test]
fn a_device_that_is_no_nic_fails() {
    let fake = Fake::healthy().write(&format!("{NIC}/class"), "0x010802");
    assert_eq!(fake.worst("nic").level, Level::Fails);
}

#[test]
fn a_device_that_keeps_its_iommu_group_fails_and_a_bridge_does_not() {
    let other = "0000:3b:00.1";
    let fake = || {
        Fake::healthy()
            .write(&format!("/sys/kernel/iommu_groups/7/devices/{other}/x"), "")
            .write(&format!("/sys/bus/pci/devices/{other}/class"), "0x020000")
    };
    let driver = format!("/sys/bus/pci/devices/{other}/driver");
    assert_eq!(
        fake().link(&driver, "../ice").worst("iommu").level,
        Level::Fails
    );
    assert_eq!(
        fake().link(&driver, "../pcieport").worst("iommu").level,
        Level::Ok
    );
    assert_eq!(fake().worst("iommu").level, Level::Ok);
}

#[test]
fn no_iommu_fails_unless_vfio_was_told_to_do_without() {
    let fake = || Fake::healthy().remove(&format!("{NIC}/iommu_group"));
    assert_eq!(fake().worst("iommu").level, Level::Fails);
    let parameter = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode";
    assert_eq!(
        fake().write(parameter, "Y").worst("iommu").level,
        Level::Warning
    );
}

#[test]
fn vfio_that_is_not_loaded_or_closed_to_this_user_fails() {
    assert_eq!(Fake::healthy().worst("vfio").level, Level::Ok);
    assert_eq!(
        Fake::healthy().remove("/dev/vfio/vfio").worst("vfio").level,
        Level::Fails
    );
    let found = Fake::healthy().close("/dev/vfio/7").worst("vfio");
    assert_eq!(found.level, Level::Fails);
    assert!(found.found.contains("/dev/vfio/7"), "{found:?}");
}

#[test]
fn a_missing_interface_fails_and_names_those_there_are() {
    let found = Fake::healthy()
        .edit("iface=d0", "iface=d9")
        .worst("interface");
    assert_eq!(found.level, Level::Fails);
    assert_eq!(found.read, ["/sys/class/net: d0"]);
}

#[test]
fn an_interface_that_is_down_is_warned_of() {
    let found = Fake::healthy()
        .write("/sys/class/net/d0/flags", "0x1002")
        .worst("interface");
    assert_eq!(found.level, Level::Warning);
    assert_eq!(found.advice, ["ip link set dev d0 up"]);
}

#[test]
fn an_interface_may_carry_as_much_as_the_port_and_not_less() {
    let mtu = |bytes: &str| {
        Fake::healthy()
            .write("/sys/class/net/d0/mtu", bytes)
            .worst("mtu")
            .level
    };
    assert_eq!(mtu("1500"), Level::Ok);
    assert_eq!(mtu("1499"), Level::Warning);
}

#[test]
fn a_ring_frame_holds_the_largest_frame_or_is_warned_of() {
    let with = |size: &str| {
        let fake = Fake::healthy().edit("framesz=2048,framecnt=1024", size);
        fake.worst("framesz")
    };
    // 1500 + 18 + 66, a multiple of 16 already.
    assert_eq!(with("framesz=1584,framecnt=1322").level, Level::Ok);
    let found = with("framesz=1568,framecnt=1336");
    assert_eq!(found.level, Level::Warning);
    assert!(
        found.advice[0].contains("framesz=2048,framecnt=4096"),
        "{found:?}"
    );
}

#[test]
fn a_device_that_run_refuses_fails_in_the_words_of_run() {
    let found = Fake::healthy()
        .edit("framesz=2048,framecnt=1024", "framesz=1024,framecnt=1024")
        .worst("device");
    assert_eq!(found.level, Level::Fails);
    assert!(found.found.contains("needs framesz="), "{found:?}");
    let short = Fake::healthy().edit("0000:3b:00.0", "3b:00.0");
    assert_eq!(short.worst("device").level, Level::Fails);
}

#[test]
fn a_small_interface_fails_without_the_right_to_raise_it() {
    let fake = Fake::healthy()
        .write("/sys/class/net/d0/mtu", "1400")
        .write("/proc/self/status", &status("0"));
    assert_eq!(fake.worst("mtu").level, Level::Fails);
}

#[test]
fn a_ring_of_broken_blocks_fails() {
    let with = |size: &str| {
        Fake::healthy()
            .edit("blocksz=1048576,framesz=2048,framecnt=1024", size)
            .worst("framesz")
            .level
    };
    assert_eq!(with("framesz=2048"), Level::Ok);
    assert_eq!(with("framesz=8192"), Level::Fails);
    assert_eq!(
        with("blocksz=8192,framesz=2048,framecnt=1023"),
        Level::Fails
    );
}

#[test]
fn an_offload_that_merges_frames_is_warned_of() {
    let fake = Fake::healthy().answer(
        "ethtool -k d0",
        "generic-receive-offload: on\nlarge-receive-offload: off\n",
    );
    let found = fake.worst("offload");
    assert_eq!(found.level, Level::Warning);
    assert_eq!(found.advice, ["ethtool -K d0 gro off"]);
}

#[test]
fn tags_taken_off_by_the_nic_matter_to_af_xdp_only() {
    assert_eq!(Fake::healthy().worst("offload").level, Level::Ok);
    let device = "net_af_packet0,iface=d0,blocksz=1048576,framesz=2048,framecnt=1024";
    let found = Fake::healthy()
        .edit(device, "net_af_xdp0,iface=d0")
        .worst("offload");
    assert_eq!(found.advice, ["ethtool -K d0 rxvlan off"]);
}

#[test]
fn offloads_that_cannot_be_read_are_a_note() {
    let mut fake = Fake::healthy();
    fake.outputs.clear();
    assert_eq!(fake.worst("offload").level, Level::Note);
}

#[test]
fn a_kernel_that_speaks_ipv6_on_the_link_is_a_note() {
    let path = "/proc/sys/net/ipv6/conf/d0/disable_ipv6";
    let found = Fake::healthy().write(path, "0").worst("ipv6");
    assert_eq!(found.level, Level::Note);
    assert_eq!(found.advice, ["sysctl -w net.ipv6.conf.d0.disable_ipv6=1"]);
}

#[test]
fn jumbo_frames_on_af_xdp_fail() {
    let device = "\"0000:3b:00.0\"";
    let fake = |mtu: &str| {
        Fake::healthy()
            .edit(device, "\"net_af_xdp0,iface=d0\"")
            .edit("mtu: 9000", mtu)
    };
    assert_eq!(fake("mtu: 9000").worst("mtu").level, Level::Fails);
    assert_eq!(fake("mtu: 3500").worst("mtu").level, Level::Ok);
}

#[test]
fn a_driver_that_is_not_installed_fails_with_its_package() {
    let found = Fake::healthy()
        .edit("net_af_packet0", "net_vhost0")
        .worst("port");
    assert_eq!(found.level, Level::Fails);
    assert!(
        found.advice[0].starts_with("apt-get install librte-net-vhost23"),
        "{found:?}"
    );
}

#[test]
fn a_port_without_device_fails() {
    let fake = Fake::healthy().edit(", device: \"0000:3b:00.0\"", "");
    assert_eq!(fake.worst("port").level, Level::Fails);
}

#[test]
fn a_capture_to_be_played_has_to_be_there() {
    let fake = || Fake::healthy().edit("0000:3b:00.0", "net_pcap0,rx_pcap=/captures/in.pcap");
    assert_eq!(fake().worst("port").level, Level::Fails);
    assert_eq!(
        fake().write("/captures/in.pcap", "x").worst("port").level,
        Level::Ok
    );
}

#[test]
fn a_memif_socket_needs_its_folder() {
    let fake = || Fake::healthy().edit("0000:3b:00.0", "net_memif0,socket=/run/lab/s.sock");
    assert_eq!(fake().worst("port").level, Level::Fails);
    assert_eq!(
        fake().write("/run/lab/x", "").worst("port").level,
        Level::Ok
    );
}

#[test]
fn a_tap_needs_the_kernels_tun() {
    let fake = || Fake::healthy().edit("0000:3b:00.0", "net_tap0,iface=t0");
    assert_eq!(fake().worst("interface").level, Level::Fails);
    assert_eq!(
        fake().write("/dev/net/tun", "").worst("interface").level,
        Level::Ok
    );
}

#[test]
fn rights_that_a_port_needs_and_the_user_lacks_fail_with_the_ports_name() {
    // CAP_NET_ADMIN and CAP_IPC_LOCK, no CAP_NET_RAW.
    let found = Fake::healthy()
        .write("/proc/self/status", &status("0000000000005000"))
        .worst("capabilities");
    assert_eq!(found.level, Level::Fails);
    assert!(
        found.why.starts_with("CAP_NET_RAW for du-1-side"),
        "{found:?}"
    );
    assert!(found.advice[1].contains("+net_raw"), "{found:?}");
}

#[test]
fn rings_need_no_rights() {
    let device = "net_af_packet0,iface=d0,blocksz=1048576,framesz=2048,framecnt=1024";
    let fake = Fake::healthy()
        .edit("0000:3b:00.0", "net_ring0")
        .edit(device, "net_ring1")
        .write("/proc/self/status", &status("0"));
    assert_eq!(fake.worst("capabilities").level, Level::Ok);
}

#[test]
fn without_configuration_the_nics_there_are_and_the_rights_one_lacks_are_notes() {
    let fake = Fake::healthy().write("/proc/self/status", &status("0"));
    let diagnosis = fake.without_config();
    assert_eq!(level(&diagnosis, "nic"), Level::Note);
    assert_eq!(level(&diagnosis, "capabilities"), Level::Note);
}
