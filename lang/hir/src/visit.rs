//! Walks over bodies: every direct child of a node, in evaluation order.
//!
//! [`Expr::for_each_child`] and its mutable twin visit direct subexpressions (those of places,
//! statements, arms included); [`map_types`] replaces every type of a body, for instance inference
//! variables by what they stand for.

use crate::expr::{
    Arg, Body, Callee, Expr, ExprKind, ForIter, Place, ProjectionKind, SelectOp, Stmt,
};
use crate::ids::TyId;
use crate::pat::{Pat, PatKind};

macro_rules! children {
    ($name:ident, $place:ident, $arg:ident, $stmt:ident, $iter:ident, $($mutability:tt)?) => {
        impl Expr {
            /// Calls `f` with each direct subexpression, in order of evaluation.
            pub fn $name<'a>(&'a $($mutability)? self, f: &mut dyn FnMut(&'a $($mutability)? Expr)) {
                match & $($mutability)? self.kind {
                    ExprKind::Unit
                    | ExprKind::Bool(_)
                    | ExprKind::Char(_)
                    | ExprKind::Int(_)
                    | ExprKind::Float(_)
                    | ExprKind::Str(_)
                    | ExprKind::Duration(_)
                    | ExprKind::Local(_)
                    | ExprKind::FnRef(..)
                    | ExprKind::MemberRef { .. }
                    | ExprKind::Break(_)
                    | ExprKind::Continue(_)
                    | ExprKind::Return(None)
                    | ExprKind::Lambda(_)
                    | ExprKind::Gen(_) => {}
                    ExprKind::Tuple(items)
                    | ExprKind::List(items)
                    | ExprKind::Variant(_, items)
                    | ExprKind::Concat(items) => {
                        for item in items {
                            f(item);
                        }
                    }
                    ExprKind::ListRepeat { value: first, count: second }
                    | ExprKind::Index(first, second)
                    | ExprKind::Binary(_, first, second)
                    | ExprKind::And(first, second)
                    | ExprKind::Or(first, second)
                    | ExprKind::While { cond: first, body: second, .. } => {
                        f(first);
                        f(second);
                    }
                    ExprKind::Struct(fields) => {
                        for (_, value) in fields {
                            f(value);
                        }
                    }
                    ExprKind::Field(base, _)
                    | ExprKind::VariantIndex(base)
                    | ExprKind::Unary(_, base)
                    | ExprKind::Cast(_, base)
                    | ExprKind::Return(Some(base))
                    | ExprKind::Async { body: base, .. } => f(base),
                    ExprKind::Slice { base, start, end, .. } => {
                        f(base);
                        if let Some(start) = start {
                            f(start);
                        }
                        if let Some(end) = end {
                            f(end);
                        }
                    }
                    ExprKind::Call(callee, args) => {
                        if let Callee::Value(callee) = callee {
                            f(callee);
                        }
                        for arg in args {
                            $arg(arg, f);
                        }
                    }
                    ExprKind::Intrinsic(_, _, args) => {
                        for arg in args {
                            $arg(arg, f);
                        }
                    }
                    ExprKind::Block(stmts, tail) => {
                        for stmt in stmts {
                            $stmt(stmt, f);
                        }
                        if let Some(tail) = tail {
                            f(tail);
                        }
                    }
                    ExprKind::If { cond, then, otherwise } => {
                        f(cond);
                        f(then);
                        if let Some(otherwise) = otherwise {
                            f(otherwise);
                        }
                    }
                    ExprKind::Match { scrutinee, arms } => {
                        f(scrutinee);
                        for arm in arms {
                            if let Some(guard) = & $($mutability)? arm.guard {
                                f(guard);
                            }
                            f(& $($mutability)? arm.body);
                        }
                    }
                    ExprKind::For { iter, body, .. } => {
                        $iter(iter, f);
                        f(body);
                    }
                    ExprKind::Assign(place, value) | ExprKind::AssignOp(_, place, value) => {
                        $place(place, f);
                        f(value);
                    }
                    ExprKind::Spawn { scope, name, .. } => {
                        f(scope);
                        if let Some(name) = name {
                            f(name);
                        }
                    }
                    ExprKind::Select(arms) => {
                        for arm in arms {
                            if let Some(guard) = & $($mutability)? arm.guard {
                                f(guard);
                            }
                            match & $($mutability)? arm.op {
                                SelectOp::Recv { chan, .. } => f(chan),
                                SelectOp::Send { chan, value } => {
                                    f(chan);
                                    f(value);
                                }
                                SelectOp::After(duration) => f(duration),
                                SelectOp::Default => {}
                            }
                            f(& $($mutability)? arm.body);
                        }
                    }
                }
            }
        }

        fn $place<'a>(place: &'a $($mutability)? Place, f: &mut dyn FnMut(&'a $($mutability)? Expr)) {
            for projection in & $($mutability)? place.projections {
                if let ProjectionKind::Index(index) = & $($mutability)? projection.kind {
                    f(index);
                }
            }
        }

        fn $arg<'a>(arg: &'a $($mutability)? Arg, f: &mut dyn FnMut(&'a $($mutability)? Expr)) {
            match arg {
                Arg::Value(value) => f(value),
                Arg::Mut(place) => $place(place, f),
            }
        }

        fn $stmt<'a>(stmt: &'a $($mutability)? Stmt, f: &mut dyn FnMut(&'a $($mutability)? Expr)) {
            match stmt {
                Stmt::Let { init, .. } => f(init),
                Stmt::Expr(value) => f(value),
                Stmt::Defer { body, .. } => f(body),
            }
        }

        fn $iter<'a>(iter: &'a $($mutability)? ForIter, f: &mut dyn FnMut(&'a $($mutability)? Expr)) {
            match iter {
                ForIter::Range { start, end, .. } => {
                    f(start);
                    f(end);
                }
                ForIter::List(value)
                | ForIter::Str(value)
                | ForIter::Chan(value)
                | ForIter::GenValue(value) => f(value),
                ForIter::GenPlace(place) => $place(place, f),
            }
        }
    };
}

children!(for_each_child, place_children, arg_children, stmt_children, iter_children,);
children!(
    for_each_child_mut,
    place_children_mut,
    arg_children_mut,
    stmt_children_mut,
    iter_children_mut,
    mut
);

/// Replaces every type of a body by `f(type)`.
pub fn map_types(body: &mut Body, f: &mut dyn FnMut(TyId) -> TyId) {
    for local in &mut body.locals {
        local.ty = f(local.ty);
    }
    map_expr(&mut body.value, f);
}

fn map_expr(expr: &mut Expr, f: &mut dyn FnMut(TyId) -> TyId) {
    expr.ty = f(expr.ty);
    match &mut expr.kind {
        ExprKind::FnRef(_, args) => args.iter_mut().for_each(|arg| *arg = f(*arg)),
        ExprKind::MemberRef { ty, .. } => *ty = f(*ty),
        ExprKind::Call(callee, args) => {
            match callee {
                Callee::Fn(_, args) => args.iter_mut().for_each(|arg| *arg = f(*arg)),
                Callee::Member { ty, .. } => *ty = f(*ty),
                Callee::Value(_) => {}
            }
            map_args(args, f);
        }
        ExprKind::Intrinsic(_, types, args) => {
            types.iter_mut().for_each(|ty| *ty = f(*ty));
            map_args(args, f);
        }
        ExprKind::Block(stmts, _) => {
            for stmt in stmts {
                if let Stmt::Let { pat, .. } = stmt {
                    map_pat(pat, f);
                }
            }
        }
        ExprKind::Match { arms, .. } => {
            for arm in arms {
                map_pat(&mut arm.pat, f);
            }
        }
        ExprKind::For { pat, iter, .. } => {
            map_pat(pat, f);
            if let ForIter::GenPlace(place) = &mut **iter {
                map_place(place, f);
            }
        }
        ExprKind::Assign(place, _) | ExprKind::AssignOp(_, place, _) => map_place(place, f),
        _ => {}
    }
    expr.for_each_child_mut(&mut |child| map_expr(child, f));
}

fn map_args(args: &mut [Arg], f: &mut dyn FnMut(TyId) -> TyId) {
    for arg in args {
        if let Arg::Mut(place) = arg {
            map_place(place, f);
        }
    }
}

fn map_place(place: &mut Place, f: &mut dyn FnMut(TyId) -> TyId) {
    place.ty = f(place.ty);
    for projection in &mut place.projections {
        projection.ty = f(projection.ty);
    }
}

fn map_pat(pat: &mut Pat, f: &mut dyn FnMut(TyId) -> TyId) {
    pat.ty = f(pat.ty);
    match &mut pat.kind {
        PatKind::Variant(_, pats) | PatKind::Tuple(pats) | PatKind::Or(pats) => {
            pats.iter_mut().for_each(|pat| map_pat(pat, f));
        }
        PatKind::Struct(fields) => fields.iter_mut().for_each(|(_, pat)| map_pat(pat, f)),
        PatKind::List { prefix, suffix, .. } => {
            prefix.iter_mut().chain(suffix).for_each(|pat| map_pat(pat, f));
        }
        PatKind::Wild
        | PatKind::Bind(_)
        | PatKind::Unit
        | PatKind::Bool(_)
        | PatKind::Int(_)
        | PatKind::Char(_)
        | PatKind::Float(_)
        | PatKind::Str(_)
        | PatKind::Duration(_)
        | PatKind::Range { .. } => {}
    }
}
