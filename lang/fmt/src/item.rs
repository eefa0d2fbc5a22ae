//! Declarations.

use crate::Builder;
use crate::doc::Doc;
use crate::list::Style;
use orion_syntax::ast::{
    ExternDecl, ExternFn, Item, ItemKind, Module, TypeBody, TypeDecl, VariantDecl,
};

impl<'a> Builder<'a> {
    /// A whole file.
    pub fn module(&mut self, module: &Module) -> Doc<'a> {
        let mut parts = Vec::new();
        for item in &module.items {
            self.separate(&mut parts);
            parts.push(self.cursor.lead());
            parts.push(self.item(item));
        }
        while let Some(comments) = self.cursor.skip(";") {
            parts.push(comments);
        }
        self.push_dangling(&mut parts);
        if !parts.is_empty() {
            parts.push(Doc::hard());
        }
        Doc::concat(parts)
    }

    /// Ends a declaration before the next one.
    fn separate(&mut self, parts: &mut Vec<Doc<'a>>) {
        while let Some(comments) = self.cursor.skip(";") {
            parts.push(comments);
        }
        if !parts.is_empty() {
            parts.push(self.cursor.line_end());
        }
    }

    fn item(&mut self, item: &Item) -> Doc<'a> {
        let mut parts = Vec::new();
        self.mark(item.public.is_some(), &mut parts);
        if matches!(item.kind, ItemKind::Error) {
            parts.push(self.cursor.take_until(item.span.end));
            return Doc::concat(parts);
        }
        // The keyword.
        parts.push(self.cursor.take());
        match &item.kind {
            ItemKind::Import(import) => {
                parts.extend([Doc::text(" "), self.path(&import.path)]);
                if import.alias.is_some() {
                    parts.extend([Doc::text(" "), self.cursor.word("as"), Doc::text(" ")]);
                    parts.push(self.cursor.take());
                }
            }
            ItemKind::Const(decl) => {
                parts.extend([Doc::text(" "), self.cursor.take()]);
                if let Some(ty) = &decl.ty {
                    parts.extend([self.cursor.word(":"), Doc::text(" "), self.ty(ty)]);
                }
                parts.extend([Doc::text(" "), self.cursor.word("="), self.value(&decl.value)]);
            }
            ItemKind::Type(decl) => {
                parts.push(Doc::text(" "));
                parts.push(self.type_decl(decl, item.span.end));
            }
            ItemKind::Fn(decl) => {
                parts.extend([Doc::text(" "), self.cursor.take()]);
                parts.extend([self.generics(&decl.generics), self.signature(&decl.signature)]);
                return self.block_parts(&decl.body).behind(parts);
            }
            ItemKind::Class(decl) => {
                parts.extend([Doc::text(" "), self.cursor.take()]);
                parts.extend([self.generics(&decl.generics), Doc::text(" ")]);
                let members = &decl.members;
                parts.push(self.list(Style::ARMS, members.len(), item.span.end, |b, i| {
                    let mut parts = vec![b.cursor.take(), b.cursor.word(":"), Doc::text(" ")];
                    parts.push(b.ty(&members[i].ty));
                    Doc::concat(parts)
                }));
            }
            ItemKind::Instance(decl) => {
                parts.extend([self.generics(&decl.generics), Doc::text(" ")]);
                parts.extend([self.path(&decl.class), self.types(&decl.args, 0), Doc::text(" ")]);
                let members = &decl.members;
                parts.push(self.list(Style::ARMS, members.len(), item.span.end, |b, i| {
                    let name = b.cursor.take();
                    let equals = b.cursor.word("=");
                    let value = b.expr(&members[i].value);
                    Doc::concat(vec![name, Doc::text(" "), equals, Doc::text(" "), value])
                }));
            }
            ItemKind::Extern(decl) => {
                parts.extend([Doc::text(" "), self.cursor.take(), Doc::text(" ")]);
                parts.push(self.extern_fns(decl, item.span.end));
            }
            ItemKind::Test(decl) => {
                parts.extend([Doc::text(" "), self.cursor.take(), Doc::text(" ")]);
                parts.push(self.block(&decl.body));
            }
            ItemKind::Error => {}
        }
        Doc::concat(parts)
    }

    fn extern_fns(&mut self, decl: &ExternDecl, end: u32) -> Doc<'a> {
        let spread = self.cursor.spreads_until(end);
        let open = self.cursor.word("{");
        let mut inner = Vec::new();
        for function in &decl.fns {
            while let Some(comments) = self.cursor.skip(";") {
                inner.push(comments);
            }
            if !inner.is_empty() {
                let (line_end, one_line) = (self.cursor.line_end(), Doc::text("; "));
                inner.push(if spread { line_end } else { Doc::if_broken(line_end, one_line) });
            }
            inner.push(self.cursor.lead());
            inner.push(self.extern_fn(function));
        }
        while let Some(comments) = self.cursor.skip(";") {
            inner.push(comments);
        }
        let spread = self.push_dangling(&mut inner) || spread && !inner.is_empty();
        let close = self.cursor.word("}");
        if inner.is_empty() {
            return Doc::concat(vec![open, close]);
        }
        let forced = spread || open.breaks() || inner.iter().any(Doc::breaks);
        let inner = Doc::indent(Doc::concat([vec![Doc::line()], inner].concat()));
        Doc::bracket(Doc::concat(vec![open, inner, Doc::line(), close]), forced)
    }

    fn extern_fn(&mut self, function: &ExternFn) -> Doc<'a> {
        let mut parts = Vec::new();
        self.mark(function.public.is_some(), &mut parts);
        parts.extend([self.cursor.word("fn"), Doc::text(" "), self.cursor.take()]);
        parts.push(self.signature(&function.signature));
        Doc::concat(parts)
    }

    fn type_decl(&mut self, decl: &TypeDecl, end: u32) -> Doc<'a> {
        let mut parts = vec![self.cursor.take(), self.generics(&decl.generics), Doc::text(" ")];
        parts.push(self.cursor.word("="));
        match &decl.body {
            TypeBody::Struct(fields) => {
                parts.push(Doc::text(" "));
                parts.push(self.list(Style::FIELDS, fields.len(), end, |b, i| {
                    let name = b.cursor.take();
                    let colon = b.cursor.word(":");
                    Doc::concat(vec![name, colon, Doc::text(" "), b.ty(&fields[i].ty)])
                }));
            }
            TypeBody::Sum(variants) => parts.push(self.variants(variants, end)),
            TypeBody::Alias(ty) => parts.extend([Doc::text(" "), self.ty(ty)]),
        }
        Doc::concat(parts)
    }

    /// ` | A | B(T)`, or one a line.
    fn variants(&mut self, variants: &[VariantDecl], end: u32) -> Doc<'a> {
        let spread = self.cursor.begins_line() || self.cursor.spreads_until(end);
        let mut parts = Vec::new();
        for (i, variant) in variants.iter().enumerate() {
            parts.push(if spread && i > 0 { self.cursor.line_end() } else { Doc::line() });
            if self.cursor.peek() == "|" {
                parts.extend([self.cursor.take(), Doc::text(" ")]);
            } else {
                for (comment, _) in self.cursor.dangling() {
                    parts.extend([comment, Doc::hard()]);
                }
                parts.push(Doc::if_broken(Doc::text("| "), Doc::nil()));
            }
            parts.push(self.cursor.take());
            if self.cursor.peek() == "(" {
                parts.push(self.types(&variant.fields, variant.span.end));
            }
        }
        let forced = spread || parts.iter().any(Doc::breaks);
        Doc::bracket(Doc::indent(Doc::concat(parts)), forced)
    }
}
