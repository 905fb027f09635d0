//! One field after the other, in the byte order of the sender: what bodies are read and written with.

use super::{ByteOrder, body_error};
use crate::wire::{Fault, WireError};

/// Bytes that are yet to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
    order: ByteOrder,
}

impl<'a> Fields<'a> {
    #[inline]
    pub(super) const fn new(bytes: &'a [u8], order: ByteOrder) -> Self {
        Self { rest: bytes, order }
    }

    #[inline]
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(TRUNCATED)?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (chunk, rest) = self.rest.split_first_chunk().ok_or(TRUNCATED)?;
        self.rest = rest;
        Ok(*chunk)
    }

    #[inline]
    pub(super) fn u8(&mut self) -> Result<u8, WireError> {
        let [byte] = self.chunk()?;
        Ok(byte)
    }

    #[inline]
    pub(super) fn u16(&mut self) -> Result<u16, WireError> {
        Ok(self.order.u16(self.chunk()?))
    }

    #[inline]
    pub(super) fn u32(&mut self) -> Result<u32, WireError> {
        Ok(self.order.u32(self.chunk()?))
    }

    #[inline]
    pub(super) fn i16(&mut self) -> Result<i16, WireError> {
        Ok(self.u16()?.cast_signed())
    }

    #[inline]
    pub(super) fn i32(&mut self) -> Result<i32, WireError> {
        Ok(self.u32()?.cast_signed())
    }
}

/// Room that is yet to be written; `None` once it is used up.
#[derive(Debug)]
pub(super) struct Room<'a> {
    out: &'a mut [u8],
    at: usize,
    order: ByteOrder,
}

impl<'a> Room<'a> {
    #[inline]
    pub(super) const fn new(out: &'a mut [u8], order: ByteOrder) -> Self {
        Self { out, at: 0, order }
    }

    /// Bytes written so far.
    #[inline]
    pub(super) const fn written(&self) -> usize {
        self.at
    }

    #[inline]
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.at.checked_add(bytes.len())?;
        self.out.get_mut(self.at..end)?.copy_from_slice(bytes);
        self.at = end;
        Some(())
    }

    #[inline]
    pub(super) fn u8(&mut self, value: u8) -> Option<()> {
        self.bytes(&[value])
    }

    #[inline]
    pub(super) fn u16(&mut self, value: u16) -> Option<()> {
        self.bytes(&self.order.bytes16(value))
    }

    #[inline]
    pub(super) fn u32(&mut self, value: u32) -> Option<()> {
        self.bytes(&self.order.bytes32(value))
    }
}

const TRUNCATED: WireError = body_error(Fault::Truncated);
