//! Messages out of a stream of bytes: the length in the header frames them, over TCP because nothing else does,
//! over SCTP because a user message may be read in pieces.
//!
//! Bounded: one message and what was read behind it. What cannot be a message puts the stream out of step for
//! good, so that the connection has to end.

use crate::wire::WireError;
use crate::wire::nfapi::Dialect;
use crate::wire::nfapi::p5_header::P5Header;

/// Bytes that are on their way to being messages.
#[derive(Debug)]
pub struct Framer {
    dialect: Dialect,
    bytes: Vec<u8>,
}

impl Framer {
    /// Of a connection that has just begun.
    pub const fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            bytes: Vec::new(),
        }
    }

    /// Takes what was read. Messages must be taken out before more is read, or memory grows.
    pub fn extend(&mut self, read: &[u8]) {
        self.bytes.extend_from_slice(read);
    }

    /// The next message, header included; `None` if more must be read.
    pub fn next_message(&mut self) -> Result<Option<Vec<u8>>, WireError> {
        let Some(len) = P5Header::frame(&self.bytes, self.dialect)? else {
            return Ok(None);
        };
        if self.bytes.len() < len {
            return Ok(None);
        }
        let rest = self.bytes.split_off(len);
        Ok(Some(std::mem::replace(&mut self.bytes, rest)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: [u8; 10] = [0, 1, 0, 4, 0, 0, 0, 0, 0, 0];
    const ANSWER: [u8; 11] = [0, 1, 1, 8, 0, 0, 0, 1, 0, 0, 7];

    #[test]
    fn messages_come_out_however_the_stream_was_cut() {
        let stream = [&START[..], &ANSWER, &START].concat();
        for piece in 1..=stream.len() {
            let mut framer = Framer::new(Dialect::OaiNfapi);
            let mut found = Vec::new();
            for bytes in stream.chunks(piece) {
                framer.extend(bytes);
                while let Some(message) = framer.next_message().unwrap() {
                    found.push(message);
                }
            }
            assert_eq!(found, [&START[..], &ANSWER, &START], "{piece}");
        }
    }

    #[test]
    fn a_length_beyond_all_reason_is_refused_before_its_bytes_are_there() {
        let mut framer = Framer::new(Dialect::OaiNfapi);
        framer.extend(&[0, 1, 0, 2, 0xff, 0, 0, 0, 0, 0]);
        assert!(framer.next_message().is_err());
    }

    proptest! {
        #[test]
        fn any_stream_is_read_or_refused(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..20),
            which in 0usize..4,
        ) {
            let mut framer = Framer::new(Dialect::ALL[which]);
            for piece in pieces {
                framer.extend(&piece);
                while let Ok(Some(message)) = framer.next_message() {
                    prop_assert!(P5Header::parse(&message, Dialect::ALL[which]).is_ok());
                }
            }
        }
    }
}
