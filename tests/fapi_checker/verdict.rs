//! What the judge found: the rules by name, how much each examined, and every breach.

use super::rule::rules;
use std::fmt;

rules! {
    Addresses "addresses" "MAC, VLAN, IPv4 and UDP of a datagram are its peer's, its checksums right",
    Frames "frames" "no frame is longer than its port's MTU, and the fragments of a datagram make it whole",
    Header "header" "the header is its peer's: PHY_ID, length, checksum",
    Segments "segments" "no segment of a message is missing, comes twice or is longer than its peer takes",
    Sequence "sequence" "sequence numbers toward a peer rise by one with each message",
    Origin "origin" "a message is one that came, unchanged and with its timestamp, or one that may be made up",
    Full "full" "a request of the L2 goes to the owner of its slot and to nobody else",
    Delivered "delivered" "what may pass leaves once, within a slot of its arrival",
    Nulls "nulls" "each running standby is given one NULL DL_TTI and one NULL UL_TTI of each slot",
    Counterparts "counterparts" "a NULL UL_DCI or TX_DATA is given to each running standby where the L2 sent one, and only there",
    NullBytes "null_bytes" "a NULL request is what the peer's own packer makes",
    NullTime "null_time" "a NULL that the L2 did not cause leaves between the deadline and its slot's time on air",
    ActiveNulls "active_nulls" "the active PHY is given NULLs only if that is configured",
    GivenOnce "given_once" "a PHY is not given a NULL of a slot after another request of its kind",
    Fence "fence" "only NULL requests and node sync go to a fenced PHY, and nothing comes from it",
    SlotOrder "slot_order" "every slot is indicated to the L2 once, in order, to the end",
    SlotTime "slot_time" "a SLOT.indication that the active did not send is made up, at most one slot after it was due",
    Speaker "speaker" "an indication is the slot owner's, and a former owner's only for the depth of its pipeline",
    Errors "errors" "an ERROR.indication of a standby stays here",
    FailedCrcs "failed_crcs" "failing CRCs are made up where configured, for each PUSCH that died with its PHY, and for no other",
    Boundary "boundary" "a failover's slot is the first of which nothing had been given",
    Takeover "takeover" "the new PHY is given its first request within a slot of the detection, or as soon as there is one",
}

/// One breach.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// Of which rule.
    pub rule: Rule,
    /// In words, with the frame concerned.
    pub text: String,
}

/// The outcome of one judgement.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Breaches, at most `MOST_FINDINGS` of each rule.
    pub findings: Vec<Finding>,
    examined: [usize; Rule::ALL.len()],
    breaches: [usize; Rule::ALL.len()],
}

/// Breaches of one rule that are kept in words; further ones are only counted.
pub const MOST_FINDINGS: usize = 50;

impl Verdict {
    /// True if no rule was broken.
    pub fn holds(&self) -> bool {
        self.breaches.iter().all(|count| *count == 0)
    }

    /// How often `rule` was broken.
    pub fn breaches(&self, rule: Rule) -> usize {
        self.breaches[rule as usize]
    }

    /// How many things `rule` looked at.
    pub fn examined(&self, rule: Rule) -> usize {
        self.examined[rule as usize]
    }

    /// `rule` looks at one more thing, which is as it should be if `right`.
    pub fn examine(&mut self, rule: Rule, right: bool, text: impl FnOnce() -> String) {
        self.examined[rule as usize] += 1;
        if !right {
            self.refuse(rule, text);
        }
    }

    /// `rule` is broken.
    pub fn refuse(&mut self, rule: Rule, text: impl FnOnce() -> String) {
        self.breaches[rule as usize] += 1;
        if self.breaches[rule as usize] <= MOST_FINDINGS {
            let text = text();
            self.findings.push(Finding { rule, text });
        }
    }

    /// Takes over what another judgement found.
    pub fn add(&mut self, other: Self) {
        self.findings.extend(other.findings);
        for rule in Rule::ALL {
            self.examined[*rule as usize] += other.examined[*rule as usize];
            self.breaches[*rule as usize] += other.breaches[*rule as usize];
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "{}: {}", finding.rule.name(), finding.text)?;
        }
        for rule in Rule::ALL {
            let breaches = self.breaches(*rule);
            match self.examined(*rule) {
                0 if breaches == 0 => write!(f, "{:>14}  examined nothing", rule.name())?,
                n => write!(f, "{:>14}  {n} examined, {breaches} broken", rule.name())?,
            }
            writeln!(f, "   ({})", rule.meaning())?;
        }
        match self.holds() {
            true => writeln!(f, "all rules hold"),
            false => writeln!(f, "{} breaches", self.breaches.iter().sum::<usize>()),
        }
    }
}
