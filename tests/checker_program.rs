//! The checker as a program, on files: its exit codes, and what it says of what our own replay wrote.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test code, on files written here"
)]

#[path = "checker/mod.rs"]
mod checker;

use checker::stage::{CONFIG, Play, documents, play};
use checker::{Inputs, Kind, Lane, pcap};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder of one test, gone when the test is.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The program. `cargo test` has built it; `cargo test --test checker_program` has not.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.ancestors().nth(2).unwrap();
    let built = profile.join("examples").join("checker");
    if !built.exists() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let name = match profile.file_name().unwrap().to_str().unwrap() {
            "debug" => "dev",
            name => name,
        };
        let build = [
            "build",
            "--quiet",
            "--example",
            "checker",
            "--profile",
            name,
        ];
        assert!(Command::new(cargo).args(build).status().unwrap().success());
    }
    built
}

fn check(folder: &Folder) -> Output {
    Command::new(program())
        .arg("--config")
        .arg(folder.at("config.yaml"))
        .arg("--scenario")
        .arg(folder.at("scenario.yaml"))
        .arg("--ingress")
        .arg(folder.at("ingress"))
        .arg("--out")
        .arg(folder.at("out"))
        .output()
        .unwrap()
}

fn words(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8(text).unwrap()
}

fn write_lanes(folder: &Path, lanes: &[Lane]) {
    fs::create_dir_all(folder).unwrap();
    for lane in lanes {
        let records = lane
            .frames
            .iter()
            .map(|frame| (frame.at_ns, &frame.bytes[..]));
        fs::write(
            folder.join(format!("{}.pcap", lane.port)),
            pcap::write(records),
        )
        .unwrap();
        let mut index = "output,input,frame,kind\n".to_owned();
        for (position, frame) in lane.frames.iter().enumerate() {
            let kind = match frame.kind {
                Kind::Forwarded => "forwarded",
                Kind::Copy => "copy",
                Kind::Part => "part",
            };
            let (input, number) = (frame.input, frame.number);
            index += &format!("{},input-{input}.pcap,{number},{kind}\n", position + 1);
        }
        fs::write(folder.join(format!("{}.index.csv", lane.port)), index).unwrap();
    }
}

fn write_run(folder: &Folder, run: &Inputs) {
    let (scenario, report) = documents(Play::Migration);
    write_lanes(&folder.at("ingress"), &run.ingress);
    write_lanes(&folder.at("out").join("egress"), &run.egress);
    fs::write(folder.at("config.yaml"), CONFIG).unwrap();
    fs::write(folder.at("scenario.yaml"), scenario).unwrap();
    fs::write(folder.at("out").join("report.json"), report).unwrap();
}

#[test]
fn a_correct_run_in_files_ends_with_exit_code_0() {
    let folder = Folder::new("checker-accepts");
    write_run(&folder, &play(Play::Migration));
    let output = check(&folder);
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    assert!(words(&output).contains("frames judged, all rules hold"));
    assert!(words(&output).contains("examined"));
}

#[test]
fn a_wrong_run_in_files_ends_with_exit_code_1_and_names_rule_and_frames() {
    let folder = Folder::new("checker-refuses");
    let mut run = play(Play::Migration);
    run.egress[0].frames[9].bytes[44] ^= 1;
    write_run(&folder, &run);
    let output = check(&folder);
    assert_eq!(output.status.code(), Some(1));
    let words = words(&output);
    let finding = words
        .lines()
        .find(|line| line.starts_with("link:"))
        .unwrap();
    assert!(
        finding.contains("output ru-side#10") && finding.contains("input du-2-side#"),
        "{finding}"
    );
}

#[test]
fn a_cut_capture_ends_with_exit_code_2() {
    let folder = Folder::new("checker-cut");
    write_run(&folder, &play(Play::Migration));
    let capture = folder.at("ingress").join("ru-side.pcap");
    let whole = fs::read(&capture).unwrap();
    fs::write(&capture, &whole[..whole.len() - 1]).unwrap();
    let output = check(&folder);
    assert_eq!(output.status.code(), Some(2));
    assert!(words(&output).contains("is cut"), "{}", words(&output));
}

#[test]
fn an_index_with_fewer_lines_than_frames_ends_with_exit_code_2() {
    let folder = Folder::new("checker-index");
    write_run(&folder, &play(Play::Migration));
    let index = folder.at("out").join("egress").join("ru-side.index.csv");
    let text = fs::read_to_string(&index).unwrap();
    let cut = text.trim_end().rfind('\n').unwrap();
    fs::write(&index, &text[..cut]).unwrap();
    assert_eq!(check(&folder).status.code(), Some(2));
}

#[test]
fn missing_arguments_end_with_exit_code_2_and_the_usage() {
    let output = Command::new(program())
        .arg("--config")
        .arg("x")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(words(&output).contains("usage: checker"));
}
