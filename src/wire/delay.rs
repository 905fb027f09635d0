//! eCPRI type 5, one-way delay measurement (eCPRI 2.0, 3.2.4.6).
//!
//! Carries no eAxC id: it belongs to a pair of peers. The box forwards it unchanged but for
//! measurementId, which two DUs behind one identity may both use.

use super::{Fault, Layer, WireError};

/// Bytes in front of the dummy bytes.
pub const FIXED_LEN: usize = 20;

/// actionType.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Action {
    /// 0: carries t1.
    Request,
    /// 1: t1 follows in a Follow_Up.
    RequestWithFollowUp,
    /// 2: carries t2.
    Response,
    /// 3: asks the peer to send a Request.
    RemoteRequest,
    /// 4: asks the peer to send a Request with Follow_Up.
    RemoteRequestWithFollowUp,
    /// 5: carries t1 of the Request before it.
    FollowUp,
    /// 6..=255.
    Reserved(u8),
}

/// A delay measurement message.
#[derive(Clone, Copy, Debug)]
pub struct DelayMeasurement<'a> {
    fixed: &'a [u8; FIXED_LEN],
}

impl<'a> DelayMeasurement<'a> {
    /// From the payload of a type 5 message; returns the dummy bytes as well.
    #[inline]
    pub fn parse(payload: &'a [u8]) -> Result<(Self, &'a [u8]), WireError> {
        let (fixed, dummy) = payload.split_first_chunk().ok_or(WireError {
            layer: Layer::Ecpri,
            fault: Fault::Truncated,
        })?;
        Ok((Self { fixed }, dummy))
    }

    /// measurementId: pairs a response with its request.
    #[inline]
    pub const fn measurement_id(&self) -> u8 {
        self.fixed[0]
    }

    /// actionType.
    #[inline]
    pub const fn action(&self) -> Action {
        match self.fixed[1] {
            0 => Action::Request,
            1 => Action::RequestWithFollowUp,
            2 => Action::Response,
            3 => Action::RemoteRequest,
            4 => Action::RemoteRequestWithFollowUp,
            5 => Action::FollowUp,
            other => Action::Reserved(other),
        }
    }

    /// Time stamp: seconds (48 bits on the wire) and nanoseconds. Zero where the action carries none.
    pub const fn timestamp(&self) -> (u64, u32) {
        let [_, _, a, b, c, d, e, f, g, h, i, j, ..] = *self.fixed;
        (
            u64::from_be_bytes([0, 0, a, b, c, d, e, f]),
            u32::from_be_bytes([g, h, i, j]),
        )
    }

    /// Compensation value in units of 2^-16 ns.
    pub const fn compensation(&self) -> i64 {
        let [.., a, b, c, d, e, f, g, h] = *self.fixed;
        i64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

/// Writes measurementId of a parsed payload.
#[inline]
pub fn set_measurement_id(payload: &mut [u8], id: u8) {
    if let Some(field) = payload.first_mut() {
        *field = id;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::vectors;

    #[test]
    fn fields_of_a_request() {
        let frame = vectors::v10();
        let (view, dummy) = DelayMeasurement::parse(&frame[22..]).unwrap();
        assert_eq!(view.measurement_id(), 7);
        assert_eq!(view.action(), Action::Request);
        assert_eq!(view.timestamp(), (1_700_000_000, 123_456_789));
        assert_eq!(view.compensation(), 1500 << 16);
        assert!(dummy.is_empty());
    }

    #[test]
    fn every_truncation_is_an_error() {
        let frame = vectors::v10();
        for len in 22..frame.len() {
            assert!(DelayMeasurement::parse(&frame[22..len]).is_err());
        }
    }

    #[test]
    fn an_edit_changes_the_measurement_id_alone() {
        let mut frame = vectors::v10();
        set_measurement_id(&mut frame[22..], 200);
        let changed: Vec<_> = (0..frame.len())
            .filter(|at| frame[*at] != vectors::v10()[*at])
            .collect();
        assert_eq!(changed, [22]);
        set_measurement_id(&mut [], 1);
    }

    #[test]
    fn an_unknown_action_is_a_value() {
        let mut payload = vec![0; 30];
        payload[1] = 6;
        let (view, dummy) = DelayMeasurement::parse(&payload).unwrap();
        assert_eq!(view.action(), Action::Reserved(6));
        assert_eq!(dummy.len(), 10);
    }
}
