//! The passes in order: what the builder delivers goes in, what codegen takes comes out.
//!
//! Input: a [`Program`] at [`Stage::Built`]. Output: the same program at [`Stage::Final`], or what the verifier found, with the pass that broke it:
//! that is a bug of the compiler, never of the user's program.

use std::fmt;

use crate::body::Program;
use crate::passes::{
    copy_prop, effects, frame_map, hash, inline, known_tags, polls, rc, simplify, strip, unique,
};
use crate::verify::{self, Stage};

/// How to run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Verify after every pass.
    pub verify: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { verify: cfg!(debug_assertions) }
    }
}

/// A pass left a program that breaks an invariant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PassError {
    /// The pass; `build` is the builder.
    pub pass: &'static str,
    /// What is broken.
    pub error: verify::Error,
}

impl fmt::Display for PassError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid MIR after `{}` {}", self.pass, self.error)
    }
}

/// Runs all passes.
///
/// # Errors
/// What the verifier found after the first pass after which it found anything.
pub fn finish(program: &mut Program, options: Options) -> Result<(), Vec<PassError>> {
    let check = |program: &Program, pass: &'static str, stage: Stage| {
        if !options.verify {
            return Ok(());
        }
        verify::program(program, stage).map_err(|errors| {
            errors.into_iter().map(|error| PassError { pass, error }).collect::<Vec<_>>()
        })
    };

    program.types.mark_boxed();
    check(program, "build", Stage::Built)?;

    simplify::run(program);
    check(program, "simplify", Stage::Built)?;

    polls::run(program).map_err(|errors| {
        let error = |(function, message)| PassError {
            pass: "polls",
            error: verify::Error { function, block: None, message },
        };
        errors.into_iter().map(error).collect::<Vec<_>>()
    })?;
    check(program, "polls", Stage::Built)?;

    effects::run(program);
    check(program, "effects", Stage::Effects)?;

    // Without the clean-up that nothing reaches any more, less is live.
    simplify::run(program);
    check(program, "simplify", Stage::Effects)?;

    inline::run(program);
    check(program, "inline", Stage::Effects)?;

    known_tags::run(program);
    copy_prop::run(program);
    check(program, "copy_prop", Stage::Effects)?;

    simplify::run(program);
    strip::run(program);
    simplify::run(program);
    check(program, "strip", Stage::Effects)?;

    rc::run(program);
    check(program, "rc", Stage::Owned)?;

    simplify::run(program);
    unique::run(program);
    check(program, "unique", Stage::Owned)?;

    simplify::run(program);
    check(program, "simplify", Stage::Owned)?;

    frame_map::run(program);
    hash::run(program);
    check(program, "frame_map", Stage::Final)
}
