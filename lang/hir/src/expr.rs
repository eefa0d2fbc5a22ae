//! Bodies: expressions, statements, places, loops, select.
//!
//! Everything that the source leaves implicit is explicit here; see the list in the crate's
//! documentation. Invariants are stated at each node.

use crate::ids::{ClassId, FnId, IndexVec, LocalId, LoopId, TyId};
use crate::intrinsic::Intrinsic;
use crate::item::Name;
use crate::pat::Pat;
use orion_syntax::Span;

/// A variable.
#[derive(Clone, Debug)]
pub struct Local {
    /// Its name; compiler-made variables have names that start with `$`.
    pub name: Name,
    /// Its type.
    pub ty: TyId,
    /// `var`, or a `mut` parameter.
    pub mutable: bool,
    /// Where it is declared.
    pub span: Span,
}

/// The body of a function.
#[derive(Clone, Debug)]
pub struct Body {
    /// All variables.
    pub locals: IndexVec<LocalId, Local>,
    /// Variables of the parameters, in order.
    pub params: Vec<LocalId>,
    /// Number of loops: `LoopId`s are below it.
    pub loop_count: u32,
    /// The value; of the function's result type or `Never`.
    pub value: Expr,
}

/// An expression with its type and place in the source.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Its type. `Never`: evaluation does not come to an end; such an expression may stand where
    /// any type is wanted.
    pub ty: TyId,
    /// Where it stands.
    pub span: Span,
}

/// A binary operation on primitive values; both operands are of one type unless noted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BinOp {
    /// Int (overflow panics), Float, Str (concatenates), Duration; Instant + Duration.
    Add,
    /// Int, Float, Duration; Instant - Instant gives Duration; Instant - Duration.
    Sub,
    /// Int, Float; Duration * i64.
    Mul,
    /// Int (zero and overflow panic), Float; Duration / i64.
    Div,
    /// Int, Float.
    Rem,
    /// Int, wrapping.
    AddWrap,
    /// Int, wrapping.
    SubWrap,
    /// Int, wrapping.
    MulWrap,
    /// Int, Bool.
    BitAnd,
    /// Int, Bool.
    BitOr,
    /// Int, Bool.
    BitXor,
    /// Int; the right operand is any integer type, panics when negative or >= the width.
    Shl,
    /// As `Shl`; arithmetic for signed types.
    Shr,
    /// Unit, Int, Float, Bool, Char, Str, Duration, Instant. Gives Bool.
    Eq,
    /// As `Eq`.
    Ne,
    /// Unit, Int, Float, Bool, Char, Str, Duration, Instant. Gives Bool.
    Lt,
    /// As `Lt`.
    Le,
    /// As `Lt`.
    Gt,
    /// As `Lt`.
    Ge,
}

impl BinOp {
    /// The operator in the source.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            BinOp::Add => "+",
            BinOp::Sub => "-",
            BinOp::Mul => "*",
            BinOp::Div => "/",
            BinOp::Rem => "%",
            BinOp::AddWrap => "+%",
            BinOp::SubWrap => "-%",
            BinOp::MulWrap => "*%",
            BinOp::BitAnd => "&",
            BinOp::BitOr => "|",
            BinOp::BitXor => "^",
            BinOp::Shl => "<<",
            BinOp::Shr => ">>",
            BinOp::Eq => "==",
            BinOp::Ne => "!=",
            BinOp::Lt => "<",
            BinOp::Le => "<=",
            BinOp::Gt => ">",
            BinOp::Ge => ">=",
        }
    }

    /// `== != < <= > >=`
    #[must_use]
    pub fn is_comparison(self) -> bool {
        matches!(self, BinOp::Eq | BinOp::Ne | BinOp::Lt | BinOp::Le | BinOp::Gt | BinOp::Ge)
    }
}

/// A unary operation on primitive values.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum UnOp {
    /// Int (overflow panics), Float, Duration.
    Neg,
    /// Bool.
    Not,
    /// Int: bitwise complement.
    BitNot,
}

/// A conversion.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CastKind {
    /// Implicit: to a wider integer of the same signedness; always fits.
    Widen,
    /// `as`: between integers, floats, and to or from `char`; panics when the value does not fit.
    Checked,
    /// `as%`: between integers, wraps.
    Wrapping,
    /// Implicit: `Chan[T]` to `Send[T]` or `Recv[T]`; the same pointer.
    ChanView,
}

/// What is called.
#[derive(Clone, Debug)]
pub enum Callee {
    /// A function, with an argument for each of its generics.
    Fn(FnId, Vec<TyId>),
    /// The member of a class at a type: once the type is concrete,
    /// [`crate::Program::resolve_member`] gives the function.
    Member {
        /// The class.
        class: ClassId,
        /// Index of the member in the class.
        member: u32,
        /// The type that has the class.
        ty: TyId,
    },
    /// A function value.
    Value(Box<Expr>),
}

/// An argument of a call.
#[derive(Clone, Debug)]
pub enum Arg {
    /// Passed by value.
    Value(Expr),
    /// In-out: the value goes in, and comes back when the call returns or unwinds.
    Mut(Place),
}

/// Something that can be assigned to: a variable and a path into it.
#[derive(Clone, Debug)]
pub struct Place {
    /// The variable; mutable.
    pub local: LocalId,
    /// Steps from it, outermost value first.
    pub projections: Vec<Projection>,
    /// Type of the place.
    pub ty: TyId,
    /// Where it stands.
    pub span: Span,
}

/// A step of a place.
#[derive(Clone, Debug)]
pub struct Projection {
    /// Which.
    pub kind: ProjectionKind,
    /// Type of the part.
    pub ty: TyId,
    /// Where it stands.
    pub span: Span,
}

/// A step of a place.
#[derive(Clone, Debug)]
pub enum ProjectionKind {
    /// Field of a struct or tuple, by index.
    Field(u32),
    /// Element of a list; the index (`i64`) is evaluated once and panics out of range.
    Index(Box<Expr>),
    /// Field of a sum type's variant, known to be the present one (made by `m[k]` only).
    VariantField {
        /// The variant.
        variant: u32,
        /// Its field.
        field: u32,
    },
}

/// What a `for` runs over. The loop runs over the value as it was; the value is evaluated once.
#[derive(Clone, Debug)]
pub enum ForIter {
    /// `start..end` or `start..=end`, both of the pattern's integer type (or `char`).
    Range {
        /// First value.
        start: Expr,
        /// Last value or the one after it.
        end: Expr,
        /// `..=`
        inclusive: bool,
    },
    /// Elements of a list. Maps and sets come as lists.
    List(Expr),
    /// `char`s of a `str`.
    Str(Expr),
    /// A `Chan` or `Recv`, until closed and drained.
    Chan(Expr),
    /// A generator in a variable: driven in place.
    GenPlace(Place),
    /// Another generator: taken, and dropped at the end.
    GenValue(Expr),
}

/// An operation that an arm of a `select` waits for.
#[derive(Clone, Debug)]
pub enum SelectOp {
    /// Receive: ready when a value is there or the channel is closed and drained.
    Recv {
        /// A `Chan` or `Recv`.
        chan: Expr,
        /// Variable of type `Option[T]` that is set before the arm's body runs: `Some(v)`, or
        /// `None` once closed and drained. The body takes it apart, and panics where it must.
        bind: Option<LocalId>,
    },
    /// Send: ready when there is room or a receiver; a closed channel panics.
    Send {
        /// A `Chan` or `Send`.
        chan: Expr,
        /// The value, evaluated on entry.
        value: Expr,
    },
    /// A timeout; the `Duration` is evaluated on entry.
    After(Expr),
    /// Taken when nothing is ready.
    Default,
}

/// An arm of a `select`.
#[derive(Clone, Debug)]
pub struct SelectArm {
    /// Its operation; its operands are not evaluated where the guard is false.
    pub op: SelectOp,
    /// The arm takes part only where this is true.
    pub guard: Option<Expr>,
    /// Its value, of the select's type or `Never`.
    pub body: Expr,
    /// Where the operation stands.
    pub span: Span,
}

/// An arm of a `match`.
#[derive(Clone, Debug)]
pub struct Arm {
    /// Pattern, of the scrutinee's type.
    pub pat: Pat,
    /// Tried when the pattern matches, with its variables bound; false goes on with the next arm.
    pub guard: Option<Expr>,
    /// Its value, of the match's type or `Never`.
    pub body: Expr,
}

/// A statement.
#[derive(Clone, Debug)]
pub enum Stmt {
    /// Binds an irrefutable pattern.
    Let {
        /// The pattern.
        pat: Pat,
        /// The value.
        init: Expr,
        /// Where it stands.
        span: Span,
    },
    /// Evaluates, and drops the value.
    Expr(Expr),
    /// Registers a deferred block of this *function* (spawn, lambda, generator), run in reverse
    /// order of registration when it is left by return, panic or cancellation. It reads and writes
    /// the variables as they are then; there is no jump out of it.
    Defer {
        /// The block, of type `()`.
        body: Box<Expr>,
        /// Variables from outside the block that it names, in order of first use.
        uses: Vec<LocalId>,
        /// Whether it stands in a loop of this function: then it may be registered often, each
        /// time for the loop iteration's own variables.
        in_loop: bool,
        /// Where it stands.
        span: Span,
    },
}

/// The kinds of expressions. Operands are evaluated left to right, each once.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// `()`
    Unit,
    /// `true false`
    Bool(bool),
    /// `'c'`
    Char(char),
    /// An integer literal; fits its type.
    Int(i128),
    /// A float literal; rounded to its type.
    Float(f64),
    /// A string literal.
    Str(Name),
    /// A duration literal in nanoseconds.
    Duration(i64),
    /// The value of a variable. Linear values and generators are moved, others copied.
    Local(LocalId),
    /// A named function as a value.
    FnRef(FnId, Vec<TyId>),
    /// A class member as a value.
    MemberRef {
        /// The class.
        class: ClassId,
        /// Index of the member.
        member: u32,
        /// The type that has the class.
        ty: TyId,
    },
    /// `(a, b)`
    Tuple(Vec<Expr>),
    /// `[a, b]`
    List(Vec<Expr>),
    /// `[value; count]`; a negative count panics.
    ListRepeat {
        /// The element.
        value: Box<Expr>,
        /// How many, `i64`.
        count: Box<Expr>,
    },
    /// A struct: every field once, as (index, value), evaluated in this order.
    Struct(Vec<(u32, Expr)>),
    /// A variant with all its fields.
    Variant(u32, Vec<Expr>),
    /// A field of a struct or tuple.
    Field(Box<Expr>, u32),
    /// An element of a list; the index is `i64`.
    Index(Box<Expr>, Box<Expr>),
    /// A part of a list or `str` (by bytes): `base[start..end]`, bounds `i64`, exclusive.
    /// An absent start is 0, an absent end the length; out of range panics.
    Slice {
        /// List or `str`.
        base: Box<Expr>,
        /// First index.
        start: Option<Box<Expr>>,
        /// One after the last index.
        end: Option<Box<Expr>>,
        /// `..=`: the end is the last index.
        inclusive: bool,
    },
    /// Index of the variant of a sum type's value, as `i64`.
    VariantIndex(Box<Expr>),
    /// Operation on a primitive value.
    Unary(UnOp, Box<Expr>),
    /// Operation on primitive values.
    Binary(BinOp, Box<Expr>, Box<Expr>),
    /// `&&`
    And(Box<Expr>, Box<Expr>),
    /// `||`
    Or(Box<Expr>, Box<Expr>),
    /// A conversion to the expression's type.
    Cast(CastKind, Box<Expr>),
    /// Concatenation of strings: what interpolation comes down to. At least one part.
    Concat(Vec<Expr>),
    /// A call. `Callee::Value` is evaluated before the arguments.
    Call(Callee, Vec<Arg>),
    /// An operation of the language or runtime; type arguments as its documentation says.
    Intrinsic(Intrinsic, Vec<TyId>, Vec<Arg>),
    /// Statements, then the value; `()` or `Never` without a tail.
    Block(Vec<Stmt>, Option<Box<Expr>>),
    /// `if`; without `else` the type is `()`.
    If {
        /// `bool`
        cond: Box<Expr>,
        /// Where true.
        then: Box<Expr>,
        /// Where false.
        otherwise: Option<Box<Expr>>,
    },
    /// `match`, exhaustive; the first arm that matches is taken.
    Match {
        /// Evaluated once.
        scrutinee: Box<Expr>,
        /// Tried in order.
        arms: Vec<Arm>,
    },
    /// `while`; of type `Never` when it is `while true` without a `break`.
    While {
        /// Target of `break` and `continue`.
        id: LoopId,
        /// `bool`
        cond: Box<Expr>,
        /// `()`
        body: Box<Expr>,
    },
    /// `for`
    For {
        /// Target of `break` and `continue`.
        id: LoopId,
        /// Irrefutable.
        pat: Pat,
        /// What it runs over.
        iter: Box<ForIter>,
        /// `()`
        body: Box<Expr>,
    },
    /// Leaves the loop; every `async` block in between is left early: its tasks are cancelled and
    /// awaited.
    Break(LoopId),
    /// Goes on with the next round of the loop; `async` blocks in between as with `Break`.
    Continue(LoopId),
    /// Leaves this function (spawn, lambda, generator); `async` blocks in between as with `Break`.
    Return(Option<Box<Expr>>),
    /// `place = value`: the indices of the place are evaluated, then the value; then the bounds are
    /// checked, the old value is dropped and the new one takes its place.
    Assign(Box<Place>, Box<Expr>),
    /// `place op= value`: the indices of the place are evaluated once, then the value, then the
    /// operation on what the place holds at that time. Operand types as for the operator.
    AssignOp(BinOp, Box<Place>, Box<Expr>),
    /// A closure; captures are listed in the function.
    Lambda(FnId),
    /// A task in a scope; gives its `Task[T]`. Captures are listed in the function.
    Spawn {
        /// The body, `FnKind::Spawn`.
        func: FnId,
        /// Of type `Scope`, evaluated first.
        scope: Box<Expr>,
        /// Of type `str`, evaluated second.
        name: Option<Box<Expr>>,
        /// The handle is dropped at once: the task's panic goes to the scope. The expression is
        /// then a statement, and its type is still `Task[T]`.
        detached: bool,
    },
    /// A generator, not started; captures are listed in the function.
    Gen(FnId),
    /// `async`: opens a scope in the variable `scope`, evaluates the body, awaits every task of
    /// the scope, and gives the body's value. The body of `main` and of a test is one.
    Async {
        /// Variable of type `Scope`.
        scope: LocalId,
        /// Of the expression's type, or `Never`.
        body: Box<Expr>,
    },
    /// `select`; without arms of type `Never`.
    Select(Vec<SelectArm>),
}
