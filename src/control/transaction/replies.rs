//! What drivers answer, and people in their place.

use super::director::Transactions;
use super::driver::{Driver, Reply};
use super::phase::Phase;
use super::value::Transaction;
use crate::ran::Duration;

impl Transactions {
    /// What a driver answered to `call`.
    pub(super) fn hear_reply(&mut self, transaction: &mut Transaction, call: u64, reply: &Reply) {
        let mut moves = transaction.moves.iter_mut().enumerate();
        let found = moves.find_map(|(index, cell)| {
            let (_, driver) = cell.called.take_if(|(number, _)| *number == call)?;
            Some((index, driver))
        });
        if let Some((index, driver)) = found {
            self.take_reply(transaction, index, driver, reply);
        }
    }

    /// What a driver, or a person in its place, says of one cell.
    pub(super) fn take_reply(
        &mut self,
        transaction: &mut Transaction,
        index: usize,
        driver: Driver,
        reply: &Reply,
    ) {
        let wall = self.wall();
        let again = self.now.after(POLL);
        let Some(cell) = transaction.moves.get_mut(index) else {
            return;
        };
        let name = cell.cell.clone();
        let done = matches!(reply, Reply::Done | Reply::Left(0));
        if done && !cell.done.contains(&driver) {
            cell.done.push(driver);
            cell.started |= driver == Driver::Member;
        }
        let word = driver.word().replace('_', "-");
        match reply {
            Reply::Done | Reply::Left(0) => {
                cell.left = (driver == Driver::Ues).then_some(0).or(cell.left);
                transaction.tell(wall, Some(&name), format!("{word} driver: done"));
            }
            Reply::Left(left) => {
                let news = cell.left.replace(*left) != Some(*left);
                cell.not_before = again;
                if news {
                    transaction.tell(
                        wall,
                        Some(&name),
                        format!("{word} driver: {left} UEs are left"),
                    );
                }
            }
            Reply::Failed(why) => {
                cell.not_before = again;
                let what = format!("{word} driver failed: {}", short(why));
                transaction.tell(wall, Some(&name), what.clone());
                match driver {
                    Driver::Member if transaction.phase == Phase::Preparing => {
                        self.turn_back(transaction, what);
                    }
                    // Sharing goes on without, and says so.
                    Driver::Pattern => {
                        if let Some(cell) = transaction.moves.get_mut(index) {
                            cell.done.push(Driver::Pattern);
                            cell.unheard = true;
                        }
                    }
                    _ => {}
                }
            }
        }
    }
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// Between two calls of the UE driver, and after a driver failed.
const POLL: Duration = Duration::from_millis(200);
