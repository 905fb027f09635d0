//! Instants as people write and read them: UTC, days of the proleptic Gregorian calendar.

/// "2026-11-21 11:20:10.123" of nanoseconds since the Unix epoch.
pub(super) fn utc(ns: u64) -> String {
    let (year, month, day) = civil(ns / DAY);
    format!("{year:04}-{month:02}-{day:02} {}", time_of_day(ns))
}

/// "11:20:10.123".
pub(super) fn time_of_day(ns: u64) -> String {
    let ms = ns % DAY / 1_000_000;
    let (s, ms) = (ms / 1_000, ms % 1_000);
    format!("{:02}:{:02}:{:02}.{ms:03}", s / 3_600, s / 60 % 60, s % 60)
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
    let (date, time) = text.strip_suffix('Z')?.split_once(['T', ' '])?;
    let mut date = date.split('-').map(|part| part.parse::<u64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let mut time = time.split(':');
    let (hour, minute) = (number(time.next()?, 23)?, number(time.next()?, 59)?);
    let last = time.next()?;
    let (second, fraction) = last.split_once('.').unwrap_or((last, "0"));
    if time.next().is_some() || date.next().is_some() {
        return None;
    }
    let seconds = (hour * 60 + minute) * 60 + number(second, 59)?;
    let days = days(year, month, day)?;
    Some(days * DAY + seconds * 1_000_000_000 + nanos(fraction)?)
}

fn number(text: &str, largest: u64) -> Option<u64> {
    let is_two_digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| *number <= largest);
    number.filter(|_| is_two_digits)
}

/// Nanoseconds of the digits behind a decimal point.
fn nanos(fraction: &str) -> Option<u64> {
    let is_digits = fraction.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits || !(1..=9).contains(&fraction.len()) {
        return None;
    }
    format!("{fraction:0<9}").parse().ok()
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

/// Year, month and day of a number of days since 1970-01-01.
fn civil(days: u64) -> (u64, u64, u64) {
    // Years from March, so that the leap day is a year's last; eras of 400 years.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, date)
}

/// Days since 1970-01-01; `None` for what is no date or before that day.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1970..=2500).contains(&year) || !(1..=12).contains(&month) {
        return None;
    }
    let shifted = if month <= 2 { year - 1 } else { year };
    let (era, in_era) = (shifted / 400, shifted % 400);
    let in_year = (153 * ((month + 9) % 12) + 2) / 5 + day.checked_sub(1)?;
    let days = era * 146_097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year;
    let days = days.checked_sub(719_468)?;
    (civil(days) == (year, month, day)).then_some(days)
}

const DAY: u64 = 86_400_000_000_000;

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
