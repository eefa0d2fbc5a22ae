//! Items of a program: types, functions, classes, instances, tests.
//!
//! Invariants: every table is filled before the program leaves the type checker; ids refer to the
//! tables of the same [`Program`]; orders are source orders (main module, then imports in the
//! order in which they were first imported, then the prelude), so output is reproducible.

use crate::expr::Body;
use crate::ids::{AdtId, ClassId, FnId, IndexVec, InstanceId, LocalId, TyId};
use crate::ty::{FnTy, TyTable};
use orion_syntax::Span;
use std::sync::Arc;

/// A name from the source.
pub type Name = Arc<str>;

/// A type parameter with its bounds: `T: Ord + Show`.
#[derive(Clone, Debug)]
pub struct Generic {
    /// Its name.
    pub name: Name,
    /// Classes that the argument has.
    pub bounds: Vec<ClassId>,
}

/// A struct or sum type.
#[derive(Clone, Debug)]
pub struct Adt {
    /// Name as written.
    pub name: Name,
    /// Module and name, `geometry.shapes::Point`; unique and stable.
    pub path: Name,
    /// Type parameters, `Ty::Param(n)` in the fields.
    pub generics: Vec<Generic>,
    /// Fields or variants.
    pub kind: AdtKind,
    /// Where the name is declared.
    pub span: Span,
}

/// Struct or sum.
#[derive(Clone, Debug)]
pub enum AdtKind {
    /// One shape with named fields.
    Struct(Vec<Field>),
    /// One of several variants, in order of declaration.
    Sum(Vec<Variant>),
}

impl Adt {
    /// The fields of a struct; none for a sum type.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        match &self.kind {
            AdtKind::Struct(fields) => fields,
            AdtKind::Sum(_) => &[],
        }
    }

    /// The variants of a sum type; none for a struct.
    #[must_use]
    pub fn variants(&self) -> &[Variant] {
        match &self.kind {
            AdtKind::Struct(_) => &[],
            AdtKind::Sum(variants) => variants,
        }
    }
}

/// A field of a struct.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name.
    pub name: Name,
    /// Its type, over the parameters of the struct.
    pub ty: TyId,
    /// Where it is declared.
    pub span: Span,
}

/// A variant of a sum type, with positional fields.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Its name.
    pub name: Name,
    /// Types of its fields, over the parameters of the type.
    pub fields: Vec<TyId>,
    /// Where it is declared.
    pub span: Span,
}

/// A parameter of a function.
#[derive(Clone, Debug)]
pub struct Param {
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: TyId,
    /// In-out.
    pub mutable: bool,
    /// A function without parameters (same generics) that computes the default value; calls
    /// already have it filled in.
    pub default: Option<FnId>,
    /// Where it is declared.
    pub span: Span,
}

/// What a [`Fn`] is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FnKind {
    /// A `fn` of a module.
    Named,
    /// A member of an explicit instance.
    Member(InstanceId),
    /// A member derived for one concrete type; see [`crate::derive`].
    Derived,
    /// The default value of a parameter.
    Default,
    /// A lambda body, made by `ExprKind::Lambda` in `parent`.
    Lambda {
        /// The function around it.
        parent: FnId,
    },
    /// A spawn body, made by `ExprKind::Spawn` in `parent`; no parameters.
    Spawn {
        /// The function around it.
        parent: FnId,
    },
    /// A generator body, made by `ExprKind::Gen` in `parent`; no parameters.
    Gen {
        /// The function around it.
        parent: FnId,
    },
    /// The body of a `test`.
    Test,
    /// A function of `extern "C"`; without body.
    Extern,
}

/// A captured variable: its value is copied into the closure when the closure is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capture {
    /// The variable in the parent's body.
    pub outer: LocalId,
    /// The variable in this body that starts with the value.
    pub inner: LocalId,
}

/// A function, or the body of a lambda, spawn or generator.
#[derive(Clone, Debug)]
pub struct Fn {
    /// Name as written; of a closure its last path segment; of an extern function its symbol.
    pub name: Name,
    /// Stable path: `main::area`, `main::area::{spawn#1}`, `main::Area[Disc]::area`.
    pub path: Name,
    /// What it is.
    pub kind: FnKind,
    /// Type parameters. A closure has those of its parent, so the same arguments apply to both.
    pub generics: Vec<Generic>,
    /// Parameters, without captures.
    pub params: Vec<Param>,
    /// Result type.
    pub ret: TyId,
    /// `yields Y <- S`; for a generator body what the generator yields.
    pub yields: Option<crate::ty::Yields>,
    /// What a closure captures; empty for others.
    pub captures: Vec<Capture>,
    /// `None` for extern functions only.
    pub body: Option<Body>,
    /// Where its name (or the keyword of the closure) stands.
    pub span: Span,
    /// From the standard library: steps over it in reports are not the user's.
    pub is_std: bool,
}

/// A member of a class.
#[derive(Clone, Debug)]
pub struct ClassMember {
    /// Its name.
    pub name: Name,
    /// Its type; `Ty::Param(0)` is the class's parameter.
    pub ty: FnTy,
    /// Where it is declared.
    pub span: Span,
}

/// The classes that every data type has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum BuiltinClass {
    /// `Eq { eq: fn(T, T) bool }`
    Eq,
    /// `Ord { compare: fn(T, T) Ordering }`
    Ord,
    /// `Hash { hash: fn(T) u64 }`
    Hash,
    /// `Show { show: fn(T) str }`
    Show,
    /// `Default { default: fn() T }`
    Default,
}

/// A type class over one parameter.
#[derive(Clone, Debug)]
pub struct Class {
    /// Its name.
    pub name: Name,
    /// Module and name.
    pub path: Name,
    /// One of those that are derived.
    pub builtin: Option<BuiltinClass>,
    /// Members in order of declaration.
    pub members: Vec<ClassMember>,
    /// Where it is declared.
    pub span: Span,
}

/// An explicit instance: `instance[T: Area] Area[[T]] { … }`.
#[derive(Clone, Debug)]
pub struct Instance {
    /// The class.
    pub class: ClassId,
    /// Type parameters with bounds.
    pub generics: Vec<Generic>,
    /// The type that has the class; matched against concrete types.
    pub ty: TyId,
    /// One function per class member, in the class's order, with the instance's generics.
    pub members: Vec<FnId>,
    /// Where it is declared.
    pub span: Span,
}

/// A `test "name" { … }`.
#[derive(Clone, Debug)]
pub struct Test {
    /// Its name.
    pub name: Name,
    /// Its body, a function without parameters.
    pub func: FnId,
    /// Where it is declared.
    pub span: Span,
}

/// Items that the language itself refers to.
#[derive(Clone, Copy, Debug)]
pub struct LangItems {
    /// `type Option[T] = | None | Some(T)`: `None` is variant 0.
    pub option: AdtId,
    /// `type Result[T, E] = | Ok(T) | Err(E)`
    pub result: AdtId,
    /// `type Ordering = | Less | Equal | Greater`
    pub ordering: AdtId,
    /// `type TaskError = | Cancelled | Panicked(str)`
    pub task_error: AdtId,
    /// `Map[K, V]`, a struct of the prelude.
    pub map: AdtId,
    /// `Set[K]`, a struct of the prelude.
    pub set: AdtId,
    /// `Eq`
    pub eq: ClassId,
    /// `Ord`
    pub ord: ClassId,
    /// `Hash`
    pub hash: ClassId,
    /// `Show`
    pub show: ClassId,
    /// `Default`
    pub default: ClassId,
}

/// How the program ends with the value of `main`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MainKind {
    /// `fn main()`: status 0.
    Unit,
    /// `fn main() i32`: the value is the status.
    Status,
    /// `fn main() Result[(), str]`: `Err(m)` prints `error: m`, status 1.
    Result,
}

/// A checked program.
#[derive(Clone, Debug)]
pub struct Program {
    /// All types.
    pub types: TyTable,
    /// Structs and sum types.
    pub adts: IndexVec<AdtId, Adt>,
    /// Functions and closure bodies.
    pub fns: IndexVec<FnId, Fn>,
    /// Classes.
    pub classes: IndexVec<ClassId, Class>,
    /// Explicit instances.
    pub instances: IndexVec<InstanceId, Instance>,
    /// Tests in source order.
    pub tests: Vec<Test>,
    /// `main`, if there is one (a library module checked alone has none).
    pub main: Option<(FnId, MainKind)>,
    /// What the language refers to.
    pub lang: LangItems,
    /// Functions already derived, so that each is made once: see [`crate::derive`].
    pub derived: std::collections::HashMap<(BuiltinClass, u32, TyId), FnId>,
}
