//! Framing: a header, then records with length, position, and checksum.
//!
//! Input: bytes. Output: the payloads of one whole checkpoint, or why there is none.
//!
//! ```text
//! file    = header record*
//! header  = magic[8] version:u32 zero:u32 checksum:u64            (little-endian, as everything)
//! record  = magic[4] kind:u32 length:u64 checkpoint:u64 index:u64 checksum:u64 payload[length]
//! ```
//!
//! Records of one checkpoint have its number and count from index 0; a commit record closes it. A file begins with a base
//! (schema, items, commit); further checkpoints may be appended as deltas (items, commit). Each commit says which checkpoint
//! was known to be durable when it was written, and whether the file is sealed.
//!
//! Rules of reading (what a torn write may do, and what is damage):
//! - a checkpoint counts when all its records are whole, consecutive, and closed by its commit;
//! - bytes that are no such checkpoint may follow the last one, if it is not sealed: a torn append, dropped. They are damage when a later commit, found
//!   by scanning, says that the broken checkpoint was durable;
//! - no first checkpoint, or bytes behind a seal: damage.
//!
//! The checksum (XXH3, 64 bits) covers all of the record but itself. It is no signature: a file is trusted like the
//! program, and still never crashes it, so payloads are checked again where they are decoded.

use crate::error::FormatError;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

/// First bytes of every state file. The line end and the byte above 127 betray text-mode copies.
pub const FILE_MAGIC: [u8; 8] = *b"\x8fOrion\r\n";
/// First bytes of every record, to find the next one behind damage.
pub const RECORD_MAGIC: [u8; 4] = *b"\xf5REC";
/// Version of framing, schema and world records together.
pub const FORMAT_VERSION: u32 = 1;

const HEADER_BYTES: usize = 24;
const RECORD_HEAD_BYTES: usize = 40;

/// Checksums computed while looking for a later commit behind damage. A torn tail holds at most a few records;
/// the limit keeps a hostile file, all record heads, from costing quadratic time.
const SCAN_CHECKSUMS_MAX: usize = 4096;

/// `bincode` settings of every payload. The limit only has to stop absurd claims: all strings and byte runs are
/// borrowed from the file, and lists grow as their elements are read.
pub const BINCODE_LIMIT_BYTES: usize = 1 << 40;

fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<BINCODE_LIMIT_BYTES>()
}

/// What a record holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum RecordKind {
    /// [`crate::schema::Schema`].
    Schema = 1,
    /// A run of [`crate::world::Item`]s.
    Items = 2,
    /// [`Commit`].
    Commit = 3,
}

impl RecordKind {
    fn from_number(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Schema),
            2 => Some(Self::Items),
            3 => Some(Self::Commit),
            _ => None,
        }
    }
}

/// The end of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit<'a> {
    /// Highest checkpoint known to be durable when this one was written (0: none).
    pub durable: u64,
    /// Nothing is ever appended: the program ended cleanly or paused.
    pub sealed: bool,
    /// What holds for the world as a whole.
    #[serde(borrow)]
    pub globals: crate::world::Globals<'a>,
}

/// A record found in a file.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// What it holds.
    pub kind: RecordKind,
    /// Checkpoint that it belongs to.
    pub checkpoint: u64,
    /// Its position in the checkpoint.
    pub index: u64,
    /// Its contents.
    pub payload: &'a [u8],
}

/// Encodes a payload.
///
/// # Errors
/// When the value is larger than the limit.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, String> {
    bincode::serde::encode_to_vec(value, config())
        .map_err(|error| format!("cannot encode a record: {error}"))
}

/// Encodes a value behind what a buffer holds.
///
/// # Errors
/// When the value is larger than the limit.
pub fn encode_into<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), String> {
    bincode::serde::encode_into_std_write(value, out, config())
        .map(|_| ())
        .map_err(|error| format!("cannot encode a record: {error}"))
}

/// Decodes a payload, all of it.
///
/// # Errors
/// When the bytes are no such value, or more than one.
pub fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8], what: &str) -> Result<T, FormatError> {
    let (value, used): (T, usize) = bincode::serde::borrow_decode_from_slice(bytes, config())
        .map_err(|error| FormatError::corrupt(format!("{what} cannot be decoded ({error})")))?;
    if used != bytes.len() {
        let rest = bytes.len() - used;
        return Err(FormatError::corrupt(format!("{rest} bytes are left over behind {what}")));
    }
    Ok(value)
}

/// Writes records into a buffer.
pub struct FrameWriter {
    bytes: Vec<u8>,
    checkpoint: u64,
    index: u64,
}

impl FrameWriter {
    /// A new file, whose base has the given checkpoint number (from 1).
    #[must_use]
    pub fn base(checkpoint: u64) -> Self {
        let mut bytes = Vec::with_capacity(4096);
        bytes.extend_from_slice(&FILE_MAGIC);
        bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes.extend_from_slice(&0u32.to_le_bytes());
        let checksum = checksum(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        Self { bytes, checkpoint, index: 0 }
    }

    /// A checkpoint that will be appended to a file.
    #[must_use]
    pub fn delta(checkpoint: u64) -> Self {
        Self { bytes: Vec::new(), checkpoint, index: 0 }
    }

    /// Appends a record.
    pub fn record(&mut self, kind: RecordKind, payload: &[u8]) {
        let start = self.bytes.len();
        self.bytes.reserve(RECORD_HEAD_BYTES + payload.len());
        self.bytes.extend_from_slice(&RECORD_MAGIC);
        self.bytes.extend_from_slice(&(kind as u32).to_le_bytes());
        self.bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
        self.bytes.extend_from_slice(&self.checkpoint.to_le_bytes());
        self.bytes.extend_from_slice(&self.index.to_le_bytes());
        let checksum = record_checksum(&self.bytes[start..], payload);
        self.bytes.extend_from_slice(&checksum.to_le_bytes());
        self.bytes.extend_from_slice(payload);
        self.index += 1;
    }

    /// The bytes.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// The checksum of some bytes, as headers carry it.
#[must_use]
pub fn checksum(bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(bytes)
}

fn record_checksum(head: &[u8], payload: &[u8]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(head);
    hash.update(payload);
    hash.digest()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// Reads the record at `at`; the position behind it. `None` when there is no whole, intact record.
fn record_at(bytes: &[u8], at: usize) -> Option<(Record<'_>, usize)> {
    let rest = bytes.get(at..)?;
    if rest.len() < RECORD_HEAD_BYTES || rest[..4] != RECORD_MAGIC {
        return None;
    }
    let kind = RecordKind::from_number(u32_at(rest, 4))?;
    let length = usize::try_from(u64_at(rest, 8)).ok()?;
    let payload = rest[RECORD_HEAD_BYTES..].get(..length)?;
    if record_checksum(&rest[..RECORD_HEAD_BYTES - 8], payload) != u64_at(rest, 32) {
        return None;
    }
    let record = Record { kind, checkpoint: u64_at(rest, 16), index: u64_at(rest, 24), payload };
    Some((record, at + RECORD_HEAD_BYTES + length))
}

/// The whole checkpoints of a file, in order.
pub struct Checkpoints<'a> {
    /// Records of the whole checkpoints, commits included.
    pub records: Vec<Record<'a>>,
    /// The last commit.
    pub commit: Commit<'a>,
    /// Number of the last checkpoint.
    pub number: u64,
    /// Bytes of a torn append behind it, to be cut off before anything is appended.
    pub torn_bytes: usize,
}

/// Finds the whole checkpoints of a file.
///
/// # Errors
/// When it is no state file, of another version, or damaged by more than a torn append.
pub fn read(bytes: &[u8]) -> Result<Checkpoints<'_>, FormatError> {
    read_header(bytes)?;
    let mut at = HEADER_BYTES;
    let mut records: Vec<Record<'_>> = Vec::new();
    let mut done: Option<(usize, Commit<'_>, u64, usize)> = None;
    while at < bytes.len() {
        let Some((record, next)) = record_at(bytes, at) else { break };
        let expected = records.last().map_or((record.checkpoint, 0), |last| match last.kind {
            RecordKind::Commit => (last.checkpoint.wrapping_add(1), 0),
            _ => (last.checkpoint, last.index + 1),
        });
        if (record.checkpoint, record.index) != expected || record.checkpoint == 0 {
            break;
        }
        if let Some((_, commit, ..)) = &done
            && commit.sealed
        {
            break;
        }
        records.push(record);
        at = next;
        if record.kind == RecordKind::Commit {
            let commit: Commit<'_> = decode(record.payload, "the commit record")?;
            if commit.durable >= record.checkpoint {
                return Err(FormatError::corrupt("a commit record contradicts its own number"));
            }
            done = Some((records.len(), commit, record.checkpoint, at));
        }
    }
    let Some((count, commit, number, end)) = done else {
        return Err(FormatError::corrupt(if records.is_empty() && at >= bytes.len() {
            "it ends behind its header".to_owned()
        } else {
            format!("the first checkpoint is broken at byte {at} of {}", bytes.len())
        }));
    };
    if end < bytes.len() {
        if commit.sealed {
            return Err(FormatError::corrupt(format!(
                "{} bytes follow the end of the sealed state",
                bytes.len() - end
            )));
        }
        if durable_behind(bytes, end) > number {
            return Err(FormatError::corrupt(format!(
                "checkpoint {} was durable and is broken at byte {at}",
                number + 1
            )));
        }
    }
    records.truncate(count);
    Ok(Checkpoints { records, commit, number, torn_bytes: bytes.len() - end })
}

fn read_header(bytes: &[u8]) -> Result<(), FormatError> {
    if bytes.is_empty() {
        return Err(FormatError::Empty);
    }
    let known = bytes.len().min(FILE_MAGIC.len());
    if bytes[..known] != FILE_MAGIC[..known] {
        return Err(FormatError::Foreign);
    }
    if bytes.len() < HEADER_BYTES {
        return Err(FormatError::corrupt("it ends inside its header"));
    }
    if checksum(&bytes[..16]) != u64_at(bytes, 16) {
        return Err(FormatError::corrupt("the checksum of its header is wrong"));
    }
    let version = u32_at(bytes, 8);
    if version != FORMAT_VERSION || u32_at(bytes, 12) != 0 {
        return Err(FormatError::Version(version));
    }
    Ok(())
}

/// The highest checkpoint that any intact commit in the bytes from `from` on calls durable.
fn durable_behind(bytes: &[u8], from: usize) -> u64 {
    let mut durable = 0;
    let mut at = from;
    let mut checksums = 0;
    while let Some(step) = bytes[at..].windows(4).position(|four| four == RECORD_MAGIC) {
        at += step;
        checksums += 1;
        if checksums > SCAN_CHECKSUMS_MAX {
            return u64::MAX;
        }
        match record_at(bytes, at) {
            Some((record, next)) => {
                if record.kind == RecordKind::Commit
                    && let Ok(commit) = decode::<Commit<'_>>(record.payload, "a commit record")
                {
                    durable = durable.max(commit.durable);
                }
                at = next;
            }
            None => at += 1,
        }
    }
    durable
}

#[cfg(test)]
mod tests;
