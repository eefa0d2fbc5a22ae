//! Whole worlds through bytes: frames, queues, timers, handles, scopes, panics; and what a start makes of a file.

use super::programs::{
    NULL, SlotSpec, TestProgram, V, empty_world, frame, get, point, slots, t, usual, usual_with,
};
use crate::panic::{Cause, Panic, TraceLine};
use crate::sched::park::orion_park;
use crate::state::capture::{Header, capture};
use crate::state::refusal::{EXIT_DATA, EXIT_IO};
use crate::state::restore::{RestoreError, restore};
use crate::state::{Start, Store, check_file, program::Program, roundtrip};
use crate::world::{Worker, World, extra_of, new_chan, new_scope, new_task, no_site};
use orion_abi::desc::{ARM_RECV, PointKind, SLOT_DEST, SLOT_LIVE};
use orion_abi::frame::{FRAME_COMPLETED, FRAME_ENDED};
use orion_abi::{Ctx, Frame};
use orion_fast::chan::Chan;
use orion_fast::task::{TASK_ENDED, TASK_HANDLE, TASK_IDLING, TASK_READY, TASK_WAITING, Task};
use orion_format::image::Image;
use orion_format::report::Report;
use orion_format::world::{Blob, HANDLE_FILE, HANDLE_LOST, HANDLE_SOCKET, HandleItem};
use std::ptr::null;
use std::sync::atomic::Ordering;

const MAIN: usize = 0;
const WORK: usize = 1;

pub struct Stage {
    pub program: TestProgram,
    pub world: *mut World,
    pub ctx: *mut Ctx,
}

impl Stage {
    pub fn new(program: TestProgram) -> Self {
        let world = empty_world(program);
        // SAFETY: the world has a worker.
        let ctx = Worker::ctx(unsafe { (*world).worker });
        Self { program, world, ctx }
    }

    /// Frees the worker and the world, with whatever memory is left in them.
    pub unsafe fn free(self) {
        // SAFETY: both come from boxes, and nothing refers to them any more.
        unsafe {
            let worker = (*self.world).worker;
            drop(Box::from_raw(self.world));
            // A ticker's thread looks at its worker for ever.
            if (*worker).ticker.is_none() {
                drop(Box::from_raw(worker));
            }
        }
    }

    /// A channel, counted once for the caller.
    pub unsafe fn chan(&self, cap: usize, elem: *const orion_abi::TypeDesc) -> *mut Chan {
        // SAFETY: as documented there.
        unsafe {
            let id = (*self.world).next_chan_id;
            (*self.world).next_chan_id += 1;
            new_chan(self.ctx, id, cap, elem, no_site())
        }
    }

    /// A scope of a task, counted once for the caller.
    pub unsafe fn scope(&self, owner: *mut Task) -> *mut crate::scope::Scope {
        // SAFETY: as documented there.
        unsafe {
            let id = (*self.world).next_scope_id;
            (*self.world).next_scope_id += 1;
            new_scope(self.ctx, id, owner, &raw const (*self.program.desc.main).site)
        }
    }

    /// A task in a scope (none: the main task), in a state, with one frame.
    pub unsafe fn task(
        &self,
        scope: *mut crate::scope::Scope,
        leaf: *mut Frame,
        state: u8,
    ) -> *mut Task {
        // SAFETY: everything is fresh.
        unsafe {
            let id = (*self.world).next_task_id;
            (*self.world).next_task_id += 1;
            let site = &raw const (*self.program.desc.main).site;
            let task = new_task(self.ctx, id, leaf, site);
            (*task).state = state;
            if scope.is_null() {
                (*self.world).main = task;
            } else {
                (*task).scope = scope.cast();
                (*scope).rc += 1;
                (*scope).link(task);
                (*scope).live += u64::from(state != TASK_ENDED);
            }
            if state == TASK_READY {
                (*(*self.world).worker).head.ready.push(task);
            }
            task
        }
    }

    /// Parks the leaf of a task, as generated code does.
    pub unsafe fn park(&self, task: *mut Task) {
        // SAFETY: the leaf is complete.
        unsafe {
            (*self.ctx).task = task.cast();
            orion_park(self.ctx, (*task).leaf);
            (*self.ctx).task = std::ptr::null_mut();
        }
    }

    pub unsafe fn save(&self, schema: &Program) -> Vec<u8> {
        let header = Header { number: 3, sealed: true, now_ns: 77 };
        // SAFETY: nothing runs.
        unsafe { capture(self.world, schema, &header).expect("saved") }
    }
}

fn retained<T>(object: *mut T) -> V {
    // SAFETY: counted objects begin with their count.
    unsafe { *object.cast::<i64>() += 1 };
    V::Pointer(object.cast())
}

fn everything(scope: *mut crate::scope::Scope, ch: *mut Chan, out: *mut Chan) -> Vec<V> {
    let chain = V::Variant(1, vec![V::Int(1), t("one"), V::Variant(0, vec![])]);
    vec![
        V::Pointer(scope.cast()),
        V::Bool(true),
        V::Char('ß'),
        V::Int(-5),
        V::Int(1 << 60),
        V::Float(2.5),
        t("some text"),
        t(""),
        V::List(vec![V::Int(1), V::Int(2)]),
        V::List(vec![t("a"), t("b")]),
        V::List(vec![V::Bool(false), V::Bool(true)]),
        V::List(vec![V::Unit, V::Unit]),
        V::Record(vec![V::Int(7), V::Int(8), V::Bool(true)]),
        V::List(vec![V::Record(vec![V::Float(1.0), V::Float(2.0)])]),
        V::Variant(1, vec![t("inside")]),
        V::Variant(0, vec![]),
        V::Variant(1, vec![V::Int(2), t("two"), chain]),
        V::Record(vec![V::Int(0), V::List(vec![V::Record(vec![V::Int(1), V::List(vec![])])])]),
        V::Closure(0, vec![t("captured"), V::Int(3)]),
        V::Pointer(ch.cast()),
        V::Pointer(out.cast()),
    ]
}

/// A world with everything in it: a main task five values deep in a call, receivers, a select, sleepers, an idler, a joiner, a task that has not begun, one that was
/// preempted, one that has ended, a panic on its way.
pub unsafe fn full(stage: &Stage) {
    // SAFETY: the frames of the test program are filled as their maps say.
    unsafe {
        let Stage { program, world, ctx } = *stage;
        let y = program.types;
        let (ch, out) = (stage.chan(2, y.i64), stage.chan(1, y.text));
        // Older channels that are met later than younger ones.
        assert!((*ch).id < (*out).id);
        let main = stage.task(std::ptr::null_mut(), std::ptr::null_mut(), TASK_WAITING);
        let scope = stage.scope(main);
        let more = [retained(ch), V::Int(0), t("kept")];
        let leaf = frame(program, ctx, WORK, 1, &more);
        let values = everything(scope, ch, out);
        let root = frame(program, ctx, MAIN, 2, &values);
        (*root).task = main.cast();
        (*leaf).parent = root;
        (*main).leaf = leaf;
        stage.park(main);
        // A full channel of text: the select waits to send too.
        *orion_fast::chan::place(out, 0).cast::<*mut u8>() =
            crate::heap::text::new(ctx, "in the channel");
        (*out).len = 1;
        for text in ["first", "second"] {
            let values = [retained(ch), V::Int(0), retained(out), t(text), V::Int(3_000_000_000)];
            let task = stage.task(scope, frame(program, ctx, WORK, 2, &values), TASK_WAITING);
            extra_of(task).name = Some(format!("{text} selector"));
            stage.park(task);
        }
        let receiver = frame(program, ctx, WORK, 1, &[retained(ch), V::Int(0), t("r")]);
        let receiver = stage.task(scope, receiver, TASK_WAITING);
        stage.park(receiver);
        for ns in [5_000_000_000, 4_000_000_000] {
            let sleeper = frame(program, ctx, WORK, 3, &[V::Int(ns)]);
            stage.park(stage.task(scope, sleeper, TASK_WAITING));
        }
        (*receiver).flags |= TASK_HANDLE;
        let joiner = frame(program, ctx, WORK, 4, &[V::Pointer(receiver.cast())]);
        stage.park(stage.task(scope, joiner, TASK_WAITING));
        let idler = stage.task(scope, frame(program, ctx, WORK, 5, &[]), TASK_WAITING);
        stage.park(idler);
        assert!((*idler).flags & TASK_IDLING != 0);
        stage.task(scope, frame(program, ctx, WORK, 0, &[retained(ch)]), TASK_READY);
        let preempted = frame(program, ctx, WORK, 6, &[V::Int(42)]);
        (*preempted).state = FRAME_COMPLETED;
        let preempted = stage.task(scope, preempted, TASK_READY);
        let mut panic = Panic::new(Cause::Panic, "it broke".to_owned(), no_site());
        panic.push(TraceLine::Call(&raw const (*program.desc.main).site));
        panic.push(TraceLine::Spawn { id: 9, name: Some("gone".to_owned()), site: no_site() });
        panic.others.push("it too".to_owned());
        extra_of(preempted).panic = Some(panic);
        // A task with a scope of its own, whose one task has ended and is still held.
        let ended = frame(program, ctx, WORK, 0, &[]);
        (*ended).state = FRAME_ENDED;
        crate::frames::result_at(ended).cast::<i64>().write(17389);
        let owner = stage.task(scope, std::ptr::null_mut(), TASK_WAITING);
        let inner = stage.scope(owner);
        let ended = stage.task(inner, ended, TASK_ENDED);
        (*ended).flags |= TASK_HANDLE;
        let other = frame(program, ctx, WORK, 3, &[V::Int(9_000_000_000)]);
        stage.park(stage.task(inner, other, TASK_WAITING));
        let values = [V::Pointer(inner.cast()), V::Pointer(ended.cast())];
        (*owner).leaf = frame(program, ctx, MAIN, 1, &values);
        stage.park(owner);
        (*world).args = vec!["1".to_owned(), "two words".to_owned()];
        (*world).io.restore_handles(&open_handles(), 1000);
    }
}

/// Standard input, a file, a connection with a timeout, and one that was lost before.
fn open_handles() -> Vec<HandleItem<'static>> {
    let item = |id, kind, text, offset| HandleItem {
        id,
        kind,
        text,
        flags: 1,
        identity: [3, 5],
        length: 100,
        offset,
        timeout_ns: 0,
        buffer: Blob(b""),
    };
    vec![
        HandleItem { buffer: Blob(b"read ahead"), ..item(0, HANDLE_FILE, "", 7) },
        item(10, HANDLE_FILE, "/no/such/folder/file", 42),
        HandleItem {
            timeout_ns: 5,
            flags: 0,
            identity: [0; 2],
            length: 0,
            ..item(11, HANDLE_SOCKET, "", 0)
        },
        HandleItem { flags: 0, identity: [0; 2], length: 0, ..item(12, HANDLE_LOST, "gone", 0) },
    ]
}

unsafe fn queue_of(queue: &orion_fast::wait::WaitQueue) -> Vec<(u64, u32)> {
    let mut list = Vec::new();
    let mut node = queue.head;
    while !node.is_null() {
        // SAFETY: queued nodes are alive.
        unsafe {
            list.push(((*(*(*node).frame).task.cast::<Task>()).id, (*node).arm));
            node = (*node).next;
        }
    }
    list
}

unsafe fn drop_and_check(stage: &Stage) {
    // SAFETY: nothing runs.
    unsafe {
        let worker = (*stage.world).worker;
        crate::sched::teardown::drop_all(worker);
        assert_eq!(crate::heap::check::leaks(worker), None, "something is left");
        assert!((*stage.world).first_chan.is_null() && (*stage.world).first_scope.is_null());
    }
}

#[test]
fn a_full_world_comes_back_as_it_was() {
    let program = usual();
    let stage = Stage::new(program);
    // SAFETY: nothing runs.
    unsafe {
        let schema = Program::new(program.desc).expect("a schema");
        full(&stage);
        let bytes = stage.save(&schema);
        let image = Image::read(&bytes).expect("an image");
        assert_eq!(image.tasks.len(), 13);
        let copy = Stage::new(program);
        restore(copy.world, &schema, &image).expect("restored");
        assert_eq!(copy.save(&schema), bytes, "it is written as it was read");
        let tasks = World::tasks(copy.world);
        let main = (*copy.world).main;
        assert_eq!((*main).id, 1);
        let leaf = (*main).leaf;
        assert_eq!((*leaf).at, 1);
        let root = (*leaf).parent;
        assert!((*root).parent.is_null());
        let scope = (*copy.world).first_scope;
        let ch = (*copy.world).first_chan;
        let out = (*ch).all_next;
        assert_eq!(slots(program, root), everything(scope, ch, out));
        assert_eq!(slots(program, leaf)[2], t("kept"));
        assert_eq!(queue_of(&(*ch).receivers), [(1, 0), (2, 0), (3, 0), (4, 0)]);
        assert_eq!(queue_of(&(*out).senders), [(2, 1), (3, 1)]);
        assert_eq!(
            get(program, orion_fast::chan::place(out, 0), program.types.text),
            t("in the channel")
        );
        assert_eq!((*ch).rc, 6, "main, call, two selects, receiver, one that has not begun");
        let extra = crate::world::extra_if(tasks[1]).expect("a name");
        assert_eq!(extra.name.as_deref(), Some("first selector"));
        assert_eq!((*copy.world).timers.len(), 5);
        let joined = tasks[3];
        assert!(!(*joined).joiner.is_null() && (*joined).flags & TASK_HANDLE != 0);
        assert_eq!((*copy.world).args, ["1", "two words"]);
        let ready: Vec<u64> = {
            let worker = (*copy.world).worker;
            let first = (*worker).head.ready.head;
            vec![(*first).id, (*(*first).next).id]
        };
        assert_eq!(ready, [9, 10]);
        let panic = crate::world::extra_if(tasks[9]).and_then(|extra| extra.panic.as_ref());
        let panic = panic.expect("a panic");
        assert_eq!((panic.message.as_str(), panic.trace.len()), ("it broke", 2));
        drop_and_check(&stage);
        drop_and_check(&copy);
    }
}

#[test]
fn a_round_trip_is_as_real_as_a_file() {
    let stage = Stage::new(usual());
    // SAFETY: nothing runs.
    unsafe {
        full(&stage);
        for _ in 0..3 {
            roundtrip(stage.world).expect("the same world");
        }
        drop_and_check(&stage);
    }
}

#[test]
fn a_hundred_thousand_tasks_wait_in_line() {
    let program = usual();
    let stage = Stage::new(program);
    // SAFETY: nothing runs.
    unsafe {
        let main = stage.task(std::ptr::null_mut(), std::ptr::null_mut(), TASK_WAITING);
        let scope = stage.scope(main);
        let ch = stage.chan(0, program.types.i64);
        for index in 0..100_000 {
            let values = [retained(ch), V::Int(0), t(&format!("task {index}"))];
            stage.park(stage.task(
                scope,
                frame(program, stage.ctx, WORK, 1, &values),
                TASK_WAITING,
            ));
        }
        let values = [V::Pointer(scope.cast()), NULL];
        (*main).leaf = frame(program, stage.ctx, MAIN, 1, &values);
        stage.park(main);
        (*ch).rc -= 1;
        roundtrip(stage.world).expect("the same world");
        assert_eq!((*(*stage.world).first_chan).receivers.len(), 100_000);
        drop_and_check(&stage);
    }
}

fn store_at(path: &std::path::Path, program: TestProgram) -> Store {
    // SAFETY: the program is good.
    unsafe { Store::open(path, program.desc).expect("a store") }
}

#[test]
fn a_store_writes_when_something_ran_and_resumes_and_finishes() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("s");
    let program = usual();
    let stage = Stage::new(program);
    // SAFETY: nothing runs.
    unsafe {
        full(&stage);
        let mut store = store_at(&path, program);
        assert_eq!(store.load(stage.world), Ok(Start::Fresh));
        assert_eq!(store.checkpoint(stage.world), Ok(true));
        assert_eq!(store.checkpoint(stage.world), Ok(false), "nothing has changed");
        let first = std::fs::read(&path).expect("a file");
        (*(*stage.world).worker).dispatches.fetch_add(1, Ordering::Relaxed);
        assert_eq!(store.checkpoint(stage.world), Ok(true));
        assert_ne!(std::fs::read(&path).expect("a file"), first);
        drop(store);
        let copy = Stage::new(program);
        let mut store = store_at(&path, program);
        assert_eq!(store.load(copy.world), Ok(Start::Resumed));
        assert_eq!(store.checkpoint(copy.world), Ok(false), "it is as it was");
        store.finish(copy.world, 3).expect("written");
        drop(store);
        let mut store = store_at(&path, program);
        assert_eq!(store.load(Stage::new(program).world), Ok(Start::Finished(3)));
    }
}

#[test]
fn a_file_of_another_program_is_refused_and_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("s");
    let program = usual();
    let stage = Stage::new(program);
    // SAFETY: nothing runs.
    unsafe {
        full(&stage);
        let mut store = store_at(&path, program);
        _ = store.checkpoint(stage.world);
        drop(store);
        let before = std::fs::read(&path).expect("a file");
        let other = TestProgram {
            desc: Box::leak(Box::new(orion_abi::ProgramDesc {
                name: orion_abi::StaticStr::new("other"),
                ..std::ptr::read(program.desc)
            })),
            ..program
        };
        let refusal = store_at(&path, other).load(Stage::new(other).world).expect_err("refused");
        assert_eq!(refusal.status, EXIT_DATA);
        assert!(
            refusal.message.contains("belongs to the program `prog`, and this is `other`"),
            "{}",
            refusal.message
        );
        assert_eq!(std::fs::read(&path).expect("a file"), before);
    }
}

/// The usual program with `extra`, a function whose `ch` point has these slots.
fn with_extra(list: &'static [(&'static str, bool)]) -> TestProgram {
    usual_with(|build| {
        let y = build.types;
        let mut specs: Vec<SlotSpec> =
            vec![("ch", y.chan, SLOT_LIVE, 0), ("v", y.i64, SLOT_DEST, 0)];
        for (name, is_text) in list {
            specs.push((name, if *is_text { y.text } else { y.i64 }, SLOT_LIVE, 0));
        }
        let start = point(PointKind::Start, "", 30, &[], &[], null());
        let arms = [(ARM_RECV, Some(0), Some(1), "ch")];
        let recv = point(PointKind::Recv, "ch", 31, &specs, &arms, null());
        build.function("extra", y.i64, vec![start, recv]);
    })
}

#[test]
fn a_changed_program_takes_over_what_fits_and_names_what_does_not() {
    let old = with_extra(&[("a", true), ("gone", true), ("b", false)]);
    let stage = Stage::new(old);
    // SAFETY: nothing runs.
    unsafe {
        full(&stage);
        let ch = (*stage.world).first_chan;
        let values = [retained(ch), V::Int(0), t("kept"), t("dropped"), V::Int(5)];
        let task = stage.task(
            (*stage.world).first_scope,
            frame(old, stage.ctx, 2, 1, &values),
            TASK_WAITING,
        );
        stage.park(task);
        let bytes = stage.save(&Program::new(old.desc).expect("a schema"));
        let image = Image::read(&bytes).expect("an image");

        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("s");
        std::fs::write(&path, &bytes).expect("written");
        assert_eq!(check_file(&path, old.desc), Ok(()));

        let new = with_extra(&[("b", false), ("a", true)]);
        let copy = Stage::new(new);
        restore(copy.world, &Program::new(new.desc).expect("a schema"), &image).expect("restored");
        let last = *World::tasks(copy.world).last().expect("a task");
        assert_eq!(slots(new, (*last).leaf)[2..], [V::Int(5), t("kept")]);
        drop_and_check(&copy);

        let new = with_extra(&[("a", false), ("c", true)]);
        let copy = Stage::new(new);
        let schema = Program::new(new.desc).expect("a schema");
        match restore(copy.world, &schema, &image) {
            Err(RestoreError::Differences(told)) => assert_eq!(
                told,
                [
                    "task 14: `extra`, line 31: variable `a` is `i64` now and was `str`",
                    "task 14: `extra`, line 31: variable `c: str` is needed, and the state has none",
                ]
            ),
            other => panic!("{other:?}"),
        }

        let refusal = check_file(&path, new.desc).expect_err("it does not fit");
        assert_eq!(refusal.status, EXIT_DATA);
        assert!(refusal.message.contains("was `str`\n  task 14"), "{}", refusal.message);
        let missing = check_file(&folder.path().join("none"), new.desc).expect_err("no file");
        assert_eq!(missing.status, EXIT_IO);

        let new = usual();
        let copy = Stage::new(new);
        match restore(copy.world, &Program::new(new.desc).expect("a schema"), &image) {
            Err(RestoreError::Differences(told)) => assert_eq!(told, ["task 14: `extra` is gone"]),
            other => panic!("{other:?}"),
        }
        drop_and_check(&stage);
    }
}

#[test]
fn a_state_can_be_shown_without_the_program() {
    let program = usual();
    let stage = Stage::new(program);
    // SAFETY: nothing runs.
    unsafe {
        full(&stage);
        // One moment for all deadlines, so that the text is always the same.
        let bytes = stage.save(&Program::new(program.desc).expect("a schema"));
        let mut image = Image::read(&bytes).expect("an image");
        for task in image.tasks.values_mut() {
            for timer in &mut task.timers {
                timer.deadline_ns = 1_000_000_000 * i64::from(timer.arm + 1);
            }
        }
        let report = Report::new(&image).expect("a report");
        assert_eq!(report.to_string(), include_str!("shown.txt"));
        drop_and_check(&stage);
    }
}
