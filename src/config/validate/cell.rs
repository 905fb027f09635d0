//! One cell: its carrier, its streams, its timing; the group and its sharing are read beside it.
//!
//! Rules that need only this cell are judged here, on whatever could be read.

use super::{Names, members, sharing};
use crate::config::keys::{Accepts, Key, Table};
use crate::config::model::{
    Cell, Compression, MAX_PERIOD, MAX_STREAMS, Periods, Streams, TimeSource, TransmitWindows,
};
use crate::config::source::fields::{Field, Section};
use crate::config::source::problem::Diagnosis;
use crate::ran::{CyclicPrefix, Duration, EaxcId, EaxcLayout, Numerology};
use std::collections::HashSet;

pub(super) fn cell(
    name: &str,
    field: &Field<'_>,
    names: &Names<'_>,
    diagnosis: &mut Diagnosis,
) -> Option<Cell> {
    let section = Section::open(field, CELL.keys, diagnosis)?;
    let ru = section.read("ru", diagnosis, |f, d| f.reference("RU", &names.rus, d));
    let carrier = carrier(&section, diagnosis);
    let streams = section.read("eaxc", diagnosis, streams);
    let compression = section.read("compression", diagnosis, compressions);
    let timing = timing(&section, diagnosis);
    let periods = section.read("periods", diagnosis, periods);
    let context = Context {
        carrier,
        streams: streams.as_ref(),
        downlink_compression: compression.map(|(downlink, _)| downlink),
        periods,
        names,
    };
    let group = members::group(&section, &context, diagnosis);
    let sharing = sharing::sharing(&section, &context, &group, diagnosis);
    warn_of_drifting_positions(&section, timing.as_ref(), &context, diagnosis);
    let (carrier, timing) = (carrier?, timing?);
    let (downlink_compression, uplink_compression) = compression?;
    Some(Cell {
        name: name.to_owned(),
        ru: ru?,
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

/// What the rest of the cell is judged by, as far as it could be read.
pub(super) struct Context<'c, 't> {
    pub(super) carrier: Option<Carrier>,
    pub(super) streams: Option<&'c Streams>,
    pub(super) downlink_compression: Option<Compression>,
    pub(super) periods: Option<Periods>,
    pub(super) names: &'c Names<'t>,
}

#[derive(Clone, Copy)]
pub(super) struct Carrier {
    pub(super) numerology: Numerology,
    pub(super) prefix: CyclicPrefix,
    prbs: u16,
    pub(super) layout: EaxcLayout,
}

fn carrier(section: &Section<'_>, diagnosis: &mut Diagnosis) -> Option<Carrier> {
    let numerology = section.read("numerology", diagnosis, Field::integer);
    let numerology = numerology.and_then(Numerology::new);
    let prefix = section.read("cyclic_prefix", diagnosis, |field, diagnosis| {
        if field.word(diagnosis)? == "normal" {
            return Some(CyclicPrefix::Normal);
        }
        if let Some(mu) = numerology.map(Numerology::mu).filter(|mu| *mu != 2) {
            let what = format!("exists with numerology 2 only, and this cell has {mu}");
            diagnosis.refuse(field.problem(what).accepted("normal"));
        }
        Some(CyclicPrefix::Extended)
    });
    let prbs = section.read("carrier_prbs", diagnosis, Field::integer);
    let layout = section.read("eaxc_bits", diagnosis, layout);
    Some(Carrier {
        numerology: numerology?,
        prefix: prefix?,
        prbs: prbs?,
        layout: layout?,
    })
}

fn layout(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<EaxcLayout> {
    let widths = field.list(diagnosis, |item, d| item.within::<u8>(0, 16, d))?;
    let layout = <[u8; 4]>::try_from(widths.as_slice())
        .ok()
        .and_then(EaxcLayout::new);
    if layout.is_none() {
        let sum: u32 = widths.iter().map(|width| u32::from(*width)).sum();
        let found = format!("{} widths with the sum {sum}", widths.len());
        diagnosis.refuse(field.problem("does not split 16 bits in four").found(found));
    }
    layout
}

/// The eAxC ids of the cell or of one member, without repetition in either direction.
pub(super) fn streams(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<Streams> {
    let section = Section::open(field, STREAMS.keys, diagnosis)?;
    let mut downlink_ids = HashSet::new();
    let mut uplink_ids = HashSet::new();
    let downlink = section.read("downlink", diagnosis, |f, d| ids(f, &mut downlink_ids, d));
    let uplink = section.read("uplink", diagnosis, |f, d| ids(f, &mut uplink_ids, d));
    let prach = section.read("prach", diagnosis, |f, d| ids(f, &mut uplink_ids, d));
    let streams = Streams {
        downlink: downlink?,
        uplink: uplink?,
        prach: prach?,
    };
    if streams.downlink.is_empty() {
        section.refuse("downlink", diagnosis, |field| {
            field.problem("is empty").accepted("at least one eAxC id")
        });
    }
    let count = streams.downlink.len() + streams.uplink.len() + streams.prach.len();
    if count > MAX_STREAMS {
        let what = "has too many streams";
        let found = format!("{count} in all three lists");
        let accepted = format!("at most {MAX_STREAMS} streams in a cell");
        diagnosis.refuse(field.problem(what).found(found).accepted(accepted));
    }
    Some(streams)
}

fn ids(
    field: &Field<'_>,
    seen: &mut HashSet<u16>,
    diagnosis: &mut Diagnosis,
) -> Option<Vec<EaxcId>> {
    field.list(diagnosis, |item, diagnosis| {
        let id = item.within(0, 0xffff, diagnosis)?;
        if !seen.insert(id) {
            let what = "is used twice in one direction (uplink and PRACH are one direction)";
            diagnosis.refuse(item.problem(what).accepted("each eAxC id once"));
        }
        Some(EaxcId(id))
    })
}

fn compressions(
    field: &Field<'_>,
    diagnosis: &mut Diagnosis,
) -> Option<(Compression, Compression)> {
    let section = Section::open(field, BOTH_COMPRESSIONS.keys, diagnosis)?;
    let downlink = section.read("downlink", diagnosis, compression);
    let uplink = section.read("uplink", diagnosis, compression);
    Some((downlink?, uplink?))
}

fn compression(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<Compression> {
    let section = Section::open(field, COMPRESSION.keys, diagnosis)?;
    let method = section.read("method", diagnosis, Field::word);
    let width = section.read("width", diagnosis, Field::integer);
    let header = section.read("header", diagnosis, Field::word);
    let method = METHODS.iter().position(|name| Some(*name) == method);
    Some(Compression {
        header: header? == "dynamic",
        method: u8::try_from(method?).ok()?,
        width: width?,
    })
}

#[derive(Clone, Copy)]
struct Timing {
    time: TimeSource,
    step_window: Duration,
    step_memory: Duration,
    late_tolerance: Duration,
    largest_lead: Duration,
    transmit: TransmitWindows,
}

fn timing(section: &Section<'_>, diagnosis: &mut Diagnosis) -> Option<Timing> {
    let time = section.read("time", diagnosis, time);
    let step_window = section.read("step_window", diagnosis, Field::duration);
    let step_memory = section.read("step_memory", diagnosis, Field::duration);
    let late_tolerance = section.read("late_tolerance", diagnosis, Field::duration);
    let largest_lead = section.read("largest_lead", diagnosis, Field::duration);
    let transmit = section.read("transmit_window_end", diagnosis, |field, d| {
        windows(field, largest_lead, d)
    });
    let (late_tolerance, largest_lead) = (late_tolerance?, largest_lead?);
    if late_tolerance.as_nanos() + largest_lead.as_nanos() > HALF_CIRCLE_NS {
        let what = "together with largest_lead reaches half the 2.56 s after which frameIds repeat";
        section.refuse("late_tolerance", diagnosis, |field| {
            field.problem(what).accepted("a sum below 1280ms")
        });
    }
    Some(Timing {
        time: time?,
        step_window: step_window?,
        step_memory: step_memory?,
        late_tolerance,
        largest_lead,
        transmit: transmit?,
    })
}

fn time(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<TimeSource> {
    let section = Section::open(field, TIME.keys, diagnosis)?;
    let source = section.read("source", diagnosis, Field::word);
    let alpha = section.read("alpha", diagnosis, Field::integer);
    let beta = section.read("beta", diagnosis, Field::integer);
    if source? == "gps" {
        return Some(TimeSource::Gps {
            alpha: alpha?,
            beta: beta?,
        });
    }
    for name in ["alpha", "beta"]
        .into_iter()
        .filter(|name| section.has(name))
    {
        section.refuse(name, diagnosis, |field| {
            field
                .problem("shifts GPS time only")
                .accepted("no such key with source: headers")
        });
    }
    Some(TimeSource::Headers)
}

fn windows(
    field: &Field<'_>,
    largest_lead: Option<Duration>,
    diagnosis: &mut Diagnosis,
) -> Option<TransmitWindows> {
    let section = Section::open(field, WINDOWS.keys, diagnosis)?;
    let end = |field: &Field<'_>, diagnosis: &mut Diagnosis| {
        let end = field.duration(diagnosis)?;
        if largest_lead.is_some_and(|lead| end > lead) {
            let what = "closes the window before it opens: it is above largest_lead";
            diagnosis.refuse(field.problem(what).accepted("at most largest_lead"));
        }
        Some(end)
    };
    let downlink_control = section.read("downlink_control", diagnosis, end);
    let uplink_control = section.read("uplink_control", diagnosis, end);
    let downlink_user = section.read("downlink_user", diagnosis, end);
    Some(TransmitWindows {
        downlink_control: downlink_control?,
        uplink_control: uplink_control?,
        downlink_user: downlink_user?,
    })
}

fn periods(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<Periods> {
    let section = Section::open(field, PERIODS.keys, diagnosis)?;
    let tdd = section.read("tdd", diagnosis, Field::integer);
    let ssb = section.optional("ssb", diagnosis, Field::integer);
    let prach = section.optional("prach", diagnosis, Field::integer);
    let periods = Periods {
        tdd: tdd?,
        ssb: ssb?,
        prach: prach?,
    };
    if periods.pattern() > MAX_PERIOD {
        let what = "repeat together too seldom for liveness to learn a pattern";
        let found = format!("a least common multiple of {} slots", periods.pattern());
        let accepted = format!("at most {MAX_PERIOD} slots");
        diagnosis.refuse(field.problem(what).found(found).accepted(accepted));
    }
    Some(periods)
}

/// Without GPS time a slot count is only known modulo the 2.56 s of the headers.
fn warn_of_drifting_positions(
    section: &Section<'_>,
    timing: Option<&Timing>,
    context: &Context<'_, '_>,
    diagnosis: &mut Diagnosis,
) {
    let headers = timing.is_some_and(|timing| timing.time == TimeSource::Headers);
    let (true, Some(carrier), Some(periods)) = (headers, context.carrier, context.periods) else {
        return;
    };
    let circle = carrier.numerology.wire_period();
    let fits = |period: u32| circle.is_multiple_of(period.max(1));
    let (Some(field), false) = (section.field("periods"), fits(periods.pattern())) else {
        return;
    };
    let what = format!(
        "does not divide the {circle} slots after which frameIds repeat, so positions in it have \
         no fixed phase with time source headers"
    );
    let found = format!("a least common multiple of {} slots", periods.pattern());
    diagnosis.warn(
        field
            .problem(what)
            .found(found)
            .accepted("time source gps, or a divisor"),
    );
}

/// Half of the 2.56 s circle of frameIds, less one nanosecond: farther apart, past and future mix.
const HALF_CIRCLE_NS: u64 = 1_279_999_999;

/// By udCompMeth (CUS table of user data compression methods).
const METHODS: &[&str] = &[
    "none",
    "bfp",
    "block_scaling",
    "mu_law",
    "modulation",
    "bfp_selective",
    "modulation_selective",
    "bfp_selective_masked",
    "modulation_selective_masked",
];

const IDS: Accepts = Accepts::Form("list of eAxC ids 0..=65535");
const MAPPING: Accepts = Accepts::Form("a mapping");
const SLOTS: Accepts = Accepts::Integer {
    min: 1,
    max: MAX_PERIOD as i64,
};
const HALF_CIRCLE: Accepts = Accepts::Duration {
    min_ns: 0,
    max_ns: HALF_CIRCLE_NS,
};

pub(in crate::config) const CELL: Table = Table {
    path: "cells.NAME",
    about: "One cell: an RU served by a group of DUs.",
    keys: &[
        Key::required("ru", Accepts::Form("name of an RU"), "", "The fixed side."),
        Key::required(
            "numerology",
            Accepts::Integer { min: 0, max: 4 },
            "",
            "Subcarrier spacing: 15 kHz shifted left by this number.",
        ),
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
        Key::default(
            "step_memory",
            Accepts::Duration {
                min_ns: 1_000_000,
                max_ns: 3_600_000_000_000,
            },
            "",
            "100ms",
            "How long a member stays in step after its last valid frame.",
        ),
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
        Key::required(
            "active",
            Accepts::Form("name of a member"),
            "",
            "Who is active at the start.",
        ),
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
        Key::default(
            "failover",
            MAPPING,
            "",
            "{}",
            "Who takes over when the active member is lost.",
        ),
        Key::default(
            "sharing",
            MAPPING,
            "",
            "{}",
            "How two members share the RU during a migration.",
        ),
    ],
};

pub(in crate::config) const STREAMS: Table = Table {
    path: "cells.NAME.eaxc, cells.NAME.members.NAME.eaxc",
    about: "eAxC ids, at most 64 in a cell. A member's lists correspond to the cell's by position and \
            are as long.",
    keys: &[
        Key::required("downlink", IDS, "", "Downlink; at least one."),
        Key::default("uplink", IDS, "", "[]", "Uplink (PUSCH, PUCCH, SRS)."),
        Key::default(
            "prach",
            IDS,
            "",
            "[]",
            "PRACH, an uplink stream of its own.",
        ),
    ],
};

pub(in crate::config) const BOTH_COMPRESSIONS: Table = Table {
    path: "cells.NAME.compression",
    about: "Needed where user data is looked at (`prb_use: exponents`) and by `inspect`.",
    keys: &[
        Key::required("downlink", MAPPING, "", "Downlink U-plane."),
        Key::required("uplink", MAPPING, "", "Uplink U-plane."),
    ],
};

pub(in crate::config) const COMPRESSION: Table = Table {
    path: "cells.NAME.compression.downlink, cells.NAME.compression.uplink",
    about: "One direction.",
    keys: &[
        Key::required(
            "method",
            Accepts::Words(METHODS),
            "",
            "udCompMeth 0 to 8, in this order.",
        ),
        Key::required(
            "width",
            Accepts::Integer { min: 1, max: 16 },
            "bits",
            "udIqWidth.",
        ),
        Key::required(
            "header",
            Accepts::Words(&["dynamic", "static"]),
            "",
            "udCompHdr present in every section (dynamic) or absent (static).",
        ),
    ],
};

pub(in crate::config) const TIME: Table = Table {
    path: "cells.NAME.time",
    about: "Slot counts from the clock, or from the headers.",
    keys: &[
        Key::required(
            "source",
            Accepts::Words(&["gps", "headers"]),
            "",
            "`gps`: the clock is GPS-aligned. `headers`: lifted from the header progress of the active \
             member; the SFN is then unknown.",
        ),
        Key::default(
            "alpha",
            Accepts::Integer {
                min: 0,
                max: 12_288_000,
            },
            "1/1.2288 ns",
            "0",
            "Shift of the frame start, with `gps` only.",
        ),
        Key::default(
            "beta",
            Accepts::Integer {
                min: -32_768,
                max: 32_767,
            },
            "10 ms",
            "0",
            "Shift of the frame number, with `gps` only.",
        ),
    ],
};

pub(in crate::config) const WINDOWS: Table = Table {
    path: "cells.NAME.transmit_window_end",
    about: "A due frame is missed at the latest when its window has closed.",
    keys: &[
        Key::default("downlink_control", HALF_CIRCLE, "", "0us", "DL C-plane."),
        Key::default("uplink_control", HALF_CIRCLE, "", "0us", "UL C-plane."),
        Key::default("downlink_user", HALF_CIRCLE, "", "0us", "DL U-plane."),
    ],
};

pub(in crate::config) const PERIODS: Table = Table {
    path: "cells.NAME.periods",
    about: "The least common multiple of all of them is the pattern of liveness, at most 1280 slots.",
    keys: &[
        Key::required("tdd", SLOTS, "slots", "TDD pattern; 1 for FDD."),
        Key::absent("ssb", SLOTS, "slots", "not declared", "SSB."),
        Key::absent("prach", SLOTS, "slots", "not declared", "PRACH."),
    ],
};
