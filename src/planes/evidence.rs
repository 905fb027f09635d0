//! What tells that a member is gone, and how much of it must be there before a failover begins.
//!
//! A DU and its PHY speak on several planes, and a fault of the network between takes one of them away while
//! the member serves on. By default one silent plane is enough: a radio without a DU loses its users within
//! a frame or two, and a failover that was not needed costs them nothing.

use serde::{Deserialize, Serialize};

/// What is watched of a member.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Its C- and U-plane, due slot by due slot (`planes::liveness`).
    #[default]
    Fronthaul,
    /// SLOT.indications of its PHY, or the end of its P5 connection (`planes::fapi`).
    Fapi,
}

impl Signal {
    /// The word for it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Fronthaul => "fronthaul",
            Self::Fapi => "fapi",
        }
    }
}

/// A set of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Signals(u8);

impl Signals {
    /// With `signal`, if `there`.
    #[must_use]
    pub const fn with(self, signal: Signal, there: bool) -> Self {
        Self(self.0 | (there as u8) << signal as u8)
    }

    /// In both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// How many.
    pub const fn count(self) -> u8 {
        self.0.count_ones() as u8
    }
}

impl FromIterator<Signal> for Signals {
    fn from_iter<I: IntoIterator<Item = Signal>>(signals: I) -> Self {
        let with = |set: Self, signal| set.with(signal, true);
        signals.into_iter().fold(Self::default(), with)
    }
}

/// How much evidence means loss.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LossRule {
    /// What counts.
    pub watched: Signals,
    /// So many of them must be silent.
    pub least: u8,
}

/// What the evidence comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Finding {
    /// So many signals that count are silent.
    pub silent: u8,
    /// So many would be enough.
    pub needed: u8,
}

impl Finding {
    /// True if the member is gone.
    pub const fn is_loss(self) -> bool {
        self.silent > 0 && self.silent >= self.needed
    }
}

impl LossRule {
    /// Judges a member of which these signals were ever there, and these are silent. What was never there cannot
    /// fall silent, and is not waited for: of three signals of which two are known, no more than two are needed.
    pub fn judge(&self, known: Signals, silent: Signals) -> Finding {
        let known = self.watched.and(known);
        Finding {
            silent: known.and(silent).count(),
            needed: self.least.min(known.count()).max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Signals = Signals(0);
    const FRONTHAUL: Signals = Signals(1);
    const FAPI: Signals = Signals(2);
    const BOTH: Signals = Signals(3);

    fn is_loss(least: u8, known: Signals, silent: Signals) -> bool {
        let rule = LossRule {
            watched: BOTH,
            least,
        };
        rule.judge(known, silent).is_loss()
    }

    #[test]
    fn one_silent_signal_is_enough_if_any_is() {
        assert!(is_loss(1, BOTH, FRONTHAUL) && is_loss(1, BOTH, FAPI) && is_loss(1, BOTH, BOTH));
        assert!(!is_loss(1, BOTH, NONE));
    }

    #[test]
    fn all_must_be_silent_if_all_are_needed() {
        assert!(!is_loss(2, BOTH, FRONTHAUL) && !is_loss(2, BOTH, FAPI));
        assert!(is_loss(2, BOTH, BOTH));
    }

    #[test]
    fn a_signal_that_was_never_there_is_neither_silent_nor_waited_for() {
        assert!(is_loss(2, FRONTHAUL, FRONTHAUL));
        assert!(!is_loss(2, FRONTHAUL, FAPI));
        assert!(!is_loss(2, NONE, BOTH));
    }

    #[test]
    fn a_signal_that_does_not_count_tells_nothing() {
        let rule = LossRule {
            watched: FAPI,
            least: 1,
        };
        assert!(!rule.judge(BOTH, FRONTHAUL).is_loss());
        assert_eq!(
            rule.judge(BOTH, BOTH),
            Finding {
                silent: 1,
                needed: 1
            }
        );
    }
}
