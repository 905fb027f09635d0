//! The telling of a message as one line: fields as `name value`, items behind bars.
//!
//! A line stays readable: of many items the first few are written and the rest is counted.

use super::{Teller, Value};
use crate::wire::WireError;
use std::fmt::{self, Formatter};

/// Writes what it hears to a formatter.
pub struct Line<'w, 'f> {
    out: &'w mut Formatter<'f>,
    depth: usize,
    /// Items of the message itself.
    items: usize,
}

impl<'w, 'f> Line<'w, 'f> {
    /// Continues what is written already.
    pub const fn new(out: &'w mut Formatter<'f>) -> Self {
        Self {
            out,
            depth: 0,
            items: 0,
        }
    }

    /// Says how many items were left out.
    pub fn end(self) -> fmt::Result {
        match self.items.checked_sub(LARGEST_LIST) {
            None | Some(0) => Ok(()),
            Some(left) => write!(self.out, " | and {left} more"),
        }
    }

    const fn is_silent(&self) -> bool {
        self.depth > 0 && self.items > LARGEST_LIST
    }
}

impl Teller for Line<'_, '_> {
    fn open(&mut self, kind: &'static str) -> fmt::Result {
        self.items += usize::from(self.depth == 0);
        self.depth += 1;
        if self.is_silent() {
            return Ok(());
        }
        write!(self.out, " | {kind}")
    }

    fn close(&mut self) -> fmt::Result {
        self.depth = self.depth.saturating_sub(1);
        Ok(())
    }

    fn field(&mut self, name: &'static str, value: Value<'_>) -> fmt::Result {
        if self.is_silent() {
            return Ok(());
        }
        match (name, value) {
            ("message", Value::Word(word)) => write!(self.out, " {word}"),
            (_, Value::Number(value)) => write!(self.out, " {name} {value}"),
            (_, Value::Hex(value)) => write!(self.out, " {name} {value:#06x}"),
            (_, Value::Word(word)) => write!(self.out, " {name} {word}"),
            (_, Value::Address(address)) => write!(self.out, " {name} {address}"),
            (_, Value::Bytes(bytes)) => {
                write!(self.out, " {name} ")?;
                for byte in bytes.iter().take(LARGEST_VALUE) {
                    write!(self.out, "{byte:02x}")?;
                }
                match bytes.len() > LARGEST_VALUE {
                    true => self.out.write_str(".."),
                    false => Ok(()),
                }
            }
        }
    }

    fn fault(&mut self, error: WireError) -> fmt::Result {
        write!(self.out, " | malformed {error}")
    }
}

const LARGEST_LIST: usize = 6;
/// Bytes of a value that are written.
const LARGEST_VALUE: usize = 16;
