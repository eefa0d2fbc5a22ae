//! Patterns.

use crate::Builder;
use crate::doc::Doc;
use crate::list::Style;
use orion_syntax::ast::{FieldPattern, ListPatternElement, Pattern, PatternKind, RangeEnd};

impl<'a> Builder<'a> {
    /// A pattern.
    pub fn pattern(&mut self, pattern: &Pattern) -> Doc<'a> {
        let end = pattern.span.end;
        match &pattern.kind {
            PatternKind::Wildcard
            | PatternKind::Binding(_)
            | PatternKind::Path(_)
            | PatternKind::Literal(_)
            | PatternKind::Error => self.cursor.take_until(end),
            PatternKind::Range { start, end, .. } => {
                let start = self.range_end(start);
                let dots = self.cursor.take();
                Doc::concat(vec![start, dots, self.range_end(end)])
            }
            PatternKind::Variant { path, fields } => {
                let name = self.path(path);
                Doc::concat(vec![name, self.patterns(fields, end)])
            }
            PatternKind::Struct { path, fields, rest } => {
                let name = self.path(path);
                let count = fields.len() + usize::from(rest.is_some());
                let style = Style { spread: false, ..Style::FIELDS };
                let list = self.list_parts(style, count, end, |b, i| match fields.get(i) {
                    Some(field) => b.field_pattern(field),
                    None => b.cursor.word(".."),
                });
                Doc::concat(vec![name, Doc::text(" "), list.doc(None)])
            }
            PatternKind::Tuple(patterns) => match &patterns[..] {
                [only] => self.single(|b| b.pattern(only)),
                _ => self.patterns(patterns, end),
            },
            PatternKind::Paren(inner) => {
                let open = self.cursor.take();
                let inner = self.pattern(inner);
                Doc::concat(vec![open, inner, self.cursor.take()])
            }
            PatternKind::List(elements) => {
                self.list(Style::TIGHT, elements.len(), end, |b, i| match &elements[i] {
                    ListPatternElement::Element(pattern) => b.pattern(pattern),
                    ListPatternElement::Rest { span, .. } => b.cursor.take_until(span.end),
                })
            }
            PatternKind::Or(patterns) => self.alternatives(patterns),
        }
    }

    fn alternatives(&mut self, patterns: &[Pattern]) -> Doc<'a> {
        let mut parts = Vec::new();
        for (i, pattern) in patterns.iter().enumerate() {
            if i > 0 {
                parts.extend([Doc::line(), self.cursor.word("|"), Doc::text(" ")]);
            }
            parts.push(self.pattern(pattern));
        }
        Doc::group(Doc::concat(parts))
    }

    fn patterns(&mut self, patterns: &[Pattern], end: u32) -> Doc<'a> {
        self.list(Style::TIGHT, patterns.len(), end, |b, i| b.pattern(&patterns[i]))
    }

    fn field_pattern(&mut self, field: &FieldPattern) -> Doc<'a> {
        let mut parts = vec![self.cursor.take()];
        if let Some(pattern) = &field.pattern {
            parts.extend([self.cursor.word(":"), Doc::text(" "), self.pattern(pattern)]);
        }
        Doc::concat(parts)
    }

    fn range_end(&mut self, end: &RangeEnd) -> Doc<'a> {
        match end {
            RangeEnd::Literal(literal) => self.cursor.take_until(literal.span.end),
            RangeEnd::Const(path) => self.path(path),
        }
    }
}
