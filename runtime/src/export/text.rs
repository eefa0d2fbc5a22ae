//! Functions on `str`.

use std::cmp::Ordering;

use orion_abi::{
    Ctx, ListObject, Site,
    outcome::{STATUS_RETURNED, STATUS_UNWINDING},
};

use crate::{
    heap::{
        drop::HEAD_BYTES,
        show,
        text::{as_str, empty, hash_bytes, hash_mix, new, parse_float, push, with_capacity},
    },
    sched::fail,
};

/// Appends what `write` makes to an owned string.
unsafe fn push_shown(ctx: *mut Ctx, s: *mut u8, write: impl FnOnce(&mut String)) -> *mut u8 {
    let mut text = String::with_capacity(32);
    write(&mut text);
    // SAFETY: the string is the caller's.
    unsafe { push(ctx, s, &text) }
}

/// Appends an integer's digits.
unsafe fn push_digits(ctx: *mut Ctx, s: *mut u8, magnitude: u64, negative: bool) -> *mut u8 {
    // 20 digits and a sign at most.
    let mut buffer = [0u8; 21];
    let mut at = buffer.len();
    let mut rest = magnitude;
    loop {
        at -= 1;
        buffer[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if negative {
        at -= 1;
        buffer[at] = b'-';
    }
    // SAFETY: digits are ASCII; the string is the caller's.
    unsafe { push(ctx, s, std::str::from_utf8_unchecked(&buffer[at..])) }
}

/// The character with this code; generated code passes scalar values only.
fn char_of(code: i32) -> char {
    char::from_u32(code as u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The elements of a list of bytes.
unsafe fn bytes_of<'a>(bytes: *const u8) -> &'a [u8] {
    // SAFETY: a `[u8]` holds `len` bytes behind its head.
    unsafe {
        let len = (*bytes.cast::<ListObject>()).len as usize;
        std::slice::from_raw_parts(bytes.add(HEAD_BYTES), len)
    }
}

/// `s + t`.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_str_push(ctx: *mut Ctx, s: *mut u8, t: *mut u8) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe {
        // A shared object is copied, so `t` may be `s`.
        push(ctx, s, as_str(t))
    }
}

/// Appends an integer.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_str_push_i64(ctx: *mut Ctx, s: *mut u8, value: i64) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { push_digits(ctx, s, value.unsigned_abs(), value < 0) }
}

/// Appends an unsigned integer.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_str_push_u64(ctx: *mut Ctx, s: *mut u8, value: u64) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { push_digits(ctx, s, value, false) }
}

/// Appends a float.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_str_push_f64(ctx: *mut Ctx, s: *mut u8, value: f64) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { push_shown(ctx, s, |out| show::write_f64(out, value)) }
}

/// Appends a float of single precision, passed widened.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_str_push_f32(ctx: *mut Ctx, s: *mut u8, value: f64) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { push_shown(ctx, s, |out| show::write_f32(out, value as f32)) }
}

/// Appends `true` or `false`.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_str_push_bool(ctx: *mut Ctx, s: *mut u8, value: i32) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { push(ctx, s, if value & 1 != 0 { "true" } else { "false" }) }
}

/// Appends a character.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_str_push_char(ctx: *mut Ctx, s: *mut u8, code: i32) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { push(ctx, s, char_of(code).encode_utf8(&mut [0; 4])) }
}

/// Appends a character in quotes.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_str_push_char_quoted(
    ctx: *mut Ctx,
    s: *mut u8,
    code: i32,
) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { push_shown(ctx, s, |out| show::write_char_quoted(out, char_of(code))) }
}

/// Appends a string in quotes.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_str_push_quoted(ctx: *mut Ctx, s: *mut u8, t: *mut u8) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { push_shown(ctx, s, |out| show::write_quoted(out, as_str(t))) }
}

/// Appends a duration.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_str_push_duration(ctx: *mut Ctx, s: *mut u8, ns: i64) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { push_shown(ctx, s, |out| show::write_duration(out, ns)) }
}

/// Appends an instant.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_str_push_instant(ctx: *mut Ctx, s: *mut u8, ns: i64) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { push_shown(ctx, s, |out| show::write_instant(out, ns)) }
}

/// Order by bytes.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_str_compare(_ctx: *mut Ctx, s: *mut u8, t: *mut u8) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        match as_str(s).cmp(as_str(t)) {
            Ordering::Less => -1,
            Ordering::Equal => 0,
            Ordering::Greater => 1,
        }
    }
}

/// Equality.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_str_equal(_ctx: *mut Ctx, s: *mut u8, t: *mut u8) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { i32::from(s == t || as_str(s) == as_str(t)) }
}

/// A hash that depends on `seed`.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_str_hash(_ctx: *mut Ctx, s: *mut u8, seed: u64) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { hash_bytes(as_str(s).as_bytes(), seed) }
}

/// Mixes a word into a hash.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_hash_mix(_ctx: *mut Ctx, hash: u64, word: u64) -> u64 {
    hash_mix(hash, word)
}

/// `s[from..to]`.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_str_slice(
    ctx: *mut Ctx,
    s: *mut u8,
    from: i64,
    to: i64,
    site: *const Site,
    out: *mut *mut u8,
) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        let text = as_str(s);
        let bounds = usize::try_from(from).ok().zip(usize::try_from(to).ok());
        let Some((start, end)) = bounds.filter(|&(a, b)| a <= b && b <= text.len()) else {
            let len = text.len();
            fail::panic(ctx, format!("range {from}..{to} is out of range for length {len}"), site);
            return STATUS_UNWINDING;
        };
        let Some(part) = text.get(start..end) else {
            let cut = if text.is_char_boundary(start) { end } else { start };
            fail::panic(ctx, format!("byte {cut} of the string is inside a character"), site);
            return STATUS_UNWINDING;
        };
        *out = if part.len() == text.len() {
            orion_fast::count::retain(s);
            s
        } else {
            new(ctx, part)
        };
        STATUS_RETURNED
    }
}

/// The character at a byte offset.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_str_char_at(_ctx: *mut Ctx, s: *mut u8, at: i64) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        as_str(s).get(at as usize..).and_then(|rest| rest.chars().next()).map_or(0, u32::from)
    }
}

/// All strings of a list, one after another.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_str_concat(ctx: *mut Ctx, list: *mut u8) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe {
        let count = (*list.cast::<ListObject>()).len as usize;
        let parts = std::slice::from_raw_parts(list.add(HEAD_BYTES).cast::<*mut u8>(), count);
        let total: usize = parts.iter().map(|&part| as_str(part).len()).sum();
        if total == 0 {
            return empty();
        }
        let mut whole = with_capacity(ctx, total);
        for &part in parts {
            whole = push(ctx, whole, as_str(part));
        }
        whole
    }
}

/// A string of characters.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_str_from_chars(ctx: *mut Ctx, list: *mut u8) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe {
        let count = (*list.cast::<ListObject>()).len as usize;
        let codes = std::slice::from_raw_parts(list.add(HEAD_BYTES).cast::<i32>(), count);
        let text: String = codes.iter().map(|&code| char_of(code)).collect();
        new(ctx, &text)
    }
}

/// A string of bytes, which must be UTF-8.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_str_from_bytes(
    ctx: *mut Ctx,
    bytes: *mut u8,
    site: *const Site,
    out: *mut *mut u8,
) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        match std::str::from_utf8(bytes_of(bytes)) {
            Ok(text) => {
                *out = new(ctx, text);
                STATUS_RETURNED
            }
            Err(error) => {
                let at = error.valid_up_to();
                fail::panic(ctx, format!("the bytes are not UTF-8 from byte {at} on"), site);
                STATUS_UNWINDING
            }
        }
    }
}

/// Whether bytes are UTF-8.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_str_valid(_ctx: *mut Ctx, bytes: *mut u8) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { i32::from(std::str::from_utf8(bytes_of(bytes)).is_ok()) }
}

/// Where `t` first occurs in `s` from a byte on.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_str_find(_ctx: *mut Ctx, s: *mut u8, t: *mut u8, from: i64) -> i64 {
    // SAFETY: the caller's promise.
    unsafe {
        let start = usize::try_from(from).unwrap_or(0);
        let Some(rest) = as_str(s).as_bytes().get(start..) else { return -1 };
        find_bytes(rest, as_str(t).as_bytes()).map_or(-1, |at| (start + at) as i64)
    }
}

/// Unicode upper case.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_str_upper(ctx: *mut Ctx, s: *mut u8) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { new(ctx, &as_str(s).to_uppercase()) }
}

/// Unicode lower case.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_str_lower(ctx: *mut Ctx, s: *mut u8) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { new(ctx, &as_str(s).to_lowercase()) }
}

/// Without white space at both ends.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_str_trim(ctx: *mut Ctx, s: *mut u8) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe {
        let text = as_str(s);
        let trimmed = text.trim();
        if trimmed.len() == text.len() {
            orion_fast::count::retain(s);
            s
        } else {
            new(ctx, trimmed)
        }
    }
}

/// Whether it is a float.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_str_is_float(_ctx: *mut Ctx, s: *mut u8) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { i32::from(parse_float(as_str(s)).is_some()) }
}

/// The float that it is, or 0.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_str_to_float(_ctx: *mut Ctx, s: *mut u8) -> f64 {
    // SAFETY: the caller's promise.
    unsafe { parse_float(as_str(s)).unwrap_or(0.0) }
}

/// Where `needle` first occurs; an empty one occurs at 0.
fn find_bytes(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let Some((&first, tail)) = needle.split_first() else { return Some(0) };
    let last = haystack.len().checked_sub(needle.len())?;
    let mut at = 0;
    while at <= last {
        at += haystack[at..=last].iter().position(|&byte| byte == first)?;
        if &haystack[at + 1..at + needle.len()] == tail {
            return Some(at);
        }
        at += 1;
    }
    None
}
