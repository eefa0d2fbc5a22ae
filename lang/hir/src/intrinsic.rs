//! Intrinsics: the operations that the language and the standard library are built on.
//!
//! Output: [`Intrinsic`], its name in the source (`@name`), and a [`Signature`] over at most three
//! type parameters `T`, `U`, `R`, from which both the type checker and later stages work.
//! Invariant: those marked `std` may be used in `stdlib/` only; they trust their arguments no more
//! than the language does: out of range panics.

use crate::TyId;
use crate::item::LangItems;
use crate::ty::{ParamTy, Ty, TyTable};

/// A type in a signature; `T`, `U` and `R` are the intrinsic's type arguments 0, 1, 2.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names are the types")]
pub enum Sig {
    T,
    U,
    R,
    /// `Gen[T, U, R]`
    Gen,
    Unit,
    Bool,
    Char,
    I64,
    U8,
    U64,
    F32,
    F64,
    Str,
    Duration,
    Instant,
    Scope,
    Never,
    List(&'static Sig),
    Chan(&'static Sig),
    Send(&'static Sig),
    Recv(&'static Sig),
    Task(&'static Sig),
    Option(&'static Sig),
    /// `Result[T, TaskError]`
    Joined,
    /// `Result[T, Task[T]]`
    JoinedInTime,
    /// `Result[T, str]`
    Loaded,
    /// `(i64, [u8])`
    IoAnswer,
}

/// A parameter in a signature: type and whether it is in-out.
pub type SigParam = (Sig, bool);

/// The signature of an intrinsic.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    /// Number of type parameters, at most three.
    pub generics: u32,
    /// Parameters.
    pub params: &'static [SigParam],
    /// Result.
    pub ret: Sig,
    /// For `stdlib/` only.
    pub is_std: bool,
}

macro_rules! intrinsics {
    ($($(#[$doc:meta])+ $variant:ident $name:literal $generics:literal ($($param:expr),*) $ret:expr, $std:literal;)*) => {
        /// An operation of the language or runtime.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub enum Intrinsic {
            $($(#[$doc])+ $variant,)*
        }

        impl Intrinsic {
            /// All of them.
            pub const ALL: &'static [Intrinsic] = &[$(Intrinsic::$variant),*];

            /// The name in the source, without `@`; those without source form start with `$`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Intrinsic::$variant => $name),* }
            }

            /// The signature.
            #[must_use]
            pub fn signature(self) -> Signature {
                match self {
                    $(Intrinsic::$variant => Signature {
                        generics: $generics,
                        params: const { &[$($param),*] },
                        ret: const { $ret },
                        is_std: $std,
                    }),*
                }
            }
        }
    };
}

use Sig::{
    Bool, Chan, Char, Duration, F32, F64, Gen, I64, Instant, IoAnswer, Joined, JoinedInTime, List,
    Loaded, Never, Option as Opt, R, Recv, Scope, Send, Str, T, Task, U, U8, U64, Unit,
};

const LIST_T: SigParam = (List(&T), false);
const MUT_LIST_T: SigParam = (List(&T), true);
const STR: SigParam = (Str, false);
const INDEX: SigParam = (I64, false);
const FLOAT: SigParam = (F64, false);

intrinsics! {
    // Channels. Where a parameter is `Send` or `Recv`, a `Chan` comes through a `ChanView` cast.
    /// A channel of the capacity; 0 is a rendezvous, negative panics.
    Channel "channel" 1 ((I64, false)) Chan(&T), false;
    /// `ch <- v`: waits for room or a receiver; panics when closed.
    ChanSend "$send" 1 ((Send(&T), false), (T, false)) Unit, false;
    /// `<-ch`: waits for a value; panics once closed and drained.
    ChanRecv "$recv" 1 ((Recv(&T), false)) T, false;
    /// `@recv(ch)`: waits for a value; `None` once closed and drained.
    ChanRecvOption "recv" 1 ((Recv(&T), false)) Opt(&T), false;
    /// `@close(ch)`: panics when closed already; waiting senders panic, waiting receivers end.
    ChanClose "close" 1 ((Send(&T), false)) Unit, false;
    /// Number of buffered values, of the receiving view.
    RecvLen "recv_len" 1 ((Recv(&T), false)) I64, true;
    /// Capacity, of the receiving view.
    RecvCap "recv_cap" 1 ((Recv(&T), false)) I64, true;
    /// Number of buffered values, of the sending view.
    SendLen "send_len" 1 ((Send(&T), false)) I64, true;
    /// Capacity, of the sending view.
    SendCap "send_cap" 1 ((Send(&T), false)) I64, true;

    // Tasks.
    /// Waits for the end of the task and gives its value; panics as it panicked, or when cancelled.
    Join "join" 1 ((Task(&T), false)) T, false;
    /// As `join`, with the panic or cancellation as a value.
    TryJoin "try_join" 1 ((Task(&T), false)) Joined, false;
    /// As `join`, or the handle back as `Err` when the time is over.
    JoinTimeout "join_timeout" 1 ((Task(&T), false), (Duration, false)) JoinedInTime, false;
    /// Asks the task to end; the handle stays with the caller (not consumed).
    RequestCancel "request_cancel" 1 ((Task(&T), false)) Unit, false;
    /// Asks the task to end and waits for its cleanup.
    Cancel "cancel" 1 ((Task(&T), false)) Unit, false;
    /// Asks every other task of the scope to end. `@cancel_scope()` has the innermost filled in.
    CancelScope "cancel_scope" 0 ((Scope, false)) Unit, false;
    /// Lets other tasks run: `@yield()`.
    YieldNow "$yield_now" 0 () Unit, false;
    /// `@yield(v)`: T is what is yielded, U what is sent back.
    GenYield "$yield" 2 ((T, false)) U, false;
    /// Waits for the duration, at least one scheduler round.
    Sleep "sleep" 0 ((Duration, false)) Unit, false;
    /// The wall clock.
    Now "now" 0 () Instant, false;
    /// Waits until no other task is ready.
    Idle "idle" 0 () Unit, false;
    /// Name of the running task.
    TaskName "task_name" 0 () Str, false;
    /// Number of the running task; main is 0.
    TaskId "task_id" 0 () I64, false;

    // Generators. Type arguments: T yielded, U sent, R result. The generator is in-out.
    /// `g.send(s)`: resumes with `s`; `None` when done. Panics before the first `next`.
    GenSend "gen_send" 3 ((Gen, true), (U, false)) Opt(&T), true;
    /// `g.next()`: resumes; the second argument is `U`'s default, sent where it has started.
    GenNext "gen_next" 3 ((Gen, true), (U, false)) Opt(&T), true;
    /// `g.result()`: what it returned; panics unless done.
    GenResult "gen_result" 3 ((Gen, true)) R, true;
    /// `g.done()`
    GenDone "gen_done" 3 ((Gen, true)) Bool, true;
    /// `g.stop()`: runs the pending `defer`s; then the generator is done. Harmless twice.
    GenStop "gen_stop" 3 ((Gen, true)) Unit, true;
    /// `@save(g)`; T is the generator's type.
    Save "save" 1 ((T, false)) List(&U8), false;
    /// `@load[Gen[i64]](bytes)`; T is the generator's type.
    Load "load" 1 ((List(&U8), false)) Loaded, false;

    // The program.
    /// Panics with the message.
    Panic "panic" 0 (STR) Never, false;
    /// Panics with the message when the condition is false. The message is always filled in.
    Assert "assert" 0 ((Bool, false), STR) Unit, false;
    /// Ends the program with the status.
    Exit "exit" 0 ((I64, false)) Never, false;
    /// The program's arguments, without its name and the runtime's flags.
    Args "args" 0 () List(&Str), false;
    /// An environment variable.
    Env "env" 0 (STR) Opt(&Str), false;
    /// Returns once everything before it is on disk.
    Checkpoint "checkpoint" 0 () Unit, false;
    /// Saves and exits with status 75.
    Pause "pause" 0 () Unit, false;

    // Output and input.
    /// Writes to standard output.
    Print "print" 0 (STR) Unit, true;
    /// Writes to standard error.
    EPrint "eprint" 0 (STR) Unit, true;
    /// An operation of the kernel: its code, two numbers and bytes, as `stdlib/io.or` lists them. Waits until it is done; gives a number, which is
    /// negative when it failed, and bytes: what was read, or the cause in words.
    Io "io" 0 ((I64, false), (I64, false), (I64, false), (List(&U8), false)) IoAnswer, true;

    // Lists.
    /// Number of elements.
    ListLen "list_len" 1 (LIST_T) I64, true;
    /// Appends.
    ListPush "list_push" 1 (MUT_LIST_T, (T, false)) Unit, true;
    /// Removes and gives the last element; panics on an empty list.
    ListPop "list_pop" 1 (MUT_LIST_T) T, true;
    /// Inserts before the index; the length is allowed.
    ListInsert "list_insert" 1 (MUT_LIST_T, INDEX, (T, false)) Unit, true;
    /// Removes and gives the element at the index, shifting the rest.
    ListRemove "list_remove" 1 (MUT_LIST_T, INDEX) T, true;
    /// Swaps two elements.
    ListSwap "list_swap" 1 (MUT_LIST_T, INDEX, INDEX) Unit, true;
    /// Removes all elements from the index on; beyond the length nothing.
    ListTruncate "list_truncate" 1 (MUT_LIST_T, INDEX) Unit, true;
    /// Makes room for as many more elements.
    ListReserve "list_reserve" 1 (MUT_LIST_T, INDEX) Unit, true;

    // Strings. Indices are in bytes.
    /// Length in bytes.
    StrLen "str_len" 0 (STR) I64, true;
    /// The byte at the index; panics out of range.
    StrByte "str_byte" 0 (STR, INDEX) U8, true;
    /// First index of the second string in the first, at or after the index; -1 if none.
    StrFind "str_find" 0 (STR, STR, INDEX) I64, true;
    /// Concatenation of a list of strings.
    StrConcat "str_concat" 0 ((List(&Str), false)) Str, true;
    /// A string of these characters.
    StrFromChars "str_from_chars" 0 ((List(&Char), false)) Str, true;
    /// A string of these bytes; invalid UTF-8 panics (check with `str_valid`).
    StrFromBytes "str_from_bytes" 0 ((List(&U8), false)) Str, true;
    /// Whether the bytes are UTF-8.
    StrValid "str_valid" 0 ((List(&U8), false)) Bool, true;
    /// Without white space (Unicode) at both ends.
    StrTrim "str_trim" 0 (STR) Str, true;
    /// In upper case (Unicode).
    StrUpper "str_upper" 0 (STR) Str, true;
    /// In lower case (Unicode).
    StrLower "str_lower" 0 (STR) Str, true;
    /// Whether the string is a float literal as `parse_float` takes it.
    StrIsFloat "str_is_float" 0 (STR) Bool, true;
    /// The float that the string names; 0 where `str_is_float` is false.
    StrToFloat "str_to_float" 0 (STR) F64, true;

    // Show.
    /// Decimal.
    ShowI64 "show_i64" 0 ((I64, false)) Str, true;
    /// Decimal.
    ShowU64 "show_u64" 0 ((U64, false)) Str, true;
    /// Shortest digits that read back, as the reference says.
    ShowF64 "show_f64" 0 (FLOAT) Str, true;
    /// Shortest digits that read back as `f32`.
    ShowF32 "show_f32" 0 ((F32, false)) Str, true;
    /// Quoted and escaped: `'c'`.
    ShowChar "show_char" 0 ((Char, false)) Str, true;
    /// Quoted and escaped: `"a\n"`.
    ShowStr "show_str" 0 (STR) Str, true;
    /// `1m30s`
    ShowDuration "show_duration" 0 ((Duration, false)) Str, true;
    /// RFC 3339 with nanoseconds.
    ShowInstant "show_instant" 0 ((Instant, false)) Str, true;

    // Hashing and bits.
    /// Mixes a word into a hash.
    HashMix "hash_mix" 0 ((U64, false), (U64, false)) U64, true;
    /// Hash of a string's bytes.
    HashStr "hash_str" 0 (STR) U64, true;
    /// The program's hash seed, saved with its state.
    HashSeed "hash_seed" 0 () U64, true;
    /// A random word of the program's generator, saved with its state.
    RandomU64 "random_u64" 0 () U64, true;
    /// The bits.
    F64Bits "f64_bits" 0 (FLOAT) U64, true;
    /// The float with these bits.
    F64FromBits "f64_from_bits" 0 ((U64, false)) F64, true;
    /// Nanoseconds.
    DurationNs "duration_ns" 0 ((Duration, false)) I64, true;
    /// From nanoseconds.
    DurationFromNs "duration_from_ns" 0 ((I64, false)) Duration, true;
    /// Nanoseconds since the epoch.
    InstantNs "instant_ns" 0 ((Instant, false)) I64, true;
    /// From nanoseconds since the epoch.
    InstantFromNs "instant_from_ns" 0 ((I64, false)) Instant, true;

    // Mathematics, IEEE 754.
    /// Square root.
    Sqrt "sqrt" 0 (FLOAT) F64, true;
    /// Sine.
    Sin "sin" 0 (FLOAT) F64, true;
    /// Cosine.
    Cos "cos" 0 (FLOAT) F64, true;
    /// Tangent.
    Tan "tan" 0 (FLOAT) F64, true;
    /// Arc sine.
    Asin "asin" 0 (FLOAT) F64, true;
    /// Arc cosine.
    Acos "acos" 0 (FLOAT) F64, true;
    /// Arc tangent.
    Atan "atan" 0 (FLOAT) F64, true;
    /// Arc tangent of y / x, by quadrant.
    Atan2 "atan2" 0 (FLOAT, FLOAT) F64, true;
    /// e to the power.
    Exp "exp" 0 (FLOAT) F64, true;
    /// Natural logarithm.
    Ln "ln" 0 (FLOAT) F64, true;
    /// Logarithm to base 2.
    Log2 "log2" 0 (FLOAT) F64, true;
    /// Logarithm to base 10.
    Log10 "log10" 0 (FLOAT) F64, true;
    /// The first to the power of the second.
    Pow "pow" 0 (FLOAT, FLOAT) F64, true;
    /// Largest integer not above.
    Floor "floor" 0 (FLOAT) F64, true;
    /// Smallest integer not below.
    Ceil "ceil" 0 (FLOAT) F64, true;
    /// Nearest integer, halves away from zero.
    Round "round" 0 (FLOAT) F64, true;
    /// Towards zero.
    Trunc "trunc" 0 (FLOAT) F64, true;
}

impl Intrinsic {
    /// The intrinsic that the source calls `@name`. `yield`, `assert`, `cancel_scope` take a
    /// varying number of arguments in the source.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Intrinsic> {
        Self::ALL.iter().copied().find(|intrinsic| intrinsic.name() == name)
    }
}

impl Sig {
    /// The type in a program, with the type arguments.
    pub fn resolve(self, types: &mut TyTable, lang: &LangItems, args: &[TyId]) -> TyId {
        match self {
            T => args[0],
            U => args[1],
            R => args[2],
            Gen => types.intern(Ty::Gen { item: args[0], sent: args[1], result: args[2] }),
            Unit => TyTable::UNIT,
            Bool => TyTable::BOOL,
            Char => TyTable::CHAR,
            I64 => TyTable::I64,
            U8 => TyTable::U8,
            U64 => TyTable::U64,
            F32 => TyTable::F32,
            F64 => TyTable::F64,
            Str => TyTable::STR,
            Duration => TyTable::DURATION,
            Instant => TyTable::INSTANT,
            Scope => TyTable::SCOPE,
            Never => TyTable::NEVER,
            List(part) => {
                let part = part.resolve(types, lang, args);
                types.list(part)
            }
            Chan(part) => {
                let part = part.resolve(types, lang, args);
                types.intern(Ty::Chan(part))
            }
            Send(part) => {
                let part = part.resolve(types, lang, args);
                types.intern(Ty::Send(part))
            }
            Recv(part) => {
                let part = part.resolve(types, lang, args);
                types.intern(Ty::Recv(part))
            }
            Task(part) => {
                let part = part.resolve(types, lang, args);
                types.intern(Ty::Task(part))
            }
            Opt(part) => {
                let part = part.resolve(types, lang, args);
                types.adt(lang.option, &[part])
            }
            Joined => {
                let error = types.adt(lang.task_error, &[]);
                types.adt(lang.result, &[args[0], error])
            }
            JoinedInTime => {
                let task = types.intern(Ty::Task(args[0]));
                types.adt(lang.result, &[args[0], task])
            }
            Loaded => types.adt(lang.result, &[args[0], TyTable::STR]),
            IoAnswer => {
                let bytes = types.list(TyTable::U8);
                types.tuple(&[TyTable::I64, bytes])
            }
        }
    }
}

impl Signature {
    /// Parameters and result in a program, with the type arguments.
    pub fn resolve(
        &self,
        types: &mut TyTable,
        lang: &LangItems,
        args: &[TyId],
    ) -> (Vec<ParamTy>, TyId) {
        let params = self
            .params
            .iter()
            .map(|(sig, mutable)| ParamTy { ty: sig.resolve(types, lang, args), mutable: *mutable })
            .collect();
        (params, self.ret.resolve(types, lang, args))
    }
}
