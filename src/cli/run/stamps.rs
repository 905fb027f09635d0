//! Time from the frames' stamps: before each frame everything that is due by then, at its own instant.
//!
//! The order within one instant is that of a replay (`replay::run`): what time alone does, commands,
//! the frame, and after each of them what the director answers. The same frames meet the same decisions.

use super::super::commands;
use super::keeper::Keeper;
use crate::config::scenario::Scenario;
use crate::dataplane::mailbox::{Command, Director, Event};
use crate::dataplane::worker::{Unobserved, Worker};
use crate::dpdk::in_order::InOrder;
use crate::dpdk::mbuf::Mbuf;
use crate::ran::Instant;
use std::collections::VecDeque;

/// One worker over ports whose frames are taken by stamp, and whoever commands it.
pub(super) struct Stamped<'a, D> {
    pub(super) worker: Worker<Mbuf>,
    pub(super) io: InOrder,
    pub(super) events: Vec<Event>,
    director: D,
    scenario: &'a Scenario,
    /// Commands whose time has not come. Their times count from the first frame.
    commands: VecDeque<(Instant, Command)>,
    now: Option<Instant>,
    keeper: Option<Keeper>,
}

impl<'a, D: Director> Stamped<'a, D> {
    /// Nothing has been received yet; of `scenario` only the actions count.
    pub(super) fn new(
        worker: Worker<Mbuf>,
        io: InOrder,
        director: D,
        scenario: &'a Scenario,
        keeper: Option<Keeper>,
    ) -> Self {
        Self {
            worker,
            io,
            events: Vec::new(),
            director,
            scenario,
            commands: VecDeque::new(),
            now: None,
            keeper,
        }
    }

    /// The next frame and everything that comes before it; false if no frame is there.
    pub(super) fn turn(&mut self) -> bool {
        let Some((port, at)) = self.io.offer() else {
            return false;
        };
        if self.now.is_none() {
            self.commands = commands::actions(self.scenario, at).into();
        }
        while let Some(now) = self.due_before(at) {
            self.advance(now);
        }
        self.advance(at);
        self.worker.poll(&mut self.io, port, at, &mut Unobserved);
        self.settle(at);
        self.fetch(at);
        true
    }

    /// Writes recordings that are due by `until`.
    pub(super) fn fetch(&mut self, until: Instant) {
        if let (Some(keeper), Some(now)) = (&self.keeper, self.now) {
            keeper.fetch(&mut self.worker, now, until);
        }
    }

    /// Commands that were not given because the frames ended before their time.
    pub(super) fn commands_left(&self) -> usize {
        match self.now {
            Some(_) => self.commands.len(),
            None => self.scenario.actions.len(),
        }
    }

    /// A deadline that stays where it was must not stop time.
    fn due_before(&self, at: Instant) -> Option<Instant> {
        let deadline = self.worker.next_deadline();
        let deadline = Some(deadline).filter(|due| self.now.is_none_or(|now| *due > now));
        let command = self.commands.front().map(|(at, _)| *at);
        let tick = self.director.next_tick();
        let tick = Some(tick).filter(|due| self.now.is_none_or(|now| *due > now));
        let due = deadline.into_iter().chain(command).chain(tick).min()?;
        (due < at).then_some(due)
    }

    fn advance(&mut self, now: Instant) {
        self.now = Some(now);
        self.worker.tick(now);
        self.worker.flush(&mut self.io, now);
        self.settle(now);
        while let Some((_, command)) = self.commands.pop_front_if(|(at, _)| *at <= now) {
            self.worker.command(now, &command);
            self.settle(now);
        }
    }

    /// Events to the director, its commands to the worker, until neither has more to say.
    fn settle(&mut self, now: Instant) {
        let mut commands: Vec<Command> = Vec::new();
        self.director.on_tick(now, &mut commands);
        for _ in 0..MOST_ANSWERS {
            for event in self.worker.drain_events() {
                self.director.on_event(now, &event, &mut commands);
                self.events.push(event);
            }
            if commands.is_empty() {
                return;
            }
            for command in commands.drain(..) {
                self.worker.command(now, &command);
            }
        }
    }
}

/// Rounds of events and commands within one instant: a director that answers every answer is cut off.
const MOST_ANSWERS: usize = 16;
