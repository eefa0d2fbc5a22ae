//! Readable, deterministic text of programs and bodies (`--emit mir`, failure messages of the verifier, snapshots, the stable hash).
//!
//! Input: a [`Program`] in any stage. Output: text that depends on nothing but the body, the types it names and the names of the functions it
//! refers to. Positions appear only in the head of each function (left out by [`Options::positions`] `= false`, for the hash).

use std::fmt::Write as _;

use crate::body::{
    BinOp, Block, Body, BodyId, BodyKind, Callee, Const, Failure, Local, Operand, Place, Program,
    Proj, Rvalue, StatementKind, TerminatorKind, UnOp,
};
use crate::suspend::{SelectArmKind, SuspendOp};
use crate::ty::{Ty, TyKind};

/// What the text shows.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Where each function is declared.
    pub positions: bool,
}

/// The whole program.
#[must_use]
pub fn program(program: &Program) -> String {
    let mut out = String::new();
    for (_, def) in program.types.adts() {
        let boxed = if def.boxed { " boxed" } else { "" };
        let _ = writeln!(out, "type {}{boxed} =", def.name);
        for variant in &def.variants {
            let fields: Vec<_> = variant
                .fields
                .iter()
                .map(|f| format!("{}: {}", f.name, program.types.display(f.ty)))
                .collect();
            let _ = writeln!(out, "    | {}({})", variant.name, fields.join(", "));
        }
        out.push('\n');
    }
    for index in 0..program.bodies.len() {
        out.push_str(&body(program, BodyId(index as u32), Options { positions: true }));
        out.push('\n');
    }
    out
}

/// One function.
#[must_use]
pub fn body(program: &Program, id: BodyId, options: Options) -> String {
    body_data(program, program.body(id), options)
}

/// A function that is not (or not as it stands) in the program.
#[must_use]
pub fn body_data(program: &Program, body: &Body, options: Options) -> String {
    let mut point_of_block = vec![None; body.blocks.len()];
    // Point 0 is the start of the entry block, not its terminator.
    for (index, point) in body.points.iter().enumerate().skip(1) {
        if let Some(slot) = point_of_block.get_mut(point.block.index()) {
            *slot = Some(index);
        }
    }
    let mut p = Printer { program, body, point_of_block, out: String::new() };
    p.head(options);
    if !matches!(body.kind, BodyKind::Extern { .. }) {
        p.out.push_str(" {\n");
        p.locals();
        p.points();
        for index in 0..body.blocks.len() {
            p.block(Block(index as u32));
        }
        p.out.push('}');
    }
    p.out.push('\n');
    p.out
}

struct Printer<'a> {
    program: &'a Program,
    body: &'a Body,
    point_of_block: Vec<Option<usize>>,
    out: String,
}

impl Printer<'_> {
    fn ty(&self, ty: Ty) -> String {
        self.program.types.display(ty)
    }

    fn function(&self, id: BodyId) -> &str {
        self.program.bodies.get(id.index()).map_or("?", |body| &body.name)
    }

    fn head(&mut self, options: Options) {
        let body = self.body;
        if options.positions {
            let file = self.program.files.get(body.loc.file as usize).map_or("?", String::as_str);
            let _ = writeln!(self.out, "// {file}:{}:{}", body.loc.line, body.loc.column);
        }
        let kind = match &body.kind {
            BodyKind::Function => "fn".to_owned(),
            BodyKind::Closure { captures } => {
                let captures: Vec<_> =
                    captures.iter().map(|(name, ty)| format!("{name}: {}", self.ty(*ty))).collect();
                format!("closure[{}]", captures.join(", "))
            }
            BodyKind::Task => "task".to_owned(),
            BodyKind::Generator(_) => "generator".to_owned(),
            BodyKind::Extern { symbol } => format!("extern({symbol:?})"),
        };
        let params: Vec<_> = body
            .params()
            .map(|local| {
                let inout = if body.inout.contains(&local) { "mut " } else { "" };
                match body.locals.get(local.index()) {
                    Some(decl) => format!("{inout}{local}: {}", self.ty(decl.ty)),
                    None => format!("{inout}{local}: ?"),
                }
            })
            .collect();
        let result = body.locals.first().map_or("?".to_owned(), |decl| self.ty(decl.ty));
        let mut flags = String::new();
        for (flag, name) in [
            (body.address_taken, " address_taken"),
            (body.may_suspend, " suspends"),
            (body.may_unwind, " unwinds"),
        ] {
            if flag {
                flags.push_str(name);
            }
        }
        let _ = write!(self.out, "{kind} {}({}) -> {result}{flags}", body.name, params.join(", "));
    }

    fn locals(&mut self) {
        for (index, decl) in self.body.locals.iter().enumerate() {
            let ty = self.ty(decl.ty);
            let name = decl.name.as_ref().map_or(String::new(), |name| format!(" // {name}"));
            let _ = writeln!(self.out, "    let _{index}: {ty}{name}");
        }
    }

    fn points(&mut self) {
        for (index, point) in self.body.points.iter().enumerate() {
            let list = |items: &[Local]| {
                items.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
            };
            let arms = |items: &[(Local, u32)]| {
                items
                    .iter()
                    .map(|(local, arm)| format!("{local}/{arm}"))
                    .collect::<Vec<_>>()
                    .join(" ")
            };
            let _ = write!(self.out, "    @{index} {}: live [{}]", point.block, list(&point.live));
            if !point.consumed.is_empty() {
                let _ = write!(self.out, " consumed [{}]", arms(&point.consumed));
            }
            if !point.dests.is_empty() {
                let _ = write!(self.out, " dests [{}]", arms(&point.dests));
            }
            self.out.push('\n');
        }
    }

    fn block(&mut self, block: Block) {
        let data = self.body.block(block);
        let _ = writeln!(self.out, "  {block}:");
        for statement in &data.statements {
            let text = self.statement(&statement.kind);
            let _ = writeln!(self.out, "    {text}");
        }
        let text = self.terminator(&data.terminator.kind);
        let point = self.point_of_block[block.index()];
        let point = point.map_or(String::new(), |index| format!("  // @{index}"));
        let _ = writeln!(self.out, "    {text}{point}");
    }

    fn place(&self, place: &Place) -> String {
        let mut out = place.local.to_string();
        for step in &place.projection {
            let _ = match step {
                Proj::Field(field) => write!(out, ".{field}"),
                Proj::Variant(variant, field) => write!(out, ".({variant}.{field})"),
                Proj::Index(index) => write!(out, "[{index}]"),
                Proj::Capture(capture) => write!(out, ".capture{capture}"),
            };
        }
        out
    }

    fn constant(&self, constant: &Const) -> String {
        match constant {
            Const::Unit => "()".into(),
            Const::Bool(value) => value.to_string(),
            Const::Char(value) => format!("{value:?}"),
            Const::Int(value, ty) => format!("{value}{}", ty.name()),
            Const::F32(value) => format!("{value:?}f32"),
            Const::F64(value) => format!("{value:?}f64"),
            Const::Duration(value) => format!("duration {value}"),
            Const::Instant(value) => format!("instant {value}"),
            Const::Str(value) => format!("{value:?}"),
            Const::EmptyList(ty) => format!("empty {}", self.ty(*ty)),
            Const::Function(id, _) => format!("function {}", self.function(*id)),
            Const::Dummy(ty) => format!("dummy {}", self.ty(*ty)),
        }
    }

    fn operand(&self, operand: &Operand) -> String {
        match operand {
            Operand::Copy(place) => format!("copy {}", self.place(place)),
            Operand::Move(local) => format!("move {local}"),
            Operand::Borrow(place) => format!("borrow {}", self.place(place)),
            Operand::Const(constant) => self.constant(constant),
        }
    }

    fn operands(&self, operands: &[Operand]) -> String {
        operands.iter().map(|operand| self.operand(operand)).collect::<Vec<_>>().join(", ")
    }

    fn rvalue(&self, rvalue: &Rvalue) -> String {
        match rvalue {
            Rvalue::Use(operand) => self.operand(operand),
            Rvalue::Binary(op, a, b) => {
                format!("{}({}, {})", binary(*op), self.operand(a), self.operand(b))
            }
            Rvalue::Checked(op, a, b) => {
                format!("checked_{}({}, {})", binary(*op), self.operand(a), self.operand(b))
            }
            Rvalue::Unary(op, a) => format!("{}({})", unary(*op), self.operand(a)),
            Rvalue::Cast(a, ty) => format!("cast {} ({})", self.ty(*ty), self.operand(a)),
            Rvalue::Tuple(items) => format!("tuple({})", self.operands(items)),
            Rvalue::Variant(ty, variant, items) => {
                let name = match self.program.types.kind(*ty) {
                    TyKind::Adt(id) => self
                        .program
                        .types
                        .adt(*id)
                        .variants
                        .get(*variant as usize)
                        .map_or("?", |variant| &variant.name),
                    _ => "?",
                };
                format!("new {}.{name}({})", self.ty(*ty), self.operands(items))
            }
            Rvalue::List(ty, items) => {
                format!("new {}[{}]", self.ty(*ty), self.operands(items))
            }
            Rvalue::Closure(id, _, items) => {
                format!("closure {}[{}]", self.function(*id), self.operands(items))
            }
            Rvalue::Generator(id, _, items) => {
                format!("generator {}[{}]", self.function(*id), self.operands(items))
            }
            Rvalue::Tag(place) => format!("tag {}", self.place(place)),
            Rvalue::Len(place) => format!("len {}", self.place(place)),
            Rvalue::Take(place) => format!("take {}", self.place(place)),
            Rvalue::Intrinsic(intrinsic, items) => {
                format!("{}({})", intrinsic.info().name, self.operands(items))
            }
        }
    }

    fn statement(&self, kind: &StatementKind) -> String {
        match kind {
            StatementKind::Assign(place, rvalue) => {
                format!("{} = {}", self.place(place), self.rvalue(rvalue))
            }
            StatementKind::Drop(place) => format!("drop {}", self.place(place)),
            StatementKind::MakeUnique(place) => format!("make_unique {}", self.place(place)),
            StatementKind::SetLen(place, len) => {
                format!("set_len {} = {}", self.place(place), self.operand(len))
            }
            StatementKind::Nop => "nop".into(),
        }
    }

    fn failure(&self, failure: &Failure) -> String {
        match failure {
            Failure::Overflow(Some(op)) => format!("overflow {}", binary(*op)),
            Failure::Overflow(None) => "overflow neg".into(),
            Failure::DivideByZero => "divide_by_zero".into(),
            Failure::RemainderByZero => "remainder_by_zero".into(),
            Failure::Shift(count, width) => format!("shift {} of {width}", self.operand(count)),
            Failure::Index(index, len) => {
                format!("index {} of {}", self.operand(index), self.operand(len))
            }
            Failure::Cast(value) => format!("cast {}", self.operand(value)),
            Failure::Length(len) => format!("length {}", self.operand(len)),
            Failure::RecvClosed => "recv_closed".into(),
            Failure::SendClosed => "send_closed".into(),
            Failure::Assert => "assert".into(),
        }
    }

    fn terminator(&self, kind: &TerminatorKind) -> String {
        match kind {
            TerminatorKind::Goto(target) => format!("goto {target}"),
            TerminatorKind::Switch { value, cases, otherwise } => {
                let cases: Vec<_> =
                    cases.iter().map(|(value, target)| format!("{value} -> {target}")).collect();
                let comma = if cases.is_empty() { "" } else { ", " };
                let value = self.operand(value);
                format!("switch {value} {{ {}{comma}else -> {otherwise} }}", cases.join(", "))
            }
            TerminatorKind::Return => "return".into(),
            TerminatorKind::UnwindResume => "unwind_resume".into(),
            TerminatorKind::Assert { cond, expected, failure, target, unwind } => {
                let not = if *expected { "" } else { "!" };
                format!(
                    "assert {not}{} else {} -> {target} unwind {unwind}",
                    self.operand(cond),
                    self.failure(failure)
                )
            }
            TerminatorKind::Panic { message, unwind } => {
                format!("panic {} unwind {unwind}", self.operand(message))
            }
            TerminatorKind::Call { callee, args, dest, inout, target, unwind } => {
                let callee = match callee {
                    Callee::Body(id) => self.function(*id).to_owned(),
                    Callee::Value(local) => format!("(borrow {local})"),
                    Callee::Intrinsic(intrinsic) => intrinsic.info().name.to_owned(),
                };
                let inout: String = inout.iter().map(|local| format!(", mut {local}")).collect();
                let args = self.operands(args);
                format!("{dest}{inout} = call {callee}({args}) -> {target} unwind {unwind}")
            }
            TerminatorKind::Spawn { body, args, scope, name, dest, target, unwind } => {
                let dest = dest.map_or("_".into(), |dest| dest.to_string());
                let name = name
                    .as_ref()
                    .map_or(String::new(), |name| format!(" named {}", self.operand(name)));
                let args = self.operands(args);
                let body = self.function(*body);
                format!(
                    "{dest} = spawn {body}({args}) in borrow {scope}{name} -> {target} unwind {unwind}"
                )
            }
            TerminatorKind::Suspend { op, unwind } => {
                format!("{} unwind {unwind}", suspend(op))
            }
            TerminatorKind::Unreachable => "unreachable".into(),
        }
    }
}

fn suspend(op: &SuspendOp) -> String {
    match op {
        SuspendOp::Poll { target } => format!("poll -> {target}"),
        SuspendOp::Yield { target } => format!("yield -> {target}"),
        SuspendOp::Idle { target } => format!("idle -> {target}"),
        SuspendOp::Pause { target } => format!("pause -> {target}"),
        SuspendOp::Checkpoint { target } => format!("checkpoint -> {target}"),
        SuspendOp::Sleep { duration, target } => format!("sleep borrow {duration} -> {target}"),
        SuspendOp::Io { request, dest, target } => {
            format!("{dest} = io borrow {request} -> {target}")
        }
        SuspendOp::Send { chan, value, text, done, closed } => {
            format!("send borrow {chan} <- {value} {text:?} -> {done}, closed -> {closed}")
        }
        SuspendOp::Recv { chan, dest, text, done, closed } => {
            format!("{dest} = recv borrow {chan} {text:?} -> {done}, closed -> {closed}")
        }
        SuspendOp::Select { arms, after, default } => {
            let mut out = "select {".to_owned();
            for (index, arm) in arms.iter().enumerate() {
                let what = match arm.kind {
                    SelectArmKind::Recv(dest) => format!("{dest} = recv borrow {}", arm.chan),
                    SelectArmKind::Send(value) => format!("send borrow {} <- {value}", arm.chan),
                };
                let _ = write!(
                    out,
                    " {index}: {what} {:?} -> {}, closed -> {};",
                    arm.text, arm.done, arm.closed
                );
            }
            if let Some((duration, target)) = after {
                let _ = write!(out, " {}: after borrow {duration} -> {target};", arms.len());
            }
            if let Some(target) = default {
                let _ = write!(out, " default -> {target};");
            }
            out + " }"
        }
        SuspendOp::Join { task, dest, target } => format!("{dest} = join {task} -> {target}"),
        SuspendOp::TryJoin { task, dest, done, failed } => {
            format!("{dest} = try_join {task} -> {done}, failed -> {failed}")
        }
        SuspendOp::JoinTimeout { task, duration, dest, done, timeout } => format!(
            "{dest} = join_timeout {task}, borrow {duration} -> {done}, timeout -> {timeout}"
        ),
        SuspendOp::Cancel { task, target } => format!("cancel {task} -> {target}"),
        SuspendOp::ScopeExit { scope, target } => format!("scope_exit borrow {scope} -> {target}"),
        SuspendOp::ScopeCancel { scope, target } => {
            format!("scope_cancel borrow {scope} -> {target}")
        }
        SuspendOp::GenNext { generator, dest, done, ended } => {
            format!("{dest} = gen_next borrow {generator} -> {done}, ended -> {ended}")
        }
        SuspendOp::GenStop { value, target } => format!("gen_stop borrow {value} -> {target}"),
        SuspendOp::GenYield { dest, target } => format!("{dest} = gen_yield -> {target}"),
    }
}

fn binary(op: BinOp) -> &'static str {
    match op {
        BinOp::Add => "add",
        BinOp::Sub => "sub",
        BinOp::Mul => "mul",
        BinOp::Div => "div",
        BinOp::Rem => "rem",
        BinOp::And => "and",
        BinOp::Or => "or",
        BinOp::Xor => "xor",
        BinOp::Shl => "shl",
        BinOp::Shr => "shr",
        BinOp::Eq => "eq",
        BinOp::Ne => "ne",
        BinOp::Lt => "lt",
        BinOp::Le => "le",
        BinOp::Gt => "gt",
        BinOp::Ge => "ge",
    }
}

fn unary(op: UnOp) -> &'static str {
    match op {
        UnOp::Neg => "neg",
        UnOp::Not => "not",
    }
}
