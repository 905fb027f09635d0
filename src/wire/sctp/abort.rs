//! ABORT (RFC 9260 3.3.7): the one packet that is made here. It needs no TSN, window or stream, only ports, a
//! tag and the T bit that says whose tag it is.

use super::{CHECKSUM, CHUNK_HEADER_LEN, ChunkType, HEADER_LEN, REFLECTED, checksum};

const CAUSE_HEADER_LEN: usize = 4;
/// Cause 12: aborted by the user; its value is for whoever reads a capture.
const USER_INITIATED: u16 = 12;
const LONGEST_REASON: usize = 40;
/// Bytes of the longest packet.
pub const LONGEST_ABORT: usize = HEADER_LEN + CHUNK_HEADER_LEN + CAUSE_HEADER_LEN + LONGEST_REASON;

/// An ABORT to emit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Abort<'a> {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// The receiver's tag; reflected, that of whoever it seems to come from.
    pub tag: u32,
    /// The T bit.
    pub reflected: bool,
    /// Why; what is longer than 40 bytes is cut.
    pub reason: &'a [u8],
}

impl Abort<'_> {
    /// Appends the packet.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let reason = self.reason.get(..LONGEST_REASON).unwrap_or(self.reason);
        let cause = CAUSE_HEADER_LEN + reason.len();
        out.extend_from_slice(&self.source_port.to_be_bytes());
        out.extend_from_slice(&self.destination_port.to_be_bytes());
        out.extend_from_slice(&self.tag.to_be_bytes());
        out.extend_from_slice(&[0; 4]);
        out.push(ChunkType::ABORT.0);
        out.push(if self.reflected { REFLECTED } else { 0 });
        out.extend_from_slice(&((CHUNK_HEADER_LEN + cause) as u16).to_be_bytes());
        out.extend_from_slice(&USER_INITIATED.to_be_bytes());
        out.extend_from_slice(&(cause as u16).to_be_bytes());
        out.extend_from_slice(reason);
        out.resize(start + (out.len() - start).next_multiple_of(4), 0);
        let Some(packet) = out.get_mut(start..) else {
            return;
        };
        let sum = checksum(packet).to_le_bytes();
        if let Some(field) = packet.get_mut(CHECKSUM..HEADER_LEN) {
            field.copy_from_slice(&sum);
        }
    }
}
