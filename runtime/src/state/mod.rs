//! Checkpoints: the world to a file and back.
//!
//! Map: `program` is the schema of the running program; `encode` and `capture` write values and the world, `decode`, `restore` and `link` read
//! them; `storage` keeps the file on a `disk`. The file's own format is the crate `orion-format`.
//! This file is the policy: when something is written, what a start finds, what a person is told.
//!
//! Invariants: what is on disk is always one whole checkpoint; nothing is acknowledged before it is durable; a file that cannot be used is
//! left as it is. Serialising needs the world to stand still; writing needs only the bytes, so that it can move behind the running
//! program.

pub mod capture;
pub mod decode;
pub mod disk;
pub mod encode;
pub mod generators;
mod link;
pub mod program;
pub mod refusal;
pub mod restore;
pub mod storage;
#[cfg(test)]
mod tests;

use crate::clock::Clock;
use crate::world::World;
use capture::Header;
use disk::SystemDisk;
use orion_abi::ProgramDesc;
use orion_format::image::Image;
use orion_format::world::Progress;
use program::Program;
pub use refusal::Refusal;
use restore::RestoreError;
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use storage::FileStore;

/// What a start finds.
#[derive(Debug, PartialEq, Eq)]
pub enum Start {
    /// No file yet: begin.
    Fresh,
    /// The world was restored.
    Resumed,
    /// The program has ended, with this status: print nothing and exit with it.
    Finished(i32),
}

/// The state file of this run.
pub struct Store {
    file: FileStore<SystemDisk>,
    program: Rc<Program>,
    found: Option<Vec<u8>>,
    number: u64,
    /// The worker's dispatches when the state on disk was taken; `None`: there is none.
    saved_at: Option<u64>,
}

thread_local! {
    /// The schema of the last program that was asked for: there is one a process, but in tests.
    static PROGRAM: RefCell<Option<(*const ProgramDesc, Rc<Program>)>> = const { RefCell::new(None) };
}

/// The schema of a program.
///
/// # Safety
/// `desc` is a program's, as codegen emits it, and lives as long as the process.
unsafe fn program_of(desc: *const ProgramDesc) -> Result<Rc<Program>, String> {
    PROGRAM.with_borrow_mut(|known| {
        if let Some((of, program)) = known
            && *of == desc
        {
            return Ok(Rc::clone(program));
        }
        // SAFETY: the caller's promise.
        let program = Rc::new(unsafe { Program::new(&*desc)? });
        *known = Some((desc, Rc::clone(&program)));
        Ok(program)
    })
}

impl Store {
    /// Locks the file, reads it if it is there, and finds out whether it can be written.
    ///
    /// # Errors
    /// With the status and message to exit with.
    ///
    /// # Safety
    /// As for [`Program::new`]; `desc` lives as long as the process.
    pub unsafe fn open(path: &Path, desc: *const ProgramDesc) -> Result<Self, Refusal> {
        let (file, found) = FileStore::open(SystemDisk, path)?;
        // SAFETY: the caller's promise.
        let program = unsafe { program_of(desc) }
            .map_err(|what| Refusal::data(format!("this program cannot keep a state: {what}")))?;
        Ok(Self { file, program, found, number: 0, saved_at: None })
    }

    /// Restores the world from what was found.
    ///
    /// # Errors
    /// 65 when the file cannot be used; the world must then not be used either.
    ///
    /// # Safety
    /// `world` is valid, belongs to the program, and has no task yet.
    pub unsafe fn load(&mut self, world: *mut World) -> Result<Start, Refusal> {
        let Some(bytes) = self.found.take() else { return Ok(Start::Fresh) };
        let path = self.file.path().display().to_string();
        let refuse = |why: &dyn std::fmt::Display| {
            Refusal::data(format!("state file `{path}` {why}; the file was left as it is"))
        };
        let image = Image::read(&bytes).map_err(|error| refuse(&error))?;
        check_owner(&image, &self.program).map_err(|why| refuse(&why))?;
        self.number = image.number;
        if let Progress::Finished(status) = image.globals.progress {
            return Ok(Start::Finished(status));
        }
        // SAFETY: the caller's promise.
        unsafe {
            restore::restore(world, &self.program, &image)
                .map_err(|error| refuse(&explain(error, self.program.schema.program)))?;
            resume_clock(world, &image);
            self.saved_at = Some(dispatches(world));
            Ok(Start::Resumed)
        }
    }

    /// Whether anything ran since the last checkpoint.
    ///
    /// # Safety
    /// `world` is valid.
    #[must_use]
    pub unsafe fn is_dirty(&self, world: *mut World) -> bool {
        // SAFETY: the caller's promise.
        self.saved_at != Some(unsafe { dispatches(world) })
    }

    /// Makes the present world durable; returns once it is. False: nothing had changed, and nothing was written.
    ///
    /// # Errors
    /// 74 when it could not be written: the last good checkpoint stays. 65 when something cannot be saved.
    ///
    /// # Safety
    /// `world` is valid and none of its tasks runs.
    pub unsafe fn checkpoint(&mut self, world: *mut World) -> Result<bool, Refusal> {
        // SAFETY: the caller's promise.
        unsafe {
            if !self.is_dirty(world) {
                return Ok(false);
            }
            let bytes = self.serialize(world)?;
            self.write(&bytes)?;
            self.saved_at = Some(dispatches(world));
        }
        Ok(true)
    }

    /// The world as the bytes of the next checkpoint: all that has to happen while it stands still.
    unsafe fn serialize(&mut self, world: *mut World) -> Result<Vec<u8>, Refusal> {
        // SAFETY: the caller's promise.
        unsafe {
            let now_ns = (*world).clock.peek_ns();
            let header = Header { number: self.number + 1, sealed: true, now_ns };
            capture::capture(world, &self.program, &header).map_err(|what| {
                let path = self.file.path().display();
                Refusal::data(format!("cannot save the program's state to `{path}`: {what}"))
            })
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.file.replace(bytes).map_err(|error| {
            let path = self.file.path().display();
            Refusal::io(format!(
                "cannot write state file `{path}`: {error}; the last checkpoint that was written stands"
            ))
        })?;
        self.number += 1;
        Ok(())
    }

    /// Notes durably that the program has ended with a status.
    ///
    /// # Errors
    /// 74 when that could not be written.
    ///
    /// # Safety
    /// `world` is valid.
    pub unsafe fn finish(&mut self, world: *mut World, status: i32) -> Result<(), Refusal> {
        // SAFETY: the caller's promise.
        let now_ns = unsafe { (*world).clock.peek_ns() };
        let bytes = capture::finished(&self.program, self.number + 1, status, now_ns)
            .map_err(Refusal::data)?;
        self.write(&bytes)
    }
}

unsafe fn dispatches(world: *mut World) -> u64 {
    // SAFETY: the caller's world is valid.
    unsafe { World::dispatches(world) }
}

/// Time goes on: virtual time where it stopped, the wall clock where it is now.
unsafe fn resume_clock(world: *mut World, image: &Image<'_>) {
    // SAFETY: the caller's world is valid.
    unsafe {
        let globals = &image.globals;
        (*world).config.seed = globals.seeded.then_some(globals.seed);
        let is_virtual = globals.seeded && (*world).config.threads == 1;
        if is_virtual != (*world).clock.is_virtual() {
            (*world).clock = Clock::new(is_virtual);
        }
        (*world).clock.set_virtual_now(globals.now_ns);
    }
}

/// Whether the program can take over the state at `path`: what `orionc state check` asks a program. No lock is taken and nothing is written;
/// a world is restored and thrown away, so the answer is the one that a run would get.
///
/// # Errors
/// 74 when the file cannot be read, 65 when it is no state, of another program, or does not fit.
///
/// # Safety
/// As for [`Program::new`]; `desc` lives as long as the process.
pub unsafe fn check_file(path: &Path, desc: *const ProgramDesc) -> Result<(), Refusal> {
    let shown = path.display();
    let bytes = std::fs::read(path)
        .map_err(|error| Refusal::io(format!("cannot read state file `{shown}`: {error}")))?;
    let refuse = |why: &dyn std::fmt::Display| {
        Refusal::data(format!("state file `{shown}` {why}; the file was left as it is"))
    };
    // SAFETY: the caller's promise; the worker and its world are fresh, and live until the process ends.
    unsafe {
        let program = program_of(desc).map_err(|what| refuse(&what))?;
        let image = Image::read(&bytes).map_err(|error| refuse(&error))?;
        check_owner(&image, &program).map_err(|why| refuse(&why))?;
        if let Progress::Finished(_) = image.globals.progress {
            return Ok(());
        }
        let worker = Box::into_raw(crate::world::Worker::new());
        let world = Box::into_raw(World::new(desc, worker, crate::config::Config::default()));
        (*worker).world = world;
        restore::restore(world, &program, &image)
            .map_err(|error| refuse(&explain(error, program.schema.program)))
    }
}

/// The state must be this program's.
fn check_owner(image: &Image<'_>, program: &Program) -> Result<(), String> {
    let (theirs, ours) = (image.schema.program, program.schema.program);
    if theirs == ours {
        return Ok(());
    }
    Err(format!(
        "belongs to the program `{theirs}`, and this is `{ours}` (`orionc build --name` gives a program another name)"
    ))
}

/// Why a state was not restored, as a clause behind the file's name.
fn explain(error: RestoreError, program: &str) -> String {
    match error {
        RestoreError::Format(error) => error.to_string(),
        RestoreError::Differences(differences) => format!(
            "cannot be taken over by this version of `{program}`:\n  {}\nrun the version that wrote it, or give another file to start anew",
            differences.join("\n  ")
        ),
    }
}

/// Saves the world to bytes, drops all of it, and rebuilds it from the bytes (`ORION_FORCE=restore`). Afterwards the world
/// is written once more: the bytes must be the same.
///
/// # Errors
/// When something cannot be saved, read back, or comes back different.
///
/// # Safety
/// `world` is valid and none of its tasks runs.
pub unsafe fn roundtrip(world: *mut World) -> Result<(), String> {
    // SAFETY: the caller's promise.
    unsafe {
        let program = program_of((*world).program)?;
        let header = Header { number: 1, sealed: true, now_ns: (*world).clock.peek_ns() };
        let bytes = capture::capture(world, &program, &header)?;
        crate::sched::teardown::drop_all((*world).worker);
        let image = Image::read(&bytes).map_err(|error| format!("the state {error}"))?;
        restore::restore(world, &program, &image)
            .map_err(|error| format!("the state {}", explain(error, program.schema.program)))?;
        let again = capture::capture(world, &program, &header)?;
        if again == bytes {
            return Ok(());
        }
        let again = Image::read(&again).map_err(|error| format!("the second state {error}"))?;
        let what = orion_format::image::first_difference(&image, &again);
        Err(format!("the state that was read back is not the one that was written: {what}"))
    }
}
