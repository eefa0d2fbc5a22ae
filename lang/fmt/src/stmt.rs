//! Blocks and statements.

use crate::Builder;
use crate::doc::Doc;
use orion_syntax::ast::{Block, Stmt, StmtKind};

/// A block that is not yet in a group of its own.
pub struct BlockDoc<'a> {
    /// Its braces and what is between them.
    pub content: Doc<'a>,
    /// Whether it is on several lines in any case.
    pub forced: bool,
}

impl<'a> BlockDoc<'a> {
    /// In a group of its own.
    #[must_use]
    pub fn doc(self) -> Doc<'a> {
        Doc::bracket(self.content, self.forced)
    }

    /// Behind its head: on one line with it or on several.
    #[must_use]
    pub fn behind(self, mut head: Vec<Doc<'a>>) -> Doc<'a> {
        let forced = self.forced || head.iter().any(Doc::breaks);
        head.extend([Doc::text(" "), self.content]);
        Doc::bracket(Doc::concat(head), forced)
    }
}

impl<'a> Builder<'a> {
    /// `{ … }`: on one line where it was and fits.
    pub fn block(&mut self, block: &Block) -> Doc<'a> {
        self.block_parts(block).doc()
    }

    /// A block that shares the fate of others.
    pub fn block_parts(&mut self, block: &Block) -> BlockDoc<'a> {
        let spread = self.cursor.spreads_until(block.span.end);
        let open = self.cursor.word("{");
        let mut inner = Vec::new();
        let value = block.value.as_deref();
        let count = block.stmts.len() + usize::from(value.is_some());
        for i in 0..count {
            self.skip_semicolons(&mut inner);
            if !inner.is_empty() {
                let line_end = self.cursor.line_end();
                let one_line = Doc::text("; ");
                inner.push(if spread { line_end } else { Doc::if_broken(line_end, one_line) });
            }
            inner.push(self.cursor.lead());
            inner.push(match (block.stmts.get(i), value) {
                (Some(stmt), _) => self.stmt(stmt),
                (None, Some(value)) => self.expr(value),
                // `count` is that of both.
                (None, None) => Doc::nil(),
            });
        }
        self.skip_semicolons(&mut inner);
        let spread = self.push_dangling(&mut inner) || spread && !inner.is_empty();
        let close = self.cursor.word("}");
        if inner.is_empty() {
            let forced = open.breaks();
            let apart = if forced { Doc::hard() } else { Doc::nil() };
            return BlockDoc { content: Doc::concat(vec![open, apart, close]), forced };
        }
        let forced = spread || open.breaks() || inner.iter().any(Doc::breaks);
        let inner = Doc::indent(Doc::concat([vec![Doc::line()], inner].concat()));
        BlockDoc { content: Doc::concat(vec![open, inner, Doc::line(), close]), forced }
    }

    /// The comments before a closing bracket, each on a line of its own.
    pub fn push_dangling(&mut self, inner: &mut Vec<Doc<'a>>) -> bool {
        let dangling = self.cursor.dangling();
        let found = !dangling.is_empty();
        for (comment, blank) in dangling {
            if !inner.is_empty() {
                inner.push(if blank { Doc::blank() } else { Doc::hard() });
            }
            inner.push(comment);
        }
        found
    }

    fn skip_semicolons(&mut self, parts: &mut Vec<Doc<'a>>) {
        while let Some(comments) = self.cursor.skip(";") {
            if !comments.is_nil() {
                parts.push(comments);
            }
        }
    }

    fn stmt(&mut self, stmt: &Stmt) -> Doc<'a> {
        match &stmt.kind {
            StmtKind::Let { pattern, ty, value, .. } => {
                let mut parts = vec![self.cursor.take(), Doc::text(" "), self.pattern(pattern)];
                if let Some(ty) = ty {
                    parts.extend([self.cursor.word(":"), Doc::text(" "), self.ty(ty)]);
                }
                parts.extend([Doc::text(" "), self.cursor.word("=")]);
                parts.push(self.value(value));
                Doc::concat(parts)
            }
            StmtKind::Receive { channel, .. } => {
                let mut parts = self.receive_two();
                parts.push(self.expr(channel));
                Doc::concat(parts)
            }
            StmtKind::Defer(block) => {
                let word = self.cursor.word("defer");
                Doc::concat(vec![word, Doc::text(" "), self.block(block)])
            }
            StmtKind::Expr(expr) => self.expr(expr),
            StmtKind::Error => self.cursor.take_until(stmt.span.end),
        }
    }

    /// `value, ok := <-`
    pub fn receive_two(&mut self) -> Vec<Doc<'a>> {
        vec![
            self.cursor.take(),
            self.cursor.word(","),
            Doc::text(" "),
            self.cursor.take(),
            Doc::text(" "),
            self.cursor.word(":="),
            Doc::text(" "),
            self.cursor.word("<-"),
        ]
    }
}
