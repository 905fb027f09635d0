//! Commands under way. Each move has one at most: an lcore obeys in the order in which it is commanded, so an answer to
//! the newest command says that no older one can still take effect.

use super::director::Transactions;
use super::value::{Ask, Pending, Transaction};
use crate::control::controller::FIRST_ORDER;
use crate::dataplane::mailbox::{Action, Boundary, Command, Event, EventKind, Mode, Refusal};
use crate::ran::{CellId, Duration};

impl Transactions {
    /// Commands what `ask` means for one cell of a transaction.
    pub(super) fn order(
        &mut self,
        transaction: &mut Transaction,
        index: usize,
        ask: Ask,
        boundary: Boundary,
    ) {
        let Some(cell) = transaction.moves.get_mut(index) else {
            return;
        };
        let Some(place) = self.cell_of(cell) else {
            return;
        };
        let action = match ask {
            Ask::Share => Action::Share {
                source: place.from,
                destination: place.to,
            },
            Ask::Switch => Action::Switch { to: place.to },
            Ask::Undo => Action::Switch { to: place.from },
            Ask::FailOver => Action::FailOver { to: Some(place.to) },
        };
        let id = place.id;
        cell.pending = Some(Pending {
            command: self.next_command,
            ask,
            since: self.now,
        });
        cell.answered = false;
        cell.refused = None;
        transaction.dirty = true;
        self.command(id, boundary, action);
    }

    /// Commands something that nobody waits for.
    pub(super) fn command(&mut self, cell: CellId, boundary: Boundary, action: Action) {
        self.commands.push(Command {
            id: self.next_command,
            term: self.settings.term,
            cell,
            boundary,
            action,
        });
        self.next_command = self.next_command.wrapping_add(1).max(FIRST_ORDER);
    }

    /// True while the last command of a move waits for its answer. Who waits too long may ask again.
    pub(super) fn waits(&self, transaction: &mut Transaction, index: usize) -> bool {
        let now = self.now;
        let Some(cell) = transaction.moves.get_mut(index) else {
            return true;
        };
        cell.pending = cell
            .pending
            .filter(|pending| now < pending.since.after(PATIENCE));
        cell.pending.is_some() || now < cell.not_before
    }

    /// Finds the command that `event` answers and takes what it says.
    pub(super) fn answered(&mut self, event: &Event) {
        let (command, answer) = match event.kind {
            EventKind::Accepted { command, boundary } => (command, Ok(boundary)),
            EventKind::Refused { command, why } => (command, Err(why)),
            _ => return,
        };
        let asked = |transaction: &&mut Transaction| {
            let mut pending = transaction.moves.iter().filter_map(|cell| cell.pending);
            pending.any(|pending| pending.command == command)
        };
        let wall = self.wall();
        let again = self.now.after(AGAIN);
        let Some(transaction) = self.all.values_mut().find(asked) else {
            return;
        };
        let mut moves = transaction.moves.iter_mut();
        let found = moves.find(|cell| cell.pending.is_some_and(|one| one.command == command));
        let (Some(cell), Some(facts)) = (found, self.facts.get_mut(event.cell.index())) else {
            return;
        };
        let Some(pending) = cell.pending.take() else {
            return;
        };
        let Some((_, settings)) = self.settings.cell(&cell.cell) else {
            return;
        };
        let (Some(from), Some(to)) = (settings.member(&cell.from), settings.member(&cell.to))
        else {
            return;
        };
        cell.answered = true;
        let mode = match pending.ask {
            Ask::Share => Mode::Shared {
                source: from,
                destination: to,
            },
            Ask::Switch | Ask::FailOver => Mode::Single(to),
            Ask::Undo => Mode::Single(from),
        };
        let name = cell.cell.clone();
        match answer {
            Ok(boundary) => {
                if pending.ask != Ask::FailOver {
                    facts.next = Some((boundary, mode));
                }
                if pending.ask == Ask::Switch {
                    cell.boundary = Some(boundary);
                }
                let what = format!("{} from slot {}", pending.ask.sentence(), boundary.0);
                transaction.tell(wall, Some(&name), what);
            }
            // What is wanted was there already, or is to come: the answer to an earlier command was lost.
            Err(Refusal::IsActive) if pending.ask != Ask::Share => match facts.next {
                Some((_, next)) if next == mode => {}
                None if facts.mode == mode => {}
                None if !self.watched => facts.mode = mode,
                // An observation will say which.
                _ => cell.not_before = again,
            },
            Err(why) => {
                cell.refused = Some(why);
                cell.not_before = again;
                let what = format!("refused: {} ({})", pending.ask.sentence(), why.label());
                transaction.tell(wall, Some(&name), what);
            }
        }
    }
}

/// True if the same command may be obeyed a little later.
pub(super) const fn passes(why: Refusal) -> bool {
    matches!(
        why,
        Refusal::Busy
            | Refusal::NoSlotYet
            | Refusal::StaleTerm
            | Refusal::FailoverWaits
            | Refusal::Damped
    )
}

impl Ask {
    const fn sentence(self) -> &'static str {
        match self {
            Self::Share => "source and destination share",
            Self::Switch => "the destination alone",
            Self::Undo => "the source alone",
            Self::FailOver => "the destination in place of who was lost",
        }
    }
}

/// How long an answer is waited for before the command is given again.
pub(super) const PATIENCE: Duration = Duration::from_millis(50);

/// Between a refusal and the next attempt.
const AGAIN: Duration = Duration::from_millis(5);
