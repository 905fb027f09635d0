//! How two members share the RU during a migration: control symbols, ports, broadcast, slot pattern.

use super::cell::Context;
use super::members::Group;
use super::{antenna_ports, broadcast};
use crate::config::keys::{Accepts, FLAG, Key, Table};
use crate::config::model::{
    Adaptive, ControlSymbols, CplaneStyle, MAX_PATTERN, MAX_PERIOD, PrbUse, Sharing, SlotPattern,
    UplinkOverlap,
};
use crate::config::source::fields::{Field, Section};
use crate::config::source::problem::{Diagnosis, Problem};
use crate::config::source::text;
use crate::ran::{CyclicPrefix, Duration};

pub(super) fn sharing(
    cell: &Section<'_>,
    context: &Context<'_, '_>,
    group: &Group<'_>,
    diagnosis: &mut Diagnosis,
) -> Option<Sharing> {
    let section = Section::open(&cell.field("sharing")?, SHARING.keys, diagnosis)?;
    let control = section.read("control_symbols", diagnosis, |field, d| {
        masks(field, context, d)
    });
    let source = section.read("source_ports", diagnosis, |field, d| {
        antenna_ports::map(field, context, d)
    });
    let destination = section.read("destination_ports", diagnosis, |f, d| {
        antenna_ports::map(f, context, d)
    });
    antenna_ports::refuse_shared_goals(
        &section,
        source.as_deref(),
        destination.as_deref(),
        diagnosis,
    );
    let broadcast = section.read("broadcast", diagnosis, |field, diagnosis| {
        broadcast::broadcasts(field, group, diagnosis)
    });
    let cplane = section.read("cplane", diagnosis, Field::word);
    let pattern = section.read("pattern", diagnosis, pattern);
    let pattern_lead = section.read("pattern_lead", diagnosis, Field::integer);
    let adaptive = section.read("adaptive", diagnosis, adaptive);
    let prb_use = section.read("prb_use", diagnosis, |field, d| prb_use(field, context, d));
    let disjoint_ue_ids = section.read("disjoint_ue_ids", diagnosis, Field::flag);
    let uplink_overlap = section.read("uplink_overlap", diagnosis, Field::word);
    let sharing = Sharing {
        control_symbols: control?,
        source_ports: source?,
        destination_ports: destination?,
        broadcast: broadcast?,
        cplane: match cplane? {
            "split" => CplaneStyle::Split,
            _ => CplaneStyle::OwnerWins,
        },
        pattern: pattern?,
        pattern_lead: pattern_lead?,
        adaptive: adaptive?,
        prb_use: prb_use?,
        disjoint_ue_ids: disjoint_ue_ids?,
        uplink_overlap: match uplink_overlap? {
            "map_section_ids" => UplinkOverlap::MapSectionIds,
            _ => UplinkOverlap::Refuse,
        },
    };
    warn(&section, &sharing, diagnosis);
    Some(sharing)
}

/// Of a cell without an RU to share.
pub(super) fn unused() -> Sharing {
    Sharing {
        control_symbols: ControlSymbols { masks: vec![0] },
        source_ports: Vec::new(),
        destination_ports: Vec::new(),
        broadcast: Vec::new(),
        cplane: CplaneStyle::Split,
        pattern: SlotPattern {
            destination: vec![false],
        },
        pattern_lead: 20,
        adaptive: None,
        prb_use: PrbUse::Announced,
        disjoint_ue_ids: false,
        uplink_overlap: UplinkOverlap::MapSectionIds,
    }
}

/// One list of symbols for every slot, or a list of lists, one for each slot of a period.
fn masks(
    field: &Field<'_>,
    context: &Context<'_, '_>,
    diagnosis: &mut Diagnosis,
) -> Option<ControlSymbols> {
    let items = field.items(diagnosis)?;
    if !items.iter().any(Field::is_list) {
        let mask = symbols(field, context, diagnosis)?;
        return Some(ControlSymbols { masks: vec![mask] });
    }
    if items.len() > MAX_PERIOD as usize {
        let accepted = format!("at most {MAX_PERIOD} slots");
        diagnosis.refuse(field.problem("has too long a period").accepted(accepted));
    }
    let masks = field.list(diagnosis, |item, d| symbols(item, context, d))?;
    Some(ControlSymbols { masks })
}

/// Symbols of a slot as a mask.
fn symbols(field: &Field<'_>, context: &Context<'_, '_>, diagnosis: &mut Diagnosis) -> Option<u16> {
    let prefix = context
        .carrier
        .map_or(CyclicPrefix::Normal, |carrier| carrier.prefix);
    let last = i64::from(prefix.symbols_per_slot()) - 1;
    let symbols = field.list(diagnosis, |item, d| item.within::<u8>(0, last, d))?;
    Some(symbols.iter().fold(0, |mask, symbol| mask | 1 << symbol))
}

fn pattern(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<SlotPattern> {
    slot_pattern(field, diagnosis).map(|destination| SlotPattern { destination })
}

/// One entry a slot: `false` source, `true` destination.
pub(in crate::config) fn slot_pattern(
    field: &Field<'_>,
    diagnosis: &mut Diagnosis,
) -> Option<Vec<bool>> {
    let destination = text::pattern(field.text(diagnosis)?);
    let destination = destination.filter(|slots| slots.len() <= MAX_PATTERN);
    if destination.is_none() {
        diagnosis.refuse(field.problem("is no slot pattern"));
    }
    destination
}

fn adaptive(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<Option<Adaptive>> {
    if field.is_none() {
        return Some(None);
    }
    let section = Section::open(field, ADAPTIVE.keys, diagnosis)?;
    let window: Option<Duration> = section.read("window", diagnosis, Field::duration);
    let floor = section.read("floor", diagnosis, Field::integer);
    Some(Some(Adaptive {
        window: window?,
        floor: floor?,
    }))
}

fn prb_use(
    field: &Field<'_>,
    context: &Context<'_, '_>,
    diagnosis: &mut Diagnosis,
) -> Option<PrbUse> {
    if field.is_single() {
        if field.text(diagnosis)? == "announced" {
            return Some(PrbUse::Announced);
        }
        diagnosis.refuse(field.problem("is no way to measure PRB use"));
        return None;
    }
    let section = Section::open(field, PRB_USE.keys, diagnosis)?;
    let exponents = section.field("exponents")?;
    if context
        .downlink_compression
        .is_some_and(|compression| compression.method != BFP)
    {
        let what = "reads BFP exponents, and the cell's downlink has another compression method";
        let problem = Problem::new(exponents.mark, &exponents.path, what);
        diagnosis.refuse(problem.accepted("announced, or compression.downlink.method bfp"));
    }
    let section = Section::open(&exponents, EXPONENTS.keys, diagnosis)?;
    let symbols = section.read("symbols", diagnosis, |field, diagnosis| {
        let mask = symbols(field, context, diagnosis)?;
        if mask == 0 {
            diagnosis.refuse(field.problem("is empty").accepted("at least one symbol"));
        }
        Some(mask)
    });
    Some(PrbUse::Exponents { symbols: symbols? })
}

fn warn(section: &Section<'_>, sharing: &Sharing, diagnosis: &mut Diagnosis) {
    let mut say = |name: &str, what: String, accepted: &str| {
        if let Some(field) = section.field(name) {
            let warning = Problem::new(field.mark, &field.path, what);
            diagnosis.warn(warning.accepted(accepted));
        }
    };
    let control = sharing.control_symbols.masks.iter().any(|mask| *mask != 0);
    for (name, map) in [
        ("source_ports", &sharing.source_ports),
        ("destination_ports", &sharing.destination_ports),
    ] {
        if control && map.is_empty() {
            let what = "is empty: that member's control symbols are dropped while sharing";
            say(name, what.to_owned(), "at least one port");
        }
    }
    if let Some((slot, symbol)) =
        broadcast::under_control_symbols(&sharing.broadcast, &sharing.control_symbols)
    {
        let what = format!(
            "takes symbol {symbol} of broadcast slot {slot}, where an SSB may be (its symbols start \
             at 2 or later): control symbols are remapped before broadcast is looked at"
        );
        say(
            "control_symbols",
            what,
            "symbols 0 and 1 in broadcast slots",
        );
    }
    let slots = sharing.pattern.destination.len();
    if let Some(adaptive) = sharing
        .adaptive
        .filter(|adaptive| adaptive.floor as usize * 2 > slots)
    {
        let what = format!("keeps {} slots for each of two members", adaptive.floor);
        say(
            "adaptive",
            what,
            "a floor of at most half the slots of pattern",
        );
    }
}

/// udCompMeth of block floating point.
const BFP: u8 = 1;

pub(in crate::config) const PATTERN: Accepts =
    Accepts::Form("1 to 160 letters S (source) or D (destination)");

pub(in crate::config) const SHARING: Table = Table {
    path: "cells.NAME.sharing",
    about: "Used only while two members share the RU. Positions are slot counts modulo a period.",
    keys: &[
        Key::default(
            "control_symbols",
            Accepts::Form(
                "list of symbols, or a list of such lists, one for each slot of a period",
            ),
            "symbols",
            "[]",
            "Symbols that carry PDCCH: both members send there, each on its own ports.",
        ),
        Key::default(
            "source_ports",
            antenna_ports::MAP,
            "",
            "{}",
            "Where the source's ports go in control symbols; ports not named are dropped.",
        ),
        Key::default(
            "destination_ports",
            antenna_ports::MAP,
            "",
            "{}",
            "The same for the destination. No port may be the goal of both.",
        ),
        Key::default(
            "broadcast",
            Accepts::Form("a list of mappings"),
            "",
            "[]",
            "Slots with a member's broadcast (SSB, SIB1): they belong to it whatever the pattern says.",
        ),
        Key::default(
            "cplane",
            Accepts::Words(&["split", "owner_wins"]),
            "",
            "split",
            "A C-plane message over control and data symbols is split in two, or the slot owner's is \
             forwarded for every port while both members describe control symbols alike.",
        ),
        Key::default(
            "pattern",
            PATTERN,
            "",
            "S",
            "Owner of each slot of a period in data symbols, until a command or `adaptive` changes it.",
        ),
        Key::default(
            "pattern_lead",
            Accepts::Integer {
                min: 1,
                max: 10_240,
            },
            "slots",
            "20",
            "Slots between publication of a new pattern and its boundary.",
        ),
        Key::default(
            "adaptive",
            Accepts::Form("none, or a mapping"),
            "",
            "none",
            "A pattern that follows PRB use.",
        ),
        Key::default(
            "prb_use",
            Accepts::Form("announced, or {exponents: {symbols: [...]}}"),
            "",
            "announced",
            "PRB use by the PRB counts of DL C-plane sections, or by BFP exponents of sampled symbols.",
        ),
        Key::default(
            "disjoint_ue_ids",
            FLAG,
            "",
            "false",
            "The DUs' ueId and beamId spaces are disjoint: both may send section types 5 and 6.",
        ),
        Key::default(
            "uplink_overlap",
            Accepts::Words(&["map_section_ids", "refuse"]),
            "",
            "map_section_ids",
            "Overlapping but different UL requests: the second goes with mapped section ids, or is \
             dropped and counted.",
        ),
    ],
};

pub(in crate::config) const ADAPTIVE: Table = Table {
    path: "cells.NAME.sharing.adaptive",
    about: "Slots in proportion to PRB use.",
    keys: &[
        Key::default(
            "window",
            Accepts::Duration {
                min_ns: 1_000_000,
                max_ns: 10_000_000_000,
            },
            "",
            "10ms",
            "Time over which PRB use is summed.",
        ),
        Key::default(
            "floor",
            Accepts::Integer { min: 0, max: 80 },
            "slots",
            "1",
            "Slots of a period that each member keeps at least.",
        ),
    ],
};

pub(in crate::config) const PRB_USE: Table = Table {
    path: "cells.NAME.sharing.prb_use",
    about: "The sampler; it needs BFP in the downlink.",
    keys: &[Key::required(
        "exponents",
        Accepts::Form("a mapping"),
        "",
        "Sample exponents.",
    )],
};

pub(in crate::config) const EXPONENTS: Table = Table {
    path: "cells.NAME.sharing.prb_use.exponents",
    about: "Sampled in shared mode only.",
    keys: &[Key::required(
        "symbols",
        Accepts::Form("list of symbols, at least one"),
        "symbols",
        "Symbols of a slot that are sampled.",
    )],
};
