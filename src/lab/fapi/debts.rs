//! What a PHY owes an L2: the answers to each UL_TTI.request, and which came, twice, or never.

use super::contents::{Uplink, payload};
use super::log::{Answers, Faults};
use crate::ran::{Instant, SlotCount};
use crate::wire::nfapi::pdu::Transmission;
use crate::wire::nfapi::{Dialect, Encoding, MessageId, indication};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Of each UL_TTI.request that the L2 has sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Debts {
    slots: BTreeMap<SlotCount, Debt>,
    report: DebtReport,
}

/// How the answers came out.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct DebtReport {
    /// Answers owed.
    pub owed: Answers,
    /// Answers that came when they were owed.
    pub paid: Answers,
    /// Owed and not there in time.
    pub missing: Faults,
    /// There before.
    pub doubled: Faults,
    /// For a slot, a block or a preamble that nobody asked for, or asked for too long ago.
    pub unasked: Faults,
    /// RX_DATA with other bytes than were on the air.
    pub falsified: Faults,
    /// Indications that cannot be read.
    pub unreadable: Faults,
}

#[derive(Clone, Debug, Default)]
struct Debt {
    blocks: Vec<BlockDebt>,
    uci: Single,
    rach: Single,
}

#[derive(Clone, Debug)]
struct BlockDebt {
    transmission: Transmission,
    size: u32,
    crc: Single,
    data: Single,
}

/// Something that is owed once, or not at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Single {
    #[default]
    Nothing,
    Owed,
    Paid,
    /// No longer owed: the block could not be decoded.
    Waived,
}

enum Payment {
    Due,
    Again,
    Unasked,
}

impl Single {
    const fn owed(yes: bool) -> Self {
        match yes {
            true => Self::Owed,
            false => Self::Nothing,
        }
    }

    const fn pay(&mut self) -> Payment {
        match *self {
            Self::Owed => {
                *self = Self::Paid;
                Payment::Due
            }
            Self::Paid => Payment::Again,
            Self::Nothing | Self::Waived => Payment::Unasked,
        }
    }
}

impl Debts {
    /// The L2 sent `uplink` for `slot`.
    pub(super) fn owe(&mut self, slot: SlotCount, uplink: &Uplink) {
        let blocks = uplink.blocks.iter().map(|block| BlockDebt {
            transmission: block.transmission,
            size: block.size,
            crc: Single::Owed,
            data: Single::Owed,
        });
        let debt = Debt {
            blocks: blocks.collect(),
            uci: Single::owed(uplink.controls > 0),
            rach: Single::owed(uplink.random_access),
        };
        let owed = &mut self.report.owed;
        owed.crc += debt.blocks.len() as u64;
        owed.rx_data += debt.blocks.len() as u64;
        owed.uci += u64::from(debt.uci == Single::Owed);
        owed.rach += u64::from(debt.rach == Single::Owed);
        self.slots.insert(slot, debt);
    }

    /// A PHY sent an indication about `slot`.
    pub(super) fn answered(
        &mut self,
        id: MessageId,
        body: &[u8],
        encoding: Encoding,
        (slot, now): (SlotCount, Instant),
    ) {
        let read = match id {
            MessageId::CRC_INDICATION => self.crc(body, encoding, slot, now),
            MessageId::RX_DATA_INDICATION => self.rx_data(body, encoding, slot, now),
            MessageId::UCI_INDICATION => self.one(slot, now, UCI, |debt| &mut debt.uci),
            MessageId::RACH_INDICATION => self.one(slot, now, RACH, |debt| &mut debt.rach),
            _ => None,
        };
        if read.is_none() {
            let name = id.name(Dialect::OaiNfapi);
            self.report.unreadable.note(name, slot, now);
        }
    }

    /// Whatever is owed of slots before `slot` will not come any more.
    pub(super) fn close(&mut self, slot: SlotCount, now: Instant) {
        let open = self.slots.split_off(&slot);
        let missing = &mut self.report.missing;
        for (slot, debt) in std::mem::replace(&mut self.slots, open) {
            for block in &debt.blocks {
                if block.crc == Single::Owed {
                    missing.note(CRC, slot, now);
                }
                if block.data == Single::Owed {
                    missing.note(RX_DATA, slot, now);
                }
            }
            for (single, name) in [(debt.uci, UCI), (debt.rach, RACH)] {
                if single == Single::Owed {
                    missing.note(name, slot, now);
                }
            }
        }
    }

    pub(super) const fn report(&self) -> &DebtReport {
        &self.report
    }

    fn crc(
        &mut self,
        body: &[u8],
        encoding: Encoding,
        slot: SlotCount,
        now: Instant,
    ) -> Option<()> {
        for entry in indication::crc(body, encoding).ok()?.entries() {
            let entry = entry.ok()?;
            let failed = entry.status != 0;
            let block = block(&mut self.slots, slot, entry.transmission);
            let payment = block.map_or(Payment::Unasked, |block| {
                if failed && block.data == Single::Owed {
                    block.data = Single::Waived;
                }
                block.crc.pay()
            });
            if self.book(payment, CRC, slot, now) {
                self.report.paid.crc += 1;
                self.report.paid.failed_crc += u64::from(failed);
            }
        }
        Some(())
    }

    fn rx_data(
        &mut self,
        body: &[u8],
        encoding: Encoding,
        slot: SlotCount,
        now: Instant,
    ) -> Option<()> {
        for entry in indication::rx_data(body, encoding).ok()?.entries() {
            let entry = entry.ok()?;
            let block = block(&mut self.slots, slot, entry.transmission);
            let (payment, size) = block.map_or((Payment::Unasked, 0), |block| {
                (block.data.pay(), block.size)
            });
            if !self.book(payment, RX_DATA, slot, now) {
                continue;
            }
            self.report.paid.rx_data += 1;
            if entry.data != payload(entry.transmission, size) {
                self.report.falsified.note(RX_DATA, slot, now);
            }
        }
        Some(())
    }

    fn one(
        &mut self,
        slot: SlotCount,
        now: Instant,
        name: &'static str,
        which: impl Fn(&mut Debt) -> &mut Single,
    ) -> Option<()> {
        let debt = self.slots.get_mut(&slot);
        let payment = debt.map_or(Payment::Unasked, |debt| which(debt).pay());
        if self.book(payment, name, slot, now) {
            let paid = &mut self.report.paid;
            match name {
                UCI => paid.uci += 1,
                _ => paid.rach += 1,
            }
        }
        Some(())
    }

    /// True if it was owed.
    fn book(
        &mut self,
        payment: Payment,
        name: &'static str,
        slot: SlotCount,
        now: Instant,
    ) -> bool {
        match payment {
            Payment::Due => return true,
            Payment::Again => self.report.doubled.note(name, slot, now),
            Payment::Unasked => self.report.unasked.note(name, slot, now),
        }
        false
    }
}

fn block(
    slots: &mut BTreeMap<SlotCount, Debt>,
    slot: SlotCount,
    transmission: Transmission,
) -> Option<&mut BlockDebt> {
    let debt = slots.get_mut(&slot)?;
    let mut blocks = debt.blocks.iter_mut();
    blocks.find(|block| block.transmission == transmission)
}

const CRC: &str = "CRC.indication";
const RX_DATA: &str = "RX_DATA.indication";
const UCI: &str = "UCI.indication";
const RACH: &str = "RACH.indication";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::fapi::contents::{Block, Contents};
    use crate::ran::SlotPoint;

    const SLOT: SlotCount = SlotCount(8);
    const POINT: SlotPoint = SlotPoint { sfn: 0, slot: 8 };
    const NOW: Instant = Instant(1);

    fn block(handle: u32) -> Block {
        Block {
            transmission: Transmission {
                handle,
                rnti: 1,
                harq_id: 2,
            },
            size: 40,
        }
    }

    fn owing() -> Debts {
        let mut debts = Debts::default();
        let uplink = Uplink {
            blocks: vec![block(5)],
            controls: 1,
            random_access: true,
        };
        debts.owe(SLOT, &uplink);
        debts
    }

    fn answer(debts: &mut Debts, id: MessageId, body: &[u8]) {
        debts.answered(id, body, Encoding::OAI, (SLOT, NOW));
    }

    fn contents() -> Contents {
        Contents::of(Dialect::OaiNfapi)
    }

    #[test]
    fn what_never_comes_is_missing() {
        let mut debts = owing();
        debts.close(SLOT.offset(1), NOW);
        let missing = &debts.report().missing;
        assert_eq!((missing.count, missing.slots), (4, Some((8, 8))));
    }

    #[test]
    fn what_comes_is_not_missing() {
        let mut debts = owing();
        let contents = contents();
        let crc = contents.crc(POINT, &[(block(5), true)]);
        answer(&mut debts, MessageId::CRC_INDICATION, &crc);
        let data = contents.rx_data(POINT, &[block(5)]);
        answer(&mut debts, MessageId::RX_DATA_INDICATION, &data);
        answer(
            &mut debts,
            MessageId::UCI_INDICATION,
            &contents.uci(POINT, 1),
        );
        answer(
            &mut debts,
            MessageId::RACH_INDICATION,
            &contents.rach(POINT),
        );
        debts.close(SLOT.offset(1), NOW);
        let report = debts.report();
        assert_eq!((report.missing.count, report.paid), (0, report.owed));
    }

    #[test]
    fn a_block_that_could_not_be_decoded_owes_no_data() {
        let mut debts = owing();
        let crc = contents().crc(POINT, &[(block(5), false)]);
        answer(&mut debts, MessageId::CRC_INDICATION, &crc);
        debts.close(SLOT.offset(1), NOW);
        let missing = &debts.report().missing.first;
        assert!(missing.iter().all(|fault| fault.message != RX_DATA));
    }

    #[test]
    fn the_same_answer_again_is_doubled() {
        let mut debts = owing();
        let crc = contents().crc(POINT, &[(block(5), true)]);
        answer(&mut debts, MessageId::CRC_INDICATION, &crc);
        answer(&mut debts, MessageId::CRC_INDICATION, &crc);
        assert_eq!(debts.report().doubled.count, 1);
    }

    #[test]
    fn a_block_that_nobody_asked_for_is_unasked() {
        let mut debts = owing();
        let crc = contents().crc(POINT, &[(block(6), true)]);
        answer(&mut debts, MessageId::CRC_INDICATION, &crc);
        assert_eq!(debts.report().unasked.count, 1);
    }

    #[test]
    fn other_bytes_are_falsified() {
        let mut debts = owing();
        let mut data = contents().rx_data(POINT, &[block(5)]);
        *data.last_mut().unwrap() ^= 1;
        answer(&mut debts, MessageId::RX_DATA_INDICATION, &data);
        assert_eq!(debts.report().falsified.count, 1);
    }
}
