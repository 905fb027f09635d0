//! Reads a scenario file against a configuration: captures here, actions, faults and expectations beside.

use super::{CaptureInput, Ingress, Otherwise, Scenario, SplitRule, actions, expect, faults};
use crate::config::keys::{Accepts, FLAG, Key, MAC, Table};
use crate::config::model::{Cell, Config};
use crate::config::source::fields::{Field, Section};
use crate::config::source::problem::{Diagnosis, Problems};
use crate::config::source::tree;
use crate::config::validate;
use crate::ran::{CellId, MemberId, PeerId, PortId};
use std::collections::HashSet;
use std::path::Path;

/// Reads and checks a scenario file; names in it are names of `config`.
pub fn load(path: &Path, config: &Config) -> Result<Scenario, Problems> {
    let text = crate::config::read(path)?;
    parse(&text, &path.display().to_string(), config)
}

/// Checks the text of a scenario; `file` names it in problems.
pub fn parse(text: &str, file: &str, config: &Config) -> Result<Scenario, Problems> {
    let mut diagnosis = Diagnosis::default();
    let scenario = tree::parse(text, &mut diagnosis)
        .and_then(|root| scenario(&Field::root(&root, &FILE_KEY), config, &mut diagnosis));
    diagnosis
        .conclude(file, scenario)
        .map(|(scenario, _)| scenario)
}

fn scenario(field: &Field<'_>, config: &Config, diagnosis: &mut Diagnosis) -> Option<Scenario> {
    let names = Names::of(config);
    let section = Section::open(field, FILE.keys, diagnosis)?;
    let description = section.read("description", diagnosis, Field::text);
    let captures = section.read("captures", diagnosis, |field, d| captures(field, &names, d));
    let answer = section.read("answer", diagnosis, Field::flag);
    let actions = section.read("actions", diagnosis, |field, d| {
        actions::actions(field, &names, d)
    });
    let faults = section.read("faults", diagnosis, |field, diagnosis| {
        field.list(diagnosis, |item, d| faults::fault(item, &names, d))
    });
    let expect = section.read("expect", diagnosis, |field, d| {
        expect::expect(field, &names, d)
    });
    Some(Scenario {
        description: description?.to_owned(),
        captures: captures?,
        answer: answer?,
        actions: actions?,
        faults: faults?,
        expect: expect?,
    })
}

/// Names of the configuration that a scenario may use.
pub(super) struct Names<'c> {
    pub(super) ports: Vec<&'c str>,
    pub(super) peers: Vec<&'c str>,
    pub(super) cells: Vec<&'c str>,
    config: &'c Config,
}

impl<'c> Names<'c> {
    fn of(config: &'c Config) -> Self {
        Self {
            ports: config.ports.iter().map(|port| port.name.as_str()).collect(),
            peers: config.peers().map(|peer| peer.name.as_str()).collect(),
            cells: config.cells.iter().map(|cell| cell.name.as_str()).collect(),
            config,
        }
    }

    fn port(&self, field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<PortId> {
        let position = field.reference("port", &self.ports, diagnosis)?;
        u8::try_from(position).ok().map(PortId)
    }

    pub(super) fn peer(&self, field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<PeerId> {
        let position = field.reference("peer", &self.peers, diagnosis)?;
        u16::try_from(position).ok().map(PeerId)
    }

    pub(super) fn cell(
        &self,
        field: &Field<'_>,
        diagnosis: &mut Diagnosis,
    ) -> Option<(CellId, &'c Cell)> {
        let position = field.reference("cell", &self.cells, diagnosis)?;
        let id = u16::try_from(position).ok().map(CellId)?;
        self.config.cells.get(position).map(|cell| (id, cell))
    }

    /// The member named in `field`; unchecked while the cell is unknown.
    pub(super) fn member(
        &self,
        field: &Field<'_>,
        cell: Option<&Cell>,
        diagnosis: &mut Diagnosis,
    ) -> Option<MemberId> {
        let members = cell?.members.iter();
        let names: Vec<&str> = members.map(|one| self.config.member_name(one)).collect();
        let position = field.reference("member of this cell", &names, diagnosis)?;
        u8::try_from(position).ok().map(MemberId)
    }
}

/// The one key of `keys` that is written in `section`; none or several are refused.
pub(super) fn one_of<'t>(
    section: &Section<'t>,
    field: &Field<'t>,
    keys: &[&'static str],
    diagnosis: &mut Diagnosis,
) -> Option<(&'static str, Field<'t>)> {
    let mut written = keys.iter().copied().filter(|key| section.has(key));
    let (first, second) = (written.next(), written.next());
    if let (Some(name), None) = (first, second) {
        return section.field(name).map(|field| (name, field));
    }
    let what = match first {
        None if section.has_unknown() => return None,
        None => "has none of its keys that say what it is",
        Some(_) => "has several keys that exclude each other",
    };
    let accepted = format!("exactly one of {}", keys.join(", "));
    diagnosis.refuse(field.problem(what).accepted(accepted));
    None
}

fn captures(
    field: &Field<'_>,
    names: &Names<'_>,
    diagnosis: &mut Diagnosis,
) -> Option<Vec<CaptureInput>> {
    let mut seen = HashSet::new();
    let captures = field.list(diagnosis, |item, diagnosis| {
        let section = Section::open(item, CAPTURE.keys, diagnosis)?;
        let file = section.read("file", diagnosis, Field::text);
        if file.is_some_and(str::is_empty) || !seen.insert(file) && file.is_some() {
            section.refuse("file", diagnosis, |field| {
                field
                    .problem("is empty or named twice")
                    .accepted("each file once")
            });
        }
        let ingress = ingress(&section, item, names, diagnosis);
        Some(CaptureInput {
            file: file?.to_owned(),
            ingress: ingress?,
        })
    })?;
    if captures.is_empty() {
        diagnosis.refuse(field.problem("is empty").accepted("at least one capture"));
    }
    Some(captures)
}

fn ingress<'t>(
    section: &Section<'t>,
    field: &Field<'t>,
    names: &Names<'_>,
    diagnosis: &mut Diagnosis,
) -> Option<Ingress> {
    let (way, value) = one_of(section, field, &["port", "split"], diagnosis)?;
    if way == "port" {
        if section.has("otherwise") {
            section.refuse("otherwise", diagnosis, |field| {
                field
                    .problem("belongs to split")
                    .accepted("no such key with port")
            });
        }
        return names.port(&value, diagnosis).map(Ingress::Port);
    }
    let rules = value.list(diagnosis, |item, d| rule(item, names, d));
    if rules.as_ref().is_some_and(Vec::is_empty) {
        diagnosis.refuse(value.problem("is empty").accepted("at least one rule"));
    }
    let otherwise = match section.field("otherwise") {
        None => Some(Otherwise::Refuse),
        Some(field) if field.text(diagnosis)? == "drop" => Some(Otherwise::Drop),
        Some(field) => names.port(&field, diagnosis).map(Otherwise::Port),
    };
    Some(Ingress::Split {
        rules: rules?,
        otherwise: otherwise?,
    })
}

fn rule(field: &Field<'_>, names: &Names<'_>, diagnosis: &mut Diagnosis) -> Option<SplitRule> {
    let section = Section::open(field, SPLIT.keys, diagnosis)?;
    let source = section.read("source", diagnosis, Field::mac);
    let vlan = section.optional("vlan", diagnosis, validate::stack);
    let port = section.read("port", diagnosis, |field, d| names.port(field, d));
    Some(SplitRule {
        source: source?,
        vlan: vlan?,
        port: port?,
    })
}

static FILE_KEY: Key = Key::required("", Accepts::Form("a mapping"), "", "The file.");

/// Tables of the scenario file, in the order of the reference.
pub(in crate::config) const TABLES: &[&Table] = &[
    &FILE,
    &CAPTURE,
    &SPLIT,
    &actions::ACTION,
    &actions::MIGRATE,
    &actions::SHARE,
    &actions::PATTERN,
    &actions::FENCE,
    &actions::ARM,
    &actions::BOUNDARY,
    &faults::FAULT,
    &faults::SILENCE,
    &faults::CHANCE,
    &faults::DELAY,
    &faults::REORDER,
    &expect::EXPECT,
    &expect::EVENT,
];

const FILE: Table = Table {
    path: "",
    about: "Names are those of the configuration. Times count from the first frame of all captures.",
    keys: &[
        Key::required(
            "description",
            Accepts::Form("text"),
            "",
            "What the scenario shows.",
        ),
        Key::required(
            "captures",
            Accepts::Form("a list of mappings"),
            "",
            "What enters.",
        ),
        Key::default(
            "answer",
            FLAG,
            "",
            "false",
            "Emulated RUs answer what is let through; captured frames of their ports are left out.",
        ),
        Key::default(
            "actions",
            Accepts::Form("a list of mappings"),
            "",
            "[]",
            "What is commanded, in any order.",
        ),
        Key::default(
            "faults",
            Accepts::Form("a list of mappings"),
            "",
            "[]",
            "What goes wrong with ingress frames; each frame passes them in file order.",
        ),
        Key::default(
            "expect",
            Accepts::Form("a mapping"),
            "",
            "{}",
            "What must have come out.",
        ),
    ],
};

const CAPTURE: Table = Table {
    path: "captures[]",
    about: "One capture file: on one port, or split over ports by who sent each frame.",
    keys: &[
        Key::required(
            "file",
            Accepts::Form("path of a pcap or pcapng file"),
            "",
            "Relative to the scenario file.",
        ),
        Key::absent(
            "port",
            Accepts::Form("name of a port"),
            "",
            "`split` is there",
            "All frames enter here.",
        ),
        Key::absent(
            "split",
            Accepts::Form("a list of rules"),
            "",
            "`port` is there",
            "The first rule that matches a frame says where it enters.",
        ),
        Key::absent(
            "otherwise",
            Accepts::Form("drop, or name of a port"),
            "",
            "an error that names the first such frame",
            "Where frames go that no rule matches.",
        ),
    ],
};

const SPLIT: Table = Table {
    path: "captures[].split[]",
    about: "Frames of one sender.",
    keys: &[
        Key::required("source", MAC, "", "Source address."),
        Key::absent(
            "vlan",
            Accepts::Form("none, an id 0..=4094, or [OUTER, INNER]"),
            "",
            "any",
            "VLAN ids.",
        ),
        Key::required(
            "port",
            Accepts::Form("name of a port"),
            "",
            "Where they enter.",
        ),
    ],
};
