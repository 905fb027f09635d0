//! Frames of all cells, DUs and RUs in the order of their time, as they reach the ports of the box.
//!
//! Slots are planned as late as possible: before a frame is handed out, every slot that could hold an
//! earlier one is planned. Nothing is stored, so a run may be as long as one likes.

use super::leads::Class;
use super::mark::Sender;
use super::member::Member;
use super::plan::{Plan, PlanError};
use super::radio_cell::{RadioCell, Request};
use super::schedule::{Planned, Schedule};
use super::timing::CellTiming;
use super::truth::{Tally, Truth};
use crate::config::model::Config;
use crate::ran::{CellId, Instant, MemberId, PortId, SlotCount, StreamId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::Range;

/// One frame as it reaches a port of the box.
#[derive(Clone, Copy, Debug)]
pub struct GeneratedFrame<'a> {
    /// The ingress port.
    pub port: PortId,
    /// When.
    pub at: Instant,
    /// Its bytes without FCS, possibly cut as a snap length does.
    pub bytes: &'a [u8],
    /// Its length on the wire without FCS.
    pub original_len: usize,
    /// Who sent it.
    pub sender: Sender,
    /// For which cell.
    pub cell: CellId,
    /// What it is.
    pub class: Class,
    /// On which stream of the cell.
    pub stream: StreamId,
    /// The slot it belongs to.
    pub slot: SlotCount,
    /// Its symbol (C-plane: the first).
    pub symbol: u8,
}

/// Makes the traffic of a plan.
#[derive(Debug)]
pub struct Generator {
    config: Config,
    plan: Plan,
    cells: Vec<PlannedCell>,
    due: BinaryHeap<Reverse<(Instant, usize)>>,
    members: Vec<Member>,
    /// By position of the cell; none where a cell has no RU.
    radios: BTreeMap<usize, RadioCell>,
    schedule: Schedule,
    tally: Tally,
    bytes: Vec<u8>,
    slots: u64,
}

#[derive(Debug)]
struct PlannedCell {
    members: Range<usize>,
    next: SlotCount,
    end: SlotCount,
}

impl Generator {
    /// Fails if the plan does not fit the configuration.
    pub fn new(config: &Config, plan: Plan) -> Result<Self, PlanError> {
        plan.check(config)?;
        let mut made = Self {
            config: config.clone(),
            cells: Vec::new(),
            due: BinaryHeap::new(),
            members: Vec::new(),
            radios: BTreeMap::new(),
            schedule: Schedule::default(),
            tally: Tally::new(config.ports.len()),
            bytes: Vec::new(),
            slots: 0,
            plan,
        };
        for cell in 0..config.cells.len() {
            made.add_cell(cell)?;
        }
        if made.cells.iter().all(|cell| cell.next >= cell.end) {
            return Err(PlanError::Empty);
        }
        Ok(made)
    }

    /// The next frame, of whatever port; `None` after the last.
    pub fn next_frame(&mut self) -> Option<GeneratedFrame<'_>> {
        let planned = self.advance()?;
        let snap = self.plan.snap.unwrap_or(usize::MAX);
        let (sender, cell) = self.origin(&planned)?;
        let place = planned.sender as usize;
        let (original_len, link) = if is_radio(planned.class) {
            self.radios
                .get_mut(&place)?
                .write(&planned, snap, &mut self.bytes)
        } else {
            self.members
                .get_mut(place)?
                .write(&planned, snap, &mut self.bytes)
        };
        let frame = GeneratedFrame {
            port: link.port,
            at: planned.at,
            bytes: &self.bytes,
            original_len,
            sender,
            cell,
            class: planned.class,
            stream: planned.stream,
            slot: planned.slot,
            symbol: planned.symbol,
        };
        self.tally.made(&frame);
        Some(frame)
    }

    /// Slots planned so far, of all cells.
    pub const fn slots(&self) -> u64 {
        self.slots
    }

    /// What was made so far.
    pub fn truth(&self) -> Truth {
        self.tally.truth(&self.config, &self.plan)
    }

    fn add_cell(&mut self, place: usize) -> Result<(), PlanError> {
        let id = CellId(place as u16);
        let (Some(cell), Some(tdd)) = (self.config.cells.get(place), self.plan.tdd.get(place))
        else {
            return Err(PlanError::Size);
        };
        let timing = CellTiming::new(id, cell, tdd);
        let from = self.members.len();
        for (n, member) in cell.members.iter().enumerate() {
            let serves = |du| self.plan.serves(&self.config, du, id);
            if !member.du.is_some_and(serves) {
                continue;
            }
            let at = (MemberId(n as u8), self.members.len() as u32);
            let made = Member::new(&self.config, &self.plan, &timing, at, (cell, member))?;
            self.members.push(made);
        }
        if cell.ru.is_some() {
            let radio = RadioCell::new(&self.config, &self.plan, &timing, cell)?;
            self.radios.insert(place, radio);
        }
        self.cells.push(PlannedCell {
            members: from..self.members.len(),
            next: timing.first_slot(self.plan.start),
            end: timing.first_slot(self.plan.start.after(self.plan.duration)),
        });
        self.wait_for_slot(place);
        Ok(())
    }

    /// The next frame that is not lost, planning slots while they could hold an earlier one.
    fn advance(&mut self) -> Option<Planned> {
        loop {
            let next = self.schedule.next_at();
            let due = self.due.peek().map(|Reverse((at, cell))| (*at, *cell));
            if let Some((opens, cell)) = due
                && next.is_none_or(|at| opens <= at)
            {
                self.due.pop();
                self.plan_slot(cell);
                continue;
            }
            let planned = self.schedule.pop()?;
            if planned.lost {
                let (sender, cell) = self.origin(&planned)?;
                self.tally.lost(sender, cell, planned.class);
                continue;
            }
            self.request(&planned);
            return Some(planned);
        }
    }

    fn plan_slot(&mut self, place: usize) {
        let Some(cell) = self.cells.get_mut(place) else {
            return;
        };
        let slot = cell.next;
        cell.next = slot.offset(1);
        self.slots += 1;
        for member in self
            .members
            .get_mut(cell.members.clone())
            .into_iter()
            .flatten()
        {
            member.plan_slot(slot, &mut self.schedule);
        }
        self.wait_for_slot(place);
    }

    /// Notes when the next slot of a cell must be planned.
    fn wait_for_slot(&mut self, place: usize) {
        let Some(cell) = self.cells.get(place) else {
            return;
        };
        if cell.next >= cell.end {
            return;
        }
        let members = self.members.get(cell.members.clone()).unwrap_or_default();
        let opens = members.iter().map(|member| member.opens(cell.next));
        if let Some(at) = opens.min() {
            self.due.push(Reverse((at, place)));
        }
    }

    /// In open loop, lets the RU hear a request.
    fn request(&mut self, planned: &Planned) {
        let asks = matches!(planned.class, Class::UplinkControl | Class::PrachControl);
        if !asks || !self.plan.open_loop {
            return;
        }
        let Some(member) = self.members.get(planned.sender as usize) else {
            return;
        };
        let Some(radio) = self.radios.get_mut(&member.cell().index()) else {
            return;
        };
        let request = Request {
            stream: planned.stream,
            slot: planned.slot,
            filter_index: planned.filter_index,
            asked: member.asked(planned),
        };
        radio.answer(request, planned.at, true, &mut self.schedule);
    }

    fn origin(&self, planned: &Planned) -> Option<(Sender, CellId)> {
        let place = planned.sender as usize;
        if is_radio(planned.class) {
            let radio = self.radios.get(&place)?;
            return Some((Sender::Ru(radio.ru), radio.timing.id));
        }
        let member = self.members.get(place)?;
        Some((Sender::Du(member.du), member.cell()))
    }
}

const fn is_radio(class: Class) -> bool {
    matches!(class, Class::UplinkUser | Class::PrachUser)
}
