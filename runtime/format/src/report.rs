//! What is in a state, for a person or a tool: tasks with stacks, variables and waits, channels, timers.
//!
//! Input: a checked image. Output: a [`Report`]: plain data that serialises as it stands (the documented JSON of `orionc state show
//! --json`, version [`REPORT_VERSION`]), and prints as text. Making it reads every value, so it is also the check of a whole file.

use crate::bytes::Reader;
use crate::error::FormatError;
use crate::image::Image;
use crate::schema::{
    ARM_AFTER, ARM_GEN, ARM_IO, ARM_JOIN, ARM_RECV, ARM_SCOPE, ARM_SEND, Kind, POINT_KINDS, Schema,
    Site,
};
use crate::value::{Printer, instant, take_slot};
use crate::world::{
    CAUSE_PANIC, ChannelItem, FRAME_COMPLETED, FRAME_ENDED, FrameItem, HANDLE_FILE, HANDLE_LOST,
    HandleItem, Progress, TASK_ENDED, TASK_READY, TaskItem, Waiter,
};
use serde::Serialize;
use std::fmt;

/// Version of the report's JSON; a field is only ever added within one version.
pub const REPORT_VERSION: u32 = 1;

/// Values of a channel that are shown.
const CHANNEL_VALUES_MAX: u64 = 20;

/// A state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// [`REPORT_VERSION`].
    pub version: u32,
    /// The program's name.
    pub program: String,
    /// Number of the checkpoint.
    pub checkpoint: u64,
    /// When it was taken.
    pub saved_at: String,
    /// Exit status, when the program has finished.
    pub finished: Option<i32>,
    /// When the next sleeper wakes, if nothing can run before.
    pub wake_at: Option<String>,
    /// Arguments of the program.
    pub args: Vec<String>,
    /// Tasks by id.
    pub tasks: Vec<TaskReport>,
    /// Channels by id.
    pub channels: Vec<ChannelReport>,
    /// Timers by deadline.
    pub timers: Vec<TimerReport>,
    /// Open files and sockets, in the order in which they were opened.
    pub open: Vec<OpenReport>,
}

/// A task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TaskReport {
    /// Id.
    pub id: u64,
    /// Name, if it has one.
    pub name: Option<String>,
    /// It is a generator.
    pub generator: bool,
    /// `ready`, `waiting` or `ended`.
    pub state: &'static str,
    /// Where it was spawned (`file:line:column`).
    pub spawned_at: Option<String>,
    /// What it waits for; it goes on with the first that comes.
    pub waits_for: Vec<String>,
    /// The panic or cancellation with which it unwinds, or ended.
    pub unwinding: Option<String>,
    /// Frames, innermost first.
    pub stack: Vec<FrameReport>,
}

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FrameReport {
    /// Function.
    pub function: String,
    /// `file:line:column` where it stands.
    pub place: String,
    /// What it does there (`receive`, `call`, …).
    pub at: &'static str,
    /// The channel expression or the callee's path.
    pub text: String,
    /// Local variables that are alive.
    pub variables: Vec<Variable>,
}

/// A variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Variable {
    /// Name.
    pub name: String,
    /// Type.
    pub ty: String,
    /// Value, as `Show` gives it; long ones are cut.
    pub value: String,
}

/// A channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChannelReport {
    /// Id.
    pub id: u64,
    /// Element type.
    pub elem: String,
    /// Where it was made.
    pub made_at: Option<String>,
    /// Capacity.
    pub capacity: u64,
    /// Values in it.
    pub length: u64,
    /// It is closed.
    pub closed: bool,
    /// The first of its values.
    pub values: Vec<String>,
    /// Tasks that wait to receive, first come first.
    pub receivers: Vec<u64>,
    /// Tasks that wait to send.
    pub senders: Vec<u64>,
}

/// A timer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TimerReport {
    /// The task that it wakes.
    pub task: u64,
    /// When.
    pub at: String,
}

/// An open file or socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OpenReport {
    /// The number that the program knows it by.
    pub handle: i64,
    /// `file`, `standard input`, `socket` (which a resumed program has lost), or `lost`.
    pub kind: &'static str,
    /// A file's path, or why it was lost.
    pub text: String,
    /// The position in bytes.
    pub offset: u64,
    /// The length of a file, as far as this state knows it.
    pub length: u64,
}

impl OpenReport {
    fn new(item: &HandleItem<'_>) -> Self {
        Self {
            handle: item.id,
            kind: match item.kind {
                HANDLE_FILE if item.id == 0 => "standard input",
                HANDLE_FILE => "file",
                HANDLE_LOST => "lost",
                _ => "socket",
            },
            text: item.text.to_owned(),
            offset: item.offset,
            length: item.length,
        }
    }
}

impl Report {
    /// Describes an image.
    ///
    /// # Errors
    /// When one of its values is no value of its type.
    pub fn new(image: &Image<'_>) -> Result<Self, FormatError> {
        let describe = Describe { image, printer: Printer::new(image) };
        let globals = &image.globals;
        let mut timers: Vec<(i64, u64, u64)> = Vec::new();
        for task in image.tasks.values() {
            timers.extend(task.timers.iter().map(|t| (t.deadline_ns, t.sequence, task.id)));
        }
        timers.sort_unstable();
        Ok(Self {
            version: REPORT_VERSION,
            program: image.schema.program.to_owned(),
            checkpoint: image.number,
            saved_at: instant(globals.now_ns),
            finished: match globals.progress {
                Progress::Running | Progress::Generator(_) => None,
                Progress::Finished(status) => Some(status),
            },
            wake_at: globals.wake_at_ns.map(instant),
            args: globals.args.iter().map(|&text| text.to_owned()).collect(),
            tasks: image.tasks.values().map(|t| describe.task(t)).collect::<Result<_, _>>()?,
            channels: image
                .channels
                .values()
                .map(|channel| describe.channel(channel))
                .collect::<Result<_, _>>()?,
            timers: timers
                .into_iter()
                .map(|(at, _, task)| TimerReport { task, at: instant(at) })
                .collect(),
            open: globals.handles.iter().map(OpenReport::new).collect(),
        })
    }
}

struct Describe<'i, 'a> {
    image: &'i Image<'a>,
    printer: Printer<'i, 'a>,
}

impl Describe<'_, '_> {
    fn schema(&self) -> &Schema<'_> {
        &self.image.schema
    }

    fn place(&self, site: &Site) -> String {
        format!("{}:{}:{}", self.schema().str(site.file), site.line, site.column)
    }

    fn site(&self, id: u64) -> Option<String> {
        let site = self.image.sites.get(&id)?;
        Some(format!("{}:{}:{}", site.file, site.line, site.column))
    }

    fn task(&self, task: &TaskItem<'_>) -> Result<TaskReport, FormatError> {
        let mut stack = Vec::with_capacity(task.frames.len());
        let mut waits_for = Vec::new();
        for (depth, frame) in task.frames.iter().enumerate().rev() {
            let is_leaf = depth + 1 == task.frames.len();
            let (report, waits) = self.frame(task, frame, is_leaf)?;
            stack.push(report);
            waits_for.extend(waits);
        }
        let unwinding = task.panic.as_ref().map(|panic| match panic.cause {
            CAUSE_PANIC => format!("panic: {}", panic.message),
            _ => "cancelled".to_owned(),
        });
        Ok(TaskReport {
            id: task.id,
            name: task.name.map(str::to_owned),
            generator: task.generator.is_some(),
            state: match task.state {
                TASK_READY => "ready",
                TASK_ENDED => "ended",
                _ => "waiting",
            },
            spawned_at: self.site(task.site),
            waits_for,
            unwinding,
            stack,
        })
    }

    fn frame(
        &self,
        task: &TaskItem<'_>,
        frame: &FrameItem<'_>,
        is_leaf: bool,
    ) -> Result<(FrameReport, Vec<String>), FormatError> {
        let schema = self.schema();
        let function = &schema.functions[frame.function as usize];
        let point = &function.points[frame.point as usize];
        let mut reader = Reader::new(frame.slots.0);
        let mut variables = Vec::new();
        let mut values: Vec<Option<String>> = vec![None; point.slots.len()];
        let ended = frame.state == FRAME_ENDED;
        let completed = (frame.state == FRAME_COMPLETED).then_some(frame.outcome);
        if ended {
            let mut value = take_slot(&mut reader)?;
            let ty = function.result;
            variables.push(self.variable("result", &mut value, ty, task)?);
        } else {
            for index in Schema::valid_slots(point, completed) {
                let slot = &point.slots[index];
                let mut value = take_slot(&mut reader)?;
                let variable = self.variable(schema.str(slot.name), &mut value, slot.ty, task)?;
                values[index] = Some(variable.value.clone());
                variables.push(variable);
            }
        }
        reader.end()?;
        let waiting = is_leaf && !ended && completed.is_none() && task.state != TASK_READY;
        let waits = if waiting { self.waits(task, point, &values) } else { Vec::new() };
        let report = FrameReport {
            function: schema.str(function.name).to_owned(),
            place: self.place(if ended { &function.site } else { &point.site }),
            at: if ended { "ended" } else { POINT_KINDS[point.kind as usize] },
            text: if ended { String::new() } else { schema.str(point.text).to_owned() },
            variables,
        };
        Ok((report, waits))
    }

    fn variable(
        &self,
        name: &str,
        value: &mut Reader<'_>,
        ty: u32,
        task: &TaskItem<'_>,
    ) -> Result<Variable, FormatError> {
        let schema = self.schema();
        let text = self.printer.value(value, ty, &task.locals)?;
        value.end()?;
        let ty = schema.str(schema.ty(ty).name).to_owned();
        Ok(Variable { name: name.to_owned(), ty, value: text })
    }

    fn waits(
        &self,
        task: &TaskItem<'_>,
        point: &crate::schema::Point,
        values: &[Option<String>],
    ) -> Vec<String> {
        let mut waits = Vec::new();
        for (index, arm) in point.arms.iter().enumerate() {
            let target = arm.target.and_then(|slot| values[slot as usize].as_deref());
            let text = self.schema().str(arm.text);
            let target = match target {
                // A guard was false: the arm takes no part.
                Some("none") => continue,
                None if arm.kind == ARM_GEN => continue,
                _ if arm.kind == ARM_IO => String::new(),
                Some(target) if text.is_empty() => target.to_owned(),
                Some(target) => format!("{target} (`{text}`)"),
                None => format!("`{text}`"),
            };
            waits.push(match arm.kind {
                ARM_SEND => format!("to send to {target}"),
                ARM_RECV => format!("to receive from {target}"),
                ARM_JOIN => format!("for the end of {target}"),
                ARM_SCOPE => format!("for the tasks of {target}"),
                ARM_IO => "for input or output".to_owned(),
                ARM_AFTER => {
                    let timer = task.timers.iter().find(|timer| timer.arm as usize == index);
                    match timer {
                        Some(timer) => format!("until {}", instant(timer.deadline_ns)),
                        None => continue,
                    }
                }
                _ => format!("for {target}"),
            });
        }
        if waits.is_empty() {
            waits.push(match POINT_KINDS[point.kind as usize] {
                "idle" => "until no other task is ready".to_owned(),
                "generator yield" | "start" => "to be driven".to_owned(),
                "generator stop" => "for a generator to stop".to_owned(),
                _ => "for ever".to_owned(),
            });
        }
        waits
    }

    fn channel(&self, channel: &ChannelItem<'_>) -> Result<ChannelReport, FormatError> {
        let schema = self.schema();
        let mut reader = Reader::new(channel.values.0);
        let mut values = Vec::new();
        let plain = schema.ty(channel.elem).kind() == Kind::Unit;
        for index in 0..channel.count {
            if plain && index >= CHANNEL_VALUES_MAX {
                break;
            }
            let text = self.printer.value(&mut reader, channel.elem, &channel.locals)?;
            if index < CHANNEL_VALUES_MAX {
                values.push(text);
            }
        }
        reader.end()?;
        let ids = |waiters: &[Waiter]| waiters.iter().map(|waiter| waiter.task).collect();
        Ok(ChannelReport {
            id: channel.id,
            elem: schema.str(schema.ty(channel.elem).name).to_owned(),
            made_at: self.site(channel.site),
            capacity: channel.capacity,
            length: channel.count,
            closed: channel.closed,
            values,
            receivers: ids(&channel.receivers),
            senders: ids(&channel.senders),
        })
    }
}

fn list(ids: &[u64]) -> String {
    let mut text: Vec<String> = ids.iter().take(10).map(ToString::to_string).collect();
    if ids.len() > 10 {
        text.push(format!("and {} more", ids.len() - 10));
    }
    text.join(", ")
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "program {}, checkpoint {} of {}",
            self.program, self.checkpoint, self.saved_at
        )?;
        if let Some(status) = self.finished {
            return writeln!(out, "finished with status {status}");
        }
        if !self.args.is_empty() {
            writeln!(out, "arguments: {}", self.args.join(" "))?;
        }
        if let Some(at) = &self.wake_at {
            writeln!(out, "wakes at {at}")?;
        }
        for task in &self.tasks {
            writeln!(out)?;
            write!(out, "{} {}", if task.generator { "generator" } else { "task" }, task.id)?;
            if let Some(name) = &task.name {
                write!(out, " {name:?}")?;
            }
            write!(out, ", {}", task.state)?;
            if !task.waits_for.is_empty() {
                write!(out, " {}", task.waits_for.join(", or "))?;
            }
            if let Some(place) = &task.spawned_at {
                write!(out, ", spawned at {place}")?;
            }
            writeln!(out)?;
            if let Some(why) = &task.unwinding {
                writeln!(out, "  unwinding: {why}")?;
            }
            for frame in &task.stack {
                write!(out, "  {} ({}): {}", frame.function, frame.place, frame.at)?;
                if frame.text.is_empty() {
                    writeln!(out)?;
                } else {
                    writeln!(out, " `{}`", frame.text)?;
                }
                let named = |variable: &&Variable| !crate::schema::is_temporary(&variable.name);
                for variable in frame.variables.iter().filter(named) {
                    writeln!(out, "    {}: {} = {}", variable.name, variable.ty, variable.value)?;
                }
            }
        }
        for channel in &self.channels {
            writeln!(out)?;
            write!(out, "channel {} of {}, ", channel.id, channel.elem)?;
            write!(out, "{} of {} values", channel.length, channel.capacity)?;
            if channel.closed {
                write!(out, ", closed")?;
            }
            if let Some(place) = &channel.made_at {
                write!(out, ", made at {place}")?;
            }
            writeln!(out)?;
            if !channel.values.is_empty() {
                let more = channel.length - channel.values.len() as u64;
                let more = if more > 0 { format!(", and {more} more") } else { String::new() };
                writeln!(out, "  holds {}{more}", channel.values.join(", "))?;
            }
            if !channel.receivers.is_empty() {
                writeln!(out, "  tasks waiting to receive: {}", list(&channel.receivers))?;
            }
            if !channel.senders.is_empty() {
                writeln!(out, "  tasks waiting to send: {}", list(&channel.senders))?;
            }
        }
        if !self.timers.is_empty() {
            writeln!(out)?;
            for timer in &self.timers {
                writeln!(out, "timer of task {} at {}", timer.task, timer.at)?;
            }
        }
        if !self.open.is_empty() {
            writeln!(out)?;
            for open in &self.open {
                match open.kind {
                    "file" => write!(out, "file {}", open.text)?,
                    "lost" => write!(out, "lost file or socket: {}", open.text)?,
                    kind => write!(out, "{kind}")?,
                }
                if open.kind == "file" || open.kind == "standard input" {
                    write!(out, ", at {} of {} bytes", open.offset, open.length)?;
                }
                writeln!(out)?;
            }
        }
        Ok(())
    }
}
