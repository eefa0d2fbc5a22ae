//! Where paths end and meet: jumps, joins, loops, and the handles that they forget.

use super::flow::{Flow, Region, State};
use super::walk::{Use, Walker};
use orion_diagnostics::{Diagnostic, ErrorCode};
use orion_hir::{Expr, ForIter, LocalId, LoopId, Pat};
use orion_syntax::Span;

impl Walker<'_> {
    /// Reports a handle that this path forgets.
    pub(super) fn forgotten(
        &mut self,
        local: LocalId,
        place: Option<(Span, &str)>,
        used: Option<Span>,
    ) {
        if !self.is_linear(self.body.locals[local].ty) {
            return;
        }
        if !self.reported.insert(local) {
            return;
        }
        let Some(&origin) = self.origins.get(&local) else { return };
        let name = self.name(local).to_owned();
        let partly = used.is_some() || place.is_some();
        let message = if partly {
            format!("the handle `{name}` is not consumed on every path")
        } else {
            format!("the handle `{name}` is never consumed")
        };
        let label = if origin.is_spawn { "this task's end goes unseen" } else { "holds a handle" };
        let mut diagnostic = Diagnostic::new(ErrorCode::E0401, origin.span, message).label(label);
        if let Some(used) = used {
            diagnostic = diagnostic.secondary(used, "consumed here");
        }
        if let Some((span, text)) = place {
            diagnostic = diagnostic.secondary(span, text);
        }
        let help = if self.is_list(local) {
            format!("join them all: `for t in {name} {{ @join(t) }}`")
        } else if origin.is_spawn {
            format!("`@join({name})`, or drop the `spawn`'s value at once for a task on its own")
        } else {
            format!("`@join({name})`, `@cancel({name})`, or pass it on")
        };
        self.report(diagnostic.help(help));
    }

    pub(super) fn is_list(&self, local: LocalId) -> bool {
        matches!(self.program.types.kind(self.body.locals[local].ty), orion_hir::Ty::List(_))
    }

    /// Every variable declared inside of at least `depth` regions must be consumed; those of
    /// `async` blocks that are left early are.
    pub(super) fn check_all_consumed(&mut self, depth: usize, place: Option<(Span, &str)>) {
        let live: Vec<LocalId> = self
            .flow
            .states
            .iter()
            .filter(|(local, state)| {
                **state == State::Live
                    && !self.in_out.contains(local)
                    && self.origins.get(local).is_some_and(|origin| origin.depth >= depth)
            })
            .map(|(local, _)| *local)
            .collect();
        for local in live {
            self.forgotten(local, place, None);
        }
    }

    /// A jump that leaves all regions from `target` on.
    pub(super) fn jump(&mut self, target: usize, span: Span, word: &str) {
        let left = &self.regions[target..];
        let first_async = left.iter().position(|region| matches!(region, Region::Async));
        // A loop over handles is left early, unless the scope around it is left as well.
        let handles = left.iter().enumerate().find_map(|(index, region)| match region {
            Region::Loop { handles: Some(span), .. }
                if first_async.is_none_or(|first| first > index) =>
            {
                Some(*span)
            }
            _ => None,
        });
        if let Some(list) = handles {
            self.report(
                Diagnostic::new(
                    ErrorCode::E0404,
                    span,
                    format!("this {word} forgets the handles that are left in the list"),
                )
                .label("leaves the loop early")
                .secondary(list, "the handles")
                .help("go through all of them; `@request_cancel(t)` ends the others sooner"),
            );
        }
        // Variables between the target and the outermost `async` left must be consumed.
        let depth = target + 1;
        let limit = first_async.map_or(usize::MAX, |first| target + first + 1);
        let live: Vec<LocalId> = self
            .flow
            .states
            .iter()
            .filter(|(local, state)| {
                **state == State::Live
                    && !self.in_out.contains(local)
                    && self
                        .origins
                        .get(local)
                        .is_some_and(|origin| origin.depth >= depth && origin.depth < limit)
            })
            .map(|(local, _)| *local)
            .collect();
        let text = format!("forgotten by this {word}");
        for local in live {
            self.forgotten(local, Some((span, &text)), None);
        }
        self.flow.ended = true;
    }

    pub(super) fn loop_index(&self, id: LoopId) -> Option<usize> {
        self.regions
            .iter()
            .rposition(|region| matches!(region, Region::Loop { id: known, .. } if *known == id))
    }

    /// Joins paths; each with the place that a message names when a handle is live on it only.
    pub(super) fn join(&mut self, paths: Vec<(Flow, Span)>) {
        let mut open = paths.into_iter().filter(|(flow, _)| !flow.ended);
        let Some((mut joined, mut span)) = open.next() else {
            self.flow.ended = true;
            return;
        };
        for (flow, other_span) in open {
            let locals: Vec<LocalId> = joined.states.keys().copied().collect();
            for local in locals {
                let Some(&other) = flow.states.get(&local) else { continue };
                match (joined.states[&local], other) {
                    (State::Live, State::Consumed(used)) => {
                        self.forgotten(local, Some((span, "not on this path")), Some(used));
                        joined.states.insert(local, other);
                    }
                    (State::Consumed(used), State::Live) => {
                        self.forgotten(local, Some((other_span, "not on this path")), Some(used));
                    }
                    _ => {}
                }
            }
            span = other_span;
        }
        joined.ended = false;
        self.flow = joined;
    }

    /// Runs `body` as a loop: the variables around it must be as before after each round. `body`
    /// gives the state in which the loop ends without `break`.
    pub(super) fn run_loop(
        &mut self,
        id: LoopId,
        handles: Option<Span>,
        endless: bool,
        span: Span,
        body: impl FnOnce(&mut Self) -> Flow,
    ) {
        let before = self.flow.clone();
        self.regions.push(Region::Loop { id, handles, breaks: Vec::new(), continues: Vec::new() });
        let at_end = body(self);
        let Some(Region::Loop { breaks, continues, .. }) = self.regions.pop() else { return };
        let mut rounds = continues;
        rounds.push((std::mem::take(&mut self.flow), span));
        for (round, _) in &rounds {
            if round.ended {
                continue;
            }
            for (local, state) in &before.states {
                if let (State::Live, Some(State::Consumed(used))) = (state, round.states.get(local))
                    && !self.reported.contains(local)
                {
                    let name = self.name(*local).to_owned();
                    self.reported.insert(*local);
                    let used = *used;
                    let (noun, verb) = match self.noun(self.body.locals[*local].ty) {
                        "handle" => ("handle", "consumed"),
                        noun => (noun, "moved"),
                    };
                    let mut diagnostic = Diagnostic::new(
                        ErrorCode::E0402,
                        used,
                        format!("the {noun} `{name}` is {verb} in a loop"),
                    )
                    .label(format!("{verb} again in the next round"))
                    .help("do it after the loop, or leave the loop right after it");
                    if let Some(origin) = self.origins.get(local) {
                        diagnostic =
                            diagnostic.secondary(origin.span, "made once, outside of the loop");
                    }
                    self.found.push(diagnostic);
                }
            }
        }
        let mut exits: Vec<(Flow, Span)> = breaks;
        if !endless {
            let mut after = before;
            after.ended |= at_end.ended;
            exits.push((after, span));
        }
        self.join(exits);
        // Variables of the loop's body are gone.
        let depth = self.regions.len();
        let origins = &self.origins;
        self.flow
            .states
            .retain(|local, _| origins.get(local).is_none_or(|origin| origin.depth <= depth));
    }

    pub(super) fn continue_jump(&mut self, index: usize, span: Span) {
        // The round's own variables must be consumed; the loop itself is not left.
        let handles = if let Region::Loop { handles, .. } = &mut self.regions[index] {
            handles.take()
        } else {
            None
        };
        self.jump(index, span, "`continue`");
        if let Region::Loop { handles: slot, .. } = &mut self.regions[index] {
            *slot = handles;
        }
    }

    pub(super) fn for_loop(
        &mut self,
        id: LoopId,
        pat: &Pat,
        iter: &ForIter,
        body: &Expr,
        span: Span,
    ) {
        let mut handles = None;
        match iter {
            ForIter::Range { start, end, .. } => {
                self.expr(start, Use::Taken);
                self.expr(end, Use::Taken);
            }
            ForIter::List(list) => {
                if self.is_linear(list.ty) {
                    handles = Some(list.span);
                }
                self.expr(list, Use::Taken);
            }
            ForIter::Str(value) | ForIter::Chan(value) | ForIter::GenValue(value) => {
                self.expr(value, Use::Taken);
            }
            ForIter::GenPlace(place) => {
                self.place_indices(place);
                self.look(place.local, place.span);
            }
        }
        if self.flow.ended {
            return;
        }
        self.run_loop(id, handles, false, span, |this| {
            let at_start = this.flow.clone();
            let mut declared = Vec::new();
            this.bind(pat, None, &mut declared);
            this.expr(body, Use::Dropped);
            this.end_scope(&declared);
            at_start
        });
    }
}
