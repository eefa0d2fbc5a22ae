//! Calls, fields, indices: chains of what stands behind an expression.
//!
//! A chain of at least two methods that does not fit on a line is broken before each of them; a
//! short name keeps the first: `xs.iter()`.

use crate::Builder;
use crate::doc::Doc;
use crate::list::Style;
use crate::render::INDENT_COLUMNS;
use orion_syntax::ast::{Arg, Expr, ExprKind, SpawnBody};

/// The part of a chain from one dot to the next.
#[derive(Default)]
struct Link<'a> {
    parts: Vec<Doc<'a>>,
    is_call: bool,
    begins_line: bool,
}

impl<'a> Builder<'a> {
    /// A field, index, call, instantiation or `?`.
    pub fn postfix(&mut self, expr: &Expr) -> Doc<'a> {
        let mut base = expr;
        let mut behind = Vec::new();
        while let ExprKind::Field { base: inner, .. }
        | ExprKind::TupleField { base: inner, .. }
        | ExprKind::Index { base: inner, .. }
        | ExprKind::Call { callee: inner, .. }
        | ExprKind::Instantiate { base: inner, .. }
        | ExprKind::Try(inner) = &base.kind
        {
            behind.push(base);
            base = inner;
        }
        let mut head = Link { parts: vec![self.expr(base)], ..Link::default() };
        let mut links: Vec<Link<'a>> = Vec::new();
        let mut may_hug = false;
        for op in behind.into_iter().rev() {
            if let ExprKind::Field { .. } = op.kind {
                let begins_line = self.cursor.begins_line();
                let parts = vec![self.cursor.word("."), self.cursor.take()];
                links.push(Link { parts, is_call: false, begins_line });
                continue;
            }
            may_hug = matches!(&op.kind, ExprKind::Call { args, .. } if hugs_last(args));
            let doc = self.behind(op);
            let link = links.last_mut().unwrap_or(&mut head);
            link.is_call |= matches!(op.kind, ExprKind::Call { .. });
            link.parts.push(doc);
        }
        // Fields before the first method are part of what it is called on.
        let fields = links.iter().position(|link| link.is_call).unwrap_or(links.len());
        for link in links.drain(..fields) {
            head.parts.extend(link.parts);
        }
        if links.iter().filter(|link| link.is_call).count() < 2 {
            head.parts.extend(links.into_iter().flat_map(|link| link.parts));
            return Doc::concat(head.parts);
        }
        chain(Doc::concat(head.parts), links, may_hug)
    }

    /// What `op` adds behind its base.
    fn behind(&mut self, op: &Expr) -> Doc<'a> {
        let end = op.span.end;
        match &op.kind {
            ExprKind::Index { index, .. } => {
                let open = self.cursor.word("[");
                let index = self.expr(index);
                Doc::concat(vec![open, index, self.cursor.word("]")])
            }
            ExprKind::Call { args, .. } => self.args(args, end),
            ExprKind::Instantiate { type_args, .. } => {
                let colons = self.cursor.word("::");
                Doc::concat(vec![colons, self.types(type_args, end)])
            }
            ExprKind::TupleField { .. } => {
                let (dot, number) = (self.cursor.word("."), self.cursor.take());
                // Apart from its dot, `0.1` would be a float.
                let apart = if dot.breaks() || number.is_multi() { " " } else { "" };
                Doc::concat(vec![dot, number, Doc::text(apart)])
            }
            // `?`
            _ => self.cursor.take_until(end),
        }
    }

    /// `(a, mut b)`
    pub fn args(&mut self, args: &[Arg], end: u32) -> Doc<'a> {
        let list = self.list_parts(Style::TIGHT, args.len(), end, |b, i| {
            let mut parts = Vec::new();
            b.mark(args[i].mutable.is_some(), &mut parts);
            parts.push(b.expr(&args[i].value));
            Doc::concat(parts)
        });
        if let [Arg { value: Expr { kind: ExprKind::Interpolation(_), .. }, .. }] = args {
            return list.unbroken();
        }
        if let [Arg { value: Expr { kind: ExprKind::Literal(_) | ExprKind::Name(_), .. }, .. }] =
            args
        {
            return list.unbroken();
        }
        list.doc(hugs_last(args).then_some(()))
    }
}

/// Breaks a chain before each link, where it must be broken.
fn chain<'a>(mut head: Doc<'a>, mut links: Vec<Link<'a>>, may_hug: bool) -> Doc<'a> {
    let spread = links.iter().any(|link| link.begins_line);
    if !links[0].begins_line && head.width() <= INDENT_COLUMNS && !head.is_multi() {
        let first = links.remove(0);
        head = Doc::concat([vec![head], first.parts].concat());
    }
    let links: Vec<Doc<'a>> = links.into_iter().map(|link| Doc::concat(link.parts)).collect();
    let count = links.len();
    let multi_before = links[..count - 1].iter().any(Doc::is_multi);
    let multi_last = links.last().is_some_and(Doc::is_multi);
    let forced = spread || multi_before || multi_last && !may_hug || links.iter().any(Doc::breaks);
    let hug = links.last().filter(|_| may_hug && !forced).and_then(|last| {
        let mut parts = vec![head.clone()];
        parts.extend_from_slice(&links[..count - 1]);
        parts.push(last.break_last()?);
        Some(Doc::concat(parts))
    });
    let links = links.into_iter().flat_map(|link| [Doc::soft(), link]).collect();
    let content = Doc::concat(vec![head, Doc::indent(Doc::concat(links))]);
    Doc::choice(content, hug, multi_last, forced)
}

/// Whether the last argument may begin on the call's first line and end on its last.
pub fn hugs_last(args: &[Arg]) -> bool {
    let Some(last) = args.last() else { return false };
    match &last.value.kind {
        ExprKind::Lambda(_)
        | ExprKind::Struct { .. }
        | ExprKind::Map(_)
        | ExprKind::Match { .. }
        | ExprKind::Block(_)
        | ExprKind::Async { .. }
        | ExprKind::Gen(_)
        | ExprKind::Select(_) => true,
        ExprKind::List(elements) => !elements.is_empty(),
        ExprKind::Spawn(spawn) => matches!(spawn.body, SpawnBody::Block(_)),
        ExprKind::Call { args: inner, .. } | ExprKind::Intrinsic { args: inner, .. } => {
            args.len() == 1 && !inner.is_empty()
        }
        _ => false,
    }
}
