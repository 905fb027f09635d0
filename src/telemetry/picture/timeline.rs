//! The overview of one cell: who owned the RU, who spoke on each stream, and the members' liveness
//! over the whole run. Slots are put into buckets, so that a long run stays small; marks of changes
//! and of empty due slots come from events and are never averaged away.

use super::html::escape;
use super::lanes::{Fate, Lane, Row, Speaker, Stretch};
use crate::dataplane::mailbox::{Event, EventKind, Mode};
use crate::dataplane::run_record::RunRecord;
use crate::ran::{CellId, MemberId};
use crate::telemetry::story::{Silence, SilenceEnd, Story};
use crate::telemetry::words::{Words, duration};

const OWNER_HEIGHT: usize = 16;
const LANE_HEIGHT: usize = 9;
const STREAM_GAP: usize = 5;
const TITLE_HEIGHT: usize = 12;

/// Draws the overview with at most `most_buckets` steps.
pub(super) fn draw(
    record: &RunRecord,
    story: &Story,
    cell: CellId,
    whole: &Stretch<'_>,
    most_buckets: u64,
) -> String {
    let per_bucket = whole.slots.div_ceil(most_buckets.max(1)).max(1);
    let mut chart = Chart {
        words: Words { record },
        cell,
        whole,
        per_bucket: per_bucket as f64,
        y: 0,
        labels: String::new(),
        shapes: String::new(),
    };
    chart.owners(story);
    chart.speech(per_bucket);
    chart.liveness(record, story);
    chart.finish(story)
}

struct Chart<'a> {
    words: Words<'a>,
    cell: CellId,
    whole: &'a Stretch<'a>,
    per_bucket: f64,
    y: usize,
    labels: String,
    shapes: String,
}

impl Chart<'_> {
    fn width(&self) -> f64 {
        (self.whole.slots as f64 / self.per_bucket).max(1.0)
    }

    fn label(&mut self, class: &str, text: &str) {
        self.labels.push_str(&format!(
            "<span class=\"{class}\" style=\"top:{}px\">{}</span>",
            self.y,
            escape(text)
        ));
    }

    fn bar(&mut self, class: &str, from: f64, to: f64, height: usize, title: &str) {
        let (from, to) = (from / self.per_bucket, to / self.per_bucket);
        let from = from.clamp(0.0, self.width());
        let width = (to.min(self.width()) - from).max(0.0);
        if width <= 0.0 {
            return;
        }
        self.shapes.push_str(&format!(
            "<rect class=\"{class}\" x=\"{from:.2}\" y=\"{}\" width=\"{width:.2}\" height=\"{height}\"><title>{}</title></rect>",
            self.y,
            escape(title)
        ));
    }

    /// The band on top: who may speak.
    fn owners(&mut self, story: &Story) {
        self.label("row owner", "may speak");
        let changes: Vec<_> = story
            .changes
            .iter()
            .filter(|c| c.cell == self.cell)
            .collect();
        let end = self.whole.slots as f64;
        for (index, change) in changes.iter().enumerate() {
            let from = self.whole.x(change.boundary);
            let next = changes.get(index + 1).map(|c| self.whole.x(c.boundary));
            let title = self.words.mode(self.cell, change.mode);
            let to = next.unwrap_or(end);
            match change.mode {
                Mode::Single(member) => {
                    let class = Speaker::Member(member).class();
                    self.bar(&class, from, to, OWNER_HEIGHT, &title);
                }
                Mode::Shared {
                    source,
                    destination,
                } => {
                    let half = OWNER_HEIGHT / 2;
                    self.bar(&Speaker::Member(source).class(), from, to, half, &title);
                    self.y += half;
                    self.bar(
                        &Speaker::Member(destination).class(),
                        from,
                        to,
                        half,
                        &title,
                    );
                    self.y -= half;
                }
            }
        }
        self.y += OWNER_HEIGHT + STREAM_GAP;
    }

    fn speech(&mut self, per_bucket: u64) {
        let lanes = self.whole.lanes();
        let steps = self.whole.slots.div_ceil(per_bucket) as usize;
        let mut strips = vec![Strip::new(steps); lanes.len()];
        for (lane, slot, fate) in self.whole.fates() {
            let step = (slot.since(self.whole.first) as u64 / per_bucket) as usize;
            let lane = lanes.binary_search(&lane).ok();
            if let Some(strip) = lane.and_then(|at| strips.get_mut(at)) {
                strip.mark(step, fate);
            }
        }
        let mut row: Option<Row> = None;
        for (lane, strip) in lanes.iter().zip(&strips) {
            if row != Some(lane.row) {
                self.y += if row.is_some() { STREAM_GAP } else { 0 };
                self.label("row stream", &self.words.row(self.cell, lane.row));
                // The names of FAPI rows are too long to stand beside their speakers.
                self.y += if lane.row.is_fapi() { TITLE_HEIGHT } else { 0 };
                row = Some(lane.row);
            }
            self.lane(*lane, strip);
        }
        self.y += STREAM_GAP * 2;
    }

    fn lane(&mut self, lane: Lane, strip: &Strip) {
        let who = self.words.speaker(self.cell, lane.speaker);
        let class = lane.speaker.class();
        self.label(&format!("who t-{class}"), &who);
        let title = format!("{} of {who}", self.words.row(self.cell, lane.row));
        if lane.speaker == Speaker::Nobody {
            self.made_up(strip, &title);
        }
        for (fate, word, from, height) in [
            (Fate::Sent, "sent", 0, LANE_HEIGHT - 1),
            (Fate::Null, "null", 3, 2),
            (Fate::Dropped, "dropped", LANE_HEIGHT - 4, 3),
        ] {
            let path = strip.path(fate, self.y + from, height);
            if !path.is_empty() {
                self.shapes.push_str(&format!(
                    "<path class=\"{class} {word}\" d=\"{path}\"><title>{}: {word}</title></path>",
                    escape(&title)
                ));
            }
        }
        self.y += LANE_HEIGHT;
    }

    /// What no PHY sent is never too small to be seen, however long the run.
    fn made_up(&mut self, strip: &Strip, title: &str) {
        let sliver = self.sliver();
        for (from, to) in strip.runs(Fate::Sent) {
            let (from, to) = (from as f64 * self.per_bucket, to as f64 * self.per_bucket);
            self.bar(
                "made-up",
                from,
                to.max(from + sliver),
                LANE_HEIGHT - 1,
                title,
            );
        }
    }

    /// A row for each member: heard, empty due slots, lost, fenced.
    fn liveness(&mut self, record: &RunRecord, story: &Story) {
        let names = record.names.cells.get(self.cell.index());
        let members = names.map_or(0, |names| names.members.len());
        self.label("row stream", "liveness");
        for member in (0..members).map(|index| MemberId(index as u8)) {
            let name = self.words.member(self.cell, member);
            self.label(&format!("who t-m{}", member.0 % 8), &name);
            for (from, to) in fenced(&record.events, self.cell, member, self.whole) {
                self.bar(
                    "fenced",
                    from,
                    to,
                    LANE_HEIGHT,
                    &format!("{name} is fenced"),
                );
            }
            let cell = self.cell;
            let silences = story.silences.iter();
            for silence in silences.filter(|s| s.cell == cell && s.member == member) {
                self.silence(silence, &name);
            }
            self.y += LANE_HEIGHT;
            for (from, to) in fenced(&record.events, self.cell, member, self.whole) {
                self.bar("fenced", from, to, 3, &format!("{name} is fenced"));
            }
            self.y += 6;
        }
    }

    /// What can just be seen, in slots.
    fn sliver(&self) -> f64 {
        self.whole.slots as f64 / 400.0
    }

    fn silence(&mut self, silence: &Silence, name: &str) {
        let from = self.whole.x_at(silence.first_due);
        let (class, until, how) = match silence.end {
            SilenceEnd::Stall(at) => ("stall", Some(at), "a stall"),
            SilenceEnd::Lost { heard_again, .. } => ("lost", heard_again, "lost"),
            SilenceEnd::Open => ("stall", None, "still silent at the end"),
        };
        let to = until.map_or(self.whole.slots as f64, |at| self.whole.x_at(at));
        let sliver = self.sliver();
        let title = format!("{name}: {} empty due slots, {how}", silence.run);
        self.bar(class, from, to.max(from + sliver), LANE_HEIGHT, &title);
    }

    fn finish(self, story: &Story) -> String {
        let width = self.width();
        let mut marks = String::new();
        let mut rules = String::new();
        for (change, number) in story.moves().zip(1..) {
            if change.cell != self.cell {
                continue;
            }
            let x = (self.whole.x(change.boundary) / self.per_bucket).clamp(0.0, width);
            let percent = 100.0 * x / width;
            let kind = if change.failure.is_some() {
                "failed"
            } else {
                "planned"
            };
            marks.push_str(&format!(
                "<a class=\"mark {kind}\" style=\"left:{percent:.3}%\" href=\"#change-{number}\">{number}</a>"
            ));
            rules.push_str(&format!(
                "<path class=\"rule {kind}\" d=\"M{x:.2} 0V{}\"/>",
                self.y
            ));
        }
        let start_ns = self.whole.starts().nanos_since(self.words.record.span.0);
        format!(
            "<figure class=\"chart\" data-start-ns=\"{start_ns}\" data-slot-ns=\"{}\" data-first=\"{}\" data-slots=\"{}\">\
<div class=\"labels\" style=\"height:{y}px\">{labels}</div>\
<div class=\"scroll\"><div class=\"plot\"><div class=\"marks\">{marks}</div>\
<svg viewBox=\"0 0 {width:.2} {y}\" preserveAspectRatio=\"none\" style=\"height:{y}px\" role=\"img\" aria-label=\"who spoke when\">{shapes}{rules}</svg>\
<div class=\"axis\">{ticks}</div></div></div></figure>\n",
            self.whole.timeline.slot_duration.as_nanos(),
            self.whole.first.0,
            self.whole.slots,
            y = self.y,
            labels = self.labels,
            shapes = self.shapes,
            ticks = ticks(self.whole, start_ns),
        )
    }
}

/// Where `member` is fenced, as positions.
fn fenced(
    events: &[Event],
    cell: CellId,
    member: MemberId,
    whole: &Stretch<'_>,
) -> Vec<(f64, f64)> {
    let mut stretches = Vec::new();
    let mut since = None;
    for event in events.iter().filter(|event| event.cell == cell) {
        match event.kind {
            EventKind::Fenced { member: who, .. } if who == member && since.is_none() => {
                since = Some(whole.x_at(event.at));
            }
            EventKind::Readmitted { member: who } if who == member => {
                let from: Option<f64> = since.take();
                stretches.extend(from.map(|from| (from, whole.x_at(event.at))));
            }
            _ => {}
        }
    }
    stretches.extend(since.map(|from| (from, whole.slots as f64)));
    stretches
}

/// Labels of the time axis at round instants, about ten of them.
fn ticks(whole: &Stretch<'_>, start_ns: i64) -> String {
    let span = (whole.slots * whole.timeline.slot_duration.as_nanos()) as i64;
    let steps = (0..12).flat_map(|exponent| [1, 2, 5].map(|n| n * 10i64.pow(exponent)));
    let step = steps.map(|us| us * 1_000).find(|step| span / step <= 10);
    let Some(step) = step.filter(|_| span > 0) else {
        return String::new();
    };
    let first = start_ns.div_euclid(step) + 1;
    (first..)
        .map(|n| n * step)
        // A label at the very end would stick out.
        .take_while(|at| at - start_ns < span * 24 / 25)
        .map(|at| {
            let percent = 100.0 * (at - start_ns) as f64 / span as f64;
            format!("<i style=\"left:{percent:.3}%\">{}</i>", duration(at))
        })
        .collect()
}

/// One lane over all buckets: was anything sent, was anything dropped, was there a NULL request.
#[derive(Clone)]
struct Strip {
    sent: Vec<bool>,
    null: Vec<bool>,
    dropped: Vec<bool>,
}

impl Strip {
    fn new(steps: usize) -> Self {
        Self {
            sent: vec![false; steps],
            null: vec![false; steps],
            dropped: vec![false; steps],
        }
    }

    fn mark(&mut self, step: usize, fate: Fate) {
        let strip = match fate {
            Fate::Sent => &mut self.sent,
            Fate::Null => &mut self.null,
            Fate::Dropped => &mut self.dropped,
        };
        if let Some(mark) = strip.get_mut(step) {
            *mark = true;
        }
    }

    /// Runs of marked buckets, from one to before another.
    fn runs(&self, fate: Fate) -> Vec<(usize, usize)> {
        let strip = match fate {
            Fate::Sent => &self.sent,
            Fate::Null => &self.null,
            Fate::Dropped => &self.dropped,
        };
        let mut runs = Vec::new();
        let mut at = 0;
        for run in strip.chunk_by(|a, b| a == b) {
            if run.first() == Some(&true) {
                runs.push((at, at + run.len()));
            }
            at += run.len();
        }
        runs
    }

    /// One outline for all runs of marked buckets: an element each would make the page huge.
    fn path(&self, fate: Fate, y: usize, height: usize) -> String {
        let run = |(from, to): (usize, usize)| {
            let width = to - from;
            format!("M{from} {y}h{width}v{height}h-{width}z")
        };
        self.runs(fate).into_iter().map(run).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::example;

    fn overview(record: &RunRecord, most_buckets: u64) -> String {
        let whole = Stretch::whole(record, &record.cells[0]).unwrap();
        draw(record, &Story::of(record), CellId(0), &whole, most_buckets)
    }

    #[test]
    fn marked_buckets_side_by_side_are_one_outline() {
        let mut strip = Strip::new(6);
        for step in [1, 2, 5] {
            strip.mark(step, Fate::Sent);
        }
        assert_eq!(strip.path(Fate::Sent, 3, 8), "M1 3h2v8h-2zM5 3h1v8h-1z");
        assert_eq!(strip.path(Fate::Dropped, 3, 8), "");
    }

    #[test]
    fn each_change_has_a_numbered_mark_and_a_rule() {
        let svg = overview(&example::two_dus(), 1000);
        assert_eq!(svg.matches("class=\"mark planned\"").count(), 1);
        assert_eq!(svg.matches("class=\"mark failed\"").count(), 1);
        assert_eq!(svg.matches("class=\"rule").count(), 2);
    }

    #[test]
    fn a_stall_a_loss_and_a_fence_are_drawn_for_the_member() {
        let svg = overview(&example::two_dus(), 1000);
        assert!(svg.contains("du-2: 4 empty due slots, a stall"));
        assert!(svg.contains("du-1: 1 empty due slots, lost"));
        assert!(svg.contains("du-1 is fenced"));
    }

    #[test]
    fn fewer_buckets_make_a_smaller_picture() {
        let record = example::two_dus();
        assert!(overview(&record, 50).len() < overview(&record, 1000).len() / 2);
    }

    #[test]
    fn the_axis_has_round_labels() {
        let svg = overview(&example::two_dus(), 1000);
        assert!(
            svg.contains(">50 ms</i>") && svg.contains(">450 ms</i>"),
            "{svg}"
        );
    }

    #[test]
    fn the_fapi_plane_has_lanes_for_requests_and_indications_of_each_phy() {
        let svg = overview(&example::two_phys(), 1000);
        for text in [
            ">requests of the L2<",
            ">SLOT.indication<",
            "requests of the L2 of du-1: null",
            "requests of the L2 of du-2: sent",
            "SLOT.indication of du-2: dropped",
            "SLOT.indication of made up",
        ] {
            assert!(svg.contains(text), "{text}");
        }
        assert!(!svg.contains(">DL 0<"));
    }

    #[test]
    fn the_fapi_plane_is_drawn_below_the_fronthaul() {
        let svg = overview(&example::both_planes(), 1000);
        assert!(svg.find(">UL 5<").unwrap() < svg.find(">requests of the L2<").unwrap());
    }

    #[test]
    fn what_was_made_up_is_seen_however_long_the_run() {
        let svg = overview(&example::two_phys(), 50);
        let bar = svg.find("<rect class=\"made-up\"").unwrap();
        let width = svg[bar..].split("width=\"").nth(1).unwrap();
        let width: f64 = width[..width.find('"').unwrap()].parse().unwrap();
        assert!(width >= 50.0 / 400.0, "{width}");
    }
}
