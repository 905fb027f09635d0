//! The group of a cell: its members, who is active, when one is lost and who takes over.

use super::carrier::streams;
use super::cell::Context;
use super::{Names, failover};
use crate::config::keys::{Accepts, FLAG, Key, Table};
use crate::config::model::{
    Declared, Failover, Fapi, Liveness, MAX_MEMBERS, Member, Signal, Streams,
};
use crate::config::source::fields::{Field, Section, listing};
use crate::config::source::problem::{Diagnosis, Problem};
use crate::ran::{Duration, MemberId};
use std::collections::HashSet;

/// The group as far as it could be read.
pub(super) struct Group<'t> {
    /// Names of the members, in file order.
    pub(super) names: Vec<&'t str>,
    pub(super) members: Option<Vec<Member>>,
    pub(super) active: Option<MemberId>,
    pub(super) liveness: Option<Liveness>,
    pub(super) failover: Option<Failover>,
}

impl<'t> Group<'t> {
    /// The group of `entries`, of which nothing is known yet but names.
    fn of(
        section: &Section<'t>,
        entries: &[(&'t str, Field<'t>)],
        diagnosis: &mut Diagnosis,
    ) -> Self {
        if section.has("members") && !(1..=MAX_MEMBERS).contains(&entries.len()) {
            section.refuse("members", diagnosis, |field| field.problem("is no group"));
        }
        Self {
            names: entries.iter().map(|(name, _)| *name).collect(),
            members: None,
            active: None,
            liveness: None,
            failover: None,
        }
    }

    /// Who is active, and who takes over.
    fn plan(&mut self, section: &Section<'t>, diagnosis: &mut Diagnosis) {
        self.active = section.read("active", diagnosis, |field, d| self.member(field, d));
        let planes = [(Signal::Fronthaul, "ru"), (Signal::Fapi, "fapi")];
        let planes = planes.into_iter().filter(|(_, key)| section.has(key));
        let planes: Vec<_> = planes.map(|(signal, _)| signal).collect();
        self.failover = section.read("failover", diagnosis, |field, d| {
            failover::failover(field, self, &planes, d)
        });
    }
}

impl Group<'_> {
    /// The member named in `field`.
    pub(super) fn member(&self, field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<MemberId> {
        let position = field.reference("member of this cell", &self.names, diagnosis)?;
        u8::try_from(position).ok().map(MemberId)
    }
}

pub(super) fn group<'t>(
    section: &Section<'t>,
    context: &Context<'_, 't>,
    diagnosis: &mut Diagnosis,
) -> Group<'t> {
    let entries = section.read("members", diagnosis, Field::entries);
    let entries = entries.unwrap_or_default();
    let mut group = Group::of(section, &entries, diagnosis);
    let members: Vec<Option<Member>> = entries
        .iter()
        .map(|(name, field)| member(name, field, context, diagnosis))
        .collect();
    group.members = members.into_iter().collect();
    group.liveness = section.read("liveness", diagnosis, |field, d| {
        liveness(field, context, d)
    });
    group.plan(section, diagnosis);
    warn_of_idle_plan(section, &group, diagnosis);
    group
}

/// The group of a cell whose fronthaul goes elsewhere: PHYs by their own names.
pub(super) fn phy_group<'t>(
    section: &Section<'t>,
    names: &Names<'t>,
    diagnosis: &mut Diagnosis,
) -> Group<'t> {
    let entries = section.read("members", diagnosis, Field::entries);
    let entries = entries.unwrap_or_default();
    let mut group = Group::of(section, &entries, diagnosis);
    let mut phy_member = |(name, field): &(&'t str, Field<'t>)| {
        let phy = named("PHY", name, field, &names.phys, diagnosis);
        let section = Section::open(field, PHY_MEMBER.keys, diagnosis)?;
        let slot_offset = section.read("slot_offset", diagnosis, Field::integer);
        Some(Member {
            du: None,
            phy: Some(phy?),
            slot_offset: slot_offset?,
            streams: Streams::default(),
            assume_in_step: false,
        })
    };
    let members: Vec<Option<Member>> = entries.iter().map(&mut phy_member).collect();
    group.members = members.into_iter().collect();
    group.liveness = Some(NO_FRONTHAUL);
    group.plan(section, diagnosis);
    group
}

/// Where there is an L2 each member has a PHY, and where there is none, none.
pub(super) fn phys_agree(
    section: &Section<'_>,
    group: &Group<'_>,
    fapi: Option<&Option<Fapi>>,
    diagnosis: &mut Diagnosis,
) {
    let (Some(fapi), Some(members)) = (fapi, &group.members) else {
        return;
    };
    for (name, member) in group.names.iter().zip(members) {
        let (what, accepted) = match (fapi, member.phy) {
            (Some(_), None) => ("has no PHY, and the cell has an L2", "phy: NAME"),
            (None, Some(_)) => (
                "has a PHY, and the cell has no L2",
                "no phy, or a section fapi",
            ),
            _ => continue,
        };
        let Some(field) = section.field("members").map(|field| field.below(&[name])) else {
            continue;
        };
        diagnosis.refuse(Problem::new(field.mark, &field.path, what).accepted(accepted));
    }
}

/// Liveness of a cell whose fronthaul goes elsewhere: nothing is due there.
const NO_FRONTHAUL: Liveness = Liveness {
    enabled: true,
    history: 20,
    confirm: 1,
    grace: Duration::from_millis(1),
    declared: Declared {
        downlink_control: Vec::new(),
        uplink_control: Vec::new(),
        downlink_user: Vec::new(),
    },
};

fn member(
    name: &str,
    field: &Field<'_>,
    context: &Context<'_, '_>,
    diagnosis: &mut Diagnosis,
) -> Option<Member> {
    let du = named("DU", name, field, &context.names.dus, diagnosis);
    let section = Section::open(field, MEMBER.keys, diagnosis)?;
    let own = section.optional("eaxc", diagnosis, |field, diagnosis| {
        let own = streams(field, diagnosis)?;
        if let Some(cell) = context.streams {
            refuse_other_lengths(field, &own, cell, diagnosis);
        }
        Some(own)
    });
    let assume_in_step = section.read("assume_in_step", diagnosis, Field::flag);
    let phy = section.optional("phy", diagnosis, |field, d| {
        field.reference("PHY", &context.names.phys, d)
    });
    let slot_offset = section.read("slot_offset", diagnosis, Field::integer);
    let streams = own?.or_else(|| context.streams.cloned());
    Some(Member {
        du: Some(du?),
        phy: phy?,
        slot_offset: slot_offset?,
        streams: streams?,
        assume_in_step: assume_in_step?,
    })
}

/// The position in `names` of the peer after which the member at `field` is named.
fn named(
    kind: &str,
    name: &str,
    field: &Field<'_>,
    names: &[&str],
    diagnosis: &mut Diagnosis,
) -> Option<usize> {
    use crate::config::source::{fields::with_hint, nearest::nearest, tree::shorten};
    let position = names.iter().position(|known| *known == name);
    if position.is_none() {
        let near = nearest(name, names.iter().copied());
        let what = with_hint(&format!("names no {kind}"), near);
        let problem = Problem::new(field.mark, &field.path, what);
        diagnosis.refuse(problem.found(shorten(name)).accepted(listing(names)));
    }
    position
}

fn refuse_other_lengths(
    field: &Field<'_>,
    own: &Streams,
    cell: &Streams,
    diagnosis: &mut Diagnosis,
) {
    let lists = [
        ("downlink", own.downlink.len(), cell.downlink.len()),
        ("uplink", own.uplink.len(), cell.uplink.len()),
        ("prach", own.prach.len(), cell.prach.len()),
    ];
    for (name, found, wanted) in lists {
        if found == wanted {
            continue;
        }
        let list = field.below(&[name]);
        let problem = Problem::new(
            list.mark,
            &list.path,
            "does not correspond to the cell's list",
        );
        let accepted = format!("{wanted} eAxC ids, as in the cell's own list");
        diagnosis.refuse(
            problem
                .found(format!("{found} eAxC ids"))
                .accepted(accepted),
        );
    }
}

fn liveness(
    field: &Field<'_>,
    context: &Context<'_, '_>,
    diagnosis: &mut Diagnosis,
) -> Option<Liveness> {
    let section = Section::open(field, LIVENESS.keys, diagnosis)?;
    let enabled = section.read("enabled", diagnosis, Field::flag);
    let history = section.read("history", diagnosis, Field::integer);
    let confirm = section.read("confirm", diagnosis, Field::integer);
    let grace = section.optional("grace", diagnosis, Field::duration);
    let declared = section.read("declared", diagnosis, |field, diagnosis| {
        declared(field, context, diagnosis)
    });
    let half_slot = context
        .carrier
        .map(|carrier| Duration::from_nanos(carrier.numerology.slot_duration().as_nanos() / 2));
    Some(Liveness {
        enabled: enabled?,
        history: history?,
        confirm: confirm?,
        grace: grace?.or(half_slot)?,
        declared: declared?,
    })
}

fn declared(
    field: &Field<'_>,
    context: &Context<'_, '_>,
    diagnosis: &mut Diagnosis,
) -> Option<Declared> {
    let section = Section::open(field, DECLARED.keys, diagnosis)?;
    let period = context.periods.map(|periods| periods.tdd);
    let positions = |field: &Field<'_>, diagnosis: &mut Diagnosis| {
        positions(field, period, "the TDD period", diagnosis)
    };
    let downlink_control = section.read("downlink_control", diagnosis, positions);
    let uplink_control = section.read("uplink_control", diagnosis, positions);
    let downlink_user = section.read("downlink_user", diagnosis, positions);
    Some(Declared {
        downlink_control: downlink_control?,
        uplink_control: uplink_control?,
        downlink_user: downlink_user?,
    })
}

/// Slots of a period, each below it and named once.
pub(super) fn positions(
    field: &Field<'_>,
    period: Option<u32>,
    of: &str,
    diagnosis: &mut Diagnosis,
) -> Option<Vec<u32>> {
    let mut seen = HashSet::new();
    field.list(diagnosis, |item, diagnosis| {
        let slot: u32 = item.within(0, i64::from(u32::MAX), diagnosis)?;
        if let Some(period) = period.filter(|period| slot >= *period) {
            let what = format!("lies outside {of} of {period} slots");
            let accepted = format!("integer 0..={}", period.saturating_sub(1));
            diagnosis.refuse(item.problem(what).accepted(accepted));
            return None;
        }
        if !seen.insert(slot) {
            diagnosis.refuse(item.problem("is named twice").accepted("each slot once"));
        }
        Some(slot)
    })
}

fn warn_of_idle_plan(section: &Section<'_>, group: &Group<'_>, diagnosis: &mut Diagnosis) {
    let (Some(liveness), Some(failover)) = (&group.liveness, &group.failover) else {
        return;
    };
    let (Some(field), false) = (section.field("failover"), liveness.enabled) else {
        return;
    };
    if !failover.standby.is_empty() {
        let what = "arms a standby that never takes over, as liveness is off";
        let warning = Problem::new(field.mark, &field.path, what);
        diagnosis.warn(warning.accepted("liveness: {enabled: true}, or no standby"));
    }
}

const POSITIONS: Accepts = Accepts::Form("list of slots below the TDD period");

pub(in crate::config) const MEMBER: Table = Table {
    path: "cells.NAME.members.NAME",
    about: "One DU in the group of a cell; `{}` takes all defaults.",
    keys: &[
        Key::absent(
            "eaxc",
            Accepts::Form("a mapping"),
            "",
            "the cell's own lists",
            "eAxC ids that this DU uses.",
        ),
        Key::default(
            "assume_in_step",
            FLAG,
            "",
            "false",
            "Taken as in step without evidence: for a DU that is silent until it becomes active.",
        ),
        Key::absent(
            "phy",
            Accepts::Form("name of a PHY"),
            "",
            "no PHY: only in a cell without `fapi`",
            "The PHY that moves with this DU's fronthaul.",
        ),
        SLOT_OFFSET_KEY,
    ],
};

const SLOT_OFFSET_KEY: Key = Key::default(
    "slot_offset",
    Accepts::Integer {
        min: -10_240,
        max: 10_240,
    },
    "slots",
    "0",
    "By how many slots its PHY counts ahead of the L2; SFN and slot in messages are moved by it.",
);

pub(in crate::config) const PHY_MEMBER: Table = Table {
    path: "cells.NAME.members.NAME (without ru)",
    about: "One PHY in the group of a cell; `{}` takes all defaults.",
    keys: &[SLOT_OFFSET_KEY],
};

pub(in crate::config) const LIVENESS: Table = Table {
    path: "cells.NAME.liveness",
    about: "A position of the pattern is due when the member sent there in each of the last `history` \
            periods, or when it is declared.",
    keys: &[
        Key::default("enabled", FLAG, "", "true", "Off: members are never lost."),
        Key::default(
            "history",
            Accepts::Integer { min: 1, max: 255 },
            "periods",
            "20",
            "How many periods in a row make a position due.",
        ),
        Key::default(
            "confirm",
            Accepts::Integer {
                min: 1,
                max: 65_535,
            },
            "slots",
            "1",
            "Due slots in a row that must stay empty before a member is lost.",
        ),
        Key::absent(
            "grace",
            Accepts::Duration {
                min_ns: 0,
                max_ns: 1_000_000_000,
            },
            "",
            "half a slot",
            "Time after the due instant at which a due slot closes.",
        ),
        Key::default(
            "declared",
            Accepts::Form("a mapping"),
            "",
            "{}",
            "Positions that are due from the start, beside the learned ones.",
        ),
    ],
};

pub(in crate::config) const DECLARED: Table = Table {
    path: "cells.NAME.liveness.declared",
    about: "Positions are slots modulo the TDD period.",
    keys: &[
        Key::default("downlink_control", POSITIONS, "slots", "[]", "DL C-plane."),
        Key::default("uplink_control", POSITIONS, "slots", "[]", "UL C-plane."),
        Key::default("downlink_user", POSITIONS, "slots", "[]", "DL U-plane."),
    ],
};
