//! The telling of a message of which nothing but its faults is heard: whether it can be read to its end.

use super::{Teller, Value, datagram};
use crate::wire::WireError;
use crate::wire::nfapi::{Datagram, Dialect, Encoding};
use std::fmt;

/// The first fault that a datagram's telling would name.
pub fn fault(view: &Datagram<'_>, dialect: Dialect, encoding: Encoding) -> Option<WireError> {
    let mut first = FirstFault(None);
    // Its teller does not fail.
    let _ = datagram(view, dialect, encoding, &mut first);
    first.0
}

struct FirstFault(Option<WireError>);

impl Teller for FirstFault {
    fn open(&mut self, _: &'static str) -> fmt::Result {
        Ok(())
    }

    fn close(&mut self) -> fmt::Result {
        Ok(())
    }

    fn field(&mut self, _: &'static str, _: Value<'_>) -> fmt::Result {
        Ok(())
    }

    fn fault(&mut self, error: WireError) -> fmt::Result {
        self.0.get_or_insert(error);
        Ok(())
    }
}
