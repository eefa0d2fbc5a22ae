//! Every function of the runtime that generated code calls, with its signature, written once.
//!
//! [`runtime_functions!`] hands the list to a callback macro: this crate turns it into [`FUNCTIONS`] for codegen, the runtime checks its
//! definitions against it at compile time.
//!
//! Conventions: `ctx` is the worker's [`Ctx`](crate::Ctx). Values of `str`, lists and other counted types are one pointer. "owns" means that
//! the function takes over one count, "borrows" that it does not. Functions that may fail return `STATUS_RETURNED`, or `STATUS_UNWINDING`
//! after having recorded the panic in the running task. `site` is a [`Site`](crate::Site).
//! `out` pointers are written only on success and never read.

/// A machine type of the interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AbiType {
    /// No result.
    Void,
    /// A pointer.
    Ptr,
    /// 32-bit integer (also bool and char).
    I32,
    /// 64-bit integer.
    I64,
    /// `f64`.
    F64,
}

/// A function of the runtime.
#[derive(Clone, Copy, Debug)]
pub struct RuntimeFunction {
    /// Symbol.
    pub name: &'static str,
    /// Parameters.
    pub params: &'static [AbiType],
    /// Result.
    pub result: AbiType,
}

/// Calls `$callback!` with every function as `name(Param, …) -> Result;`.
#[macro_export]
macro_rules! runtime_functions {
    ($callback:ident) => {
        $callback! {
            // ---- memory and counts
            // (ctx, bytes) -> object memory, 8-aligned, uninitialised; panics the process cleanly when memory is exhausted
            orion_alloc(Ptr, I64) -> Ptr;
            // (ctx, object, bytes)
            orion_free(Ptr, Ptr, I64) -> Void;
            // (ctx, bytes) -> zeroed block for a coroutine (handle included), 16-aligned
            orion_frame_alloc(Ptr, I64) -> Ptr;
            // (ctx, frame): frees the block of an ended frame (size from the coroutine's block head kept by the runtime)
            orion_frame_free(Ptr, Ptr) -> Void;
            // (ctx, *value, type): drops the value at the address: the slow path behind an inline count of 1, and of compound types; iterative
            orion_drop(Ptr, Ptr, Ptr) -> Void;
            // (ctx, *value, type): counts the value at the address once more (types without inline code: channels, scopes, compounds)
            orion_retain(Ptr, Ptr, Ptr) -> Void;

            // ---- strings; `s` and results are `str`
            // (ctx, owned s, borrowed t) -> s + t, in place when s is unshared
            orion_str_push(Ptr, Ptr, Ptr) -> Ptr;
            // (ctx, owned s, i64), … append the Show form
            orion_str_push_i64(Ptr, Ptr, I64) -> Ptr;
            orion_str_push_u64(Ptr, Ptr, I64) -> Ptr;
            orion_str_push_f64(Ptr, Ptr, F64) -> Ptr;
            // f32 is passed widened; the shortest digits that read back as f32
            orion_str_push_f32(Ptr, Ptr, F64) -> Ptr;
            orion_str_push_bool(Ptr, Ptr, I32) -> Ptr;
            // the character itself
            orion_str_push_char(Ptr, Ptr, I32) -> Ptr;
            // quoted and escaped, as inside compounds
            orion_str_push_char_quoted(Ptr, Ptr, I32) -> Ptr;
            orion_str_push_quoted(Ptr, Ptr, Ptr) -> Ptr;
            orion_str_push_duration(Ptr, Ptr, I64) -> Ptr;
            orion_str_push_instant(Ptr, Ptr, I64) -> Ptr;
            // (ctx, borrowed, borrowed) -> -1, 0, 1 by bytes
            orion_str_compare(Ptr, Ptr, Ptr) -> I32;
            orion_str_equal(Ptr, Ptr, Ptr) -> I32;
            // (ctx, borrowed, seed) -> hash
            orion_str_hash(Ptr, Ptr, I64) -> I64;
            // (ctx, borrowed s, from, to, site, out) -> status
            orion_str_slice(Ptr, Ptr, I64, I64, Ptr, Ptr) -> I32;
            // (ctx, borrowed s, offset of a character) -> char
            orion_str_char_at(Ptr, Ptr, I64) -> I32;
            // (ctx, borrowed [str]) -> concatenation
            orion_str_concat(Ptr, Ptr) -> Ptr;
            // (ctx, borrowed [char])
            orion_str_from_chars(Ptr, Ptr) -> Ptr;
            // (ctx, borrowed [u8], site, out str) -> status
            orion_str_from_bytes(Ptr, Ptr, Ptr, Ptr) -> I32;
            // (ctx, borrowed [u8]) -> 1 when it is UTF-8
            orion_str_valid(Ptr, Ptr) -> I32;
            // (ctx, borrowed s, borrowed t, from byte) -> byte offset or -1
            orion_str_find(Ptr, Ptr, Ptr, I64) -> I64;
            // (ctx, borrowed s) -> str; full Unicode mapping
            orion_str_upper(Ptr, Ptr) -> Ptr;
            orion_str_lower(Ptr, Ptr) -> Ptr;
            orion_str_trim(Ptr, Ptr) -> Ptr;
            // (ctx, borrowed s) -> 1 when it is a float literal (sign, digits, point, exponent, inf, NaN); its value, 0 when not
            orion_str_is_float(Ptr, Ptr) -> I32;
            orion_str_to_float(Ptr, Ptr) -> F64;

            // ---- lists; the element type is a `TypeDesc`
            // (ctx, room, element type) -> empty list
            orion_list_new(Ptr, I64, Ptr) -> Ptr;
            // (ctx, owned list, room to add, element type) -> the same elements, unshared, with room: copies (counting elements) when shared
            orion_list_reserve(Ptr, Ptr, I64, Ptr) -> Ptr;
            // (ctx, borrowed list, from, to, element type, site, out) -> status
            orion_list_slice(Ptr, Ptr, I64, I64, Ptr, Ptr, Ptr) -> I32;
            // (ctx, *value (owned, moved in), n >= 0, element type) -> n times the value
            orion_list_repeat(Ptr, Ptr, I64, Ptr) -> Ptr;
            // (ctx, owned list, tested index, element type) -> unshared, elements from the index on moved up by one, zero bytes at the index
            orion_list_open_gap(Ptr, Ptr, I64, Ptr) -> Ptr;
            // (ctx, owned unshared list, tested index, element type) -> elements behind the index moved down over it (nothing is dropped)
            orion_list_close_gap(Ptr, Ptr, I64, Ptr) -> Ptr;
            // (ctx, owned list, n, element type): drops elements from n on
            orion_list_truncate(Ptr, Ptr, I64, Ptr) -> Ptr;
            // (ctx, owned boxed object (no odd word), boxed type) -> an unshared object with the same fields
            orion_boxed_unique(Ptr, Ptr, Ptr) -> Ptr;

            // ---- failures and unwinding
            // (ctx, FAIL_*, a, b, site): records the panic; the caller goes to its unwind edge
            orion_fail(Ptr, I32, I64, I64, Ptr) -> Void;
            // (ctx, owned message, site)
            orion_panic(Ptr, Ptr, Ptr) -> Void;
            // (ctx, call site): one line of the logical stack, while a status 2 passes
            orion_trace(Ptr, Ptr) -> Void;

            // ---- the check at function entries and back-edges: called when the stack pointer is below ctx.limit
            // (ctx, stack pointer) -> OUTCOME_DONE go on, OUTCOME_BLOCK suspend at this point and park, OUTCOME_UNWIND
            orion_poll(Ptr, I64) -> I32;

            // ---- suspending. Each suspension: a try function; on OUTCOME_BLOCK make or fill the frame, set `at`, `state = FRAME_WAITING`,
            // store the slots, then orion_park
            // (ctx, frame): registers the frame for what its point waits for, and makes it the task's leaf. May complete at once: the task is then ready.
            orion_park(Ptr, Ptr) -> Void;
            // The same for the commonest points, inlined. `Yield`: (ctx, frame)
            orion_park_yield(Ptr, Ptr) -> Void;
            // `Send`, `Recv`: (ctx, frame, its WaitNode at wait_offset, borrowed chan, *slot of the value)
            orion_park_send(Ptr, Ptr, Ptr, Ptr, Ptr) -> Void;
            orion_park_recv(Ptr, Ptr, Ptr, Ptr, Ptr) -> Void;
            // (ctx) -> outcome
            orion_try_yield(Ptr) -> I32;
            orion_try_idle(Ptr) -> I32;
            orion_try_pause(Ptr) -> I32;
            orion_try_checkpoint(Ptr) -> I32;
            // (ctx, ns): a duration that is not positive still lets others run
            orion_try_sleep(Ptr, I64) -> I32;
            // (ctx, code, a, b, borrowed [u8], *answer)
            orion_try_io(Ptr, I64, I64, I64, Ptr, Ptr) -> I32;
            // (ctx, borrowed chan, *value): moves the value out on DONE
            orion_try_send(Ptr, Ptr, Ptr) -> I32;
            // (ctx, borrowed chan, *destination)
            orion_try_recv(Ptr, Ptr, Ptr) -> I32;
            // (ctx, *SelectArm, count, has_default): one ready arm at random, `arm << 1 | closed`, or BLOCK (also when there is a default: then nobody parks)
            orion_try_select(Ptr, Ptr, I64, I32) -> I32;
            // (ctx, task, *destination or null): consumes the handle unless BLOCK
            orion_try_join(Ptr, Ptr, Ptr) -> I32;
            orion_try_try_join(Ptr, Ptr, Ptr) -> I32;
            // consumes on DONE, dropping the result
            orion_try_cancel(Ptr, Ptr, Ptr) -> I32;
            // (ctx, borrowed scope)
            orion_try_scope_exit(Ptr, Ptr) -> I32;
            orion_try_scope_cancel(Ptr, Ptr) -> I32;

            // ---- tasks and scopes
            // (ctx, frame at point 0 with its arguments, borrowed scope, owned name or null, site, out task or null) -> status.
            // Null out: nobody joins. Panics when the scope has ended; the frame is then dropped
            orion_spawn(Ptr, Ptr, Ptr, Ptr, Ptr, Ptr) -> I32;
            // (ctx, task): drops a handle on an early exit from its scope
            orion_task_detach(Ptr, Ptr) -> Void;
            // (ctx, task)
            orion_request_cancel(Ptr, Ptr) -> Void;
            // (ctx) -> scope of the running task, owned
            orion_scope_enter(Ptr) -> Ptr;
            // (ctx, borrowed scope): asks every other task of it
            orion_cancel_scope(Ptr, Ptr) -> Void;
            // (ctx) -> after a TryJoin gave CLOSED: 1 when the task was cancelled; else the panic's message
            orion_join_cancelled(Ptr) -> I32;
            orion_join_message(Ptr) -> Ptr;
            // (ctx) -> str; id
            orion_task_name(Ptr) -> Ptr;
            orion_task_id(Ptr) -> I64;

            // ---- generators
            // (ctx, frame at point 0 with its captures) -> generator, owned
            orion_gen_new(Ptr, Ptr) -> Ptr;
            // (ctx, *value (moved out on success), type, site) -> status: hands a yielded value to whoever drives the running generator
            orion_gen_give(Ptr, Ptr, Ptr, Ptr) -> I32;
            // (ctx, borrowed generator, *value (moved out), is_next, type, site) -> status: what its `@yield` will give
            orion_gen_send(Ptr, Ptr, Ptr, I32, Ptr, Ptr) -> I32;
            // (ctx, borrowed generator, *destination): CLOSED when it has ended
            orion_try_gen_next(Ptr, Ptr, Ptr) -> I32;
            // (ctx, *value (borrowed), type): all generators in it
            orion_try_gen_stop(Ptr, Ptr, Ptr) -> I32;
            // (ctx, borrowed generator, site, out) -> status
            orion_gen_result(Ptr, Ptr, Ptr, Ptr) -> I32;
            // (ctx, borrowed generator) -> 1 when it has ended
            orion_gen_done(Ptr, Ptr) -> I32;
            // (ctx, owned generator, site, out [u8]) -> status
            orion_gen_save(Ptr, Ptr, Ptr, Ptr) -> I32;
            // (ctx, borrowed [u8], generator type) -> generator, or null; then whether it failed, and why
            orion_gen_load(Ptr, Ptr, Ptr) -> Ptr;
            orion_gen_load_failed(Ptr) -> I32;
            orion_gen_load_message(Ptr) -> Ptr;

            // ---- channels
            // (ctx, capacity, element type, site, out) -> status (a negative or too large capacity panics)
            orion_chan_new(Ptr, I64, Ptr, Ptr, Ptr) -> I32;
            // (ctx, borrowed chan, site, unused out) -> status
            orion_chan_close(Ptr, Ptr, Ptr, Ptr) -> I32;
            // (ctx, borrowed chan)
            orion_chan_len(Ptr, Ptr) -> I64;
            orion_chan_cap(Ptr, Ptr) -> I64;

            // ---- the world
            // (ctx, borrowed text): standard output
            orion_print(Ptr, Ptr) -> Void;
            // standard error
            orion_eprint(Ptr, Ptr) -> Void;
            // (ctx) -> ns since the epoch: the wall clock at the start, advanced by the monotonic one
            orion_now(Ptr) -> I64;
            // (ctx) -> [str]
            orion_args(Ptr) -> Ptr;
            // (ctx, borrowed name) -> 1 when set; its value or ""
            orion_env_has(Ptr, Ptr) -> I32;
            orion_env_get(Ptr, Ptr) -> Ptr;
            // (ctx, status): finishes the program; does not return
            orion_exit(Ptr, I32) -> Void;
            // (ctx) -> 64 random bits of the program's saved generator
            orion_random(Ptr) -> I64;
            // (ctx) -> the run's hash seed (saved)
            orion_hash_seed(Ptr) -> I64;
            // (ctx, hash, word) -> hash
            orion_hash_mix(Ptr, I64, I64) -> I64;
        }
    };
}

macro_rules! table {
    ($($name:ident($($param:ident),*) -> $result:ident;)*) => {
        /// The table.
        pub const FUNCTIONS: &[RuntimeFunction] = &[
            $(RuntimeFunction {
                name: stringify!($name),
                params: &[$(AbiType::$param),*],
                result: AbiType::$result,
            }),*
        ];
    };
}
runtime_functions!(table);

/// `orion_fail`: integer overflow (a: operator as `FAIL_OP_*` order `+ - * / % neg`).
pub const FAIL_OVERFLOW: u32 = 0;
/// Division by zero.
pub const FAIL_DIVIDE_BY_ZERO: u32 = 1;
/// Remainder by zero.
pub const FAIL_REMAINDER_BY_ZERO: u32 = 2;
/// Shift count out of range (a: count, b: width in bits).
pub const FAIL_SHIFT: u32 = 3;
/// Index out of range (a: index, b: length).
pub const FAIL_INDEX: u32 = 4;
/// `as` does not fit (a: value where it is an integer).
pub const FAIL_CAST: u32 = 5;
/// Receive on a closed and drained channel.
pub const FAIL_RECV_CLOSED: u32 = 6;
/// Send on a closed channel.
pub const FAIL_SEND_CLOSED: u32 = 7;
/// A negative length in `[v; n]`, `repeat` and the like (a: length).
pub const FAIL_LENGTH: u32 = 8;
/// `@assert(c)` without a message.
pub const FAIL_ASSERT: u32 = 9;
/// No variant or arm matches: a compiler error that is caught instead of being undefined.
pub const FAIL_UNREACHABLE: u32 = 10;

/// Symbol of the [`ProgramDesc`](crate::ProgramDesc) that a program's object file exports; the runtime exports `main`.
pub const PROGRAM_SYMBOL: &str = "orion_program";
/// Symbol of the runtime's immortal empty list and string (an object of 24 bytes, `rc` immortal, all else 0): the value of placeholders.
pub const EMPTY_SYMBOL: &str = "orion_empty";
