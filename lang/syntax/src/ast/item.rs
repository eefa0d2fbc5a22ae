//! Declarations: what stands at the top level of a module.

use super::{Block, Docs, Expr, Ident, Path, Type};
use crate::span::Span;
use crate::symbol::Symbol;

/// A declaration.
#[derive(Clone, PartialEq, Debug)]
pub struct Item {
    /// Its `///` lines.
    pub docs: Docs,
    /// The word `pub`, where written.
    pub public: Option<Span>,
    /// Which declaration.
    pub kind: ItemKind,
    /// From `pub` or the keyword to the end.
    pub span: Span,
}

/// The declarations.
#[derive(Clone, PartialEq, Debug)]
pub enum ItemKind {
    /// `import a.b`
    Import(ImportDecl),
    /// `const LIMIT: i64 = 100`
    Const(ConstDecl),
    /// `type T = …`
    Type(TypeDecl),
    /// `fn f() { … }`
    Fn(FnDecl),
    /// `class Area[T] { … }`
    Class(ClassDecl),
    /// `instance Area[Disc] { … }`
    Instance(InstanceDecl),
    /// `extern "C" { … }`
    Extern(ExternDecl),
    /// `test "name" { … }`
    Test(TestDecl),
    /// An error was reported here.
    Error,
}

/// `import geometry.shapes`, used as `shapes.name`; or `import a.b as c`.
#[derive(Clone, PartialEq, Debug)]
pub struct ImportDecl {
    /// The dotted name.
    pub path: Path,
    /// The name after `as`, where written.
    pub alias: Option<Ident>,
}

/// `const NAME: T = value`
#[derive(Clone, PartialEq, Debug)]
pub struct ConstDecl {
    /// Its name, upper case.
    pub name: Ident,
    /// Its type, where written.
    pub ty: Option<Type>,
    /// Its value.
    pub value: Expr,
}

/// `type Name[T] = …`
#[derive(Clone, PartialEq, Debug)]
pub struct TypeDecl {
    /// Its name.
    pub name: Ident,
    /// Its type parameters.
    pub generics: Vec<GenericParam>,
    /// What it is.
    pub body: TypeBody,
}

/// The right side of a `type` declaration.
#[derive(Clone, PartialEq, Debug)]
pub enum TypeBody {
    /// `{ x: f64, y: f64 }`
    Struct(Vec<FieldDecl>),
    /// `| Circle(f64) | Empty`; a first `|` may be missing where there are two or a payload.
    Sum(Vec<VariantDecl>),
    /// Another type: `type Id = u64`.
    Alias(Type),
}

/// A field of a struct type: `x: f64`.
#[derive(Clone, PartialEq, Debug)]
pub struct FieldDecl {
    /// Its `///` lines.
    pub docs: Docs,
    /// Its name.
    pub name: Ident,
    /// Its type; [`TypeKind::Error`](super::TypeKind::Error) where an error was reported.
    pub ty: Type,
    /// The whole field.
    pub span: Span,
}

/// A variant of a sum type: `Rect(f64, f64)`.
#[derive(Clone, PartialEq, Debug)]
pub struct VariantDecl {
    /// Its `///` lines.
    pub docs: Docs,
    /// Its name.
    pub name: Ident,
    /// The types of its fields; empty where no parentheses were written.
    pub fields: Vec<Type>,
    /// The whole variant.
    pub span: Span,
}

/// A type parameter with its bounds: `T: Ord + Show`.
#[derive(Clone, PartialEq, Debug)]
pub struct GenericParam {
    /// Its name.
    pub name: Ident,
    /// The classes after the colon.
    pub bounds: Vec<Path>,
    /// The whole parameter.
    pub span: Span,
}

/// `fn name[T: Class](p: T, q: i64 = 5) R yields Y <- S { … }`
#[derive(Clone, PartialEq, Debug)]
pub struct FnDecl {
    /// Its name.
    pub name: Ident,
    /// Its type parameters.
    pub generics: Vec<GenericParam>,
    /// Parameters and results.
    pub signature: Signature,
    /// Its body.
    pub body: Block,
    /// From `fn` to the end of the signature, for messages.
    pub head_span: Span,
}

/// Parameters and results of a function or lambda.
#[derive(Clone, PartialEq, Debug)]
pub struct Signature {
    /// The parameters in order.
    pub params: Vec<Param>,
    /// The result type, where written; `()` for functions, inferred for lambdas, where not.
    pub result: Option<Type>,
    /// What it yields, where written.
    pub yields: Option<Yields>,
}

/// `yields Y` or `yields Y <- S`.
#[derive(Clone, PartialEq, Debug)]
pub struct Yields {
    /// The type of the values yielded.
    pub yielded: Box<Type>,
    /// The type of the values sent, where written.
    pub sent: Option<Box<Type>>,
    /// The whole clause.
    pub span: Span,
}

/// A parameter: `mut name: T = default`.
#[derive(Clone, PartialEq, Debug)]
pub struct Param {
    /// The word `mut`, where written: an in-out parameter.
    pub mutable: Option<Span>,
    /// Its name; `_` is a name that nothing refers to.
    pub name: Ident,
    /// Its type; always written in function declarations (the parser sees to it).
    pub ty: Option<Type>,
    /// Its default, where written; functions only.
    pub default: Option<Expr>,
    /// The whole parameter.
    pub span: Span,
}

/// `class Area[T] { area: fn(T) f64 }`
#[derive(Clone, PartialEq, Debug)]
pub struct ClassDecl {
    /// Its name.
    pub name: Ident,
    /// Its type parameters.
    pub generics: Vec<GenericParam>,
    /// Its members.
    pub members: Vec<ClassMember>,
}

/// A member of a class: `area: fn(T) f64`.
#[derive(Clone, PartialEq, Debug)]
pub struct ClassMember {
    /// Its `///` lines.
    pub docs: Docs,
    /// Its name.
    pub name: Ident,
    /// Its type.
    pub ty: Type,
    /// The whole member.
    pub span: Span,
}

/// `instance[T: Area] Area[[T]] { area = fn(xs: [T]) f64 { … } }`
#[derive(Clone, PartialEq, Debug)]
pub struct InstanceDecl {
    /// Its type parameters.
    pub generics: Vec<GenericParam>,
    /// The class.
    pub class: Path,
    /// The types the class is applied to.
    pub args: Vec<Type>,
    /// The members given.
    pub members: Vec<InstanceMember>,
    /// From `instance` to the end of the arguments, for messages.
    pub head_span: Span,
}

/// A member of an instance: `area = fn(d: Disc) f64 { … }`.
#[derive(Clone, PartialEq, Debug)]
pub struct InstanceMember {
    /// Its `///` lines.
    pub docs: Docs,
    /// The class member's name.
    pub name: Ident,
    /// Its value, normally a lambda or a function's name.
    pub value: Expr,
    /// The whole member.
    pub span: Span,
}

/// `extern "C" { fn labs(x: i64) i64 }`
#[derive(Clone, PartialEq, Debug)]
pub struct ExternDecl {
    /// The calling convention's name: `C`.
    pub abi: Symbol,
    /// Where the name stands.
    pub abi_span: Span,
    /// The functions declared.
    pub fns: Vec<ExternFn>,
}

/// A C function's declaration.
#[derive(Clone, PartialEq, Debug)]
pub struct ExternFn {
    /// Its `///` lines.
    pub docs: Docs,
    /// The word `pub`, where written.
    pub public: Option<Span>,
    /// Its name, which is also its symbol.
    pub name: Ident,
    /// Parameters and result.
    pub signature: Signature,
    /// The whole declaration.
    pub span: Span,
}

/// `test "name" { … }`
#[derive(Clone, PartialEq, Debug)]
pub struct TestDecl {
    /// Its name.
    pub name: Symbol,
    /// Where the name stands, quotes included.
    pub name_span: Span,
    /// Its body.
    pub body: Block,
}
