//! Values as people read them, by the schema alone.
//!
//! Input: bytes of the value language, a type, and the tables that references lead to. Output: the text that the language's `Show` would give,
//! cut where it is longer than anyone reads. Every byte is checked, printed or not, so that a printed state is a valid one.
//!
//! Limits: text per value, depth of objects in each other, and steps per image (a small hostile schema can describe a value of no
//! bytes and very many parts).

use crate::bytes::{Reader, Word};
use crate::error::FormatError;
use crate::image::Image;
use crate::schema::{Field, Kind, TypeIndex};
use crate::world::Object;
use std::cell::Cell;
use std::fmt::Write;

/// Bytes of text per value.
const TEXT_BYTES_MAX: usize = 2000;
/// Objects inside each other that are printed.
const DEPTH_MAX: u32 = 24;
/// Parts of values that are read for one image, beside one for every byte.
const STEPS_FREE: u64 = 1 << 22;

type Read<T = ()> = Result<T, FormatError>;

/// Prints the values of an image.
pub struct Printer<'i, 'a> {
    image: &'i Image<'a>,
    flat: Vec<bool>,
    steps: Cell<u64>,
}

/// Text that stops growing at its limit.
struct Text {
    text: String,
    cut: bool,
}

impl Text {
    fn push(&mut self, more: &str) {
        if self.cut {
            return;
        }
        if self.text.len() + more.len() <= TEXT_BYTES_MAX {
            self.text.push_str(more);
            return;
        }
        let room = TEXT_BYTES_MAX - self.text.len();
        let end = (0..=room).rev().find(|&at| more.is_char_boundary(at)).unwrap_or(0);
        self.text.push_str(&more[..end]);
        self.text.push('…');
        self.cut = true;
    }
}

/// Where a value stands: the objects it may refer to, and how deep it is in others.
#[derive(Clone, Copy)]
struct Place<'o> {
    locals: &'o [Object<'o>],
    depth: u32,
}

impl<'i, 'a> Printer<'i, 'a> {
    /// Prints values of this image.
    #[must_use]
    pub fn new(image: &'i Image<'a>) -> Self {
        let steps = Cell::new(STEPS_FREE + image.whole_bytes as u64);
        Self { image, flat: image.schema.flat_types(), steps }
    }

    /// Reads one value and gives its text; a string stands in quotes.
    ///
    /// # Errors
    /// When the bytes are no value of the type.
    pub fn value(
        &self,
        reader: &mut Reader<'_>,
        ty: TypeIndex,
        locals: &[Object<'_>],
    ) -> Read<String> {
        let mut out = Text { text: String::new(), cut: false };
        self.read(&mut out, reader, ty, Place { locals, depth: 0 })?;
        Ok(out.text)
    }

    fn step(&self) -> Read {
        let left = self.steps.get();
        if left == 0 {
            return Err(FormatError::corrupt("its values have more parts than a state can"));
        }
        self.steps.set(left - 1);
        Ok(())
    }

    fn read(
        &self,
        out: &mut Text,
        reader: &mut Reader<'_>,
        ty: TypeIndex,
        place: Place<'_>,
    ) -> Read {
        self.step()?;
        let schema = &self.image.schema;
        let desc = schema.ty(ty);
        let name = schema.str(desc.name);
        match desc.kind() {
            Kind::Unit => out.push("()"),
            Kind::Bool => out.push(if reader.bool()? { "true" } else { "false" }),
            Kind::Char => push_debug(out, reader.char()?),
            Kind::I8 => push(out, i8::from_le_bytes(reader.array()?)),
            Kind::I16 => push(out, i16::from_le_bytes(reader.array()?)),
            Kind::I32 => push(out, i32::from_le_bytes(reader.array()?)),
            Kind::I64 => push(out, i64::from_le_bytes(reader.array()?)),
            Kind::U8 => push(out, u8::from_le_bytes(reader.array()?)),
            Kind::U16 => push(out, u16::from_le_bytes(reader.array()?)),
            Kind::U32 => push(out, u32::from_le_bytes(reader.array()?)),
            Kind::U64 => push(out, u64::from_le_bytes(reader.array()?)),
            Kind::F32 => push_debug(out, f32::from_le_bytes(reader.array()?)),
            Kind::F64 => push_debug(out, f64::from_le_bytes(reader.array()?)),
            Kind::Duration => out.push(&duration(i64::from_le_bytes(reader.array()?))),
            Kind::Instant => out.push(&instant(i64::from_le_bytes(reader.array()?))),
            Kind::Tuple => {
                out.push("(");
                self.fields(out, reader, &desc.fields, place, false)?;
                out.push(")");
            }
            Kind::Struct => {
                self.record(out, reader, name, &desc.fields, place)?;
            }
            Kind::Sum => {
                let tag = reader.varint()?;
                self.variant(out, reader, ty, tag, place)?;
            }
            Kind::Chan => self
                .id(out, "channel", reader.varint()?, |id| self.image.channels.contains_key(&id))?,
            Kind::Task => {
                let id = reader.varint()?;
                self.id(out, "task", id, |id| self.image.tasks.contains_key(&id))?;
            }
            Kind::Scope => {
                let id = reader.varint()?;
                self.id(out, "scope", id, |id| self.image.scopes.contains_key(&id))?;
            }
            Kind::Gen => self.id(out, "generator", reader.varint()?, |id| {
                self.image.tasks.get(&id).is_some_and(|task| task.generator.is_some())
            })?,
            Kind::Ptr => return Err(FormatError::corrupt("it holds a raw pointer")),
            Kind::Str | Kind::List | Kind::BoxedStruct | Kind::BoxedSum | Kind::Fn => {
                self.reference(out, reader, ty, place)?;
            }
        }
        Ok(())
    }

    fn id(&self, out: &mut Text, what: &str, id: u64, there: impl Fn(u64) -> bool) -> Read {
        if id == 0 {
            out.push("none");
        } else if there(id) {
            push(out, format_args!("{what} {id}"));
        } else {
            return Err(FormatError::corrupt(format!(
                "it refers to {what} {id}, which is not there"
            )));
        }
        Ok(())
    }

    fn fields(
        &self,
        out: &mut Text,
        reader: &mut Reader<'_>,
        fields: &[Field],
        place: Place<'_>,
        named: bool,
    ) -> Read {
        for (index, field) in fields.iter().enumerate() {
            if index > 0 {
                out.push(", ");
            }
            if named {
                out.push(self.image.schema.str(field.name));
                out.push(": ");
            }
            self.read(out, reader, field.ty, place)?;
        }
        Ok(())
    }

    fn record(
        &self,
        out: &mut Text,
        reader: &mut Reader<'_>,
        name: &str,
        fields: &[Field],
        place: Place<'_>,
    ) -> Read {
        // The path and the type arguments are told with the variable's type.
        let name = name.split('[').next().unwrap_or(name);
        out.push(name.rsplit('.').next().unwrap_or(name));
        out.push(" { ");
        self.fields(out, reader, fields, place, true)?;
        out.push(" }");
        Ok(())
    }

    fn variant(
        &self,
        out: &mut Text,
        reader: &mut Reader<'_>,
        ty: TypeIndex,
        tag: u64,
        place: Place<'_>,
    ) -> Read {
        let desc = self.image.schema.ty(ty);
        let variant = usize::try_from(tag).ok().and_then(|tag| desc.variants.get(tag));
        let Some(variant) = variant else {
            return Err(FormatError::corrupt(
                "a value is of a variant that its type does not have",
            ));
        };
        let name = self.image.schema.str(variant.name);
        if desc.kind() == Kind::BoxedStruct {
            let name = self.image.schema.str(desc.name);
            return self.record(out, reader, name, &variant.fields, place);
        }
        out.push(name);
        if variant.fields.is_empty() {
            return Ok(());
        }
        out.push("(");
        self.fields(out, reader, &variant.fields, place, false)?;
        out.push(")");
        Ok(())
    }

    fn reference(
        &self,
        out: &mut Text,
        reader: &mut Reader<'_>,
        ty: TypeIndex,
        place: Place<'_>,
    ) -> Read {
        let missing = || Err(FormatError::corrupt("it refers to an object that is not there"));
        let kind = self.image.schema.ty(ty).kind();
        match reader.word()? {
            Word::Null => out.push("none"),
            Word::Tag(tag) if matches!(kind, Kind::BoxedStruct | Kind::BoxedSum) => {
                let desc = self.image.schema.ty(ty);
                let index = usize::try_from(tag).unwrap_or(usize::MAX);
                match desc.variants.get(index) {
                    Some(variant) if tag == 0 || variant.fields.is_empty() => {
                        out.push(self.image.schema.str(variant.name));
                    }
                    _ => return missing(),
                }
            }
            Word::Local(index) => {
                let index = usize::try_from(index).unwrap_or(usize::MAX);
                let Some(object) = place.locals.get(index) else { return missing() };
                self.object(out, object, ty, place)?;
            }
            Word::Shared(id) => {
                let Some(item) = self.image.objects.get(&id) else { return missing() };
                let place = Place { locals: &item.locals, depth: place.depth };
                self.object(out, &item.object, ty, place)?;
            }
            Word::Inline(payload) => self.contents(out, reader, ty, payload, true, place)?,
            Word::Tag(_) => return missing(),
        }
        Ok(())
    }

    fn object(&self, out: &mut Text, object: &Object<'_>, ty: TypeIndex, place: Place<'_>) -> Read {
        if object.ty != ty {
            return Err(FormatError::corrupt(
                "an object is of another type than the variable that holds it",
            ));
        }
        if place.depth >= DEPTH_MAX || out.cut {
            out.push("…");
            return Ok(());
        }
        let place = Place { depth: place.depth + 1, ..place };
        let mut reader = Reader::new(object.bytes.0);
        self.contents(out, &mut reader, ty, object.count, false, place)?;
        reader.end()
    }

    /// What an object holds; `count` is its length, or for an inline function its number.
    fn contents(
        &self,
        out: &mut Text,
        reader: &mut Reader<'_>,
        ty: TypeIndex,
        count: u64,
        inline: bool,
        place: Place<'_>,
    ) -> Read {
        let desc = self.image.schema.ty(ty);
        match desc.kind() {
            Kind::Str => push_debug(out, reader.str(count)?),
            Kind::List => {
                // A checked schema gives every list its element type.
                let elem = desc.elem.unwrap_or(ty);
                if inline && count > 0 && !self.flat[elem as usize] {
                    return Err(FormatError::corrupt("a list stands where it cannot"));
                }
                out.push("[");
                for index in 0..count {
                    if index > 0 {
                        out.push(", ");
                    }
                    self.read(out, reader, elem, place)?;
                }
                out.push("]");
            }
            Kind::BoxedStruct | Kind::BoxedSum if !inline => {
                let tag = reader.varint()?;
                self.variant(out, reader, ty, tag, place)?;
            }
            Kind::Fn => {
                let number = if inline { count } else { reader.varint()? };
                let closures = &self.image.schema.closures;
                let index = usize::try_from(number).unwrap_or(usize::MAX);
                let Some(closure) = closures.get(index).filter(|closure| closure.ty == ty) else {
                    return Err(FormatError::corrupt("it refers to a function that is not there"));
                };
                out.push("fn ");
                out.push(self.image.schema.str(closure.name));
                if inline {
                    return Ok(());
                }
                out.push(" { ");
                for (index, capture) in closure.captures.iter().enumerate() {
                    if index > 0 {
                        out.push(", ");
                    }
                    out.push(self.image.schema.str(capture.name));
                    out.push(": ");
                    let mut value = take_slot(reader)?;
                    self.read(out, &mut value, capture.ty, place)?;
                    value.end()?;
                }
                out.push(" }");
            }
            _ => return Err(FormatError::corrupt("a value stands where it cannot")),
        }
        Ok(())
    }
}

/// A value with its length in front, as slots and captures have it.
///
/// # Errors
/// When it is cut short.
pub fn take_slot<'a>(reader: &mut Reader<'a>) -> Read<Reader<'a>> {
    let length = usize::try_from(reader.varint()?).unwrap_or(usize::MAX);
    Ok(Reader::new(reader.take(length)?))
}

fn push(out: &mut Text, value: impl std::fmt::Display) {
    out.push(&value.to_string());
}

fn push_debug(out: &mut Text, value: impl std::fmt::Debug) {
    out.push(&format!("{value:?}"));
}

/// A duration as Go writes it.
#[must_use]
pub fn duration(ns: i64) -> String {
    if ns == 0 {
        return "0s".to_owned();
    }
    let sign = if ns < 0 { "-" } else { "" };
    let ns = ns.unsigned_abs();
    let decimal = |unit: u64, name: &str| {
        let (whole, part) = (ns / unit, ns % unit);
        let digits = unit.ilog10() as usize;
        let fraction = format!("{part:0digits$}");
        let fraction = fraction.trim_end_matches('0');
        let dot = if fraction.is_empty() { "" } else { "." };
        format!("{sign}{whole}{dot}{fraction}{name}")
    };
    match ns {
        0..1_000 => format!("{sign}{ns}ns"),
        1_000..1_000_000 => decimal(1_000, "us"),
        1_000_000..1_000_000_000 => decimal(1_000_000, "ms"),
        1_000_000_000..60_000_000_000 => decimal(1_000_000_000, "s"),
        _ => {
            let minutes = ns / 60_000_000_000;
            let mut text = sign.to_owned();
            if minutes >= 60 {
                _ = write!(text, "{}h", minutes / 60);
            }
            let rest = duration((ns % 60_000_000_000) as i64);
            let rest = if rest.ends_with("ms") || rest.ends_with("us") || rest.ends_with("ns") {
                let seconds = format!("{:.9}", (ns % 60_000_000_000) as f64 / 1e9);
                format!("{}s", seconds.trim_end_matches('0').trim_end_matches('.'))
            } else {
                rest
            };
            _ = write!(text, "{}m{rest}", minutes % 60);
            text
        }
    }
}

/// A moment as RFC 3339 with nanoseconds, in UTC (the civil-from-days algorithm).
#[must_use]
pub fn instant(ns: i64) -> String {
    let seconds = ns.div_euclid(1_000_000_000);
    let nanos = ns.rem_euclid(1_000_000_000);
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_in_the_language() {
        for (ns, text) in [
            (0, "0s"),
            (250, "250ns"),
            (15_000, "15us"),
            (1_500_000_000, "1.5s"),
            (90_000_000_000, "1m30s"),
            (3_600_000_000_000, "1h0m0s"),
            (61_500_000_000, "1m1.5s"),
            (60_250_000_000, "1m0.25s"),
            (-2_000_000, "-2ms"),
        ] {
            assert_eq!(duration(ns), text);
        }
        assert_eq!(instant(0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(instant(1_769_860_800_123_456_789), "2026-01-31T12:00:00.123456789Z");
        assert_eq!(instant(-1), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(instant(951_782_400_000_000_000), "2000-02-29T00:00:00.000000000Z");
    }
}
