//! The registry of error codes.
//!
//! **Adding a code takes two things:** one line in the list below, in the order of numbers, and
//! the file `lang/diagnostics/pages/E0123.md`. A page has this shape (a test checks it):
//!
//! ````text
//! # E0123: the title of the list
//!
//! What is wrong, and why the language is so. A paragraph or two.
//!
//! ## Wrong
//!
//! ```orion
//! fn main() { … }          // a whole program that reports this code
//! ```
//!
//! ## Right
//!
//! ```orion
//! fn main() { … }          // a whole program that compiles
//! ```
//! ````
//!
//! Codes that no program can show (tools, files) have `text` blocks, or none.
//!
//! Groups: E00xx lexical and syntax, E01xx names and modules, E02xx types, E03xx patterns,
//! E04xx linearity and leaks, E05xx tasks, scopes and generators, E06xx constants and
//! arithmetic, E07xx classes and generics, E08xx limits, E1xxx tools
//! and files; W0xxx warnings. A number is never given to another error.

use crate::Severity;
use std::fmt;

macro_rules! error_codes {
    ($($code:ident $title:literal;)+) => {
        /// The code of an error or warning: a name that never changes its meaning.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $(#[doc = $title] $code,)+
        }

        impl ErrorCode {
            /// Every code, in the order of numbers.
            pub const ALL: &'static [Self] = &[$(Self::$code,)+];

            /// `E0123`
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$code => stringify!($code),)+ }
            }

            /// Its title: the error in general, in a few words.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$code => $title,)+ }
            }

            /// Its page, in Markdown.
            #[must_use]
            pub fn page(self) -> &'static str {
                match self {
                    $(Self::$code => include_str!(
                        concat!("../pages/", stringify!($code), ".md")
                    ),)+
                }
            }
        }
    };
}

error_codes! {
    // E00xx: lexical structure and syntax
    E0001 "unexpected character";
    E0002 "unterminated string";
    E0003 "unterminated block comment";
    E0004 "invalid escape";
    E0005 "invalid character literal";
    E0006 "invalid number";
    E0007 "number out of range";
    E0008 "invalid interpolation";
    E0010 "unexpected token";
    E0011 "bracket is not closed";
    E0012 "bracket closes nothing";
    E0013 "chained comparison";
    E0014 "not a place";
    E0015 "parameter without a type";
    E0016 "statement outside a function";
    E0017 "declaration inside a body";
    E0018 "cannot spawn this";
    E0019 "not an arm of `select`";
    E0020 "wrong case of a name";
    E0021 "statements not separated";
    E0022 "variable without a value";
    E0023 "struct literal in a head";
    E0024 "keyword used as a name";
    E0025 "invalid use of `:=`";
    // E01xx: names and modules
    E0101 "unknown name";
    E0102 "unknown type";
    E0103 "unknown module";
    E0104 "private name";
    E0105 "declared twice";
    E0106 "unknown field";
    E0107 "unknown method";
    E0108 "unknown variant";
    E0109 "ambiguous name";
    E0110 "modules import each other";
    E0111 "unknown intrinsic";
    E0112 "unknown label";
    E0113 "given twice";
    E0114 "wrong `main`";
    E0115 "unknown class";
    E0116 "jump outside of a loop";
    // E02xx: types
    E0201 "wrong type";
    E0202 "wrong number of arguments";
    E0203 "not a function";
    E0204 "operator does not take this";
    E0205 "type not known";
    E0206 "wrong number of type arguments";
    E0207 "missing result";
    E0208 "variable cannot be changed";
    E0209 "not a place";
    E0210 "wrong use of `mut`";
    E0211 "cannot be indexed";
    E0212 "wrong struct literal";
    E0213 "`?` out of place";
    E0214 "no such conversion";
    E0215 "not iterable";
    E0216 "branches differ";
    E0217 "type without an end";
    E0218 "captured variable changed";
    E0219 "in-out arguments overlap";
    E0220 "wrong default argument";
    E0221 "not for C";
    E0222 "pointer across a suspension";
    E0225 "range as a value";
    // E03xx: patterns
    E0301 "not every case is matched";
    E0302 "pattern may fail";
    E0303 "pattern of another type";
    E0304 "alternatives bind differently";
    E0305 "wrong fields in a pattern";
    E0306 "empty range pattern";
    // E04xx: linearity and leaks
    E0401 "task is not joined";
    E0402 "handle used twice";
    E0403 "handle where no handle may be";
    E0404 "loop over handles left early";
    E0405 "channel leaks";
    // E05xx: tasks, scopes and generators
    E0501 "`spawn` without a scope";
    E0502 "scope escapes";
    E0503 "yield outside of a generator";
    E0504 "yield of another type";
    E0505 "no scope to cancel";
    E0506 "arms exclude each other";
    E0507 "jump out of `defer`";
    E0508 "not a channel";
    // E06xx: constants and arithmetic
    E0601 "number does not fit";
    E0602 "constant would panic";
    E0603 "not constant";
    E0604 "constant defined by itself";
    // E07xx: classes and generics
    E0701 "class missing";
    E0702 "overlapping instances";
    E0703 "wrong instance";
    E0704 "wrong class";
    // E08xx: limits
    E0801 "nested too deeply";
    E0802 "expression too long";
    E0803 "name too long";
    E0804 "file too large";
    E0805 "instantiation without end";
    // E1xxx: tools and files
    E1001 "file cannot be read";
    E1002 "not a source file";
    E1003 "source is not UTF-8";
    E1004 "output cannot be written";
    E1005 "no linker";
    E1006 "linking failed";
    E1007 "module not found";
    E1008 "file cannot be formatted";
    // W0xxx: warnings
    W0001 "doc comment documents nothing";
    W0201 "value without effect";
    W0202 "code is never reached";
    W0301 "arm is never reached";
}

impl ErrorCode {
    /// The code with this name, in either case.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str().eq_ignore_ascii_case(name))
    }

    /// Errors begin with `E`, warnings with `W`.
    #[must_use]
    pub fn severity(self) -> Severity {
        if self.as_str().starts_with('W') { Severity::Warning } else { Severity::Error }
    }

    /// The first `orion` block after the heading `## Wrong` of its page.
    #[must_use]
    pub fn wrong_example(self) -> Option<&'static str> {
        example(self.page(), "## Wrong")
    }

    /// The first `orion` block after the heading `## Right` of its page.
    #[must_use]
    pub fn right_example(self) -> Option<&'static str> {
        example(self.page(), "## Right")
    }
}

fn example(page: &'static str, heading: &str) -> Option<&'static str> {
    let (_, section) = page.split_once(heading)?;
    let section = section.split("\n## ").next()?;
    let (_, block) = section.split_once("```orion\n")?;
    block.split_once("```").map(|(code, _)| code)
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_page_of_the_right_shape() {
        for &code in ErrorCode::ALL {
            let head = format!("# {code}: {}\n", code.title());
            assert!(code.page().starts_with(&head), "page of {code} must start with {head}");
            assert!(code.page().len() > head.len() + 40, "page of {code} says nothing");
            let tool = code.as_str().starts_with("E1");
            let limit = code.as_str().starts_with("E08");
            assert!(
                tool || limit || code.wrong_example().is_some(),
                "page of {code} has no wrong example"
            );
            assert!(
                code.wrong_example().is_none() || code.right_example().is_some(),
                "page of {code} has no right example"
            );
        }
    }

    #[test]
    fn every_page_is_listed() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/pages");
        for entry in std::fs::read_dir(folder).expect("the folder of pages") {
            let name = entry.expect("an entry").file_name();
            let name = name.to_string_lossy();
            let code = name.strip_suffix(".md").expect("only pages in the folder");
            assert!(ErrorCode::parse(code).is_some(), "{name} belongs to no code");
        }
    }

    #[test]
    fn codes_are_in_order_and_found_by_name() {
        assert!(ErrorCode::ALL.windows(2).all(|w| w[0].as_str() < w[1].as_str()));
        assert_eq!(ErrorCode::parse("e0010"), Some(ErrorCode::E0010));
        assert_eq!(ErrorCode::W0001.severity(), Severity::Warning);
    }
}
