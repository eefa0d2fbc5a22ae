//! The file is the previous checkpoint or the new one, whatever fails; and what is no state file is left alone.

use super::disk_twin::{Fault, Twin};
use crate::state::disk::{Disk, SystemDisk};
use crate::state::refusal::{EXIT_BUSY, EXIT_DATA, EXIT_IO};
use crate::state::storage::FileStore;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn old() -> Vec<u8> {
    vec![b'o'; 2500]
}

fn new() -> Vec<u8> {
    vec![b'n'; 3700]
}

/// A disk with the old checkpoint, acknowledged, and its store.
fn prepared() -> (Twin, FileStore<Twin>) {
    let disk = Twin::default();
    let (mut store, found) = FileStore::open(disk.clone(), Path::new("d/s")).expect("a store");
    assert_eq!(found, None);
    store.replace(&old()).expect("written");
    (disk, store)
}

fn calls_of_a_replace() -> usize {
    let (disk, mut store) = prepared();
    let before = disk.calls();
    store.replace(&new()).expect("written");
    disk.calls() - before
}

#[test]
fn every_call_that_fails_leaves_a_whole_checkpoint_and_the_next_attempt_succeeds() {
    for for_ever in [false, true] {
        for fault in [Fault::Error, Fault::Torn] {
            for call in 0..calls_of_a_replace() {
                let (disk, mut store) = prepared();
                disk.fail_at(call, fault, for_ever);
                let result = store.replace(&new());
                let renamed = call + 1 == calls_of_a_replace();
                assert!(result.is_err(), "call {call} failed, and it was acknowledged");
                let content = disk.content(Path::new("d/s")).expect("a file");
                assert!(content == old() || (renamed && content == new()), "call {call}");
                for outcome in disk.after_crash(Path::new("d/s")) {
                    let outcome = outcome.expect("a file");
                    assert!(outcome == old() || outcome == new(), "call {call}: a mixture");
                }
                disk.heal();
                store.replace(&new()).expect("the next attempt succeeds");
                for outcome in disk.after_crash(Path::new("d/s")) {
                    assert_eq!(outcome, Some(new()), "acknowledged, and not there");
                }
                let left: Vec<_> = disk.paths();
                assert_eq!(left, [Path::new("d/s"), Path::new("d/s.lock")]);
            }
        }
    }
}

#[test]
fn power_may_be_lost_between_any_two_calls() {
    for call in 0..calls_of_a_replace() {
        let (disk, mut store) = prepared();
        disk.fail_at(call, Fault::Crash, true);
        assert!(store.replace(&new()).is_err());
        for outcome in disk.after_crash(Path::new("d/s")) {
            let outcome = outcome.expect("a file");
            assert!(outcome == old() || outcome == new(), "call {call}: a mixture");
        }
    }
}

#[test]
fn the_first_checkpoint_is_whole_or_not_there() {
    for call in 0..12 {
        let disk = Twin::default();
        let (mut store, _) = FileStore::open(disk.clone(), Path::new("d/s")).expect("a store");
        disk.fail_at(call, Fault::Crash, true);
        let acknowledged = store.replace(&new()).is_ok();
        for outcome in disk.after_crash(Path::new("d/s")) {
            assert!(outcome.as_ref().is_none_or(|bytes| *bytes == new()), "call {call}");
            assert!(!acknowledged || outcome.is_some(), "call {call}");
        }
    }
}

#[test]
fn what_cannot_be_opened_or_written_is_found_at_the_start() {
    let calls = {
        let (disk, store) = prepared();
        drop(store);
        let before = disk.calls();
        FileStore::open(disk.clone(), Path::new("d/s")).map(|_| ()).expect("a store");
        disk.calls() - before
    };
    for call in 0..calls {
        let (disk, store) = prepared();
        drop(store);
        disk.fail_at(call, Fault::Error, false);
        let refusal = FileStore::open(disk.clone(), Path::new("d/s")).map(|_| ());
        assert_eq!(refusal.expect_err("a refusal").status, EXIT_IO, "call {call}");
        assert_eq!(disk.content(Path::new("d/s")), Some(old()));
    }
}

#[test]
fn the_real_disk_replaces_reads_back_and_keeps_others_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("s");
    let (mut store, found) = FileStore::open(SystemDisk, &path).expect("a store");
    assert_eq!(found, None);
    store.replace(b"one").expect("written");
    store.replace(b"two").expect("written");
    assert_eq!(std::fs::read(&path).expect("a file"), b"two");
    let mode = std::fs::metadata(&path).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let refusal = FileStore::open(SystemDisk, &path).map(|_| ()).expect_err("locked");
    assert_eq!(refusal.status, EXIT_BUSY);
    assert!(refusal.message.contains("in use by another process"), "{}", refusal.message);
    drop(store);
    // A file left by a process that died is no obstacle.
    std::fs::write(folder.path().join("s.orion-new"), b"half").expect("written");
    let (store, found) = FileStore::open(SystemDisk, &path).expect("a store");
    assert_eq!(found.as_deref(), Some(&b"two"[..]));
    drop(store);
    let mut names: Vec<_> = std::fs::read_dir(folder.path())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["s", "s.lock"]);
}

#[test]
fn what_is_no_regular_file_is_refused_and_gets_no_lock() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("folder")).expect("made");
    std::fs::write(at("target"), b"x").expect("written");
    std::os::unix::fs::symlink(at("target"), at("link")).expect("made");
    let pipe = std::ffi::CString::new(at("pipe").to_str().expect("text")).expect("text");
    // SAFETY: a terminated path.
    assert_eq!(unsafe { libc::mkfifo(pipe.as_ptr(), 0o600) }, 0);
    for (name, what) in
        [("folder", "a folder"), ("link", "a symbolic link"), ("pipe", "a named pipe")]
    {
        let refusal = FileStore::open(SystemDisk, &at(name)).map(|_| ()).expect_err("refused");
        assert_eq!(refusal.status, EXIT_DATA, "{name}");
        assert!(refusal.message.contains(what), "{}", refusal.message);
        assert!(!at(&format!("{name}.lock")).exists(), "{name}");
    }
    let missing = FileStore::open(SystemDisk, &at("nowhere/s")).map(|_| ()).expect_err("refused");
    assert_eq!(missing.status, EXIT_IO);
    assert!(missing.message.contains("No such file or directory"), "{}", missing.message);
    assert_eq!(std::fs::read(at("target")).expect("a file"), b"x");
}

#[test]
fn a_lock_that_is_a_link_is_not_followed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("s");
    std::fs::write(folder.path().join("victim"), b"x").expect("written");
    std::os::unix::fs::symlink(folder.path().join("victim"), folder.path().join("s.lock"))
        .expect("made");
    assert!(SystemDisk.lock(&folder.path().join("s.lock")).is_err());
    let refusal = FileStore::open(SystemDisk, &path).map(|_| ()).expect_err("refused");
    assert_eq!(refusal.status, EXIT_IO);
}
