//! tshark finds nothing malformed in what the appliance sends that was not malformed in what it received,
//! and no wrong checksum: in every mode, with frames split, mapped, retagged, and readdressed over UDP.
//!
//! Frames that a snap length cut are restored with zeros before they enter, so sizes and headers are judged
//! whole; checksums are judged on captures that were not cut. A missing tshark fails these tests.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy's exemption for tests does not reach helper functions of an integration test"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A fixture, and how tshark is to read its captures.
struct Case {
    fixture: &'static str,
    widths: [u8; 4],
    carrier_prbs: u16,
    compressed: bool,
}

impl Case {
    /// BFP 9 with a header in each section, which needs no further word.
    const fn bfp(fixture: &'static str, carrier_prbs: u16) -> Self {
        Self {
            fixture,
            widths: [4; 4],
            carrier_prbs,
            compressed: true,
        }
    }

    fn preferences(&self) -> Vec<String> {
        let [du, band, carrier, ru] = self.widths;
        let (method, width) = match self.compressed {
            true => ("COMP_BLOCK_FP", 9),
            false => ("COMP_NONE", 16),
        };
        let header = self.compressed.to_string().to_uppercase();
        let preferences = [
            format!("du_port_id_bits:{du}"),
            format!("bandsector_id_bits:{band}"),
            format!("cc_id_bits:{carrier}"),
            format!("ru_port_id_bits:{ru}"),
            format!("rbs_in_uplane_section:{}", self.carrier_prbs),
            format!("iq_bitwidth_down:{width}"),
            format!("iq_bitwidth_up:{width}"),
            format!("ud_comp_down:{method}"),
            format!("ud_comp_up:{method}"),
            format!("ud_comp_hdr_down:{header}"),
            format!("ud_comp_hdr_up:{header}"),
            "show_iq_samples:FALSE".to_owned(),
        ];
        let preferences = preferences.into_iter();
        preferences
            .flat_map(|words| ["-o".to_owned(), format!("oran_fh_cus.oran.{words}")])
            .collect()
    }
}

const CLEAN: [Case; 7] = [
    Case::bfp("two-du-sharing", 51),
    Case::bfp("generated-sharing-split", 11),
    Case::bfp("generated-owner-wins-differ", 24),
    Case::bfp("generated-overlap", 24),
    Case::bfp("generated-mtu1500", 273),
    Case::bfp("generated-mu3", 66),
    Case {
        widths: [2, 6, 4, 4],
        compressed: false,
        ..Case::bfp("generated-qinq", 11)
    },
];
const SPOILED: [Case; 2] = [Case::bfp("bad-wire", 51), Case::bfp("generated-faults", 24)];

const WRONG: &str = "_ws.malformed || ecpri.payload.size.invalid || ecpri.frame.length.invalid";

#[test]
fn clean_captures_come_out_clean() {
    for case in CLEAN {
        let run = Run::of(&case);
        assert_eq!(run.wrong(&case, "ingress"), [].into(), "{}", case.fixture);
        assert_eq!(
            run.wrong(&case, "out/egress"),
            [].into(),
            "{}",
            case.fixture
        );
    }
}

#[test]
fn what_comes_out_malformed_came_in_malformed() {
    let mut passed = 0;
    for case in SPOILED {
        let run = Run::of(&case);
        let before = run.wrong(&case, "ingress");
        let after = run.wrong(&case, "out/egress");
        let made: Vec<_> = after.difference(&before).collect();
        assert!(made.is_empty(), "{}: {made:?}", case.fixture);
        assert!(before.len() > after.len(), "{}", case.fixture);
        passed += after.len();
    }
    assert!(passed > 0, "damage that headers do not show passes");
}

#[test]
fn checksums_are_right_behind_new_addresses() {
    let case = Case::bfp("generated-udp-ipv6", 25);
    let run = Run::of(&case);
    for folder in ["ingress", "out/egress"] {
        for capture in run.captures(folder) {
            let mut command = Command::new("tshark");
            command.arg("-r").arg(&capture);
            command.args(["-o", "udp.check_checksum:TRUE", "-T", "fields"]);
            command.args(["-e", "udp.checksum.status"]);
            let output = String::from_utf8(succeed(&mut command).stdout).unwrap();
            assert_eq!(output.lines().count(), inputs(&capture).len());
            let good = output.lines().filter(|status| *status == "1");
            assert_eq!(
                good.count(),
                inputs(&capture).len(),
                "{}",
                capture.display()
            );
        }
    }
}

/// A replayed fixture, in a folder that goes when it is judged.
struct Run(PathBuf);

/// Capture and frame number, as the index names them.
type Input = (String, u64);

impl Run {
    fn of(case: &Case) -> Self {
        let run =
            Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("clean-{}", case.fixture)));
        let _ = fs::remove_dir_all(&run.0);
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("pcap-fixtures")
            .join(case.fixture);
        let mut command = Command::new(env!("CARGO_BIN_EXE_ranshift"));
        command
            .arg("replay")
            .arg("--config")
            .arg(fixture.join("config.yaml"));
        command.arg("--scenario").arg(fixture.join("scenario.yaml"));
        command.arg("--out").arg(run.0.join("out"));
        succeed(command.arg("--write-ingress").arg(run.0.join("ingress")));
        run
    }

    /// Inputs of the frames of all ports in `folder` that tshark complains of.
    fn wrong(&self, case: &Case, folder: &str) -> BTreeSet<Input> {
        let mut wrong = BTreeSet::new();
        let mut judged = 0;
        for capture in self.captures(folder) {
            let inputs = inputs(&capture);
            let numbers = complaints(case, &capture);
            wrong.extend(numbers.iter().map(|number| inputs[number - 1].clone()));
            judged += inputs.len();
        }
        assert!(judged > 1_000, "{} {folder}: {judged} frames", case.fixture);
        wrong
    }

    fn captures(&self, folder: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.0.join(folder)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let is_capture = |path: &PathBuf| path.extension().is_some_and(|end| end == "pcap");
        paths.filter(is_capture).collect()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Numbers of the frames that tshark complains of.
fn complaints(case: &Case, capture: &Path) -> Vec<usize> {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(capture).args(case.preferences());
    command.args(["-Y", WRONG, "-T", "fields", "-e", "frame.number"]);
    let output = String::from_utf8(succeed(&mut command).stdout).unwrap();
    output.lines().map(|line| line.parse().unwrap()).collect()
}

/// The input of each frame of a capture, in order.
fn inputs(capture: &Path) -> Vec<Input> {
    let text = fs::read_to_string(capture.with_extension("index.csv")).unwrap();
    let input = |line: &str| {
        let columns: Vec<&str> = line.split(',').collect();
        (columns[1].to_owned(), columns[2].parse().unwrap())
    };
    text.lines().skip(1).map(input).collect()
}

fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| {
        let program = command.get_program().display();
        panic!("{program} does not run ({error}): install what README names for the tests")
    });
    assert!(output.status.success(), "{output:?}");
    output
}
