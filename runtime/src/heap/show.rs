//! How primitive values print: the forms of `Show`.
//!
//! Floats print the shortest digits that read back (Rust's own, which is Ryū-like Grisu with fallback), positional from 1e-5 to below 1e16 with at least one
//! digit behind the point, else with an exponent. Durations print as Go's do (with `us`), instants as RFC 3339 in UTC with nine
//! digits.

use std::fmt::{Display, LowerExp, Write};

/// Smallest magnitude that prints without an exponent.
const POSITIONAL_MIN: f64 = 1e-5;
/// Smallest magnitude that prints with one again.
const POSITIONAL_END: f64 = 1e16;

/// Appends an `f64`.
pub fn write_f64(out: &mut String, value: f64) {
    write_float(out, value, value);
}

/// Appends an `f32` (the shortest digits that read back as `f32`).
pub fn write_f32(out: &mut String, value: f32) {
    write_float(out, value, f64::from(value));
}

fn write_float<F: Display + LowerExp>(out: &mut String, value: F, wide: f64) {
    let magnitude = wide.abs();
    let start = out.len();
    // f32's own 1e-5 lies just below f64's: compare what prints, not what is stored.
    if magnitude.is_finite()
        && magnitude != 0.0
        && !(POSITIONAL_MIN..POSITIONAL_END).contains(&magnitude)
    {
        let _ = write!(out, "{value:e}");
        let tail = &out[start..];
        if tail.trim_start_matches('-') == "1e-5" {
            let sign = if tail.starts_with('-') { "-" } else { "" };
            let text = format!("{sign}0.00001");
            out.replace_range(start.., &text);
        }
        return;
    }
    let _ = write!(out, "{value}");
    if magnitude.is_finite() && !out[start..].contains('.') {
        out.push_str(".0");
    }
}

/// Appends a character inside quotes of the given kind.
fn write_escaped(out: &mut String, c: char, quote: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\t' => out.push_str("\\t"),
        '\r' => out.push_str("\\r"),
        '\0' => out.push_str("\\0"),
        '\\' => out.push_str("\\\\"),
        c if c == quote => {
            out.push('\\');
            out.push(c);
        }
        c if c.is_control() => {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        }
        c => out.push(c),
    }
}

/// Appends a string as it stands inside a compound.
pub fn write_quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        write_escaped(out, c, '"');
    }
    out.push('"');
}

/// Appends a character as it stands inside a compound, and alone.
pub fn write_char_quoted(out: &mut String, c: char) {
    out.push('\'');
    write_escaped(out, c, '\'');
    out.push('\'');
}

/// Appends a duration.
pub fn write_duration(out: &mut String, ns: i64) {
    let magnitude = ns.unsigned_abs();
    if magnitude == 0 {
        out.push_str("0s");
        return;
    }
    if ns < 0 {
        out.push('-');
    }
    match magnitude {
        0..1_000 => {
            let _ = write!(out, "{magnitude}ns");
        }
        1_000..1_000_000 => write_fraction(out, magnitude, 1_000, "us"),
        1_000_000..1_000_000_000 => write_fraction(out, magnitude, 1_000_000, "ms"),
        _ => {
            let minutes = magnitude / 60_000_000_000;
            if minutes >= 60 {
                let _ = write!(out, "{}h", minutes / 60);
            }
            if minutes > 0 {
                let _ = write!(out, "{}m", minutes % 60);
            }
            write_fraction(out, magnitude % 60_000_000_000, 1_000_000_000, "s");
        }
    }
}

/// Appends `value / unit` without trailing zeros, and the unit's name.
fn write_fraction(out: &mut String, value: u64, unit: u64, name: &str) {
    let _ = write!(out, "{}", value / unit);
    let rest = value % unit;
    if rest != 0 {
        let width = unit.ilog10() as usize;
        let digits = format!("{rest:0width$}");
        out.push('.');
        out.push_str(digits.trim_end_matches('0'));
    }
    out.push_str(name);
}

/// Appends an instant: `2026-01-31T12:00:00.000000000Z`.
pub fn write_instant(out: &mut String, ns: i64) {
    write_moment(out, ns, 9);
}

/// Appends a moment with so many digits of the second.
pub fn write_moment(out: &mut String, ns: i64, digits: usize) {
    let seconds = ns.div_euclid(1_000_000_000);
    let fraction = ns.rem_euclid(1_000_000_000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let _ = write!(
        out,
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}",
        second / 3_600,
        second / 60 % 60,
        second % 60
    );
    let text = format!("{fraction:09}");
    if digits > 0 {
        out.push('.');
        out.push_str(&text[..digits]);
    }
    out.push('Z');
}

/// Year, month and day of a number of days since 1970-01-01 (Howard Hinnant's algorithm for the proleptic Gregorian calendar).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(write: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    #[test]
    fn floats() {
        for (value, text) in [
            (2.0, "2.0"),
            (-0.0, "-0.0"),
            (0.1, "0.1"),
            (1.5, "1.5"),
            (1e300, "1e300"),
            (1e16, "1e16"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (1e15, "1000000000000000.0"),
            (1e-5, "0.00001"),
            (0.000_012_5, "0.0000125"),
            (9.9e-6, "9.9e-6"),
            (1.5e-7, "1.5e-7"),
            (-1.25e20, "-1.25e20"),
            (f64::MAX, "1.7976931348623157e308"),
            (5e-324, "5e-324"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(shown(|out| write_f64(out, value)), text);
        }
        for (value, text) in [(0.1f32, "0.1"), (1e16, "1e16"), (1e-5, "0.00001"), (3.0, "3.0")] {
            assert_eq!(shown(|out| write_f32(out, value)), text);
        }
    }

    #[test]
    fn durations() {
        for (ns, text) in [
            (0, "0s"),
            (1, "1ns"),
            (15_000, "15us"),
            (1_500, "1.5us"),
            (5_000_000, "5ms"),
            (1_500_000_000, "1.5s"),
            (90_000_000_000, "1m30s"),
            (60_000_000_000, "1m0s"),
            (3_600_000_000_000, "1h0m0s"),
            (604_800_000_000_000, "168h0m0s"),
            (-1_500_000, "-1.5ms"),
            (3_661_000_000_001, "1h1m1.000000001s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(shown(|out| write_duration(out, ns)), text);
        }
    }

    #[test]
    fn instants() {
        for (ns, text) in [
            (0, "1970-01-01T00:00:00.000000000Z"),
            (1_769_860_800_000_000_000, "2026-01-31T12:00:00.000000000Z"),
            (951_782_400_000_000_001, "2000-02-29T00:00:00.000000001Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
        ] {
            assert_eq!(shown(|out| write_instant(out, ns)), text);
        }
        assert_eq!(
            shown(|out| write_moment(out, 1_769_860_800_000_000_000, 3)),
            "2026-01-31T12:00:00.000Z"
        );
    }

    #[test]
    fn quotes() {
        assert_eq!(shown(|out| write_quoted(out, "a\"b\\\n\u{7}ü'{")), r#""a\"b\\\n\u{7}ü'{""#);
        assert_eq!(shown(|out| write_char_quoted(out, '\'')), r"'\''");
        assert_eq!(shown(|out| write_char_quoted(out, '"')), "'\"'");
    }
}
