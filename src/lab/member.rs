//! One DU in one cell: which frames it sends for a slot, and when each leaves.
//!
//! All frames of a slot share one draw from the lead distribution, so a slot whose C-plane is late has
//! late U-plane too. Draws walk in steps, which keeps the distribution and makes slots resemble those before
//! them about as much as in the captures. C-plane frames of a slot leave back to back; DL U-plane is paced by its symbols. Each
//! class is a queue: a frame never leaves before the one ahead of it, and no DL U-plane of a slot before
//! its C-plane.

use super::body::UserFormat;
use super::leads::Class;
use super::link::{Address, Link};
use super::mark::{Mark, Sender};
use super::plan::{DuPlan, Life, Load, Plan, PlanError};
use super::radio_cell::Asked;
use super::random::{Losses, Random};
use super::repertoire::Repertoire;
use super::schedule::{Planned, Schedule};
use super::timing::CellTiming;
use crate::config::model::{Cell, Config, Member as Configured};
use crate::ran::{CellId, Direction, EaxcId, Instant, MemberId, SlotCount, StreamId};
use std::ops::Range;

/// One DU in one cell.
#[derive(Debug)]
pub(super) struct Member {
    pub id: MemberId,
    pub du: u16,
    position: u32,
    timing: CellTiming,
    plan: DuPlan,
    links: (Link, Link),
    eaxcs: Vec<EaxcId>,
    downlink: Range<u8>,
    uplink: Range<u8>,
    prach: Range<u8>,
    repertoire: Repertoire,
    state: State,
}

/// What changes while frames are made.
#[derive(Debug)]
struct State {
    random: Random,
    share: f64,
    losses: Losses,
    life: Option<usize>,
    control_sequence: Vec<u8>,
    user_sequence: Vec<u8>,
    queues: [Instant; Class::ALL.len()],
    serial: u64,
    order: Vec<u8>,
}

/// What all frames of a slot have in common.
#[derive(Clone, Copy)]
struct Occasion {
    slot: SlotCount,
    until: Instant,
    draw: f64,
    broadcast: bool,
}

impl Member {
    pub(super) fn new(
        config: &Config,
        plan: &Plan,
        timing: &CellTiming,
        (id, position): (MemberId, u32),
        (cell, member): (&Cell, &Configured),
    ) -> Result<Self, PlanError> {
        let at = member.du.ok_or(PlanError::Size)?;
        let (Some(du), Some(du_plan)) = (config.dus.get(at), plan.dus.get(at)) else {
            return Err(PlanError::Size);
        };
        let port = config.ports.get(du.peer.port.index());
        let mtu = du_plan.mtu.or(port.map(|port| port.mtu)).unwrap_or(1500);
        let links = (Link::control(&du.peer), Link::user(&du.peer));
        let mut random = Random::of(plan.seed, at as u16, timing.id.0);
        let format = UserFormat::of(
            cell.carrier_prbs,
            cell.downlink_compression,
            mtu,
            &links.1,
            plan.snap,
        );
        if !format.fits() {
            return Err(PlanError::Mtu(du.peer.name.clone()));
        }
        let repertoire = Repertoire::new(du_plan, cell, format, &mut random);
        let streams = &member.streams;
        let lists = [&streams.downlink, &streams.uplink, &streams.prach];
        let [downlink, uplink, prach] = lists.map(|list| list.len() as u8);
        Ok(Self {
            id,
            du: at as u16,
            position,
            timing: timing.clone(),
            plan: du_plan.clone(),
            links,
            eaxcs: lists.into_iter().flatten().copied().collect(),
            downlink: 0..downlink,
            uplink: downlink..downlink + uplink,
            prach: downlink + uplink..downlink + uplink + prach,
            repertoire,
            state: State::new(random, du_plan.loss),
        })
    }

    /// Plans every frame of `slot`.
    pub(super) fn plan_slot(&mut self, slot: SlotCount, schedule: &mut Schedule) {
        let draw = self.state.draw();
        let Some(life) = self.life(slot) else {
            return;
        };
        let occasion = Occasion {
            slot,
            until: life.until,
            draw,
            broadcast: self.timing.is_broadcast(self.id, slot),
        };
        let shape = self.timing.shape(slot);
        if shape.uplink > 0 {
            self.plan_uplink(occasion, shape.uplink, schedule);
        }
        let speaks = occasion.broadcast || self.plan.load != Load::Idle;
        if shape.downlink > 0 && speaks {
            self.plan_downlink(occasion, shape.downlink, schedule);
        }
    }

    pub(super) const fn cell(&self) -> CellId {
        self.timing.id
    }

    /// When the first frame of `slot` could leave.
    pub(super) fn opens(&self, slot: SlotCount) -> Instant {
        self.timing.opens(slot, self.plan.leads)
    }

    /// What a planned UL C-plane frame asks of the RU.
    pub(super) fn asked(&self, frame: &Planned) -> &[Asked] {
        self.repertoire.asked(frame.body as usize)
    }

    /// Writes a planned frame and returns its length on the wire.
    pub(super) fn write(
        &mut self,
        frame: &Planned,
        snap: usize,
        out: &mut Vec<u8>,
    ) -> (usize, &Link) {
        out.clear();
        let address = self.address(frame);
        let number = frame.body as usize;
        if frame.class != Class::DownlinkUser {
            let (link, _) = &self.links;
            let body = self.repertoire.control(number);
            let len = body.map_or(0, |body| link.control_frame(address, &body.bytes, out));
            return (len, link);
        }
        let mark = Mark {
            sender: Sender::Du(self.du),
            cell: self.timing.id,
            stream: frame.stream,
            serial: self.state.serial,
        };
        self.state.serial += 1;
        let (_, link) = &self.links;
        let body = self.repertoire.user(number);
        let len = body.map_or(0, |body| link.user_frame(address, body, mark, snap, out));
        (len, link)
    }

    fn address(&self, frame: &Planned) -> Address {
        let eaxc = self.eaxcs.get(usize::from(frame.stream.0));
        Address {
            eaxc: eaxc.copied().unwrap_or_default(),
            sequence: frame.sequence,
            direction: frame.class.direction(),
            filter_index: frame.filter_index,
            slot: frame.slot,
            numerology: self.timing.numerology(),
            symbol: frame.symbol,
        }
    }

    /// The life in which `slot` is sent; entering one, the process starts counting anew.
    fn life(&mut self, slot: SlotCount) -> Option<Life> {
        let opens = self.opens(slot);
        let runs = |life: &Life| life.from <= opens && opens < life.until;
        let found = self.plan.lives.iter().rposition(runs)?;
        let life = *self.plan.lives.get(found)?;
        if self.state.life != Some(found) {
            let fresh = life.from > Instant(0);
            self.state.enter(found, fresh, self.eaxcs.len());
        }
        Some(life)
    }

    fn plan_uplink(&mut self, occasion: Occasion, count: u8, schedule: &mut Schedule) {
        self.plan_control(
            occasion,
            (Direction::Uplink, count),
            self.uplink.clone(),
            schedule,
        );
        if !self.timing.is_prach(occasion.slot) {
            return;
        }
        let target = self.target(Class::PrachControl, occasion, 0);
        let body = self.repertoire.prach();
        let bytes = self.control_bytes(body);
        for stream in self.prach.clone() {
            let frame = Planned {
                filter_index: PRACH_SHORT,
                body: body as u32,
                sequence: next(&mut self.state.control_sequence, stream),
                ..self.frame(Class::PrachControl, stream, occasion.slot)
            };
            self.send(frame, bytes, target, occasion, schedule);
        }
    }

    fn plan_downlink(&mut self, occasion: Occasion, count: u8, schedule: &mut Schedule) {
        self.plan_control(
            occasion,
            (Direction::Downlink, count),
            self.downlink.clone(),
            schedule,
        );
        self.shuffle_numbers(occasion, count);
        let described = self.state.queue(Class::DownlinkControl);
        let mut sent = 0;
        for symbol in 0..count {
            let target = self.target(Class::DownlinkUser, occasion, symbol);
            let target = target.max(described);
            for stream in self.downlink.clone() {
                self.plan_symbol(occasion, (symbol, stream), sent, target, schedule);
            }
            sent += self.repertoire.user_of(symbol, occasion.broadcast).len();
        }
        for stream in self.downlink.clone() {
            if let Some(number) = self.state.user_sequence.get_mut(usize::from(stream)) {
                *number = number.wrapping_add(sent as u8);
            }
        }
    }

    /// The messages of one symbol on one stream; `sent` went before them in this slot.
    fn plan_symbol(
        &mut self,
        occasion: Occasion,
        (symbol, stream): (u8, u8),
        sent: usize,
        target: Instant,
        schedule: &mut Schedule,
    ) {
        let bodies = self.repertoire.user_of(symbol, occasion.broadcast);
        let numbers = self.state.user_sequence.get(usize::from(stream));
        let base = numbers.copied().unwrap_or(0);
        for (place, body) in (sent..).zip(bodies) {
            let shuffled = self.state.order.get(place).copied();
            let frame = Planned {
                symbol,
                body: body as u32,
                sequence: base.wrapping_add(shuffled.unwrap_or(place as u8)),
                ..self.frame(Class::DownlinkUser, stream, occasion.slot)
            };
            let bytes = self.repertoire.user(body).map_or(0, |body| body.len);
            self.send(frame, bytes, target, occasion, schedule);
        }
    }

    fn plan_control(
        &mut self,
        occasion: Occasion,
        key: (Direction, u8),
        streams: Range<u8>,
        schedule: &mut Schedule,
    ) {
        let class = match key.0 {
            Direction::Downlink => Class::DownlinkControl,
            Direction::Uplink => Class::UplinkControl,
        };
        let target = self.target(class, occasion, 0);
        let bodies = self.repertoire.control_of(key.0, key.1);
        for stream in streams {
            for body in bodies.clone() {
                let start = self.repertoire.control(body);
                let frame = Planned {
                    symbol: start.map_or(0, |body| body.start_symbol),
                    body: body as u32,
                    sequence: next(&mut self.state.control_sequence, stream),
                    ..self.frame(class, stream, occasion.slot)
                };
                self.send(frame, self.control_bytes(body), target, occasion, schedule);
            }
        }
    }

    fn control_bytes(&self, body: usize) -> usize {
        let body = self.repertoire.control(body);
        body.map_or(0, |body| body.bytes.len())
    }

    /// When frames of `class` for `symbol` would leave, were nothing ahead of them.
    fn target(&self, class: Class, occasion: Occasion, symbol: u8) -> Instant {
        let lead = self.plan.leads.lead(class, occasion.draw);
        let air = self.timing.clock.air(occasion.slot, symbol);
        air.offset(-self.timing.scaled(lead))
    }

    fn send(
        &mut self,
        frame: Planned,
        bytes: usize,
        target: Instant,
        occasion: Occasion,
        schedule: &mut Schedule,
    ) {
        let at = self.state.depart(frame.class, target, bytes);
        if at >= occasion.until {
            return;
        }
        let lost = self.state.losses.next(&mut self.state.random);
        schedule.push(Planned { at, lost, ..frame });
    }

    fn frame(&self, class: Class, stream: u8, slot: SlotCount) -> Planned {
        Planned {
            at: Instant::NEVER,
            order: 0,
            sender: self.position,
            class,
            stream: StreamId(stream),
            slot,
            symbol: 0,
            body: 0,
            sequence: 0,
            filter_index: 0,
            lost: false,
        }
    }

    fn shuffle_numbers(&mut self, occasion: Occasion, count: u8) {
        self.state.order.clear();
        if !self.plan.shuffled {
            return;
        }
        let symbols = (0..count).map(|symbol| self.repertoire.user_of(symbol, occasion.broadcast));
        let total: usize = symbols.map(|bodies| bodies.len()).sum();
        self.state.order.extend((0..total).map(|n| n as u8));
        self.state.random.shuffle(&mut self.state.order);
    }
}

impl State {
    fn new(mut random: Random, loss: f64) -> Self {
        let losses = Losses::new(loss, &mut random);
        Self {
            share: random.share(),
            random,
            losses,
            life: None,
            control_sequence: Vec::new(),
            user_sequence: Vec::new(),
            queues: [Instant(0); Class::ALL.len()],
            serial: 0,
            order: Vec::new(),
        }
    }

    /// The next share of the lead distributions: a walk of uniform steps, reflected at 0 and 1, is uniform.
    fn draw(&mut self) -> f64 {
        let step = LARGEST_STEP * (2.0 * self.random.share() - 1.0);
        let walked = (self.share + step).abs();
        self.share = if walked > 1.0 { 2.0 - walked } else { walked };
        self.share
    }

    /// A process that starts counts from 0; one that ran before the beginning is anywhere.
    fn enter(&mut self, life: usize, fresh: bool, streams: usize) {
        self.life = Some(life);
        let random = &mut self.random;
        let mut draw = || if fresh { 0 } else { random.next() as u8 };
        self.control_sequence = (0..streams).map(|_| draw()).collect();
        self.user_sequence = (0..streams).map(|_| draw()).collect();
        self.queues = [Instant(0); Class::ALL.len()];
    }

    /// Takes a place in the queue of `class`: not before `target`, and behind the frame ahead.
    fn depart(&mut self, class: Class, target: Instant, bytes: usize) -> Instant {
        let gap = self.random.below(GAP_JITTER) as i64;
        let at = target.max(self.queue(class)).offset(gap);
        if let Some(queue) = self.queues.get_mut(queue_of(class)) {
            *queue = at.offset(on_wire(bytes));
        }
        at
    }

    fn queue(&self, class: Class) -> Instant {
        self.queues
            .get(queue_of(class))
            .copied()
            .unwrap_or_default()
    }
}

fn next(numbers: &mut [u8], stream: u8) -> u8 {
    let Some(number) = numbers.get_mut(usize::from(stream)) else {
        return 0;
    };
    let taken = *number;
    *number = taken.wrapping_add(1);
    taken
}

/// Nanoseconds that a message of `bytes` and its headers occupy a port of 100 Gbit/s.
pub(super) const fn on_wire(bytes: usize) -> i64 {
    (bytes as i64 + HEADERS) * 8 / 100
}

/// PRACH requests leave through the queue of UL C-plane.
const fn queue_of(class: Class) -> usize {
    match class {
        Class::PrachControl => Class::UplinkControl.index(),
        other => other.index(),
    }
}

/// Gives a mean step of 0.27 from slot to slot; the longer captures have 0.21 to 0.30.
const LARGEST_STEP: f64 = 0.6;
/// Preamble, headers, FCS and gap of a frame with one tag, bytes.
const HEADERS: i64 = 50;
/// filterIndex of short PRACH formats.
pub(super) const PRACH_SHORT: u8 = 3;
/// Nanoseconds that a sender may take between two frames.
pub(super) const GAP_JITTER: u64 = 200;
