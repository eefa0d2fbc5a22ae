//! Files that lie: every flipped byte, every cut, and wrong contents under right checksums. The answer is an error, or a world that holds together.

use super::programs::{TestProgram, usual};
use super::worlds::{Stage, full};
use crate::state::program::Program;
use crate::state::restore::restore;
use crate::state::{Store, refusal::EXIT_DATA};
use orion_format::FormatError;
use orion_format::frame::{self, FrameWriter};
use orion_format::image::Image;
use orion_format::report::Report;

fn full_bytes(program: TestProgram, schema: &Program) -> Vec<u8> {
    let stage = Stage::new(program);
    // SAFETY: nothing runs.
    unsafe {
        full(&stage);
        let bytes = stage.save(schema);
        crate::sched::teardown::drop_all((*stage.world).worker);
        stage.free();
        bytes
    }
}

#[test]
fn every_flipped_byte_and_every_cut_is_noticed() {
    let program = usual();
    // SAFETY: the program is good.
    let schema = unsafe { Program::new(program.desc).expect("a schema") };
    let mut bytes = full_bytes(program, &schema);
    assert!(Image::read(&bytes).is_ok());
    for at in 0..bytes.len() {
        for flip in [1, 0x80] {
            bytes[at] ^= flip;
            assert!(Image::read(&bytes).is_err(), "byte {at} may be flipped by {flip}");
            bytes[at] ^= flip;
        }
        assert!(Image::read(&bytes[..at]).is_err(), "the file may be cut at {at}");
    }
    bytes.push(0);
    assert!(Image::read(&bytes).is_err(), "the file may be longer");
}

#[test]
fn a_damaged_file_is_refused_and_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("s");
    let program = usual();
    // SAFETY: the program is good.
    let schema = unsafe { Program::new(program.desc).expect("a schema") };
    let good = full_bytes(program, &schema);
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 4;
    let mut later = good.clone();
    later[8] = 9;
    let sum = frame::checksum(&later[..16]);
    later[16..24].copy_from_slice(&sum.to_le_bytes());
    let cases: [(&[u8], &str); 5] = [
        (b"", "is empty"),
        (b"hello, world", "is not a state file of an Orion program"),
        (&good[..good.len() - 1], "is corrupt"),
        (&flipped, "is corrupt"),
        (&later, "has format version 9"),
    ];
    for (bytes, why) in cases {
        std::fs::write(&path, bytes).expect("written");
        let stage = Stage::new(program);
        // SAFETY: the world is empty.
        let refusal = unsafe {
            let mut store = Store::open(&path, program.desc).expect("a store");
            store.load(stage.world).expect_err("refused")
        };
        assert_eq!(refusal.status, EXIT_DATA);
        assert!(refusal.message.contains(why), "{}", refusal.message);
        assert!(refusal.message.contains(&path.display().to_string()), "{}", refusal.message);
        assert_eq!(std::fs::read(&path).expect("a file"), bytes);
    }
}

/// Restores an image that may lie; if that succeeds, the world must survive being written and dropped.
fn try_all(program: TestProgram, schema: &Program, bytes: &[u8]) -> bool {
    let Ok(image) = Image::read(bytes) else { return false };
    _ = Report::new(&image).map(|report| report.to_string());
    let stage = Stage::new(program);
    // SAFETY: the world is empty; after an error it is not touched again.
    unsafe {
        let good = restore(stage.world, schema, &image).is_ok();
        if good {
            let again = stage.save(schema);
            let again = Image::read(&again).map(|_| ());
            assert_eq!(again, Ok(()), "what was read can be written");
            crate::sched::teardown::drop_all((*stage.world).worker);
        }
        stage.free();
        good
    }
}

#[test]
fn wrong_contents_under_right_checksums_never_crash() {
    let program = usual();
    // SAFETY: the program is good.
    let schema = unsafe { Program::new(program.desc).expect("a schema") };
    let bytes = full_bytes(program, &schema);
    let found = frame::read(&bytes).expect("records");
    let (mut accepted, mut tried) = (0, 0);
    for (which, record) in found.records.iter().enumerate() {
        let mut payload = record.payload.to_vec();
        for at in 0..payload.len() {
            let was = payload[at];
            for wrong in [was ^ 1, was.wrapping_add(1), was ^ 0x80, 0, 0xff, 0xfb, 0xfd] {
                if wrong == was {
                    continue;
                }
                payload[at] = wrong;
                let mut writer = FrameWriter::base(found.number);
                for (index, other) in found.records.iter().enumerate() {
                    let payload = if index == which { &payload[..] } else { other.payload };
                    writer.record(other.kind, payload);
                }
                tried += 1;
                accepted += usize::from(try_all(program, &schema, &writer.finish()));
            }
            payload[at] = was;
        }
    }
    // Numbers and texts may be anything; the rest is caught.
    assert!(accepted > 0 && accepted < tried / 2, "{accepted} of {tried}");
}

#[test]
fn cut_payloads_under_right_checksums_never_crash() {
    let program = usual();
    // SAFETY: the program is good.
    let schema = unsafe { Program::new(program.desc).expect("a schema") };
    let bytes = full_bytes(program, &schema);
    let found = frame::read(&bytes).expect("records");
    for (which, record) in found.records.iter().enumerate() {
        for length in 0..record.payload.len() {
            let mut writer = FrameWriter::base(found.number);
            for (index, other) in found.records.iter().enumerate() {
                let whole = other.payload;
                let payload = if index == which { &whole[..length] } else { whole };
                writer.record(other.kind, payload);
            }
            assert!(!try_all(program, &schema, &writer.finish()), "record {which} cut at {length}");
        }
    }
}

#[test]
fn huge_claims_cost_nothing() {
    // A list of 2^60 tasks, a string of 2^50 bytes: counted against the bytes that are there.
    for claim in [vec![0xfd, 0, 0, 0, 0, 0, 0, 0, 0x10], vec![0xfd, 0, 0, 0, 0, 0, 0, 4, 0]] {
        let mut writer = FrameWriter::base(1);
        writer.record(frame::RecordKind::Schema, &claim);
        let bytes = writer.finish();
        assert!(matches!(Image::read(&bytes), Err(FormatError::Corrupt(_))));
        let decoded: Result<Vec<u64>, _> = frame::decode(&claim, "it");
        assert!(decoded.is_err());
    }
}
