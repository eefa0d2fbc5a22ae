//! States of linear variables along a path.

use orion_hir::{LocalId, LoopId};
use orion_syntax::Span;
use std::collections::BTreeMap;

/// Whether a variable holds a handle that must still be consumed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It does.
    Live,
    /// It was consumed here.
    Consumed(Span),
}

/// What holds at a place of the program.
#[derive(Clone, Debug, Default)]
pub struct Flow {
    /// Variables in scope that are linear.
    pub states: BTreeMap<LocalId, State>,
    /// No path comes here.
    pub ended: bool,
}

/// A construct around the current place that jumps may leave.
pub enum Region {
    /// The function body.
    Body,
    /// An `async` block.
    Async,
    /// A loop.
    Loop {
        /// Which.
        id: LoopId,
        /// Where a list of handles is consumed by it.
        handles: Option<Span>,
        /// States at its `break`s.
        breaks: Vec<(Flow, Span)>,
        /// States at its `continue`s.
        continues: Vec<(Flow, Span)>,
    },
}
