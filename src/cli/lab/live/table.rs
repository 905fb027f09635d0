//! A running lab as tables for people.

use crate::control::status::Cell;
use crate::lab::fapi::{L2Report, P5Report, PhyReport};
use crate::lab::live::{AirReport, Outage, PeerReport, State};
use std::io::{self, Write};

/// Peers, then what each noticed: an RU what was on air and its counters by eAxC, an L2 its clock.
pub(super) fn status(out: &mut dyn Write, state: &State, reports: &[PeerReport]) -> io::Result<()> {
    let life = |alive: bool| if alive { "runs" } else { "dead" };
    writeln!(
        out,
        "{:12} {:6} {:>10} {:>10} {:>9} {:>9} {:>8} {:>12}",
        "process", "", "sent", "received", "not sent", "given up", "overrun", "latest us"
    )?;
    writeln!(
        out,
        "{:12} {:6}",
        "appliance",
        life(state.appliance.is_alive())
    )?;
    for part in &state.peers {
        let report = reports.iter().find(|report| report.peer == part.peer);
        let empty = PeerReport::default();
        let told = report.unwrap_or(&empty);
        writeln!(
            out,
            "{:12} {:6} {:>10} {:>10} {:>9} {:>9} {:>8} {:>12.0}",
            part.peer,
            life(part.process.is_alive()),
            told.sent,
            told.received,
            told.not_sent,
            told.given_up,
            told.overrun,
            told.longest_lag_us
        )?;
    }
    for report in reports {
        for air in &report.air {
            self::air(out, &report.peer, air)?;
        }
        streams(out, report)?;
        if let Some(heard) = &report.l2 {
            l2(out, &report.peer, heard)?;
        }
        if let Some(heard) = &report.phy {
            phy(out, &report.peer, heard)?;
        }
        if let Some(heard) = &report.p5 {
            p5(out, heard)?;
        }
    }
    Ok(())
}

/// The clock of an L2, and what it was answered.
fn l2(out: &mut dyn Write, name: &str, l2: &L2Report) -> io::Result<()> {
    writeln!(
        out,
        "\n{name}: {} slots indicated, {} left out, {} out of order, at most {:.2} ms apart",
        l2.indications,
        l2.left_out.count,
        l2.out_of_order.count,
        l2.longest_pause_ns as f64 / 1e6
    )?;
    let answers = &l2.answers;
    writeln!(
        out,
        "  {} of {} transport blocks delivered, {} could not be decoded; answers: {} missing, {} twice, {} unasked",
        answers.paid.rx_data,
        answers.owed.rx_data,
        answers.paid.failed_crc,
        answers.missing.count,
        answers.doubled.count,
        answers.unasked.count
    )
}

/// The requests of a PHY.
fn phy(out: &mut dyn Write, name: &str, phy: &PhyReport) -> io::Result<()> {
    let both = |requests: &crate::lab::fapi::Requests| requests.dl_tti + requests.ul_tti;
    writeln!(
        out,
        "\n{name}: {} slots; DL_TTI and UL_TTI: {} full, {} NULL, {} missing, {} twice, {} late",
        phy.indications,
        both(&phy.full),
        both(&phy.null),
        phy.missing.count,
        phy.doubled.count,
        phy.late.count
    )
}

/// Who may speak in which cell, as the appliance has it.
pub(super) fn roles(out: &mut dyn Write, cells: &[Cell]) -> io::Result<()> {
    for cell in cells {
        let roles = cell.status.members.iter().map(|member| {
            let step = if member.in_step { "" } else { ", out of step" };
            format!("{} ({}{step})", member.member, member.role)
        });
        let roles: Vec<String> = roles.collect();
        writeln!(out, "\n{}: {}", cell.cell, roles.join(", "))?;
    }
    Ok(())
}

/// Whether P5 runs, and what came before.
fn p5(out: &mut dyn Write, p5: &P5Report) -> io::Result<()> {
    let now = if p5.runs { "runs" } else { "does not run" };
    writeln!(
        out,
        "  P5: {now}; {} connections, {} requests answered, {} refused, {} starts, {} stops",
        p5.connections, p5.answered, p5.refused, p5.starts, p5.stops
    )
}

/// The downlink of one cell as its RU heard it.
pub(super) fn air(out: &mut dyn Write, ru: &str, air: &AirReport) -> io::Result<()> {
    writeln!(
        out,
        "\n{ru} {}: {} of {} downlink symbols were silent, {} incomplete",
        air.cell, air.silent, air.symbols, air.partial
    )?;
    for change in &air.speakers {
        writeln!(
            out,
            "  slot {} symbol {}: {} speaks",
            change.slot, change.symbol, change.du
        )?;
    }
    for outage in air.outages.iter().rev().take(OUTAGES).rev() {
        writeln!(out, "  {}", self::outage(outage))?;
    }
    Ok(())
}

/// One outage in words.
pub(in crate::cli::lab) fn outage(outage: &Outage) -> String {
    let length = match outage.until_ns {
        Some(until) => format!(
            "{:.2} ms",
            until.saturating_sub(outage.from_ns) as f64 / 1e6
        ),
        None => "not over".to_owned(),
    };
    format!(
        "slot {} symbol {}: outage of {} downlink symbols, {length}",
        outage.slot, outage.symbol, outage.symbols
    )
}

fn streams(out: &mut dyn Write, report: &PeerReport) -> io::Result<()> {
    let head = ["frames", "lost", "twice", "order", "early", "late"];
    let title = |out: &mut dyn Write, what: &str| {
        let columns: String = head.iter().map(|word| format!(" {word:>9}")).collect();
        writeln!(out, "\n{what:24}{columns}")
    };
    let row = |out: &mut dyn Write, what: String, plane: &crate::lab::PlaneReport| {
        let counts = [
            plane.frames,
            plane.missing,
            plane.duplicates,
            plane.reordered,
            plane.early,
            plane.late,
        ];
        let columns: String = counts.iter().map(|count| format!(" {count:>9}")).collect();
        writeln!(out, "{what:24}{columns}")
    };
    if let Some(radio) = &report.radio {
        title(out, &format!("{} by eAxC", report.peer))?;
        for stream in &radio.streams {
            let way = if stream.downlink { "DL" } else { "UL" };
            row(
                out,
                format!("  {way} {:#06x} C-plane", stream.eaxc),
                &stream.control,
            )?;
            if stream.downlink {
                row(
                    out,
                    format!("  {way} {:#06x} U-plane", stream.eaxc),
                    &stream.user,
                )?;
            }
        }
    }
    if !report.uplink.is_empty() {
        title(out, &format!("{} by eAxC", report.peer))?;
        for stream in &report.uplink {
            row(
                out,
                format!("  UL {:#06x} U-plane", stream.eaxc),
                &stream.user,
            )?;
        }
    }
    Ok(())
}

/// Outages that are told one by one, the last ones.
const OUTAGES: usize = 8;
