//! The slots around one change or silence, slot by slot: what each speaker sent on each stream, what
//! was dropped and for which reason, and when the member was heard, due, lost and replaced.

use super::html::escape;
use super::lanes::{Fate, Lane, Row, Speaker, Stretch};
use crate::dataplane::mailbox::EventKind;
use crate::dataplane::run_record::{Exchange, ExchangeEnd, ExchangeKind, RunRecord, Speech};
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
    control: Tally,
    /// U-plane, or FAPI.
    user: Tally,
    lines: Vec<String>,
}

#[derive(Default)]
struct Tally {
    sent: u32,
    null: u32,
    dropped: u32,
}

impl Tally {
    const fn add(&mut self, fate: Fate, count: u32) {
        let place = match fate {
            Fate::Sent => &mut self.sent,
            Fate::Null => &mut self.null,
            Fate::Dropped => &mut self.dropped,
        };
        *place += count;
    }
}

impl Said {
    fn add(&mut self, speech: &Speech) {
        let (tally, plane) = match speech.plane {
            Plane::Control => (&mut self.control, "C-plane"),
            Plane::User => (&mut self.user, "U-plane"),
        };
        tally.add(Fate::of(speech), speech.frames);
        let end = speech.fate.map_or_else(|| "sent".to_owned(), dropped);
        self.lines.push(format!(
            "{} {} {plane}: {end}",
            amount(u64::from(speech.frames)),
            direction(speech.direction)
        ));
    }

    fn add_exchange(&mut self, exchange: &Exchange) {
        self.user
            .add(Fate::of_exchange(exchange), exchange.messages);
        let end = match exchange.end {
            ExchangeEnd::Passed => "as it was".to_owned(),
            ExchangeEnd::Null => "NULL".to_owned(),
            ExchangeEnd::MadeUp => "made up".to_owned(),
            ExchangeEnd::Dropped(reason) => dropped(reason),
        };
        self.lines.push(format!(
            "{} {}: {end}",
            amount(u64::from(exchange.messages)),
            exchange.name()
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
        for exchange in self.part.exchanges() {
            let key = (Lane::of_exchange(exchange), exchange.slot);
            said.entry(key).or_default().add_exchange(exchange);
        }
        let lanes = self.part.lanes();
        // However many streams there are, the few lanes of the FAPI plane are drawn.
        let fapi = lanes.iter().filter(|lane| lane.row.is_fapi());
        let streams = lanes.iter().filter(|lane| !lane.row.is_fapi());
        let mut row: Option<Row> = None;
        for lane in streams.take(MOST_LANES).chain(fapi) {
            if row != Some(lane.row) {
                self.y += if row.is_some() { 4 } else { 0 };
                let name = self.words.row(self.cell, lane.row);
                self.text("stream", 0, self.y + 11, &name);
                self.y += if lane.row.is_fapi() { ROW } else { 0 };
                row = Some(lane.row);
            }
            self.lane(*lane, &said);
        }
        let streams = lanes.iter().filter(|lane| !lane.row.is_fapi()).count();
        if let Some(more) = streams.checked_sub(MOST_LANES).filter(|more| *more > 0) {
            self.text("note", 0, self.y + 11, &format!("and {more} more lanes"));
            self.y += ROW;
        }
    }

    fn lane(&mut self, lane: Lane, said: &BTreeMap<(Lane, SlotCount), Said>) {
        let who = self.words.speaker(self.cell, lane.speaker);
        let class = lane.speaker.class();
        self.text(&format!("who t-{class}"), LABELS - 6, self.y + 11, &who);
        let slots = (lane, SlotCount(0))..=(lane, SlotCount(u64::MAX));
        for ((_, slot), said) in said.range(slots) {
            let title = format!(
                "{who}, {}, {}\n{}",
                self.words.row(self.cell, lane.row),
                self.words.slot(self.cell, *slot),
                said.lines.join("\n")
            );
            let x = self.x(*slot) + 1;
            let width = self.column - 2;
            let (top, height) = match lane.row {
                Row::Stream(_) => (5, 8),
                Row::Fapi(_) => (2, 11),
            };
            let control = fill(&class, &said.control, (x, width), self.y + 1, 3);
            let user = fill(&class, &said.user, (x, width), self.y + top, height);
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
            for slot in self.heard(member) {
                let (x, y) = (self.x(slot) + self.column / 2, self.y + 7);
                self.shapes.push_str(&format!(
                    "<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"3\"/>"
                ));
            }
            self.missed(record, member);
            self.y += ROW;
        }
    }

    /// Slots of which the member was heard: on the fronthaul, or without one by its SLOT.indication.
    fn heard(&self, member: MemberId) -> Vec<SlotCount> {
        let by = |who: Option<MemberId>| who == Some(member);
        let speech = self.part.speech().iter().filter(|said| by(said.member));
        let mut heard: Vec<_> = speech.map(|said| said.slot).collect();
        if !self.words.has_fronthaul(self.cell) {
            let exchanges = self.part.exchanges().iter();
            let told = exchanges.filter(|e| e.kind() == ExchangeKind::Slot && by(e.member));
            heard.extend(told.map(|exchange| exchange.slot));
        }
        heard.dedup();
        heard
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

/// A bar for one plane: solid what was sent, hatched what was dropped, both if both; a frame for NULL requests.
fn fill(class: &str, tally: &Tally, (x, width): (usize, usize), y: usize, height: usize) -> String {
    let bar = |fate: &str, x: usize, width: usize| {
        format!(
            "<rect class=\"{class}{fate}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/>"
        )
    };
    match (tally.sent, tally.dropped) {
        (0, 0) if tally.null > 0 => bar(" hollow", x, width),
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
        failover_of(&example::two_dus())
    }

    fn failover_of(record: &RunRecord) -> String {
        let story = Story::of(record);
        let whole = Stretch::whole(record, &record.cells[0]).unwrap();
        let words = Words { record };
        let change = story.moves().nth(1).unwrap();
        View::of_change(words, change, &whole).draw(record)
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

    #[test]
    fn each_slot_says_what_a_phy_was_given_and_what_was_made_up() {
        let svg = failover_of(&example::two_phys());
        for text in [
            "requests of the L2, slot 2958514523494 (SFN 990.14)\n1 DL_TTI.request: as it was",
            "1 UL_TTI.request: NULL",
            "1 SLOT.indication: made up",
            "1 SLOT.indication: dropped, not_active",
        ] {
            assert!(svg.contains(text), "{text}");
        }
        // du-2 until it takes over, du-1 from then on; each slot that is drawn has one.
        assert!(svg.matches(" hollow\"").count() > 20);
        assert_eq!(svg.matches("<rect class=\"made-up\"").count(), 3);
    }

    #[test]
    fn a_phy_is_heard_by_its_slot_indication() {
        let svg = failover_of(&example::two_phys());
        assert!(svg.matches("<circle class=\"m0\"").count() > 5);
    }
}
