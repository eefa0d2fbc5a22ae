//! Runs a small program on several workers, under one schedule after the other.
//!
//! Half of the schedules are random walks, half are probabilistic concurrency tests (random priorities with a few changes, which finds what needs few
//! preemptions at the right places). All are the same at every run. A failure prints its schedule; `ORION_MODEL_REPLAY` runs that one again, and
//! `ORION_MODEL_ITERATIONS` says how many of each kind there are, `ORION_MODEL_SEED` which.

use std::{fmt::Display, str::FromStr};

use shuttle::{
    Config as Shuttle, MaxSteps, Runner,
    rand::RngCore,
    scheduler::{PctScheduler, RandomScheduler, ReplayScheduler, Scheduler},
};

use crate::{
    blocks, clock,
    config::{Config, Force, Sharing},
    os::event,
    sched,
    sync::PARALLEL,
    testing::{Ran, program, run_world, set_bodies},
    world::{Worker, World},
};

/// Preemptions at the right places that the second kind of schedule can place.
const DEPTH: usize = 3;
/// Stack that a worker's tasks may use.
const STACK_BYTES: usize = 256 << 10;
/// What a worker has below them: also the report of a failure is made there.
const RESERVE_BYTES: usize = 768 << 10;
/// Steps after which an execution counts as one that never ends.
const STEPS_MAX: usize = 200_000;

/// A program and its workers.
#[derive(Clone, Copy)]
pub struct Model {
    /// Schedules of each kind, unless the environment says.
    pub iterations: usize,
    /// Workers.
    pub threads: u32,
    /// From the beginning, or changing between one and all.
    pub sharing: Sharing,
    /// Forced suspensions.
    pub force: Force,
}

fn setting<T: FromStr<Err: Display>>(name: &str, otherwise: T) -> T {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|error| panic!("{name}: {error}")),
        Err(_) => otherwise,
    }
}

fn under(scheduler: impl Scheduler + 'static, execution: impl Fn() + Send + Sync + 'static) {
    let mut config = Shuttle::new();
    config.stack_size = STACK_BYTES + RESERVE_BYTES;
    config.max_steps = MaxSteps::FailAfter(STEPS_MAX);
    config.silence_warnings = true;
    Runner::new(scheduler, config).run(execution);
}

/// Explores an execution under both kinds of schedules, or that of the environment.
fn explore(iterations: usize, execution: impl Fn() + Clone + Send + Sync + 'static) {
    let iterations = setting("ORION_MODEL_ITERATIONS", iterations);
    let seed = setting("ORION_MODEL_SEED", 1);
    if let Ok(schedule) = std::env::var("ORION_MODEL_REPLAY") {
        return under(ReplayScheduler::new_from_encoded(&schedule), execution);
    }
    under(RandomScheduler::new_from_seed(seed, iterations), execution.clone());
    under(PctScheduler::new_from_seed(seed, DEPTH, iterations), execution);
}

/// Explores what a team's workers do that run no tasks: `body` is called on a thread for each, with all of them and the number of its own; `check` looks at
/// them in the end.
pub fn on_team(
    iterations: usize,
    threads: usize,
    body: impl Fn(&[*mut Worker], usize) + Copy + Send + Sync + 'static,
    check: impl Fn(&[*mut Worker]) + Clone + Send + Sync + 'static,
) {
    explore(iterations, move || {
        clock::reset();
        event::open();
        // SAFETY: the world and its workers are this execution's.
        unsafe {
            let worker = Box::into_raw(Worker::new());
            let config = Config { seed: Some(1), threads: threads as u32, ..Config::default() };
            let world = Box::into_raw(World::new(std::ptr::null(), worker, config));
            (*worker).world = world;
            let shared = sched::team::assemble(worker, threads);
            for &each in &(*shared).workers {
                (*each).head.ctx.force |= PARALLEL;
            }
            sched::team::rest::begin(&*shared);
            let all: Vec<usize> = (*shared).workers.iter().map(|&worker| worker as usize).collect();
            let others: Vec<_> = (0..threads)
                .map(|index| {
                    let all = all.clone();
                    shuttle::thread::spawn(move || {
                        let all: Vec<*mut Worker> =
                            all.iter().map(|&at| at as *mut Worker).collect();
                        body(&all, index);
                    })
                })
                .collect();
            for other in others {
                other.join().expect("a panic ends the execution");
            }
            check(&(*shared).workers);
            free(world);
        }
    });
}

/// The end of a world that has run on several workers.
unsafe fn free(world: *mut World) {
    // SAFETY: nobody knows them any more.
    unsafe {
        let shared: *mut sched::team::Shared = (*world).shared;
        for worker in World::workers(world) {
            drop(Box::from_raw(worker));
        }
        drop(Box::from_raw(shared));
        drop(Box::from_raw(world));
    }
    event::close();
    blocks::finish();
}

impl Model {
    /// Runs the functions that `declare` declares (the first is main) under every schedule; `check` looks at what comes out.
    pub fn explore(self, declare: impl Fn(), check: impl Fn(&Ran) + Clone + Send + Sync + 'static) {
        set_bodies(Vec::new());
        declare();
        let program = program() as usize;
        explore(self.iterations, move || check(&self.execute(program)));
    }

    fn execute(self, program: usize) -> Ran {
        clock::reset();
        let seed = Some(shuttle::rand::thread_rng().next_u64());
        let config = Config {
            force: self.force,
            seed,
            threads: self.threads,
            sharing: self.sharing,
            ..Config::default()
        };
        // SAFETY: the world and its workers are this execution's; when it has run they are nobody's.
        unsafe {
            let worker = Box::into_raw(Worker::new());
            let world = Box::into_raw(World::new(program as *const _, worker, config));
            (*worker).world = world;
            let ran = run_world(world, STACK_BYTES);
            free(world);
            ran
        }
    }
}
