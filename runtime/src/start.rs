//! From `main` to the exit status.
//!
//! Input: the command line and the program's descriptor. The run happens on a thread of the runtime's own, whose stack has a known size whatever
//! `ulimit -s` says. Output: the process's exit status; whatever happens, the program's output is released first.

use orion_abi::{
    ProgramDesc,
    desc::{MAIN_RESULT, MAIN_STATUS},
    outcome::STATUS_RETURNED,
};

use crate::{
    config::{self, Config, Force, Parsed, Sharing},
    frames::{drop_result, result_at},
    heap::{check, text},
    output::{Stream, emergency},
    report,
    sched::{self, End, PAUSED_STATUS, signals},
    state::{Start, Store},
    world::{Worker, World, extra_if, free_task},
};

/// Stack of the thread that runs tasks.
const STACK_BYTES: usize = 2 << 20;
/// What of it is left below the limit, for the runtime's own calls and for `extern "C"` functions.
const STACK_RESERVE_BYTES: usize = 256 << 10;

/// Exit status of a usage error.
const USAGE_STATUS: i32 = 64;
/// Exit status of a panic that nobody takes.
pub const PANIC_STATUS: i32 = 101;
/// Exit status of a deadlock.
const DEADLOCK_STATUS: i32 = 102;

/// Parses the command line and runs the program.
///
/// # Safety
/// `program` is a program's descriptor.
pub unsafe fn start(program: *const ProgramDesc, words: &[String]) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        let name = (*program).name.as_str();
        if (*program).abi_version != orion_abi::ABI_VERSION {
            emergency("error: the program and its runtime are of different versions of Orion\n");
            return USAGE_STATUS;
        }
        let mut config = match config::parse(words.get(1..).unwrap_or_default()) {
            Parsed::Run(config) => *config,
            Parsed::Help => {
                let output = crate::output::Output::new();
                output.write(Stream::Out, config::help(name).as_bytes());
                output.release();
                return 0;
            }
            Parsed::Usage(message) => {
                emergency(format!("error: {message}\n"));
                return USAGE_STATUS;
            }
        };
        if let Err(message) = read_environment(&mut config) {
            emergency(format!("error: {message}\n"));
            return USAGE_STATUS;
        }
        if config.park_ns.is_some() {
            emergency("error: `--park` is not supported yet\n");
            return USAGE_STATUS;
        }
        let job = Job { program, config };
        let thread = std::thread::Builder::new()
            .name(String::from("worker"))
            .stack_size(STACK_BYTES)
            .spawn(move || job.run());
        match thread.map(std::thread::JoinHandle::join) {
            Ok(Ok(status)) => status,
            Ok(Err(_)) => PANIC_STATUS,
            Err(error) => {
                emergency(format!("error: cannot start a thread: {error}\n"));
                PANIC_STATUS
            }
        }
    }
}

/// `ORION_FORCE`, `ORION_TEAM`, `ORION_CHECK` and `ORION_TEST`.
fn read_environment(config: &mut Config) -> Result<(), String> {
    if let Ok(mode) = std::env::var("ORION_FORCE") {
        config.force = match mode.as_str() {
            "" => Force::None,
            "suspend" => Force::Suspend,
            "restore" => Force::Restore,
            _ => return Err(format!("`ORION_FORCE={mode}`: expected `suspend` or `restore`")),
        };
    }
    if let Ok(sharing) = std::env::var("ORION_TEAM") {
        config.sharing = match sharing.as_str() {
            "" => Sharing::Measured,
            "always" => Sharing::Always,
            "changing" => Sharing::Changing,
            _ => return Err(format!("`ORION_TEAM={sharing}`: expected `always` or `changing`")),
        };
    }
    if let Ok(what) = std::env::var("ORION_CHECK") {
        match what.as_str() {
            "" => {}
            "leaks" => config.check_leaks = true,
            _ => return Err(format!("`ORION_CHECK={what}`: expected `leaks`")),
        }
    }
    if let Ok(index) = std::env::var("ORION_TEST") {
        let number = index.parse();
        config.test = Some(number.map_err(|_| format!("`ORION_TEST={index}`: expected a number"))?);
    }
    Ok(())
}

/// A run, on its way to its thread.
struct Job {
    program: *const ProgramDesc,
    config: Config,
}
// SAFETY: the descriptor is constant data.
unsafe impl Send for Job {}

impl Job {
    fn run(self) -> i32 {
        let worker = Box::into_raw(Worker::new());
        let durable = self.config.state.is_some();
        let given = (self.config.args.clone(), self.config.seed);
        // SAFETY: worker and world live until the process ends.
        unsafe {
            let world = Box::into_raw(World::new(self.program, worker, self.config));
            (*worker).world = world;
            // A signal that comes while a state is loaded stops the run once it is.
            signals::install(worker, durable);
            let resumed = match open_state(world) {
                Ok(Start::Fresh) => false,
                Ok(Start::Resumed) => true,
                Ok(Start::Finished(status)) => return status,
                Err(refusal) => {
                    emergency(format!("error: {}\n", refusal.message));
                    return refusal.status;
                }
            };
            if resumed {
                report_unused_arguments(world, &given.0, given.1);
            } else {
                sched::spawn_main(worker);
            }
            sched::prepare(worker, STACK_BYTES - STACK_RESERVE_BYTES, !resumed);
            let threads = (*world).config.threads as usize;
            let stack = STACK_BYTES - STACK_RESERVE_BYTES;
            let end = sched::team::run::run(worker, threads, stack, STACK_RESERVE_BYTES);
            finish(world, end)
        }
    }
}

/// Opens the state file, if there is one, and loads what it holds.
unsafe fn open_state(world: *mut World) -> Result<Start, crate::state::Refusal> {
    // SAFETY: the world is empty.
    unsafe {
        let Some(path) = (*world).config.state.clone() else { return Ok(Start::Fresh) };
        let mut store = Store::open(&path, (*world).program)?;
        let start = store.load(world)?;
        (*world).store = Some(store);
        Ok(start)
    }
}

/// A resumed run has its own arguments and seed: others that were given are reported.
unsafe fn report_unused_arguments(world: *mut World, args: &[String], seed: Option<u64>) {
    // SAFETY: the caller's promise.
    unsafe {
        if !args.is_empty() && args != (*world).args {
            emergency(format!(
                "note: the run is resumed with its own arguments {:?}; the given ones are not used\n",
                (*world).args
            ));
        }
        if let Some(seed) = seed
            && seed != (*world).seed
        {
            emergency(format!(
                "note: the run is resumed with its own seed {}; the given one is not used\n",
                (*world).seed
            ));
        }
    }
}

/// Ends the run and gives the exit status.
unsafe fn finish(world: *mut World, end: End) -> i32 {
    // SAFETY: every task is suspended or has ended.
    unsafe {
        match end {
            End::Main => main_ended(world),
            End::Paused => {
                (*world).output.release();
                write_stats(world);
                PAUSED_STATUS
            }
            End::Deadlock => {
                (*world).output.release();
                emergency(report::deadlock(world));
                DEADLOCK_STATUS
            }
            End::SaveFailed(refusal) => {
                (*world).output.release();
                emergency(format!("error: {}\n", refusal.message));
                refusal.status
            }
        }
    }
}

/// The main task has ended: with a status, a result, or a panic.
unsafe fn main_ended(world: *mut World) -> i32 {
    // SAFETY: the main task's root frame has ended and is its leaf.
    unsafe {
        let main = (*world).main;
        let worker = (*world).worker;
        let ctx = Worker::ctx(worker);
        let root = (*main).leaf;
        if u32::from((*root).status) != STATUS_RETURNED {
            (*world).output.release();
            let panic = extra_if(main).and_then(|extra| extra.panic.take());
            match panic {
                Some(panic) => emergency(report::panic(&panic)),
                None => emergency("panic: the main task was cancelled\n"),
            }
            return PANIC_STATUS;
        }
        let result = result_at(root);
        let status = match (*(*world).program).main_kind {
            MAIN_STATUS => *result.cast::<i32>(),
            MAIN_RESULT if *result.cast::<u32>() == 1 => {
                let ty = (*(*root).meta).result;
                let field = (*(*(*ty).variants.add(1)).fields).offset as usize;
                let message = text::as_str(*result.add(field).cast::<*const u8>());
                (*world).output.write(Stream::Err, format!("error: {message}\n").as_bytes());
                1
            }
            _ => 0,
        };
        if (*(*world).program).main_kind == MAIN_RESULT {
            drop_result(ctx, root);
        }
        orion_fast::memory::orion_frame_free(ctx, root);
        (*main).leaf = std::ptr::null_mut();
        (*world).main = std::ptr::null_mut();
        free_task(ctx, main);
        let status = end_program(world, status);
        if (*world).config.check_leaks
            && let Some(leaks) = check::leaks(worker)
        {
            emergency(format!("error: values are alive at the end of the program\n{leaks}"));
            return check::LEAK_STATUS;
        }
        status
    }
}

/// The program has finished with this status: the state says so, and the output is released.
///
/// # Safety
/// `world` is valid.
pub unsafe fn end_program(world: *mut World, status: i32) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        if let Some(mut store) = (*world).store.take() {
            let result = store.finish(world, status);
            (*world).store = Some(store);
            if let Err(refusal) = result {
                (*world).output.release();
                emergency(format!("error: {}\n", refusal.message));
                return refusal.status;
            }
        }
        (*world).output.release();
        write_stats(world);
        status
    }
}

/// `ORION_STATS=1`: what input and output took, on standard error.
unsafe fn write_stats(world: *mut World) {
    if std::env::var_os("ORION_STATS").is_some_and(|value| value == "1") {
        // SAFETY: the caller's world is valid.
        let report = unsafe { (*world).io.report() };
        emergency(report.unwrap_or_else(|| String::from("no input or output\n")));
    }
}

/// Leaves the process from wherever it is; nothing is dropped.
pub fn exit_now(status: i32) -> ! {
    // SAFETY: `exit` flushes what C code has buffered and does not return.
    unsafe { libc::exit(status) }
}
