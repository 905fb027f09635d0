//! What must hold whatever happens, seen from the wire and from the lcore, not from control.

use crate::world::{CELLS, POOLED};
use ranshift::control::transaction::{Phase, Transaction};
use ranshift::dataplane::mailbox::{Event, EventKind, Mode};
use ranshift::dataplane::observation::CellObservation;
use ranshift::ran::{Instant, SlotCount};
use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct Judge {
    /// By cell, port of the RU and slot: whose beam holds each symbol.
    speakers: BTreeMap<(usize, u8, u64), [u16; 14]>,
    /// The cell that the pooled backup served in a slot.
    pooled: BTreeMap<u64, usize>,
    /// When something happened to a cell that no transaction commanded.
    foreign: [Option<Instant>; CELLS],
    /// When transactions were first seen.
    opened: BTreeMap<u64, Instant>,
    /// When control was last cut off from the lcore in any way.
    cut_off: Option<Instant>,
    pub(crate) found: Vec<String>,
    /// Ends by phase: done, rolled back, failed.
    pub(crate) ended: [usize; 3],
}

impl Judge {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    fn find(&mut self, what: String) {
        if self.found.len() < 4 {
            self.found.push(what);
        }
    }

    /// A frame left towards an RU, caused by frames of `slot`.
    pub(crate) fn left(&mut self, slot: SlotCount, frame: &[u8]) {
        let cell = usize::from(frame[5]).wrapping_sub(1);
        if frame[1] != 0xa0 || frame[19] != 2 || cell >= CELLS {
            return;
        }
        let (port, symbol) = (frame[23], usize::from(frame[29] & 0x3f));
        // Sections follow the common header of 8 bytes: id, mask with symbol count, beam.
        let symbols = usize::from(frame[39] & 0xf);
        let beam = u16::from_be_bytes([frame[40], frame[41]]) & 0x7fff;
        let key = (cell, port, slot.0);
        let held = self.speakers.entry(key).or_insert([0; 14]);
        let mut other = None;
        for holder in held.iter_mut().skip(symbol).take(symbols) {
            if *holder != 0 && *holder != beam {
                other = Some(*holder);
            }
            *holder = beam;
        }
        if let Some(other) = other {
            self.find(format!(
                "slot {} of cell {}: beams {other} and {beam} speak",
                slot.0,
                cell + 1
            ));
        }
        if usize::from(beam) == POOLED + 1 {
            let before = *self.pooled.entry(slot.0).or_insert(cell);
            if before != cell {
                self.find(format!(
                    "the backup serves cells {} and {} in slot {}",
                    before + 1,
                    cell + 1,
                    slot.0
                ));
            }
        }
        while self.speakers.len() > 256 {
            self.speakers.pop_first();
        }
    }

    pub(crate) fn balance(&mut self, balance: i128) {
        if balance != 0 {
            self.find(format!("the ledger is out by {balance}"));
        }
    }

    /// What an lcore said, whether control hears it or not.
    pub(crate) fn event(&mut self, event: &Event, now: Instant) {
        let answers_people = matches!(
            event.kind,
            EventKind::Accepted { command, .. } if command < 1 << 31
        );
        let foreign = matches!(
            event.kind,
            EventKind::Failover { .. }
                | EventKind::FailoverImpossible { .. }
                | EventKind::Fenced { .. }
        );
        if foreign || answers_people {
            self.foreign[event.cell.index()] = Some(now);
        }
    }

    /// Told in every slot whether control is cut off.
    pub(crate) fn rest(&mut self, _truth: &[Option<CellObservation>], cut_off: bool, now: Instant) {
        if cut_off {
            self.cut_off = Some(now);
        }
    }

    /// A transaction as it was recorded: at its end all of its cells have gone, or none.
    pub(crate) fn record(
        &mut self,
        transaction: &Transaction,
        truth: &[Option<CellObservation>],
        now: Instant,
    ) {
        let opened = *self.opened.entry(transaction.id).or_insert(now);
        if !transaction.phase.is_end() {
            return;
        }
        let end = match transaction.phase {
            Phase::Done => 0,
            Phase::RolledBack => 1,
            _ => 2,
        };
        self.ended[end] += 1;
        let id = transaction.id;
        let mut untouched = true;
        for cell in &transaction.moves {
            let index = usize::from(cell.cell.as_bytes()[5] - b'1');
            // Control may not have known of it when it opened the transaction.
            let since = self.foreign[index].is_some_and(|at| at.offset(UNKNOWN_NS) >= opened);
            untouched &= !since;
            let member = match transaction.phase {
                Phase::Done => &cell.to,
                Phase::RolledBack => &cell.from,
                _ => continue,
            };
            let Some(truth) = truth.get(index).and_then(Option::as_ref) else {
                continue;
            };
            let speaks = Mode::Single(number(member));
            if !since
                && (truth.mode != speaks || truth.next_mode.is_some_and(|(_, mode)| mode != speaks))
            {
                let phase = transaction.phase.word();
                self.find(format!(
                    "transaction {id} is {phase}, but {} is {:?}, then {:?}, and not {member}'s",
                    cell.cell, truth.mode, truth.next_mode
                ));
            }
        }
        let cut_off = self.cut_off.is_some_and(|at| at >= opened);
        let moves = !transaction.moves.is_empty() && !transaction.is_follow_up();
        if transaction.phase == Phase::Failed && moves && untouched && !cut_off {
            let why = transaction.why.clone().unwrap_or_default();
            self.find(format!(
                "transaction {id} failed although nothing was in its way: {why}"
            ));
        }
    }
}

fn number(member: &str) -> ranshift::ran::MemberId {
    ranshift::ran::MemberId(match member.as_bytes()[0] {
        b'l' => 0,
        b'r' => 1,
        _ => 2,
    })
}

/// Until the next observation, and the boundary of what was commanded.
const UNKNOWN_NS: i64 = 20_000_000;
