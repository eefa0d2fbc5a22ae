//! Whether several workers are better than one: the run changes between its first worker alone and the whole team, and back.
//!
//! One worker alone uses no lock and no atomic operation; tasks that talk much and compute little are faster so than on any number of workers, which would pass
//! their channels from cache to cache. So a run begins alone. When there is more than one task ready it tries the team, for a moment at first; there each worker
//! counts what sharing costs it and how long it is without work. If less than [`GAIN`] workers' worth of work remains, the run goes back, and the next trial
//! comes later, up to [`PAUSE_MAX`].
//!
//! Input: dispatches, idle times and estimated costs of all workers. Output: the answer "change now". `team::run` carries it out.
//!
//! Costs are estimates, not measurements: an operation on a channel that this worker used last costs two locked instructions, one on a channel that another
//! used last moves some cache lines, waking a worker is a system call. They need to be right within a factor of two or so.

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

use orion_fast::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use super::Shared;
use crate::{
    config::Sharing,
    os::CHANGING_DISPATCHES,
    world::{Worker, World},
};

/// What locking a channel costs that no other worker has used meanwhile, in ns.
const LOCAL_NS: u64 = 10;
/// As above where another one has.
const REMOTE_NS: u64 = 150;
/// What a wait for channels costs more than alone: it is registered when the task has been left, in general code, and taken up the same way; in ns.
const WAIT_NS: u64 = 25;
/// What it costs to find a channel locked, in ns: the time until it is not, and the cache lines that come and go meanwhile.
const CONTENTION_NS: u64 = 200;
/// What taking tasks from another worker costs, in ns.
const STEAL_NS: u64 = 500;
/// What waking a worker costs, in ns.
const WAKE_NS: u64 = 4_000;

/// Work that must remain per unit of time, in workers, for the team to go on.
const GAIN: f64 = 1.15;
/// A team that works on large pieces stays together for quick answers when this much remains.
const CALM_GAIN: f64 = 0.9;
/// Costs that large pieces may have, as a part of processor time.
const CALM_COSTS: f64 = 0.1;
/// How long a team works before it is judged for the first time.
pub const TRIAL: Duration = Duration::from_millis(1);
/// Time between two judgements afterwards.
const WINDOW: Duration = Duration::from_millis(5);
/// So many bad judgements in a row end the team: threads take a while to start, and other programs come between.
const PATIENCE: u32 = 4;
/// With so little work left one judgement is enough.
const LOSS: f64 = 0.6;
/// How long a run stays alone after a trial that failed, at first.
const PAUSE_MIN: Duration = Duration::from_millis(10);
/// As above, at most.
const PAUSE_MAX: Duration = Duration::from_millis(320);
/// The time that changing took is spent on changing at most once in so many.
const CHANGE_SHARE: u32 = 25;
/// A dispatch that takes so long has no use for talk.
const LONG_DISPATCH: Duration = Duration::from_millis(1);

/// Time that changing, with `Sharing::Changing`, may take before it becomes ever rarer, since a change takes time in proportion to the number of tasks.
const CHANGING_FREE: Duration = Duration::from_millis(500);

/// What a worker counts. Written by the worker alone.
#[derive(Default)]
pub struct Costs {
    /// Estimated costs of sharing so far, in ns.
    spent_ns: AtomicU64,
    /// Without work so far.
    hungry: Meter,
    /// Since when the worker is without work.
    hungry_since: Meter,
    /// Whether it is.
    is_hungry: AtomicBool,
    /// The clock of the processor time of its thread, once it runs.
    clock: OnceLock<libc::clockid_t>,
}

/// Time in ns: since the team was made, and the thread's on a processor.
#[derive(Default)]
struct Meter {
    wall: AtomicI64,
    processor: AtomicI64,
}

impl Meter {
    fn get(&self) -> (i64, i64) {
        (self.wall.load(Ordering::Relaxed), self.processor.load(Ordering::Relaxed))
    }

    fn set(&self, (wall, processor): (i64, i64)) {
        self.wall.store(wall, Ordering::Relaxed);
        self.processor.store(processor, Ordering::Relaxed);
    }
}

impl Costs {
    fn add(&self, ns: u64) {
        // Only the worker itself writes.
        self.spent_ns.store(self.spent_ns.load(Ordering::Relaxed) + ns, Ordering::Relaxed);
    }

    /// An operation on a channel, which another worker used last or this one.
    #[inline]
    pub fn channel(&self, is_remote: bool) {
        self.add(if is_remote { REMOTE_NS } else { LOCAL_NS });
    }

    /// A channel was locked by another worker.
    #[cold]
    pub fn contention(&self) {
        self.add(CONTENTION_NS);
    }

    /// A task waits for channels.
    #[inline]
    pub fn wait(&self) {
        self.add(WAIT_NS);
    }

    /// Tasks were taken from another worker.
    pub fn steal(&self) {
        self.add(STEAL_NS);
    }

    /// Another worker was woken.
    pub fn wake(&self) {
        self.add(WAKE_NS);
    }

    /// The worker's thread is the calling one.
    pub fn adopt_thread(&self) {
        let mut clock = libc::CLOCK_MONOTONIC;
        // SAFETY: a thread that lives, and a place for its clock.
        let result = unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut clock) };
        if result == 0 {
            let _ = self.clock.set(clock);
        }
    }

    /// The worker has nothing to do from now on.
    pub fn hungry(&self, made: Instant) {
        self.hungry_since.set(self.now(made));
        self.is_hungry.store(true, Ordering::Relaxed);
    }

    /// The worker has something to do again.
    pub fn fed(&self, made: Instant) {
        let total = self.hungry_until(self.now(made));
        self.is_hungry.store(false, Ordering::Relaxed);
        self.hungry.set(total);
    }

    fn now(&self, made: Instant) -> (i64, i64) {
        (nanoseconds(made.elapsed()), self.clock.get().map_or(0, |&clock| read(clock)))
    }

    /// Time without work.
    fn hungry_until(&self, now: (i64, i64)) -> (i64, i64) {
        let total = self.hungry.get();
        if !self.is_hungry.load(Ordering::Relaxed) {
            return total;
        }
        let since = self.hungry_since.get();
        (total.0 + (now.0 - since.0).max(0), total.1 + (now.1 - since.1).max(0))
    }
}

/// Reads a clock, in ns; 0: it is gone.
fn read(clock: libc::clockid_t) -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a place for the time.
    let result = unsafe { libc::clock_gettime(clock, &raw mut time) };
    if result == 0 { time.tv_sec * 1_000_000_000 + time.tv_nsec } else { 0 }
}

fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// What all workers have counted, in ns.
#[derive(Clone, Copy, Default)]
struct Totals {
    /// Estimated costs of sharing.
    spent: u64,
    /// Time without work.
    hungry: i64,
    /// Time on a processor, with work.
    processor: i64,
}

/// When the run changes.
pub struct Balance {
    sharing: Sharing,
    /// When the present way, or the last judgement, began.
    since: Instant,
    /// What was counted until then.
    before: Totals,
    /// Dispatches until then.
    dispatches: u64,
    /// The team is on trial.
    is_trial: bool,
    /// Bad judgements in a row.
    bad: u32,
    /// No trial before.
    next_trial: Instant,
    /// Time between two trials.
    pause: Duration,
    /// How long the last change to the team took.
    change: Duration,
    /// How long all changes to the team took.
    changes: Duration,
}

impl Balance {
    /// A run that begins now.
    #[must_use]
    pub fn new(sharing: Sharing) -> Self {
        let now = Instant::now();
        Self {
            sharing,
            since: now,
            before: Totals::default(),
            dispatches: 0,
            is_trial: false,
            bad: 0,
            next_trial: now,
            pause: PAUSE_MIN,
            change: Duration::ZERO,
            changes: Duration::ZERO,
        }
    }

    /// The first worker, alone, asks whether to call the others.
    ///
    /// # Safety
    /// `worker` is the caller's own, stands at its loop, and is alone.
    pub unsafe fn wants_team(&mut self, worker: *mut Worker) -> bool {
        // SAFETY: the caller's promise.
        let (dispatches, is_busy) = unsafe {
            let first = (*worker).head.ready.head;
            let is_busy = !first.is_null() && first != (*worker).head.ready.tail;
            ((*worker).dispatches.load(Ordering::Relaxed), is_busy)
        };
        if self.sharing == Sharing::Changing {
            return dispatches >= self.dispatches + self.changing_dispatches();
        }
        let now = Instant::now();
        let passed = now - self.since;
        let dispatched = dispatches - self.dispatches;
        (self.since, self.dispatches) = (now, dispatches);
        if !is_busy {
            return false;
        }
        if dispatched > 0 && u32::try_from(dispatched).is_ok_and(|n| passed / n > LONG_DISPATCH) {
            self.next_trial = self.next_trial.min(now + PAUSE_MIN);
        }
        now >= self.next_trial
    }

    /// The team begins.
    pub fn team_begins(&mut self, shared: &Shared, change: Duration) {
        self.since = Instant::now();
        self.before = totals(shared);
        self.is_trial = true;
        self.bad = 0;
        self.change = change;
        self.changes += change;
    }

    /// The first worker is alone again.
    pub fn team_ended(&mut self, dispatches: u64) {
        self.since = Instant::now();
        self.dispatches = dispatches;
    }

    /// The team asks whether it does any good; false: it is over.
    pub fn keeps_team(&mut self, shared: &Shared) -> bool {
        let passed = self.since.elapsed();
        if self.sharing != Sharing::Measured || passed < if self.is_trial { TRIAL } else { WINDOW }
        {
            return true;
        }
        let (now, before) = (totals(shared), self.before);
        (self.since, self.before) = (Instant::now(), now);
        let seen = Totals {
            spent: now.spent - before.spent,
            hungry: now.hungry - before.hungry,
            processor: now.processor - before.processor,
        };
        self.judge(shared.workers.len(), passed, seen)
    }

    /// Whether the team goes on after so many workers have counted this in the time that has passed.
    fn judge(&mut self, workers: usize, passed: Duration, seen: Totals) -> bool {
        let time = passed.as_nanos() as f64;
        let busy = (workers as f64 * time - seen.hungry.max(0) as f64).max(1.0);
        // A part of what the processors did: a thread that has to wait for one costs nothing meanwhile.
        let costs = seen.spent as f64 / seen.processor.max(1) as f64;
        let gain = busy / time * (1.0 - costs);
        let is_calm = costs < CALM_COSTS && gain > CALM_GAIN;
        if gain > GAIN || is_calm {
            (self.is_trial, self.bad, self.pause) = (false, 0, PAUSE_MIN);
            return true;
        }
        self.bad += if gain < LOSS { PATIENCE } else { 1 };
        if self.bad < PATIENCE {
            return true;
        }
        self.next_trial = Instant::now() + self.pause.max(self.change * CHANGE_SHARE);
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        false
    }

    /// Whether the run changes at every few dispatches of a worker, to test that it can.
    #[must_use]
    pub fn is_changing(&self) -> bool {
        self.sharing == Sharing::Changing
    }

    fn changing_dispatches(&self) -> u64 {
        let excess_ms = self.changes.saturating_sub(CHANGING_FREE).as_millis() as u64;
        CHANGING_DISPATCHES + excess_ms * excess_ms
    }

    /// Dispatches after which a worker ends the team's work; 0: it does not by itself.
    #[must_use]
    pub fn share(&self) -> u64 {
        if self.is_changing() { self.changing_dispatches() } else { 0 }
    }
}

fn totals(shared: &Shared) -> Totals {
    let mut totals = Totals::default();
    for &worker in &shared.workers {
        // SAFETY: workers live as long as the run; only atomics are touched.
        let costs = unsafe { &(*worker).team.costs };
        let now = costs.now(shared.made);
        let hungry = costs.hungry_until(now);
        totals.spent += costs.spent_ns.load(Ordering::Relaxed);
        totals.hungry += hungry.0;
        totals.processor += now.1 - hungry.1;
    }
    totals
}

/// Whether a run on so many threads may begin alone.
///
/// # Safety
/// `world` is valid.
#[must_use]
pub unsafe fn begins_alone(world: *mut World) -> bool {
    // SAFETY: the caller's promise.
    unsafe { (*world).config.sharing != Sharing::Always }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    /// Judges a millisecond of two workers.
    fn judge(balance: &mut Balance, spent: u64, hungry: i64, processor: i64) -> bool {
        balance.judge(2, Duration::from_millis(1), Totals { spent, hungry, processor })
    }

    #[test]
    fn two_busy_workers_go_on() {
        let mut balance = Balance::new(Sharing::Measured);
        for _ in 0..10 {
            assert!(judge(&mut balance, 100_000, 0, 2 * MS));
        }
    }

    #[test]
    fn talk_ends_the_team_at_once_and_for_ever_longer() {
        let mut balance = Balance::new(Sharing::Measured);
        let mut pauses = Vec::new();
        for _ in 0..8 {
            assert!(!judge(&mut balance, 1_600_000, 0, 2 * MS));
            pauses.push((balance.next_trial - Instant::now()).as_millis().div_ceil(10) * 10);
            balance.bad = 0;
        }
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 320, 320]);
    }

    #[test]
    fn little_work_ends_the_team_after_a_while() {
        let mut balance = Balance::new(Sharing::Measured);
        let seen: Vec<bool> =
            (0..4).map(|_| judge(&mut balance, 400_000, MS * 2 / 3, MS * 4 / 3)).collect();
        assert_eq!(seen, [true, true, true, false]);
    }

    #[test]
    fn one_long_task_and_a_few_short_ones_stay_together() {
        let mut balance = Balance::new(Sharing::Measured);
        for _ in 0..10 {
            assert!(judge(&mut balance, 10_000, MS * 9 / 10, MS * 11 / 10));
        }
    }

    #[test]
    fn time_without_work_is_counted_while_it_lasts() {
        let made = Instant::now();
        let costs = Costs::default();
        costs.hungry(made);
        std::thread::sleep(Duration::from_millis(2));
        let under_way = costs.hungry_until(costs.now(made)).0;
        assert!(under_way >= 2 * MS, "{under_way}");
        costs.fed(made);
        std::thread::sleep(Duration::from_millis(2));
        let ended = costs.hungry_until(costs.now(made)).0;
        assert!(ended >= under_way && ended < nanoseconds(made.elapsed()) - 2 * MS + 1, "{ended}");
    }
}
