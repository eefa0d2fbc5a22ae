//! The reference semantics: an interpreter of finished MIR, one thread, virtual time, deterministic.
//!
//! Input: a [`Program`] in its final form (its points are not used), arguments, standard input. Output: what it printed, how it ended, and every breach of
//! ownership that was seen: values used after they were freed, dropped twice, copied though linear, or alive at the end.
//!
//! It shares no code with codegen or the runtime. Tasks are stacks of explicit frames; a suspended task stands at a terminator and is resumed
//! by taking one of its edges. Order of scheduling: first in, first out; when nothing is ready the first idler, then the next timer.

mod channels;
mod eval;
mod generators;
mod intrinsics;
mod io;
mod sched;
mod scopes;
mod show;
mod value;

use std::collections::{BTreeMap, VecDeque};

use rustc_hash::FxHashMap;

use crate::body::{
    BinOp, Block, Body, BodyId, BodyKind, Callee, Failure, Local, Operand, Program, RETURN,
    TerminatorKind,
};
use crate::cfg;
use crate::passes::rc::owning_locals;

use sched::{Panic, Task, TaskState};
use value::{Fault, Heap, Object, Value};

/// What a run is given.
#[derive(Clone, Debug)]
pub struct Options {
    /// `@args()`.
    pub args: Vec<String>,
    /// Standard input.
    pub stdin: String,
    /// Seeds the choice among ready arms of a `select`.
    pub seed: u64,
    /// Statements and terminators after which the run is given up.
    pub step_limit: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { args: Vec::new(), stdin: String::new(), seed: 1, step_limit: 100_000_000 }
    }
}

/// How a run ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// Standard output.
    pub stdout: String,
    /// Standard error, reports included (their first lines only, without positions).
    pub stderr: String,
    /// Exit status: as the program's, 101 for a panic, 102 for a deadlock. None when the run was given up.
    pub status: Option<i32>,
    /// Counted objects that were alive at a normal end.
    pub leaked: usize,
    /// What was wrong with the MIR itself.
    pub faults: Vec<String>,
    /// Steps taken.
    pub steps: u64,
}

/// Runs a program from `main` to its end.
#[must_use]
pub fn run(program: &Program, options: &Options) -> Outcome {
    let mut machine = Machine::new(program, options);
    let result = machine.run();
    let mut outcome = Outcome {
        stdout: std::mem::take(&mut machine.stdout),
        stderr: std::mem::take(&mut machine.stderr),
        status: None,
        leaked: 0,
        faults: std::mem::take(&mut machine.faults),
        steps: machine.steps,
    };
    match result {
        Ok(status) => outcome.status = status,
        Err(fault) => {
            let position = machine.position();
            outcome.faults.push(format!("{position}: {fault}"));
        }
    }
    if machine.ended_normally {
        outcome.leaked = machine.heap.live;
    }
    outcome
}

/// A call of a function.
#[derive(Debug)]
struct Frame {
    body: BodyId,
    locals: Vec<Option<Value>>,
    block: Block,
    statement: usize,
}

struct Machine<'p> {
    program: &'p Program,
    /// By body and local: whether it owns.
    owning: Vec<Vec<bool>>,
    heap: Heap,
    literals: FxHashMap<String, Value>,
    functions: BTreeMap<BodyId, Value>,
    empty_list: Value,
    tasks: BTreeMap<u64, Task>,
    next_task: u64,
    current: u64,
    ready: VecDeque<u64>,
    idlers: VecDeque<(u64, u64)>,
    /// By deadline and order of sleeping: the task, its wait, the edge to take.
    timers: BTreeMap<(i64, u64), (sched::Waiter, usize)>,
    next_timer: u64,
    /// By how much time has jumped.
    skipped_ns: i64,
    random: u64,
    args: Vec<String>,
    stdin: std::vec::IntoIter<String>,
    files: io::Files,
    stdout: String,
    stderr: String,
    faults: Vec<String>,
    steps: u64,
    step_limit: u64,
    /// `@exit`, a panic or a deadlock ended the program with this status.
    exited: Option<i32>,
    /// Main has returned with this status.
    main_status: Option<i32>,
    ended_normally: bool,
}

/// 2026-01-01T00:00:00Z: where virtual time begins.
const EPOCH_NS: i64 = 1_767_225_600_000_000_000;
/// Time that a step takes: about what compiled code needs, so that programs that wait for the clock end.
const STEP_NS: i64 = 10;
/// Steps after which a task at a poll lets others run.
const SLICE_STEPS: u64 = 10_000;
/// Status of a panic that nobody took.
const PANIC_STATUS: i32 = 101;
/// Status of a deadlock.
const DEADLOCK_STATUS: i32 = 102;

/// What a step leads to.
enum Flow {
    /// The task goes on.
    Continue,
    /// It waits, let others run, or has ended.
    Stop,
}

impl<'p> Machine<'p> {
    fn new(program: &'p Program, options: &Options) -> Self {
        let mut heap = Heap::default();
        let empty_list = heap.new_immortal(Object::List(Vec::new()));
        let lines: Vec<String> = options.stdin.split_inclusive('\n').map(str::to_owned).collect();
        Self {
            program,
            owning: program.bodies.iter().map(|b| owning_locals(&program.types, b)).collect(),
            heap,
            literals: FxHashMap::default(),
            functions: BTreeMap::new(),
            empty_list,
            tasks: BTreeMap::new(),
            next_task: 1,
            current: 0,
            ready: VecDeque::new(),
            idlers: VecDeque::new(),
            timers: BTreeMap::new(),
            next_timer: 0,
            skipped_ns: 0,
            random: options.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            args: options.args.clone(),
            stdin: lines.into_iter(),
            files: io::Files::default(),
            stdout: String::new(),
            stderr: String::new(),
            faults: Vec::new(),
            steps: 0,
            step_limit: options.step_limit,
            exited: None,
            main_status: None,
            ended_normally: false,
        }
    }

    fn run(&mut self) -> Result<Option<i32>, Fault> {
        let main = self.new_frame(self.program.main, Vec::new())?;
        let id = self.add_task(main, None);
        self.ready.push_back(id);
        while let Some(task) = self.next_ready() {
            self.dispatch(task)?;
            if self.exited.is_some() || self.steps >= self.step_limit {
                break;
            }
        }
        Ok(self.exited)
    }

    /// Runs a task until it stops.
    fn dispatch(&mut self, id: u64) -> Result<(), Fault> {
        self.current = id;
        let Some(task) = self.tasks.get_mut(&id) else { return Ok(()) };
        task.state = TaskState::Running;
        if !task.started && task.cancel_asked {
            return self.cancel_unstarted(id);
        }
        task.started = true;
        task.slice_end = self.steps + SLICE_STEPS;
        if let Some(edge) = task.resume.take() {
            self.take_edge(edge)?;
        }
        while self.exited.is_none() && self.steps < self.step_limit {
            self.steps += 1;
            let flow = self.step()?;
            while let Some(task) = self.heap.dropped_tasks.pop() {
                self.detach(task)?;
            }
            if matches!(flow, Flow::Stop) {
                return Ok(());
            }
        }
        Ok(())
    }

    fn new_frame(&mut self, body: BodyId, args: Vec<Value>) -> Result<Frame, Fault> {
        let data = self.program.body(body);
        if let BodyKind::Extern { symbol } = &data.kind {
            return Err(format!("`{symbol}` is foreign and cannot be interpreted"));
        }
        let mut locals: Vec<Option<Value>> = vec![None; data.locals.len()];
        for (local, value) in data.params().zip(args) {
            locals[local.index()] = Some(value);
        }
        Ok(Frame { body, locals, block: crate::body::ENTRY, statement: 0 })
    }

    fn task(&mut self) -> &mut Task {
        let current = self.current;
        self.tasks.get_mut(&current).expect("the running task exists")
    }

    fn frame(&mut self) -> &mut Frame {
        self.task().frames.last_mut().expect("the running task has a frame")
    }

    fn body(&mut self) -> &'p Body {
        let body = self.frame().body;
        self.program.body(body)
    }

    /// Where the running task stands, for messages.
    fn position(&self) -> String {
        let frame = self.tasks.get(&self.current).and_then(|task| task.frames.last());
        frame.map_or_else(String::new, |frame| {
            let name = &self.program.body(frame.body).name;
            format!("in `{name}`, {}, statement {}", frame.block, frame.statement)
        })
    }

    fn step(&mut self) -> Result<Flow, Fault> {
        let body = self.body();
        let frame = self.frame();
        let block = body.block(frame.block);
        if let Some(statement) = block.statements.get(frame.statement) {
            self.statement(&statement.kind)?;
            self.frame().statement += 1;
            return Ok(Flow::Continue);
        }
        self.terminator(&block.terminator.kind)
    }

    /// Takes an edge of the terminator at which the running task stands. What the edge defines has been written; what it consumes is gone.
    fn take_edge(&mut self, index: usize) -> Result<(), Fault> {
        let body = self.body();
        let id = self.frame().body;
        let block = self.frame().block;
        let edges = cfg::edges(&body.block(block).terminator.kind);
        let edge = edges.get(index).ok_or("there is no such edge")?;
        for local in &edge.consumes {
            if self.owning[id.index()][local.index()] {
                self.frame().locals[local.index()] = None;
            }
        }
        self.jump(edge.target);
        Ok(())
    }

    fn take_unwind_edge(&mut self) -> Result<(), Fault> {
        let body = self.body();
        let block = self.frame().block;
        let edges = cfg::edges(&body.block(block).terminator.kind);
        let index = edges.iter().position(|edge| edge.unwind).ok_or("no edge to unwind on")?;
        self.take_edge(index)
    }

    fn jump(&mut self, block: Block) {
        let frame = self.frame();
        frame.block = block;
        frame.statement = 0;
    }

    /// The running task panics.
    fn fail(&mut self, message: String) -> Result<Flow, Fault> {
        self.task().pending = Some(Panic::new(message));
        self.take_unwind_edge()?;
        Ok(Flow::Continue)
    }

    fn terminator(&mut self, kind: &'p TerminatorKind) -> Result<Flow, Fault> {
        match kind {
            TerminatorKind::Goto(target) => self.jump(*target),
            TerminatorKind::Switch { value, cases, otherwise } => {
                let value = self.int(value)?;
                let case = cases.iter().find(|(case, _)| *case == value);
                self.jump(case.map_or(*otherwise, |(_, target)| *target));
            }
            TerminatorKind::Return => return self.leave(false),
            TerminatorKind::UnwindResume => return self.leave(true),
            TerminatorKind::Assert { cond, expected, failure, target, .. } => {
                if (self.int(cond)? != 0) == *expected {
                    self.jump(*target);
                } else {
                    let message = self.failure(failure)?;
                    return self.fail(message);
                }
            }
            TerminatorKind::Panic { message, .. } => {
                let message = self.operand(message)?;
                let text = self.heap.str(&message)?.to_owned();
                self.heap.release(message)?;
                return self.fail(text);
            }
            TerminatorKind::Call { callee, args, dest, target, .. } => {
                return self.call(callee, args, *dest, *target);
            }
            TerminatorKind::Spawn { body, args, scope, name, dest, target, .. } => {
                let args = self.operands(args)?;
                let name = match name {
                    Some(name) => Some(self.operand(name)?),
                    None => None,
                };
                return self.spawn(*body, args, *scope, name, *dest, *target);
            }
            TerminatorKind::Suspend { op, .. } => return self.suspend(op),
            TerminatorKind::Unreachable => return Err("unreachable code was reached".into()),
        }
        Ok(Flow::Continue)
    }

    fn failure(&mut self, failure: &Failure) -> Result<String, Fault> {
        Ok(match failure {
            Failure::Overflow(op) => match op {
                None => "integer overflow in negation".into(),
                Some(op) => {
                    let sign = match op {
                        BinOp::Add => "+",
                        BinOp::Sub => "-",
                        BinOp::Mul => "*",
                        BinOp::Div => "/",
                        BinOp::Rem => "%",
                        _ => "?",
                    };
                    format!("integer overflow in `{sign}`")
                }
            },
            Failure::DivideByZero => "division by zero".into(),
            Failure::RemainderByZero => "remainder by zero".into(),
            Failure::Shift(count, width) => {
                format!("shift by {} is out of range for {width} bits", self.int(count)?)
            }
            Failure::Index(index, len) => {
                let index = self.int(index)?;
                format!("index {index} is out of range for length {}", self.int(len)?)
            }
            Failure::Cast(_) => "value does not fit the type it is converted to".into(),
            Failure::Length(len) => format!("negative length {}", self.int(len)?),
            Failure::RecvClosed => "receive on a closed channel".into(),
            Failure::SendClosed => "send on a closed channel".into(),
            Failure::Assert => "assertion failed".into(),
        })
    }

    fn call(
        &mut self,
        callee: &Callee,
        args: &[Operand],
        dest: Local,
        target: Block,
    ) -> Result<Flow, Fault> {
        match callee {
            Callee::Intrinsic(intrinsic) => match self.intrinsic(*intrinsic, args)? {
                Ok(value) => {
                    self.frame().locals[dest.index()] = Some(value);
                    self.jump(target);
                    Ok(Flow::Continue)
                }
                Err(message) => self.fail(message),
            },
            Callee::Body(id) => {
                let args = self.operands(args)?;
                let frame = self.new_frame(*id, args)?;
                self.task().frames.push(frame);
                Ok(Flow::Continue)
            }
            Callee::Value(local) => {
                let mut args = self.operands(args)?;
                let value = self.frame().locals[local.index()].clone();
                let Some(Value::Ref(r)) = value else {
                    return Err(format!("{local} holds no function"));
                };
                let Object::Closure(id, _) = self.heap.get(r)? else {
                    return Err(format!("{local} holds no function"));
                };
                let id = *id;
                args.insert(0, Value::Ref(r));
                let frame = self.new_frame(id, args)?;
                self.task().frames.push(frame);
                Ok(Flow::Continue)
            }
        }
    }

    /// The innermost function ends: its values go to the caller, or the task ends.
    fn leave(&mut self, unwinding: bool) -> Result<Flow, Fault> {
        let mut frame = self.task().frames.pop().ok_or("no frame to leave")?;
        let body = self.program.body(frame.body);
        let result = (!unwinding).then(|| frame.locals[RETURN.index()].take()).flatten();
        let inout: Vec<Option<Value>> =
            body.inout.iter().map(|local| frame.locals[local.index()].take()).collect();
        for (index, value) in frame.locals.iter().enumerate() {
            if self.owning[frame.body.index()][index] && value.as_ref().is_some_and(Heap::owns) {
                self.faults.push(format!("`{}` leaves with a value in _{index}", body.name));
            }
        }
        if self.task().frames.is_empty() {
            self.end_task(result.unwrap_or(Value::Unit), unwinding)?;
            return Ok(Flow::Stop);
        }
        let caller = self.body();
        let block = self.frame().block;
        let TerminatorKind::Call { dest, inout: targets, target, unwind, .. } =
            &caller.block(block).terminator.kind
        else {
            return Err("return to what is no call".into());
        };
        for (local, value) in targets.iter().zip(inout) {
            self.frame().locals[local.index()] = value;
        }
        if unwinding {
            self.jump(*unwind);
        } else {
            self.frame().locals[dest.index()] = Some(result.unwrap_or(Value::Unit));
            self.jump(*target);
        }
        Ok(Flow::Continue)
    }
}
