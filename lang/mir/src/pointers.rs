//! No C pointer lives across a suspend point: it would be meaningless in the process that resumes.
//!
//! Input: a program in its final form, with frame maps. Output: E0222 for each variable that holds a `ptr`, however deep, and is in a frame at a
//! point where its task may be suspended, and for each capture of one (a function value lives as long as it likes). Every value that outlives a
//! suspension is in a frame or a channel, channels are in frames, and both are seen here by their types.

use orion_diagnostics::{Diagnostic, ErrorCode};
use orion_syntax::{SourceMap, Span};

use crate::body::{Body, BodyKind, Callee, Loc, Program, TerminatorKind};
use crate::suspend::SuspendOp;
use crate::ty::TyKind;
use crate::typing::holds_pointer;

/// Reports the pointers of the program that live too long, each once.
#[must_use]
pub fn check(program: &Program, sources: &SourceMap) -> Vec<Diagnostic> {
    let types = &program.types;
    if types.find(&TyKind::Ptr).is_none() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for body in &program.bodies {
        if let BodyKind::Closure { captures } = &body.kind {
            let captured = captures.iter().filter(|(_, ty)| holds_pointer(types, *ty));
            found.extend(captured.map(|(name, _)| {
                Diagnostic::new(
                    ErrorCode::E0222,
                    span_of(sources, body.loc),
                    format!("`{name}` holds a pointer, and cannot be captured"),
                )
                .label("this may live across a suspension")
                .help("pass the pointer as an argument")
            }));
        }
        found.extend(check_frames(program, body, sources));
    }
    found
}

fn check_frames(program: &Program, body: &Body, sources: &SourceMap) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (index, local) in body.locals.iter().enumerate() {
        if !holds_pointer(&program.types, local.ty) {
            continue;
        }
        let is_in = |locals: &[(crate::body::Local, u32)]| {
            locals.iter().any(|(local, _)| local.index() == index)
        };
        // The start of a task is one of its points: it waits there for its turn.
        let first = usize::from(!body.kind.is_frame_only());
        let point = body.points.iter().skip(first).find(|point| {
            point.live.iter().any(|local| local.index() == index) || is_in(&point.consumed)
        });
        let Some(point) = point else { continue };
        let terminator = &body.block(point.block).terminator;
        let (at, label) = if point.block == crate::body::ENTRY && body.kind.is_frame_only() {
            (body.loc, "begins in a frame that may be saved")
        } else {
            (terminator.loc, what_suspends(&terminator.kind))
        };
        let holder = match &local.name {
            Some(name) => format!("`{name}` holds a pointer, and is"),
            None => "a pointer is".to_owned(),
        };
        let at = span_of(sources, at);
        let mut diagnostic = Diagnostic::new(
            ErrorCode::E0222,
            at,
            format!("{holder} alive where the task may be suspended"),
        )
        .label(label);
        if local.name.is_some() {
            diagnostic = diagnostic.secondary(span_of(sources, local.loc), "declared here");
        }
        found.push(
            diagnostic
                .note("a suspended task may go on in another process, where the pointer means nothing")
                .help("be done with the pointer before, or make one function of the C calls, without a loop"),
        );
    }
    found
}

fn what_suspends(kind: &TerminatorKind) -> &'static str {
    match kind {
        TerminatorKind::Suspend { op: SuspendOp::Poll { .. }, .. } => {
            "other tasks get their turn here"
        }
        TerminatorKind::Call { callee: Callee::Body(_) | Callee::Value(_), .. } => {
            "this call may suspend"
        }
        _ => "suspends here",
    }
}

/// The word at a position.
fn span_of(sources: &SourceMap, loc: Loc) -> Span {
    let Some(file) = sources.files().find(|file| file.id.as_u32() == loc.file) else {
        return Span::BUILTIN;
    };
    let line = file.line_range(loc.line);
    let text = &file.text[line.clone()];
    let skip = text.char_indices().nth(loc.column.saturating_sub(1) as usize);
    let start = skip.map_or(text.len(), |(at, _)| at);
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '@';
    let word = text[start..].find(|c| !is_word(c)).unwrap_or(text.len() - start);
    let width =
        if word == 0 { text[start..].chars().next().map_or(0, char::len_utf8) } else { word };
    let start = line.start + start;
    Span::new(file.id, start as u32, (start + width) as u32)
}
