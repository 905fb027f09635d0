//! The timing of a cell: where slot counts come from, how far from its slot a frame may be, what repeats.

use super::cell::Context;
use crate::config::keys::{Accepts, Key, Table, span};
use crate::config::model::{MAX_PERIOD, Periods, Sharing, TimeSource, TransmitWindows};
use crate::config::source::fields::{Field, Section};
use crate::config::source::problem::{Diagnosis, Problem};
use crate::ran::Duration;

/// Everything about time but the periods.
#[derive(Clone, Copy)]
pub(super) struct Timing {
    pub(super) time: TimeSource,
    pub(super) step_window: Duration,
    pub(super) step_memory: Duration,
    pub(super) late_tolerance: Duration,
    pub(super) largest_lead: Duration,
    pub(super) transmit: TransmitWindows,
}

impl Timing {
    /// Of a cell whose fronthaul goes elsewhere: nothing but what FAPI needs.
    pub(super) const fn without_fronthaul(time: TimeSource, step_memory: Duration) -> Self {
        let none = Duration::from_nanos(0);
        Self {
            time,
            step_window: Duration::from_millis(20),
            step_memory,
            late_tolerance: Duration::from_millis(10),
            largest_lead: Duration::from_millis(2),
            transmit: TransmitWindows {
                downlink_control: none,
                uplink_control: none,
                downlink_user: none,
            },
        }
    }

    /// Without GPS time a slot count is only known modulo the 2.56 s of the headers.
    pub(super) fn warn_of_drift(
        &self,
        section: &Section<'_>,
        context: &Context<'_, '_>,
        sharing: Option<&Sharing>,
        diagnosis: &mut Diagnosis,
    ) {
        let (TimeSource::Headers, Some(carrier)) = (self.time, context.carrier) else {
            return;
        };
        let circle = carrier.numerology.wire_period();
        let mut judge = |names: &[&str], period: u32| {
            if circle.is_multiple_of(period.max(1)) {
                return;
            }
            let Some((first, below)) = names.split_first() else {
                return;
            };
            let Some(field) = section.field(first).map(|field| field.below(below)) else {
                return;
            };
            let what =
                format!("drifts: without GPS time slot counts start anew every {circle} slots");
            let warning = Problem::new(field.mark, &field.path, what);
            let found = format!("a period of {period} slots");
            diagnosis.warn(
                warning
                    .found(found)
                    .accepted("a divisor, or time: {source: gps}"),
            );
        };
        if let Some(periods) = context.periods {
            judge(&["periods"], periods.pattern());
        }
        let Some(sharing) = sharing else { return };
        judge(
            &["sharing", "control_symbols"],
            sharing.control_symbols.masks.len() as u32,
        );
        judge(
            &["sharing", "pattern"],
            sharing.pattern.destination.len() as u32,
        );
        for broadcast in &sharing.broadcast {
            judge(&["sharing", "broadcast"], broadcast.period);
        }
    }
}

pub(super) fn timing(section: &Section<'_>, diagnosis: &mut Diagnosis) -> Option<Timing> {
    let time = section.read("time", diagnosis, time);
    let step_window = section.read("step_window", diagnosis, Field::duration);
    let step_memory = section.read("step_memory", diagnosis, Field::duration);
    let late_tolerance = section.read("late_tolerance", diagnosis, Field::duration);
    let largest_lead = section.read("largest_lead", diagnosis, Field::duration);
    let transmit = section.read("transmit_window_end", diagnosis, |field, d| {
        windows(field, largest_lead, d)
    });
    let (late_tolerance, largest_lead) = (late_tolerance?, largest_lead?);
    let reach = late_tolerance.as_nanos() + largest_lead.as_nanos();
    if reach > HALF_CIRCLE_NS {
        let what = "with largest_lead reaches half the 2.56 s after which frameIds repeat";
        section.refuse("late_tolerance", diagnosis, |field| {
            let found = format!("a sum of {}", span(reach));
            field
                .problem(what)
                .found(found)
                .accepted("a sum below 1280ms")
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

pub(super) fn time(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<TimeSource> {
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

pub(super) fn periods(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<Periods> {
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

/// Of a cell whose fronthaul goes elsewhere: nothing is learned.
pub(super) const EVERY_SLOT: Periods = Periods {
    tdd: 1,
    ssb: None,
    prach: None,
};

/// Half of the 2.56 s circle of frameIds, less one nanosecond: farther apart, past and future mix.
pub(super) const HALF_CIRCLE_NS: u64 = 1_279_999_999;

const SLOTS: Accepts = Accepts::Integer {
    min: 1,
    max: MAX_PERIOD as i64,
};
pub(super) const HALF_CIRCLE: Accepts = Accepts::Duration {
    min_ns: 0,
    max_ns: HALF_CIRCLE_NS,
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
             member; the SFN is then unknown. Without an `ru` from SLOT.indication, SFN and all.",
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
