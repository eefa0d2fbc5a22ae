//! The entry point of every compiled program. Not in tests, which have programs of their own.

use std::ffi::CStr;

use orion_abi::ProgramDesc;

use crate::start::start;

unsafe extern "C" {
    #[link_name = "orion_program"]
    static ORION_PROGRAM: ProgramDesc;
}

/// Runs the program.
///
/// # Safety
/// Called by the C runtime's start code.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn main(argc: libc::c_int, argv: *const *const libc::c_char) -> libc::c_int {
    // SAFETY: the linker resolves the symbol to the program's descriptor; `argv` is as the C standard says.
    unsafe { start(&raw const ORION_PROGRAM, &arguments(argc, argv)) }
}

/// The command line as text; what is not UTF-8 is replaced.
///
/// # Safety
/// As `main` gets them.
unsafe fn arguments(argc: libc::c_int, argv: *const *const libc::c_char) -> Vec<String> {
    // SAFETY: the caller's promise.
    (0..argc as usize)
        .map(|index| unsafe { CStr::from_ptr(*argv.add(index)).to_string_lossy().into_owned() })
        .collect()
}
