//! The pattern of slots: which symbols of a slot are downlink and which are uplink.
//!
//! Written as letters, one a slot: `D` downlink, `U` uplink, `F` both at once (FDD), `S` special: its
//! first symbols downlink, its last uplink, a guard between them.

use std::fmt;

/// A repeating pattern of slots.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tdd {
    kinds: Vec<Kind>,
    special: SlotShape,
}

/// Symbols of one slot: the first `downlink` are downlink, the last `uplink` are uplink.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct SlotShape {
    /// Downlink symbols, from symbol 0.
    pub downlink: u8,
    /// Uplink symbols, up to the last.
    pub uplink: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Downlink,
    Special,
    Uplink,
    Full,
}

/// What is wrong with a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TddError {
    /// No letter at all.
    Empty,
    /// A letter other than D, S, U, F.
    Letter(char),
    /// Downlink and uplink symbols of the special slot exceed a slot.
    Special(SlotShape),
}

impl Tdd {
    /// From letters; `special` holds the symbols of each `S`.
    pub fn parse(letters: &str, special: SlotShape) -> Result<Self, TddError> {
        if special.downlink.saturating_add(special.uplink) > 14 {
            return Err(TddError::Special(special));
        }
        let kinds: Vec<Kind> = letters.chars().map(kind).collect::<Result<_, _>>()?;
        if kinds.is_empty() {
            return Err(TddError::Empty);
        }
        Ok(Self { kinds, special })
    }

    /// A pattern of `period` slots: FDD for 1, else six tenths downlink, one special slot, the rest uplink.
    pub fn of_period(period: u32) -> Self {
        let downlink = period.saturating_mul(6) / 10;
        let kinds = (0..period.max(1)).map(|slot| match period {
            0 | 1 => Kind::Full,
            _ if slot < downlink => Kind::Downlink,
            _ if slot == downlink => Kind::Special,
            _ => Kind::Uplink,
        });
        Self {
            kinds: kinds.collect(),
            special: DEFAULT_SPECIAL,
        }
    }

    /// Slots after which the pattern repeats.
    pub fn period(&self) -> u32 {
        self.kinds.len() as u32
    }

    /// The shape of the slot at `position` of the pattern, in a cell of `symbols` symbols a slot.
    pub fn shape(&self, position: u32, symbols: u8) -> SlotShape {
        let downlink = SlotShape {
            downlink: symbols,
            uplink: 0,
        };
        match self.kinds.get((position % self.period()) as usize) {
            Some(Kind::Downlink) => downlink,
            Some(Kind::Full) => SlotShape {
                uplink: symbols,
                ..downlink
            },
            Some(Kind::Special) => SlotShape {
                downlink: self.special.downlink.min(symbols),
                uplink: self.special.uplink.min(symbols),
            },
            Some(Kind::Uplink) | None => SlotShape {
                downlink: 0,
                uplink: symbols,
            },
        }
    }
}

impl fmt::Display for TddError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a pattern needs at least one slot"),
            Self::Letter(letter) => write!(f, "'{letter}' is no slot: use D, S, U or F"),
            Self::Special(shape) => write!(
                f,
                "a special slot of {} downlink and {} uplink symbols exceeds 14",
                shape.downlink, shape.uplink
            ),
        }
    }
}

impl std::error::Error for TddError {}

const fn kind(letter: char) -> Result<Kind, TddError> {
    match letter {
        'D' => Ok(Kind::Downlink),
        'S' => Ok(Kind::Special),
        'U' => Ok(Kind::Uplink),
        'F' => Ok(Kind::Full),
        _ => Err(TddError::Letter(letter)),
    }
}

/// As in the captures that the leads were taken from.
pub(super) const DEFAULT_SPECIAL: SlotShape = SlotShape {
    downlink: 8,
    uplink: 0,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_slots_are_the_pattern_of_the_captures() {
        let expected = Tdd::parse("DDDDDDSUUU", DEFAULT_SPECIAL).unwrap();
        assert_eq!(Tdd::of_period(10), expected);
    }

    #[test]
    fn a_period_of_one_slot_is_fdd() {
        let shape = Tdd::of_period(1).shape(0, 14);
        assert_eq!((shape.downlink, shape.uplink), (14, 14));
    }

    #[test]
    fn an_unknown_letter_is_named() {
        let error = Tdd::parse("DDX", DEFAULT_SPECIAL).unwrap_err();
        assert_eq!(error, TddError::Letter('X'));
    }

    #[test]
    fn an_overfull_special_slot_is_refused() {
        let special = SlotShape {
            downlink: 10,
            uplink: 5,
        };
        assert_eq!(Tdd::parse("S", special), Err(TddError::Special(special)));
    }
}
