//! Expressions, with the loops, jumps, assignments and sends that the grammar admits only as
//! statements and as bodies of match and select arms.

use super::{Block, Ident, Literal, Path, Pattern, Signature, Type};
use crate::span::Span;
use crate::symbol::Symbol;

/// An expression.
#[derive(Clone, PartialEq, Debug)]
pub struct Expr {
    /// Which expression.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
}

impl Expr {
    /// An expression at a place.
    #[must_use]
    pub const fn new(kind: ExprKind, span: Span) -> Self {
        Self { kind, span }
    }

    /// The expression inside any number of parentheses.
    #[must_use]
    pub fn unparenthesized(&self) -> &Self {
        let mut expr = self;
        while let ExprKind::Paren(inner) = &expr.kind {
            expr = inner;
        }
        expr
    }
}

/// The forms of expressions.
#[derive(Clone, PartialEq, Debug)]
pub enum ExprKind {
    /// `42 1.5 'a' "text" true 5ms`
    Literal(Literal),
    /// `"a {b} c"`
    Interpolation(Vec<StrPart>),
    /// A name: variable, function, module, constant, variant, type (before a dot).
    Name(Ident),
    /// `a.name`, `module.name`, `Type.Variant`, `module.Type`; a call of it is a method call.
    Field {
        /// What stands before the dot.
        base: Box<Expr>,
        /// What stands after it.
        name: Ident,
    },
    /// `t.0`
    TupleField {
        /// The tuple.
        base: Box<Expr>,
        /// Which field.
        index: u32,
        /// Where the number stands.
        index_span: Span,
    },
    /// `xs[i]`, `xs[a..b]`; only here may a range lack an end (`xs[1..]`).
    Index {
        /// The list, map or string.
        base: Box<Expr>,
        /// The index, key or [`ExprKind::Range`].
        index: Box<Expr>,
    },
    /// `f(a, mut b)`, `x.f(a)` (the callee is a [`ExprKind::Field`]), `Some(x)`; `(b.f)(x)`
    /// has a callee in parentheses.
    Call {
        /// What is called.
        callee: Box<Expr>,
        /// The arguments.
        args: Vec<Arg>,
    },
    /// `max::[i64]`
    Instantiate {
        /// The generic function.
        base: Box<Expr>,
        /// Its type arguments.
        type_args: Vec<Type>,
    },
    /// `@name[T](a)`
    Intrinsic {
        /// The name without `@`; its span includes it.
        name: Ident,
        /// The type arguments; empty where no brackets were written.
        type_args: Vec<Type>,
        /// The arguments.
        args: Vec<Arg>,
    },
    /// `e?`
    Try(Box<Expr>),
    /// `-a !a ~a <-a`
    Unary {
        /// The operator.
        op: UnaryOp,
        /// Where it stands.
        op_span: Span,
        /// The operand.
        operand: Box<Expr>,
    },
    /// `a + b` and so on, `&&` and `||` included.
    Binary {
        /// The operator.
        op: BinaryOp,
        /// Where it stands.
        op_span: Span,
        /// The left operand.
        left: Box<Expr>,
        /// The right operand.
        right: Box<Expr>,
    },
    /// `a as T`, `a as% T`
    Cast {
        /// The operand.
        operand: Box<Expr>,
        /// Whether it was written `as%`.
        wrapping: bool,
        /// The target.
        ty: Type,
    },
    /// `a..b`, `a..=b`; an end is missing only directly inside an index.
    Range {
        /// The first value.
        start: Option<Box<Expr>>,
        /// The last value, or the one after it.
        end: Option<Box<Expr>>,
        /// Whether it was written `..=`.
        inclusive: bool,
    },
    /// `()`, `(a, b)`; never one element, which is [`ExprKind::Paren`].
    Tuple(Vec<Expr>),
    /// `(e)`
    Paren(Box<Expr>),
    /// `[a, b]`
    List(Vec<Expr>),
    /// `[value; count]`
    Repeat {
        /// The element.
        value: Box<Expr>,
        /// How many.
        count: Box<Expr>,
    },
    /// `["a": 1]`, `[:]`
    Map(Vec<MapEntry>),
    /// `Point { x: 1.0, y }`
    Struct {
        /// The struct type.
        path: Path,
        /// The fields.
        fields: Vec<FieldInit>,
    },
    /// `fn(x: i64) i64 { … }`
    Lambda(Box<Lambda>),
    /// `if c { … } else { … }`
    If {
        /// The condition.
        condition: Box<Expr>,
        /// The block when it holds.
        then_block: Block,
        /// A [`ExprKind::Block`] or another [`ExprKind::If`], where written.
        else_branch: Option<Box<Expr>>,
    },
    /// `match e { … }`
    Match {
        /// What is looked at.
        scrutinee: Box<Expr>,
        /// The arms in order.
        arms: Vec<MatchArm>,
    },
    /// `{ … }`
    Block(Box<Block>),
    /// `async { … }`, `async s { … }`
    Async {
        /// The name of the scope, where written.
        scope: Option<Ident>,
        /// The body.
        body: Box<Block>,
    },
    /// `spawn in s "name" { … }`, `spawn f(x)`
    Spawn(Box<Spawn>),
    /// `gen { … }`
    Gen(Box<Block>),
    /// `select { … }`
    Select(Vec<SelectArm>),
    /// `label: while c { … }`
    While {
        /// The label, where written.
        label: Option<Ident>,
        /// The condition.
        condition: Box<Expr>,
        /// The body.
        body: Box<Block>,
    },
    /// `label: for p in e { … }`
    For {
        /// The label, where written.
        label: Option<Ident>,
        /// What each element is bound to.
        pattern: Box<Pattern>,
        /// What is iterated over.
        iterable: Box<Expr>,
        /// The body.
        body: Box<Block>,
    },
    /// `place = e` and `place += e`. The place is a name, field, tuple field or index chain
    /// (the parser sees to it).
    Assign {
        /// What is assigned to.
        place: Box<Expr>,
        /// The operator of a compound assignment; never a comparison or a logical one.
        op: Option<BinaryOp>,
        /// Where `=` or `+=` stands.
        op_span: Span,
        /// The value.
        value: Box<Expr>,
    },
    /// `channel <- e`
    Send {
        /// The channel.
        channel: Box<Expr>,
        /// The value.
        value: Box<Expr>,
    },
    /// `return`, `return e`
    Return(Option<Box<Expr>>),
    /// `break`, `break label`
    Break(Option<Ident>),
    /// `continue`, `continue label`
    Continue(Option<Ident>),
    /// An error was reported here.
    Error,
}

/// A piece of an interpolated string.
#[derive(Clone, PartialEq, Debug)]
pub enum StrPart {
    /// Text, escapes decoded; never empty.
    Text(Symbol, Span),
    /// `{expr}`; the span includes the braces.
    Expr(Box<Expr>, Span),
}

/// An argument of a call.
#[derive(Clone, PartialEq, Debug)]
pub struct Arg {
    /// The word `mut`, where written: an in-out argument, whose value is then a place (the
    /// parser sees to it).
    pub mutable: Option<Span>,
    /// The value.
    pub value: Expr,
}

/// `key: value` in a map literal.
#[derive(Clone, PartialEq, Debug)]
pub struct MapEntry {
    /// The key.
    pub key: Expr,
    /// The value.
    pub value: Expr,
}

/// `x: e` in a struct literal; `x` alone stands for `x: x`.
#[derive(Clone, PartialEq, Debug)]
pub struct FieldInit {
    /// The field.
    pub name: Ident,
    /// The value, where written.
    pub value: Option<Expr>,
    /// The whole of it.
    pub span: Span,
}

/// `fn(x: i64) i64 { … }`
#[derive(Clone, PartialEq, Debug)]
pub struct Lambda {
    /// Parameters and results; types may be missing.
    pub signature: Signature,
    /// The body.
    pub body: Block,
    /// From `fn` to the end of the signature, for messages.
    pub head_span: Span,
}

/// `pattern if guard => body`
#[derive(Clone, PartialEq, Debug)]
pub struct MatchArm {
    /// The pattern.
    pub pattern: Pattern,
    /// The condition after `if`, where written.
    pub guard: Option<Expr>,
    /// The value.
    pub body: Expr,
    /// The whole arm.
    pub span: Span,
}

/// `spawn [in scope] ["name"] body`
#[derive(Clone, PartialEq, Debug)]
pub struct Spawn {
    /// The scope after `in`, where written.
    pub scope: Option<Ident>,
    /// The task's name, where written: a string literal or an interpolation.
    pub name: Option<Expr>,
    /// What it runs.
    pub body: SpawnBody,
    /// The word `spawn`.
    pub keyword_span: Span,
}

/// What a spawned task runs.
#[derive(Clone, PartialEq, Debug)]
pub enum SpawnBody {
    /// A block; it captures by value.
    Block(Block),
    /// A call ([`ExprKind::Call`] or [`ExprKind::Intrinsic`]), whose arguments are evaluated in
    /// the spawning task.
    Call(Box<Expr>),
}

/// An arm of a `select`.
#[derive(Clone, PartialEq, Debug)]
pub struct SelectArm {
    /// What the arm waits for.
    pub kind: SelectArmKind,
    /// The condition after `if`, where written.
    pub guard: Option<Expr>,
    /// The value.
    pub body: Expr,
    /// The whole arm.
    pub span: Span,
}

/// What an arm of a `select` waits for.
#[derive(Clone, PartialEq, Debug)]
pub enum SelectArmKind {
    /// `v := <-channel`
    Receive {
        /// The new variable; `None` is `_`.
        value: Option<Ident>,
        /// The channel, without the `<-`.
        channel: Expr,
    },
    /// `v, ok := <-channel`
    ReceiveOk {
        /// The new variable for the value; `None` is `_`.
        value: Option<Ident>,
        /// The new variable that says whether there was one; `None` is `_`.
        ok: Option<Ident>,
        /// The channel, without the `<-`.
        channel: Expr,
    },
    /// `<-channel`: the value is dropped.
    ReceiveDrop {
        /// The channel, without the `<-`.
        channel: Expr,
    },
    /// `left <- right`. A send; but where `left` is a plain lower-case name
    /// ([`ExprKind::Name`]) that is no variable in scope, a receive from `right` into a new
    /// variable `left`.
    Arrow {
        /// The channel, or the new variable.
        left: Expr,
        /// The value, or the channel.
        right: Expr,
    },
    /// `after duration`
    After(Expr),
    /// `default`; never with a guard (the parser sees to it).
    Default,
    /// An error was reported here.
    Error,
}

/// Unary operators.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum UnaryOp {
    /// `-`
    Neg,
    /// `!`
    Not,
    /// `~`
    BitNot,
    /// `<-`
    Receive,
}

impl UnaryOp {
    /// As written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Neg => "-",
            Self::Not => "!",
            Self::BitNot => "~",
            Self::Receive => "<-",
        }
    }
}

/// Binary operators.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "`as_str` gives each operator's sign")]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
    WrappingAdd,
    WrappingSub,
    WrappingMul,
    BitAnd,
    BitOr,
    BitXor,
    Shl,
    Shr,
    And,
    Or,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl BinaryOp {
    /// As written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Rem => "%",
            Self::WrappingAdd => "+%",
            Self::WrappingSub => "-%",
            Self::WrappingMul => "*%",
            Self::BitAnd => "&",
            Self::BitOr => "|",
            Self::BitXor => "^",
            Self::Shl => "<<",
            Self::Shr => ">>",
            Self::And => "&&",
            Self::Or => "||",
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
        }
    }

    /// `== != < <= > >=`
    #[must_use]
    pub fn is_comparison(self) -> bool {
        matches!(self, Self::Eq | Self::Ne | Self::Lt | Self::Le | Self::Gt | Self::Ge)
    }

    /// `&& ||`
    #[must_use]
    pub fn is_logical(self) -> bool {
        matches!(self, Self::And | Self::Or)
    }
}
