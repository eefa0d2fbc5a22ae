//! The language of values: unframed little-endian bytes that only a type makes sense of.
//!
//! | type | bytes |
//! | --- | --- |
//! | `()` | none |
//! | `bool` | one, 0 or 1 |
//! | integers, floats, `Duration`, `Instant` | their own size |
//! | `char` | 4, a Unicode scalar value |
//! | tuples, structs | the fields in order, without padding |
//! | sums in place | the tag as a varint, then the fields of that variant |
//! | `Chan`, `Send`, `Recv`, `Task`, `Scope`, `Gen` | a varint: the id in its table, 0 for none |
//! | `str`, lists, boxed types, functions | a [`Word`], and behind an inline one its contents |
//!
//! Contents: a string is its bytes; a list its elements; a boxed object its tag as a varint and the fields of that
//! variant; a closure its number among the schema's closures as a varint and its captures. Objects that are not inline stand in a
//! table, each with its length, and refer to each other by number: no chain of objects, however long, nests.
//!
//! Varints are LEB128, at most ten bytes, and written in the shortest form only: equal worlds have equal bytes.

use crate::error::FormatError;

/// A reference to a heap object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Word {
    /// The null pointer: a placeholder.
    Null,
    /// A variant without fields of a boxed sum (or the placeholder of a boxed struct, tag 0).
    Tag(u64),
    /// An object of the record's own table: this is the only reference to it.
    Local(u64),
    /// An object of the world's table, by id.
    Shared(u64),
    /// The contents follow: the length of a string in bytes, of a list in elements; for a function without captures its number
    /// among the closures.
    Inline(u64),
}

/// Values above this cannot be packed into a [`Word`].
pub const WORD_PAYLOAD_MAX: u64 = u64::MAX >> 3;

impl Word {
    fn pack(self) -> u64 {
        match self {
            Self::Null => 0,
            Self::Tag(tag) => tag << 1 | 1,
            Self::Local(index) => index << 3 | 2,
            Self::Shared(id) => id << 3 | 4,
            Self::Inline(length) => length << 3 | 6,
        }
    }

    fn unpack(word: u64) -> Option<Self> {
        if word == 0 {
            return Some(Self::Null);
        }
        if word & 1 == 1 {
            return Some(Self::Tag(word >> 1));
        }
        match word & 7 {
            2 => Some(Self::Local(word >> 3)),
            4 => Some(Self::Shared(word >> 3)),
            6 => Some(Self::Inline(word >> 3)),
            _ => None,
        }
    }
}

/// Appends a varint.
pub fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a reference.
pub fn write_word(out: &mut Vec<u8>, word: Word) {
    write_varint(out, word.pack());
}

/// Reads values; every read is checked against the bytes that are there.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads the bytes.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Bytes that are left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.bytes.len()
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// When there are fewer.
    #[inline]
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], FormatError> {
        if count > self.bytes.len() {
            return Err(FormatError::corrupt("a value is cut short"));
        }
        let (head, rest) = self.bytes.split_at(count);
        self.bytes = rest;
        Ok(head)
    }

    /// One byte.
    ///
    /// # Errors
    /// When there is none.
    #[inline]
    pub fn byte(&mut self) -> Result<u8, FormatError> {
        Ok(self.take(1)?[0])
    }

    /// A fixed number of bytes.
    ///
    /// # Errors
    /// When there are fewer.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// A varint in its shortest form.
    ///
    /// # Errors
    /// When it is cut short, does not fit 64 bits, or is longer than needed.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, FormatError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                if byte == 0 && shift > 0 {
                    break;
                }
                return Ok(value);
            }
        }
        Err(FormatError::corrupt("a number has no valid form"))
    }

    /// A reference.
    ///
    /// # Errors
    /// When it is none.
    #[inline]
    pub fn word(&mut self) -> Result<Word, FormatError> {
        Word::unpack(self.varint()?)
            .ok_or_else(|| FormatError::corrupt("a reference has no valid form"))
    }

    /// `bool`.
    ///
    /// # Errors
    /// When the byte is neither 0 nor 1.
    pub fn bool(&mut self) -> Result<bool, FormatError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(FormatError::corrupt("a bool is neither true nor false")),
        }
    }

    /// `char`.
    ///
    /// # Errors
    /// When the number is no Unicode scalar value.
    pub fn char(&mut self) -> Result<char, FormatError> {
        char::from_u32(u32::from_le_bytes(self.array()?))
            .ok_or_else(|| FormatError::corrupt("a char is no Unicode character"))
    }

    /// UTF-8 of the given length.
    ///
    /// # Errors
    /// When it is cut short or not UTF-8.
    pub fn str(&mut self, length: u64) -> Result<&'a str, FormatError> {
        let length =
            usize::try_from(length).map_err(|_| FormatError::corrupt("a string is cut short"))?;
        std::str::from_utf8(self.take(length)?)
            .map_err(|_| FormatError::corrupt("a string is not UTF-8"))
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    /// When something is.
    pub fn end(&self) -> Result<(), FormatError> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        Err(FormatError::corrupt("a value is longer than its type"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_round_trip_in_one_form() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut out = Vec::new();
            write_varint(&mut out, value);
            let mut reader = Reader::new(&out);
            assert_eq!(reader.varint(), Ok(value));
            assert_eq!(reader.end(), Ok(()));
        }
        for bad in [&[0x80, 0x00][..], &[0xff; 10], &[0x80; 11], &[0x80], &[]] {
            assert!(Reader::new(bad).varint().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn words_round_trip() {
        let words = [Word::Null, Word::Tag(7), Word::Local(0), Word::Shared(9), Word::Inline(0)];
        let mut out = Vec::new();
        for word in words {
            write_word(&mut out, word);
        }
        let mut reader = Reader::new(&out);
        for word in words {
            assert_eq!(reader.word(), Ok(word));
        }
        assert!(Reader::new(&[8]).word().is_err());
    }
}
