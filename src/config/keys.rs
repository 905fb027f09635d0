//! The form of the tables of keys: reading, checking and the written reference all follow them.
//!
//! Each table stands beside the code that reads its keys; `reference` lists them all in order.

use super::source::problem::Diagnosis;
use super::source::tree::{self, Node};
use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

/// The keys of one mapping.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    /// Where the mapping stands, as in `cells.NAME.liveness`; empty for the file itself.
    pub(super) path: &'static str,
    /// What the mapping is about.
    pub(super) about: &'static str,
    /// The keys in the order in which people expect them.
    pub(super) keys: &'static [Key],
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    /// As written.
    pub(super) name: &'static str,
    /// What is accepted.
    pub(super) accepts: Accepts,
    /// Unit of a bare number; empty if it has none or the value carries its unit.
    pub(super) unit: &'static str,
    /// Whether it may be absent, and what that means.
    pub(super) presence: Presence,
    /// What it means, one sentence or two.
    pub(super) meaning: &'static str,
}

/// What a key accepts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Accepts {
    /// An integer, decimal or `0x` hexadecimal.
    Integer { min: i64, max: i64 },
    /// A number and its unit.
    Duration { min_ns: u64, max_ns: u64 },
    /// One of these words.
    Words(&'static [&'static str]),
    /// Described in words.
    Form(&'static str),
}

/// Whether a key may be absent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Presence {
    /// It must be there.
    Required,
    /// Absent means this text.
    Default(&'static str),
    /// Absent means what these words say.
    Absent(&'static str),
}

impl Key {
    pub(super) const fn required(
        name: &'static str,
        accepts: Accepts,
        unit: &'static str,
        meaning: &'static str,
    ) -> Self {
        let presence = Presence::Required;
        Self {
            name,
            accepts,
            unit,
            presence,
            meaning,
        }
    }

    pub(super) const fn default(
        name: &'static str,
        accepts: Accepts,
        unit: &'static str,
        default: &'static str,
        meaning: &'static str,
    ) -> Self {
        let presence = Presence::Default(default);
        Self {
            name,
            accepts,
            unit,
            presence,
            meaning,
        }
    }

    pub(super) const fn absent(
        name: &'static str,
        accepts: Accepts,
        unit: &'static str,
        absent: &'static str,
        meaning: &'static str,
    ) -> Self {
        let presence = Presence::Absent(absent);
        Self {
            name,
            accepts,
            unit,
            presence,
            meaning,
        }
    }

    /// The value that stands for an absent key.
    pub(super) fn default_node(&self) -> Option<&'static Node> {
        match self.presence {
            Presence::Default(text) => DEFAULTS.get(text),
            Presence::Required | Presence::Absent(_) => None,
        }
    }
}

impl fmt::Display for Accepts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer { min, max } => write!(f, "integer {min}..={max}"),
            Self::Duration { min_ns, max_ns } => {
                let (min, below) = (span(*min_ns), span(max_ns.saturating_add(1)));
                if below.len() < span(*max_ns).len() {
                    return write!(f, "duration {min} to below {below}");
                }
                write!(f, "duration {min} to {}", span(*max_ns))
            }
            Self::Words(words) => match words {
                [one, other] => write!(f, "{one} or {other}"),
                words => write!(f, "one of {}", words.join(", ")),
            },
            Self::Form(text) => f.write_str(text),
        }
    }
}

/// Nanoseconds in the largest unit that divides them.
pub(super) fn span(nanos: u64) -> String {
    for (unit, length) in [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)] {
        if nanos > 0 && nanos.is_multiple_of(length) {
            return format!("{}{unit}", nanos / length);
        }
    }
    format!("{nanos}ns")
}

pub(super) const FLAG: Accepts = Accepts::Words(&["true", "false"]);
pub(super) const MAC: Accepts =
    Accepts::Form("MAC address of one station, such as 02:d0:00:00:00:01");

/// Every default text of every table, parsed once.
static DEFAULTS: LazyLock<HashMap<&'static str, Node>> = LazyLock::new(|| {
    let keys = super::reference::tables().flat_map(|table| table.keys);
    let texts = keys.filter_map(|key| match key.presence {
        Presence::Default(text) => Some(text),
        Presence::Required | Presence::Absent(_) => None,
    });
    let node = |text| tree::parse(text, &mut Diagnosis::default()).map(|node| (text, node));
    texts.filter_map(node).collect()
});
