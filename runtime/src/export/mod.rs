//! The functions that generated code calls, and the proof that they have the signatures of `orion_abi::symbols`.
//!
//! Suspending operations stand with what they do (`sched`, `orion_fast`); here are values and the world. Every function's safety contract is the
//! comment of its line in the table.

pub mod chans;
pub mod generators;
pub mod list;
pub mod memory;
pub mod text;
pub mod world;

use orion_abi::symbols::AbiType;

/// A Rust type as the ABI sees it.
trait Machine {
    /// Its machine type.
    const TYPE: AbiType;
}
impl<T> Machine for *mut T {
    const TYPE: AbiType = AbiType::Ptr;
}
impl<T> Machine for *const T {
    const TYPE: AbiType = AbiType::Ptr;
}
macro_rules! machine {
    ($($rust:ty => $abi:ident),*) => {
        $(impl Machine for $rust {
            const TYPE: AbiType = AbiType::$abi;
        })*
    };
}
machine!(i32 => I32, u32 => I32, i64 => I64, u64 => I64, f64 => F64, () => Void);

/// The signature of a C function.
trait Signature {
    /// Parameters.
    const PARAMS: &'static [AbiType];
    /// Result.
    const RESULT: AbiType;
}
macro_rules! signature {
    ($($param:ident)*) => {
        impl<R: Machine, $($param: Machine),*> Signature for unsafe extern "C" fn($($param),*) -> R {
            const PARAMS: &'static [AbiType] = &[$($param::TYPE),*];
            const RESULT: AbiType = R::TYPE;
        }
    };
}
signature!(A);
signature!(A B);
signature!(A B C);
signature!(A B C D);
signature!(A B C D E);
signature!(A B C D E F);
signature!(A B C D E F G);

/// Fails to compile when a function differs from its line in the table.
const fn check<F: Signature + Copy>(_: F, params: &[AbiType], result: AbiType) {
    assert!(F::PARAMS.len() == params.len(), "number of parameters");
    let mut index = 0;
    while index < params.len() {
        assert!(F::PARAMS[index] as u8 == params[index] as u8, "type of a parameter");
        index += 1;
    }
    assert!(F::RESULT as u8 == result as u8, "type of the result");
}

/// Stands for one parameter in a function type.
macro_rules! any {
    ($param:ident) => {
        _
    };
}
macro_rules! check_all {
    ($($name:ident($($param:ident),*) -> $result:ident;)*) => {
        $(const _: () = check(
            all::$name as unsafe extern "C" fn($(any!($param)),*) -> _,
            &[$(AbiType::$param),*],
            AbiType::$result,
        );)*
    };
}

/// Every exported function in one place.
mod all {
    pub use super::{chans::*, generators::*, list::*, memory::*, text::*, world::*};
    pub use crate::io::orion_try_io;
    pub use crate::sched::{
        cancel::orion_request_cancel, fail::*, join::*, ops::*, park::orion_park, scopes::*,
        select::orion_try_select,
    };
    pub use crate::state::generators::*;
    pub use orion_fast::{
        chan::{orion_park_recv, orion_park_send, orion_try_recv, orion_try_send},
        memory::{orion_alloc, orion_frame_alloc, orion_frame_free, orion_free},
        task::{orion_park_yield, orion_try_yield},
    };
}
orion_abi::runtime_functions!(check_all);
