//! How primitive values print, written a second time on purpose: what the runtime prints is compared with this.

use std::fmt::Write as _;

/// Shortest digits that read back; an exponent below 1e-5 and from 1e16 on. `text` and `exponent` are Rust's two forms of the number.
pub(super) fn float(magnitude: f64, text: String, exponent: String) -> String {
    if !magnitude.is_finite() {
        return text;
    }
    let digits: f64 = exponent.trim_start_matches('-').parse().unwrap_or(magnitude);
    if digits != 0.0 && !(1e-5..1e16).contains(&digits) {
        exponent
    } else if text.contains('.') {
        text
    } else {
        text + ".0"
    }
}

pub(super) fn f64(value: f64) -> String {
    float(value.abs(), format!("{value}"), format!("{value:e}"))
}

pub(super) fn f32(value: f32) -> String {
    float(value.abs().into(), format!("{value}"), format!("{value:e}"))
}

fn escaped(text: &str, quote: char) -> String {
    let mut out = String::from(quote);
    for c in text.chars() {
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
    out.push(quote);
    out
}

pub(super) fn quoted(text: &str) -> String {
    escaped(text, '"')
}

pub(super) fn quoted_char(c: char) -> String {
    escaped(c.encode_utf8(&mut [0; 4]), '\'')
}

/// As Go prints durations, with `us`.
pub(super) fn duration(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let ns = ns.unsigned_abs();
    let decimal = |value: u64, unit: u64, name: &str| {
        let mut text = (value / unit).to_string();
        if !value.is_multiple_of(unit) {
            let width = unit.ilog10() as usize;
            let digits = format!("{:0width$}", value % unit);
            text = format!("{text}.{}", digits.trim_end_matches('0'));
        }
        text + name
    };
    let text = match ns {
        0 => "0s".to_owned(),
        1..1_000 => format!("{ns}ns"),
        1_000..1_000_000 => decimal(ns, 1_000, "us"),
        1_000_000..1_000_000_000 => decimal(ns, 1_000_000, "ms"),
        _ => {
            let seconds = decimal(ns % 60_000_000_000, 1_000_000_000, "s");
            match ns / 60_000_000_000 {
                0 => seconds,
                minutes @ 1..60 => format!("{minutes}m{seconds}"),
                minutes => format!("{}h{}m{seconds}", minutes / 60, minutes % 60),
            }
        }
    };
    format!("{sign}{text}")
}

/// RFC 3339 in UTC with nanoseconds; days to date by counting years and months.
pub(super) fn instant(ns: i64) -> String {
    let seconds = ns.div_euclid(1_000_000_000);
    let mut days = seconds.div_euclid(86_400);
    let second = seconds.rem_euclid(86_400);
    let leap = |year: i64| year % 4 == 0 && year % 100 != 0 || year % 400 == 0;
    let mut year = 1970;
    while days < 0 {
        year -= 1;
        days += if leap(year) { 366 } else { 365 };
    }
    while days >= if leap(year) { 366 } else { 365 } {
        days -= if leap(year) { 366 } else { 365 };
        year += 1;
    }
    let february = if leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!(
        "{year:04}-{month:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z",
        days + 1,
        second / 3600,
        second / 60 % 60,
        second % 60,
        ns.rem_euclid(1_000_000_000)
    )
}
