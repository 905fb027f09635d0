//! Faults of a scenario: what goes wrong with the frames of one peer, when, and how reproducibly.

use super::actions::TIME;
use super::read::{Names, one_of};
use super::{Chance, Fault, FaultKind};
use crate::config::keys::{Accepts, Key, Table};
use crate::config::source::fields::{Field, Section};
use crate::config::source::problem::Diagnosis;

pub(super) fn fault(
    field: &Field<'_>,
    names: &Names<'_>,
    diagnosis: &mut Diagnosis,
) -> Option<Fault> {
    let outer = Section::open(field, FAULT.keys, diagnosis)?;
    let (kind, value) = one_of(&outer, field, KINDS, diagnosis)?;
    let keys = match kind {
        "silence" => SILENCE.keys,
        "delay" => DELAY.keys,
        "reorder" => REORDER.keys,
        _ => CHANCE.keys,
    };
    let section = Section::open(&value, keys, diagnosis)?;
    let peer = section.read("peer", diagnosis, |field, d| names.peer(field, d));
    let from = section.read("from", diagnosis, Field::duration);
    let until = section.optional("until", diagnosis, Field::duration);
    let kind = what(kind, &section, diagnosis);
    let (from, until) = (from?, until?);
    if until.is_some_and(|until| until <= from) {
        section.refuse("until", diagnosis, |field| {
            field
                .problem("ends before it begins")
                .accepted("a time after from")
        });
    }
    Some(Fault {
        peer: peer?,
        from,
        until,
        kind: kind?,
    })
}

fn what(kind: &str, section: &Section<'_>, diagnosis: &mut Diagnosis) -> Option<FaultKind> {
    if kind == "silence" {
        return Some(FaultKind::Silence);
    }
    let share = section.read("share", diagnosis, share);
    let seed = section.read("seed", diagnosis, Field::integer);
    let chance = share.zip(seed).map(|(share, seed)| Chance { share, seed });
    match kind {
        "drop" => chance.map(FaultKind::Drop),
        "corrupt" => chance.map(FaultKind::Corrupt),
        "duplicate" => chance.map(FaultKind::Duplicate),
        "delay" => {
            let by = section.read("by", diagnosis, Field::duration);
            Some(FaultKind::Delay {
                chance: chance?,
                by: by?,
            })
        }
        _ => {
            let by = section.read("by", diagnosis, Field::integer);
            Some(FaultKind::Reorder {
                chance: chance?,
                by: by?,
            })
        }
    }
}

fn share(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<f64> {
    let share = field.text(diagnosis)?.parse::<f64>().ok();
    let share = share.filter(|share| *share > 0.0 && *share <= 1.0);
    if share.is_none() {
        diagnosis.refuse(field.problem("is no share"));
    }
    share
}

const KINDS: &[&str] = &[
    "silence",
    "drop",
    "corrupt",
    "duplicate",
    "delay",
    "reorder",
];
const MAPPING: Accepts = Accepts::Form("a mapping");
const PEER: Key = Key::required(
    "peer",
    Accepts::Form("name of an RU, DU, L2 or PHY"),
    "",
    "Whose frames.",
);
const FROM: Key = Key::default("from", TIME, "", "0ms", "From this time on.");
const UNTIL: Key = Key::absent("until", TIME, "", "to the end", "Before this time.");
const SHARE: Key = Key::required(
    "share",
    Accepts::Form("number above 0, at most 1"),
    "",
    "Part of the frames that it hits.",
);
const SEED: Key = Key::required(
    "seed",
    Accepts::Integer {
        min: 0,
        max: i64::MAX,
    },
    "",
    "Makes the draw of frames reproducible.",
);

pub(super) const FAULT: Table = Table {
    path: "faults[]",
    about: "Exactly one key.",
    keys: &[
        Key::absent("silence", MAPPING, "", "-", "No frame arrives."),
        Key::absent("drop", MAPPING, "", "-", "Frames are lost."),
        Key::absent(
            "corrupt",
            MAPPING,
            "",
            "-",
            "One bit of a frame is turned over.",
        ),
        Key::absent("duplicate", MAPPING, "", "-", "Frames arrive twice."),
        Key::absent("delay", MAPPING, "", "-", "Frames arrive later."),
        Key::absent(
            "reorder",
            MAPPING,
            "",
            "-",
            "Frames arrive behind later ones of the same peer.",
        ),
    ],
};

pub(super) const SILENCE: Table = Table {
    path: "faults[].silence",
    about: "The death of a peer, or a pause.",
    keys: &[PEER, FROM, UNTIL],
};

pub(super) const CHANCE: Table = Table {
    path: "faults[].drop, faults[].corrupt, faults[].duplicate",
    about: "Drawn frame by frame.",
    keys: &[PEER, SHARE, SEED, FROM, UNTIL],
};

pub(super) const DELAY: Table = Table {
    path: "faults[].delay",
    about: "Drawn frame by frame.",
    keys: &[
        PEER,
        SHARE,
        Key::required("by", TIME, "", "How much later."),
        SEED,
        FROM,
        UNTIL,
    ],
};

pub(super) const REORDER: Table = Table {
    path: "faults[].reorder",
    about: "Drawn frame by frame.",
    keys: &[
        PEER,
        SHARE,
        Key::required(
            "by",
            Accepts::Integer { min: 1, max: 1024 },
            "frames",
            "Moved back by at most this many.",
        ),
        SEED,
        FROM,
        UNTIL,
    ],
};
