//! Numbers: from digits, underscores and suffix to a value.
//!
//! The lexer takes everything that looks like a number into one token, so that a wrong digit
//! or suffix gets a message of its own instead of two strange tokens.

use crate::token::Tok;
use orion_diagnostics::ErrorCode;
use orion_syntax::Symbol;
use orion_syntax::ast::{FloatSuffix, IntSuffix};

/// Why a text is no number: code, message, and what to do.
pub type NumberError = (ErrorCode, String, Option<String>);

const UNITS: [(&str, i64); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60 * 1_000_000_000),
    ("h", 3_600 * 1_000_000_000),
    ("d", 86_400 * 1_000_000_000),
];

/// The token of a number's text; `negative` where a `-` belongs to it.
///
/// # Errors
/// When the digits or the suffix are wrong or the value fits no type.
pub fn parse_number(text: &str, negative: bool) -> Result<Tok, NumberError> {
    let sign = if negative { -1 } else { 1 };
    for (prefix, radix, name) in
        [("0x", 16, "a hexadecimal"), ("0o", 8, "an octal"), ("0b", 2, "a binary")]
    {
        if let Some(rest) = text.strip_prefix(prefix) {
            return parse_radix(rest, radix, name, sign);
        }
    }
    let digits_end = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    let (digits, rest) = text.split_at(digits_end);
    if rest.starts_with('.') || is_exponent(rest) {
        return parse_float(text, negative);
    }
    if let Some(&(_, unit_ns)) = UNITS.iter().find(|(unit, _)| *unit == rest) {
        let count = parse_digits(digits, 10)?;
        // Below 2^64 * 2^47: no overflow in 128 bits.
        let value_ns = i64::try_from(i128::from(count) * i128::from(unit_ns) * sign);
        return value_ns.ok().map(Tok::Duration).ok_or_else(|| {
            let message = format!("the duration `{text}` is longer than 292 years");
            (ErrorCode::E0007, message, None)
        });
    }
    match rest {
        "f32" | "f64" => parse_float(text, negative),
        _ => finish_int(parse_digits(digits, 10)?, rest, sign),
    }
}

fn is_exponent(rest: &str) -> bool {
    let Some(rest) = rest.strip_prefix(['e', 'E']) else { return false };
    let rest = rest.strip_prefix(['+', '-']).unwrap_or(rest);
    rest.starts_with(|c: char| c.is_ascii_digit())
}

fn parse_radix(rest: &str, radix: u32, name: &str, sign: i128) -> Result<Tok, NumberError> {
    let suffix_start = IntSuffix::ALL.iter().find_map(|(_, suffix)| {
        let start = rest.len().checked_sub(suffix.len())?;
        rest.ends_with(suffix).then_some(start)
    });
    let (digits, suffix) = rest.split_at(suffix_start.unwrap_or(rest.len()));
    if let Some(bad) = digits.chars().find(|&c| c != '_' && !c.is_digit(radix)) {
        let message = format!("`{bad}` is no digit of {name} number");
        return Err((ErrorCode::E0006, message, None));
    }
    finish_int(parse_digits(digits, radix)?, suffix, sign)
}

fn parse_digits(digits: &str, radix: u32) -> Result<u64, NumberError> {
    let plain: String = digits.chars().filter(|&c| c != '_').collect();
    if plain.is_empty() {
        return Err((ErrorCode::E0006, "this number has no digits".into(), None));
    }
    u64::from_str_radix(&plain, radix).map_err(|_| {
        let message = "this number is larger than any integer type holds".into();
        (ErrorCode::E0007, message, Some("the largest `u64` is 18446744073709551615".into()))
    })
}

fn finish_int(magnitude: u64, suffix: &str, sign: i128) -> Result<Tok, NumberError> {
    let value = i128::from(magnitude) * sign;
    if suffix.is_empty() {
        return Ok(Tok::Int { value, suffix: None });
    }
    match IntSuffix::ALL.iter().find(|(_, name)| *name == suffix) {
        Some(&(suffix, _)) => Ok(Tok::Int { value, suffix: Some(suffix) }),
        None => Err(bad_suffix(suffix)),
    }
}

fn bad_suffix(suffix: &str) -> NumberError {
    let shown: String = suffix.chars().take(20).collect();
    let help = "suffixes are `i8 i16 i32 i64 u8 u16 u32 u64 f32 f64` and the units of \
                durations, `ns us ms s m h d`";
    (ErrorCode::E0006, format!("`{shown}` is no suffix of a number"), Some(help.into()))
}

fn parse_float(text: &str, negative: bool) -> Result<Tok, NumberError> {
    let mut end = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    let skip_digits = |from: usize| {
        text[from..]
            .find(|c: char| !c.is_ascii_digit() && c != '_')
            .map_or(text.len(), |length| from + length)
    };
    if text[end..].starts_with('.') {
        end = skip_digits(end + 1);
    }
    if is_exponent(&text[end..]) {
        end = skip_digits(end + 2);
    }
    let suffix = match &text[end..] {
        "" => None,
        "f32" => Some(FloatSuffix::F32),
        "f64" => Some(FloatSuffix::F64),
        other if UNITS.iter().any(|(unit, _)| *unit == other) => {
            let help = "write it in a smaller unit: `1500ms`";
            let message = "a duration is a whole number of its unit".into();
            return Err((ErrorCode::E0006, message, Some(help.into())));
        }
        other => return Err(bad_suffix(other)),
    };
    let mut plain: String = text[..end].chars().filter(|&c| c != '_').collect();
    if negative {
        plain.insert(0, '-');
    }
    // Digits, one dot and one exponent always parse; too large a value becomes infinite.
    let value: f64 = plain.parse().unwrap_or(f64::INFINITY);
    let fits_f32 = suffix != Some(FloatSuffix::F32) || plain.parse().is_ok_and(f32::is_finite);
    if !value.is_finite() || !fits_f32 {
        let message = "this number is larger than its type holds".into();
        return Err((ErrorCode::E0007, message, None));
    }
    Ok(Tok::Float { value, text: Symbol::intern(&plain), suffix })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(value: i128) -> Tok {
        Tok::Int { value, suffix: None }
    }

    #[test]
    fn integers() {
        for (text, value) in
            [("42", 42), ("1_000", 1000), ("0xff", 255), ("0o17", 15), ("0b1010", 10), ("0", 0)]
        {
            assert_eq!(parse_number(text, false), Ok(int(value)), "{text}");
        }
        let max = i128::from(u64::MAX);
        assert_eq!(parse_number("18446744073709551615", true), Ok(int(-max)));
        let u8_of = |value| Ok(Tok::Int { value, suffix: Some(IntSuffix::U8) });
        assert_eq!(parse_number("42u8", false), u8_of(42));
        assert_eq!(parse_number("0xffu8", false), u8_of(255));
        assert_eq!(parse_number("0b11_u8", false), u8_of(3));
    }

    #[test]
    fn floats() {
        for (text, expected) in
            [("1.5", 1.5), ("1e-9", 1e-9), ("2.0f32", 2.0), ("1_0.2_5e+2", 1025.0), ("3f64", 3.0)]
        {
            let Ok(Tok::Float { value, .. }) = parse_number(text, false) else {
                panic!("{text} is a float")
            };
            assert!((value - expected).abs() < 1e-12, "{text}");
        }
    }

    #[test]
    fn durations() {
        for (text, ns) in [
            ("250ns", 250),
            ("10us", 10_000),
            ("5ms", 5_000_000),
            ("2s", 2_000_000_000),
            ("3m", 180_000_000_000),
            ("1h", 3_600_000_000_000),
            ("7d", 604_800_000_000_000),
        ] {
            assert_eq!(parse_number(text, false), Ok(Tok::Duration(ns)), "{text}");
        }
        assert_eq!(parse_number("5ms", true), Ok(Tok::Duration(-5_000_000)));
    }

    #[test]
    fn errors() {
        for (text, code) in [
            ("12abc", ErrorCode::E0006),
            ("0x", ErrorCode::E0006),
            ("0b12", ErrorCode::E0006),
            ("0o8", ErrorCode::E0006),
            ("1.5s", ErrorCode::E0006),
            ("1e", ErrorCode::E0006),
            ("1u7", ErrorCode::E0006),
            ("18446744073709551616", ErrorCode::E0007),
            ("1e999", ErrorCode::E0007),
            ("1e39f32", ErrorCode::E0007),
            ("107000d", ErrorCode::E0007),
        ] {
            assert_eq!(parse_number(text, false).map_err(|e| e.0), Err(code), "{text}");
        }
    }
}
