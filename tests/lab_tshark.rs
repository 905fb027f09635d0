//! tshark reads what the generator writes: nothing malformed, checksums right, sections as meant.
//!
//! `ranshift lab generate` runs as a user runs it. A missing tshark fails these tests.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy's exemption for tests does not reach helper functions of an integration test"
)]

#[path = "support/lab_config.rs"]
mod lab_config;

use lab_config::edited;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Runs `lab generate` on the edited example and returns where its captures are.
fn generate(name: &str, edits: &[(&str, &str)], options: &[&str]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let config = folder.join("config.yaml");
    std::fs::write(&config, edited(edits)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ranshift"));
    command.args(["lab", "generate", "--quiet", "--duration", "20ms"]);
    command.arg("-c").arg(config).arg("--out").arg(&folder);
    succeed(command.args(options));
    folder
}

fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| {
        let program = command.get_program().display();
        panic!("{program} does not run ({error}): install what README names for the tests")
    });
    assert!(output.status.success(), "{output:?}");
    output
}

/// Lines that tshark prints for one capture.
fn tshark(capture: &Path, preferences: &[&str], arguments: &[&str]) -> Vec<String> {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(capture);
    for preference in WIDTHS.iter().chain(preferences) {
        command
            .arg("-o")
            .arg(format!("oran_fh_cus.oran.{preference}"));
    }
    let output = succeed(command.args(arguments));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Every port's capture is there and tshark finds nothing wrong with any frame.
fn assert_well_formed(folder: &Path, preferences: &[&str], arguments: &[&str]) {
    for port in ["ru-side", "du-1-side", "du-2-side"] {
        let capture = folder.join(format!("{port}.pcap"));
        let mut all: Vec<&str> = arguments.to_vec();
        let fields = ["-T", "fields", "-e", "oran_fh_cus.sequence_id"];
        all.extend(fields);
        let frames = tshark(&capture, preferences, &all);
        assert!(frames.len() > 100, "{port}: {}", frames.len());
        assert!(frames.iter().all(|number| !number.is_empty()), "{port}");
        let mut all: Vec<&str> = arguments.to_vec();
        all.extend(["-Y", WRONG]);
        assert_eq!(tshark(&capture, preferences, &all), [""; 0], "{port}");
    }
}

const WIDTHS: [&str; 6] = [
    "du_port_id_bits:4",
    "bandsector_id_bits:4",
    "cc_id_bits:4",
    "ru_port_id_bits:4",
    "show_iq_samples:FALSE",
    "rbs_in_uplane_section:51",
];
const BFP9: [&str; 6] = [
    "iq_bitwidth_down:9",
    "ud_comp_down:COMP_BLOCK_FP",
    "iq_bitwidth_up:9",
    "ud_comp_up:COMP_BLOCK_FP",
    "ud_comp_hdr_up:TRUE",
    "ud_comp_hdr_down:TRUE",
];
const NONE16: [&str; 6] = [
    "iq_bitwidth_down:16",
    "ud_comp_down:COMP_NONE",
    "iq_bitwidth_up:16",
    "ud_comp_up:COMP_NONE",
    "ud_comp_hdr_up:FALSE",
    "ud_comp_hdr_down:FALSE",
];
const WRONG: &str = "_ws.malformed || ecpri.payload.size.invalid || ecpri.frame.length.invalid \
                     || udp.checksum.status == 0 || ip.checksum.status == 0";

#[test]
fn bfp_with_one_tag() {
    let folder = generate("lab-bfp", &[], &[]);
    assert_well_formed(&folder, &BFP9, &[]);
}

#[test]
fn uncompressed_static_qinq_at_mtu_1500() {
    let edits = [
        (
            "{method: bfp, width: 9, header: dynamic}",
            "{method: none, width: 16, header: static}",
        ),
        ("vlan: 100", "vlan: [200, 100]"),
        ("mtu: 9000", "mtu: 1500"),
    ];
    let folder = generate("lab-none", &edits, &[]);
    assert_well_formed(&folder, &NONE16, &[]);
    let ids = [
        "-T",
        "fields",
        "-e",
        "vlan.id",
        "-e",
        "ieee8021ad.id",
        "-c",
        "1",
    ];
    let ids = tshark(&folder.join("ru-side.pcap"), &NONE16, &ids);
    assert_eq!(ids, ["100\t200"]);
}

#[test]
fn udp_over_ipv4_has_right_checksums() {
    let transport = "vlan: 100\n    transport: {udp: {peer: 10.0.0.1, facing: 10.0.0.2, peer_port: 50000, facing_port: 50000}}";
    let folder = generate("lab-ipv4", &[("vlan: 100", transport)], &[]);
    assert_well_formed(&folder, &BFP9, &UDP);
}

#[test]
fn udp_over_ipv6_has_right_checksums_and_fits_the_mtu() {
    let transport = "vlan: 100\n    transport: {udp: {peer: 'fd00::1', facing: 'fd00::2', peer_port: 50000, facing_port: 50000}}";
    let edits = [("vlan: 100", transport), ("mtu: 9000", "mtu: 1280")];
    let folder = generate("lab-ipv6", &edits, &[]);
    assert_well_formed(&folder, &BFP9, &UDP);
    let longest = ["-Y", "frame.len > 1298"];
    assert_eq!(
        tshark(&folder.join("du-1-side.pcap"), &BFP9, &longest),
        [""; 0]
    );
}

#[test]
fn every_style_is_read_as_meant() {
    let options = [
        "--style",
        "explicit",
        "--style",
        "du-2=symbol-groups",
        "--shuffled",
        "du-2",
    ];
    let folder = generate("lab-styles", &[], &options);
    assert_well_formed(&folder, &BFP9, &[]);
    let fields = [
        "-T",
        "fields",
        "-e",
        "oran_fh_cus.startSymbolId",
        "-e",
        "oran_fh_cus.numberOfSections",
        "-e",
        "oran_fh_cus.reMask",
        "-Y",
        "ecpri.type == 2 && oran_fh_cus.data_direction == 1",
        "-c",
        "40",
    ];
    let lines = tshark(&folder.join("du-2-side.pcap"), &BFP9, &fields);
    assert_eq!(lines[0], "0\t2\t0x0fff,0x0fff");
    assert_eq!(lines[1], "2\t3\t0x0fff,0x0aaa,0x0555");
}

#[test]
fn a_capture_holds_the_frames_that_the_truth_counts() {
    let folder = generate(
        "lab-truth",
        &[],
        &["--loss", "0.01", "--death", "du-1@5ms..10ms"],
    );
    let truth = std::fs::read(folder.join("truth.json")).unwrap();
    let truth: serde_json::Value = serde_json::from_slice(&truth).unwrap();
    for port in ["ru-side", "du-1-side", "du-2-side"] {
        let capture = folder.join(format!("{port}.pcap"));
        let frames = tshark(&capture, &BFP9, &["-T", "fields", "-e", "frame.number"]);
        assert_eq!(truth["ports"][port]["frames"], frames.len());
    }
    assert!(truth["lives"]["du-1"][0]["until_ns"].is_u64());
}

#[test]
fn a_wrong_option_is_named_with_what_would_be_accepted() {
    let folder = generate("lab-usage", &[], &[]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_ranshift"));
    command.args(["lab", "generate", "--load", "du-9=idle", "-c"]);
    command
        .arg(folder.join("config.yaml"))
        .arg("--out")
        .arg(&folder);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("--load du-9=idle") && said.contains("du-1, du-2"),
        "{said}"
    );
}

#[test]
fn what_cannot_be_written_is_an_error_of_the_environment() {
    let folder = generate("lab-unwritable", &[], &[]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_ranshift"));
    command.args(["lab", "generate", "-c"]);
    command.arg(folder.join("config.yaml"));
    command.arg("--out").arg(folder.join("config.yaml"));
    assert_eq!(command.output().unwrap().status.code(), Some(3));
}

const UDP: [&str; 6] = [
    "-d",
    "udp.port==50000,ecpri",
    "-o",
    "udp.check_checksum:TRUE",
    "-o",
    "ip.check_checksum:TRUE",
];
