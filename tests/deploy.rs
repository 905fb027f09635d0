//! What `deploy/` hands out: the unit, the container file and the chart, each judged by the tool that will
//! read it where that tool is here.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says so when it is wrong"
)]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

#[test]
fn systemd_finds_nothing_wrong_with_the_unit() {
    let Some(analyze) = program("systemd-analyze") else {
        return;
    };
    let scratch = Scratch::new("verify");
    let unit = scratch.write("ranshift.service", &runnable_unit());
    let output = run(Command::new(analyze)
        .args(["verify", "--man=no", "--recursive-errors=no"])
        .arg(&unit));
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    let about_ours: Vec<_> = said
        .lines()
        .filter(|line| line.contains("ranshift"))
        .collect();
    assert!(about_ours.is_empty(), "{said}");
}

/// The exposure that systemd reckons, 0 (none) to 10: recorded, so that nobody opens a door unnoticed.
#[test]
fn the_unit_stays_as_tight_as_it_is() {
    let Some(analyze) = program("systemd-analyze") else {
        return;
    };
    let scratch = Scratch::new("security");
    let unit = scratch.write("ranshift.service", &runnable_unit());
    let output = run(Command::new(analyze)
        .args([
            "security",
            "--offline=true",
            "--no-pager",
            "--threshold",
            MOST_EXPOSURE,
        ])
        .arg(&unit));
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn the_units_user_runs_it_with_the_units_capabilities_and_no_more() {
    if !rustix::process::geteuid().is_root() || program("setpriv").is_none() {
        eprintln!("deploy: left out, only root can become the unit's user");
        return;
    }
    let scratch = Scratch::new("user");
    let program = scratch.path("ranshift");
    fs::copy(env!("CARGO_BIN_EXE_ranshift"), &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let config = scratch.write("config.yaml", CONFIG);
    let words = unit_setting("AmbientCapabilities")
        .to_lowercase()
        .replace("cap_", "+");
    let capabilities = words.split_whitespace().collect::<Vec<_>>().join(",");
    let output = run(Command::new("setpriv")
        .args([
            "--reuid",
            NOBODY,
            "--regid",
            NOBODY,
            "--clear-groups",
            "--no-new-privs",
        ])
        .arg(format!("--inh-caps=-all,{capabilities}"))
        .arg(format!("--ambient-caps=-all,{capabilities}"))
        .arg(format!("--bounding-set=-all,{capabilities}"))
        .arg(&program)
        .args(["run", "--until-idle", "200", "-c"])
        .arg(&config)
        .env("XDG_RUNTIME_DIR", &scratch.0));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

#[test]
fn what_may_be_had_is_what_is_asked_for() {
    assert_eq!(
        unit_setting("AmbientCapabilities"),
        unit_setting("CapabilityBoundingSet")
    );
    assert_eq!(unit_setting("User"), "ranshift");
    assert!(file("deploy/systemd/ranshift.sysusers").contains("u ranshift "));
    assert!(file("deploy/systemd/60-ranshift.rules").contains("GROUP=\"ranshift\""));
}

#[test]
fn every_package_of_the_container_file_exists() {
    let Some(apt_cache) = program("apt-cache") else {
        return;
    };
    let text = file("deploy/Containerfile").replace("\\\n", " ");
    let lines = text
        .lines()
        .filter_map(|line| line.split_once("--no-install-recommends"));
    let packages: BTreeSet<String> = lines
        .flat_map(|(_, rest)| {
            rest.split("&&")
                .next()
                .unwrap()
                .split_whitespace()
                .map(str::to_owned)
        })
        .collect();
    assert!(packages.len() > 20, "{packages:?}");
    let output = run(Command::new(apt_cache).arg("show").args(&packages));
    if output.stdout.is_empty() {
        eprintln!("deploy: left out, apt has no package lists here");
        return;
    }
    let shown = String::from_utf8(output.stdout).unwrap();
    let known: BTreeSet<_> = shown
        .lines()
        .filter_map(|line| line.strip_prefix("Package: "))
        .collect();
    let missing: Vec<_> = packages
        .iter()
        .filter(|name| !known.contains(name.as_str()))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_final_image_has_no_compiler_and_an_ordinary_user() {
    let text = file("deploy/Containerfile");
    let last = text.rsplit("\nFROM ").next().unwrap();
    for tool in ["gcc", "rustup", "cargo build", "-dev "] {
        assert!(!last.contains(tool), "{tool}");
    }
    assert!(last.contains("\nUSER 1000:1000\n"));
}

#[test]
fn helm_finds_nothing_wrong_with_the_chart_and_renders_the_configuration_word_for_word() {
    let Some(helm) = program("helm") else {
        return;
    };
    let chart = root().join("deploy/helm/ranshift");
    let config = root().join("configs/nic.yaml");
    let set = format!("config={}", config.display());
    let linted =
        run(Command::new(&helm)
            .arg("lint")
            .arg(&chart)
            .args(["--strict", "--set-file", &set]));
    assert!(linted.status.success(), "{}", said(&linted));
    for ports in ["ports=vfio", "ports=kernel"] {
        let output = run(Command::new(&helm)
            .args(["template", "site"])
            .arg(&chart)
            .args([
                "--set-file",
                &set,
                "--set",
                ports,
                "--set",
                "serviceMonitor.enabled=true",
            ]));
        assert!(output.status.success(), "{}", said(&output));
        judge(
            &String::from_utf8(output.stdout).unwrap(),
            &fs::read_to_string(&config).unwrap(),
        );
    }
}

/// Of rendered manifests: the configuration is whole, requests are limits, nobody is root.
fn judge(manifests: &str, config: &str) {
    use saphyr::{LoadableYamlNode, Yaml};
    let documents = Yaml::load_from_str(manifests).unwrap();
    let of_kind = |kind: &str| {
        let found = documents
            .iter()
            .find(|document| document["kind"].as_str() == Some(kind));
        found.unwrap_or_else(|| panic!("no {kind}"))
    };
    let rendered = of_kind("ConfigMap")["data"]["ranshift.yaml"]
        .as_str()
        .unwrap();
    assert_eq!(rendered.trim(), config.trim());
    let pod = &of_kind("Deployment")["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"].as_bool(), Some(true));
    let container = &pod["containers"][0];
    assert_eq!(
        container["resources"]["requests"],
        container["resources"]["limits"]
    );
    assert_eq!(
        container["securityContext"]["readOnlyRootFilesystem"].as_bool(),
        Some(true)
    );
    assert_eq!(
        container["livenessProbe"]["httpGet"]["path"].as_str(),
        Some("/healthz")
    );
    assert_eq!(
        of_kind("ServiceMonitor")["spec"]["endpoints"][0]["path"].as_str(),
        Some("/metrics")
    );
}

/// The unit with a program that exists here.
fn runnable_unit() -> String {
    file("deploy/systemd/ranshift.service")
        .replace("/usr/bin/ranshift", env!("CARGO_BIN_EXE_ranshift"))
}

fn unit_setting(name: &str) -> String {
    let unit = file("deploy/systemd/ranshift.service");
    let value = |line: &str| Some(line.strip_prefix(name)?.strip_prefix('=')?.to_owned());
    unit.lines().find_map(value).unwrap()
}

/// A folder that everybody may enter, gone at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("ranshift-deploy-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let file = self.path(name);
        fs::write(&file, text).unwrap();
        file
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Where a program is; says so if it is not.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file());
    if found.is_none() {
        eprintln!("deploy: left out, {name} is not installed");
    }
    found
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn file(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Tenths: 2.1, half of it for talking to networks at all.
const MOST_EXPOSURE: &str = "21";

const NOBODY: &str = "65534";

const CONFIG: &str = r#"
ports:
  ru-side: {mtu: 1500, device: "net_null0,no-rx=1"}
  du-side: {mtu: 1500, device: "net_null1,no-rx=1"}
rus:
  ru-1: {port: ru-side, mac: "02:a0:00:00:00:01", facing: "02:d0:00:00:00:01", vlan: 100}
dus:
  du-1: {port: du-side, mac: "02:d0:00:00:00:01", facing: "02:a0:00:00:00:01", vlan: 100, attachment: dedicated}
cells:
  cell-1:
    ru: ru-1
    numerology: 1
    carrier_prbs: 51
    eaxc_bits: [4, 4, 4, 4]
    eaxc: {downlink: [0, 1], uplink: [0, 1], prach: [4, 5]}
    compression:
      downlink: {method: bfp, width: 9, header: dynamic}
      uplink: {method: bfp, width: 9, header: dynamic}
    time: {source: headers}
    periods: {tdd: 10}
    active: du-1
    members:
      du-1: {assume_in_step: true}
"#;
