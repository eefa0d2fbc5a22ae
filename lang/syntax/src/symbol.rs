//! Interned strings: one process-wide table, so that a name is a `u32` that compares in one
//! instruction and needs no context to be read.
//!
//! The table only grows: a compiler interns the names of one program and ends. Strings live for
//! the process (`&'static str`). The numbers depend on the order of interning, so nothing may
//! sort by `Symbol` where the order reaches an output; compare `as_str()` there.

use rustc_hash::FxHashMap;
use std::fmt;
use std::sync::{LazyLock, RwLock};

/// An interned string.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Symbol(u32);

#[derive(Default)]
struct Table {
    numbers: FxHashMap<&'static str, u32>,
    strings: Vec<&'static str>,
}

static TABLE: LazyLock<RwLock<Table>> = LazyLock::new(RwLock::default);

impl Symbol {
    /// The symbol of `text`.
    #[must_use]
    pub fn intern(text: &str) -> Self {
        // A poisoned lock holds a table that is still whole: each insertion is two appends.
        let known = TABLE
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .numbers
            .get(text)
            .copied();
        if let Some(number) = known {
            return Self(number);
        }
        let mut table = TABLE.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(&number) = table.numbers.get(text) {
            return Self(number);
        }
        let text: &'static str = Box::leak(text.into());
        let number = u32::try_from(table.strings.len()).expect("fewer than 2^32 symbols");
        table.strings.push(text);
        table.numbers.insert(text, number);
        Self(number)
    }

    /// The string.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        TABLE.read().unwrap_or_else(std::sync::PoisonError::into_inner).strings[self.0 as usize]
    }

    /// Whether the name begins with an upper-case letter: a type, variant, class or constant.
    #[must_use]
    pub fn is_upper(self) -> bool {
        self.as_str().chars().next().is_some_and(char::is_uppercase)
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<&str> for Symbol {
    fn from(text: &str) -> Self {
        Self::intern(text)
    }
}

impl PartialEq<str> for Symbol {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Symbol {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl serde::Serialize for Symbol {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interns_once() {
        let a = Symbol::intern("alpha");
        assert_eq!(a, Symbol::intern(&String::from("alpha")));
        assert_ne!(a, Symbol::intern("Alpha"));
        assert_eq!(a.as_str(), "alpha");
        assert!(Symbol::intern("LIMIT").is_upper() && !Symbol::intern("_x").is_upper());
    }
}
