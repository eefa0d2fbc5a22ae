//! Bodies: one control-flow graph per monomorphic function.
//!
//! Ownership. Locals own their values. There are no drop flags: a local owns its value exactly where it is *live* (will be read, moved or
//! dropped on some path). The builder writes no drops and reads locals by `Operand::Copy`; the pass `rc` turns a last use into a move and
//! inserts `Drop` where a value dies, unwind edges included. After it every owned value is moved or dropped exactly once on every path.
//!
//! Places. A place with projections is a path inside the value of a local: it exists within one statement, no pointer into a value is ever kept.
//! Writing below a list or a boxed type needs `Statement::MakeUnique` of it first (copy on write).

use crate::intrinsic::Intrinsic;
use crate::suspend::SuspendOp;
use crate::ty::{IntTy, Ty, TypeTable};

macro_rules! index {
    ($($(#[$doc:meta])* $name:ident $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u32);
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
        impl $name {
            /// As an index of a vector.
            #[must_use]
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}
index! {
    /// A function of a [`Program`].
    BodyId "fn";
    /// A local variable or temporary of a [`Body`]. `_0` is the result.
    Local "_";
    /// A basic block of a [`Body`]. `bb0` is the entry.
    Block "bb";
    /// A suspend point of a [`Body`]; 0 is the start of the body.
    Point "@";
}

/// The result local.
pub const RETURN: Local = Local(0);
/// The entry block.
pub const ENTRY: Block = Block(0);

/// A position in the source.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Loc {
    /// Index into [`Program::files`].
    pub file: u32,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
}

/// A monomorphic program.
#[derive(Debug)]
pub struct Program {
    /// Its types.
    pub types: TypeTable,
    /// Its functions, in order of discovery from `main`.
    pub bodies: Vec<Body>,
    /// The entry: no parameters; it opens main's scope itself and returns what `main` returns.
    pub main: BodyId,
    /// Of a program of tests: each of them, an entry like `main` (which is the first).
    pub tests: Vec<BodyId>,
    /// Source files by their paths as given.
    pub files: Vec<String>,
    /// Name of the program.
    pub name: String,
}

impl Program {
    /// The function.
    #[must_use]
    pub fn body(&self, id: BodyId) -> &Body {
        &self.bodies[id.index()]
    }

    /// Whether the runtime starts a task with this function.
    #[must_use]
    pub fn is_entry(&self, id: BodyId) -> bool {
        id == self.main || self.tests.contains(&id)
    }
}

/// What a function is.
#[derive(Clone, PartialEq, Debug)]
pub enum BodyKind {
    /// A function that is called by name.
    Function,
    /// A lambda: its first parameter is the closure itself (type `Fn`), borrowed; `Proj::Capture` reads captures from it.
    Closure {
        /// Captured variables: name and type.
        captures: Vec<(String, Ty)>,
    },
    /// The body of a `spawn`: parameters are the captures; only a frame is ever made of it.
    Task,
    /// The body of a `gen`, likewise, with the type of the generator.
    Generator(Ty),
    /// `extern "C"`: no blocks; called with the C convention under this symbol. It neither suspends nor unwinds.
    Extern {
        /// The C symbol.
        symbol: String,
    },
}

/// A function.
#[derive(Clone, Debug)]
pub struct Body {
    /// Its path with type arguments, unique and stable: `main`, `geometry.area`, `max[i64]`, `main::{spawn#1}`.
    pub name: String,
    /// What it is.
    pub kind: BodyKind,
    /// Where it is declared.
    pub loc: Loc,
    /// Locals: the result, then the parameters, then the rest.
    pub locals: Vec<LocalDecl>,
    /// How many parameters follow the result local.
    pub param_count: u32,
    /// Which parameters are in-out: their values at the end go back to the caller (also when unwinding).
    pub inout: Vec<Local>,
    /// Blocks.
    pub blocks: Vec<BlockData>,
    /// Its address is taken (it is a closure, or a function used as a value): it has the full convention with a status.
    pub address_taken: bool,
    /// Filled by the pass `effects`: it may suspend.
    pub may_suspend: bool,
    /// Filled by the pass `effects`: it may unwind.
    pub may_unwind: bool,
    /// Filled by the pass `frame_map`: the suspend points, `points[0]` is the start.
    pub points: Vec<PointData>,
    /// Filled at the end: hash of the printed body.
    pub hash: u64,
}

impl BodyKind {
    /// Only frames are made of it: it has no callers.
    #[must_use]
    pub fn is_frame_only(&self) -> bool {
        matches!(self, Self::Task | Self::Generator(_))
    }
}

impl Body {
    /// The parameters.
    pub fn params(&self) -> impl Iterator<Item = Local> + use<> {
        (1..=self.param_count).map(Local)
    }

    /// Type of a local.
    #[must_use]
    pub fn ty(&self, local: Local) -> Ty {
        self.locals[local.index()].ty
    }

    /// The block.
    #[must_use]
    pub fn block(&self, block: Block) -> &BlockData {
        &self.blocks[block.index()]
    }
}

/// A local.
#[derive(Clone, Debug)]
pub struct LocalDecl {
    /// Name in the source, none for temporaries.
    pub name: Option<String>,
    /// Type.
    pub ty: Ty,
    /// Where it is declared.
    pub loc: Loc,
}

/// A basic block.
#[derive(Clone, Debug)]
pub struct BlockData {
    /// Straight-line code.
    pub statements: Vec<Statement>,
    /// Where it goes.
    pub terminator: Terminator,
}

/// A suspend point with its frame map.
#[derive(Clone, Debug)]
pub struct PointData {
    /// The block whose terminator it is (the entry block for the start).
    pub block: Block,
    /// Locals that are valid as long as the frame stands here, sorted. Borrowed operands (channels, scopes) are among them.
    pub live: Vec<Local>,
    /// Locals that an arm consumes (sent values, joined tasks): (local, arm). Not in `live`.
    pub consumed: Vec<(Local, u32)>,
    /// Locals that an arm defines: (local, arm).
    pub dests: Vec<(Local, u32)>,
}

/// A path into a local's value.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Place {
    /// The local.
    pub local: Local,
    /// Steps, outermost first.
    pub projection: Vec<Proj>,
}

impl From<Local> for Place {
    fn from(local: Local) -> Self {
        Self { local, projection: Vec::new() }
    }
}

/// A step of a place.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Proj {
    /// Field of a tuple.
    Field(u32),
    /// Field of a variant of a data type (0 for structs), in place or boxed; the builder has tested the tag.
    Variant(u32, u32),
    /// Element of a list; the builder has tested the bounds.
    Index(Local),
    /// Capture of a closure (the first parameter of a closure body).
    Capture(u32),
}

/// A value that is read.
#[derive(Clone, PartialEq, Debug)]
pub enum Operand {
    /// A new owner of the value at the place (counted once more where it counts).
    Copy(Place),
    /// The value itself; the local is dead afterwards. Made by the pass `rc` and, for whole locals only, by the builder where
    /// a type cannot be copied (tasks, generators).
    Move(Local),
    /// Looked at, without a new owner: for operands that [`Intrinsic`]s, operators and suspend points borrow.
    Borrow(Place),
    /// A constant.
    Const(Const),
}

/// A constant.
#[derive(Clone, PartialEq, Debug)]
pub enum Const {
    /// `()`.
    Unit,
    /// `bool`.
    Bool(bool),
    /// `char`.
    Char(char),
    /// Integer of a type, sign- or zero-extended.
    Int(i128, IntTy),
    /// `f32`.
    F32(f32),
    /// `f64`.
    F64(f64),
    /// Nanoseconds.
    Duration(i64),
    /// Nanoseconds since the epoch.
    Instant(i64),
    /// String literal (immortal).
    Str(String),
    /// The empty list of a list type (immortal).
    EmptyList(Ty),
    /// A function as a value of function type: a body with `address_taken` of kind `Closure` without captures.
    Function(BodyId, Ty),
    /// A value of any type that owns nothing and is never looked at: what stands in a place from which a value was taken, in the slots of a
    /// disabled select arm.
    Dummy(Ty),
}

/// What can be computed without control flow.
#[derive(Clone, PartialEq, Debug)]
pub enum Rvalue {
    /// The operand.
    Use(Operand),
    /// Arithmetic and comparison of scalars of one type (shifts: any count type). Integer arithmetic wraps; `/`, `%` and shifts were checked.
    Binary(BinOp, Operand, Operand),
    /// Integer `+ - *` that also tells of overflow: gives `(T, bool)`. Duration and Instant count as i64.
    Checked(BinOp, Operand, Operand),
    /// Unary operators of scalars; `Neg` wraps.
    Unary(UnOp, Operand),
    /// Conversion of scalars to a type: truncation, extension, int to float and back (in range), char and int.
    Cast(Operand, Ty),
    /// A tuple.
    Tuple(Vec<Operand>),
    /// A struct or variant (allocates where the type is boxed and the variant has fields).
    Variant(Ty, u32, Vec<Operand>),
    /// A list of these elements.
    List(Ty, Vec<Operand>),
    /// A closure over these captures (in the order of the body's `captures`).
    Closure(BodyId, Ty, Vec<Operand>),
    /// A generator that has not started, over these captures: a body of kind `Generator`.
    Generator(BodyId, Ty, Vec<Operand>),
    /// Tag of the data value at the place, as u32.
    Tag(Place),
    /// Length of the list at the place, as i64.
    Len(Place),
    /// Takes the value at the place and leaves a dummy there. For in-out arguments; the path above it is unique.
    Take(Place),
    /// A runtime operation that cannot fail.
    Intrinsic(Intrinsic, Vec<Operand>),
}

/// Binary operators.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum BinOp {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
    And,
    Or,
    Xor,
    Shl,
    Shr,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// Unary operators.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum UnOp {
    /// `-`
    Neg,
    /// `!` of bool, `~` of integers
    Not,
}

/// A step without control flow.
#[derive(Clone, Debug)]
pub struct Statement {
    /// What it does.
    pub kind: StatementKind,
    /// Where it comes from.
    pub loc: Loc,
}

/// What a statement does.
#[derive(Clone, PartialEq, Debug)]
pub enum StatementKind {
    /// Stores. A place with projections held a dummy or a plain value, or was dropped by the statement before.
    Assign(Place, Rvalue),
    /// Drops the value at the place. Of whole locals: made by the pass `rc` only. Of places with projections: made by the builder before it overwrites.
    Drop(Place),
    /// Makes the list or boxed object at the place unshared (copying it if need be), so that places below it may be written.
    MakeUnique(Place),
    /// Sets the length of the unshared list at the place (borrowed i64); the elements beyond were taken or own nothing.
    SetLen(Place, Operand),
    /// Nothing (what a pass leaves where it removed a statement).
    Nop,
}

/// The end of a block.
#[derive(Clone, Debug)]
pub struct Terminator {
    /// Where it goes.
    pub kind: TerminatorKind,
    /// Where it comes from.
    pub loc: Loc,
}

/// Who is called.
#[derive(Clone, PartialEq, Debug)]
pub enum Callee {
    /// A function of the program.
    Body(BodyId),
    /// The function value in a local (borrowed).
    Value(Local),
    /// A runtime operation that may panic (never suspends).
    Intrinsic(Intrinsic),
}

/// A run-time check's failure; codegen passes kind and operands (as i64) to the runtime, which words the message.
#[derive(Clone, PartialEq, Debug)]
pub enum Failure {
    /// Integer overflow in an operator (`UnOp::Neg` as `None`).
    Overflow(Option<BinOp>),
    /// Division by zero.
    DivideByZero,
    /// Remainder by zero.
    RemainderByZero,
    /// Shift count and width.
    Shift(Operand, u32),
    /// Index and length.
    Index(Operand, Operand),
    /// `as` does not fit; the value where it is an integer.
    Cast(Operand),
    /// Negative length.
    Length(Operand),
    /// Receive on a closed and drained channel.
    RecvClosed,
    /// Send on a closed channel.
    SendClosed,
    /// `@assert` without a message.
    Assert,
}

/// How a block ends. `unwind` is the block that cleans up when the step panics or the task is cancelled; it never falls back into normal code.
#[derive(Clone, Debug)]
pub enum TerminatorKind {
    /// Jump.
    Goto(Block),
    /// Jump by an integer, bool, char or tag.
    Switch {
        /// Borrowed scalar.
        value: Operand,
        /// Values (sign- or zero-extended) and targets.
        cases: Vec<(i128, Block)>,
        /// Else.
        otherwise: Block,
    },
    /// Ends the body: the result is in `_0`, the in-out values in `Body::inout`.
    Return,
    /// Ends the body unwinding; only the in-out values go back.
    UnwindResume,
    /// Panics unless `cond` (borrowed) is `expected`.
    Assert {
        /// The condition.
        cond: Operand,
        /// What it should be.
        expected: bool,
        /// What else to say.
        failure: Failure,
        /// Where it goes on.
        target: Block,
        /// Clean-up.
        unwind: Block,
    },
    /// Panics with a message (owned `str`).
    Panic {
        /// The message.
        message: Operand,
        /// Clean-up.
        unwind: Block,
    },
    /// Calls. Arguments are owned by the callee (`Copy`, `Move` or constants), those of intrinsics as each says.
    Call {
        /// Who.
        callee: Callee,
        /// Arguments, in-out ones included (by `Move` of a local).
        args: Vec<Operand>,
        /// Receives the result, on the normal edge only.
        dest: Local,
        /// Receive the in-out values, on both edges, in order of the parameters.
        inout: Vec<Local>,
        /// Where it goes on.
        target: Block,
        /// Clean-up.
        unwind: Block,
    },
    /// Starts a task.
    Spawn {
        /// A body of kind `Task`.
        body: BodyId,
        /// Moved into the frame.
        args: Vec<Operand>,
        /// Borrowed scope.
        scope: Local,
        /// Owned `str`, when named.
        name: Option<Operand>,
        /// The handle, or none: nobody joins.
        dest: Option<Local>,
        /// Where it goes on.
        target: Block,
        /// When the scope has ended (panic).
        unwind: Block,
    },
    /// Waits.
    Suspend {
        /// For what; names its own targets.
        op: SuspendOp,
        /// Cancellation or panic.
        unwind: Block,
    },
    /// Never reached.
    Unreachable,
}
