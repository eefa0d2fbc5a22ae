//! The sources of the standard library, embedded.
//!
//! A module a file: `std.sync` is `stdlib/sync.or`. The prelude is one of them.

macro_rules! modules {
    ($($name:literal)*) => {
        const MODULES: &[(&str, &str)] =
            &[$((concat!("std.", $name), include_str!(concat!("../../../stdlib/", $name, ".or")))),*];
    };
}

modules! { "prelude" }

/// The source of a module of the standard library, by its dotted path.
#[must_use]
pub fn source(path: &str) -> Option<&'static str> {
    MODULES.iter().find(|(known, _)| *known == path).map(|(_, text)| *text)
}

/// The dotted paths of all modules of the standard library.
pub fn paths() -> impl Iterator<Item = &'static str> {
    MODULES.iter().map(|(path, _)| *path)
}
