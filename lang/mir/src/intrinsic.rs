//! Runtime operations as MIR calls them: ownership of operands, and whether they may panic.
//!
//! The general rule by which codegen calls `symbol`: `(ctx, operands…[, element type][, site, out]) -> result`, where the element type is
//! passed by those with [`Info::element`], and those that may panic take a site and an out pointer and return a status. Those with an empty symbol
//! are emitted inline. None of them suspends.

/// How an operand is passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pass {
    /// `Operand::Borrow` or a constant (scalars always).
    Borrow,
    /// `Operand::Copy`, `Move` or a constant: the operation takes it over.
    Own,
}

/// What there is to know of an intrinsic.
#[derive(Clone, Copy, Debug)]
pub struct Info {
    /// Its name in printed MIR.
    pub name: &'static str,
    /// Runtime symbol, empty when emitted inline.
    pub symbol: &'static str,
    /// Operands.
    pub params: &'static [Pass],
    /// It may panic: only as `Callee::Intrinsic` of a call.
    pub panics: bool,
    /// It is passed the descriptor of the element type of its first operand's or result's list or channel type.
    pub element: bool,
}

macro_rules! intrinsics {
    ($($(#[$doc:meta])* $variant:ident $symbol:literal ($($pass:ident),*) $($flag:ident)*;)*) => {
        /// A runtime operation.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Intrinsic { $($(#[$doc])* $variant,)* }

        impl Intrinsic {
            /// Its properties.
            #[must_use]
            pub fn info(self) -> Info {
                match self {
                    $(Self::$variant => {
                        #[allow(unused_mut, reason = "not every row has flags")]
                        let mut info = Info {
                            name: stringify!($variant), symbol: $symbol, params: &[$(Pass::$pass),*], panics: false, element: false,
                        };
                        $(info.$flag = true;)*
                        info
                    })*
                }
            }

            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
        }
    };
}

intrinsics! {
    /// `s + t`, in place when s is unshared. str
    StrPush "orion_str_push" (Own, Borrow);
    /// Appends the Show form of any signed integer. str
    StrPushI64 "orion_str_push_i64" (Own, Borrow);
    /// Appends the Show form of any unsigned integer. str
    StrPushU64 "orion_str_push_u64" (Own, Borrow);
    /// Appends an f64. str
    StrPushF64 "orion_str_push_f64" (Own, Borrow);
    /// Appends an f32. str
    StrPushF32 "orion_str_push_f32" (Own, Borrow);
    /// Appends a bool. str
    StrPushBool "orion_str_push_bool" (Own, Borrow);
    /// Appends the character itself. str
    StrPushChar "orion_str_push_char" (Own, Borrow);
    /// Appends the character quoted. str
    StrPushCharQuoted "orion_str_push_char_quoted" (Own, Borrow);
    /// Appends a string quoted. str
    StrPushQuoted "orion_str_push_quoted" (Own, Borrow);
    /// Appends a Duration. str
    StrPushDuration "orion_str_push_duration" (Own, Borrow);
    /// Appends an Instant. str
    StrPushInstant "orion_str_push_instant" (Own, Borrow);
    /// Length in bytes. i64
    StrLen "" (Borrow);
    /// Byte at an index that was tested. u8
    StrByte "" (Borrow, Borrow);
    /// -1, 0, 1 by bytes. i32
    StrCompare "orion_str_compare" (Borrow, Borrow);
    /// bool
    StrEqual "orion_str_equal" (Borrow, Borrow);
    /// `(s, seed)`: u64
    StrHash "orion_str_hash" (Borrow, Borrow);
    /// `(s, from, to)`: str; out of range and inside characters panic
    StrSlice "orion_str_slice" (Borrow, Borrow, Borrow) panics;
    /// The character at a byte offset below the length that begins one. char
    StrCharAt "orion_str_char_at" (Borrow, Borrow);
    /// Length of a character in UTF-8. i64
    CharUtf8Len "" (Borrow);
    /// `(s, t, from)`: byte offset or -1. i64
    StrFind "orion_str_find" (Borrow, Borrow, Borrow);
    /// Concatenation of a list. str
    StrConcat "orion_str_concat" (Borrow);
    /// `[char]` to str
    StrFromChars "orion_str_from_chars" (Borrow);
    /// `[u8]` to str; panics when it is not UTF-8
    StrFromBytes "orion_str_from_bytes" (Borrow) panics;
    /// Whether a `[u8]` is UTF-8. bool
    StrValid "orion_str_valid" (Borrow);
    /// str
    StrTrim "orion_str_trim" (Borrow);
    /// str
    StrUpper "orion_str_upper" (Borrow);
    /// str
    StrLower "orion_str_lower" (Borrow);
    /// bool
    StrIsFloat "orion_str_is_float" (Borrow);
    /// f64
    StrToFloat "orion_str_to_float" (Borrow);

    /// Makes the list unshared with room for n more. list
    ListReserve "orion_list_reserve" (Own, Borrow) element;
    /// Appends. list
    ListPush "" (Own, Own) element;
    /// `(value, n)` with n not negative: n times the value. list
    ListRepeat "" (Own, Borrow) element;
    /// `(xs, i)`, tested: makes it unshared, moves the elements from i on up by one and leaves a dummy at i. list
    ListOpenGap "orion_list_open_gap" (Own, Borrow) element;
    /// `(xs, i)`, tested, unshared, with a dummy at i: moves the elements behind i down by one. list
    ListCloseGap "orion_list_close_gap" (Own, Borrow) element;
    /// `(xs, n)`: drops all elements from n on; n at or beyond the length does nothing. list
    ListTruncate "orion_list_truncate" (Own, Borrow) element;
    /// `(xs, from, to)`: list; out of range panics
    ListSlice "orion_list_slice" (Borrow, Borrow, Borrow) element panics;

    /// `(capacity)`: channel; a negative or huge capacity panics
    ChanNew "orion_chan_new" (Borrow) element panics;
    /// Closes; panics when closed already. ()
    ChanClose "orion_chan_close" (Borrow) panics;
    /// i64
    ChanLen "orion_chan_len" (Borrow);
    /// i64
    ChanCap "orion_chan_cap" (Borrow);

    /// Opens a scope of the running task. Scope
    ScopeEnter "orion_scope_enter" ();
    /// Asks every other task of the scope to end. ()
    CancelScope "orion_cancel_scope" (Borrow);
    /// Asks a task to end. ()
    RequestCancel "orion_request_cancel" (Borrow);
    /// After a failed `TryJoin`: it was cancelled (else it panicked). bool
    JoinCancelled "orion_join_cancelled" ();
    /// After a failed `TryJoin`: the panic's message. str
    JoinMessage "orion_join_message" ();
    /// str
    TaskName "orion_task_name" ();
    /// i64
    TaskId "orion_task_id" ();

    /// The first half of `@yield(v)`: the value goes to whoever drives the generator. Panics where the generator is being stopped. ()
    GenGive "orion_gen_give" (Own) panics;
    /// `(generator, value, is_next)`: what its `@yield` gives when it runs again. Panics where it has not started, unless it is for a `next`. ()
    GenSend "orion_gen_send" (Borrow, Own, Borrow) panics;
    /// What it returned; panics unless it has returned.
    GenResult "orion_gen_result" (Borrow) panics;
    /// bool
    GenDone "orion_gen_done" (Borrow);
    /// `[u8]`; panics when it holds what others hold too
    GenSave "orion_gen_save" (Own) panics;
    /// A generator from bytes, or a dummy (see the next two)
    GenLoad "orion_gen_load" (Borrow);
    /// After `GenLoad`: it failed. bool
    GenLoadFailed "orion_gen_load_failed" ();
    /// After `GenLoad` failed: why. str
    GenLoadMessage "orion_gen_load_message" ();

    /// Standard output. ()
    Print "orion_print" (Borrow);
    /// Standard error. ()
    EPrint "orion_eprint" (Borrow);
    /// Instant
    Now "orion_now" ();
    /// `[str]`
    Args "orion_args" ();
    /// Whether the environment has the variable. bool
    EnvHas "orion_env_has" (Borrow);
    /// Its value, or "". str
    EnvGet "orion_env_get" (Borrow);
    /// Ends the program with a status; an `Unreachable` follows. ()
    Exit "orion_exit" (Borrow);
    /// u64
    RandomU64 "orion_random" ();
    /// u64
    HashSeed "orion_hash_seed" ();
    /// `(hash, word)`: u64
    HashMix "orion_hash_mix" (Borrow, Borrow);

    /// u64
    F64Bits "" (Borrow);
    /// f64
    F64FromBits "" (Borrow);
    /// f64, as are the next ones
    Sqrt "" (Borrow);
    /// Sine.
    Sin "" (Borrow);
    /// Cosine.
    Cos "" (Borrow);
    /// Tangent.
    Tan "" (Borrow);
    /// Arc sine.
    Asin "" (Borrow);
    /// Arc cosine.
    Acos "" (Borrow);
    /// Arc tangent.
    Atan "" (Borrow);
    /// Arc tangent of y / x.
    Atan2 "" (Borrow, Borrow);
    /// Exponential.
    Exp "" (Borrow);
    /// Natural logarithm.
    Ln "" (Borrow);
    /// Binary logarithm.
    Log2 "" (Borrow);
    /// Decimal logarithm.
    Log10 "" (Borrow);
    /// Power.
    Pow "" (Borrow, Borrow);
    /// Floor.
    Floor "" (Borrow);
    /// Ceiling.
    Ceil "" (Borrow);
    /// Nearest, halves away from zero.
    Round "" (Borrow);
    /// Towards zero.
    Trunc "" (Borrow);
}
