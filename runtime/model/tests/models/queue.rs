//! Ready tasks: an owner that makes them ready, runs and offers them, and thieves.
//!
//! Property: every task comes out of the queues exactly once, whoever takes it, and the counts that others look at without a lock come to rest at the truth.

use std::{cell::RefCell, ptr::null_mut};

use orion_abi::{Ctx, desc::PointKind};
use orion_model::{
    harness::on_team,
    sched::team::{queue, shared_of},
    task::Task,
    testing::{
        Flow, I64, SCOPE, drop_slot, enter, exit_point, function, nth, point, spawn, try_exit,
    },
    world::{Worker, free_task, no_site},
};

use super::*;

/// Tasks of the first model.
const TASKS: usize = 7;

thread_local! {
    /// How often each task has come out.
    static TAKEN: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
}

fn take(ctx: *mut Ctx, task: *mut Task) {
    let id = unsafe { (*task).id } as usize;
    TAKEN.with_borrow_mut(|taken| taken[id] += 1);
    unsafe { free_task(ctx, task) };
}

/// One worker makes tasks ready in both ways and takes some; two others steal, and take what they have stolen.
#[test]
fn a_ready_task_is_taken_once() {
    let body = |workers: &[*mut Worker], index: usize| unsafe {
        let worker = workers[index];
        let ctx = Worker::ctx(worker);
        let shared = shared_of((*worker).world);
        if index == 0 {
            for id in 0..TASKS {
                let task = orion_model::world::new_task(ctx, id as u64, null_mut(), no_site());
                if id % 2 == 0 {
                    queue::orion_ready_shared(ctx, task);
                } else {
                    queue::push_spawned(ctx, task);
                }
                if id % 3 == 2 {
                    let task = queue::next(worker);
                    if !task.is_null() {
                        take(ctx, task);
                    }
                }
            }
        } else {
            shared.hungry.fetch_add(1, orion_model::atomic::Ordering::Relaxed);
            for _ in 0..3 {
                let _ = queue::steal(worker, shared);
            }
            shared.hungry.fetch_sub(1, orion_model::atomic::Ordering::Relaxed);
        }
        loop {
            let task = queue::next(worker);
            if task.is_null() {
                break;
            }
            take(ctx, task);
        }
        assert!(!queue::has_ready(worker), "who finds nothing has nothing");
    };
    TAKEN.set(vec![0; TASKS]);
    on_team(ITERATIONS, 3, body, |_| {
        let taken = TAKEN.replace(vec![0; TASKS]);
        assert_eq!(taken, [1; TASKS]);
    });
}

thread_local! {
    static RUNS: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
}

/// Tasks that yield, on workers that steal, rest and are woken: each runs as often as it should, and the run ends.
#[test]
fn every_task_runs_to_its_end_once() {
    let declare = || {
        let main = |cx: &Cx| {
            if cx.at() == 0 {
                RUNS.set(vec![0; TASKS]);
                enter(cx, 0);
                for id in 0..TASKS {
                    spawn(cx, nth(1), 0, None, "", &[id as u64]);
                }
                if try_exit(cx, 0) == OUTCOME_BLOCK {
                    return Flow::Park(1);
                }
            }
            drop_slot(cx, 0, &SCOPE);
            *cx.result::<i64>() = RUNS.with_borrow(|runs| i64::from(runs.iter().all(|&n| n == 2)));
            Flow::Return
        };
        function("main", &I64, vec![point(PointKind::Start, ""), exit_point(0)], main);
        let points = vec![
            point(PointKind::Start, "").live("id", &I64, 0),
            point(PointKind::Yield, "").live("id", &I64, 0),
        ];
        function("task", &I64, points, |cx| {
            RUNS.with_borrow_mut(|runs| runs[*cx.slot::<usize>(0)] += 1);
            if cx.at() == 0 { Flow::Park(1) } else { Flow::Return }
        });
    };
    for threads in [2, 3] {
        ends(threads, declare, |ran| {
            assert_eq!((ran.end.as_str(), ran.result), ("returned", 1));
        });
    }
}
