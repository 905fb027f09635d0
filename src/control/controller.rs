//! The controller as a sans-I/O director: told of events, it pushes commands. It has the transactions, and beside them
//! the adaptive slot pattern: PRB use of both sharing members over a window becomes the pattern of the slots to come.

use crate::config::model::{Adaptive, Broadcast, Cell, Config};
use crate::control::transaction::{Settings, Transactions};
use crate::dataplane::mailbox::{
    Action, Boundary, Command, Director, Event, EventKind, MAX_MEMBERS, Mode,
};
use crate::planes::fronthaul::pattern::proportional;
use crate::ran::{Instant, MemberId};

/// Commands of the controller are numbered from here, those of people and scenarios below.
pub const FIRST_COMMAND: u32 = 1 << 31;

/// Those of transactions from here.
pub const FIRST_ORDER: u32 = FIRST_COMMAND | 1 << 30;

/// Decides beside the lcores for all cells of a configuration.
#[derive(Debug)]
pub struct Controller {
    cells: Vec<CellControl>,
    transactions: Transactions,
    next_command: u32,
    term: u64,
}

#[derive(Debug)]
struct CellControl {
    name: String,
    /// Of the members, in order of `MemberId`.
    dus: Vec<String>,
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
        let cells = config.cells.iter();
        Self {
            cells: cells.map(|cell| CellControl::new(config, cell)).collect(),
            transactions: Transactions::new(Settings::of(config, term)),
            next_command: FIRST_COMMAND,
            term,
        }
    }

    /// Goes on under another configuration: a cell that still shares between the same DUs goes on with it.
    pub fn renew(&mut self, config: &Config, term: u64) {
        let before = std::mem::take(&mut self.cells);
        let cells = config.cells.iter().map(|cell| {
            let mut now = CellControl::new(config, cell);
            let same = before.iter().find(|before| before.name == now.name);
            now.sharing = same.and_then(|before| {
                let (source, destination) = before.sharing?;
                Some((now.again(before, source)?, now.again(before, destination)?))
            });
            now
        });
        self.cells = cells.collect();
        self.transactions.renew(Settings::of(config, term));
        self.term = term;
    }

    /// The transactions: what asks for one, answers for a driver or wants to know uses these.
    pub const fn transactions(&mut self) -> &mut Transactions {
        &mut self.transactions
    }
}

impl Director for Controller {
    fn on_event(&mut self, now: Instant, event: &Event, commands: &mut Vec<Command>) {
        self.transactions.hear(now, event);
        commands.extend(self.transactions.take_commands());
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
            self.next_command = match self.next_command + 1 {
                FIRST_ORDER => FIRST_COMMAND,
                next => next,
            };
        }
    }

    fn on_tick(&mut self, now: Instant, commands: &mut Vec<Command>) {
        self.transactions.tick(now);
        commands.extend(self.transactions.take_commands());
    }

    fn next_tick(&self) -> Instant {
        self.transactions.next_tick()
    }
}

impl CellControl {
    fn new(config: &Config, cell: &Cell) -> Self {
        let members = cell.members.iter();
        let dus = members.map(|member| config.member_name(member).to_owned());
        Self {
            name: cell.name.clone(),
            dus: dus.collect(),
            adaptive: cell.sharing.adaptive,
            period: cell.sharing.pattern.destination.len(),
            broadcast: cell.sharing.broadcast.clone(),
            sharing: None,
            window_start: None,
            used: [0; MAX_MEMBERS],
        }
    }

    /// The member that was `member` of `before`.
    fn again(&self, before: &Self, member: MemberId) -> Option<MemberId> {
        let name = before.dus.get(member.index())?;
        let position = self.dus.iter().position(|du| du == name)?;
        Some(MemberId(position as u8))
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataplane::mailbox::{Cause, PatternBits};
    use crate::ran::{CellId, SlotCount};

    const MS: u64 = 1_000_000;

    fn controller(adaptive: &str) -> Controller {
        let text = include_str!("../../configs/one-cell-two-dus.yaml");
        let config = crate::config::parse(text, "one-cell-two-dus.yaml");
        let mut config = config
            .unwrap_or_else(|problems| panic!("{problems}"))
            .config;
        let sharing = &mut config.cells[0].sharing;
        sharing.pattern.destination = vec![false; 10];
        sharing.broadcast.clear();
        sharing.adaptive = (adaptive == "on").then_some(Adaptive {
            window: crate::ran::Duration::from_millis(10),
            floor: 2,
        });
        Controller::new(&config, 7)
    }

    fn tell(controller: &mut Controller, at: u64, kind: EventKind) -> Vec<Command> {
        let event = Event {
            at: Instant(at),
            term: 0,
            cell: CellId(0),
            slot: SlotCount(0),
            kind,
        };
        let mut commands = Vec::new();
        controller.on_event(Instant(at), &event, &mut commands);
        commands
    }

    fn begin(controller: &mut Controller) {
        let mode = Mode::Shared {
            source: MemberId(0),
            destination: MemberId(1),
        };
        let kind = EventKind::Mode {
            mode,
            boundary: SlotCount(0),
            cause: Cause::Command,
        };
        assert!(tell(controller, 0, kind).is_empty());
    }

    fn used(source: u32, destination: u32) -> EventKind {
        let mut used = [0; MAX_MEMBERS];
        (used[0], used[1]) = (source, destination);
        EventKind::PrbUse {
            on: SlotCount(0),
            used,
        }
    }

    fn owned(pattern: PatternBits) -> usize {
        let slots = 0..u64::from(pattern.period());
        slots
            .filter(|slot| pattern.is_destination(SlotCount(*slot)))
            .count()
    }

    #[test]
    fn the_pattern_follows_the_use_of_one_window() {
        let mut controller = controller("on");
        begin(&mut controller);
        for at in 1..=10 {
            assert!(tell(&mut controller, at * MS, used(30, 70)).is_empty());
        }
        let commands = tell(&mut controller, 11 * MS, used(30, 70));
        let [command] = commands.as_slice() else {
            panic!("{commands:?}");
        };
        let Action::Pattern(pattern) = command.action else {
            panic!("{command:?}");
        };
        assert_eq!(owned(pattern), 7);
        assert_eq!((command.term, command.id), (7, FIRST_COMMAND));
    }

    #[test]
    fn a_member_that_asks_for_nothing_keeps_its_floor() {
        let mut controller = controller("on");
        begin(&mut controller);
        tell(&mut controller, MS, used(0, 50));
        let commands = tell(&mut controller, 12 * MS, used(0, 50));
        let Action::Pattern(pattern) = commands[0].action else {
            panic!("{commands:?}");
        };
        assert_eq!(owned(pattern), 8);
    }

    #[test]
    fn each_window_counts_alone() {
        let mut controller = controller("on");
        begin(&mut controller);
        tell(&mut controller, MS, used(100, 0));
        tell(&mut controller, 12 * MS, used(0, 0));
        tell(&mut controller, 13 * MS, used(0, 100));
        let commands = tell(&mut controller, 23 * MS, used(0, 0));
        let Action::Pattern(pattern) = commands[0].action else {
            panic!("{commands:?}");
        };
        assert_eq!(owned(pattern), 8);
    }

    #[test]
    fn nothing_is_commanded_outside_shared_mode_or_without_the_setting() {
        let mut alone = controller("on");
        tell(&mut alone, MS, used(1, 1));
        assert!(tell(&mut alone, 30 * MS, used(1, 1)).is_empty());
        let mut fixed = controller("off");
        begin(&mut fixed);
        tell(&mut fixed, MS, used(1, 1));
        assert!(tell(&mut fixed, 30 * MS, used(1, 1)).is_empty());
    }
    #[test]
    fn a_cell_that_goes_on_sharing_is_measured_on_under_another_configuration() {
        let mut controller = controller("on");
        begin(&mut controller);
        let text = include_str!("../../configs/one-cell-two-dus.yaml");
        let config = crate::config::parse(text, "one-cell-two-dus.yaml");
        let mut config = config
            .unwrap_or_else(|problems| panic!("{problems}"))
            .config;
        config.cells[0].sharing.adaptive = Some(Adaptive {
            window: crate::ran::Duration::from_millis(10),
            floor: 2,
        });
        controller.renew(&config, 8);
        tell(&mut controller, MS, used(30, 70));
        let commands = tell(&mut controller, 12 * MS, used(30, 70));
        assert_eq!(commands.len(), 1);
        assert_eq!(commands[0].term, 8);
        config.cells[0].name = "another".to_owned();
        controller.renew(&config, 9);
        tell(&mut controller, 13 * MS, used(30, 70));
        assert!(tell(&mut controller, 30 * MS, used(30, 70)).is_empty());
    }
}
