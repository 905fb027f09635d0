//! What a cell remembers of its FAPI plane.

use super::Recipient;
use crate::dataplane::lcore_state::CellState;
use crate::dataplane::mailbox::MAX_MEMBERS;
use crate::dataplane::tables::{CellTables, FapiTables};
use crate::planes::fapi::group::Group;
use crate::ran::{Instant, MemberId, SlotCount, SlotPoint};
use serde::{Deserialize, Serialize};

/// The group, and how far each peer's numbers have come.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FapiState {
    /// Who is given what, and who is heard.
    pub group: Group,
    /// Messages sent to the L2.
    to_l2: u16,
    /// Messages sent to each PHY, by `MemberId`.
    to_phy: [u16; MAX_MEMBERS],
}

impl FapiState {
    /// Becomes `other`, of the same shape, without allocating.
    pub fn copy_from(&mut self, other: &Self) {
        self.group.copy_from(&other.group);
        self.to_l2 = other.to_l2;
        self.to_phy = other.to_phy;
    }

    /// True if `copy_from` may be called with `other`.
    pub fn has_shape_of(&self, other: &Self) -> bool {
        self.group.has_shape_of(&other.group)
    }

    /// The number of the next message to a peer.
    pub(super) fn number_to(&self, recipient: Recipient) -> u16 {
        match recipient {
            Recipient::L2 => self.to_l2,
            Recipient::Phy(member) => self.to_phy.get(member.index()).copied().unwrap_or(0),
        }
    }

    /// The same, and the one after it is another.
    pub(super) fn next_to(&mut self, recipient: Recipient) -> u16 {
        let number = self.number_to(recipient);
        let count = match recipient {
            Recipient::L2 => Some(&mut self.to_l2),
            Recipient::Phy(member) => self.to_phy.get_mut(member.index()),
        };
        if let Some(count) = count {
            *count = number.wrapping_add(1);
        }
        number
    }
}

/// SlotCounts of a cell that knows no GPS time start here, so that none before the first is below 0: whole
/// SFN cycles of any numerology, so that a count tells the SFN.
const FIRST_CYCLE: u64 = (1024 * 10) << 5;

impl CellState {
    /// The unwrapped slot of a message of a PHY that counts `offset` slots ahead, or of the L2 with none.
    pub(super) fn lift_point(
        &self,
        tables: &CellTables,
        point: SlotPoint,
        offset: i32,
        now: Instant,
    ) -> SlotCount {
        let numerology = tables.numerology;
        let fapi = self.fapi.as_ref();
        let ticker = fapi.and_then(|fapi| fapi.group.ticker().clock());
        let current = match ticker.or(self.clock.as_ref()) {
            Some(clock) => clock.slot_at(now),
            None => {
                let per_frame = u64::from(numerology.slots_per_frame());
                SlotCount(FIRST_CYCLE + u64::from(point.sfn) * per_frame + u64::from(point.slot))
            }
        };
        // Moved together, so that an offset does not bring the nearest cycle into question.
        let theirs = current.offset(i64::from(offset));
        point.nearest(theirs, numerology).offset(-i64::from(offset))
    }

    /// The first slot of which no PHY has been given anything; `None` without FAPI.
    pub fn fapi_boundary(&self) -> Option<SlotCount> {
        self.fapi.as_ref().map(|fapi| fapi.group.next_boundary())
    }

    /// True if the PHY of `member` cannot serve: it does not run, or is lost. Never so without FAPI.
    pub fn phy_is_down(&self, member: MemberId) -> bool {
        self.fapi.as_ref().is_some_and(|fapi| {
            let group = &fapi.group;
            !group.is_running(member) || group.is_lost(member)
        })
    }

    /// The clock of a cell without GPS time and without fronthaul is the ticker's.
    pub(super) fn follow_ticker(&mut self, tables: &CellTables) {
        if tables.gps.is_some() || tables.ru.is_some() {
            return;
        }
        let ticker = self
            .fapi
            .as_ref()
            .and_then(|fapi| fapi.group.ticker().clock());
        self.clock = ticker.copied();
    }
}

/// The state of a cell whose FAPI plane crosses the appliance.
pub fn of(tables: Option<&FapiTables>) -> Option<Box<FapiState>> {
    tables.map(|_| Box::default())
}
