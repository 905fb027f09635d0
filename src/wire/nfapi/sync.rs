//! Node sync and TIMING_INFO (SCF 225 table 4-1), as SCF 225 and as OAI write them.
//!
//! ```text
//! DL_NODE_SYNC   t1:32 delta:32 [SCS:8]                                          OAI: without SCS
//! UL_NODE_SYNC   t1:32 t2:32 t3:32
//! TIMING_INFO    SFN:16 slot:16 since:32 4 x jitter:32 4 x latest:32 4 x earliest:32 SCS:8
//!                OAI: SFN:32 slot:32, without SCS
//! ```
//!
//! The ids of the two node syncs change places by dialect: see `MessageId::is_dl_node_sync`. Clocks count
//! microseconds from SFN 0 slot 0 and wrap after 1024 frames. OAI of 2025 sends neither node sync, and
//! zeros for the delays.

use super::fields::{Fields, Room};
use super::{Encoding, body_error};
use crate::ran::SlotPoint;
use crate::wire::{Fault, WireError};

/// Microseconds in 1024 frames: where clocks and timestamps wrap.
pub const CLOCK_PERIOD_US: u32 = 10_240_000;

/// DL_NODE_SYNC: the VNF asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DlNodeSync {
    /// Clock of the VNF when sent, microseconds.
    pub t1: u32,
    /// Correction that the PNF should apply, slots.
    pub delta: i32,
    /// Subcarrier spacing as sent (O-DU-High: kHz [?]); OAI has no such field.
    pub scs: Option<u8>,
}

impl DlNodeSync {
    /// From a body.
    pub fn parse(body: &[u8], encoding: Encoding) -> Result<Self, WireError> {
        let mut fields = Fields::new(body, encoding.order);
        Ok(Self {
            t1: fields.u32()?,
            delta: fields.i32()?,
            scs: last(fields, encoding)?,
        })
    }

    /// Writes the body to the start of `out`; returns its length. `None` if `out` is too small.
    pub fn emit(&self, encoding: Encoding, out: &mut [u8]) -> Option<usize> {
        let mut room = Room::new(out, encoding.order);
        room.u32(self.t1)?;
        room.u32(self.delta.cast_unsigned())?;
        if !encoding.oai_sync {
            room.u8(self.scs.unwrap_or(0))?;
        }
        Some(room.written())
    }
}

/// UL_NODE_SYNC: the PNF answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UlNodeSync {
    /// As in the question.
    pub t1: u32,
    /// Clock of the PNF when the question came, microseconds.
    pub t2: u32,
    /// Clock of the PNF when the answer was sent, microseconds.
    pub t3: u32,
}

impl UlNodeSync {
    /// From a body.
    pub fn parse(body: &[u8], encoding: Encoding) -> Result<Self, WireError> {
        let mut fields = Fields::new(body, encoding.order);
        let view = Self {
            t1: fields.u32()?,
            t2: fields.u32()?,
            t3: fields.u32()?,
        };
        end(fields).map(|()| view)
    }

    /// Writes the body to the start of `out`; returns its length. `None` if `out` is too small.
    pub fn emit(&self, encoding: Encoding, out: &mut [u8]) -> Option<usize> {
        let mut room = Room::new(out, encoding.order);
        for time in [self.t1, self.t2, self.t3] {
            room.u32(time)?;
        }
        Some(room.written())
    }

    /// One-way latency and offset of the PNF's clock from the VNF's, microseconds, for an answer that came at
    /// `t4`: latency = ((t4 - t1) - (t3 - t2)) / 2, offset = t2 - t1 - latency, around the period.
    pub const fn latency_and_offset(&self, t4: u32) -> (i32, i32) {
        let latency = (around(t4, self.t1) - around(self.t3, self.t2)) / 2;
        (latency, around(self.t2, self.t1) - latency)
    }
}

/// TIMING_INFO. Arrays in the order DL_TTI, TX_DATA, UL_TTI, UL_DCI.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimingInfo {
    /// Last slot, `None` if it is in no frame.
    pub last: Option<SlotPoint>,
    /// Time since the last such message, milliseconds.
    pub since_ms: u32,
    /// Jitter, microseconds.
    pub jitter: [u32; 4],
    /// Latest arrival against the window, microseconds.
    pub latest: [i32; 4],
    /// Earliest arrival against the window, microseconds.
    pub earliest: [i32; 4],
    /// Subcarrier spacing as sent; OAI has no such field.
    pub scs: Option<u8>,
}

impl TimingInfo {
    /// From a body.
    pub fn parse(body: &[u8], encoding: Encoding) -> Result<Self, WireError> {
        let mut fields = Fields::new(body, encoding.order);
        let (sfn, slot) = match encoding.oai_sync {
            true => (fields.u32()?, fields.u32()?),
            false => (u32::from(fields.u16()?), u32::from(fields.u16()?)),
        };
        let last = match (u16::try_from(sfn), u16::try_from(slot)) {
            (Ok(sfn @ ..1024), Ok(slot @ ..160)) => Some(SlotPoint { sfn, slot }),
            _ => None,
        };
        let since_ms = fields.u32()?;
        let jitter = four(|| fields.u32())?;
        let latest = four(|| fields.i32())?;
        let earliest = four(|| fields.i32())?;
        Ok(Self {
            last,
            since_ms,
            jitter,
            latest,
            earliest,
            scs: self::last(fields, encoding)?,
        })
    }
}

fn four<T>(mut read: impl FnMut() -> Result<T, WireError>) -> Result<[T; 4], WireError> {
    Ok([read()?, read()?, read()?, read()?])
}

/// The subcarrier spacing at the end, which OAI leaves out.
fn last(mut fields: Fields<'_>, encoding: Encoding) -> Result<Option<u8>, WireError> {
    let scs = match encoding.oai_sync {
        true => None,
        false => Some(fields.u8()?),
    };
    end(fields).map(|()| scs)
}

fn end(fields: Fields<'_>) -> Result<(), WireError> {
    match fields.rest() {
        [] => Ok(()),
        _ => Err(body_error(Fault::Size)),
    }
}

/// Signed distance, the short way around the period.
const fn around(later: u32, earlier: u32) -> i32 {
    let period = CLOCK_PERIOD_US as i64;
    let distance = (later as i64 - earlier as i64).rem_euclid(period);
    match distance < period / 2 {
        true => distance as i32,
        false => (distance - period) as i32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_syncs_are_read_back_in_every_encoding() {
        for encoding in [Encoding::OAI, Encoding::SCF, Encoding::AERIAL] {
            let mut out = [0xee; 16];
            let question = DlNodeSync {
                t1: 5_000_123,
                delta: -3,
                scs: (!encoding.oai_sync).then_some(30),
            };
            let len = question.emit(encoding, &mut out).unwrap();
            assert_eq!(len, if encoding.oai_sync { 8 } else { 9 });
            assert_eq!(DlNodeSync::parse(&out[..len], encoding), Ok(question));
            assert!(question.emit(encoding, &mut out[..len - 1]).is_none());
            let answer = UlNodeSync {
                t1: 1,
                t2: 2,
                t3: 3,
            };
            let len = answer.emit(encoding, &mut out).unwrap();
            assert_eq!(UlNodeSync::parse(&out[..len], encoding), Ok(answer));
            for cut in 0..len {
                assert!(UlNodeSync::parse(&out[..cut], encoding).is_err());
                if cut < 8 {
                    assert!(DlNodeSync::parse(&out[..cut], encoding).is_err());
                }
            }
            assert!(UlNodeSync::parse(&out[..len + 1], encoding).is_err());
        }
    }

    #[test]
    fn timing_info_of_scf_has_narrow_slots_and_a_spacing() {
        let mut body = vec![2, 0, 0, 13, 0, 0, 1, 0x40];
        body.extend([0; 47]);
        body.extend([7, 30]);
        let view = TimingInfo::parse(&body, Encoding::SCF).unwrap();
        assert_eq!(view.last, Some(SlotPoint { sfn: 512, slot: 13 }));
        assert_eq!(
            (view.since_ms, view.earliest[3], view.scs),
            (320, 7, Some(30))
        );
        for len in 0..body.len() {
            assert!(TimingInfo::parse(&body[..len], Encoding::SCF).is_err());
        }
    }

    #[test]
    fn an_offset_is_found_across_the_wrap() {
        let answer = UlNodeSync {
            t1: CLOCK_PERIOD_US - 100,
            t2: 150,
            t3: 170,
        };
        // 50 us each way and a clock that is 200 us ahead.
        assert_eq!(answer.latency_and_offset(20), (50, 200));
    }
}
