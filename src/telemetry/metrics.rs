//! `/metrics`: the latest observations in the text format of Prometheus, by the registry's table.

use crate::dataplane::counters::{Counters, PortLosses};
use crate::dataplane::mailbox::MAX_MEMBERS;
use crate::dataplane::observation::{
    CellObservation, MARGIN_BOUNDS_NS, Margins, MemberObservation, Observation,
};
use crate::dataplane::run_record::{CellNames, Names};
use crate::ran::{Instant, MemberId};
use crate::telemetry::registry::{self, Kind};
use crate::telemetry::tally::{CellTally, Histogram, LcoreTally, Tally};
use prometheus::proto::{self, MetricFamily, MetricType};
use prometheus::{TEXT_FORMAT, TextEncoder};

/// Media type of `text`.
pub const CONTENT_TYPE: &str = TEXT_FORMAT;

/// One buffer pool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// Buffers in all.
    pub size: u32,
    /// Buffers not in the pool.
    pub in_use: u32,
}

/// What is known of the process.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Process {
    /// When it started, since the Unix epoch.
    pub started: Instant,
    /// Memory that it holds, in bytes; `None` where the system does not say.
    pub resident_bytes: Option<u64>,
    /// Whether the configured live state is kept; `None` if none is configured.
    pub live_state_kept: Option<bool>,
}

/// Recordings of the flight recorder since the process started.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Recordings {
    /// Written.
    pub written: u64,
    /// Asked for and not written.
    pub failed: u64,
}

/// Everything that the metrics tell, at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// Names by index, as in the observations.
    pub names: &'a Names,
    /// The last observation of each lcore, with the lcore's number.
    pub lcores: &'a [(u32, &'a Observation)],
    /// What has added up.
    pub tally: &'a Tally,
    /// Buffer pools.
    pub pools: &'a [Pool],
    /// By `PortId`: what the driver says of the link.
    pub links: &'a [bool],
    /// By `PortId`: what was lost before it was received, where the driver counts.
    pub losses: &'a [Option<PortLosses>],
    /// The process.
    pub process: Process,
    /// Flight recordings.
    pub recordings: Recordings,
}

/// The page: every metric of the registry that has a sample, with help and type.
pub fn text(reading: &Reading<'_>) -> String {
    let view = View::new(reading);
    let families: Vec<MetricFamily> = registry::metrics()
        .filter_map(|metric| {
            let mut samples = Samples::new(metric.labels);
            (metric.read)(&view, &mut samples);
            samples.family(metric)
        })
        .collect();
    // Refuses only families without name or samples, and there are none.
    TextEncoder::new()
        .encode_to_string(&families)
        .unwrap_or_default()
}

/// A reading with the sums over lcores.
pub(super) struct View<'a> {
    pub(super) reading: &'a Reading<'a>,
    pub(super) total: Counters,
    unheard: CellTally,
}

impl<'a> View<'a> {
    fn new(reading: &'a Reading<'a>) -> Self {
        let mut total = Counters::default();
        for (_, observation) in reading.lcores {
            total.add(&observation.counters);
        }
        Self {
            reading,
            total,
            unheard: CellTally::default(),
        }
    }

    /// Every cell: its position, names and what happened in it.
    pub(super) fn cells(&self) -> impl Iterator<Item = (usize, &'a CellNames, &CellTally)> {
        let cells = self.reading.names.cells.iter().enumerate();
        cells.map(|(index, names)| {
            let tally = self.reading.tally.cells.get(&names.name);
            (index, names, tally.unwrap_or(&self.unheard))
        })
    }

    /// Every cell that its lcore has reported.
    pub(super) fn observed(&self) -> impl Iterator<Item = (&'a CellNames, &'a CellObservation)> {
        let names = self.reading.names.cells.iter().enumerate();
        names.filter_map(|(index, names)| {
            let mut reports = self.reading.lcores.iter();
            let cell = reports.find_map(|(_, lcore)| lcore.cells.get(index)?.as_ref())?;
            Some((names, cell))
        })
    }

    /// Every member that its lcore has reported, with its cell.
    pub(super) fn members(
        &self,
    ) -> impl Iterator<Item = (&'a CellNames, &'a CellObservation, Seat<'a>)> {
        self.observed().flat_map(|(names, cell)| {
            let members = names.members.iter().zip(&cell.members).enumerate();
            members.filter_map(move |(index, (name, seen))| {
                let seat = Seat {
                    id: MemberId(index as u8),
                    name,
                    seen: seen.as_ref()?,
                };
                Some((names, cell, seat))
            })
        })
    }

    /// Every lcore that has reported.
    pub(super) fn lcores(
        &self,
    ) -> impl Iterator<Item = (String, &'a Observation, Option<&'a LcoreTally>)> {
        let lcores = self.reading.lcores.iter();
        lcores.map(|(number, seen)| {
            let tally = self.reading.tally.lcores.get(number);
            (number.to_string(), *seen, tally)
        })
    }
}

/// A member's place in its cell.
#[derive(Clone, Copy)]
pub(super) struct Seat<'a> {
    pub(super) id: MemberId,
    pub(super) name: &'a str,
    pub(super) seen: &'a MemberObservation,
}

impl Seat<'_> {
    /// Whether the member's bit is set; a cell has at most `MAX_MEMBERS`.
    pub(super) const fn is_in(&self, bits: u8) -> bool {
        (self.id.0 as usize) < MAX_MEMBERS && bits >> self.id.0 & 1 == 1
    }
}

/// The samples of one metric while they are gathered.
pub(super) struct Samples {
    labels: &'static [&'static str],
    gathered: Vec<proto::Metric>,
}

impl Samples {
    const fn new(labels: &'static [&'static str]) -> Self {
        Self {
            labels,
            gathered: Vec::new(),
        }
    }

    /// A value under these label values, in the order of the metric's labels.
    pub(super) fn value(&mut self, labels: &[&str], value: f64) {
        let mut metric = self.metric(labels);
        let mut counter = proto::Counter::default();
        counter.set_value(value);
        metric.set_counter(counter);
        let mut gauge = proto::Gauge::default();
        gauge.set_value(value);
        metric.set_gauge(gauge);
        self.gathered.push(metric);
    }

    /// A count; exact up to 2^53, as everything in Prometheus.
    pub(super) fn count(&mut self, labels: &[&str], count: u64) {
        self.value(labels, count as f64);
    }

    /// 0 or 1.
    pub(super) fn flag(&mut self, labels: &[&str], flag: bool) {
        self.value(labels, f64::from(u8::from(flag)));
    }

    /// A histogram.
    pub(super) fn histogram(&mut self, labels: &[&str], histogram: &Histogram) {
        let (bounds, counts) = histogram.buckets();
        self.buckets(labels, bounds.iter().copied(), counts, histogram.sum());
    }

    /// A histogram that an lcore keeps.
    pub(super) fn margins(&mut self, labels: &[&str], margins: &Margins) {
        let bounds = MARGIN_BOUNDS_NS.iter().map(|nanos| *nanos as f64 / 1e9);
        let sum = margins.sum_ns as f64 / 1e9;
        self.buckets(labels, bounds, &margins.counts, sum);
    }

    fn buckets(
        &mut self,
        labels: &[&str],
        bounds: impl Iterator<Item = f64>,
        counts: &[u64],
        sum: f64,
    ) {
        let mut below = 0;
        let buckets = bounds.zip(counts).map(|(bound, count)| {
            below += count;
            let mut bucket = proto::Bucket::default();
            bucket.set_upper_bound(bound);
            bucket.set_cumulative_count(below);
            bucket
        });
        let mut histogram = proto::Histogram::default();
        histogram.set_bucket(buckets.collect());
        histogram.set_sample_count(counts.iter().sum());
        histogram.set_sample_sum(sum);
        let mut metric = self.metric(labels);
        metric.set_histogram(histogram);
        self.gathered.push(metric);
    }

    fn metric(&self, labels: &[&str]) -> proto::Metric {
        debug_assert_eq!(labels.len(), self.labels.len());
        let pairs = self.labels.iter().zip(labels).map(|(name, value)| {
            let mut pair = proto::LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value((*value).to_owned());
            pair
        });
        proto::Metric::from_label(pairs.collect())
    }

    fn family(self, metric: &registry::Metric) -> Option<MetricFamily> {
        if self.gathered.is_empty() {
            return None;
        }
        let mut family = MetricFamily::default();
        family.set_name(metric.name.to_owned());
        family.set_help(metric.help.to_owned());
        family.set_field_type(match metric.kind {
            Kind::Counter => MetricType::COUNTER,
            Kind::Gauge => MetricType::GAUGE,
            Kind::Histogram => MetricType::HISTOGRAM,
        });
        family.set_metric(self.gathered);
        Some(family)
    }
}
