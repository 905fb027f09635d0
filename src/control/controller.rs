//! The controller as a sans-I/O director: told of events, it pushes commands. Here the adaptive slot
//! pattern: PRB use of both sharing members over a window becomes the pattern of the slots to come.

use crate::config::model::{Adaptive, Broadcast, Config};
use crate::dataplane::mailbox::{
    Action, Boundary, Command, Director, Event, EventKind, MAX_MEMBERS, Mode,
};
use crate::planes::fronthaul::pattern::proportional;
use crate::ran::{Instant, MemberId};

/// Commands of the controller are numbered from here, those of people and scenarios below.
pub const FIRST_COMMAND: u32 = 1 << 31;

/// Decides beside the lcores for all cells of a configuration.
#[derive(Debug)]
pub struct Controller {
    cells: Vec<CellControl>,
    next_command: u32,
    term: u64,
}

#[derive(Debug)]
struct CellControl {
    adaptive: Option<Adaptive>,
    period: usize,
    broadcast: Vec<Broadcast>,
    sharing: Option<(MemberId, MemberId)>,
    window_start: Option<Instant>,
    used: [u64; MAX_MEMBERS],
}

impl Controller {
    /// A controller of `term` that has seen nothing.
    pub fn new(config: &Config, term: u64) -> Self {
        let cells = config.cells.iter().map(|cell| CellControl {
            adaptive: cell.sharing.adaptive,
            period: cell.sharing.pattern.destination.len(),
            broadcast: cell.sharing.broadcast.clone(),
            sharing: None,
            window_start: None,
            used: [0; MAX_MEMBERS],
        });
        Self {
            cells: cells.collect(),
            next_command: FIRST_COMMAND,
            term,
        }
    }
}

impl Director for Controller {
    fn on_event(&mut self, now: Instant, event: &Event, commands: &mut Vec<Command>) {
        let Some(cell) = self.cells.get_mut(event.cell.index()) else {
            return;
        };
        let action = match event.kind {
            EventKind::Mode { mode, .. } => {
                cell.enter(mode);
                None
            }
            EventKind::PrbUse { used, .. } => cell.measure(now, &used),
            _ => None,
        };
        if let Some(action) = action {
            commands.push(Command {
                id: self.next_command,
                term: self.term,
                cell: event.cell,
                boundary: Boundary::Next,
                action,
            });
            self.next_command = self.next_command.wrapping_add(1).max(FIRST_COMMAND);
        }
    }
}

impl CellControl {
    fn enter(&mut self, mode: Mode) {
        self.sharing = match mode {
            Mode::Shared {
                source,
                destination,
            } => Some((source, destination)),
            Mode::Single(_) => None,
        };
        self.window_start = None;
        self.used = [0; MAX_MEMBERS];
    }

    /// Adds one slot's use; at the end of a window the pattern that follows from it.
    fn measure(&mut self, now: Instant, used: &[u32; MAX_MEMBERS]) -> Option<Action> {
        let adaptive = self.adaptive?;
        let (source, destination) = self.sharing?;
        let start = *self.window_start.get_or_insert(now);
        for (total, used) in self.used.iter_mut().zip(used) {
            *total += u64::from(*used);
        }
        if now < start.after(adaptive.window) {
            return None;
        }
        let demand = |member: MemberId| self.used.get(member.index()).copied().unwrap_or(0);
        let pattern = proportional(
            demand(source),
            demand(destination),
            self.period,
            adaptive.floor as usize,
            |slot| self.broadcast_owner(slot, source, destination),
        )?;
        self.window_start = Some(now);
        self.used = [0; MAX_MEMBERS];
        Some(Action::Pattern(pattern))
    }

    /// `Some(true)` where the destination's broadcast always takes the slot, `Some(false)` the source's.
    fn broadcast_owner(
        &self,
        position: usize,
        source: MemberId,
        destination: MemberId,
    ) -> Option<bool> {
        let always = |member: MemberId| {
            self.broadcast.iter().any(|broadcast| {
                let period = broadcast.period as usize;
                broadcast.member == member
                    && period != 0
                    && self.period.is_multiple_of(period)
                    && broadcast.slots.contains(&((position % period) as u32))
            })
        };
        if always(source) {
            return Some(false);
        }
        always(destination).then_some(true)
    }
}
