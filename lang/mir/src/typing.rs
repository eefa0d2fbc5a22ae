//! Types of places and operands, and the signatures of intrinsics: for the verifier, and for whoever needs the type of an expression.
//!
//! Everything here is total: what does not fit gives a message, never a panic.

use std::collections::BTreeSet;

use crate::body::{Body, BodyKind, Const, Local, Operand, Place, Program, Proj};
use crate::intrinsic::Intrinsic;
use crate::ty::{IntTy, Ty, TyKind, TypeTable};

/// Type of a place.
///
/// # Errors
/// Says which projection does not fit.
pub fn place_ty(types: &TypeTable, body: &Body, place: &Place) -> Result<Ty, String> {
    let mut ty = body
        .locals
        .get(place.local.index())
        .ok_or_else(|| format!("{} is no local", place.local))?
        .ty;
    for (depth, step) in place.projection.iter().enumerate() {
        let next = match (step, types.kind(ty)) {
            (Proj::Field(field), TyKind::Tuple(items)) => items.get(*field as usize).copied(),
            (Proj::Variant(variant, field), TyKind::Adt(id)) => types
                .adt(*id)
                .variants
                .get(*variant as usize)
                .and_then(|variant| variant.fields.get(*field as usize))
                .map(|field| field.ty),
            (Proj::Index(_), TyKind::List(item)) => Some(*item),
            (Proj::Capture(capture), TyKind::Fn { .. })
                if depth == 0 && place.local == Local(1) =>
            {
                match &body.kind {
                    BodyKind::Closure { captures } => {
                        captures.get(*capture as usize).map(|(_, ty)| *ty)
                    }
                    _ => None,
                }
            }
            _ => None,
        };
        ty = next.ok_or_else(|| {
            format!("{} is no place: {step:?} of {}", describe(place), types.display(ty))
        })?;
    }
    Ok(ty)
}

fn describe(place: &Place) -> String {
    format!("{}{:?}", place.local, place.projection)
}

/// Shape of an operand's type. (Constants have types that need not be interned.)
///
/// # Errors
/// As [`place_ty`].
pub fn operand_kind(program: &Program, body: &Body, operand: &Operand) -> Result<TyKind, String> {
    let types = &program.types;
    Ok(match operand {
        Operand::Copy(place) | Operand::Borrow(place) => {
            types.kind(place_ty(types, body, place)?).clone()
        }
        Operand::Move(local) => types.kind(place_ty(types, body, &(*local).into())?).clone(),
        Operand::Const(constant) => const_kind(types, constant),
    })
}

/// Shape of a constant's type.
#[must_use]
pub fn const_kind(types: &TypeTable, constant: &Const) -> TyKind {
    match constant {
        Const::Unit => TyKind::Unit,
        Const::Bool(_) => TyKind::Bool,
        Const::Char(_) => TyKind::Char,
        Const::Int(_, int) => TyKind::Int(*int),
        Const::F32(_) => TyKind::F32,
        Const::F64(_) => TyKind::F64,
        Const::Duration(_) => TyKind::Duration,
        Const::Instant(_) => TyKind::Instant,
        Const::Str(_) => TyKind::Str,
        Const::EmptyList(ty) | Const::Function(_, ty) | Const::Dummy(ty) => types.kind(*ty).clone(),
    }
}

/// Whether values of the type hold a handle that may have one owner only (tasks, generators), however deep.
#[must_use]
pub fn is_linear(types: &TypeTable, ty: Ty) -> bool {
    holds(types, ty, |kind| matches!(kind, TyKind::Task(_) | TyKind::Gen(..)))
}

/// Whether values of the type hold a generator, however deep (not in function values and channels).
#[must_use]
pub fn holds_generator(types: &TypeTable, ty: Ty) -> bool {
    holds(types, ty, |kind| matches!(kind, TyKind::Gen(..)))
}

/// Whether a value of the type holds a foreign pointer, or is a channel, task or generator that may.
#[must_use]
pub fn holds_pointer(types: &TypeTable, ty: Ty) -> bool {
    let mut seen = BTreeSet::new();
    let mut work = vec![ty];
    while let Some(ty) = work.pop() {
        if !seen.insert(ty) {
            continue;
        }
        match types.kind(ty) {
            TyKind::Ptr => return true,
            TyKind::Chan(item) | TyKind::Task(item) => work.push(*item),
            TyKind::Gen(item, sent, result) => work.extend([item, sent, result]),
            kind => work.extend(owned_parts(types, kind)),
        }
    }
    false
}

fn holds(types: &TypeTable, ty: Ty, is_sought: impl Fn(&TyKind) -> bool) -> bool {
    let mut seen = BTreeSet::new();
    let mut work = vec![ty];
    while let Some(ty) = work.pop() {
        if seen.insert(ty) {
            let kind = types.kind(ty);
            if is_sought(kind) {
                return true;
            }
            work.extend(owned_parts(types, kind));
        }
    }
    false
}

/// Types of the values that lie in a value of the type.
fn owned_parts(types: &TypeTable, kind: &TyKind) -> Vec<Ty> {
    match kind {
        TyKind::List(item) => vec![*item],
        TyKind::Tuple(items) => items.clone(),
        TyKind::Adt(id) => {
            types.adt(*id).variants.iter().flat_map(|v| &v.fields).map(|f| f.ty).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether values of the type are compared and computed with by machine instructions.
#[must_use]
pub fn is_scalar(kind: &TyKind) -> bool {
    matches!(
        kind,
        TyKind::Bool
            | TyKind::Char
            | TyKind::Int(_)
            | TyKind::F32
            | TyKind::F64
            | TyKind::Duration
            | TyKind::Instant
            | TyKind::Ptr
    )
}

/// Checks the operands of an intrinsic and gives the shape of its result; none where any will do.
///
/// # Errors
/// Says which operand does not fit.
pub fn intrinsic_result(
    types: &TypeTable,
    intrinsic: Intrinsic,
    operands: &[TyKind],
) -> Result<Option<TyKind>, String> {
    use Intrinsic as I;
    use Param as P;
    const I64: TyKind = TyKind::Int(IntTy::I64);
    const U64: TyKind = TyKind::Int(IntTy::U64);
    let list_of = |item: TyKind| types.find(&item).map(TyKind::List);
    let first = operands.first().cloned();
    let (params, result): (Vec<P>, Option<TyKind>) = match intrinsic {
        I::StrPush | I::StrPushQuoted => (vec![P::Is(TyKind::Str); 2], Some(TyKind::Str)),
        I::StrPushI64 => (vec![P::Is(TyKind::Str), P::Signed], Some(TyKind::Str)),
        I::StrPushU64 => (vec![P::Is(TyKind::Str), P::Unsigned], Some(TyKind::Str)),
        I::StrPushF64 => (vec![P::Is(TyKind::Str), P::Is(TyKind::F64)], Some(TyKind::Str)),
        I::StrPushF32 => (vec![P::Is(TyKind::Str), P::Is(TyKind::F32)], Some(TyKind::Str)),
        I::StrPushBool => (vec![P::Is(TyKind::Str), P::Is(TyKind::Bool)], Some(TyKind::Str)),
        I::StrPushChar | I::StrPushCharQuoted => {
            (vec![P::Is(TyKind::Str), P::Is(TyKind::Char)], Some(TyKind::Str))
        }
        I::StrPushDuration => {
            (vec![P::Is(TyKind::Str), P::Is(TyKind::Duration)], Some(TyKind::Str))
        }
        I::StrPushInstant => (vec![P::Is(TyKind::Str), P::Is(TyKind::Instant)], Some(TyKind::Str)),
        I::StrLen => (vec![P::Is(TyKind::Str)], Some(I64)),
        I::StrByte => (vec![P::Is(TyKind::Str), P::Is(I64)], Some(TyKind::Int(IntTy::U8))),
        I::StrCompare => (vec![P::Is(TyKind::Str); 2], Some(TyKind::Int(IntTy::I32))),
        I::StrEqual => (vec![P::Is(TyKind::Str); 2], Some(TyKind::Bool)),
        I::StrHash => (vec![P::Is(TyKind::Str), P::Is(U64)], Some(U64)),
        I::StrSlice => (vec![P::Is(TyKind::Str), P::Is(I64), P::Is(I64)], Some(TyKind::Str)),
        I::StrCharAt => (vec![P::Is(TyKind::Str), P::Is(I64)], Some(TyKind::Char)),
        I::CharUtf8Len => (vec![P::Is(TyKind::Char)], Some(I64)),
        I::StrFind => (vec![P::Is(TyKind::Str), P::Is(TyKind::Str), P::Is(I64)], Some(I64)),
        I::StrConcat => (vec![P::ListOf(TyKind::Str)], Some(TyKind::Str)),
        I::StrFromChars => (vec![P::ListOf(TyKind::Char)], Some(TyKind::Str)),
        I::StrFromBytes => (vec![P::ListOf(TyKind::Int(IntTy::U8))], Some(TyKind::Str)),
        I::StrValid => (vec![P::ListOf(TyKind::Int(IntTy::U8))], Some(TyKind::Bool)),
        I::StrTrim | I::StrUpper | I::StrLower => (vec![P::Is(TyKind::Str)], Some(TyKind::Str)),
        I::StrIsFloat => (vec![P::Is(TyKind::Str)], Some(TyKind::Bool)),
        I::StrToFloat => (vec![P::Is(TyKind::Str)], Some(TyKind::F64)),
        I::ListReserve | I::ListOpenGap | I::ListCloseGap | I::ListTruncate => {
            (vec![P::AnyList, P::Is(I64)], first)
        }
        I::ListPush => (vec![P::AnyList, P::ElementOfFirst], first),
        I::ListRepeat => (vec![P::Any, P::Is(I64)], first.and_then(list_of)),
        I::ListSlice => (vec![P::AnyList, P::Is(I64), P::Is(I64)], first),
        I::ChanNew => (vec![P::Is(I64)], None),
        I::ChanClose => (vec![P::AnyChan], Some(TyKind::Unit)),
        I::ChanLen | I::ChanCap => (vec![P::AnyChan], Some(I64)),
        I::ScopeEnter => (vec![], Some(TyKind::Scope)),
        I::CancelScope => (vec![P::Is(TyKind::Scope)], Some(TyKind::Unit)),
        I::RequestCancel => (vec![P::AnyTask], Some(TyKind::Unit)),
        I::JoinCancelled => (vec![], Some(TyKind::Bool)),
        I::JoinMessage | I::TaskName => (vec![], Some(TyKind::Str)),
        I::TaskId => (vec![], Some(I64)),
        I::GenGive => (vec![P::Any], Some(TyKind::Unit)),
        I::GenSend => (vec![P::AnyGen, P::Any, P::Is(TyKind::Bool)], Some(TyKind::Unit)),
        I::GenResult => {
            let result = match &first {
                Some(TyKind::Gen(_, _, result)) => Some(types.kind(*result).clone()),
                _ => None,
            };
            (vec![P::AnyGen], result)
        }
        I::GenDone => (vec![P::AnyGen], Some(TyKind::Bool)),
        I::GenSave => (vec![P::AnyGen], list_of(TyKind::Int(IntTy::U8))),
        I::GenLoad => (vec![P::ListOf(TyKind::Int(IntTy::U8))], None),
        I::GenLoadFailed => (vec![], Some(TyKind::Bool)),
        I::GenLoadMessage => (vec![], Some(TyKind::Str)),
        I::Print | I::EPrint => (vec![P::Is(TyKind::Str)], Some(TyKind::Unit)),
        I::Now => (vec![], Some(TyKind::Instant)),
        I::Args => (vec![], list_of(TyKind::Str)),
        I::EnvHas => (vec![P::Is(TyKind::Str)], Some(TyKind::Bool)),
        I::EnvGet => (vec![P::Is(TyKind::Str)], Some(TyKind::Str)),
        I::Exit => (vec![P::Is(TyKind::Int(IntTy::I32))], Some(TyKind::Unit)),
        I::RandomU64 | I::HashSeed => (vec![], Some(U64)),
        I::HashMix => (vec![P::Is(U64); 2], Some(U64)),
        I::F64Bits => (vec![P::Is(TyKind::F64)], Some(U64)),
        I::F64FromBits => (vec![P::Is(U64)], Some(TyKind::F64)),
        I::Atan2 | I::Pow => (vec![P::Is(TyKind::F64); 2], Some(TyKind::F64)),
        I::Sqrt
        | I::Sin
        | I::Cos
        | I::Tan
        | I::Asin
        | I::Acos
        | I::Atan
        | I::Exp
        | I::Ln
        | I::Log2
        | I::Log10
        | I::Floor
        | I::Ceil
        | I::Round
        | I::Trunc => (vec![P::Is(TyKind::F64)], Some(TyKind::F64)),
    };
    if params.len() != operands.len() {
        return Err(format!("takes {} operands, not {}", params.len(), operands.len()));
    }
    for (index, (param, kind)) in params.iter().zip(operands).enumerate() {
        let fits = match param {
            P::Is(expected) => kind == expected,
            P::Signed => matches!(kind, TyKind::Int(int) if int.signed()),
            P::Unsigned => matches!(kind, TyKind::Int(int) if !int.signed()),
            P::AnyList => matches!(kind, TyKind::List(_)),
            P::ListOf(item) => matches!(kind, TyKind::List(ty) if types.kind(*ty) == item),
            P::ElementOfFirst => {
                matches!(&operands[0], TyKind::List(ty) if types.kind(*ty) == kind)
            }
            P::AnyChan => matches!(kind, TyKind::Chan(_)),
            P::AnyTask => matches!(kind, TyKind::Task(_)),
            P::AnyGen => matches!(kind, TyKind::Gen(..)),
            P::Any => true,
        };
        if !fits {
            return Err(format!("operand {index} has the wrong type"));
        }
    }
    Ok(result)
}

#[derive(Clone)]
enum Param {
    Is(TyKind),
    Signed,
    Unsigned,
    AnyList,
    ListOf(TyKind),
    ElementOfFirst,
    AnyChan,
    AnyTask,
    AnyGen,
    Any,
}
