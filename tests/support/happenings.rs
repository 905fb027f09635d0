//! Whatever can happen to a cell of two DUs, by numbers that a test draws.

use crate::appliance::*;
use ranshift::dataplane::mailbox::{Action, Boundary, PatternBits};
use ranshift::ran::Direction::{Downlink, Uplink};
use ranshift::ran::{MemberId, SlotCount};
use ranshift::wire::oran::emit::ControlSection;

/// One frame of anybody for a slot nearby, or something damaged, or a command.
pub(crate) fn happen(appliance: &mut Appliance, step: u64, what: (u8, u8, i64, u8, u8)) {
    let (kind, sequence, ahead, symbol, damage) = what;
    let slot = START.offset(step as i64 / 20);
    appliance.go_to(slot);
    let slot = slot.offset(ahead);
    let whole = [ControlSection::whole(0, 14)];
    let narrow = [ControlSection {
        num_prb: 9,
        ..ControlSection::whole(2, 14)
    }];
    let eaxc = u16::from(sequence & 1);
    let (port, mut frame) = match kind {
        0 => (1, FROM_A.user(Downlink, at(eaxc, sequence, slot, symbol))),
        1 => (
            2,
            FROM_B.user(Downlink, at(16 + eaxc, sequence, slot, symbol)),
        ),
        2 => (
            1,
            FROM_A.control(Downlink, at(eaxc, sequence, slot, 0), &whole),
        ),
        3 => (
            2,
            FROM_B.control(Downlink, at(16 + eaxc, sequence, slot, 0), &whole),
        ),
        4 => (
            1,
            FROM_A.control(Uplink, at(eaxc, sequence, slot, 0), &whole),
        ),
        5 => (
            2,
            FROM_B.control(Uplink, at(16 + eaxc, sequence, slot, 0), &narrow),
        ),
        6 => (0, FROM_RU.user(Uplink, at(eaxc, sequence, slot, symbol))),
        7 => {
            let mapped = 0x800 * u16::from(damage & 1);
            let at = at(eaxc, sequence, slot, symbol);
            (0, FROM_RU.frame(&user_section(Uplink, at, mapped)))
        }
        8 => (0, FROM_RU.frame(&[0x10, 7, 0, 4, 1, 2, 3, 4])),
        9 => (
            1,
            FROM_A.frame(&[0x10, 5, 0, 12, sequence, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ),
        10 => {
            let at = at(eaxc, sequence, slot, symbol);
            let mut twice = user(Downlink, at);
            twice[0] = 0x11;
            twice.extend(user(Downlink, at));
            (1, FROM_A.frame(&twice))
        }
        11 => (1, FROM_A.frame(&[0x20; 40])),
        12 => return command(appliance, damage),
        _ => (2, vec![damage; 70]),
    };
    if damage > 200 {
        let place = usize::from(sequence) % frame.len();
        frame[place] = damage;
    }
    appliance.receive(port, &frame);
}

pub(crate) fn command(appliance: &mut Appliance, which: u8) {
    let (source, destination) = match which & 1 {
        0 => (MemberId(0), MemberId(1)),
        _ => (MemberId(1), MemberId(0)),
    };
    let action = match which % 5 {
        0 | 1 => Action::Share {
            source,
            destination,
        },
        2 => Action::Switch { to: destination },
        3 => Action::Readmit { member: source },
        _ => Action::Pattern(PatternBits::new(&[which & 2 == 0, true]).unwrap()),
    };
    appliance.command(Boundary::Next, action);
}

/// Both members on the same control symbol of one antenna port.
pub(crate) fn conflict(appliance: &mut Appliance, slot: SlotCount) {
    for symbol in 0..2 {
        appliance.receive(1, &FROM_A.user(Downlink, at(0, 0, slot, symbol)));
        appliance.receive(2, &FROM_B.user(Downlink, at(16, 0, slot, symbol)));
    }
}
