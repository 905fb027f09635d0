//! What is, as tables: the appliance, cells, groups, members, metrics.

use super::{Console, phys, segment};
use crate::cli::calendar;
use crate::cli::client::Trouble;
use crate::cli::text::{Ink, Table, clean};
use crate::cli::words::{
    between, drops, has_ru, heard, is_off_air, margin, mode, prb_use, share, slot,
    speaking as mode_now, speaks,
};
use crate::control::status::{Appliance, Cell, Health, Ledger, Member};
use crate::telemetry::amount;
use serde_json::Value;

impl Console<'_> {
    pub(super) fn status(&mut self) -> Result<(), Trouble> {
        if self.as_json("/api/v1/appliance")? {
            return Ok(());
        }
        let appliance: Appliance = self.client.read("/api/v1/appliance")?;
        let up = calendar::span(appliance.at_ns.saturating_sub(appliance.started_ns));
        writeln!(
            self.out,
            "ranshift {} at {}, up {up}, term {}",
            clean(&appliance.version),
            self.client.address(),
            appliance.term
        )?;
        let (ink, ledger) = ledger(&appliance.ledger);
        writeln!(self.out, "{}", self.paper.paint(ink, &ledger))?;
        writeln!(self.out, "dropped: {}", drops(&appliance.drops))?;
        if appliance.events_lost > 0 {
            let lost = format!(
                "{} events came faster than control could hear them",
                amount(appliance.events_lost)
            );
            writeln!(self.out, "{}", self.paper.paint(Ink::Warning, &lost))?;
        }
        self.machine(&appliance)
    }

    pub(super) fn health(&mut self) -> Result<(), Trouble> {
        if self.as_json("/healthz")? {
            return Ok(());
        }
        let health: Health = self.client.read("/healthz")?;
        let silent = health.silent_ms;
        Ok(writeln!(
            self.out,
            "every lcore answers, the last {silent:.0} ms ago"
        )?)
    }

    fn machine(&mut self, appliance: &Appliance) -> Result<(), Trouble> {
        let mut lcores = Table::new(&[
            "LCORE",
            ">CORE",
            "IDLE",
            ">LOAD",
            ">CYCLES/FRAME",
            ">LONGEST GAP",
            ">FRAMES",
            "CELLS",
        ]);
        for lcore in &appliance.lcores {
            lcores.row([
                lcore.lcore.to_string(),
                lcore.core.to_string(),
                lcore.idle.clone(),
                share(lcore.load),
                lcore
                    .cycles_per_frame
                    .map_or_else(none, |cycles| format!("{cycles:.0}")),
                between(lcore.longest_gap_us),
                amount(lcore.frames),
                lcore.cells.join(", "),
            ]);
        }
        let mut ports = Table::new(&[
            "PORT",
            ">RECEIVED",
            ">BYTES",
            ">SENT",
            ">BYTES",
            ">LOST",
            "LINK",
            "DEVICE",
        ]);
        for port in &appliance.ports {
            ports.row([
                port.port.clone(),
                amount(port.received),
                amount(port.received_bytes),
                amount(port.sent),
                amount(port.sent_bytes),
                port.lost.map_or_else(
                    || "-".to_owned(),
                    |lost| amount(lost.missed + lost.no_buffer + lost.errors),
                ),
                if port.link_up { "up" } else { "down" }.to_owned(),
                port.device.clone(),
            ]);
        }
        let mut peers = Table::new(&[
            "PEER",
            "KIND",
            "PORT",
            ">RECEIVED",
            ">MISSING",
            ">DUPLICATE",
            ">REORDERED",
            "DROPPED",
        ]);
        for peer in &appliance.peers {
            peers.row([
                peer.peer.clone(),
                peer.kind.clone(),
                peer.port.clone(),
                amount(peer.received),
                amount(peer.missing),
                amount(peer.duplicate),
                amount(peer.reordered),
                drops(&peer.drops),
            ]);
        }
        let mut mempools = Table::new(&["MEMPOOL", ">IN USE", ">SIZE"]);
        for pool in &appliance.mempools {
            mempools.row([
                pool.mempool.clone(),
                amount(pool.in_use.into()),
                amount(pool.size.into()),
            ]);
        }
        for (table, nothing) in [
            (lcores, "no lcores"),
            (ports, "no ports"),
            (peers, "no peers"),
            (mempools, "no mempools"),
        ] {
            writeln!(self.out)?;
            table.print(self.out, self.paper, nothing)?;
        }
        Ok(())
    }

    pub(super) fn cells(&mut self) -> Result<(), Trouble> {
        if self.as_json("/api/v1/cells")? {
            return Ok(());
        }
        let cells: Vec<Cell> = self.client.read("/api/v1/cells")?;
        let mut table = Table::new(&["CELL", "RU", "SLOT ON AIR", "ARMED", "WHO MAY SPEAK"]);
        for cell in &cells {
            table.inked(
                cell_ink(cell),
                [
                    cell.cell.clone(),
                    cell.spec.ru.clone(),
                    slot(&cell.status),
                    cell.status.armed.clone().unwrap_or_else(none),
                    speaking(cell),
                ],
            );
        }
        Ok(table.print(self.out, self.paper, "no cells are configured")?)
    }

    pub(super) fn cell(&mut self, name: &str) -> Result<(), Trouble> {
        let path = format!("/api/v1/cells/{}", segment(name));
        if self.as_json(&path)? {
            return Ok(());
        }
        let cell: Cell = self.client.read(&path)?;
        let (spec, status) = (&cell.spec, &cell.status);
        let mut facts = vec![
            ("cell", cell.cell.clone()),
            (fixed_side(&cell), spec.ru.clone()),
            ("carrier", carrier(&cell)),
            ("who may speak", speaking(&cell)),
            ("slot on air", slot(status)),
            ("armed", status.armed.clone().unwrap_or_else(none)),
            (
                "standby",
                match spec.standby.is_empty() {
                    true => none(),
                    false => spec.standby.join(", "),
                },
            ),
            ("slot pattern", status.pattern.slots.clone()),
        ];
        if let Some(next) = &status.next_pattern {
            let from = next
                .from_slot
                .map_or_else(String::new, |from| format!(" from slot {}", amount(from)));
            facts.push(("next pattern", format!("{}{from}", next.slots)));
        }
        if let Some(fapi) = &status.fapi {
            facts.push(("FAPI", phys::told(fapi)));
        }
        facts.push(("lcore, term", format!("{}, {}", status.lcore, status.term)));
        for (name, value) in facts {
            writeln!(self.out, "{name:<14} {}", clean(&value))?;
        }
        writeln!(self.out)?;
        self.group_members(std::slice::from_ref(&cell))?;
        writeln!(self.out)?;
        if let Some(fapi) = &status.fapi {
            self.phys(fapi)?;
            writeln!(self.out)?;
        }
        let mut counters = Table::new(&["COUNTER", ">VALUE"]);
        for (name, value) in &status.counters {
            counters.row([name.clone(), amount(*value)]);
        }
        Ok(counters.print(self.out, self.paper, "no counters")?)
    }

    pub(super) fn members(&mut self) -> Result<(), Trouble> {
        if self.as_json("/api/v1/cells")? {
            return Ok(());
        }
        let cells: Vec<Cell> = self.client.read("/api/v1/cells")?;
        self.group_members(&cells)
    }

    fn group_members(&mut self, cells: &[Cell]) -> Result<(), Trouble> {
        let mut table = Table::new(&[
            "CELL", "MEMBER", "ROLE", "IN STEP", "LIVENESS", ">HEARD", ">MARGIN", ">PRB USE",
        ]);
        for cell in cells {
            for member in &cell.status.members {
                table.inked(
                    ink(std::slice::from_ref(member)),
                    [
                        cell.cell.clone(),
                        member.member.clone(),
                        member.role.clone(),
                        if member.in_step { "yes" } else { "no" }.to_owned(),
                        if member.lost { "lost" } else { "ok" }.to_owned(),
                        heard(member),
                        margin(member),
                        prb_use(member),
                    ],
                );
            }
        }
        Ok(table.print(self.out, self.paper, "no members")?)
    }

    pub(super) fn groups(&mut self) -> Result<(), Trouble> {
        if self.as_json("/api/v1/groups")? {
            return Ok(());
        }
        let groups: Vec<Value> = self.client.read("/api/v1/groups")?;
        let mut table = Table::new(&["CELL", "PLANE", "FIXED SIDE", "ARMED", "MEMBERS"]);
        for group in &groups {
            let field = |name: &str| {
                group
                    .get(name)
                    .and_then(Value::as_str)
                    .unwrap_or("-")
                    .to_owned()
            };
            let members = group.get("members").and_then(Value::as_array);
            let members = members.into_iter().flatten().map(|member| {
                let word = |name: &str| member.get(name).and_then(Value::as_str).unwrap_or("?");
                format!("{} {}", word("member"), word("role"))
            });
            table.row([
                field("cell"),
                field("plane"),
                field("fixed_side"),
                field("armed"),
                members.collect::<Vec<_>>().join(", "),
            ]);
        }
        Ok(table.print(self.out, self.paper, "no groups")?)
    }

    pub(super) fn metrics(&mut self) -> Result<(), Trouble> {
        if self.json {
            let words = "the metrics are text for Prometheus: leave --json out".to_owned();
            return Err(Trouble::Usage(words));
        }
        let text = self.client.text("/metrics")?;
        self.verbatim(&text)
    }
}

fn fixed_side(cell: &Cell) -> &'static str {
    match has_ru(cell) {
        true => "RU",
        false => "L2",
    }
}

fn carrier(cell: &Cell) -> String {
    let spec = &cell.spec;
    let slots = format!("{} us a slot, time from {}", spec.slot_us, spec.time);
    match has_ru(cell) {
        true => format!("{} PRBs, {slots}", spec.carrier_prbs),
        false => slots,
    }
}

/// The mode with its cause and what is to come.
fn speaking(cell: &Cell) -> String {
    let status = &cell.status;
    let mut words = mode_now(status);
    if !is_off_air(status) {
        let since = amount(status.mode_since_slot);
        words.push_str(&format!(", by {} since slot {since}", status.mode_cause));
    }
    if let Some(next) = &status.next_mode {
        words.push_str(&format!(
            "; {} from slot {}",
            mode(&next.mode),
            amount(next.from_slot)
        ));
    }
    words
}

fn cell_ink(cell: &Cell) -> Ink {
    match is_off_air(&cell.status) {
        true => Ink::Bad,
        false => ink(&cell.status.members),
    }
}

fn ink(members: &[Member]) -> Ink {
    if members.iter().any(|member| speaks(member) && member.lost) {
        return Ink::Bad;
    }
    match members
        .iter()
        .any(|member| member.lost || member.role == "fenced")
    {
        true => Ink::Warning,
        false => Ink::Plain,
    }
}

fn ledger(ledger: &Ledger) -> (Ink, String) {
    let terms = |terms: &[(&str, u64)]| {
        let terms = terms
            .iter()
            .map(|(name, value)| format!("{name} {}", amount(*value)));
        terms.collect::<Vec<_>>().join(" + ")
    };
    let came = [
        ("received", ledger.received),
        ("originated", ledger.originated),
        ("copied", ledger.copied),
    ];
    let went = [
        ("sent", ledger.sent),
        ("held", ledger.held),
        ("merged", ledger.merged),
        ("punted", ledger.punted),
        ("dropped", ledger.dropped),
    ];
    let (ink, sum) = match ledger.balance {
        0 => (Ink::Good, "ledger balanced".to_owned()),
        lost => (
            Ink::Bad,
            format!("ledger off by {lost}: frames ended without a reason"),
        ),
    };
    (ink, format!("{sum}: {} = {}", terms(&came), terms(&went)))
}

pub(super) fn none() -> String {
    "-".to_owned()
}
