//! Who may speak when, cell by cell: modes from their boundaries, patterns, fences, assignments. Built
//! from the configuration and from what the report claims; the claims are judged in `rules::boundary`.

use super::Inputs;
use super::clock::Clock;
use super::report::Happening;
use super::settings::{Cell, List};

/// Who may speak; members by position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One member.
    Single(usize),
    /// Source and destination.
    Shared(usize, usize),
}

/// A mode from a slot on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// First slot.
    pub from: i64,
    /// When the report told of it.
    pub at: u64,
    /// The mode.
    pub mode: Mode,
    /// By failover.
    pub by_failover: bool,
}

/// A span in which a member may not speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The member.
    pub member: usize,
    /// From this instant.
    pub from: u64,
    /// Until this one.
    pub until: u64,
}

/// One cell's history.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// Its slots in time.
    pub clock: Clock,
    /// Modes; the first is as configured.
    pub segments: Vec<Segment>,
    /// Patterns by first slot.
    pub patterns: Vec<(i64, Vec<bool>)>,
    /// Fences.
    pub fences: Vec<Fence>,
    /// Instants at which pooled members were assigned (true) or let go.
    pub assignments: Vec<(usize, u64, bool)>,
    /// When owner-wins first gave way to splitting.
    pub mismatch: Option<u64>,
    /// The box's slot count less this clock's, where header time leaves the epoch open.
    pub shift: i64,
    /// How long after its stamp a frame may have reached the box.
    pub slack: u64,
}

/// What an assigned or fenced member is at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certain {
    /// Surely.
    Yes,
    /// Surely not.
    No,
    /// Too close to an edge to say.
    Maybe,
}

impl Timeline {
    /// The history of cell `index`, which runs on `clock`.
    pub fn new(inputs: &Inputs, index: usize, clock: Clock) -> Self {
        let cell = &inputs.settings.cells[index];
        let start = Segment {
            from: i64::MIN,
            at: 0,
            mode: Mode::Single(cell.active),
            by_failover: false,
        };
        let mut line = Self {
            clock,
            segments: vec![start],
            patterns: vec![(i64::MIN, cell.sharing.pattern.clone())],
            slack: inputs.slack_ns,
            ..Self::default()
        };
        if inputs.settings.peers[cell.members[cell.active].peer].pooled {
            line.assignments.push((cell.active, 0, true));
        }
        line.read_events(inputs, cell);
        line.read_switches(inputs, cell);
        line
    }

    /// The mode that applies to `slot`.
    pub fn segment(&self, slot: i64) -> Segment {
        let applying = self.segments.iter().filter(|segment| segment.from <= slot);
        *applying.max_by_key(|segment| segment.from).unwrap()
    }

    /// First slot after `slot` at which another mode applies.
    pub fn next_boundary(&self, slot: i64) -> Option<i64> {
        self.segments
            .iter()
            .map(|segment| segment.from)
            .filter(|from| *from > slot)
            .min()
    }

    /// Is `member` fenced at `at`?
    pub fn fenced(&self, member: usize, at: u64) -> Certain {
        let mut answer = Certain::No;
        for fence in self.fences.iter().filter(|fence| fence.member == member) {
            let until = fence.until.saturating_sub(self.slack);
            if at > fence.from && at < until {
                return Certain::Yes;
            }
            if at + self.slack >= fence.from && at <= fence.until {
                answer = Certain::Maybe;
            }
        }
        answer
    }

    /// Is pooled `member` assigned here at `at`?
    pub fn assigned(&self, member: usize, at: u64) -> Certain {
        let slot = 1_000_000u64 >> self.clock.mu;
        let mut now = Certain::No;
        for (_, when, given) in self.assignments.iter().filter(|entry| entry.0 == member) {
            if at.abs_diff(*when) <= slot {
                return Certain::Maybe;
            }
            if *when < at {
                now = if *given { Certain::Yes } else { Certain::No };
            }
        }
        now
    }

    /// In shared mode: who may use `ru_eaxc` in `symbol` of `slot`, and as which eAxC. `None`: `member` may not.
    pub fn shared_egress(
        &self,
        cell: &Cell,
        member: usize,
        at: (i64, u8),
        ru_eaxc: u16,
    ) -> Option<u16> {
        let (slot, symbol) = at;
        let Mode::Shared(source, destination) = self.segment(slot).mode else {
            return None;
        };
        let masks = &cell.sharing.control;
        let position = |period: usize| (slot + self.shift).rem_euclid(period as i64) as usize;
        let control = !masks.is_empty() && masks[position(masks.len())] >> symbol & 1 == 1;
        if control {
            let ports = match member {
                m if m == source => &cell.sharing.source_ports,
                m if m == destination => &cell.sharing.destination_ports,
                _ => return None,
            };
            let mask = (1u32 << cell.port_bits) as u16 - 1;
            let (_, to) = ports.iter().find(|(from, _)| *from == ru_eaxc & mask)?;
            return Some(ru_eaxc & !mask | to & mask);
        }
        (self.slot_owner(cell, slot) == Some(member)).then_some(ru_eaxc)
    }

    /// In shared mode: who owns the data symbols of `slot`.
    pub fn slot_owner(&self, cell: &Cell, slot: i64) -> Option<usize> {
        let Mode::Shared(source, destination) = self.segment(slot).mode else {
            return None;
        };
        let counted = slot + self.shift;
        let mut broadcasts = cell.sharing.broadcast.iter();
        if let Some((member, ..)) =
            broadcasts.find(|(_, period, slots)| slots.contains(&counted.rem_euclid(*period)))
        {
            return Some(*member);
        }
        let applying = self.patterns.iter().filter(|(from, _)| *from <= slot);
        let (_, pattern) = applying.max_by_key(|(from, _)| *from)?;
        if pattern.is_empty() {
            return Some(source);
        }
        let owned = pattern[counted.rem_euclid(pattern.len() as i64) as usize];
        Some(if owned { destination } else { source })
    }

    fn read_events(&mut self, inputs: &Inputs, cell: &Cell) {
        let member = |name: &str| cell.member(&inputs.settings, name);
        for event in inputs
            .report
            .events
            .iter()
            .filter(|event| event.cell == cell.name)
        {
            let near = self.clock.slot_at(event.at);
            match &event.what {
                Happening::Mode(names, boundary, by_failover) => {
                    let Some(mode) = mode(names.iter().filter_map(|name| member(name))) else {
                        continue;
                    };
                    self.learn_shift(cell, *boundary, near);
                    self.add(*boundary, event.at, mode, *by_failover);
                }
                Happening::Pattern(pattern, boundary) => {
                    let from = self.clock.nearest(*boundary, near);
                    self.patterns.push((from, pattern.clone()));
                }
                Happening::Fenced(name) => self.fence(member(name), event.at),
                Happening::Readmitted(name) => self.readmit(member(name), event.at),
                Happening::Assigned(name, given) => {
                    self.assignments
                        .extend(member(name).map(|member| (member, event.at, *given)));
                }
                Happening::CplaneMismatch => self.mismatch = self.mismatch.or(Some(event.at)),
                Happening::Refused(_) | Happening::Other => {}
            }
        }
    }

    fn read_switches(&mut self, inputs: &Inputs, cell: &Cell) {
        let member = |name: &str| cell.member(&inputs.settings, name);
        for migration in inputs
            .report
            .migrations
            .iter()
            .filter(|m| m.cell == cell.name)
        {
            let known = mode(migration.to.split('+').filter_map(member));
            if let (Some(mode), Some(at)) = (known, migration.commanded) {
                self.add(migration.boundary, at, mode, false);
            }
        }
        for failover in inputs
            .report
            .failovers
            .iter()
            .filter(|f| f.cell == cell.name)
        {
            self.fence(member(&failover.from), failover.detected);
            if let (Some(to), Some(boundary)) = (member(&failover.to), failover.boundary) {
                self.add(boundary, failover.detected, Mode::Single(to), true);
            }
        }
    }

    fn add(&mut self, boundary: i64, at: u64, mode: Mode, by_failover: bool) {
        let from = self.clock.nearest(boundary, self.clock.slot_at(at));
        let known = self
            .segments
            .iter_mut()
            .find(|known| known.from == from && known.mode == mode);
        match known {
            Some(segment) => segment.at = segment.at.min(at),
            None => self.segments.push(Segment {
                from,
                at,
                mode,
                by_failover,
            }),
        }
    }

    fn fence(&mut self, member: Option<usize>, at: u64) {
        let Some(member) = member else { return };
        let known = |fence: &&mut Fence| {
            fence.member == member && fence.until > at && at.abs_diff(fence.from) < 1_000_000
        };
        match self.fences.iter_mut().find(known) {
            Some(fence) => fence.from = fence.from.min(at),
            None => self.fences.push(Fence {
                member,
                from: at,
                until: u64::MAX,
            }),
        }
    }

    fn readmit(&mut self, member: Option<usize>, at: u64) {
        let open = self
            .fences
            .iter_mut()
            .filter(|fence| Some(fence.member) == member && fence.until == u64::MAX);
        open.for_each(|fence| fence.until = at);
    }

    fn learn_shift(&mut self, cell: &Cell, boundary: i64, near: i64) {
        if cell.gps.is_none() && self.shift == 0 {
            self.shift = boundary - self.clock.nearest(boundary, near);
        }
    }
}

fn mode(mut members: impl Iterator<Item = usize>) -> Option<Mode> {
    let first = members.next()?;
    Some(
        members
            .next()
            .map_or(Mode::Single(first), |second| Mode::Shared(first, second)),
    )
}

/// The lists in which an eAxC is looked up, best first.
pub fn lists(downlink: bool, filter: u8, section_type: Option<u8>) -> &'static [List] {
    if downlink {
        return &[List::Downlink];
    }
    if matches!(filter, 1..=7) || section_type == Some(3) {
        return &[List::Prach, List::Uplink];
    }
    &[List::Uplink, List::Prach]
}
