//! One cell: what is read of it, and what its parts are judged by.
//!
//! Rules that need only this cell are judged where its parts are read, on whatever could be read.

use super::carrier::Carrier;
use super::timing::{HALF_CIRCLE, HALF_CIRCLE_NS};
use super::{Names, carrier, fapi, members, sharing, timing};
use crate::config::keys::{Accepts, Key, Table};
use crate::config::model::{Cell, Compression, Periods, Streams};
use crate::config::source::fields::{Field, Section};
use crate::config::source::problem::Diagnosis;
use crate::config::source::tree::Value;

pub(super) fn cell(
    name: &str,
    field: &Field<'_>,
    names: &Names<'_>,
    diagnosis: &mut Diagnosis,
) -> Option<Cell> {
    let has = |key: &str| matches!(&field.node.value, Value::Map(entries) if entries.iter().any(|one| one.key == key));
    if has("fapi") && !has("ru") {
        return phy_cell(name, field, names, diagnosis);
    }
    let section = Section::open(field, CELL.keys, diagnosis)?;
    let ru = section.read("ru", diagnosis, |f, d| f.reference("RU", &names.rus, d));
    let lcore = section.optional("lcore", diagnosis, Field::integer);
    let carrier = carrier::carrier(&section, diagnosis);
    let streams = section.read("eaxc", diagnosis, carrier::streams);
    let compression = section.read("compression", diagnosis, carrier::compressions);
    let timing = timing::timing(&section, diagnosis);
    let periods = section.read("periods", diagnosis, timing::periods);
    let context = Context {
        carrier,
        streams: streams.as_ref(),
        downlink_compression: compression.map(|(downlink, _)| downlink),
        periods,
        names,
    };
    let fapi = section.optional("fapi", diagnosis, |field, d| {
        fapi::fapi(field, carrier, names, d)
    });
    let group = members::group(&section, &context, diagnosis);
    members::phys_agree(&section, &group, fapi.as_ref(), diagnosis);
    let sharing = sharing::sharing(&section, &context, &group, diagnosis);
    if let Some(timing) = &timing {
        timing.warn_of_drift(&section, &context, sharing.as_ref(), diagnosis);
    }
    let (carrier, timing) = (carrier?, timing?);
    let (downlink_compression, uplink_compression) = compression?;
    Some(Cell {
        name: name.to_owned(),
        ru: Some(ru?),
        fapi: fapi?,
        lcore: lcore?,
        numerology: carrier.numerology,
        prefix: carrier.prefix,
        carrier_prbs: carrier.prbs,
        layout: carrier.layout,
        streams: streams?,
        downlink_compression,
        uplink_compression,
        time: timing.time,
        step_window: timing.step_window,
        step_memory: timing.step_memory,
        late_tolerance: timing.late_tolerance,
        largest_lead: timing.largest_lead,
        transmit: timing.transmit,
        periods: periods?,
        members: group.members?,
        active: group.active?,
        liveness: group.liveness?,
        failover: group.failover?,
        sharing: sharing?,
    })
}

/// A cell without fronthaul here: an L2 and a group of PHYs.
fn phy_cell(
    name: &str,
    field: &Field<'_>,
    names: &Names<'_>,
    diagnosis: &mut Diagnosis,
) -> Option<Cell> {
    let section = Section::open(field, PHY_CELL.keys, diagnosis)?;
    let lcore = section.optional("lcore", diagnosis, Field::integer);
    let carrier = carrier::numerology_only(&section, diagnosis);
    let time = section.read("time", diagnosis, timing::time);
    let step_memory = section.read("step_memory", diagnosis, Field::duration);
    let fapi = section.read("fapi", diagnosis, |f, d| fapi::fapi(f, carrier, names, d));
    let group = members::phy_group(&section, names, diagnosis);
    let carrier = carrier?;
    let timing = timing::Timing::without_fronthaul(time?, step_memory?);
    let (no_compression, periods) = (carrier::NO_COMPRESSION, timing::EVERY_SLOT);
    Some(Cell {
        name: name.to_owned(),
        ru: None,
        fapi: Some(fapi?),
        lcore: lcore?,
        numerology: carrier.numerology,
        prefix: carrier.prefix,
        carrier_prbs: carrier.prbs,
        layout: carrier.layout,
        streams: Streams::default(),
        downlink_compression: no_compression,
        uplink_compression: no_compression,
        time: timing.time,
        step_window: timing.step_window,
        step_memory: timing.step_memory,
        late_tolerance: timing.late_tolerance,
        largest_lead: timing.largest_lead,
        transmit: timing.transmit,
        periods,
        members: group.members?,
        active: group.active?,
        liveness: group.liveness?,
        failover: group.failover?,
        sharing: sharing::unused(),
    })
}

/// What the rest of the cell is judged by, as far as it could be read.
pub(super) struct Context<'c, 't> {
    pub(super) carrier: Option<Carrier>,
    pub(super) streams: Option<&'c Streams>,
    pub(super) downlink_compression: Option<Compression>,
    pub(super) periods: Option<Periods>,
    pub(super) names: &'c Names<'t>,
}

const MAPPING: Accepts = Accepts::Form("a mapping");
const LCORE_KEY: Key = Key::absent(
    "lcore",
    super::lcores::CORE,
    "",
    "the lcore with the fewest cells",
    "Core of the lcore that owns it, one of `lcores.cores`. Cells that share a peer are owned together.",
);
const NUMEROLOGY_KEY: Key = Key::required(
    "numerology",
    Accepts::Integer { min: 0, max: 4 },
    "",
    "Subcarrier spacing: 15 kHz shifted left by this number.",
);
const STEP_MEMORY_KEY: Key = Key::default(
    "step_memory",
    Accepts::Duration {
        min_ns: 1_000_000,
        max_ns: 3_600_000_000_000,
    },
    "",
    "100ms",
    "How long a member stays in step after its last valid frame.",
);
const ACTIVE_KEY: Key = Key::required(
    "active",
    Accepts::Form("name of a member"),
    "",
    "Who is active at the start.",
);
const FAILOVER_KEY: Key = Key::default(
    "failover",
    MAPPING,
    "",
    "{}",
    "Who takes over when the active member is lost.",
);

pub(in crate::config) const PHY_CELL: Table = Table {
    path: "cells.NAME (without ru)",
    about: "One cell whose fronthaul does not cross the appliance: an L2 served by a group of PHYs.",
    keys: &[
        Key::required(
            "fapi",
            MAPPING,
            "",
            "The L2, and the plane between it and the PHYs.",
        ),
        LCORE_KEY,
        NUMEROLOGY_KEY,
        Key::default(
            "time",
            MAPPING,
            "",
            "{source: headers}",
            "Where slot counts come from; `headers`: from SLOT.indication.",
        ),
        STEP_MEMORY_KEY,
        ACTIVE_KEY,
        Key::required(
            "members",
            Accepts::Form("a mapping of 1 to 8 PHY names"),
            "",
            "The group. Members are numbered in file order.",
        ),
        FAILOVER_KEY,
    ],
};

pub(in crate::config) const CELL: Table = Table {
    path: "cells.NAME",
    about: "One cell: an RU served by a group of DUs.",
    keys: &[
        Key::required("ru", Accepts::Form("name of an RU"), "", "The fixed side."),
        Key::absent(
            "fapi",
            MAPPING,
            "",
            "the link between L2 and PHY does not cross the appliance",
            "The L2, and the plane between it and the members' PHYs.",
        ),
        LCORE_KEY,
        NUMEROLOGY_KEY,
        Key::default(
            "cyclic_prefix",
            Accepts::Words(&["normal", "extended"]),
            "",
            "normal",
            "14 symbols a slot, or 12 (numerology 2 only).",
        ),
        Key::required(
            "carrier_prbs",
            Accepts::Integer { min: 1, max: 275 },
            "PRB",
            "Width of the carrier: what a PRB count of 0 on the wire means.",
        ),
        Key::default(
            "eaxc_bits",
            Accepts::Form("list of four widths with the sum 16"),
            "bits",
            "[4, 4, 4, 4]",
            "Widths of DU_Port_ID, BandSector_ID, CC_ID and RU_Port_ID in the eAxC id.",
        ),
        Key::required("eaxc", MAPPING, "", "eAxC ids at the RU."),
        Key::required(
            "compression",
            MAPPING,
            "",
            "User data compression of both directions.",
        ),
        Key::required("time", MAPPING, "", "Where slot counts come from."),
        Key::default(
            "step_window",
            Accepts::Duration {
                min_ns: 1_000,
                max_ns: HALF_CIRCLE_NS,
            },
            "",
            "20ms",
            "A frame whose header slot is further than this from the cell's slot is out of step.",
        ),
        STEP_MEMORY_KEY,
        Key::default(
            "late_tolerance",
            HALF_CIRCLE,
            "",
            "10ms",
            "How long after its air time a slot of an old owner is still admitted.",
        ),
        Key::default(
            "largest_lead",
            HALF_CIRCLE,
            "",
            "2ms",
            "Largest lead of a frame before its air time (T1a_max of any plane).",
        ),
        Key::default(
            "transmit_window_end",
            MAPPING,
            "",
            "{}",
            "Latest sending times before air (T1a_min).",
        ),
        Key::required(
            "periods",
            MAPPING,
            "",
            "Periods of what repeats; liveness learns by them.",
        ),
        ACTIVE_KEY,
        Key::required(
            "members",
            Accepts::Form("a mapping of 1 to 8 DU names"),
            "",
            "The group. Members are numbered in file order.",
        ),
        Key::default(
            "liveness",
            MAPPING,
            "",
            "{}",
            "When a member is taken for lost.",
        ),
        FAILOVER_KEY,
        Key::default(
            "sharing",
            MAPPING,
            "",
            "{}",
            "How two members share the RU during a migration.",
        ),
    ],
};
