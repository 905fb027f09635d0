//! The slots around one change or silence, slot by slot: what each speaker sent on each stream, what
//! was dropped and for which reason, and when the member was heard, due, lost and replaced.

use super::html::escape;
use super::lanes::{Lane, Speaker, Stretch};
use crate::dataplane::mailbox::EventKind;
use crate::dataplane::run_record::{RunRecord, Speech};
use crate::dataplane::verdict::DropReason;
use crate::ran::{CellId, Instant, MemberId, Plane, SlotCount};
use crate::telemetry::story::{Change, Silence, SilenceEnd};
use crate::telemetry::words::{Words, amount, direction, due_class};
use std::collections::BTreeMap;

const LABELS: usize = 130;
/// Narrowest and widest column, and the width that all of them share.
const COLUMNS: (usize, usize) = (22, 46);
const WIDTH: usize = 1100;
const ROW: usize = 15;
const HEAD: usize = 24;
const AROUND: i64 = 10;
const MOST_COLUMNS: i64 = 48;
const MOST_LANES: usize = 40;

/// What to look at closely.
pub(super) struct View<'a> {
    pub(super) cell: CellId,
    /// The slot that the picture is about: a boundary, or the first empty slot.
    pub(super) slot: SlotCount,
    from: SlotCount,
    to: SlotCount,
    instants: Vec<(Instant, String)>,
    whole: &'a Stretch<'a>,
}

impl<'a> View<'a> {
    /// Around a change; a failover is shown from the last frame of the lost member on.
    pub(super) fn of_change(words: Words<'_>, change: &Change, whole: &'a Stretch<'a>) -> Self {
        let mut view = Self::around(change.cell, change.boundary, whole);
        if let Some(at) = change.commanded {
            view.instants.push((at, "command accepted".to_owned()));
        }
        if let Some(failure) = change.failure {
            let name = words.member(change.cell, failure.member);
            let earliest = view.slot_at(failure.last_heard).offset(-4);
            view.from = view
                .from
                .min(earliest)
                .max(view.to.offset(1 - MOST_COLUMNS));
            view.instants.extend([
                (failure.last_heard, format!("{name} last heard")),
                (failure.due_at, format!("{name} due")),
                (failure.detected, format!("{name} declared lost")),
            ]);
        }
        let speaker = words.mode(change.cell, change.mode);
        view.instants.push((change.at, format!("{speaker} speaks")));
        view
    }

    /// Around a silence.
    pub(super) fn of_silence(words: Words<'_>, silence: &Silence, whole: &'a Stretch<'a>) -> Self {
        let mut view = Self::around(silence.cell, silence.first_slot, whole);
        let name = words.member(silence.cell, silence.member);
        let class = due_class(silence.class);
        view.instants
            .push((silence.first_due, format!("{name} due ({class})")));
        match silence.end {
            SilenceEnd::Stall(at) => view.instants.push((at, format!("{name} heard again"))),
            SilenceEnd::Lost { at, .. } => {
                view.instants.push((at, format!("{name} declared lost")));
            }
            SilenceEnd::Open => {}
        }
        view
    }

    fn around(cell: CellId, slot: SlotCount, whole: &'a Stretch<'a>) -> Self {
        Self {
            cell,
            slot,
            from: slot.offset(-AROUND),
            to: slot.offset(AROUND),
            instants: Vec::new(),
            whole,
        }
    }

    fn slot_at(&self, at: Instant) -> SlotCount {
        self.whole.first.offset(self.whole.x_at(at).floor() as i64)
    }

    /// The picture.
    pub(super) fn draw(&self, record: &RunRecord) -> String {
        let words = Words { record };
        let part = self.whole.part(self.from, self.to);
        let mut sheet = Sheet {
            words,
            cell: self.cell,
            part: &part,
            column: (WIDTH / part.slots.max(1) as usize).clamp(COLUMNS.0, COLUMNS.1),
            y: HEAD,
            shapes: String::new(),
        };
        sheet.speech();
        sheet.liveness(record);
        let rows_end = sheet.y;
        sheet.columns(self.slot, rows_end);
        sheet.instants(&self.instants);
        sheet.finish()
    }
}

/// Frames of one lane in one slot.
#[derive(Default)]
struct Said {
    control: Fate,
    user: Fate,
    lines: Vec<String>,
}

#[derive(Default)]
struct Fate {
    sent: u32,
    dropped: u32,
}

impl Said {
    fn add(&mut self, speech: &Speech) {
        let (fate, plane) = match speech.plane {
            Plane::Control => (&mut self.control, "C-plane"),
            Plane::User => (&mut self.user, "U-plane"),
        };
        let (count, end) = match speech.fate {
            None => (&mut fate.sent, "sent".to_owned()),
            Some(reason) => (&mut fate.dropped, dropped(reason)),
        };
        *count += speech.frames;
        self.lines.push(format!(
            "{} {} {plane}: {end}",
            amount(u64::from(speech.frames)),
            direction(speech.direction)
        ));
    }
}

fn dropped(reason: DropReason) -> String {
    format!("dropped, {} ({})", reason.label(), reason.help())
}

struct Sheet<'a> {
    words: Words<'a>,
    cell: CellId,
    part: &'a Stretch<'a>,
    column: usize,
    y: usize,
    shapes: String,
}

impl Sheet<'_> {
    fn x(&self, slot: SlotCount) -> usize {
        LABELS + self.part.x(slot).max(0.0) as usize * self.column
    }

    fn width(&self) -> usize {
        LABELS + self.part.slots as usize * self.column + 1
    }

    fn text(&mut self, class: &str, x: usize, y: usize, text: &str) {
        self.shapes.push_str(&format!(
            "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>",
            escape(text)
        ));
    }

    fn speech(&mut self) {
        let mut said: BTreeMap<(Lane, SlotCount), Said> = BTreeMap::new();
        for speech in self.part.speech() {
            let key = (Lane::of(speech), speech.slot);
            said.entry(key).or_default().add(speech);
        }
        let lanes = self.part.lanes();
        let mut stream = None;
        for lane in lanes.iter().take(MOST_LANES) {
            if stream != Some(lane.stream) {
                self.y += if stream.is_some() { 4 } else { 0 };
                let name = self.words.stream(self.cell, lane.stream);
                self.text("stream", 0, self.y + 11, &name);
                stream = Some(lane.stream);
            }
            self.lane(*lane, &said);
        }
        if let Some(more) = lanes.len().checked_sub(MOST_LANES).filter(|more| *more > 0) {
            self.text("note", 0, self.y + 11, &format!("and {more} more lanes"));
            self.y += ROW;
        }
    }

    fn lane(&mut self, lane: Lane, said: &BTreeMap<(Lane, SlotCount), Said>) {
        let who = match lane.speaker {
            Speaker::Member(member) => self.words.member(self.cell, member),
            Speaker::Ru => "RU".to_owned(),
        };
        let class = lane.speaker.class();
        self.text(&format!("who t-{class}"), LABELS - 6, self.y + 11, &who);
        let slots = (lane, SlotCount(0))..=(lane, SlotCount(u64::MAX));
        for ((_, slot), said) in said.range(slots) {
            let title = format!(
                "{who}, {}, {}\n{}",
                self.words.stream(self.cell, lane.stream),
                self.words.slot(self.cell, *slot),
                said.lines.join("\n")
            );
            let x = self.x(*slot) + 1;
            let width = self.column - 2;
            let control = fill(&class, &said.control, (x, width), self.y + 1, 3);
            let user = fill(&class, &said.user, (x, width), self.y + 5, 8);
            self.shapes.push_str(&format!(
                "<g>{control}{user}<title>{}</title></g>",
                escape(&title)
            ));
        }
        self.y += ROW;
    }

    /// For each member and slot: heard, or an empty due slot.
    fn liveness(&mut self, record: &RunRecord) {
        self.y += 8;
        self.text("stream", 0, self.y + 11, "liveness");
        let names = record.names.cells.get(self.cell.index());
        let members = names.map_or(0, |names| names.members.len());
        for member in (0..members).map(|index| MemberId(index as u8)) {
            let class = Speaker::Member(member).class();
            let name = self.words.member(self.cell, member);
            self.text(&format!("who t-{class}"), LABELS - 6, self.y + 11, &name);
            let mut heard: Vec<_> = self.part.speech().iter().collect();
            heard.retain(|speech| speech.member == Some(member));
            heard.dedup_by_key(|speech| speech.slot);
            for speech in heard {
                let (x, y) = (self.x(speech.slot) + self.column / 2, self.y + 7);
                self.shapes.push_str(&format!(
                    "<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"3\"/>"
                ));
            }
            self.missed(record, member);
            self.y += ROW;
        }
    }

    fn missed(&mut self, record: &RunRecord, member: MemberId) {
        let end = self.part.first.offset(self.part.slots as i64);
        for event in record.events.iter().filter(|event| event.cell == self.cell) {
            let EventKind::DueMissed {
                member: who,
                class,
                due_slot,
                run,
                ..
            } = event.kind
            else {
                continue;
            };
            if who != member || due_slot < self.part.first || due_slot >= end {
                continue;
            }
            let (x, y) = (self.x(due_slot) + self.column / 2, self.y + 7);
            let title = format!(
                "{} was due and did not come ({run} in a row)",
                due_class(class)
            );
            self.shapes.push_str(&format!(
                "<path class=\"missed\" d=\"M{} {}l8 8m0 -8l-8 8\"><title>{title}</title></path>",
                x - 4,
                y - 4
            ));
        }
    }

    /// Slot numbers on top, a line for each slot, a strong one at `slot`.
    fn columns(&mut self, slot: SlotCount, bottom: usize) {
        for index in 0..self.part.slots as i64 {
            let at = self.part.first.offset(index);
            let x = self.x(at);
            let distance = at.since(slot);
            let (class, text) = match distance {
                0 => ("slot zero", "N".to_owned()),
                _ => ("slot", format!("{distance:+}").replace('-', "\u{2212}")),
            };
            self.text(class, x + self.column / 2, HEAD - 8, &text);
            let line = if distance == 0 { "boundary" } else { "grid" };
            self.shapes.push_str(&format!(
                "<path class=\"{line}\" d=\"M{x} {}V{bottom}\"/>",
                HEAD - 3
            ));
        }
    }

    /// A line of text for each instant, below the rows, with a pointer to where it lies.
    fn instants(&mut self, instants: &[(Instant, String)]) {
        self.y += 6;
        for (at, text) in instants {
            let position = self.part.x_at(*at);
            let text = format!("{} {text}", self.words.at(*at));
            if position < 0.0 || position > self.part.slots as f64 {
                self.text("instant", LABELS, self.y + 11, &format!("{text} (outside)"));
                self.y += ROW;
                continue;
            }
            let x = LABELS + (position * self.column as f64) as usize;
            let middle = self.y + 7;
            self.shapes.push_str(&format!(
                "<path class=\"pointer\" d=\"M{x} {HEAD}V{middle}\"/><circle class=\"pointer\" cx=\"{x}\" cy=\"{middle}\" r=\"2.5\"/>"
            ));
            let right = x > (LABELS + self.width()) / 2;
            let (class, x) = if right {
                ("instant end", x - 6)
            } else {
                ("instant", x + 6)
            };
            self.text(class, x, self.y + 11, &text);
            self.y += ROW;
        }
    }

    fn finish(self) -> String {
        let (width, height) = (self.width(), self.y + 6);
        format!(
            "<div class=\"wide\"><svg class=\"zoom\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" aria-label=\"slot by slot\">{}</svg></div>\n",
            self.shapes
        )
    }
}

/// A bar for one plane: solid what was sent, hatched what was dropped, both if both.
fn fill(class: &str, fate: &Fate, (x, width): (usize, usize), y: usize, height: usize) -> String {
    let bar = |fate: &str, x: usize, width: usize| {
        format!(
            "<rect class=\"{class}{fate}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/>"
        )
    };
    match (fate.sent, fate.dropped) {
        (0, 0) => String::new(),
        (_, 0) => bar("", x, width),
        (0, _) => bar(" hatched", x, width),
        _ => bar("", x, width / 2) + &bar(" hatched", x + width / 2, width / 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::example;
    use crate::telemetry::story::Story;

    fn failover() -> String {
        let record = example::two_dus();
        let story = Story::of(&record);
        let whole = Stretch::whole(&record, &record.cells[0]).unwrap();
        let words = Words { record: &record };
        let change = story.moves().nth(1).unwrap();
        View::of_change(words, change, &whole).draw(&record)
    }

    #[test]
    fn a_failover_shows_last_heard_due_lost_and_taken_over() {
        let svg = failover();
        for text in [
            "du-1 last heard",
            "du-1 due",
            "du-1 declared lost",
            "du-2 speaks",
        ] {
            assert!(svg.contains(text), "{text}");
        }
        assert_eq!(svg.matches("class=\"missed\"").count(), 1);
    }

    #[test]
    fn a_dropped_frame_says_its_reason_in_words() {
        assert!(failover().contains("dropped, not_active (The member is a standby"));
    }

    #[test]
    fn the_boundary_is_named_n() {
        assert_eq!(failover().matches("class=\"boundary\"").count(), 1);
    }
}
