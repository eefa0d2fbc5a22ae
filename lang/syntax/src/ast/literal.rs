//! Literals, their values already decoded.

use crate::span::Span;
use crate::symbol::Symbol;

/// A literal. Strings that interpolate are
/// [`ExprKind::Interpolation`](super::ExprKind::Interpolation).
#[derive(Clone, PartialEq, Debug)]
pub struct Literal {
    /// Its value.
    pub kind: LiteralKind,
    /// Where it stands, sign included.
    pub span: Span,
}

/// The kinds of literals.
#[derive(Clone, PartialEq, Debug)]
pub enum LiteralKind {
    /// `42 0xff -128i8`: between `-2^64` and `2^64`; whether it fits its type is checked later.
    Int {
        /// The value, sign included.
        value: i128,
        /// The suffix, where written.
        suffix: Option<IntSuffix>,
    },
    /// `1.5 1e-9 2.0f32`
    Float {
        /// The value, rounded to 64 bits (parse `text` again for `f32`), sign included.
        value: f64,
        /// The digits as written, with the sign, without `_` and suffix.
        text: Symbol,
        /// The suffix, where written.
        suffix: Option<FloatSuffix>,
    },
    /// `true false`
    Bool(bool),
    /// `'a'`
    Char(char),
    /// `"text"` or `r"text"`, escapes decoded.
    Str(Symbol),
    /// `250ns 2s 7d`
    Duration {
        /// The value in nanoseconds, sign included.
        value_ns: i64,
    },
}

/// The suffix of an integer literal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "each is the type of its name")]
pub enum IntSuffix {
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
}

impl IntSuffix {
    /// All of them with their spelling.
    pub const ALL: [(Self, &'static str); 8] = [
        (Self::I8, "i8"),
        (Self::I16, "i16"),
        (Self::I32, "i32"),
        (Self::I64, "i64"),
        (Self::U8, "u8"),
        (Self::U16, "u16"),
        (Self::U32, "u32"),
        (Self::U64, "u64"),
    ];

    /// The type's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

/// The suffix of a float literal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "each is the type of its name")]
pub enum FloatSuffix {
    F32,
    F64,
}

impl FloatSuffix {
    /// The type's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }
}
