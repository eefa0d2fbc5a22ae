//! Bytes to a world: every task, frame, channel, scope and timer of an image, made anew.
//!
//! Input: a checked image and a world without tasks. Output: the world as it was. Steps: match everything that is live against the program
//! (all differences are told together); make scopes and tasks; make each frame by its function's ramp at its point and read its slots; read
//! channels and shared objects as they are referred to; link every waiter where it stood; line up what is ready; check that nothing was
//! left out. Counts are the references found, so nothing is counted that does not exist.
//!
//! Values are read by `decode`; this file checks what connects them: callees against call points, outcomes against arms, queues against
//! the channels in the frames, handles against tasks.

use super::decode::{Decoder, LocalTable};
use super::program::{Program, arms_of, points_of, slots_of};
use crate::frames::{kind_of, result_at, slot_at};
use crate::generator::Generator;
use crate::panic::{Cause, Panic, TraceLine};
use crate::world::{IdKind, World, extra_of, free_scope, new_scope, new_task};
use orion_abi::desc::{ARM_RECV, ARM_SEND, PointDesc, PointKind};
use orion_abi::frame::{FRAME_COMPLETED as ABI_COMPLETED, FRAME_ENDED as ABI_ENDED};
use orion_abi::outcome::{OUTCOME_DONE, OUTCOME_UNWIND, STATUS_RETURNED};
use orion_abi::{Ctx, Frame, Site, TypeDesc};
use orion_fast::chan::place;
use orion_fast::sync::{lock_if, unlock_if};
use orion_fast::task::{
    TASK_GENERATOR, TASK_HANDLE, TASK_IDLING, TASK_ORPHAN, TASK_STOPPING, Task,
};
use orion_format::FormatError;
use orion_format::bytes::Reader;
use orion_format::image::Image;
use orion_format::matching::{Difference, FrameMatch};
use orion_format::world::{
    CAUSE_CANCELLED, CAUSE_PANIC, ChannelItem, FRAME_COMPLETED, FRAME_ENDED, FrameItem, HandleItem,
    PanicItem, Progress, TASK_ENDED, TaskItem, TraceItem,
};
use std::collections::BTreeMap;
use std::ptr::null_mut;
use std::rc::Rc;
use std::sync::atomic::Ordering;

/// Handles are numbered upwards for ever: no program comes near.
const HANDLE_MAX: i64 = i64::MAX / 2;

/// Why an image was not restored.
#[derive(Debug)]
pub enum RestoreError {
    /// Its contents are wrong.
    Format(FormatError),
    /// The program is another one than the image needs, in these points, each with the tasks that it concerns.
    Differences(Vec<String>),
}

impl From<FormatError> for RestoreError {
    fn from(error: FormatError) -> Self {
        Self::Format(error)
    }
}

/// The image is wrong.
pub(super) fn corrupt<T>(what: impl Into<String>) -> Result<T, FormatError> {
    Err(FormatError::corrupt(what))
}

/// Makes the world of an image. After an error the world must not be used.
///
/// # Errors
/// When the image is wrong or the program cannot take it over.
///
/// # Safety
/// `world` is valid and has no task, channel or scope; `program` describes its program.
pub unsafe fn restore(
    world: *mut World,
    program: &Program,
    image: &Image<'_>,
) -> Result<(), RestoreError> {
    // SAFETY: the caller's promise.
    unsafe {
        let ctx = crate::world::Worker::ctx((*world).worker);
        let mut restore =
            Restore { world, ctx, program, image, decoder: Decoder::new(program, image, ctx) };
        if image.globals.progress != Progress::Running {
            return Err(FormatError::corrupt("it is a generator and no program's state").into());
        }
        restore.check_open()?;
        let frames = restore.match_all()?;
        restore.make_scopes()?;
        restore.make_tasks()?;
        for (task, matches) in image.tasks.values().zip(&frames) {
            restore.task(task, matches)?;
        }
        restore.finish_values()?;
        restore.refuse_differences()?;
        restore.link_waiters()?;
        restore.check_handles()?;
        restore.finish_scopes();
        restore.line_up();
        restore.globals();
        // Made by one of several workers they stand in its own lists.
        crate::sched::team::lists::gather(world);
    }
    Ok(())
}

/// Makes a generator that was saved by itself, with what it holds, in a world that goes on. After an error the world must not be used: try
/// it in another one first.
///
/// # Errors
/// When the image is wrong, the program cannot take it over, or the generator is not of the type.
///
/// # Safety
/// `ctx` is the running worker's, its world is valid; `program` describes its program, `ty` is one of its types.
pub unsafe fn restore_generator(
    ctx: *mut Ctx,
    program: &Program,
    image: &Image<'_>,
    ty: *const TypeDesc,
) -> Result<*mut Task, RestoreError> {
    let Progress::Generator(root) = image.globals.progress else {
        return Err(FormatError::corrupt("it is no generator").into());
    };
    // SAFETY: the caller's promise.
    unsafe {
        let world = crate::world::world_of(ctx);
        let mut restore =
            Restore { world, ctx, program, image, decoder: Decoder::new(program, image, ctx) };
        restore.decoder.new_ids = true;
        let own = image.tasks[&root].generator.and_then(|generator| generator.ty);
        let matched = own.and_then(|own| restore.decoder.matching.ty(own).ok());
        if matched != Some(program.type_index(ty)) {
            let was = own.map_or("ended", |own| image.schema.str(image.schema.ty(own).name));
            let wanted = (*ty).name.as_str();
            let told = format!("it is a `{was}`, and `{wanted}` is wanted");
            return Err(RestoreError::Differences(vec![told]));
        }
        let frames = restore.match_all()?;
        restore.make_tasks()?;
        for (task, matches) in image.tasks.values().zip(&frames) {
            restore.task(task, matches)?;
        }
        restore.finish_values()?;
        restore.refuse_differences()?;
        restore.link_waiters()?;
        // Nothing in the image holds it: whoever loads it does.
        if !restore.decoder.handles.insert(root) {
            return Err(FormatError::corrupt("the generator holds itself").into());
        }
        restore.check_handles()?;
        Ok(restore.decoder.tasks[&root])
    }
}

/// What stands in the way of taking a state over, without making anything. Empty: nothing.
pub fn differences(program: &Program, image: &Image<'_>) -> Vec<String> {
    let mut matching = orion_format::matching::Matching::new(&image.schema, &program.schema);
    match match_frames(&mut matching, image) {
        Ok(_) => Vec::new(),
        Err(told) => told,
    }
}

type TaskMatches = Vec<Rc<FrameMatch>>;

fn completed(frame: &FrameItem<'_>) -> Option<u32> {
    (frame.state == FRAME_COMPLETED).then_some(frame.outcome)
}

/// Matches every frame; or tells all differences, each once with the tasks that it concerns.
fn match_frames<'a>(
    matching: &mut orion_format::matching::Matching<'a, 'a>,
    image: &Image<'a>,
) -> Result<Vec<TaskMatches>, Vec<String>> {
    let mut all = Vec::with_capacity(image.tasks.len());
    let mut told: BTreeMap<Difference, Vec<u64>> = BTreeMap::new();
    for task in image.tasks.values() {
        let mut matches = Vec::with_capacity(task.frames.len());
        for frame in &task.frames {
            match matching.frame(frame.function, frame.point, completed(frame)) {
                Ok(found) => matches.push(found),
                Err(differences) => {
                    for difference in differences {
                        let tasks = told.entry(difference).or_default();
                        if tasks.last() != Some(&task.id) {
                            tasks.push(task.id);
                        }
                    }
                }
            }
        }
        all.push(matches);
    }
    if told.is_empty() {
        return Ok(all);
    }
    // Frames do not fit: values will not be read, so what they would need is told as well.
    for object in image.tasks.values().flat_map(|task| &task.locals) {
        let kind = image.schema.ty(object.ty).kind();
        if kind == orion_format::schema::Kind::Fn
            && let Ok(number) = Reader::new(object.bytes.0).varint()
            && (number as usize) < image.schema.closures.len()
            && let Err(differences) = matching.closure(number as u32)
        {
            for difference in differences {
                told.entry(difference).or_default();
            }
        }
    }
    let describe = |id: &u64| match image.tasks.get(id).and_then(|task| task.name) {
        Some(name) => format!("task {id} \"{name}\""),
        None => format!("task {id}"),
    };
    let line = |(difference, tasks): (&Difference, &Vec<u64>)| match tasks.as_slice() {
        [] => difference.to_string(),
        [one] => format!("{}: {difference}", describe(one)),
        [first, rest @ ..] => {
            format!("{} and {} more: {difference}", describe(first), rest.len())
        }
    };
    Err(told.iter().map(line).collect())
}

/// A restore under way.
pub(super) struct Restore<'a> {
    pub(super) world: *mut World,
    pub(super) ctx: *mut Ctx,
    pub(super) program: &'a Program,
    pub(super) image: &'a Image<'a>,
    pub(super) decoder: Decoder<'a>,
}

/// What a step gives.
pub(super) type Done<T = ()> = Result<T, FormatError>;

impl<'a> Restore<'a> {
    /// The table of what is open: numbers ascend below the next one, positions are positions.
    fn check_open(&self) -> Done {
        let globals = &self.image.globals;
        let ascend = globals.handles.is_sorted_by(|a, b| a.id < b.id);
        let next = globals.next_handle;
        let good = |item: &HandleItem<'_>| {
            (0..next).contains(&item.id)
                && item.offset <= i64::MAX as u64
                && item.length <= i64::MAX as u64
        };
        if ascend && (1..=HANDLE_MAX).contains(&next) && globals.handles.iter().all(good) {
            Ok(())
        } else {
            corrupt("its table of open files is malformed")
        }
    }

    fn match_all(&mut self) -> Result<Vec<TaskMatches>, RestoreError> {
        let frames = match_frames(&mut self.decoder.matching, self.image)
            .map_err(RestoreError::Differences)?;
        for channel in self.image.channels.values() {
            if let Err(difference) = self.decoder.matching.ty(channel.elem) {
                self.decoder.differences.push(difference);
            }
        }
        if self.decoder.differences.is_empty() {
            return Ok(frames);
        }
        let told = self.decoder.differences.iter().map(ToString::to_string).collect();
        Err(RestoreError::Differences(told))
    }

    /// Closures that were met and that the program lacks.
    fn refuse_differences(&mut self) -> Result<(), RestoreError> {
        let mut told = std::mem::take(&mut self.decoder.differences);
        if told.is_empty() {
            return Ok(());
        }
        told.sort();
        told.dedup();
        Err(RestoreError::Differences(told.iter().map(ToString::to_string).collect()))
    }

    fn site(&mut self, id: u64) -> *const Site {
        let Some(item) = self.image.sites.get(&id) else { return crate::world::no_site() };
        // SAFETY: the world is valid; its table is touched under the lock where several workers run.
        unsafe {
            let word = &raw mut (*self.world).rare_lock;
            lock_if(self.ctx, word);
            let site = (*self.world).sites.intern(item.function, item.file, item.line, item.column);
            unlock_if(self.ctx, word);
            site
        }
    }

    fn panic(&mut self, item: &PanicItem<'_>) -> Box<Panic> {
        let cause = match item.cause {
            CAUSE_PANIC => Cause::Panic,
            CAUSE_CANCELLED => Cause::Cancelled,
            _ => Cause::ScopeFailed,
        };
        let mut panic = Panic::new(cause, item.message.to_owned(), self.site(item.site));
        for line in &item.trace {
            panic.trace.push(match *line {
                TraceItem::Call(site) => TraceLine::Call(self.site(site)),
                TraceItem::Spawn { task, name, site } => TraceLine::Spawn {
                    id: task,
                    name: name.map(str::to_owned),
                    site: self.site(site),
                },
                TraceItem::Repeated(count) => TraceLine::Repeated(count),
            });
        }
        panic.others = item.others.iter().map(|&text| text.to_owned()).collect();
        panic
    }

    unsafe fn make_scopes(&mut self) -> Done {
        let image = self.image;
        for item in image.scopes.values() {
            let site = self.site(item.site);
            // SAFETY: the context heads a worker with this world.
            unsafe {
                let scope = new_scope(self.ctx, item.id, null_mut(), site);
                (*scope).rc = 0;
                (*scope).ended = item.ended;
                (*scope).cancelling = item.cancelling;
                (*scope).failed.store(item.panic.is_some(), Ordering::Relaxed);
                (*scope).failure = item.panic.as_ref().map(|panic| self.panic(panic));
                self.decoder.scopes.insert(item.id, scope);
            }
        }
        Ok(())
    }

    unsafe fn make_tasks(&mut self) -> Done {
        let image = self.image;
        for item in image.tasks.values() {
            let site = self.site(item.site);
            // SAFETY: as above; tasks are linked into their scopes in order of their ids.
            unsafe {
                let task = self.new_task(item, site)?;
                (*task).state = item.state;
                (*task).flags |= item.flags & !(TASK_HANDLE | TASK_IDLING | TASK_GENERATOR);
                if item.name.is_some() || item.panic.is_some() || item.join_error.is_some() {
                    let extra = extra_of(task);
                    extra.name = item.name.map(str::to_owned);
                    extra.panic = item.panic.as_ref().map(|panic| self.panic(panic));
                    extra.join_error = item.join_error.as_ref().map(|panic| self.panic(panic));
                }
                if item.scope != 0 {
                    let scope = self.decoder.scopes[&item.scope];
                    (*task).scope = scope.cast();
                    (*scope).rc += 1;
                    (*scope).link(task);
                    (*scope).live += u64::from(item.state != TASK_ENDED);
                }
                let is_task = item.generator.is_none();
                if is_task
                    && item.state == TASK_ENDED
                    && item.frames.is_empty()
                    && item.panic.is_none()
                {
                    return corrupt(format!("task {} ended with nothing", item.id));
                }
                self.decoder.tasks.insert(item.id, task);
            }
        }
        for item in image.scopes.values() {
            if item.owner != 0 {
                // SAFETY: both were just made.
                unsafe {
                    let owner = self.decoder.tasks[&item.owner];
                    let scope = self.decoder.scopes[&item.id];
                    (*scope).owner = owner;
                    (*owner).failed_scopes += u32::from((*scope).failure.is_some());
                }
            }
        }
        // Results' types first: a handle may be read before its task is.
        for item in image.tasks.values() {
            if let Some(root) = item.frames.first() {
                let name = image.schema.str(image.schema.functions[root.function as usize].name);
                let found = self.decoder.matching.frame(root.function, root.point, completed(root));
                let Ok(found) = found else {
                    return corrupt(format!("function `{name}` has no counterpart"));
                };
                let result = self.program.functions[found.function as usize].result;
                self.decoder.set_root_result(item.id, result);
            }
        }
        Ok(())
    }

    /// A task or generator without frames.
    unsafe fn new_task(&mut self, item: &TaskItem<'_>, site: *const Site) -> Done<*mut Task> {
        let only_of_generators = TASK_GENERATOR | TASK_STOPPING | TASK_ORPHAN;
        // SAFETY: the context heads a worker with this world; the type is the program's.
        unsafe {
            let Some(generator) = item.generator else {
                if item.flags & only_of_generators != 0 {
                    return corrupt(format!("task {} is and is not a generator", item.id));
                }
                return Ok(new_task(self.ctx, item.id, null_mut(), site));
            };
            let ty = match generator.ty.map(|ty| self.decoder.matching.ty(ty)) {
                None => std::ptr::null(),
                Some(Ok(index)) => std::ptr::from_ref(self.program.types[index as usize].desc),
                Some(Err(_)) => return corrupt(format!("generator {} has no type", item.id)),
            };
            let mut id = item.id;
            if self.decoder.new_ids {
                if item.flags & (TASK_ORPHAN | TASK_STOPPING) != 0 {
                    return corrupt(format!("generator {id} does not stand still"));
                }
                id = World::next_id(self.ctx, IdKind::Task);
            }
            if item.flags & TASK_ORPHAN != 0 && item.state != TASK_ENDED {
                (*self.world).orphans.fetch_add(1, Ordering::Relaxed);
            }
            Ok(crate::generator::new(self.ctx, id, ty, site).cast())
        }
    }

    unsafe fn task(&mut self, item: &'a TaskItem<'a>, matches: &[Rc<FrameMatch>]) -> Done {
        let task = self.decoder.tasks[&item.id];
        let mut locals = LocalTable::new(&item.locals);
        let mut caller: Option<(*mut Frame, &'static PointDesc)> = None;
        for (frame_item, found) in item.frames.iter().zip(matches) {
            let desc = self.program.functions[found.function as usize];
            let Some(point) = points_of(desc).get(found.point as usize) else {
                return corrupt("a frame stands nowhere");
            };
            if let Some((_, call)) = caller
                && (call.callee_result.is_null()
                    || self.program.type_index(call.callee_result)
                        != self.program.type_index(desc.result))
            {
                return corrupt(format!("task {} was called by what calls no such thing", item.id));
            }
            // SAFETY: the point is one of the function's, and the frame is as large as its descriptor says.
            unsafe {
                let frame = (desc.ramp)(self.ctx, found.point);
                if frame.is_null() {
                    return corrupt("memory is exhausted");
                }
                (*frame).task = task.cast();
                (*frame).parent = caller.map_or(null_mut(), |(frame, _)| frame);
                (*task).leaf = frame;
                self.frame(item, frame_item, frame, point, found, &mut locals)?;
                caller = Some((frame, point));
            }
        }
        if item.generator.is_some()
            && let Some(root) = matches.first()
        {
            let body = self.program.functions[root.function as usize].generator;
            // SAFETY: the task heads a generator.
            if body.is_null() || !std::ptr::eq(body, unsafe { (*task.cast::<Generator>()).ty }) {
                return corrupt(format!("generator {} is of another type than its body", item.id));
            }
        }
        if item.id == self.image.globals.main_task {
            // SAFETY: the program's descriptor is constant.
            let main = unsafe { (*(*self.world).program).main };
            let root = matches.first().map(|found| self.program.functions[found.function as usize]);
            if root.is_none_or(|root| !std::ptr::eq(root, main)) {
                return corrupt("its main task runs something else than `main`");
            }
        }
        // SAFETY: all slots have been read.
        unsafe { self.decoder.finish_locals(&mut locals) }
    }

    unsafe fn frame(
        &mut self,
        task: &TaskItem<'_>,
        item: &FrameItem<'a>,
        frame: *mut Frame,
        point: &'static PointDesc,
        found: &FrameMatch,
        locals: &mut LocalTable<'a>,
    ) -> Done {
        let mut reader = Reader::new(item.slots.0);
        // SAFETY: slots lie where the frame map says, in a frame that the ramp has zeroed.
        unsafe {
            if item.state == FRAME_ENDED {
                if u32::from(item.status) != STATUS_RETURNED {
                    return corrupt(format!("task {} ended without a result", task.id));
                }
                (*frame).state = ABI_ENDED;
                let mut value = take_slot(&mut reader)?;
                let result = (*(*frame).meta).result;
                self.decoder.value(&mut value, result_at(frame), result, locals)?;
                value.end()?;
                return reader.end();
            }
            if item.state == FRAME_COMPLETED {
                check_outcome(point, item.outcome)?;
                (*frame).state = ABI_COMPLETED;
                (*frame).outcome = item.outcome;
            }
            let slots = slots_of(point);
            for target in &found.slots {
                let mut value = take_slot(&mut reader)?;
                let Some(target) = target else { continue };
                let Some(slot) = slots.get(*target as usize) else {
                    return corrupt("a variable has no place");
                };
                self.decoder.value(&mut value, slot_at(frame, slot.offset), slot.ty, locals)?;
                value.end()?;
            }
        }
        reader.end()
    }

    /// Reads channels and shared objects until nothing refers to anything new.
    unsafe fn finish_values(&mut self) -> Done {
        let image = self.image;
        // SAFETY: everything that is referred to has been made.
        unsafe {
            self.decoder.finish_shared()?;
            while let Some(id) = self.decoder.chan_queue.pop() {
                let item = &image.channels[&id];
                self.channel(item)?;
                self.decoder.finish_shared()?;
            }
            if self.decoder.new_ids {
                return Ok(());
            }
            // They were made as they were met; the world lists them by age.
            let mut chans: Vec<_> =
                self.decoder.chans.iter().map(|(id, chan)| (*id, *chan)).collect();
            chans.sort_unstable();
            for (_, chan) in chans {
                World::unlink_chan(self.world, chan);
                World::link_chan(self.world, chan);
            }
        }
        Ok(())
    }

    unsafe fn channel(&mut self, item: &'a ChannelItem<'a>) -> Done {
        let chan = self.decoder.chans[&item.id];
        let mut locals = LocalTable::new(&item.locals);
        let mut reader = Reader::new(item.values.0);
        let site = self.site(item.site);
        // SAFETY: the channel was made with room for its capacity, which its length does not exceed.
        unsafe {
            (*chan).site = site;
            (*chan).closed = u32::from(item.closed);
            let elem = (*chan).elem;
            for index in 0..item.count as usize {
                let at = place(chan, index);
                if !at.is_null() {
                    at.write_bytes(0, (*chan).elem_bytes as usize);
                }
                // A value of no bytes needs no place, but an aligned address.
                let at = if at.is_null() { std::ptr::dangling_mut::<u64>().cast() } else { at };
                self.decoder.value(&mut reader, at, elem, &mut locals)?;
                (*chan).len = index + 1;
                if (*elem).size == 0 {
                    (*chan).len = item.count as usize;
                    break;
                }
            }
            reader.end()?;
            self.decoder.finish_locals(&mut locals)
        }
    }

    /// Handles that were found against handles that tasks say they have.
    unsafe fn check_handles(&self) -> Done {
        for item in self.image.tasks.values() {
            let found = self.decoder.handles.contains(&item.id);
            if item.generator.is_some() {
                if found == (item.flags & TASK_ORPHAN != 0) {
                    return corrupt(format!(
                        "generator {} is held by nobody, or orphaned",
                        item.id
                    ));
                }
                continue;
            }
            if found != (item.flags & TASK_HANDLE != 0) || (item.state == TASK_ENDED && !found) {
                return corrupt(format!("task {} is held by nobody, or by too many", item.id));
            }
            if found {
                // SAFETY: the task is alive.
                unsafe { (*self.decoder.tasks[&item.id]).flags |= TASK_HANDLE };
            }
        }
        Ok(())
    }

    /// Frees scopes that nothing refers to (what a changed program has dropped).
    unsafe fn finish_scopes(&mut self) {
        for item in self.image.scopes.values() {
            let scope = self.decoder.scopes[&item.id];
            // SAFETY: nothing counts it, so nothing refers to it.
            unsafe {
                if (*scope).rc == 0 {
                    free_scope(self.ctx, scope);
                }
            }
        }
    }

    unsafe fn line_up(&mut self) {
        let globals = &self.image.globals;
        // SAFETY: the image has checked that each stands in one line only.
        unsafe {
            for id in &globals.ready {
                let task = self.decoder.tasks[id];
                (*(*self.world).worker).head.ready.push(task);
            }
            for id in &globals.idlers {
                let task = self.decoder.tasks[id];
                (*task).flags |= TASK_IDLING;
                (*self.world).idlers.push(task);
            }
        }
    }

    unsafe fn globals(&mut self) {
        let globals = &self.image.globals;
        // SAFETY: nothing else uses the world meanwhile.
        unsafe {
            let world = self.world;
            (*world).main =
                self.decoder.tasks.get(&globals.main_task).copied().unwrap_or(null_mut());
            let [task, chan, scope, _, _, timer] = globals.next_ids;
            (*world).next_task_id = task;
            (*world).next_chan_id = chan;
            (*world).next_scope_id = scope;
            (*world).timers.next_sequence = timer;
            (*world).rng.state = globals.random[0];
            (*world).program_rng.state = globals.random[1];
            (*world).seed = globals.seed;
            (*world).hash_seed = globals.hash_seed;
            (*world).args = globals.args.iter().map(|&text| text.to_owned()).collect();
            (*(*world).worker).countdown = globals.countdown;
            // Within one process what is open stays open.
            if !(*world).io.is_running() {
                (*world).io.restore_handles(&globals.handles, globals.next_handle);
            }
        }
    }
}

/// A slot's value: its length, and that many bytes.
fn take_slot<'a>(reader: &mut Reader<'a>) -> Done<Reader<'a>> {
    let length = usize::try_from(reader.varint()?).unwrap_or(usize::MAX);
    Ok(Reader::new(reader.take(length)?))
}

/// An outcome must be one that the code behind the point knows.
fn check_outcome(point: &PointDesc, outcome: u32) -> Done {
    if outcome == OUTCOME_UNWIND {
        return Ok(());
    }
    let arms = arms_of(point);
    if kind_of(point) == PointKind::Io && outcome != OUTCOME_DONE {
        return corrupt("an operation ended in a way that it cannot");
    }
    let good = match arms.get(outcome as usize >> 1) {
        _ if arms.is_empty() => outcome == OUTCOME_DONE,
        None => false,
        Some(arm) => {
            let may_close = matches!(arm.kind, ARM_SEND | ARM_RECV)
                || matches!(kind_of(point), PointKind::TryJoin | PointKind::GenNext);
            outcome & 1 == 0 || may_close
        }
    };
    if good { Ok(()) } else { corrupt("an operation ended in a way that it cannot") }
}
