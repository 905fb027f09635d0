//! A running lab as tables for people.

use crate::lab::live::{AirReport, Outage, PeerReport, State};
use std::io::{self, Write};

/// Peers, then what each RU had on air, then its counters by eAxC.
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
    }
    Ok(())
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
