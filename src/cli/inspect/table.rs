//! The summary for people: what is in the capture, what it tells of each DU and RU, then every flow.

use std::io::{self, Write};

use super::report::{CompressionReport, FlowReport, PairReport, Report};

/// Prints `report`.
pub(super) fn print(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    capture(report, out)?;
    for pair in &report.pairs {
        self::pair(pair, out)?;
    }
    if !report.flows.is_empty() {
        writeln!(out)?;
        columns(&flows(report), WORDS, out)?;
    }
    if !report.nfapi.is_empty() {
        writeln!(out)?;
        columns(&messages(report), WORDS_OF_NFAPI, out)?;
    }
    anomalies(report, out)
}

fn capture(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "{}: {} frames, {} on the wire, {:.6} s from {}",
        report.capture,
        report.frames,
        megabytes(report.wire_bytes),
        report.duration_s,
        utc(report.first_timestamp_utc_ns),
    )?;
    if let Some(error) = &report.incomplete {
        writeln!(out, "  incomplete: {error}")?;
    }
    for (count, what) in [
        (report.truncated_frames, "frames cut by a snap length"),
        (
            report.timestamps_non_monotonic,
            "frames stamped before the frame in front of them",
        ),
        (
            report.continuation_fragments,
            "later radio-transport fragments",
        ),
    ] {
        if count > 0 {
            writeln!(out, "  {count} {what}")?;
        }
    }
    for (ethertype, count) in &report.ethertypes {
        writeln!(
            out,
            "  {ethertype} {:<16} {count}",
            ethertype_name(ethertype)
        )?;
    }
    for (kind, count) in &report.other_messages {
        writeln!(out, "  eCPRI type {kind:<12} {count}")?;
    }
    Ok(())
}

fn pair(pair: &PairReport, out: &mut dyn Write) -> io::Result<()> {
    let named = |address: &str, name: &Option<String>| match name {
        Some(name) => format!("{name} ({address})"),
        None => address.to_owned(),
    };
    writeln!(
        out,
        "\nDU {}, RU {}",
        named(&pair.du, &pair.du_name),
        named(&pair.ru, &pair.ru_name)
    )?;
    writeln!(
        out,
        "  numerology   mu {} ({} kHz): slotId up to {}",
        pair.numerology, pair.subcarrier_spacing_khz, pair.largest_slot_id
    )?;
    write!(
        out,
        "  slots        {} ({} slots",
        pair.tdd_pattern, pair.tdd_period_slots
    )?;
    if let Some(symbols) = pair.special_downlink_symbols {
        write!(out, "; S has {symbols} downlink symbols")?;
    }
    let silent = pair.tdd_pattern.matches('-').count();
    if silent > 0 {
        write!(out, "; {silent} silent")?;
    }
    writeln!(out, ")")?;
    let counts = |count: fn(&super::report::SlotReport) -> u64| {
        let counts: Vec<String> = pair.slots.iter().map(|s| count(s).to_string()).collect();
        counts.join(" ")
    };
    writeln!(
        out,
        "    downlink   {}",
        counts(|slot| slot.downlink_frames)
    )?;
    writeln!(out, "    uplink     {}", counts(|slot| slot.uplink_frames))?;
    for compression in &pair.compression {
        writeln!(out, "  {:<12} {}", compression.channel, guess(compression))?;
    }
    Ok(())
}

fn guess(guess: &CompressionReport) -> String {
    let sure = match guess.certain {
        true => "",
        false => "perhaps ",
    };
    format!(
        "{sure}{} {} bit, header {}, {} PRB: {} of {} messages are exactly that long{}",
        guess.method,
        guess.width,
        guess.header,
        guess.prbs,
        guess.fitting,
        guess.judged,
        match guess.runner_up {
            0 => ", no other format fits any".to_owned(),
            other => format!(", the next best format fits {other}"),
        }
    )
}

fn messages(report: &Report) -> Vec<Vec<String>> {
    let head = [
        "source",
        "destination",
        "message",
        "phy",
        "messages",
        "NULL",
        "datagrams",
        "bytes",
    ];
    let rows = report.nfapi.iter().map(|kind| {
        vec![
            kind.source.clone(),
            kind.destination.clone(),
            kind.message.to_owned(),
            kind.phy
                .map_or_else(|| "-".to_owned(), |phy| phy.to_string()),
            kind.messages.to_string(),
            kind.nulls.to_string(),
            kind.datagrams.to_string(),
            kind.bytes.to_string(),
        ]
    });
    let head = head.map(str::to_owned).to_vec();
    std::iter::once(head).chain(rows).collect()
}

fn flows(report: &Report) -> Vec<Vec<String>> {
    let head = [
        "way",
        "source",
        "destination",
        "vlan",
        "plane",
        "type",
        "filter",
        "eAxC",
        "fields",
        "frames",
        "frames/s",
        "Mbit/s",
        "slots",
        "seq",
        "lost",
        "late",
        "dup",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(report.flows.iter().map(flow));
    rows
}

fn flow(flow: &FlowReport) -> Vec<String> {
    let vlan: Vec<String> = flow.vlan.iter().map(u16::to_string).collect();
    vec![
        flow.way.to_owned(),
        flow.source.clone(),
        flow.destination.clone(),
        match vlan.is_empty() {
            true => "-".to_owned(),
            false => vlan.join("."),
        },
        flow.plane.to_owned(),
        flow.section_type.clone(),
        flow.filter_index.to_string(),
        flow.eaxc.to_string(),
        flow.eaxc_fields.map(|field| field.to_string()).join(":"),
        flow.frames.to_string(),
        format!("{:.0}", flow.frames_per_s),
        format!("{:.2}", flow.mbit_per_s),
        flow.slots.to_string(),
        format!("{}..{}", flow.seq_first, flow.seq_last),
        flow.lost.to_string(),
        flow.out_of_order.to_string(),
        flow.duplicate.to_string(),
    ]
}

fn anomalies(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let disturbed = |flow: &&FlowReport| flow.lost + flow.out_of_order + flow.duplicate > 0;
    let mut lines: Vec<String> = report.flows.iter().filter(disturbed).map(anomaly).collect();
    // Flows of one domain say the same.
    lines.dedup();
    for (index, line) in lines.iter().enumerate() {
        if index == 0 {
            writeln!(out, "\nsequence anomalies")?;
        }
        writeln!(out, "  {line}")?;
    }
    for (index, (reason, count)) in report.malformed.iter().enumerate() {
        if index == 0 {
            writeln!(out, "\nmalformed")?;
        }
        let of_reason = report
            .malformed_frames
            .iter()
            .filter(|m| m.reason == *reason);
        let frames: Vec<String> = of_reason
            .take(10)
            .map(|m| format!("{} ({})", m.frame, m.fault))
            .collect();
        writeln!(
            out,
            "  {reason:<20} {count:>8}   frames {}",
            frames.join(", ")
        )?;
    }
    Ok(())
}

fn anomaly(flow: &FlowReport) -> String {
    format!(
        "{} {} {} eAxC {}: {} lost, {} late, {} twice; the first at frame {}",
        flow.source,
        flow.way,
        flow.plane,
        flow.eaxc,
        flow.lost,
        flow.out_of_order,
        flow.duplicate,
        flow.first_anomaly_frame.unwrap_or(0),
    )
}

/// Aligns columns: words to the left, numbers to the right.
fn columns(rows: &[Vec<String>], words: usize, out: &mut dyn Write) -> io::Result<()> {
    let mut widths = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.len().max(*width);
        }
    }
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate();
        let line: Vec<String> = cells
            .map(|(index, (cell, width))| match index < words {
                true => format!("{cell:<width$}"),
                false => format!("{cell:>width$}"),
            })
            .collect();
        writeln!(out, "{}", line.join("  "))?;
    }
    Ok(())
}

fn megabytes(bytes: u64) -> String {
    format!("{:.2} MB", bytes as f64 / 1e6)
}

fn ethertype_name(ethertype: &str) -> &'static str {
    match ethertype {
        "0xaefe" => "eCPRI",
        "0x0800" => "IPv4",
        "0x0806" => "ARP",
        "0x86dd" => "IPv6",
        "0x8809" => "slow protocols",
        "0x8902" => "CFM",
        "0x88cc" => "LLDP",
        "0x888e" => "802.1X",
        "0x88e5" => "MACsec",
        "0x88f7" => "PTP",
        "0xfc3d" => "RoE",
        _ => "",
    }
}

/// Date and time of day of nanoseconds since the Unix epoch (civil calendar, days from 1970-01-01).
fn utc(nanos: u64) -> String {
    let seconds = nanos / 1_000_000_000;
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    // Years start in March here, so that the leap day is the last of its year.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}.{:09} UTC",
        time / 3600,
        time / 60 % 60,
        time % 60,
        nanos % 1_000_000_000
    )
}

/// Columns of words in front of the columns of numbers.
const WORDS: usize = 6;
/// The same in the table of nFAPI messages.
const WORDS_OF_NFAPI: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_printed_as_calendars_have_them() {
        assert_eq!(utc(0), "1970-01-01 00:00:00.000000000 UTC");
        assert_eq!(
            utc(951_782_400_000_000_001),
            "2000-02-29 00:00:00.000000001 UTC"
        );
        assert_eq!(
            utc(1_795_220_728_513_860_680),
            "2026-11-21 00:25:28.513860680 UTC"
        );
    }

    #[test]
    fn columns_align_words_left_and_numbers_right() {
        let rows = vec![vec!["a".to_owned(); 7], vec!["long".to_owned(); 7]];
        let mut out = Vec::new();
        columns(&rows, WORDS, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("a     a"));
        assert!(text.lines().next().unwrap().ends_with("   a"));
    }
}
