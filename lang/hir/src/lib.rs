//! The typed, resolved, still generic intermediate representation of Orion.
//!
//! Made by the type checker, read by the lowering to MIR. One [`Program`] holds everything; ids are
//! dense indices into its tables ([`ids`]).
//!
//! # What lowering may rely on
//!
//! **Generic, then concrete.** A function's types speak of its generics as `Ty::Param(n)`. A call
//! `Callee::Fn(f, args)` gives an argument for each; [`TyTable::subst`] makes a body's types
//! concrete. Closure bodies (lambda, spawn, generator) are functions of their own whose generics
//! are those of the function around them: instantiate them with the same arguments. A
//! `Callee::Member` or `ExprKind::MemberRef` becomes a function by [`Program::resolve_member`] once
//! its type is concrete (the result may be a derived function that is made at that moment: derived
//! `Eq Ord Hash Show Default`, also those of primitive types, are ordinary HIR functions). No
//! `Ty::Infer` or `Ty::Error` occurs in a program without errors.
//!
//! **Everything is explicit.** Integer widening and channel views are casts; operators are on
//! primitive types, those on data types are calls of class members; interpolation is
//! `ExprKind::Concat` of strings; `?` is a `match` with a `return`; default arguments are filled in
//! (calls of `FnKind::Default` functions); methods are calls; map literals, map indexing and loops
//! over maps are calls of prelude functions; `value, ok := <-ch` is a `match` of `@recv(ch)`; a
//! receiving `select` arm binds an `Option`; constants are their values; the innermost scope of
//! `@cancel_scope()` and `spawn` is named; `@assert` has its message.
//!
//! **Types and `Never`.** An expression's type is exact: there is no subtyping left, except that an
//! expression of type `Never` (it does not come to an end) may stand where any type is wanted. In
//! particular the tail of a block, a branch, an arm or a function body may be of type `Never` while
//! the whole has another type. A block without a tail has type `()`, or `Never` when a statement in
//! it never ends.
//!
//! **Evaluation** is left to right, each operand once, as the fields of the nodes stand. `Arg::Mut`
//! evaluates its index expressions in argument order, reads the value when all arguments are
//! evaluated, and writes it back when the call returns or unwinds. Two in-out arguments of a call
//! never overlap. The receiver of `xs.push(v)` is the first argument.
//!
//! **Variables.** A body's [`Local`]s have distinct ids whatever their names. `let` binds each time
//! it is reached. Variables live to the end of their block; those used by a `defer` until the
//! function has run its defers. A capture copies the value when the closure is made. Captured and
//! `for` variables are never assigned.
//!
//! **Jumps.** `Break`, `Continue` and `Return` (also those that `?` became) may leave `async`
//! blocks: each one left is cancelled and awaited, innermost first. `Return` leaves the function
//! whose body it stands in; there is no jump out of a closure or a `defer` block.
//!
//! **`main` and tests** have a body `ExprKind::Async` that is their own scope; `main` has no
//! parameters (its `Scope` parameter is that scope's variable). Their defers run after the scope
//! has ended.
//!
//! **Patterns** ([`pat`]) are typed, constants in them are values, `match` is exhaustive.
//!
//! **Linear values** (`Task` and what holds one) are used exactly once on each path, so a move is
//! all there is; a scope left early drops handles without further effect.

pub mod derive;
pub mod display;
pub mod expr;
pub mod ids;
pub mod intrinsic;
pub mod item;
pub mod pat;
pub mod resolve;
pub mod ty;
pub mod visit;

pub use expr::{
    Arg, Arm, BinOp, Body, Callee, CastKind, Expr, ExprKind, ForIter, Local, Place, Projection,
    ProjectionKind, SelectArm, SelectOp, Stmt, UnOp,
};
pub use ids::{AdtId, ClassId, FnId, Idx, IndexVec, InstanceId, LocalId, LoopId, TyId};
pub use intrinsic::{Intrinsic, Sig, Signature};
pub use item::{
    Adt, AdtKind, BuiltinClass, Capture, Class, ClassMember, Field, Fn, FnKind, Generic, Instance,
    LangItems, MainKind, Name, Param, Program, Test, Variant,
};
pub use pat::{Pat, PatKind, Rest};
pub use ty::{FloatKind, FnTy, IntKind, ParamTy, Ty, TyTable, Yields};
