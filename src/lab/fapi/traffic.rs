//! What an L2 has to do in a slot: drawn from the seed and the slot alone, so that it is the same whenever and
//! in whatever order slots are scheduled.

use super::contents::{Block, Downlink, Uplink};
use super::draws::{Purpose, draws};
use crate::lab::random::Random;
use crate::lab::tdd::Tdd;
use crate::ran::{Numerology, SlotCount};
use crate::wire::nfapi::pdu::Transmission;

/// How much work there is.
#[derive(Clone, PartialEq, Debug)]
pub struct Traffic {
    /// Seed of every draw.
    pub seed: u64,
    /// Which slots are downlink, which uplink.
    pub tdd: Tdd,
    /// Share of slots in which users are scheduled.
    pub busy: f64,
    /// Most users in a slot and direction; at most 8, as OAI holds 16 payloads.
    pub users: u8,
    /// Largest transport block, bytes.
    pub block: u32,
}

impl Traffic {
    /// A TDD cell that is half busy.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            tdd: Tdd::of_period(10),
            busy: 0.5,
            users: 3,
            block: 1500,
        }
    }

    /// What is to be done in `slot`.
    pub(super) fn work(&self, slot: SlotCount, numerology: Numerology) -> Work {
        let mut random = draws(self.seed, slot, Purpose::Work);
        let shape = self.tdd.shape(slot.position(self.tdd.period()), SYMBOLS);
        let frame = numerology.slots_per_frame();
        let busy = random.share() < self.busy;
        let mut work = Work::default();
        if shape.downlink > 0 {
            work.downlink = Downlink {
                broadcast: slot.position(2 * frame) == 0,
                reference: slot.position(frame) == 1,
                shared: self.users_if(busy, &mut random),
            };
            work.payloads = (0..work.downlink.shared)
                .map(|_| self.filled(&mut random))
                .collect();
            work.grants = busy && random.share() < GRANTS;
        }
        if shape.uplink > 0 {
            work.uplink.random_access = slot.position(2 * frame) == 2 * frame - 1;
            let blocks = self.users_if(busy, &mut random);
            let blocks = (0..blocks).map(|user| self.block_of(slot, user, &mut random));
            work.uplink.blocks = blocks.collect();
            work.uplink.controls = self.users_if(busy, &mut random) / 2;
        }
        work
    }

    fn users_if(&self, busy: bool, random: &mut Random) -> u8 {
        let most = u64::from(self.users.clamp(1, MOST_USERS));
        match busy {
            true => 1 + random.below(most) as u8,
            false => 0,
        }
    }

    fn size(&self, random: &mut Random) -> u32 {
        1 + random.below(u64::from(self.block.max(1))) as u32
    }

    /// A payload for the downlink; nobody looks into it.
    fn filled(&self, random: &mut Random) -> Vec<u8> {
        vec![random.next() as u8; self.size(random) as usize]
    }

    /// The handle names slot and user, so that no two blocks are alike for longer than any L2 remembers.
    fn block_of(&self, slot: SlotCount, user: u8, random: &mut Random) -> Block {
        let transmission = Transmission {
            handle: (slot.0 as u32) << 4 | u32::from(user),
            rnti: FIRST_RNTI + u16::from(user),
            harq_id: slot.position(HARQ_PROCESSES) as u8,
        };
        let size = self.size(random);
        Block { transmission, size }
    }
}

/// The work of one slot.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Work {
    pub(super) downlink: Downlink,
    /// One for each PDSCH.
    pub(super) payloads: Vec<Vec<u8>>,
    /// An UL_DCI is sent.
    pub(super) grants: bool,
    pub(super) uplink: Uplink,
}

const SYMBOLS: u8 = 14;
const MOST_USERS: u8 = 8;
/// Share of busy downlink slots with an UL_DCI.
const GRANTS: f64 = 0.5;
const FIRST_RNTI: u16 = 0x4601;
const HARQ_PROCESSES: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const MU_1: Numerology = Numerology::new(1).unwrap();

    fn all(traffic: &Traffic) -> Vec<Work> {
        let slots = (0..2000).map(SlotCount);
        slots.map(|slot| traffic.work(slot, MU_1)).collect()
    }

    #[test]
    fn a_slot_has_the_same_work_whenever_it_is_asked_for() {
        let traffic = Traffic::new(3);
        let mut backward: Vec<Work> = (0..2000)
            .rev()
            .map(|slot| traffic.work(SlotCount(slot), MU_1))
            .collect();
        backward.reverse();
        assert_eq!(all(&traffic), backward);
    }

    #[test]
    fn another_seed_is_other_work() {
        assert_ne!(all(&Traffic::new(3)), all(&Traffic::new(4)));
    }

    #[test]
    fn about_the_configured_share_of_slots_is_busy() {
        let works = all(&Traffic::new(3));
        let busy = |work: &&Work| work.downlink.shared > 0 || !work.uplink.blocks.is_empty();
        let busy = works.iter().filter(busy).count();
        assert!((900..1100).contains(&busy), "{busy}");
    }

    #[test]
    fn every_pdsch_has_its_payload() {
        let works = all(&Traffic::new(3));
        let paired = |work: &Work| usize::from(work.downlink.shared) == work.payloads.len();
        assert!(works.iter().all(paired));
    }
}
