//! Evaluation of constants.
//!
//! Input: the typed HIR of a constant's value. Output: the same as a tree of literals. Literals,
//! operators and other constants (already literals here) are allowed; what would panic at run time
//! is an error at compile time.

use orion_diagnostics::{Diagnostic, ErrorCode};
use orion_hir::{BinOp, CastKind, Expr, ExprKind, IntKind, TyId, TyTable, UnOp};
use orion_syntax::Span;

/// Largest constant string: a source file has no larger one.
const STR_BYTES_MAX: usize = 4 << 20;

/// Why a constant has no value.
pub enum Problem {
    /// It would panic.
    Panics(Span, String),
    /// It is more than literals and operators.
    NotConstant(Span),
}

impl Problem {
    /// The error for the constant of this name.
    #[must_use]
    pub fn diagnostic(self, name: &str) -> Diagnostic {
        match self {
            Problem::Panics(span, why) => Diagnostic::new(
                ErrorCode::E0602,
                span,
                format!("the constant `{name}` has no value: {why}"),
            )
            .label(why),
            Problem::NotConstant(span) => Diagnostic::new(
                ErrorCode::E0603,
                span,
                format!("the value of the constant `{name}` is not constant"),
            )
            .label("not known at compile time")
            .help("constants are made of literals, operators and other constants"),
        }
    }
}

/// Evaluates to literals.
pub fn eval(e: &Expr) -> Result<Expr, Problem> {
    let span = e.span;
    let value = |kind| Ok(Expr { kind, ty: e.ty, span });
    match &e.kind {
        ExprKind::Unit
        | ExprKind::Bool(_)
        | ExprKind::Char(_)
        | ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::Str(_)
        | ExprKind::Duration(_) => Ok(e.clone()),
        ExprKind::Tuple(items) => value(ExprKind::Tuple(eval_all(items)?)),
        ExprKind::List(items) => value(ExprKind::List(eval_all(items)?)),
        ExprKind::Variant(index, items) => value(ExprKind::Variant(*index, eval_all(items)?)),
        ExprKind::Struct(fields) => {
            let mut values = Vec::new();
            for (index, field) in fields {
                values.push((*index, eval(field)?));
            }
            value(ExprKind::Struct(values))
        }
        ExprKind::Field(base, index) => {
            let base = eval(base)?;
            match base.kind {
                ExprKind::Tuple(mut items) if (*index as usize) < items.len() => {
                    Ok(items.swap_remove(*index as usize))
                }
                ExprKind::Struct(fields) => fields
                    .into_iter()
                    .find(|(field, _)| field == index)
                    .map(|(_, value)| value)
                    .ok_or(Problem::NotConstant(span)),
                _ => Err(Problem::NotConstant(span)),
            }
        }
        ExprKind::Concat(parts) => {
            let mut text = String::new();
            for part in parts {
                match eval(part)?.kind {
                    ExprKind::Str(piece) => text.push_str(&piece),
                    _ => return Err(Problem::NotConstant(part.span)),
                }
            }
            value(checked_str(text, e.span)?)
        }
        ExprKind::And(a, b) | ExprKind::Or(a, b) => {
            let is_and = matches!(e.kind, ExprKind::And(..));
            match eval(a)?.kind {
                ExprKind::Bool(first) if first == is_and => eval(b),
                ExprKind::Bool(first) => value(ExprKind::Bool(first)),
                _ => Err(Problem::NotConstant(span)),
            }
        }
        ExprKind::If { cond, then, otherwise: Some(otherwise) } => match eval(cond)?.kind {
            ExprKind::Bool(true) => eval(then),
            ExprKind::Bool(false) => eval(otherwise),
            _ => Err(Problem::NotConstant(span)),
        },
        ExprKind::Block(stmts, Some(tail)) if stmts.is_empty() => eval(tail),
        ExprKind::Unary(op, operand) => {
            let operand = eval(operand)?;
            let kind = match (op, operand.kind) {
                (UnOp::Neg, ExprKind::Int(n)) => fit(-n, e.ty, span, "the negation overflows")?,
                (UnOp::Neg, ExprKind::Float(n)) => ExprKind::Float(-n),
                (UnOp::Neg, ExprKind::Duration(n)) => duration(n.checked_neg(), span)?,
                (UnOp::Not, ExprKind::Bool(b)) => ExprKind::Bool(!b),
                (UnOp::BitNot, ExprKind::Int(n)) => ExprKind::Int(wrap(!n, e.ty)),
                _ => return Err(Problem::NotConstant(span)),
            };
            value(kind)
        }
        ExprKind::Binary(op, left, right) => {
            let (left, right) = (eval(left)?, eval(right)?);
            value(binary(*op, &left, &right, e.ty, span)?)
        }
        ExprKind::Cast(kind, inner) => {
            let inner = eval(inner)?;
            value(cast(*kind, &inner.kind, e.ty, span)?)
        }
        _ => Err(Problem::NotConstant(span)),
    }
}

fn eval_all(items: &[Expr]) -> Result<Vec<Expr>, Problem> {
    items.iter().map(eval).collect()
}

fn int_kind(ty: TyId) -> Option<IntKind> {
    IntKind::ALL.into_iter().find(|kind| TyTable::int(*kind) == ty)
}

/// The value as a literal of its type, which it must fit.
fn fit(value: i128, ty: TyId, span: Span, why: &str) -> Result<ExprKind, Problem> {
    match int_kind(ty) {
        Some(kind) if value >= kind.min() && value <= kind.max() => Ok(ExprKind::Int(value)),
        Some(kind) => {
            Err(Problem::Panics(span, format!("{why}: {value} does not fit in `{}`", kind.name())))
        }
        None => Err(Problem::NotConstant(span)),
    }
}

/// The value reduced to the width of its type.
fn wrap(value: i128, ty: TyId) -> i128 {
    let Some(kind) = int_kind(ty) else { return value };
    let reduced = value & ((1i128 << kind.bits()) - 1);
    if reduced > kind.max() { reduced - (1i128 << kind.bits()) } else { reduced }
}

fn duration(value: Option<i64>, span: Span) -> Result<ExprKind, Problem> {
    value
        .map(ExprKind::Duration)
        .ok_or_else(|| Problem::Panics(span, "the duration overflows".into()))
}

fn binary(op: BinOp, left: &Expr, right: &Expr, ty: TyId, span: Span) -> Result<ExprKind, Problem> {
    use ExprKind::{Bool, Char, Duration, Float, Int, Str};
    if op.is_comparison() {
        let order = match (&left.kind, &right.kind) {
            (Int(a), Int(b)) => Some(a.cmp(b)),
            (Float(a), Float(b)) => a.partial_cmp(b),
            (Bool(a), Bool(b)) => Some(a.cmp(b)),
            (Char(a), Char(b)) => Some(a.cmp(b)),
            (Str(a), Str(b)) => Some(a.cmp(b)),
            (Duration(a), Duration(b)) => Some(a.cmp(b)),
            _ => return Err(Problem::NotConstant(span)),
        };
        return Ok(Bool(match (op, order) {
            (BinOp::Ne, None) => true,
            (_, None) => false,
            (BinOp::Eq, Some(order)) => order.is_eq(),
            (BinOp::Ne, Some(order)) => order.is_ne(),
            (BinOp::Lt, Some(order)) => order.is_lt(),
            (BinOp::Le, Some(order)) => order.is_le(),
            (BinOp::Gt, Some(order)) => order.is_gt(),
            (_, Some(order)) => order.is_ge(),
        }));
    }
    match (&left.kind, &right.kind) {
        (Int(a), Int(b)) => int_binary(op, *a, *b, ty, span),
        (Float(a), Float(b)) => {
            let value = match op {
                BinOp::Add => a + b,
                BinOp::Sub => a - b,
                BinOp::Mul => a * b,
                BinOp::Div => a / b,
                BinOp::Rem => a % b,
                _ => return Err(Problem::NotConstant(span)),
            };
            Ok(Float(round(value, ty)))
        }
        (Str(a), Str(b)) if op == BinOp::Add => checked_str(format!("{a}{b}"), span),
        (Bool(a), Bool(b)) => Ok(Bool(match op {
            BinOp::BitAnd => a & b,
            BinOp::BitOr => a | b,
            BinOp::BitXor => a ^ b,
            _ => return Err(Problem::NotConstant(span)),
        })),
        (Duration(a), Duration(b)) => match op {
            BinOp::Add => duration(a.checked_add(*b), span),
            BinOp::Sub => duration(a.checked_sub(*b), span),
            _ => Err(Problem::NotConstant(span)),
        },
        (Duration(a), Int(b)) => {
            let b = i64::try_from(*b).map_err(|_| Problem::NotConstant(span))?;
            match op {
                BinOp::Mul => duration(a.checked_mul(b), span),
                BinOp::Div if b == 0 => Err(Problem::Panics(span, "a division by zero".into())),
                BinOp::Div => duration(a.checked_div(b), span),
                _ => Err(Problem::NotConstant(span)),
            }
        }
        _ => Err(Problem::NotConstant(span)),
    }
}

fn int_binary(op: BinOp, a: i128, b: i128, ty: TyId, span: Span) -> Result<ExprKind, Problem> {
    let bits = int_kind(ty).map_or(64, IntKind::bits);
    let shift = |b: i128| {
        u32::try_from(b).ok().filter(|count| *count < bits).ok_or_else(|| {
            Problem::Panics(span, format!("a shift by {b}, and the type has {bits} bits"))
        })
    };
    match op {
        BinOp::Add => fit(a + b, ty, span, "the addition overflows"),
        BinOp::Sub => fit(a - b, ty, span, "the subtraction overflows"),
        BinOp::Mul => match a.checked_mul(b) {
            Some(value) => fit(value, ty, span, "the multiplication overflows"),
            None => Err(Problem::Panics(span, "the multiplication overflows".into())),
        },
        BinOp::Div | BinOp::Rem if b == 0 => {
            Err(Problem::Panics(span, "a division by zero".into()))
        }
        BinOp::Div => fit(a / b, ty, span, "the division overflows"),
        BinOp::Rem => {
            // The quotient overflows where the remainder would be 0.
            fit(a / b, ty, span, "the division overflows")?;
            Ok(ExprKind::Int(a % b))
        }
        BinOp::AddWrap => Ok(ExprKind::Int(wrap(a + b, ty))),
        BinOp::SubWrap => Ok(ExprKind::Int(wrap(a - b, ty))),
        BinOp::MulWrap => Ok(ExprKind::Int(wrap(a.wrapping_mul(b), ty))),
        BinOp::BitAnd => Ok(ExprKind::Int(a & b)),
        BinOp::BitOr => Ok(ExprKind::Int(a | b)),
        BinOp::BitXor => Ok(ExprKind::Int(a ^ b)),
        BinOp::Shl => Ok(ExprKind::Int(wrap(a << shift(b)?, ty))),
        BinOp::Shr => Ok(ExprKind::Int(a >> shift(b)?)),
        _ => Err(Problem::NotConstant(span)),
    }
}

fn round(value: f64, ty: TyId) -> f64 {
    if ty == TyTable::F32 { f64::from(value as f32) } else { value }
}

fn cast(kind: CastKind, value: &ExprKind, ty: TyId, span: Span) -> Result<ExprKind, Problem> {
    let is_float = ty == TyTable::F32 || ty == TyTable::F64;
    match value {
        ExprKind::Int(n) if kind == CastKind::Wrapping => Ok(ExprKind::Int(wrap(*n, ty))),
        ExprKind::Int(n) if is_float => Ok(ExprKind::Float(round(*n as f64, ty))),
        ExprKind::Int(n) if ty == TyTable::CHAR => u32::try_from(*n)
            .ok()
            .and_then(char::from_u32)
            .map(ExprKind::Char)
            .ok_or_else(|| Problem::Panics(span, format!("{n} is no character"))),
        ExprKind::Int(n) => fit(*n, ty, span, "the conversion fails"),
        ExprKind::Char(c) if ty == TyTable::CHAR => Ok(ExprKind::Char(*c)),
        ExprKind::Char(c) => fit(i128::from(u32::from(*c)), ty, span, "the conversion fails"),
        ExprKind::Float(x) if is_float => Ok(ExprKind::Float(round(*x, ty))),
        ExprKind::Float(x) if x.is_nan() || x.abs() > 1e30 => {
            Err(Problem::Panics(span, format!("the conversion fails: {x} does not fit")))
        }
        ExprKind::Float(x) => fit(x.trunc() as i128, ty, span, "the conversion fails"),
        _ => Err(Problem::NotConstant(span)),
    }
}

/// A constant string; constants double in size by a few letters each.
fn checked_str(text: String, span: Span) -> Result<ExprKind, Problem> {
    if text.len() > STR_BYTES_MAX {
        let why = format!("a string of more than {} MiB", STR_BYTES_MAX >> 20);
        return Err(Problem::Panics(span, why));
    }
    Ok(ExprKind::Str(text.into()))
}
