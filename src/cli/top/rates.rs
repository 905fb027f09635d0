//! What changed between two looks at the appliance, by second.

use crate::control::status::Appliance;

/// Two looks at the same process.
#[derive(Debug, Default)]
pub(super) struct Rates {
    before: Option<Appliance>,
    now: Option<Appliance>,
}

impl Rates {
    /// Adds a look; one at what has been seen already changes nothing.
    pub(super) fn look(&mut self, appliance: Appliance) {
        match &self.now {
            Some(now) if now.started_ns != appliance.started_ns => self.before = None,
            Some(now) if now.at_ns >= appliance.at_ns => return,
            _ => self.before = self.now.take(),
        }
        self.now = Some(appliance);
    }

    pub(super) const fn now(&self) -> Option<&Appliance> {
        self.now.as_ref()
    }

    /// Growth a second of what `count` counts; `None` until there have been two looks.
    pub(super) fn of(&self, count: impl Fn(&Appliance) -> u64) -> Option<f64> {
        let (before, now) = (self.before.as_ref()?, self.now.as_ref()?);
        let seconds = now.at_ns.saturating_sub(before.at_ns) as f64 / 1e9;
        (seconds > 0.0).then(|| count(now).saturating_sub(count(before)) as f64 / seconds)
    }
}

/// "1.25 M/s".
pub(super) fn told(rate: Option<f64>, unit: &str) -> String {
    let Some(rate) = rate else {
        return format!("- {unit}");
    };
    let (value, prefix) = match rate {
        1e9.. => (rate / 1e9, "G"),
        1e6.. => (rate / 1e6, "M"),
        1e3.. => (rate / 1e3, "k"),
        _ => (rate, ""),
    };
    let digits = match value {
        _ if prefix.is_empty() => 0,
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    format!("{value:.digits$} {prefix}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::example;

    #[test]
    fn a_rate_is_what_was_added_by_second() {
        let mut rates = Rates::default();
        let received = |appliance: &Appliance| appliance.ledger.received;
        let mut appliance = example::appliance();
        rates.look(appliance.clone());
        assert_eq!(rates.of(received), None);
        appliance.at_ns += 500_000_000;
        appliance.ledger.received += 1_000;
        rates.look(appliance.clone());
        rates.look(appliance.clone());
        assert_eq!(rates.of(received), Some(2_000.0));
        appliance.started_ns += 1;
        rates.look(appliance);
        assert_eq!(rates.of(received), None, "a new process counts from zero");
    }

    #[test]
    fn a_rate_is_told_in_three_digits() {
        let told = [0.0, 950.0, 1_250.0, 20_480.0, 7.2e9].map(|rate| told(Some(rate), "/s"));
        assert_eq!(told, ["0 /s", "950 /s", "1.25 k/s", "20.5 k/s", "7.20 G/s"]);
    }
}
