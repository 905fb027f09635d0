//! Actions of a scenario: commands to cells, and the boundaries at which they apply.

use super::read::{Names, one_of};
use super::{Action, Boundary, TimedAction};
use crate::config::keys::{Accepts, Key, Table};
use crate::config::model::{Cell, TimeSource};
use crate::config::source::fields::{Field, Section};
use crate::config::source::problem::Diagnosis;
use crate::config::source::text;
use crate::config::validate::slot_pattern;

/// In order of time; at equal times in file order.
pub(super) fn actions(
    field: &Field<'_>,
    names: &Names<'_>,
    diagnosis: &mut Diagnosis,
) -> Option<Vec<TimedAction>> {
    let mut actions = field.list(diagnosis, |item, diagnosis| {
        let section = Section::open(item, ACTION.keys, diagnosis)?;
        let at = section.read("at", diagnosis, Field::duration);
        let (kind, value) = one_of(&section, item, KINDS, diagnosis)?;
        let action = action(kind, &value, names, diagnosis);
        Some(TimedAction {
            at: at?,
            action: action?,
        })
    })?;
    actions.sort_by_key(|action| action.at);
    Some(actions)
}

fn action(
    kind: &str,
    field: &Field<'_>,
    names: &Names<'_>,
    diagnosis: &mut Diagnosis,
) -> Option<Action> {
    match kind {
        "migrate" => migrate(field, names, diagnosis),
        "share" => share(field, names, diagnosis),
        "pattern" => pattern(field, names, diagnosis),
        "arm" => arm(field, names, diagnosis),
        _ => fence(kind, field, names, diagnosis),
    }
}

fn migrate(field: &Field<'_>, names: &Names<'_>, diagnosis: &mut Diagnosis) -> Option<Action> {
    let section = Section::open(field, MIGRATE.keys, diagnosis)?;
    let cell = section.read("cell", diagnosis, |field, d| names.cell(field, d));
    let known = cell.map(|(_, cell)| cell);
    let to = section.read("to", diagnosis, |field, d| names.member(field, known, d));
    let boundary = section.read("boundary", diagnosis, |field, d| boundary(field, known, d));
    Some(Action::Migrate {
        cell: cell?.0,
        to: to?,
        boundary: boundary?,
    })
}

fn share(field: &Field<'_>, names: &Names<'_>, diagnosis: &mut Diagnosis) -> Option<Action> {
    let section = Section::open(field, SHARE.keys, diagnosis)?;
    let cell = section.read("cell", diagnosis, |field, d| names.cell(field, d));
    let known = cell.map(|(_, cell)| cell);
    let source = section.read("source", diagnosis, |field, d| {
        names.member(field, known, d)
    });
    let destination = section.read("destination", diagnosis, |f, d| names.member(f, known, d));
    if source.is_some() && source == destination {
        section.refuse("destination", diagnosis, |field| {
            field
                .problem("is the source too")
                .accepted("another member")
        });
    }
    let boundary = section.read("boundary", diagnosis, |field, d| boundary(field, known, d));
    Some(Action::Share {
        cell: cell?.0,
        source: source?,
        destination: destination?,
        boundary: boundary?,
    })
}

fn pattern(field: &Field<'_>, names: &Names<'_>, diagnosis: &mut Diagnosis) -> Option<Action> {
    let section = Section::open(field, PATTERN.keys, diagnosis)?;
    let cell = section.read("cell", diagnosis, |field, d| names.cell(field, d));
    let known = cell.map(|(_, cell)| cell);
    let destination = section.read("pattern", diagnosis, slot_pattern);
    let boundary = section.read("boundary", diagnosis, |field, d| boundary(field, known, d));
    Some(Action::Pattern {
        cell: cell?.0,
        destination: destination?,
        boundary: boundary?,
    })
}

fn fence(
    kind: &str,
    field: &Field<'_>,
    names: &Names<'_>,
    diagnosis: &mut Diagnosis,
) -> Option<Action> {
    let section = Section::open(field, FENCE.keys, diagnosis)?;
    let cell = section.read("cell", diagnosis, |field, d| names.cell(field, d));
    let known = cell.map(|(_, cell)| cell);
    let member = section.read("member", diagnosis, |field, d| {
        names.member(field, known, d)
    });
    let (cell, member) = (cell?.0, member?);
    if kind == "fence" {
        return Some(Action::Fence { cell, member });
    }
    Some(Action::Readmit { cell, member })
}

fn arm(field: &Field<'_>, names: &Names<'_>, diagnosis: &mut Diagnosis) -> Option<Action> {
    let section = Section::open(field, ARM.keys, diagnosis)?;
    let cell = section.read("cell", diagnosis, |field, d| names.cell(field, d));
    let known = cell.map(|(_, cell)| cell);
    let standby = section.read("standby", diagnosis, |field, diagnosis| {
        if field.is_none() {
            return Some(None);
        }
        names.member(field, known, diagnosis).map(Some)
    });
    Some(Action::Arm {
        cell: cell?.0,
        standby: standby?,
    })
}

fn boundary(field: &Field<'_>, cell: Option<&Cell>, diagnosis: &mut Diagnosis) -> Option<Boundary> {
    if field.is_single() {
        if field.text(diagnosis)? == "next" {
            return Some(Boundary::Next);
        }
        diagnosis.refuse(field.problem("is no boundary"));
        return None;
    }
    let section = Section::open(field, BOUNDARY.keys, diagnosis)?;
    let (kind, value) = one_of(&section, field, BOUNDARIES, diagnosis)?;
    match kind {
        "in_slots" => value.integer(diagnosis).map(Boundary::InSlots),
        "slot" => value.integer(diagnosis).map(Boundary::Slot),
        "sfn" => sfn(&value, cell, diagnosis),
        _ => value.duration(diagnosis).map(Boundary::At),
    }
}

fn sfn(field: &Field<'_>, cell: Option<&Cell>, diagnosis: &mut Diagnosis) -> Option<Boundary> {
    let point = text::sfn(field.text(diagnosis)?);
    let Some((sfn, slot)) = point.filter(|(sfn, _)| *sfn <= 1023) else {
        diagnosis.refuse(field.problem("is no SFN and slot"));
        return None;
    };
    let cell = cell?;
    // Without an RU slots are counted by SLOT.indication, which says SFN and slot.
    if cell.time == TimeSource::Headers && cell.ru.is_some() {
        let accepted = "another boundary, or time: {source: gps} in the configuration";
        diagnosis.refuse(
            field
                .problem("is unknown without GPS time")
                .accepted(accepted),
        );
    }
    let slots = cell.numerology.slots_per_frame();
    if u32::from(slot) >= slots {
        let what = format!("lies outside a frame of {slots} slots");
        diagnosis.refuse(field.problem(what));
    }
    Some(Boundary::Sfn { sfn, slot })
}

const KINDS: &[&str] = &["migrate", "share", "pattern", "fence", "readmit", "arm"];
const BOUNDARIES: &[&str] = &["in_slots", "slot", "sfn", "at"];
const MAPPING: Accepts = Accepts::Form("a mapping");
const MEMBER: Accepts = Accepts::Form("name of a member of the cell");
pub(super) const TIME: Accepts = Accepts::Duration {
    min_ns: 0,
    max_ns: 86_400_000_000_000,
};
const CELL: Key = Key::required("cell", Accepts::Form("name of a cell"), "", "The cell.");
const AT_BOUNDARY: Key = Key::default(
    "boundary",
    Accepts::Form("next, {in_slots: N}, {slot: N}, {sfn: SFN.SLOT} or {at: TIME}"),
    "",
    "next",
    "When it applies.",
);

pub(super) const ACTION: Table = Table {
    path: "actions[]",
    about: "One command: `at`, and exactly one of the others.",
    keys: &[
        Key::required("at", TIME, "", "When the command is given."),
        Key::absent(
            "migrate",
            MAPPING,
            "",
            "-",
            "From the boundary only another member may speak.",
        ),
        Key::absent(
            "share",
            MAPPING,
            "",
            "-",
            "From the boundary two members share the RU.",
        ),
        Key::absent(
            "pattern",
            MAPPING,
            "",
            "-",
            "From the boundary slots are owned by this pattern.",
        ),
        Key::absent(
            "fence",
            MAPPING,
            "",
            "-",
            "A member may not speak, at once.",
        ),
        Key::absent(
            "readmit",
            MAPPING,
            "",
            "-",
            "A fenced member is a standby again.",
        ),
        Key::absent(
            "arm",
            MAPPING,
            "",
            "-",
            "Who takes over when the active member is lost.",
        ),
    ],
};

pub(super) const MIGRATE: Table = Table {
    path: "actions[].migrate",
    about: "A planned switch.",
    keys: &[
        CELL,
        Key::required("to", MEMBER, "", "The new active member."),
        AT_BOUNDARY,
    ],
};

pub(super) const SHARE: Table = Table {
    path: "actions[].share",
    about: "The first half of a migration that shares the RU.",
    keys: &[
        CELL,
        Key::required("source", MEMBER, "", "Active until now."),
        Key::required("destination", MEMBER, "", "Where the cell is going."),
        AT_BOUNDARY,
    ],
};

pub(super) const PATTERN: Table = Table {
    path: "actions[].pattern",
    about: "A new slot pattern.",
    keys: &[
        CELL,
        Key::required(
            "pattern",
            Accepts::Form("1 to 160 letters S (source) or D (destination)"),
            "",
            "Owner of each slot of a period.",
        ),
        AT_BOUNDARY,
    ],
};

pub(super) const FENCE: Table = Table {
    path: "actions[].fence, actions[].readmit",
    about: "Applies at once.",
    keys: &[CELL, Key::required("member", MEMBER, "", "The member.")],
};

pub(super) const ARM: Table = Table {
    path: "actions[].arm",
    about: "Applies at once.",
    keys: &[
        CELL,
        Key::required(
            "standby",
            Accepts::Form("name of a member of the cell, or none"),
            "",
            "Who takes over.",
        ),
    ],
};

pub(super) const BOUNDARY: Table = Table {
    path: "actions[].migrate.boundary, actions[].share.boundary, actions[].pattern.boundary",
    about: "Exactly one key; or the word `next`: the first slot of which nothing was sent yet.",
    keys: &[
        Key::absent(
            "in_slots",
            Accepts::Integer {
                min: 0,
                max: 10_000_000,
            },
            "slots",
            "-",
            "After the slot on air when the command is given.",
        ),
        Key::absent(
            "slot",
            Accepts::Integer {
                min: 0,
                max: i64::MAX,
            },
            "slots",
            "-",
            "A slot count of the cell.",
        ),
        Key::absent(
            "sfn",
            Accepts::Form("SFN.SLOT, such as 12.3: SFN 0..=1023, slot within its frame"),
            "",
            "-",
            "The next time this SFN and slot come around; needs GPS time, or a cell without `ru`.",
        ),
        Key::absent(
            "at",
            TIME,
            "",
            "-",
            "The first slot on air at or after this time.",
        ),
    ],
};
