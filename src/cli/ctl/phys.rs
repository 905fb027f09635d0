//! The PHYs of cells with a FAPI plane, as a table.

use super::Console;
use super::show::none;
use crate::cli::client::Trouble;
use crate::cli::text::{Ink, Table};
use crate::cli::words::{between, speaks_as};
use crate::control::status::{FapiStatus, Phy};
use crate::telemetry::amount;

impl Console<'_> {
    pub(super) fn phys(&mut self, fapi: &FapiStatus) -> Result<(), Trouble> {
        let mut table = Table::new(&[
            "PHY", "MEMBER", "ROLE", "RUNNING", "LIVENESS", ">HEARD", "P5",
        ]);
        for phy in &fapi.phys {
            table.inked(
                ink(phy),
                [
                    phy.phy.clone(),
                    phy.member.clone(),
                    phy.role.clone(),
                    if phy.running { "yes" } else { "no" }.to_owned(),
                    if phy.lost { "lost" } else { "ok" }.to_owned(),
                    phy.heard_us_ago
                        .map_or_else(|| "never".to_owned(), |us| format!("{} ago", between(us))),
                    phy.p5.clone().unwrap_or_else(none),
                ],
            );
        }
        Ok(table.print(self.out, self.paper, "no PHYs")?)
    }
}

/// "l2-1, told up to SFN 264.13; 572 NULL requests, 2 SLOT.indications made up".
pub(super) fn told(fapi: &FapiStatus) -> String {
    let slot = match &fapi.last_slot {
        Some(slot) => format!("told up to SFN {slot}"),
        None => "told no slot yet".to_owned(),
    };
    let p5 = fapi.p5.as_ref().map(|p5| format!("P5 {p5}, "));
    format!(
        "{}, {}{slot}; {} NULL requests, {} SLOT.indications made up",
        fapi.l2,
        p5.unwrap_or_default(),
        amount(fapi.nulls),
        amount(fapi.made_up_slots)
    )
}

fn ink(phy: &Phy) -> Ink {
    let down = phy.lost || !phy.running;
    match (down, speaks_as(&phy.role)) {
        (true, true) => Ink::Bad,
        (true, false) => Ink::Warning,
        (false, _) if phy.role == "fenced" => Ink::Warning,
        _ => Ink::Plain,
    }
}
