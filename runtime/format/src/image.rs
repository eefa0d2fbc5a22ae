//! A state file as a whole: bytes to a checked [`Image`], and an image's parts to bytes.
//!
//! Input of [`Image::read`]: the bytes of a file. Output: the schema and the world of the last whole checkpoint, base and
//! deltas merged. Checked here: framing, checksums, every index, id and reference between items. Not checked here: values,
//! which are checked by whoever decodes them against types.

use crate::error::FormatError;
use crate::frame::{self, Commit, FrameWriter, RecordKind};
use crate::schema::{POINT_CALL, POINT_GEN_YIELD, POINT_IDLE, POINT_START, Schema};
use crate::world::{
    CAUSE_SCOPE_FAILED, ChannelItem, FRAME_COMPLETED, FRAME_ENDED, FRAME_WAITING, Globals, Item,
    Key, Object, PanicItem, Progress, ScopeItem, SharedItem, SiteItem, TASK_ENDED, TASK_READY,
    TASK_WAITING, TaskItem, TraceItem,
};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of encoded items after which a new record begins. Records bound what a checksum failure can say about its
/// place, and what must be contiguous when checkpoints are written behind the running program.
const ITEMS_RECORD_BYTES: usize = 1 << 20;

/// One whole checkpoint.
pub struct Image<'a> {
    /// The program that wrote it.
    pub schema: Schema<'a>,
    /// Number of the checkpoint.
    pub number: u64,
    /// Nothing may be appended.
    pub sealed: bool,
    /// Length of the file without a torn append.
    pub whole_bytes: usize,
    /// The world as a whole.
    pub globals: Globals<'a>,
    /// Places in the source, by id, as everything below.
    pub sites: BTreeMap<u64, SiteItem<'a>>,
    /// Tasks.
    pub tasks: BTreeMap<u64, TaskItem<'a>>,
    /// Channels.
    pub channels: BTreeMap<u64, ChannelItem<'a>>,
    /// Scopes.
    pub scopes: BTreeMap<u64, ScopeItem<'a>>,
    /// Shared heap objects.
    pub objects: BTreeMap<u64, SharedItem<'a>>,
}

impl<'a> Image<'a> {
    /// Reads a file.
    ///
    /// # Errors
    /// When it is no whole and consistent state.
    pub fn read(bytes: &'a [u8]) -> Result<Self, FormatError> {
        let found = frame::read(bytes)?;
        let mut schema: Option<Schema<'a>> = None;
        let mut items: Vec<(u64, Item<'a>)> = Vec::new();
        for record in &found.records {
            match record.kind {
                RecordKind::Schema => {
                    if record.index != 0 || schema.is_some() {
                        return Err(FormatError::corrupt("it has a second schema"));
                    }
                    schema = Some(frame::decode(record.payload, "the schema")?);
                }
                RecordKind::Items => {
                    let run: Vec<Item<'a>> = frame::decode(record.payload, "a record of items")?;
                    items.extend(run.into_iter().map(|item| (record.checkpoint, item)));
                }
                RecordKind::Commit => {}
            }
        }
        let Some(schema) = schema else {
            return Err(FormatError::corrupt("it has no schema"));
        };
        schema.check()?;
        let mut image = Self {
            schema,
            number: found.number,
            sealed: found.commit.sealed,
            whole_bytes: bytes.len() - found.torn_bytes,
            globals: found.commit.globals,
            sites: BTreeMap::new(),
            tasks: BTreeMap::new(),
            channels: BTreeMap::new(),
            scopes: BTreeMap::new(),
            objects: BTreeMap::new(),
        };
        image.merge(items)?;
        image.check()?;
        Ok(image)
    }

    fn merge(&mut self, items: Vec<(u64, Item<'a>)>) -> Result<(), FormatError> {
        let mut written: BTreeMap<Key, u64> = BTreeMap::new();
        for (checkpoint, item) in items {
            let key = item.key();
            if written.insert(key, checkpoint) == Some(checkpoint) {
                return Err(FormatError::corrupt(format!("{key:?} is there twice")));
            }
            match item {
                Item::Site(item) => _ = self.sites.insert(item.id, item),
                Item::Task(item) => _ = self.tasks.insert(item.id, item),
                Item::Channel(item) => _ = self.channels.insert(item.id, item),
                Item::Scope(item) => _ = self.scopes.insert(item.id, item),
                Item::Object(item) => _ = self.objects.insert(item.id, item),
                Item::Gone(key) => match key {
                    Key::Site(id) => _ = self.sites.remove(&id),
                    Key::Task(id) => _ = self.tasks.remove(&id),
                    Key::Channel(id) => _ = self.channels.remove(&id),
                    Key::Scope(id) => _ = self.scopes.remove(&id),
                    Key::Object(id) => _ = self.objects.remove(&id),
                },
            }
        }
        Ok(())
    }

    /// Whether a task stands at `@idle()`.
    fn is_idle(&self, task: &TaskItem<'_>) -> bool {
        task.frames.last().is_some_and(|leaf| {
            let function = &self.schema.functions[leaf.function as usize];
            function.points[leaf.point as usize].kind == POINT_IDLE
        })
    }

    fn check(&self) -> Result<(), FormatError> {
        let wrong = |what: String| Err(FormatError::corrupt(what));
        let globals = &self.globals;
        fn ends<T>(map: &BTreeMap<u64, T>) -> (Option<u64>, Option<u64>) {
            (map.keys().next().copied(), map.keys().next_back().copied())
        }
        let bounds = [
            ends(&self.tasks),
            ends(&self.channels),
            ends(&self.scopes),
            ends(&self.objects),
            ends(&self.sites),
        ];
        for ((first, last), next) in bounds.into_iter().zip(globals.next_ids) {
            if first == Some(0) || last.is_some_and(|id| id >= next) {
                return wrong("an id was never given out".to_owned());
            }
        }
        let type_count = self.schema.types.len();
        let objects = |objects: &[Object<'_>]| objects.iter().all(|o| (o.ty as usize) < type_count);
        let site = |id: u64| id == 0 || self.sites.contains_key(&id);
        let panic = |panic: &Option<PanicItem<'_>>| {
            panic.as_ref().is_none_or(|panic| {
                panic.cause <= CAUSE_SCOPE_FAILED
                    && site(panic.site)
                    && panic.trace.iter().all(|line| match line {
                        TraceItem::Call(place) => site(*place),
                        TraceItem::Spawn { site: place, .. } => site(*place),
                        TraceItem::Repeated(_) => true,
                    })
            })
        };
        for task in self.tasks.values() {
            let id = task.id;
            if !(site(task.site) && panic(&task.panic) && panic(&task.join_error)) {
                return wrong(format!("task {id} refers to a place that is not there"));
            }
            let alone = id == globals.main_task || task.generator.is_some();
            if alone != (task.scope == 0) || !alone && !self.scopes.contains_key(&task.scope) {
                return wrong(format!("task {id} refers to a scope that is not there"));
            }
            if !objects(&task.locals) {
                return wrong(format!("task {id} has an object of no type"));
            }
            let ended = task.state == TASK_ENDED;
            if let Some(generator) = &task.generator
                && (id == globals.main_task
                    || generator.ty.is_some_and(|ty| ty as usize >= type_count)
                    || generator.ty.is_none() && !task.frames.is_empty()
                    || generator.driver != 0 && !self.tasks.contains_key(&generator.driver))
            {
                return wrong(format!("generator {id} is of no type, or driven by nobody"));
            }
            let stands_still = task.state == TASK_WAITING && task.generator.is_some();
            if !matches!(task.state, TASK_READY | TASK_WAITING | TASK_ENDED)
                || task.frames.is_empty() && !ended
            {
                return wrong(format!("task {id} is in an impossible state"));
            }
            for (depth, frame) in task.frames.iter().enumerate() {
                let function = self.schema.functions.get(frame.function as usize);
                let Some(point) = function.and_then(|f| f.points.get(frame.point as usize)) else {
                    return wrong(format!("task {id} has a frame of no function"));
                };
                let is_leaf = depth + 1 == task.frames.len();
                let state = match frame.state {
                    FRAME_WAITING if !is_leaf => point.kind == POINT_CALL,
                    FRAME_WAITING if task.state == TASK_READY => point.kind == POINT_START,
                    FRAME_WAITING if stands_still && point.kind == POINT_START => true,
                    FRAME_WAITING => point.kind > POINT_CALL && !ended,
                    FRAME_COMPLETED => {
                        let sent = stands_still && point.kind == POINT_GEN_YIELD;
                        is_leaf && point.kind > POINT_CALL && (task.state == TASK_READY || sent)
                    }
                    FRAME_ENDED => ended && task.frames.len() == 1,
                    _ => false,
                };
                if !state {
                    return wrong(format!("task {id} has a frame in an impossible state"));
                }
            }
        }
        for channel in self.channels.values() {
            if channel.elem as usize >= type_count
                || !objects(&channel.locals)
                || !site(channel.site)
            {
                return wrong(format!("channel {} has values of no type", channel.id));
            }
            if channel.count > channel.capacity {
                return wrong(format!("channel {} holds more than it can", channel.id));
            }
        }
        for scope in self.scopes.values() {
            if !site(scope.site) || !panic(&scope.panic) {
                return wrong(format!("scope {} refers to a place that is not there", scope.id));
            }
            if scope.owner != 0 && !self.tasks.contains_key(&scope.owner) {
                return wrong(format!("scope {} refers to a task that is not there", scope.id));
            }
        }
        for object in self.objects.values() {
            if object.object.ty as usize >= type_count || !objects(&object.locals) {
                return wrong(format!("object {} has no type", object.id));
            }
        }
        let mut lined_up = BTreeSet::new();
        for (ids, state) in [(&globals.ready, TASK_READY), (&globals.idlers, TASK_WAITING)] {
            for id in ids {
                let fits = self.tasks.get(id).is_some_and(|task| {
                    task.state == state && (state == TASK_READY || self.is_idle(task))
                });
                if !fits || !lined_up.insert(*id) {
                    return wrong(format!("task {id} stands in a line that is not its own"));
                }
            }
        }
        let ready = self.tasks.values().filter(|task| task.state == TASK_READY);
        if ready.count() != globals.ready.len() {
            return wrong("a task is ready and not in line".to_owned());
        }
        if let Progress::Generator(id) = globals.progress {
            let saved = self.tasks.get(&id).and_then(|task| task.generator);
            let alone = self.tasks.values().all(|task| task.generator.is_some());
            if saved.is_none() || !alone || !self.scopes.is_empty() || !globals.ready.is_empty() {
                return wrong("it is more than a generator".to_owned());
            }
        }
        if globals.progress == Progress::Running && !self.tasks.contains_key(&globals.main_task) {
            return wrong("its main task is not there".to_owned());
        }
        Ok(())
    }
}

/// The first item that differs between two images, as a developer reads it: for tests of the runtime.
#[must_use]
pub fn first_difference(a: &Image<'_>, b: &Image<'_>) -> String {
    fn find<T: PartialEq + std::fmt::Debug>(
        a: &BTreeMap<u64, T>,
        b: &BTreeMap<u64, T>,
    ) -> Option<String> {
        let ids: BTreeSet<&u64> = a.keys().chain(b.keys()).collect();
        let id = ids.into_iter().find(|id| a.get(id) != b.get(id))?;
        Some(format!("{:?}\nis now {:?}", a.get(id), b.get(id)))
    }
    find(&a.tasks, &b.tasks)
        .or_else(|| find(&a.channels, &b.channels))
        .or_else(|| find(&a.scopes, &b.scopes))
        .or_else(|| find(&a.objects, &b.objects))
        .or_else(|| find(&a.sites, &b.sites))
        .unwrap_or_else(|| format!("{:?}\nis now {:?}", a.globals, b.globals))
}

/// Writes one checkpoint.
pub struct ImageWriter {
    frames: FrameWriter,
    run: Vec<u8>,
    run_count: u64,
}

impl ImageWriter {
    /// A new file: the base of a state. The schema is given encoded ([`frame::encode`]), as it never changes.
    #[must_use]
    pub fn base(number: u64, schema: &[u8]) -> Self {
        let mut frames = FrameWriter::base(number);
        frames.record(RecordKind::Schema, schema);
        Self { frames, run: Vec::new(), run_count: 0 }
    }

    /// A checkpoint to append.
    #[must_use]
    pub fn delta(number: u64) -> Self {
        Self { frames: FrameWriter::delta(number), run: Vec::new(), run_count: 0 }
    }

    /// Adds an item.
    ///
    /// # Errors
    /// When it is larger than the format allows.
    pub fn item(&mut self, item: &Item<'_>) -> Result<(), String> {
        frame::encode_into(item, &mut self.run)?;
        self.run_count += 1;
        if self.run.len() >= ITEMS_RECORD_BYTES {
            self.end_run()?;
        }
        Ok(())
    }

    fn end_run(&mut self) -> Result<(), String> {
        if self.run_count > 0 {
            // A list is its length and its elements, so items that are encoded one by one need only the length in front.
            let mut payload = frame::encode(&self.run_count)?;
            payload.extend_from_slice(&self.run);
            self.frames.record(RecordKind::Items, &payload);
            self.run.clear();
            self.run_count = 0;
        }
        Ok(())
    }

    /// Closes the checkpoint; all its bytes.
    ///
    /// # Errors
    /// When a record is larger than the format allows.
    pub fn commit(mut self, commit: &Commit<'_>) -> Result<Vec<u8>, String> {
        self.end_run()?;
        self.frames.record(RecordKind::Commit, &frame::encode(commit)?);
        Ok(self.frames.finish())
    }
}
