//! Bases, appended checkpoints, torn appends, damage.

use super::*;
use crate::world::{Globals, Progress};

fn commit(durable: u64, sealed: bool) -> Vec<u8> {
    let globals = Globals {
        progress: Progress::Running,
        now_ns: 0,
        next_ids: [1; 6],
        main_task: 0,
        ready: Vec::new(),
        idlers: Vec::new(),
        random: [[0; 4]; 2],
        seed: 0,
        seeded: false,
        countdown: 0,
        hash_seed: 0,
        args: Vec::new(),
        wake_at_ns: None,
        handles: Vec::new(),
        next_handle: 1,
    };
    encode(&Commit { durable, sealed, globals }).expect("encoded")
}

fn base(sealed: bool) -> Vec<u8> {
    let mut writer = FrameWriter::base(1);
    writer.record(RecordKind::Schema, b"schema");
    writer.record(RecordKind::Items, b"items one");
    writer.record(RecordKind::Commit, &commit(0, sealed));
    writer.finish()
}

fn delta(number: u64, durable: u64, sealed: bool) -> Vec<u8> {
    let mut writer = FrameWriter::delta(number);
    writer.record(RecordKind::Items, b"items more");
    writer.record(RecordKind::Commit, &commit(durable, sealed));
    writer.finish()
}

fn number(bytes: &[u8]) -> Result<u64, FormatError> {
    read(bytes).map(|found| found.number)
}

#[test]
fn appended_checkpoints_are_read_in_order() {
    let mut bytes = base(false);
    bytes.extend(delta(2, 1, false));
    bytes.extend(delta(3, 2, true));
    let found = read(&bytes).expect("whole");
    assert_eq!((found.number, found.records.len(), found.torn_bytes), (3, 7, 0));
    assert!(found.commit.sealed);
}

#[test]
fn a_torn_append_is_dropped_at_every_length() {
    let whole = base(false);
    let more = delta(2, 1, false);
    for length in 0..more.len() {
        let mut bytes = whole.clone();
        bytes.extend_from_slice(&more[..length]);
        let found = read(&bytes).expect("the base is whole");
        assert_eq!((found.number, found.torn_bytes), (1, length));
    }
    // Sectors of one append may reach the disk in any order: a hole in the last one is torn, too.
    for at in 0..more.len() {
        let mut bytes = whole.clone();
        bytes.extend_from_slice(&more);
        bytes[whole.len() + at] ^= 1;
        assert_eq!(number(&bytes), Ok(1), "byte {at}");
    }
}

#[test]
fn nothing_falls_back_behind_a_durable_checkpoint() {
    let first = base(false);
    let second = delta(2, 1, false);
    for (durable, outcome) in [(2, None), (1, Some(1))] {
        let mut bytes = first.clone();
        bytes.extend_from_slice(&second);
        bytes.extend(delta(3, durable, false));
        assert_eq!(number(&bytes), Ok(3));
        bytes[first.len() + 50] ^= 1;
        // The third says whether the second was durable: then it is missing, not torn.
        assert_eq!(number(&bytes).ok(), outcome);
    }
}

#[test]
fn a_broken_base_and_bytes_behind_a_seal_are_damage() {
    let mut bytes = base(false);
    bytes[30] ^= 1;
    bytes.extend(delta(2, 0, false));
    assert!(matches!(number(&bytes), Err(FormatError::Corrupt(_))));
    let mut bytes = base(true);
    assert_eq!(number(&bytes), Ok(1));
    bytes.extend(delta(2, 1, false));
    assert!(matches!(number(&bytes), Err(FormatError::Corrupt(_))));
    assert_eq!(number(b""), Err(FormatError::Empty));
    assert_eq!(number(b"text"), Err(FormatError::Foreign));
    assert!(matches!(number(&FILE_MAGIC), Err(FormatError::Corrupt(_))));
}

#[test]
fn many_heads_of_records_cost_linear_time() {
    let mut bytes = base(false);
    let head = FrameWriter::delta(9).finish();
    assert!(head.is_empty());
    for _ in 0..200_000 {
        bytes.extend_from_slice(&RECORD_MAGIC);
        bytes.extend_from_slice(&2u32.to_le_bytes());
        bytes.extend_from_slice(&(1u64 << 20).to_le_bytes());
    }
    let start = std::time::Instant::now();
    assert!(number(&bytes).is_err(), "what looks like records in thousands is no torn append");
    assert!(start.elapsed().as_secs() < 20);
}
