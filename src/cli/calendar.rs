//! Instants as people write and read them, in UTC.

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

/// "2026-11-21 11:20:10.123" of nanoseconds since the Unix epoch.
pub(super) fn utc(ns: u64) -> String {
    written(ns, UTC)
}

/// "11:20:10.123".
pub(super) fn time_of_day(ns: u64) -> String {
    written(ns, TIME_OF_DAY)
}

/// Any number of nanoseconds is an instant before the year 2555.
fn written(ns: u64, format: &[BorrowedFormatItem<'_>]) -> String {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ns));
    let text = at.ok().and_then(|at| at.format(format).ok());
    text.unwrap_or_default()
}

/// "3 d 4 h", "12 min 5 s", "45 s".
pub(super) fn span(ns: u64) -> String {
    let s = ns / 1_000_000_000;
    match s {
        0..60 => format!("{s} s"),
        60..3_600 => format!("{} min {} s", s / 60, s % 60),
        3_600..86_400 => format!("{} h {} min", s / 3_600, s / 60 % 60),
        _ => format!("{} d {} h", s / 86_400, s / 3_600 % 24),
    }
}

/// Now, as nanoseconds since the Unix epoch.
#[expect(
    clippy::disallowed_methods,
    reason = "a console shows and compares the time of day; nothing is decided by it"
)]
pub(super) fn now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |now| now.as_nanos() as u64)
}

/// Nanoseconds since the Unix epoch of `2026-11-21T11:20:10.5Z`, or of `+250ms` after `now`.
pub(super) fn instant(text: &str, now: u64) -> Option<u64> {
    if let Some(after) = text.strip_prefix('+') {
        return now.checked_add(duration(after)?);
    }
    let written = text.strip_suffix('Z')?.replacen(' ', "T", 1);
    let at = PrimitiveDateTime::parse(&written, INSTANT).ok()?;
    u64::try_from(at.assume_utc().unix_timestamp_nanos()).ok()
}

/// Nanoseconds of "250ms", "10us", "2s".
fn duration(text: &str) -> Option<u64> {
    let unit = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(unit)?;
    let scale = match unit {
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(scale)
}

const UTC: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second].[subsecond digits:3]");
const TIME_OF_DAY: &[BorrowedFormatItem<'_>] =
    format_description!("[hour]:[minute]:[second].[subsecond digits:3]");
const INSTANT: &[BorrowedFormatItem<'_>] = format_description!(
    version = 2,
    "[year]-[month]-[day]T[hour]:[minute]:[second][optional [.[subsecond]]]"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_and_read_alike() {
        for (text, ns) in [
            ("1970-01-01 00:00:00.000", 0),
            ("2024-02-29 12:34:56.789", 1_709_210_096_789_000_000),
            ("2026-11-21 11:20:10.500", 1_795_260_010_500_000_000),
            ("2000-03-01 00:00:00.000", 951_868_800_000_000_000),
        ] {
            assert_eq!(utc(ns), text);
            let written = format!("{}Z", text.replace(' ', "T"));
            assert_eq!(instant(&written, 0), Some(ns), "{written}");
        }
    }

    #[test]
    fn an_instant_may_be_told_from_now() {
        assert_eq!(instant("+250ms", 1_000), Some(250_001_000));
        assert_eq!(instant("+2s", 0), Some(2_000_000_000));
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for text in [
            "",
            "now",
            "12:00:00Z",
            "2025-02-29T00:00:00Z",
            "2025-01-01T24:00:00Z",
            "2025-01-01T00:00:00",
            "+5",
            "+5h",
            "2025-01-01T00:00:00.Z",
        ] {
            assert_eq!(instant(text, 0), None, "{text}");
        }
    }

    #[test]
    fn spans_are_told_in_their_two_largest_units() {
        let told = [45, 725, 11_520, 273_600].map(|s: u64| span(s * 1_000_000_000));
        assert_eq!(told, ["45 s", "12 min 5 s", "3 h 12 min", "3 d 4 h"]);
    }
}
