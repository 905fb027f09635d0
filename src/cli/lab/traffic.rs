//! The options that describe traffic, and the plan that they make of a configuration.
//!
//! An option that names a DU or a cell (`--load du-2=idle`) outranks the same option without a name.

use crate::config::{Config, duration};
use crate::lab::{LeadProfile, Life, Load, Plan, RadioTiming, SlotShape, Style, Tdd};
use crate::ran::{CellId, Duration, Instant};
use std::fmt;

/// What emulated DUs and RUs do in a live lab
#[derive(clap::Args, Clone, Debug)]
pub(super) struct LiveTraffic {
    /// Seed of jitter and IQ
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Slot pattern of D, S, U and F (both): [CELL=]DDSUU; by default made for the TDD period
    #[arg(long, value_name = "[CELL=]PATTERN")]
    tdd: Vec<String>,
    /// Downlink and uplink symbols of an S slot
    #[arg(long, value_name = "DL[:UL]", default_value = "8:0")]
    special: String,
    /// C-plane style of a DU: explicit, all-prbs, symbol-groups
    #[arg(long, value_name = "[DU=]STYLE")]
    style: Vec<String>,
    /// Distribution of leads over air time: steady, or a capture that it was measured on
    #[arg(long, value_name = "[DU=]NAME", long_help = leads_help())]
    leads: Vec<String>,
}

impl Default for LiveTraffic {
    /// As without any option.
    fn default() -> Self {
        Self {
            seed: 1,
            tdd: Vec::new(),
            special: "8:0".to_owned(),
            style: Vec::new(),
            leads: Vec::new(),
        }
    }
}

impl LiveTraffic {
    /// A cell small enough for two cores: four downlink and two uplink symbols in most slots, and DUs that
    /// describe them differently.
    pub(super) fn small() -> Self {
        Self {
            seed: 1,
            tdd: vec![SMALL.to_owned()],
            special: "4:2".to_owned(),
            style: vec!["du-b=all-prbs".to_owned()],
            leads: Vec::new(),
        }
    }

    /// The first slot from `slot` on that has downlink in the small cell, and so the first in which an RU
    /// can hear who speaks since `slot`.
    pub(super) fn small_downlink_from(slot: u64) -> u64 {
        let period = SMALL.len() as u64;
        let has_downlink = |slot: &u64| {
            let letter = SMALL.as_bytes().get((slot % period) as usize);
            letter.is_some_and(|letter| *letter != b'U')
        };
        (slot..slot + period).find(has_downlink).unwrap_or(slot)
    }

    /// The plan for `config`, without an end.
    pub(super) fn plan(&self, config: &Config) -> Result<Plan, Unusable> {
        let mut plan = Plan::new(config);
        plan.duration = Duration::from_millis(YEAR_MS);
        plan.seed = self.seed;
        let traffic = Traffic {
            tdd: self.tdd.clone(),
            special: self.special.clone(),
            style: self.style.clone(),
            leads: self.leads.clone(),
            ..Traffic::default()
        };
        traffic.set_patterns(config, &mut plan)?;
        traffic.set_dus(config, &mut plan)?;
        Ok(plan)
    }

    /// The same options for another process.
    pub(super) fn arguments(&self) -> Vec<String> {
        let mut arguments = vec![
            format!("--seed={}", self.seed),
            format!("--special={}", self.special),
        ];
        for (option, values) in [
            ("tdd", &self.tdd),
            ("style", &self.style),
            ("leads", &self.leads),
        ] {
            arguments.extend(values.iter().map(|value| format!("--{option}={value}")));
        }
        arguments
    }
}

/// What to make
#[derive(clap::Args, Default)]
pub(super) struct Traffic {
    /// Length on air: 500ms, 2s
    #[arg(long, value_name = "TIME", default_value = "1s")]
    duration: String,
    /// Seed of jitter, loss, random deaths and IQ
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Air time of the first slot, in nanoseconds since the Unix epoch
    #[arg(long, value_name = "NS")]
    start: Option<u64>,
    /// Slot pattern of D, S, U and F (both): [CELL=]DDDDDDSUUU; by default made for the TDD period
    #[arg(long, value_name = "[CELL=]PATTERN")]
    tdd: Vec<String>,
    /// Downlink and uplink symbols of an S slot
    #[arg(long, value_name = "DL[:UL]", default_value = "8:0")]
    special: String,
    /// C-plane style of a DU: explicit, all-prbs (two open DUs), symbol-groups (a tester)
    #[arg(long, value_name = "[DU=]STYLE")]
    style: Vec<String>,
    /// Downlink of a DU: full, zero, PERCENT of PRBs in use, or idle (broadcast slots only)
    #[arg(long, value_name = "[DU=]LOAD")]
    load: Vec<String>,
    /// Distribution of leads over air time: steady, or a capture that it was measured on
    #[arg(long, value_name = "[DU=]NAME", long_help = leads_help())]
    leads: Vec<String>,
    /// DUs that number the DL U-plane of a slot as a shuffled block
    #[arg(long, value_name = "DU")]
    shuffled: Vec<String>,
    /// Ethernet MTU of a DU, bytes; by default that of its port
    #[arg(long, value_name = "[DU=]BYTES")]
    mtu: Vec<String>,
    /// Share of a DU's frames that is lost before the box, as 1e-6
    #[arg(long, value_name = "[DU=]SHARE")]
    loss: Vec<String>,
    /// Share of the RUs' frames that is lost before the box
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    radio_loss: f64,
    /// End of a DU's process, from the start; a range is a random instant in it
    #[arg(long, value_name = "DU@TIME[..TIME]")]
    death: Vec<String>,
    /// Start of a DU's process; before its first death, the DU is silent until then
    #[arg(long, value_name = "DU@TIME[..TIME]")]
    restart: Vec<String>,
    /// Cells that a DU speaks in; by default all of a dedicated DU, none of a pooled one
    #[arg(long, value_name = "DU=CELL[,CELL]")]
    serves: Vec<String>,
    /// RUs answer each symbol after its air time, all symbols at once as asked, or not at all
    #[arg(long, value_name = "WHEN", default_value = "on-air", value_parser = ["on-air", "at-once", "none"])]
    radio: String,
    /// Store at most this many bytes of a frame, as a snap length does; the hidden mark is always kept
    #[arg(long, value_name = "BYTES")]
    snap: Option<usize>,
}

/// An option that cannot be read or names nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Unusable {
    option: &'static str,
    value: String,
    accepted: String,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            option,
            value,
            accepted,
        } = self;
        write!(f, "--{option} {value}: {accepted}")
    }
}

impl Traffic {
    /// The plan for `config`.
    pub(super) fn plan(&self, config: &Config) -> Result<Plan, Unusable> {
        let mut plan = Plan::new(config);
        plan.duration = time("duration", &self.duration, &self.duration)?;
        plan.seed = self.seed;
        plan.start = self.start.map_or(plan.start, Instant);
        plan.snap = self.snap;
        plan.radio_loss = self.radio_loss;
        plan.radio = match self.radio.as_str() {
            "at-once" => RadioTiming::AtOnce(Duration::from_micros(30)),
            _ => plan.radio,
        };
        plan.open_loop = self.radio != "none";
        self.set_patterns(config, &mut plan)?;
        self.set_dus(config, &mut plan)?;
        self.set_lives(config, &mut plan)?;
        Ok(plan)
    }

    fn set_patterns(&self, config: &Config, plan: &mut Plan) -> Result<(), Unusable> {
        let special = special(&self.special)?;
        let cells: Vec<&str> = config.cells.iter().map(|cell| cell.name.as_str()).collect();
        each("tdd", &self.tdd, &cells, &mut plan.tdd, |tdd, letters| {
            *tdd = Tdd::parse(letters, special).map_err(|error| error.to_string())?;
            Ok(())
        })
    }

    fn set_dus(&self, config: &Config, plan: &mut Plan) -> Result<(), Unusable> {
        let names = du_names(config);
        let dus = &mut plan.dus;
        each("style", &self.style, &names, dus, |du, text| {
            du.style = Style::named(text).ok_or("explicit, all-prbs or symbol-groups")?;
            Ok(())
        })?;
        each("load", &self.load, &names, dus, |du, text| {
            du.load = load(text).ok_or("full, zero, idle or a percentage")?;
            Ok(())
        })?;
        each("leads", &self.leads, &names, dus, |du, text| {
            du.leads = LeadProfile::named(text).ok_or_else(leads_help)?;
            Ok(())
        })?;
        each("mtu", &self.mtu, &names, dus, |du, text| {
            du.mtu = Some(text.parse().map_err(|_| "bytes, at most 65535")?);
            Ok(())
        })?;
        each("loss", &self.loss, &names, dus, |du, text| {
            du.loss = text.parse().map_err(|_| "a share, as 1e-6")?;
            Ok(())
        })?;
        for name in &self.shuffled {
            named("shuffled", name, name, &names, dus)?.shuffled = true;
        }
        for text in &self.serves {
            let (name, cells) = text
                .split_once('=')
                .ok_or_else(|| unusable("serves", text, "DU=CELL[,CELL]"))?;
            let cells: Result<Vec<CellId>, Unusable> = cells
                .split(',')
                .map(|cell| cell_id(config, text, cell))
                .collect();
            named("serves", text, name, &names, dus)?.serves = Some(cells?);
        }
        Ok(())
    }

    fn set_lives(&self, config: &Config, plan: &mut Plan) -> Result<(), Unusable> {
        let names = du_names(config);
        let mut changes: Vec<(usize, Instant, bool)> = Vec::new();
        for (option, texts, alive) in [
            ("death", &self.death, false),
            ("restart", &self.restart, true),
        ] {
            for (n, text) in texts.iter().enumerate() {
                let (name, when) = text
                    .split_once('@')
                    .ok_or_else(|| unusable(option, text, "DU@TIME or DU@TIME..TIME"))?;
                let du = position(option, text, name, &names)?;
                let offset = plan.draw(moment(option, text, when)?, n as u64);
                changes.push((du, plan.start.after(offset), alive));
            }
        }
        changes.sort_by_key(|(_, at, _)| *at);
        for (du, plan) in plan.dus.iter_mut().enumerate() {
            let own = changes.iter().filter(|(of, _, _)| *of == du);
            plan.lives = Life::from_changes(own.map(|(_, at, alive)| (*at, *alive)));
        }
        Ok(())
    }
}

/// Applies values without a name to all of `items`, then those with one to the one named.
pub(super) fn each<T>(
    option: &'static str,
    values: &[String],
    names: &[&str],
    items: &mut [T],
    mut set: impl FnMut(&mut T, &str) -> Result<(), String>,
) -> Result<(), Unusable> {
    for value in values.iter().filter(|value| !value.contains('=')) {
        for item in items.iter_mut() {
            set(item, value).map_err(|accepted| unusable(option, value, &accepted))?;
        }
    }
    for text in values {
        if let Some((name, value)) = text.split_once('=') {
            let item = named(option, text, name, names, items)?;
            set(item, value).map_err(|accepted| unusable(option, text, &accepted))?;
        }
    }
    Ok(())
}

fn named<'a, T>(
    option: &'static str,
    text: &str,
    name: &str,
    names: &[&str],
    items: &'a mut [T],
) -> Result<&'a mut T, Unusable> {
    let place = position(option, text, name, names)?;
    let known = || unusable(option, text, &format!("one of {}", names.join(", ")));
    items.get_mut(place).ok_or_else(known)
}

fn position(
    option: &'static str,
    text: &str,
    name: &str,
    names: &[&str],
) -> Result<usize, Unusable> {
    let found = names.iter().position(|known| *known == name);
    found.ok_or_else(|| {
        let known = names.join(", ");
        unusable(option, text, &format!("{name} is none of {known}"))
    })
}

fn cell_id(config: &Config, text: &str, name: &str) -> Result<CellId, Unusable> {
    let names: Vec<&str> = config.cells.iter().map(|cell| cell.name.as_str()).collect();
    position("serves", text, name, &names).map(|place| CellId(place as u16))
}

fn du_names(config: &Config) -> Vec<&str> {
    let names = config.dus.iter().map(|du| du.peer.name.as_str());
    names.collect()
}

fn load(text: &str) -> Option<Load> {
    match text {
        "full" => Some(Load::Busy(100)),
        "zero" => Some(Load::Busy(0)),
        "idle" => Some(Load::Idle),
        percent => {
            let percent: u8 = percent.trim_end_matches('%').parse().ok()?;
            (percent <= 100).then_some(Load::Busy(percent))
        }
    }
}

fn special(text: &str) -> Result<SlotShape, Unusable> {
    let (downlink, uplink) = text.split_once(':').unwrap_or((text, "0"));
    let shape = downlink.parse().ok().zip(uplink.parse().ok());
    let (downlink, uplink) =
        shape.ok_or_else(|| unusable("special", text, "symbols, as 8 or 6:4"))?;
    Ok(SlotShape { downlink, uplink })
}

/// An instant from the start, or two that bound a random one.
fn moment(option: &'static str, text: &str, when: &str) -> Result<(Duration, Duration), Unusable> {
    let (from, until) = when.split_once("..").unwrap_or((when, when));
    let (from, until) = (time(option, text, from)?, time(option, text, until)?);
    if until < from {
        return Err(unusable(
            option,
            text,
            "the second time is before the first",
        ));
    }
    Ok((from, until))
}

pub(super) fn time(option: &'static str, text: &str, value: &str) -> Result<Duration, Unusable> {
    duration(value).ok_or_else(|| unusable(option, text, "a time as 500ns, 250us, 10ms or 1s"))
}

fn unusable(option: &'static str, value: &str, accepted: &str) -> Unusable {
    Unusable {
        option,
        value: value.to_owned(),
        accepted: accepted.to_owned(),
    }
}

/// Longer than any lab is up.
const YEAR_MS: u64 = 365 * 86_400_000;

fn leads_help() -> String {
    let names: Vec<&str> = LeadProfile::all()
        .iter()
        .map(|profile| profile.name)
        .collect();
    format!(
        "Distribution of leads over air time; one of {}",
        names.join(", ")
    )
}

/// Slots of the small cell.
const SMALL: &str = "SSSSU";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_in_an_uplink_slot_is_heard_in_the_next_downlink_slot() {
        let heard = [10, 13, 14, 15].map(LiveTraffic::small_downlink_from);
        assert_eq!(heard, [10, 13, 15, 15]);
    }
}
