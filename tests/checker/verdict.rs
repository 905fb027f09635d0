//! What the checker found: the rules by name, how much each examined, and every breach.

use super::rule::rules;
use std::fmt;

rules! {
    Link "link" "an output frame equals its input outside the fields that may change",
    Once "once" "an input frame is used at most once for each egress peer",
    Kind "kind" "the index calls forwarded, copied and partial frames what they are",
    Addresses "addresses" "MAC, VLAN, IP, UDP and eAxC of an output frame are its egress peer's",
    Admission "admission" "nothing unreadable, unknown, out of step or unassigned is let through",
    Fence "fence" "nothing comes from a fenced DU",
    Owner "owner" "a downlink message comes from the owner of its slot and symbol",
    Delivered "delivered" "what the owner sent is in the output",
    Speakers "speakers" "one DU speaks for each egress eAxC and symbol",
    Sequence "sequence" "sequence numbers continue where the box numbers, and are untouched elsewhere",
    Order "order" "frames of one sender leave in the order they came, and not before they came",
    ControlFirst "control_first" "C-plane leaves before the U-plane that it covers",
    Uplink "uplink" "an uplink frame reaches each DU in step exactly once, and no other",
    Requests "requests" "two DUs do not ask the RU for the same uplink twice",
    Answers "answers" "in a closed loop each uplink symbol is answered once",
    Boundary "boundary" "switches happen where the scenario or the failure puts them",
    Ledger "ledger" "counters balance and agree with the captures",
}

/// A frame of a capture: port and number from 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The port whose capture it is in.
    pub port: String,
    /// Its number there.
    pub frame: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.port, self.frame)
    }
}

/// One breach.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// Of which rule.
    pub rule: Rule,
    /// The output frame, if one is concerned.
    pub output: Option<Place>,
    /// The input frame, if one is concerned.
    pub input: Option<Place>,
    /// In words.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.rule.name())?;
        if let Some(place) = &self.output {
            write!(f, " output {place}")?;
        }
        if let Some(place) = &self.input {
            write!(f, " input {place}")?;
        }
        if self.output.is_some() || self.input.is_some() {
            write!(f, ":")?;
        }
        write!(f, " {}", self.text)
    }
}

/// The outcome of one judgement.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Breaches, at most `MOST_FINDINGS` of each rule.
    pub findings: Vec<Finding>,
    /// Output frames judged.
    pub frames: usize,
    examined: [usize; Rule::ALL.len()],
    breaches: [usize; Rule::ALL.len()],
}

/// Breaches of one rule that are kept in words; further ones are only counted.
pub const MOST_FINDINGS: usize = 200;

impl Verdict {
    /// True if no rule was broken.
    pub fn holds(&self) -> bool {
        self.breaches.iter().all(|count| *count == 0)
    }

    /// True if `rule` was broken.
    pub fn breaks(&self, rule: Rule) -> bool {
        self.breaches(rule) > 0
    }

    /// How often `rule` was broken.
    pub fn breaches(&self, rule: Rule) -> usize {
        self.breaches[rule as usize]
    }

    /// How many things `rule` looked at.
    pub fn examined(&self, rule: Rule) -> usize {
        self.examined[rule as usize]
    }

    /// `rule` looks at one more thing.
    pub fn examine(&mut self, rule: Rule) {
        self.examined[rule as usize] += 1;
    }

    /// `rule` is broken.
    pub fn refuse(
        &mut self,
        rule: Rule,
        output: Option<Place>,
        input: Option<Place>,
        text: impl FnOnce() -> String,
    ) {
        self.breaches[rule as usize] += 1;
        if self.breaches[rule as usize] <= MOST_FINDINGS {
            self.findings.push(Finding {
                rule,
                output,
                input,
                text: text(),
            });
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        for rule in Rule::ALL {
            let breaches = self.breaches(*rule);
            match self.examined(*rule) {
                0 if breaches == 0 => write!(f, "{:>14}  examined nothing", rule.name())?,
                n => write!(f, "{:>14}  {n} examined, {breaches} broken", rule.name())?,
            }
            writeln!(f, "   ({})", rule.meaning())?;
        }
        if self.holds() {
            return writeln!(f, "{} frames judged, all rules hold", self.frames);
        }
        let broken: usize = self.breaches.iter().sum();
        writeln!(f, "{} frames judged, {broken} breaches", self.frames)
    }
}
