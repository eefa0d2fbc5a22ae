//! What a person reads when it goes wrong: the panic's stack, the deadlock, the live dump.
//!
//! Everything is computed from frames, wait nodes and descriptors of suspended tasks; tasks whose stacks and waits read the same are shown once, with
//! their number. A task that is shown alone also gets the names of those that wait on its channels and of those that its scope waits for. The
//! cost is linear in the number of tasks, however many wait on one channel.

use std::{collections::BTreeMap, fmt::Write};

use orion_abi::{
    Frame, Site,
    desc::{ARM_AFTER, ARM_IO, ARM_JOIN, ARM_RECV, ARM_SCOPE, ARM_SEND, PointKind},
    frame::FRAME_COMPLETED,
};
use orion_fast::{
    chan::Chan,
    task::{TASK_ENDED, TASK_GENERATOR, TASK_IDLING, TASK_ORPHAN, TASK_READY, TASK_WAITING, Task},
};

use crate::{
    frames::{arms_of, kind_of, point_of},
    heap::show,
    panic::{Panic, TraceLine},
    sched::park::{node_of, target_of},
    scope::Scope,
    world::{World, extra_if},
};

/// Frames of one stack that are printed at each end; what lies between is counted.
const STACK_LINES_MAX: usize = 40;
/// Tasks that are listed for a group, a channel or a scope.
const NAMES_MAX: usize = 5;

/// `file:line:column` of a site.
///
/// # Safety
/// `site` is null or valid.
#[must_use]
pub unsafe fn place(site: *const Site) -> String {
    if site.is_null() {
        return String::from("unknown place");
    }
    // SAFETY: the caller's promise; sites are constant data or interned for ever.
    unsafe { format!("{}:{}:{}", (*site).file.as_str(), (*site).line, (*site).column) }
}

/// `  at function (file:line:column)`.
fn write_call(out: &mut String, site: *const Site) {
    if site.is_null() {
        return;
    }
    // SAFETY: sites are constant data or interned for ever.
    unsafe {
        let function = (*site).function.as_str();
        let _ = writeln!(out, "  at {function} ({})", place(site));
    }
}

/// `task 3 "name"`.
fn task_title(id: u64, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("task {id} \"{name}\""),
        None if id == 1 => String::from("main task"),
        None => format!("task {id}"),
    }
}

/// The report of a panic that nobody took.
#[must_use]
pub fn panic(panic: &Panic) -> String {
    let mut out = format!("panic: {}\n", panic.message);
    write_call(&mut out, panic.site);
    for line in &panic.trace {
        match line {
            TraceLine::Call(site) => write_call(&mut out, *site),
            TraceLine::Repeated(count) => {
                let _ = writeln!(out, "  ... {count} more");
            }
            TraceLine::Spawn { id, name, site } => {
                let title = task_title(*id, name.as_deref());
                if site.is_null() {
                    let _ = writeln!(out, "  in {title}");
                } else {
                    // SAFETY: as above.
                    unsafe {
                        let function = (**site).function.as_str();
                        let place = place(*site);
                        let _ = writeln!(out, "  in {title}, spawned by {function} ({place})");
                    }
                }
            }
        }
    }
    for other in &panic.others {
        let _ = writeln!(out, "also panicked: {other}");
    }
    out
}

/// A panic that reaches nobody, because its scope has been left: printed, and the program goes on.
///
/// # Safety
/// `world` is valid.
pub unsafe fn lost_panic(world: *mut World, lost: &Panic) {
    // SAFETY: the caller's promise.
    unsafe { (*world).output.release() };
    crate::output::emergency(format!(
        "warning: a task panicked after its scope had been left\n{}",
        panic(lost)
    ));
}

/// The deadlock report.
///
/// # Safety
/// `world` is valid and every task is suspended.
#[must_use]
pub unsafe fn deadlock(world: *mut World) -> String {
    let mut out = String::from("deadlock: every task waits for something that cannot happen\n");
    // SAFETY: the caller's promise.
    unsafe { write_tasks(&mut out, world) };
    out
}

/// The report of a running program.
///
/// # Safety
/// As for [`deadlock`].
#[must_use]
pub unsafe fn live(world: *mut World) -> String {
    // SAFETY: the caller's promise.
    unsafe {
        let tasks = World::tasks(world);
        let count = tasks.iter().filter(|&&task| (*task).flags & TASK_GENERATOR == 0).count();
        let mut out = format!("{count} tasks\n");
        out.push_str(&(*world).io.report().unwrap_or_default());
        write_tasks(&mut out, world);
        out
    }
}

/// What tasks are waiting on channels, counted once per channel.
#[derive(Default)]
struct Waiters {
    counts: BTreeMap<*mut Chan, (usize, usize)>,
}

impl Waiters {
    /// How many senders and receivers wait.
    unsafe fn count(&mut self, chan: *mut Chan) -> (usize, usize) {
        // SAFETY: the channel is alive.
        let count = || unsafe { ((*chan).senders.len(), (*chan).receivers.len()) };
        *self.counts.entry(chan).or_insert_with(count)
    }
}

/// The name of a task as reports give it.
unsafe fn title(task: *mut Task) -> String {
    // SAFETY: the task is alive.
    unsafe {
        let name = extra_if(task).and_then(|extra| extra.name.as_deref());
        task_title((*task).id, name)
    }
}

/// Some of `total` things by name.
fn listed(names: &[String], total: usize) -> String {
    let mut text = names.join(", ");
    if total > names.len() {
        let _ = write!(text, " and {} more", total - names.len());
    }
    text
}

/// All tasks, grouped by what they do and where.
unsafe fn write_tasks(out: &mut String, world: *mut World) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut waiters = Waiters::default();
        let mut groups: Vec<(String, Vec<*mut Task>)> = Vec::new();
        let mut group_of: BTreeMap<String, usize> = BTreeMap::new();
        for task in World::tasks(world) {
            // Generators show in the stack of the task that drives them.
            if (*task).flags & (TASK_GENERATOR | TASK_ORPHAN) == TASK_GENERATOR {
                continue;
            }
            let body = body(task, &mut waiters, false);
            match group_of.get(&body) {
                Some(&group) => groups[group].1.push(task),
                None => {
                    group_of.insert(body.clone(), groups.len());
                    groups.push((body, vec![task]));
                }
            }
        }
        for (shared, tasks) in &groups {
            if let [task] = tasks[..] {
                let _ = write!(out, "\n{}{}", title(task), body(task, &mut waiters, true));
            } else {
                let names: Vec<String> =
                    tasks.iter().take(NAMES_MAX).map(|&task| title(task)).collect();
                let names = listed(&names, tasks.len());
                let _ = write!(out, "\n{} tasks ({names}){shared}", tasks.len());
            }
        }
    }
}

/// Where a task was spawned, what it waits for, and its stack. `alone`: also what equal tasks do not share.
unsafe fn body(task: *mut Task, waiters: &mut Waiters, alone: bool) -> String {
    // SAFETY: the task is suspended or has ended.
    unsafe {
        let mut out = String::new();
        if !(*task).site.is_null() {
            let function = (*(*task).site).function.as_str();
            let _ = write!(out, ", spawned by {function} ({})", place((*task).site));
        }
        out.push('\n');
        if (*task).state == TASK_ENDED {
            out.push_str("  has ended and is not joined yet\n");
            return out;
        }
        if (*task).leaf.is_null() {
            out.push_str("  is running\n");
            return out;
        }
        let mut driven = vec![task];
        while let Some(generator) = generator_of(driven[driven.len() - 1]) {
            driven.push(generator);
        }
        let innermost = driven[driven.len() - 1];
        write_wait(&mut out, innermost, (*innermost).leaf, waiters, alone);
        let mut lines = Vec::new();
        for task in driven.into_iter().rev() {
            let mut frame = (*task).leaf;
            while !frame.is_null() {
                lines.push(&raw const point_of(frame).site);
                frame = (*frame).parent;
            }
        }
        write_stack(&mut out, &lines);
        out
    }
}

/// The generator that a suspended task waits for.
unsafe fn generator_of(task: *mut Task) -> Option<*mut Task> {
    // SAFETY: the nodes of a waiting frame are filled.
    unsafe {
        let frame = (*task).leaf;
        let point = point_of(frame);
        if (*task).state != TASK_WAITING
            || !matches!(kind_of(point), PointKind::GenNext | PointKind::GenStop)
        {
            return None;
        }
        let generator = (*node_of(frame, point, 0)).target.cast::<Task>();
        (!generator.is_null() && !(*generator).leaf.is_null()).then_some(generator)
    }
}

/// A stack, innermost first; equal neighbours are counted, a long middle is left out.
fn write_stack(out: &mut String, lines: &[*const Site]) {
    let mut runs: Vec<(*const Site, usize)> = Vec::new();
    for &site in lines {
        match runs.last_mut() {
            Some((last, count)) if same_place(*last, site) => *count += 1,
            _ => runs.push((site, 1)),
        }
    }
    let left_out = runs.len().saturating_sub(2 * STACK_LINES_MAX);
    for (index, &(site, count)) in runs.iter().enumerate() {
        if left_out > 0 && index == STACK_LINES_MAX {
            let _ = writeln!(out, "  ... {left_out} more");
        }
        if left_out > 0 && index >= STACK_LINES_MAX && index < STACK_LINES_MAX + left_out {
            continue;
        }
        write_call(out, site);
        if count > 1 {
            let _ = writeln!(out, "  ... {} more", count - 1);
        }
    }
}

/// Whether two sites are the same place.
fn same_place(a: *const Site, b: *const Site) -> bool {
    // SAFETY: as above.
    a == b || unsafe { place(a) == place(b) }
}

/// What the leaf of a suspended task waits for.
unsafe fn write_wait(
    out: &mut String,
    task: *mut Task,
    frame: *mut Frame,
    waiters: &mut Waiters,
    alone: bool,
) {
    // SAFETY: the frame is a suspended leaf.
    unsafe {
        if (*task).state == TASK_READY {
            out.push_str(if (*frame).state == FRAME_COMPLETED {
                "  is ready to run\n"
            } else {
                "  has not started\n"
            });
            return;
        }
        if (*task).flags & TASK_IDLING != 0 {
            out.push_str("  waits until no other task is ready\n");
            return;
        }
        let point = point_of(frame);
        let arms = arms_of(point);
        let kind = kind_of(point);
        if arms.is_empty() {
            out.push_str("  waits for ever: `select` without arms\n");
            return;
        }
        if kind == PointKind::Select {
            out.push_str("  waits in `select`\n");
        }
        for (index, arm) in arms.iter().enumerate() {
            if arm.kind == ARM_IO {
                let _ = writeln!(out, "  waits {}", crate::io::describe(frame));
                continue;
            }
            let target = target_of(frame, arm);
            let what = arm.text.as_str();
            out.push_str(if kind == PointKind::Select { "    " } else { "  waits " });
            match arm.kind {
                ARM_SEND | ARM_RECV => {
                    let verb = if arm.kind == ARM_SEND { "to send on" } else { "to receive from" };
                    let _ = write!(out, "{verb} `{what}`");
                    if target.is_null() {
                        out.push_str(" (guard is false)");
                    } else {
                        write_chan(out, target.cast(), waiters);
                        if alone {
                            write_others(out, target.cast(), task, waiters);
                        }
                    }
                }
                ARM_AFTER => {
                    let node = node_of(frame, point, index);
                    let duration = *(*node).value.cast::<i64>();
                    out.push_str("for ");
                    show::write_duration(out, duration);
                    out.push_str(" to pass");
                }
                ARM_JOIN => {
                    out.push_str("for the end of ");
                    if target.is_null() {
                        out.push_str("a task");
                    } else {
                        out.push_str(&title(target.cast()));
                    }
                }
                ARM_SCOPE => {
                    let scope = target.cast::<Scope>();
                    let live = (*scope).live;
                    let noun = if live == 1 { "task" } else { "tasks" };
                    let _ = write!(out, "for the end of its scope ({live} {noun} left");
                    if alone {
                        let _ = write!(out, ": {}", left_in(scope));
                    }
                    out.push(')');
                }
                _ => out.push_str("for a generator"),
            }
            out.push('\n');
        }
    }
}

/// The tasks of a scope that have not ended.
unsafe fn left_in(scope: *mut Scope) -> String {
    // SAFETY: the tasks of a scope are alive.
    unsafe {
        let mut names = Vec::new();
        let mut task = (*scope).first;
        while !task.is_null() && names.len() < NAMES_MAX {
            if (*task).state != TASK_ENDED {
                names.push(title(task));
            }
            task = (*task).scope_next;
        }
        listed(&names, (*scope).live as usize)
    }
}

/// Where a channel was made, its length and capacity, and how many wait on it.
unsafe fn write_chan(out: &mut String, chan: *mut Chan, waiters: &mut Waiters) {
    // SAFETY: the channel is alive.
    unsafe {
        let count = |number: usize, one: &str, many: &str| {
            format!("{number} {}", if number == 1 { one } else { many })
        };
        let (senders, receivers) = waiters.count(chan);
        let _ = write!(
            out,
            ", made at {} (length {}, capacity {}; {} and {} wait on it)",
            place((*chan).site),
            (*chan).len,
            (*chan).cap,
            count(senders, "sender", "senders"),
            count(receivers, "receiver", "receivers"),
        );
    }
}

/// Who waits on a channel but `task`.
unsafe fn write_others(out: &mut String, chan: *mut Chan, task: *mut Task, waiters: &mut Waiters) {
    // SAFETY: the channel is alive, and so are those that wait on it.
    unsafe {
        let mut names = Vec::new();
        for (queue, verb) in [(&(*chan).senders, "send"), (&(*chan).receivers, "receive")] {
            let mut node = queue.head;
            while !node.is_null() && names.len() < NAMES_MAX {
                let frame = (*node).frame;
                let waiter = if frame.is_null() { task } else { (*frame).task.cast() };
                if waiter != task {
                    names.push(format!("{} to {verb}", title(waiter)));
                }
                node = (*node).next;
            }
        }
        if names.is_empty() {
            return;
        }
        let (senders, receivers) = waiters.count(chan);
        let total = (senders + receivers).saturating_sub(1).max(names.len());
        let _ = write!(out, "; also {}", listed(&names, total));
    }
}
