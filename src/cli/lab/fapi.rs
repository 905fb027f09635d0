//! The options that describe the FAPI plane of generated traffic.
//!
//! As with the others, one that names a cell (`--busy cell-1=0.1`) outranks the same without a name.

use super::traffic::{Unusable, each, time};
use crate::config::Config;
use crate::lab::Plan;
use crate::lab::fapi::{FapiCast, FapiGenerator, FapiPlan, Traffic};

/// What L2s and PHYs do
#[derive(clap::Args, Default)]
pub(super) struct FapiTraffic {
    /// Share of slots in which an L2 schedules users
    #[arg(long, value_name = "[CELL=]SHARE")]
    busy: Vec<String>,
    /// Most users of an L2 in one slot and direction, 1 to 8
    #[arg(long, value_name = "[CELL=]N")]
    users: Vec<String>,
    /// Largest transport block of an L2, bytes
    #[arg(long, value_name = "[CELL=]BYTES")]
    block: Vec<String>,
    /// L2s send requests in slots without work too
    #[arg(long)]
    empty_requests: bool,
    /// Slot, counted from the first, from which the second PHY has the work of the first
    #[arg(long, value_name = "[CELL=]SLOT")]
    switch: Vec<String>,
    /// Death of the first PHY, from the start
    #[arg(long, value_name = "[CELL=]TIME")]
    phy_death: Vec<String>,
    /// Share of transport blocks that PHYs cannot decode
    #[arg(long, value_name = "[CELL=]SHARE")]
    failing: Vec<String>,
}

impl FapiTraffic {
    /// The generators of all cells with a FAPI plane; pattern, seed and time are those of `plan`.
    pub(super) fn generators(
        &self,
        config: &Config,
        plan: &Plan,
    ) -> Result<Vec<FapiGenerator>, Unusable> {
        let plans = self.plans(config, plan)?.into_iter().enumerate();
        let made = plans.filter_map(|(cell, plan)| {
            let cast = FapiCast::of(config, cell)?;
            FapiGenerator::new(&cast, plan)
        });
        Ok(made.collect())
    }

    fn plans(&self, config: &Config, plan: &Plan) -> Result<Vec<FapiPlan>, Unusable> {
        let names: Vec<&str> = config.cells.iter().map(|cell| cell.name.as_str()).collect();
        let mut plans: Vec<FapiPlan> = plan
            .tdd
            .iter()
            .zip(0..)
            .map(|(tdd, cell)| FapiPlan {
                start: plan.start,
                duration: plan.duration,
                traffic: Traffic {
                    tdd: tdd.clone(),
                    ..Traffic::new(plan.seed.wrapping_add(cell))
                },
                empty_requests: self.empty_requests,
                switch: None,
                death: None,
                failing: 0.0,
            })
            .collect();
        let plans_of = &mut plans;
        each("busy", &self.busy, &names, plans_of, |plan, text| {
            plan.traffic.busy = share(text)?;
            Ok(())
        })?;
        each("users", &self.users, &names, plans_of, |plan, text| {
            let users = text.parse().ok().filter(|users| (1..=8).contains(users));
            plan.traffic.users = users.ok_or("1 to 8")?;
            Ok(())
        })?;
        each("block", &self.block, &names, plans_of, |plan, text| {
            let bytes = text.parse().ok().filter(|bytes| *bytes <= LARGEST_BLOCK);
            plan.traffic.block = bytes.ok_or_else(|| format!("bytes, at most {LARGEST_BLOCK}"))?;
            Ok(())
        })?;
        each("switch", &self.switch, &names, plans_of, |plan, text| {
            plan.switch = Some(text.parse().map_err(|_| "a slot from the first, as 100")?);
            Ok(())
        })?;
        each(
            "phy-death",
            &self.phy_death,
            &names,
            plans_of,
            |plan, text| {
                let at = time("phy-death", text, text).map_err(|error| error.to_string())?;
                plan.death = Some(at);
                Ok(())
            },
        )?;
        each("failing", &self.failing, &names, plans_of, |plan, text| {
            plan.failing = share(text)?;
            Ok(())
        })?;
        Ok(plans)
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share = text
        .parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "a share, from 0 to 1".to_owned())
}

/// A TLV of OAI holds 152,064 bytes; eight of these are one message.
const LARGEST_BLOCK: u32 = 18_000;
