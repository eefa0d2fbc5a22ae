//! ThreadSanitizer over whole programs, for the compiler's developers: `ORION_TSAN=FOLDER`.
//!
//! The folder (`./dev tsan` makes it) holds the runtime, instrumented like the program will be, and the sanitizer's own runtime. The variable makes code
//! generation instrument the program, and these two are linked instead of the embedded runtime.

use std::env;
use std::path::{Path, PathBuf};

/// The variable that names the folder.
pub const VARIABLE: &str = "ORION_TSAN";

/// The instrumented runtime, an object.
const RUNTIME: &str = "orion_runtime.o";
/// The sanitizer's runtime, an archive of which everything is needed.
const SANITIZER: &str = "libtsan.a";

/// The folder, where a program is to be instrumented.
#[must_use]
pub fn folder() -> Option<PathBuf> {
    env::var_os(VARIABLE).filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

/// What is linked instead of the runtime.
///
/// # Errors
/// The file that the folder lacks.
pub fn link_arguments(folder: &Path) -> Result<Vec<PathBuf>, PathBuf> {
    let [runtime, sanitizer] = [RUNTIME, SANITIZER].map(|name| folder.join(name));
    for file in [&runtime, &sanitizer] {
        if !file.is_file() {
            return Err(file.clone());
        }
    }
    let [whole, part] = ["-Wl,--whole-archive", "-Wl,--no-whole-archive"].map(PathBuf::from);
    // The sanitizer's memory functions stand before the C library's.
    Ok(vec![runtime, whole, sanitizer, part])
}
