//! The small values that are text in the file: numbers, addresses, durations, patterns, SFN and slot.
//!
//! Each parser takes the whole text or nothing; ranges are judged by the keys that use them.

use crate::ran::{Duration, MacAddr};
use nom::branch::alt;
use nom::bytes::complete::{tag_no_case, take_while_m_n};
use nom::character::complete::{char, digit1, hex_digit1, one_of};
use nom::combinator::{all_consuming, map_opt, map_res, opt, recognize, value};
use nom::multi::{count, many1};
use nom::sequence::{preceded, separated_pair, terminated};
use nom::{IResult, Parser};

/// An integer, decimal or `0x` hexadecimal.
pub(in crate::config) fn integer(text: &str) -> Option<i128> {
    let hexadecimal = preceded(
        tag_no_case("0x"),
        map_res(hex_digit1, |digits| i128::from_str_radix(digits, 16)),
    );
    let decimal = map_res(recognize((opt(one_of("+-")), digit1)), str::parse::<i128>);
    whole(alt((hexadecimal, decimal)), text)
}

/// Six octets in hexadecimal, separated by colons or by hyphens.
pub(in crate::config) fn mac(text: &str) -> Option<MacAddr> {
    whole(alt((octets(':'), octets('-'))), text)
}

fn octets<'a>(
    separator: char,
) -> impl Parser<&'a str, Output = MacAddr, Error = nom::error::Error<&'a str>> {
    let more = count(preceded(char(separator), octet), 5);
    map_opt((octet, more), |(first, more)| {
        let octets: Vec<u8> = std::iter::once(first).chain(more).collect();
        <[u8; 6]>::try_from(octets).ok().map(MacAddr)
    })
}

fn octet(text: &str) -> IResult<&str, u8> {
    let digits = take_while_m_n(2, 2, |c: char| c.is_ascii_hexdigit());
    map_res(digits, |digits| u8::from_str_radix(digits, 16)).parse(text)
}

/// A whole number and a unit: `500ns`, `250us`, `10ms`, `1s`.
pub fn duration(text: &str) -> Option<Duration> {
    let unit = alt((
        value(1u64, tag_no_case("ns")),
        value(1_000, tag_no_case("us")),
        value(1_000_000, tag_no_case("ms")),
        value(1_000_000_000, tag_no_case("s")),
    ));
    let number = terminated(map_res(digit1, str::parse::<u64>), opt(char(' ')));
    let product = map_opt((number, unit), |(number, unit)| number.checked_mul(unit));
    whole(product, text).map(Duration::from_nanos)
}

/// Owners of consecutive slots: `S` source (false), `D` destination (true).
pub(in crate::config) fn pattern(text: &str) -> Option<Vec<bool>> {
    whole(many1(one_of("SD").map(|owner| owner == 'D')), text)
}

/// `SFN.SLOT`.
pub(in crate::config) fn sfn(text: &str) -> Option<(u16, u16)> {
    let number = || map_res(digit1, str::parse::<u16>);
    whole(separated_pair(number(), char('.'), number()), text)
}

fn whole<'a, O>(
    parser: impl Parser<&'a str, Output = O, Error = nom::error::Error<&'a str>>,
    text: &'a str,
) -> Option<O> {
    let (_, output) = all_consuming(parser).parse(text).ok()?;
    Some(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_decimal_or_hexadecimal_and_nothing_else() {
        assert_eq!(integer("16"), Some(16));
        assert_eq!(integer("-32768"), Some(-32768));
        assert_eq!(integer("0x1F"), Some(31));
        for wrong in ["", "1.0", "1e3", "0x", "ten", "1 ", "1_000", "--1", "0o7"] {
            assert_eq!(integer(wrong), None, "{wrong}");
        }
        assert_eq!(integer(&"9".repeat(60)), None);
    }

    #[test]
    fn addresses_have_six_octets_and_one_kind_of_separator() {
        let address = MacAddr([2, 0xa0, 0, 0, 0, 0xff]);
        assert_eq!(mac("02:a0:00:00:00:ff"), Some(address));
        assert_eq!(mac("02-A0-00-00-00-FF"), Some(address));
        for wrong in [
            "02:a0:00:00:00",
            "02:a0:00:00:00:ff:00",
            "02:a0-00:00:00:ff",
            "2:a0:00:00:00:ff",
            "02:g0:00:00:00:ff",
            "",
        ] {
            assert_eq!(mac(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn durations_need_a_unit_and_fit_64_bits_of_nanoseconds() {
        assert_eq!(duration("500ns"), Some(Duration::from_nanos(500)));
        assert_eq!(duration("250us"), Some(Duration::from_micros(250)));
        assert_eq!(duration("10 ms"), Some(Duration::from_millis(10)));
        assert_eq!(duration("1s"), Some(Duration::from_millis(1000)));
        for wrong in ["10", "ms", "1.5ms", "-1ms", "10min", "20000000000s", ""] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn patterns_are_made_of_s_and_d() {
        assert_eq!(pattern("SSD"), Some(vec![false, false, true]));
        for wrong in ["", "SXD", "sd", "S D"] {
            assert_eq!(pattern(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_frame_number_and_a_slot_are_joined_by_a_dot() {
        assert_eq!(sfn("12.3"), Some((12, 3)));
        assert_eq!(sfn("12.10"), Some((12, 10)));
        for wrong in ["12", "12.", ".3", "12.3.4", "70000.1"] {
            assert_eq!(sfn(wrong), None, "{wrong}");
        }
    }
}
