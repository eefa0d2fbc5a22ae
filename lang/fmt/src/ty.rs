//! Types, signatures and generic parameters.

use crate::Builder;
use crate::doc::Doc;
use crate::list::Style;
use orion_syntax::ast::{FnType, GenericParam, Param, Path, Signature, Type, TypeKind, Yields};

impl<'a> Builder<'a> {
    /// `a.b.C`
    pub fn path(&mut self, path: &Path) -> Doc<'a> {
        self.cursor.take_until(path.span.end)
    }

    /// A type.
    pub fn ty(&mut self, ty: &Type) -> Doc<'a> {
        match &ty.kind {
            TypeKind::Named { path, args } => {
                let name = self.path(path);
                if self.cursor.peek() != "[" || ty.span.end == path.span.end {
                    return name;
                }
                Doc::concat(vec![name, self.types(args, ty.span.end)])
            }
            TypeKind::Tuple(types) => self.tuple_types(types, ty.span.end),
            TypeKind::List(element) | TypeKind::Paren(element) => {
                let open = self.cursor.take();
                let element = self.ty(element);
                Doc::concat(vec![open, element, self.cursor.take()])
            }
            TypeKind::Fn(function) => self.fn_type(function),
            TypeKind::Error => self.cursor.take_until(ty.span.end),
        }
    }

    fn tuple_types(&mut self, types: &[Type], end: u32) -> Doc<'a> {
        if let [only] = types {
            return self.single(|b| b.ty(only));
        }
        self.types(types, end)
    }

    /// `(a,)`, whose comma makes it a tuple.
    pub fn single(&mut self, element: impl FnOnce(&mut Self) -> Doc<'a>) -> Doc<'a> {
        let open = self.cursor.word("(");
        let element = element(self);
        let comma = self.cursor.word(",");
        Doc::concat(vec![open, element, comma, self.cursor.word(")")])
    }

    /// Types in brackets, `[A, B]` or `(A, B)`.
    pub fn types(&mut self, types: &[Type], end: u32) -> Doc<'a> {
        self.list(Style::TIGHT, types.len(), end, |b, i| b.ty(&types[i]))
    }

    fn fn_type(&mut self, function: &FnType) -> Doc<'a> {
        let mut parts = vec![self.cursor.word("fn")];
        let params = &function.params;
        parts.push(self.list(Style::TIGHT, params.len(), 0, |b, i| {
            let mut parts = Vec::new();
            b.mark(params[i].mutable.is_some(), &mut parts);
            parts.push(b.ty(&params[i].ty));
            Doc::concat(parts)
        }));
        self.results(function.result.as_ref(), function.yields.as_ref(), &mut parts);
        Doc::concat(parts)
    }

    /// The next token and a blank, where `written`.
    pub fn mark(&mut self, written: bool, parts: &mut Vec<Doc<'a>>) {
        if written {
            parts.extend([self.cursor.take(), Doc::text(" ")]);
        }
    }

    fn results(
        &mut self,
        result: Option<&Type>,
        yields: Option<&Yields>,
        parts: &mut Vec<Doc<'a>>,
    ) {
        if let Some(result) = result {
            parts.push(Doc::text(" "));
            parts.push(self.ty(result));
        }
        if let Some(yields) = yields {
            parts.extend([Doc::text(" "), self.cursor.word("yields"), Doc::text(" ")]);
            parts.push(self.ty(&yields.yielded));
            if let Some(sent) = &yields.sent {
                parts.extend([Doc::text(" "), self.cursor.word("<-"), Doc::text(" ")]);
                parts.push(self.ty(sent));
            }
        }
    }

    /// `(a: A, b: B) R yields Y`
    pub fn signature(&mut self, signature: &Signature) -> Doc<'a> {
        let params = &signature.params;
        let list = self.list(Style::TIGHT, params.len(), 0, |b, i| b.param(&params[i]));
        let mut parts = vec![list];
        self.results(signature.result.as_ref(), signature.yields.as_ref(), &mut parts);
        Doc::concat(parts)
    }

    fn param(&mut self, param: &Param) -> Doc<'a> {
        let mut parts = Vec::new();
        self.mark(param.mutable.is_some(), &mut parts);
        parts.push(self.cursor.take());
        if let Some(ty) = &param.ty {
            parts.extend([self.cursor.word(":"), Doc::text(" "), self.ty(ty)]);
        }
        if let Some(default) = &param.default {
            parts.extend([Doc::text(" "), self.cursor.word("="), Doc::text(" ")]);
            parts.push(self.expr(default));
        }
        Doc::concat(parts)
    }

    /// `[T: A + B, U]`, where written.
    pub fn generics(&mut self, generics: &[GenericParam]) -> Doc<'a> {
        if self.cursor.peek() != "[" {
            return Doc::nil();
        }
        self.list(Style::TIGHT, generics.len(), 0, |b, i| {
            let mut parts = vec![b.cursor.take()];
            for (i, bound) in generics[i].bounds.iter().enumerate() {
                if i > 0 {
                    parts.push(Doc::text(" "));
                }
                parts.extend([b.cursor.take(), Doc::text(" "), b.path(bound)]);
            }
            Doc::concat(parts)
        })
    }
}
