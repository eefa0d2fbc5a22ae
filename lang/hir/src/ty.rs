//! Types, interned: equal types have equal [`TyId`]s.
//!
//! Input: kinds built by the type checker. Output: ids, and substitution of type parameters.
//! Invariants: after type checking no [`Ty::Infer`] is reachable from a program; aliases are
//! expanded before a type is interned; interning is append-only, so an id stays valid.

use crate::ids::{AdtId, TyId};
use std::collections::HashMap;

/// Width and signedness of an integer type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[expect(missing_docs, reason = "the names are the types")]
pub enum IntKind {
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
}

impl IntKind {
    /// All kinds, signed first, narrow first.
    pub const ALL: [IntKind; 8] = [
        IntKind::I8,
        IntKind::I16,
        IntKind::I32,
        IntKind::I64,
        IntKind::U8,
        IntKind::U16,
        IntKind::U32,
        IntKind::U64,
    ];

    /// Width in bits.
    #[must_use]
    pub fn bits(self) -> u32 {
        match self {
            IntKind::I8 | IntKind::U8 => 8,
            IntKind::I16 | IntKind::U16 => 16,
            IntKind::I32 | IntKind::U32 => 32,
            IntKind::I64 | IntKind::U64 => 64,
        }
    }

    /// Whether the type has negative values.
    #[must_use]
    pub fn is_signed(self) -> bool {
        matches!(self, IntKind::I8 | IntKind::I16 | IntKind::I32 | IntKind::I64)
    }

    /// Smallest value.
    #[must_use]
    pub fn min(self) -> i128 {
        if self.is_signed() { -(1i128 << (self.bits() - 1)) } else { 0 }
    }

    /// Largest value.
    #[must_use]
    pub fn max(self) -> i128 {
        if self.is_signed() { (1i128 << (self.bits() - 1)) - 1 } else { (1i128 << self.bits()) - 1 }
    }

    /// The name in the source.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            IntKind::I8 => "i8",
            IntKind::I16 => "i16",
            IntKind::I32 => "i32",
            IntKind::I64 => "i64",
            IntKind::U8 => "u8",
            IntKind::U16 => "u16",
            IntKind::U32 => "u32",
            IntKind::U64 => "u64",
        }
    }
}

/// Width of a float type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[expect(missing_docs, reason = "the names are the types")]
pub enum FloatKind {
    F32,
    F64,
}

impl FloatKind {
    /// The name in the source.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            FloatKind::F32 => "f32",
            FloatKind::F64 => "f64",
        }
    }
}

/// A parameter of a function type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ParamTy {
    /// Its type.
    pub ty: TyId,
    /// In-out: the argument is a place.
    pub mutable: bool,
}

/// What a function yields when called from a generator: `yields Y <- S`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Yields {
    /// `Y`
    pub item: TyId,
    /// `S`, `()` when not written.
    pub sent: TyId,
}

/// A function type.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FnTy {
    /// Parameters in order.
    pub params: Box<[ParamTy]>,
    /// Result type.
    pub ret: TyId,
    /// `None` for an ordinary function.
    pub yields: Option<Yields>,
}

/// The kind of an interned type.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Ty {
    /// `()`
    Unit,
    /// `bool`
    Bool,
    /// `char`, a Unicode scalar value.
    Char,
    /// `i8` … `u64`
    Int(IntKind),
    /// `f32 f64`
    Float(FloatKind),
    /// `str`
    Str,
    /// `Duration`: signed nanoseconds, 64 bits.
    Duration,
    /// `Instant`: nanoseconds since the Unix epoch, 64 bits signed.
    Instant,
    /// `ptr`, for `extern "C"` only.
    Ptr,
    /// `Scope`
    Scope,
    /// Type of what never gives a value (`return`, `@panic`, endless loops).
    Never,
    /// `(A, B)`: at least two elements.
    Tuple(Box<[TyId]>),
    /// A struct or sum type with its type arguments.
    Adt(AdtId, Box<[TyId]>),
    /// `[T]`
    List(TyId),
    /// `fn(A, B) R`
    Fn(FnTy),
    /// `Chan[T]`
    Chan(TyId),
    /// `Send[T]`
    Send(TyId),
    /// `Recv[T]`
    Recv(TyId),
    /// `Task[T]`
    Task(TyId),
    /// `Gen[Y, S, R]`
    Gen {
        /// What it yields.
        item: TyId,
        /// What it is sent.
        sent: TyId,
        /// What it returns.
        result: TyId,
    },
    /// The n-th type parameter of the enclosing item.
    Param(u32),
    /// An inference variable: private to the type checker.
    Infer(u32),
    /// The type of something already reported as wrong; never in a program without errors.
    Error,
}

/// All types of a program.
#[derive(Clone, Debug)]
pub struct TyTable {
    kinds: Vec<Ty>,
    ids: HashMap<Ty, TyId>,
    /// Whether a `Param` is reachable; lets `subst` return at once for closed types.
    has_param: Vec<bool>,
    /// Whether an `Infer` is reachable.
    has_infer: Vec<bool>,
    /// Whether an `Error` is reachable.
    has_error: Vec<bool>,
}

impl Default for TyTable {
    fn default() -> Self {
        Self::new()
    }
}

macro_rules! common {
    ($($(#[$doc:meta])* $name:ident = $index:literal, $kind:expr;)*) => {
        impl TyTable {
            $($(#[$doc])* pub const $name: TyId = TyId::from_u32($index);)*
        }
        const COMMON: &[Ty] = &[$($kind),*];
    };
}

common! {
    /// `()`
    UNIT = 0, Ty::Unit;
    /// `bool`
    BOOL = 1, Ty::Bool;
    /// `char`
    CHAR = 2, Ty::Char;
    /// `str`
    STR = 3, Ty::Str;
    /// `Duration`
    DURATION = 4, Ty::Duration;
    /// `Instant`
    INSTANT = 5, Ty::Instant;
    /// `ptr`
    PTR = 6, Ty::Ptr;
    /// `Scope`
    SCOPE = 7, Ty::Scope;
    /// The type without values.
    NEVER = 8, Ty::Never;
    /// The type of an error.
    ERROR = 9, Ty::Error;
    /// `i8`
    I8 = 10, Ty::Int(IntKind::I8);
    /// `i16`
    I16 = 11, Ty::Int(IntKind::I16);
    /// `i32`
    I32 = 12, Ty::Int(IntKind::I32);
    /// `i64`
    I64 = 13, Ty::Int(IntKind::I64);
    /// `u8`
    U8 = 14, Ty::Int(IntKind::U8);
    /// `u16`
    U16 = 15, Ty::Int(IntKind::U16);
    /// `u32`
    U32 = 16, Ty::Int(IntKind::U32);
    /// `u64`
    U64 = 17, Ty::Int(IntKind::U64);
    /// `f32`
    F32 = 18, Ty::Float(FloatKind::F32);
    /// `f64`
    F64 = 19, Ty::Float(FloatKind::F64);
}

impl TyTable {
    /// A table that holds the types without parts, at the constant ids.
    #[must_use]
    pub fn new() -> Self {
        let mut table = Self {
            kinds: Vec::new(),
            ids: HashMap::new(),
            has_param: Vec::new(),
            has_infer: Vec::new(),
            has_error: Vec::new(),
        };
        for kind in COMMON {
            table.intern(kind.clone());
        }
        table
    }

    /// The id of a kind.
    pub fn intern(&mut self, kind: Ty) -> TyId {
        if let Some(&id) = self.ids.get(&kind) {
            return id;
        }
        let id = TyId::from_u32(u32::try_from(self.kinds.len()).expect("fewer than 2^32 types"));
        let mut has_param = matches!(kind, Ty::Param(_));
        let mut has_infer = matches!(kind, Ty::Infer(_));
        let mut has_error = matches!(kind, Ty::Error);
        for_each_part(&kind, |part| {
            has_param |= self.has_param[part.index()];
            has_infer |= self.has_infer[part.index()];
            has_error |= self.has_error[part.index()];
        });
        self.has_param.push(has_param);
        self.has_infer.push(has_infer);
        self.has_error.push(has_error);
        self.kinds.push(kind.clone());
        self.ids.insert(kind, id);
        id
    }

    /// The kind of an id.
    #[must_use]
    pub fn kind(&self, id: TyId) -> &Ty {
        &self.kinds[id.index()]
    }

    /// Whether a type parameter is reachable from the type.
    #[must_use]
    pub fn has_param(&self, id: TyId) -> bool {
        self.has_param[id.index()]
    }

    /// Whether an inference variable is reachable from the type.
    #[must_use]
    pub fn has_infer(&self, id: TyId) -> bool {
        self.has_infer[id.index()]
    }

    /// Whether the type of an error is reachable from the type.
    #[must_use]
    pub fn has_error(&self, id: TyId) -> bool {
        self.has_error[id.index()]
    }

    /// `[element]`
    pub fn list(&mut self, element: TyId) -> TyId {
        self.intern(Ty::List(element))
    }

    /// `(elements…)`; none gives `()`, one gives the element itself.
    pub fn tuple(&mut self, elements: &[TyId]) -> TyId {
        match elements {
            [] => Self::UNIT,
            [one] => *one,
            _ => self.intern(Ty::Tuple(elements.into())),
        }
    }

    /// A struct or sum type.
    pub fn adt(&mut self, adt: AdtId, args: &[TyId]) -> TyId {
        self.intern(Ty::Adt(adt, args.into()))
    }

    /// An integer type.
    #[must_use]
    pub fn int(kind: IntKind) -> TyId {
        match kind {
            IntKind::I8 => Self::I8,
            IntKind::I16 => Self::I16,
            IntKind::I32 => Self::I32,
            IntKind::I64 => Self::I64,
            IntKind::U8 => Self::U8,
            IntKind::U16 => Self::U16,
            IntKind::U32 => Self::U32,
            IntKind::U64 => Self::U64,
        }
    }

    /// Replaces `Param(n)` by `args[n]` everywhere; parameters beyond `args` stay.
    pub fn subst(&mut self, id: TyId, args: &[TyId]) -> TyId {
        if args.is_empty() || !self.has_param(id) {
            return id;
        }
        if let Ty::Param(n) = *self.kind(id) {
            return args.get(n as usize).copied().unwrap_or(id);
        }
        self.map_parts(id, &mut |table, part| table.subst(part, args))
    }

    /// Rebuilds a type with each direct part replaced by `f(part)`.
    pub fn map_parts(&mut self, id: TyId, f: &mut dyn FnMut(&mut TyTable, TyId) -> TyId) -> TyId {
        let kind = match self.kind(id).clone() {
            Ty::Tuple(parts) => Ty::Tuple(parts.iter().map(|&part| f(self, part)).collect()),
            Ty::Adt(adt, parts) => Ty::Adt(adt, parts.iter().map(|&part| f(self, part)).collect()),
            Ty::List(part) => Ty::List(f(self, part)),
            Ty::Fn(fn_ty) => Ty::Fn(FnTy {
                params: fn_ty
                    .params
                    .iter()
                    .map(|param| ParamTy { ty: f(self, param.ty), mutable: param.mutable })
                    .collect(),
                ret: f(self, fn_ty.ret),
                yields: fn_ty.yields.map(|yields| Yields {
                    item: f(self, yields.item),
                    sent: f(self, yields.sent),
                }),
            }),
            Ty::Chan(part) => Ty::Chan(f(self, part)),
            Ty::Send(part) => Ty::Send(f(self, part)),
            Ty::Recv(part) => Ty::Recv(f(self, part)),
            Ty::Task(part) => Ty::Task(f(self, part)),
            Ty::Gen { item, sent, result } => {
                Ty::Gen { item: f(self, item), sent: f(self, sent), result: f(self, result) }
            }
            Ty::Unit
            | Ty::Bool
            | Ty::Char
            | Ty::Int(_)
            | Ty::Float(_)
            | Ty::Str
            | Ty::Duration
            | Ty::Instant
            | Ty::Ptr
            | Ty::Scope
            | Ty::Never
            | Ty::Param(_)
            | Ty::Infer(_)
            | Ty::Error => return id,
        };
        self.intern(kind)
    }
}

impl Ty {
    /// Whether it is a type of the language itself that has no parts and may be compared.
    #[must_use]
    pub fn is_primitive(&self) -> bool {
        matches!(
            self,
            Self::Unit
                | Self::Bool
                | Self::Char
                | Self::Int(_)
                | Self::Float(_)
                | Self::Str
                | Self::Duration
                | Self::Instant
        )
    }
}

/// Calls `f` with each direct part of a type, in order.
pub fn for_each_part(kind: &Ty, mut f: impl FnMut(TyId)) {
    match kind {
        Ty::Tuple(parts) | Ty::Adt(_, parts) => parts.iter().for_each(|&part| f(part)),
        Ty::List(part) | Ty::Chan(part) | Ty::Send(part) | Ty::Recv(part) | Ty::Task(part) => {
            f(*part);
        }
        Ty::Fn(fn_ty) => {
            fn_ty.params.iter().for_each(|param| f(param.ty));
            f(fn_ty.ret);
            if let Some(yields) = fn_ty.yields {
                f(yields.item);
                f(yields.sent);
            }
        }
        Ty::Gen { item, sent, result } => {
            f(*item);
            f(*sent);
            f(*result);
        }
        Ty::Unit
        | Ty::Bool
        | Ty::Char
        | Ty::Int(_)
        | Ty::Float(_)
        | Ty::Str
        | Ty::Duration
        | Ty::Instant
        | Ty::Ptr
        | Ty::Scope
        | Ty::Never
        | Ty::Param(_)
        | Ty::Infer(_)
        | Ty::Error => {}
    }
}
