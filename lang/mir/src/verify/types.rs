//! Structure and types (invariants 2 to 7, and 13). Channels are compared by `Eq` and `Ne` as if they were scalars.

use crate::access;
use crate::body::{
    BinOp, Body, BodyId, BodyKind, Callee, Const, ENTRY, Failure, Local, Operand, Place, Proj,
    RETURN, Rvalue, StatementKind, TerminatorKind, UnOp,
};
use crate::cfg;
use crate::intrinsic::{Intrinsic, Pass};
use crate::suspend::{SelectArmKind, SuspendOp};
use crate::ty::{IntTy, Ty, TyKind};
use crate::typing::{
    holds_generator, intrinsic_result, is_linear, is_scalar, operand_kind, place_ty,
};

use super::Checker;

const I64: TyKind = TyKind::Int(IntTy::I64);
const U32: TyKind = TyKind::Int(IntTy::U32);

/// Invariant 2, without which nothing else can be looked at.
pub(super) fn shape(cx: &mut Checker<'_>) {
    let body = cx.body;
    if body.locals.len() <= body.param_count as usize {
        return cx.error(None, "has no locals for its result and parameters");
    }
    if !body.inout.is_sorted_by(|a, b| a < b)
        || body.inout.iter().any(|local| *local == RETURN || local.0 > body.param_count)
    {
        cx.error(None, "in-out parameters are not parameters in order");
    }
    if matches!(body.kind, BodyKind::Extern { .. }) {
        if !body.blocks.is_empty() {
            cx.error(None, "extern function with blocks");
        }
        return;
    }
    if body.blocks.is_empty() {
        return cx.error(None, "has no blocks");
    }
    if let BodyKind::Closure { .. } = body.kind
        && !(body.param_count > 0
            && matches!(cx.program.types.kind(body.ty(Local(1))), TyKind::Fn { .. }))
    {
        cx.error(None, "closure body whose first parameter is not the closure");
    }
    for (block, data) in cx.blocks() {
        let mut strange = None;
        let mut local = |local: Local| {
            if local.index() >= body.locals.len() {
                strange = Some(format!("there is no {local}"));
            }
        };
        for statement in &data.statements {
            access::statement(&statement.kind, &mut |l, _| local(l));
        }
        access::terminator(&data.terminator.kind, &mut |l, _| local(l));
        for edge in cfg::edges(&data.terminator.kind) {
            edge.consumes.iter().chain(&edge.defines).for_each(|l| local(*l));
            if edge.target.index() >= body.blocks.len() {
                cx.error(block, format!("there is no {}", edge.target));
            }
            if edge.target == ENTRY {
                cx.error(block, "jumps to the entry");
            }
        }
        if let Some(message) = strange {
            cx.error(block, message);
        }
    }
}

/// Invariants 3 to 7.
pub(super) fn check(cx: &mut Checker<'_>) {
    for (block, data) in cx.blocks() {
        for statement in &data.statements {
            if let Err(message) = check_statement(cx, &statement.kind) {
                cx.error(block, message);
            }
        }
        if let Err(message) = check_terminator(cx, &data.terminator.kind) {
            cx.error(block, message);
        }
    }
}

/// Invariant 13.
pub(super) fn no_linear_copies(cx: &mut Checker<'_>) {
    for (block, data) in cx.blocks() {
        let mut operands: Vec<&Operand> = access::terminator_operands(&data.terminator.kind);
        for statement in &data.statements {
            if let StatementKind::Assign(_, value) = &statement.kind {
                operands.extend(access::rvalue_operands(value));
            }
        }
        for operand in operands {
            if let Operand::Copy(place) = operand
                && let Ok(ty) = place_ty(&cx.program.types, cx.body, place)
                && is_linear(&cx.program.types, ty)
            {
                cx.error(block, format!("copies {} of a linear type", place.local));
            }
        }
    }
}

type Check = Result<(), String>;

fn ensure(condition: bool, message: impl FnOnce() -> String) -> Check {
    if condition { Ok(()) } else { Err(message()) }
}

impl Checker<'_> {
    fn kind(&self, ty: Ty) -> &TyKind {
        self.program.types.kind(ty)
    }

    fn local_kind(&self, local: Local) -> &TyKind {
        self.kind(self.body.ty(local))
    }

    /// Type of a place whose index locals are `i64`.
    fn place(&self, place: &Place) -> Result<Ty, String> {
        for step in &place.projection {
            if let Proj::Index(index) = step {
                ensure(*self.local_kind(*index) == I64, || format!("index {index} is no i64"))?;
            }
        }
        place_ty(&self.program.types, self.body, place)
    }

    fn operand(&self, operand: &Operand) -> Result<TyKind, String> {
        if let Operand::Copy(place) | Operand::Borrow(place) = operand {
            self.place(place)?;
        }
        if let Operand::Const(Const::Function(id, _)) = operand {
            self.closure_body(*id, &[])?;
        }
        operand_kind(self.program, self.body, operand)
    }

    fn owns(&self, kind: &TyKind) -> bool {
        self.program.types.find(kind).is_some_and(|ty| self.program.types.needs_drop(ty))
    }

    /// An operand that the step takes over.
    fn owned(&self, operand: &Operand) -> Result<TyKind, String> {
        let kind = self.operand(operand)?;
        let borrows = matches!(operand, Operand::Borrow(_));
        ensure(!(borrows && self.owns(&kind)), || {
            format!("{operand:?} is only borrowed where it is taken over")
        })?;
        Ok(kind)
    }

    /// An operand that the step looks at.
    fn borrowed(&self, operand: &Operand) -> Result<TyKind, String> {
        let kind = self.operand(operand)?;
        let takes = matches!(operand, Operand::Copy(_) | Operand::Move(_));
        ensure(!(takes && self.owns(&kind)), || {
            format!("{operand:?} is taken over where it is only looked at")
        })?;
        Ok(kind)
    }

    fn owned_as(&self, operand: &Operand, ty: Ty) -> Check {
        let kind = self.owned(operand)?;
        ensure(kind == *self.kind(ty), || {
            format!("{operand:?} is not of type {}", self.program.types.display(ty))
        })
    }

    fn borrowed_as(&self, operand: &Operand, expected: &TyKind) -> Check {
        let kind = self.borrowed(operand)?;
        ensure(kind == *expected, || format!("{operand:?} is {kind:?}, not {expected:?}"))
    }

    fn local_is(&self, local: Local, expected: &TyKind) -> Check {
        let kind = self.local_kind(local);
        ensure(kind == expected, || format!("{local} is {kind:?}, not {expected:?}"))
    }

    fn callee(&self, id: BodyId) -> Result<&Body, String> {
        self.program.bodies.get(id.index()).ok_or_else(|| format!("there is no {id}"))
    }

    /// A body that is made into a value over captures of these types.
    fn closure_body(&self, id: BodyId, captures: &[TyKind]) -> Check {
        let body = self.callee(id)?;
        let BodyKind::Closure { captures: declared } = &body.kind else {
            return Err(format!("`{}` is made into a value but is no closure", body.name));
        };
        ensure(body.address_taken, || format!("the address of `{}` is not taken", body.name))?;
        ensure(declared.len() == captures.len(), || {
            format!("`{}` has {} captures, not {}", body.name, declared.len(), captures.len())
        })?;
        for ((name, ty), kind) in declared.iter().zip(captures) {
            ensure(self.kind(*ty) == kind, || format!("capture `{name}` has another type"))?;
        }
        Ok(())
    }
}

fn check_statement(cx: &Checker<'_>, kind: &StatementKind) -> Check {
    match kind {
        StatementKind::Assign(place, value) => {
            let ty = cx.place(place)?;
            let kind = rvalue(cx, value)?;
            ensure(kind.is_none_or(|kind| kind == *cx.kind(ty)), || {
                format!("{value:?} is stored in {place:?} of type {}", cx.program.types.display(ty))
            })
        }
        StatementKind::Drop(place) => cx.place(place).map(|_| ()),
        StatementKind::MakeUnique(place) => {
            let ty = cx.place(place)?;
            let counted = match cx.kind(ty) {
                TyKind::List(_) => true,
                TyKind::Adt(id) => cx.program.types.adt(*id).boxed,
                _ => false,
            };
            ensure(counted, || format!("{place:?} is neither list nor boxed"))
        }
        StatementKind::SetLen(place, len) => {
            let ty = cx.place(place)?;
            ensure(matches!(cx.kind(ty), TyKind::List(_)), || format!("{place:?} is no list"))?;
            cx.borrowed_as(len, &I64)
        }
        StatementKind::Nop => Ok(()),
    }
}

/// Shape of an rvalue's type; none when it fits whatever it is stored in.
fn rvalue(cx: &Checker<'_>, value: &Rvalue) -> Result<Option<TyKind>, String> {
    let scalar = |operand: &Operand| {
        let kind = cx.operand(operand)?;
        ensure(is_scalar(&kind), || format!("{operand:?} is no scalar"))?;
        Ok::<_, String>(kind)
    };
    Ok(Some(match value {
        Rvalue::Use(operand) => cx.owned(operand)?,
        Rvalue::Binary(op, a, b) => {
            if let BinOp::Eq | BinOp::Ne = op
                && let (x, y @ TyKind::Chan(_)) = (cx.operand(a)?, cx.operand(b)?)
            {
                ensure(x == y, || format!("{op:?} of {x:?} and {y:?}"))?;
                cx.borrowed(a)?;
                cx.borrowed(b)?;
                return Ok(Some(TyKind::Bool));
            }
            let (a, b) = (scalar(a)?, scalar(b)?);
            let shift = matches!(op, BinOp::Shl | BinOp::Shr);
            let fits = if shift { matches!(b, TyKind::Int(_)) } else { a == b };
            ensure(fits, || format!("{op:?} of {a:?} and {b:?}"))?;
            match op {
                BinOp::Eq | BinOp::Ne | BinOp::Lt | BinOp::Le | BinOp::Gt | BinOp::Ge => {
                    TyKind::Bool
                }
                _ => a,
            }
        }
        Rvalue::Checked(op, a, b) => {
            let (a, b) = (scalar(a)?, scalar(b)?);
            let integer = matches!(a, TyKind::Int(_) | TyKind::Duration | TyKind::Instant);
            let arithmetic = matches!(op, BinOp::Add | BinOp::Sub | BinOp::Mul);
            ensure(a == b && integer && arithmetic, || format!("checked {op:?} of {a:?}, {b:?}"))?;
            let types = &cx.program.types;
            match (types.find(&a), types.find(&TyKind::Bool)) {
                (Some(a), Some(bool)) => TyKind::Tuple(vec![a, bool]),
                _ => return Err("the result of a checked operation has no type".into()),
            }
        }
        Rvalue::Unary(op, a) => {
            let kind = scalar(a)?;
            let fits = match op {
                UnOp::Neg => {
                    matches!(kind, TyKind::Int(_) | TyKind::F32 | TyKind::F64 | TyKind::Duration)
                }
                UnOp::Not => matches!(kind, TyKind::Int(_) | TyKind::Bool),
            };
            ensure(fits, || format!("{op:?} of {kind:?}"))?;
            kind
        }
        Rvalue::Cast(a, ty) => {
            scalar(a)?;
            ensure(is_scalar(cx.kind(*ty)), || "cast to a type that is no scalar".into())?;
            cx.kind(*ty).clone()
        }
        Rvalue::Tuple(items) => {
            let mut types = Vec::new();
            for item in items {
                let kind = cx.owned(item)?;
                match cx.program.types.find(&kind) {
                    Some(ty) => types.push(ty),
                    None => return Err(format!("{item:?} has no type")),
                }
            }
            TyKind::Tuple(types)
        }
        Rvalue::Variant(ty, variant, items) => {
            let TyKind::Adt(id) = cx.kind(*ty) else {
                return Err(format!("{} has no variants", cx.program.types.display(*ty)));
            };
            let def = cx.program.types.adt(*id);
            let Some(variant) = def.variants.get(*variant as usize) else {
                return Err(format!("{} has no variant {variant}", def.name));
            };
            ensure(variant.fields.len() == items.len(), || {
                format!("{}.{} has {} fields", def.name, variant.name, variant.fields.len())
            })?;
            for (field, item) in variant.fields.iter().zip(items) {
                cx.owned_as(item, field.ty)?;
            }
            TyKind::Adt(*id)
        }
        Rvalue::List(ty, items) => {
            let TyKind::List(element) = cx.kind(*ty) else {
                return Err(format!("{} is no list type", cx.program.types.display(*ty)));
            };
            items.iter().try_for_each(|item| cx.owned_as(item, *element))?;
            TyKind::List(*element)
        }
        Rvalue::Closure(id, ty, items) => {
            let kinds = items.iter().map(|item| cx.owned(item)).collect::<Result<Vec<_>, _>>()?;
            cx.closure_body(*id, &kinds)?;
            cx.kind(*ty).clone()
        }
        Rvalue::Generator(id, ty, items) => {
            let callee = cx.callee(*id)?;
            ensure(callee.kind == BodyKind::Generator(*ty), || {
                format!("`{}` is no body of such a generator", callee.name)
            })?;
            ensure(callee.params().count() == items.len(), || {
                format!("`{}` has other captures", callee.name)
            })?;
            for (param, item) in callee.params().zip(items) {
                cx.owned_as(item, callee.ty(param))?;
            }
            cx.kind(*ty).clone()
        }
        Rvalue::Tag(place) => {
            let ty = cx.place(place)?;
            ensure(matches!(cx.kind(ty), TyKind::Adt(_)), || format!("tag of {place:?}"))?;
            U32
        }
        Rvalue::Len(place) => {
            let ty = cx.place(place)?;
            ensure(matches!(cx.kind(ty), TyKind::List(_)), || format!("length of {place:?}"))?;
            I64
        }
        Rvalue::Take(place) => cx.kind(cx.place(place)?).clone(),
        Rvalue::Intrinsic(intrinsic, items) => {
            ensure(!intrinsic.info().panics, || format!("{intrinsic:?} may panic: call it"))?;
            return check_intrinsic(cx, *intrinsic, items);
        }
    }))
}

fn check_intrinsic(
    cx: &Checker<'_>,
    intrinsic: Intrinsic,
    items: &[Operand],
) -> Result<Option<TyKind>, String> {
    let info = intrinsic.info();
    let mut kinds = Vec::new();
    for (item, pass) in items.iter().zip(info.params) {
        let kind = match pass {
            Pass::Own => cx.owned(item),
            Pass::Borrow => cx.borrowed(item),
        };
        kinds.push(kind.map_err(|message| format!("{intrinsic:?}: {message}"))?);
    }
    ensure(items.len() == info.params.len(), || {
        format!("{intrinsic:?} takes {} operands", info.params.len())
    })?;
    intrinsic_result(&cx.program.types, intrinsic, &kinds)
        .map_err(|message| format!("{intrinsic:?}: {message}"))
}

fn check_terminator(cx: &Checker<'_>, kind: &TerminatorKind) -> Check {
    for edge in cfg::edges(kind) {
        let mut defines = edge.defines;
        defines.sort_unstable();
        ensure(defines.windows(2).all(|pair| pair[0] != pair[1]), || {
            "one step writes a local twice".into()
        })?;
    }
    match kind {
        TerminatorKind::Goto(_)
        | TerminatorKind::Return
        | TerminatorKind::UnwindResume
        | TerminatorKind::Unreachable => Ok(()),
        TerminatorKind::Switch { value, .. } => {
            let kind = cx.borrowed(value)?;
            ensure(matches!(kind, TyKind::Int(_) | TyKind::Bool | TyKind::Char), || {
                format!("switch on {kind:?}")
            })
        }
        TerminatorKind::Assert { cond, failure, .. } => {
            cx.borrowed_as(cond, &TyKind::Bool)?;
            let scalar = |operand: &Operand| {
                let kind = cx.borrowed(operand)?;
                ensure(is_scalar(&kind), || format!("{operand:?} is no scalar"))
            };
            match failure {
                // A float that does not fit has no value to show.
                Failure::Cast(Operand::Const(Const::Unit)) => Ok(()),
                Failure::Shift(a, _) | Failure::Cast(a) | Failure::Length(a) => scalar(a),
                Failure::Index(a, b) => scalar(a).and(scalar(b)),
                _ => Ok(()),
            }
        }
        TerminatorKind::Panic { message, .. } => {
            let kind = cx.owned(message)?;
            ensure(kind == TyKind::Str, || "the message of a panic is no str".into())
        }
        TerminatorKind::Call { callee, args, dest, inout, .. } => {
            check_call(cx, callee, args, *dest, inout)
        }
        TerminatorKind::Spawn { body, args, scope, name, dest, .. } => {
            cx.local_is(*scope, &TyKind::Scope)?;
            if let Some(name) = name {
                let kind = cx.owned(name)?;
                ensure(kind == TyKind::Str, || "the name of a task is no str".into())?;
            }
            let callee = cx.callee(*body)?;
            ensure(callee.kind == BodyKind::Task, || format!("`{}` is no task", callee.name))?;
            check_args(cx, callee, args)?;
            match dest {
                Some(dest) => cx.local_is(*dest, &TyKind::Task(callee.ty(RETURN))),
                None => Ok(()),
            }
        }
        TerminatorKind::Suspend { op, .. } => check_suspend(cx, op),
    }
}

fn check_args(cx: &Checker<'_>, callee: &Body, args: &[Operand]) -> Check {
    ensure(args.len() == callee.param_count as usize, || {
        format!("`{}` takes {} arguments, not {}", callee.name, callee.param_count, args.len())
    })?;
    for (param, arg) in callee.params().zip(args) {
        cx.owned_as(arg, callee.ty(param))?;
    }
    Ok(())
}

fn check_call(
    cx: &Checker<'_>,
    callee: &Callee,
    args: &[Operand],
    dest: Local,
    inout: &[Local],
) -> Check {
    let (result, values): (Ty, Vec<(Ty, &Operand)>) = match callee {
        Callee::Body(id) => {
            let callee = cx.callee(*id)?;
            ensure(matches!(callee.kind, BodyKind::Function | BodyKind::Extern { .. }), || {
                format!("`{}` cannot be called by name", callee.name)
            })?;
            check_args(cx, callee, args)?;
            let values =
                callee.inout.iter().map(|local| (callee.ty(*local), &args[local.index() - 1]));
            (callee.ty(RETURN), values.collect())
        }
        Callee::Value(local) => {
            let TyKind::Fn { params, ret, .. } = cx.local_kind(*local) else {
                return Err(format!("{local} is called but is no function"));
            };
            ensure(params.len() == args.len(), || {
                format!("{local} takes {} arguments, not {}", params.len(), args.len())
            })?;
            for ((ty, _), arg) in params.iter().zip(args) {
                cx.owned_as(arg, *ty)?;
            }
            let values = params.iter().zip(args).filter(|((_, inout), _)| *inout);
            (*ret, values.map(|((ty, _), arg)| (*ty, arg)).collect())
        }
        Callee::Intrinsic(intrinsic) => {
            ensure(intrinsic.info().panics, || format!("{intrinsic:?} never panics: no call"))?;
            ensure(inout.is_empty(), || format!("{intrinsic:?} has no in-out operands"))?;
            let result = check_intrinsic(cx, *intrinsic, args)?;
            let kind = cx.local_kind(dest);
            return ensure(result.is_none_or(|result| result == *kind), || {
                format!("{dest} does not fit the result of {intrinsic:?}")
            });
        }
    };
    ensure(cx.local_kind(dest) == cx.kind(result), || {
        format!("{dest} does not fit the result of the call")
    })?;
    ensure(values.len() == inout.len(), || {
        format!("the call gives {} in-out values, not {}", values.len(), inout.len())
    })?;
    for ((ty, arg), local) in values.into_iter().zip(inout) {
        ensure(cx.local_kind(*local) == cx.kind(ty), || {
            format!("{local} does not fit the in-out value")
        })?;
        let whole = match arg {
            Operand::Move(_) => true,
            Operand::Copy(place) => place.projection.is_empty(),
            _ => false,
        };
        ensure(whole, || format!("in-out argument {arg:?} is no local"))?;
    }
    Ok(())
}

fn check_suspend(cx: &Checker<'_>, op: &SuspendOp) -> Check {
    let chan_of = |chan: Local, value: Local| match cx.local_kind(chan) {
        TyKind::Chan(item) => ensure(cx.kind(*item) == cx.local_kind(value), || {
            format!("{value} does not fit channel {chan}")
        }),
        _ => Err(format!("{chan} is no channel")),
    };
    let task_of = |task: Local, dest: Option<Local>| match cx.local_kind(task) {
        TyKind::Task(item) => {
            ensure(dest.is_none_or(|dest| cx.kind(*item) == cx.local_kind(dest)), || {
                format!("the result of task {task} does not fit")
            })
        }
        _ => Err(format!("{task} is no task")),
    };
    match op {
        SuspendOp::Poll { .. }
        | SuspendOp::Yield { .. }
        | SuspendOp::Idle { .. }
        | SuspendOp::Pause { .. }
        | SuspendOp::Checkpoint { .. }
        | SuspendOp::GenYield { .. } => Ok(()),
        SuspendOp::GenNext { generator, dest, .. } => match cx.local_kind(*generator) {
            TyKind::Gen(item, ..) => ensure(cx.kind(*item) == cx.local_kind(*dest), || {
                format!("{dest} does not fit what {generator} yields")
            }),
            _ => Err(format!("{generator} is no generator")),
        },
        SuspendOp::GenStop { value, .. } => {
            ensure(holds_generator(&cx.program.types, cx.body.ty(*value)), || {
                format!("{value} holds no generator")
            })
        }
        SuspendOp::Sleep { duration, .. } => cx.local_is(*duration, &TyKind::Duration),
        SuspendOp::Io { request, dest, .. } => {
            let i64 = TyKind::Int(IntTy::I64);
            let is_words = |local: Local, words: usize| match cx.local_kind(local) {
                TyKind::Tuple(parts) => parts.split_last().is_some_and(|(last, first)| {
                    let bytes = match cx.kind(*last) {
                        TyKind::List(item) => *cx.kind(*item) == TyKind::Int(IntTy::U8),
                        _ => false,
                    };
                    bytes && first.len() == words && first.iter().all(|ty| *cx.kind(*ty) == i64)
                }),
                _ => false,
            };
            ensure(is_words(*request, 3), || format!("{request} is no request"))?;
            ensure(is_words(*dest, 1), || format!("{dest} takes no answer"))
        }
        SuspendOp::Send { chan, value, .. } => chan_of(*chan, *value),
        SuspendOp::Recv { chan, dest, .. } => chan_of(*chan, *dest),
        SuspendOp::Select { arms, after, default } => {
            ensure(after.is_none() || default.is_none(), || {
                "select with after and default".into()
            })?;
            for arm in arms {
                match arm.kind {
                    SelectArmKind::Recv(local) | SelectArmKind::Send(local) => {
                        chan_of(arm.chan, local)?;
                    }
                }
            }
            match after {
                Some((duration, _)) => cx.local_is(*duration, &TyKind::Duration),
                None => Ok(()),
            }
        }
        SuspendOp::Join { task, dest, .. } | SuspendOp::TryJoin { task, dest, .. } => {
            task_of(*task, Some(*dest))
        }
        SuspendOp::JoinTimeout { task, duration, dest, .. } => {
            cx.local_is(*duration, &TyKind::Duration)?;
            task_of(*task, Some(*dest))
        }
        SuspendOp::Cancel { task, .. } => task_of(*task, None),
        SuspendOp::ScopeExit { scope, .. } | SuspendOp::ScopeCancel { scope, .. } => {
            cx.local_is(*scope, &TyKind::Scope)
        }
    }
}
