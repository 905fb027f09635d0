//! What `deploy/` hands out: the unit, the container file and the chart, each judged by the tool that will
//! read it. Those tools are in Debian and `make setup` brings them, but helm: its templates are judged here
//! as far as they are YAML, and rendered by `make chart`, where it is installed.
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
    let scratch = Scratch::new("verify");
    let unit = scratch.write("ranshift.service", &runnable_unit());
    let output = run(Command::new("systemd-analyze")
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
    let scratch = Scratch::new("security");
    let unit = scratch.write("ranshift.service", &runnable_unit());
    let output = run(Command::new("systemd-analyze")
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
    let scratch = Scratch::new("user");
    let config = scratch.write("config.yaml", CONFIG);
    let output = as_the_units_user(&scratch, &config);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

/// As after a run by hand as root: the service would go without live state for ever.
#[test]
fn live_state_that_the_units_user_may_not_open_is_replaced_and_that_is_said() {
    let scratch = Scratch::new("state");
    let file = scratch.write("live", "somebody else's");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    let state = format!("{CONFIG}state: {{file: {}}}\n", file.display());
    let config = scratch.write("config.yaml", &state);
    let output = as_the_units_user(&scratch, &config);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("is replaced"), "{}", said(&output));
    assert!(
        !said(&output).contains("nothing survives"),
        "{}",
        said(&output)
    );
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn the_unit_keeps_the_folder_of_the_live_state_that_everything_recommends() {
    assert_eq!(unit_setting("RuntimeDirectory"), "ranshift");
    assert_eq!(unit_setting("RuntimeDirectoryPreserve"), "yes");
    assert!(!file("deploy/systemd/ranshift.service").contains("\nRemoveIPC="));
    for place in [
        "docs/configuration.md",
        "docs/change-and-restart.md",
        "configs/nic.yaml",
    ] {
        assert!(file(place).contains("/run/ranshift/live"), "{place}");
        assert!(!file(place).contains("/dev/shm"), "{place}");
    }
}

#[test]
fn a_refused_configuration_is_not_tried_again() {
    assert_eq!(unit_setting("Restart"), "always");
    assert_eq!(unit_setting("RestartPreventExitStatus"), "2");
    assert_eq!(unit_setting("StartLimitBurst"), "50");
}

/// Runs a configuration for an instant as an ordinary user with the capabilities of the unit. Who is not
/// root becomes that user in a namespace.
fn as_the_units_user(scratch: &Scratch, config: &Path) -> Output {
    let program = scratch.path("ranshift");
    fs::copy(env!("CARGO_BIN_EXE_ranshift"), &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let words = unit_setting("AmbientCapabilities")
        .to_lowercase()
        .replace("cap_", "+");
    let capabilities = words.split_whitespace().collect::<Vec<_>>().join(",");
    let mut command = match rustix::process::geteuid().is_root() {
        true => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]);
            command
        }
        false => {
            let mut command = Command::new("unshare");
            command.args([
                "--user",
                "--keep-caps",
                "--map-user",
                NOBODY,
                "--map-group",
                NOBODY,
            ]);
            command.args(["--", "setpriv"]);
            command
        }
    };
    run(command
        .arg("--no-new-privs")
        .arg(format!("--inh-caps=-all,{capabilities}"))
        .arg(format!("--ambient-caps=-all,{capabilities}"))
        .arg(format!("--bounding-set=-all,{capabilities}"))
        .arg(&program)
        .args(["run", "--until-idle", "200", "-c"])
        .arg(config)
        .env("XDG_RUNTIME_DIR", &scratch.0))
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
    // `make setup` brings all of them: the drivers come with libdpdk-dev.
    let output = run(Command::new("dpkg-query").arg("--show").args(&packages));
    assert!(output.status.success(), "{}", said(&output));
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
#[ignore = "needs helm, which Debian does not have: `make chart`"]
fn helm_finds_nothing_wrong_with_the_chart_and_renders_the_configuration_word_for_word() {
    let helm = "helm";
    let chart = root().join("deploy/helm/ranshift");
    let config = root().join("configs/nic.yaml");
    let set = format!("config={}", config.display());
    let linted =
        run(Command::new(helm)
            .arg("lint")
            .arg(&chart)
            .args(["--strict", "--set-file", &set]));
    assert!(linted.status.success(), "{}", said(&linted));
    for ports in ["ports=vfio", "ports=kernel"] {
        let output = run(Command::new(helm)
            .args(["template", "site"])
            .arg(&chart)
            .args(["--set-file", &set, "--set", ports])
            .args([
                "--set",
                "serviceMonitor.enabled=true,api.secretName=site-api",
            ]));
        assert!(output.status.success(), "{}", said(&output));
        judge(
            &String::from_utf8(output.stdout).unwrap(),
            &fs::read_to_string(&config).unwrap(),
        );
    }
}

/// Without helm: what templates say beside their actions is YAML, and says what it should.
#[test]
fn the_pod_is_probed_by_its_socket_and_what_it_mounts_can_change_and_be_written() {
    let deployment = plain("deployment.yaml");
    let pod = &deployment["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        // From outside nobody reaches a socket, nor a listener on loopback.
        let command = container[probe]["exec"]["command"].as_vec().unwrap();
        let words: Vec<_> = command.iter().map(|word| word.as_str().unwrap()).collect();
        assert_eq!(words[0], "ranshift", "{probe}");
        let help = Command::new(env!("CARGO_BIN_EXE_ranshift"))
            .args(&words[1..])
            .arg("--help")
            .output();
        assert!(help.unwrap().status.success(), "{words:?}");
    }
    let mounts = container["volumeMounts"].as_vec().unwrap();
    assert!(!template("deployment.yaml").contains("subPath"));
    let at = |path: &str| {
        mounts
            .iter()
            .any(|mount| mount["mountPath"].as_str() == Some(path))
    };
    assert!(at("/etc/ranshift") && at("/run/ranshift") && at("/run/secrets/ranshift"));
    // What the kubelet makes is root's, and the pod is not.
    let volumes = pod["volumes"].as_vec().unwrap();
    let hosts = volumes
        .iter()
        .filter_map(|volume| volume.as_mapping_get("hostPath"));
    let kinds: Vec<_> = hosts.map(|host| host["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["Directory"]);
}

#[test]
fn what_prometheus_scrapes_of_the_chart_is_the_job_that_the_rules_ask_for() {
    assert!(file("deploy/prometheus/rules.yml").contains(r#"job=\"ranshift\""#));
    let monitor = plain("servicemonitor.yaml");
    let label = monitor["spec"]["jobLabel"].as_str().unwrap();
    assert!(template("_names.tpl").contains(&format!("{label}: ranshift\n")));
    assert!(plain("service.yaml")["spec"]["ports"][0]["name"].as_str() == Some("api"));
}

#[test]
fn the_chart_uses_every_value_and_no_other_and_closes_what_it_opens() {
    use saphyr::{LoadableYamlNode, Yaml};
    let text = file("deploy/helm/ranshift/values.yaml");
    let values = Yaml::load_from_str(&text).unwrap();
    let mut known = BTreeSet::new();
    paths(&values[0], "", &mut known);
    let mut used = BTreeSet::new();
    let mut defined = String::new();
    for name in TEMPLATES {
        let text = template(name);
        let mut open = 0;
        for action in actions(&text) {
            let first = action.trim_matches('-').split_whitespace().next().unwrap();
            open += i32::from(["if", "with", "range", "define"].contains(&first));
            open -= i32::from(first == "end");
            assert!(open >= 0, "{name}: {action}");
            let words = action.split([' ', '(', ')']);
            used.extend(words.filter_map(|word| Some(word.split_once(".Values.")?.1.to_owned())));
        }
        assert_eq!(open, 0, "{name}");
        defined.push_str(&text);
    }
    for path in &used {
        assert!(known.contains(path), ".Values.{path} is not in values.yaml");
    }
    let is_used = |path: &str| {
        used.iter()
            .any(|one| one == path || path.starts_with(&format!("{one}.")))
    };
    let idle: Vec<_> = known.iter().filter(|path| !is_used(path)).collect();
    // A mapping is used by its keys.
    let idle: Vec<_> = idle
        .iter()
        .filter(|path| !known.iter().any(|one| one.starts_with(&format!("{path}."))))
        .collect();
    assert!(idle.is_empty(), "{idle:?}");
    let included = defined
        .split("include \"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap());
    for name in included {
        assert!(defined.contains(&format!("define \"{name}\"")), "{name}");
    }
}

/// Dotted paths of a mapping, those of mappings in it among them.
fn paths(value: &saphyr::Yaml<'_>, above: &str, into: &mut BTreeSet<String>) {
    for (key, value) in value.as_mapping().into_iter().flatten() {
        let path = format!("{above}{}", key.as_str().unwrap());
        paths(value, &format!("{path}."), into);
        into.insert(path);
    }
}

/// What stands between braces, in order.
fn actions(text: &str) -> impl Iterator<Item = &str> {
    text.split("{{")
        .skip(1)
        .map(|rest| rest.split("}}").next().unwrap())
}

/// A template as YAML: lines that only control are left out, a value that is put in is an `x`.
fn plain(name: &str) -> saphyr::Yaml<'static> {
    use saphyr::{LoadableYamlNode, Yaml};
    let text = template(name);
    let mut lines = Vec::new();
    for line in text.lines() {
        let only = line
            .trim()
            .strip_prefix("{{")
            .and_then(|rest| rest.strip_suffix("}}"));
        let first =
            only.and_then(|action| action.trim_start_matches('-').split_whitespace().next());
        if first.is_some_and(|word| CONTROL.contains(&word) || word.starts_with('$')) {
            continue;
        }
        let mut pieces = line.split("{{");
        let mut kept = pieces.next().unwrap().to_owned();
        for piece in pieces {
            kept.push('x');
            kept.push_str(piece.split_once("}}").unwrap().1);
        }
        lines.push(kept);
    }
    let text: &'static str = lines.join("\n").leak();
    Yaml::load_from_str(text)
        .unwrap_or_else(|error| panic!("{name}: {error}\n{text}"))
        .remove(0)
}

fn template(name: &str) -> String {
    file(&format!("deploy/helm/ranshift/templates/{name}"))
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

fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| {
        panic!("{command:?}: {error}: `make setup` installs what is missing")
    })
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

const TEMPLATES: [&str; 6] = [
    "NOTES.txt",
    "_names.tpl",
    "configmap.yaml",
    "deployment.yaml",
    "service.yaml",
    "servicemonitor.yaml",
];

/// Words with which an action begins that puts nothing in.
const CONTROL: [&str; 5] = ["if", "with", "range", "end", "else"];

/// Tenths: 2.1, half of it for talking to networks at all.
const MOST_EXPOSURE: &str = "21";

const NOBODY: &str = "65534";

const CONFIG: &str = r#"
api: none
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
