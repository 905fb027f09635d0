//! INIT and INIT ACK (RFC 9260 3.3.2 and 3.3.3): the tag that their sender chose, and where else it can be
//! reached.

use super::error;
use crate::wire::{Fault, WireError};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const FIXED_LEN: usize = 16;
const TLV_HEADER_LEN: usize = 4;
const IPV4_ADDRESS: u16 = 5;
const IPV6_ADDRESS: u16 = 6;

/// The fixed part of either.
#[derive(Clone, Copy, Debug)]
pub struct Init<'a> {
    fixed: &'a [u8; FIXED_LEN],
}

impl<'a> Init<'a> {
    /// What the value of the chunk says, and its parameters. Refused: tag 0.
    pub fn parse(value: &'a [u8]) -> Result<(Self, Tlvs<'a>), WireError> {
        let (fixed, rest) = value
            .split_first_chunk::<FIXED_LEN>()
            .ok_or(error(Fault::Truncated))?;
        let view = Self { fixed };
        match view.tag() {
            0 => Err(error(Fault::Range)),
            _ => Ok((view, Tlvs { rest })),
        }
    }

    /// The tag that its sender wants to be addressed with; never 0.
    pub const fn tag(&self) -> u32 {
        let [a, b, c, d, ..] = *self.fixed;
        u32::from_be_bytes([a, b, c, d])
    }

    /// The TSN that its sender's data begin with.
    pub const fn initial_tsn(&self) -> u32 {
        let [.., a, b, c, d] = *self.fixed;
        u32::from_be_bytes([a, b, c, d])
    }
}

/// Parameters of INIT and INIT ACK, or error causes of ABORT and ERROR: both have the same form.
#[derive(Clone, Debug)]
pub struct Tlvs<'a> {
    rest: &'a [u8],
}

impl<'a> Tlvs<'a> {
    /// The error causes that the value of ABORT or ERROR lists.
    pub const fn causes(value: &'a [u8]) -> Self {
        Self { rest: value }
    }

    /// Addresses among the parameters, up to the first that is malformed.
    pub fn addresses(self) -> impl Iterator<Item = IpAddr> {
        self.map_while(Result::ok).filter_map(|tlv| tlv.address())
    }

    fn step(&mut self) -> Result<Tlv<'a>, WireError> {
        let ([a, b, c, d], _) = self
            .rest
            .split_first_chunk::<TLV_HEADER_LEN>()
            .ok_or(error(Fault::Truncated))?;
        let len = usize::from(u16::from_be_bytes([*c, *d]));
        if len < TLV_HEADER_LEN {
            return Err(error(Fault::Size));
        }
        let value = self.rest.get(TLV_HEADER_LEN..len);
        let tlv = Tlv {
            kind: u16::from_be_bytes([*a, *b]),
            value: value.ok_or(error(Fault::Size))?,
        };
        let padded = len.next_multiple_of(4).min(self.rest.len());
        self.rest = self.rest.get(padded..).unwrap_or_default();
        Ok(tlv)
    }
}

impl<'a> Iterator for Tlvs<'a> {
    type Item = Result<Tlv<'a>, WireError>;

    /// Ends behind the first that is malformed.
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let step = self.step();
        if step.is_err() {
            self.rest = &[];
        }
        Some(step)
    }
}

/// One parameter or error cause.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tlv<'a> {
    /// Its type or code.
    pub kind: u16,
    /// Its value, without padding.
    pub value: &'a [u8],
}

impl Tlv<'_> {
    /// The address that an address parameter holds.
    pub fn address(&self) -> Option<IpAddr> {
        match self.kind {
            IPV4_ADDRESS => <[u8; 4]>::try_from(self.value)
                .ok()
                .map(|octets| Ipv4Addr::from(octets).into()),
            IPV6_ADDRESS => <[u8; 16]>::try_from(self.value)
                .ok()
                .map(|octets| Ipv6Addr::from(octets).into()),
            _ => None,
        }
    }
}
