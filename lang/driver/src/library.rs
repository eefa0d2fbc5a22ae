//! The standard library's sources, which the compiler carries.

/// The source of the module `std.name`, if there is one.
#[must_use]
pub fn source(name: &str) -> Option<&'static str> {
    MODULES.iter().find(|(module, _)| *module == name).map(|&(_, text)| text)
}

/// Names and sources, in alphabetical order; made by `build.rs` from the folder `stdlib/`.
const MODULES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/stdlib.rs"));
