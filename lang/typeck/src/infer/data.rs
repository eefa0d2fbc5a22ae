//! Values of data: tuples, lists, maps, structs, indexing.

use super::{Expect, Infer, LocalKind, Why, error_expr, expr};
use crate::classes::Reason;
use crate::globals::TypeDef;
use crate::suggest::nearest;
use orion_diagnostics::ErrorCode;
use orion_hir::{
    AdtId, AdtKind, Arg, Expr, ExprKind, Pat, PatKind, Place, Stmt, Ty, TyId, TyTable,
};
use orion_syntax::{Span, ast};

impl Infer<'_, '_> {
    pub(super) fn tuple(&mut self, items: &[ast::Expr], expect: Expect, span: Span) -> Expr {
        match items {
            [] => return expr(ExprKind::Unit, TyTable::UNIT, span),
            [only] => return self.expr(only, expect),
            _ => {}
        }
        let hints = match expect.ty().map(|ty| self.known(ty)) {
            Some(Ty::Tuple(parts)) if parts.len() == items.len() => Some(parts),
            _ => None,
        };
        let mut values = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let value = match &hints {
                Some(hints) => {
                    // Widening reaches into a tuple literal; what does not fit is reported
                    // by whoever wants the tuple.
                    let value = self.expr(item, Expect::Ty(hints[index]));
                    match self.try_coerce(value, hints[index]) {
                        Ok(value) | Err(value) => value,
                    }
                }
                None => self.expr(item, Expect::Any),
            };
            values.push(value);
        }
        let parts: Vec<TyId> = values.iter().map(|value| self.value_type(value)).collect();
        let ty = self.types().tuple(&parts);
        self.never_if_any(ExprKind::Tuple(values), ty, span)
    }

    /// The type of a part; `()` for one that never comes to be.
    pub(super) fn value_type(&self, value: &Expr) -> TyId {
        if value.ty == TyTable::NEVER { TyTable::UNIT } else { value.ty }
    }

    /// An expression that never ends where an operand never does.
    pub(super) fn never_if_any(&self, kind: ExprKind, ty: TyId, span: Span) -> Expr {
        let mut made = expr(kind, ty, span);
        let mut never = false;
        made.for_each_child(&mut |child| never |= child.ty == TyTable::NEVER);
        if never {
            made.ty = TyTable::NEVER;
        }
        made
    }

    pub(super) fn list(&mut self, items: &[ast::Expr], expect: Expect, span: Span) -> Expr {
        let hint = match expect.ty().map(|ty| self.known(ty)) {
            Some(Ty::List(element)) => Some(element),
            Some(Ty::Adt(adt, _)) if adt == self.g.program.lang.map && items.is_empty() => {
                let error = self
                    .error(ErrorCode::E0201, span, "`[]` is an empty list, and a map is wanted")
                    .label("a list")
                    .help("write `[:]`")
                    .fix(span, "[:]");
                self.emit(error);
                return error_expr(span);
            }
            _ => None,
        };
        let (values, element) = match hint {
            Some(element) => {
                let values =
                    items.iter().map(|item| self.check(item, element, &Why::Element)).collect();
                (values, element)
            }
            None if items.is_empty() => (Vec::new(), self.fresh(span)),
            None => {
                let mut values: Vec<Expr> = Vec::new();
                for item in items {
                    let hint = values.first().map_or(Expect::Any, |first| Expect::Ty(first.ty));
                    values.push(self.expr(item, hint));
                }
                let (values, element) = self.join_elements(values);
                (values, element)
            }
        };
        let element = if element == TyTable::NEVER { TyTable::UNIT } else { element };
        let ty = self.types().list(element);
        self.never_if_any(ExprKind::List(values), ty, span)
    }

    pub(super) fn join_elements(&mut self, values: Vec<Expr>) -> (Vec<Expr>, TyId) {
        let mut element = TyTable::NEVER;
        for value in &values {
            let ty = self.shallow(value.ty);
            element = match (self.known(element), self.known(ty)) {
                (Ty::Never, _) => ty,
                (Ty::Int(a), Ty::Int(b)) if super::coerce::widens(a, b) => ty,
                _ => element,
            };
        }
        let values =
            values.into_iter().map(|value| self.coerce(value, element, &Why::Element)).collect();
        (values, element)
    }

    pub(super) fn repeat(
        &mut self,
        value: &ast::Expr,
        count: &ast::Expr,
        expect: Expect,
        span: Span,
    ) -> Expr {
        let value = match expect.ty().map(|ty| self.known(ty)) {
            Some(Ty::List(element)) => self.check(value, element, &Why::Element),
            _ => self.expr(value, Expect::Any),
        };
        let count = self.check(count, TyTable::I64, &Why::Construct("the length of a list"));
        let element = match expect.ty().map(|ty| self.known(ty)) {
            Some(Ty::List(element)) => element,
            _ => self.value_type(&value),
        };
        let ty = self.types().list(element);
        let kind = ExprKind::ListRepeat { value: Box::new(value), count: Box::new(count) };
        self.never_if_any(kind, ty, span)
    }

    /// The type `Map[K, V]`.
    pub(super) fn map_type(&mut self, key: TyId, value: TyId) -> TyId {
        let map = self.g.program.lang.map;
        self.types().adt(map, &[key, value])
    }

    /// Requires what a key must have.
    pub(super) fn require_key(&mut self, key: TyId, span: Span) {
        let (eq, hash) = (self.g.program.lang.eq, self.g.program.lang.hash);
        self.require(eq, key, span, Reason::MapKey);
        self.require(hash, key, span, Reason::MapKey);
    }

    /// `{ var m = map_new(); map_insert(mut m, k, v); …; m }`
    pub(super) fn map(&mut self, entries: &[ast::MapEntry], expect: Expect, span: Span) -> Expr {
        let (mut key, mut value) = match expect.ty().map(|ty| self.known(ty)) {
            Some(Ty::Adt(adt, args)) if adt == self.g.program.lang.map => (args[0], args[1]),
            _ => (self.fresh(span), self.fresh(span)),
        };
        let mut pairs: Vec<(Expr, Expr)> = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let pair = if index == 0 {
                // The first entry decides where nothing else does; it may widen what is wanted.
                let k = self.check(&entry.key, key, &Why::Entry("key"));
                let v = self.check(&entry.value, value, &Why::Entry("value"));
                (key, value) = (self.shallow(key), self.shallow(value));
                (k, v)
            } else {
                let k = self.check(&entry.key, key, &Why::Entry("key"));
                let v = self.check(&entry.value, value, &Why::Entry("value"));
                (k, v)
            };
            pairs.push(pair);
        }
        self.require_key(key, span);
        let ty = self.map_type(key, value);
        let new = self.call_prelude("map_new", vec![key, value], Vec::new(), span);
        if pairs.is_empty() {
            return new;
        }
        let local = self.new_local("$map", ty, LocalKind::Hidden, span);
        self.frame().locals[local].mutable = true;
        let pat = Pat { kind: PatKind::Bind(local), ty, span };
        let mut stmts = vec![Stmt::Let { pat, init: new, span }];
        for (k, v) in pairs {
            let place = Place { local, projections: Vec::new(), ty, span };
            let at = k.span.to(v.span);
            let args = vec![Arg::Mut(place), Arg::Value(k), Arg::Value(v)];
            let insert = self.call_prelude("map_insert", vec![key, value], args, at);
            stmts.push(Stmt::Expr(insert));
        }
        let tail = expr(ExprKind::Local(local), ty, span);
        expr(ExprKind::Block(stmts, Some(Box::new(tail))), ty, span)
    }

    pub(super) fn struct_literal(
        &mut self,
        path: &ast::Path,
        fields: &[ast::FieldInit],
        expect: Expect,
        span: Span,
    ) -> Expr {
        let Some((adt, args)) = self.struct_of_path(path, expect) else {
            for field in fields {
                if let Some(value) = &field.value {
                    self.expr(value, Expect::Any);
                }
            }
            return error_expr(span);
        };
        let item = self.g.program.adts[adt].clone();
        let mut seen: Vec<Option<Span>> = vec![None; item.fields().len()];
        let mut values = Vec::new();
        for field in fields {
            let name = field.name;
            let found = item.fields().iter().position(|known| &*known.name == name.as_str());
            let Some(index) = found else {
                self.report_unknown_field(&item, name);
                if let Some(value) = &field.value {
                    self.expr(value, Expect::Any);
                }
                continue;
            };
            if let Some(first) = seen[index] {
                let error = self
                    .error(
                        ErrorCode::E0113,
                        name.span,
                        format!("the field `{}` is given twice", name.as_str()),
                    )
                    .label("given again")
                    .secondary(first, "first given here");
                self.emit(error);
                continue;
            }
            seen[index] = Some(name.span);
            let ty = self.types().subst(item.fields()[index].ty, &args);
            let why = Why::Field(item.fields()[index].name.clone(), item.fields()[index].span);
            let value = match &field.value {
                Some(value) => self.check(value, ty, &why),
                None => {
                    let shorthand = ast::Expr::new(ast::ExprKind::Name(name), name.span);
                    self.check(&shorthand, ty, &why)
                }
            };
            values.push((index as u32, value));
        }
        // A second field of a name is an error of the declaration.
        let is_first = |index: usize| {
            let name = &item.fields()[index].name;
            item.fields().iter().position(|field| field.name == *name) == Some(index)
        };
        let missing: Vec<String> = seen
            .iter()
            .zip(item.fields())
            .enumerate()
            .filter(|(index, (seen, _))| seen.is_none() && is_first(*index))
            .map(|(_, both)| both)
            .map(|(_, field)| format!("`{}`", field.name))
            .collect();
        if !missing.is_empty() && !self.has_private_fields(adt) {
            let error = self
                .error(
                    ErrorCode::E0212,
                    path.span,
                    format!("the struct `{}` also has {}", item.name, missing.join(", ")),
                )
                .label("not all fields are given")
                .secondary(item.span, "declared here");
            self.emit(error);
            return error_expr(span);
        }
        let ty = self.types().adt(adt, &args);
        if self.has_private_fields(adt) {
            let error = self
                .error(
                    ErrorCode::E0104,
                    path.span,
                    format!("the fields of `{}` are private", item.name),
                )
                .label("cannot be made by a literal");
            self.emit(error);
            return error_expr(span);
        }
        self.never_if_any(ExprKind::Struct(values), ty, span)
    }

    /// Fields of the prelude's structs are its own business.
    pub(super) fn has_private_fields(&self, adt: AdtId) -> bool {
        let owner = self.g.adt_infos[adt].module;
        owner == self.g.prelude && self.module != owner
    }

    pub(super) fn report_unknown_field(&mut self, item: &orion_hir::Adt, name: ast::Ident) {
        let near = nearest(name.as_str(), item.fields().iter().map(|field| &*field.name));
        let mut error = self
            .error(
                ErrorCode::E0106,
                name.span,
                format!("`{}` has no field `{}`", item.name, name.as_str()),
            )
            .label("unknown field");
        if let Some(near) = near {
            error = error.help(format!("did you mean `{near}`?")).fix(name.span, near);
        } else if !item.fields().is_empty() {
            let names: Vec<String> =
                item.fields().iter().map(|field| format!("`{}`", field.name)).collect();
            error = error.help(format!("it has {}", names.join(", ")));
        }
        self.emit(error);
    }

    /// The struct type that a path in a literal or pattern names, with its type arguments.
    pub(super) fn struct_of_path(
        &mut self,
        path: &ast::Path,
        expect: Expect,
    ) -> Option<(AdtId, Vec<TyId>)> {
        let before = self.g.diagnostics.len();
        let def = self.g.resolve_type_path(self.module, path);
        self.failed |= self.g.diagnostics.len() > before;
        let (adt, alias) = match def? {
            TypeDef::Adt(adt) => (Some(adt), None),
            TypeDef::Alias(alias) => {
                let ty = self.g.resolve_alias(alias);
                match self.kind(ty).clone() {
                    Ty::Adt(adt, _) => (Some(adt), Some((alias, ty))),
                    Ty::Error => return None,
                    _ => (None, None),
                }
            }
            TypeDef::Class(_) => (None, None),
        };
        let is_struct =
            adt.is_some_and(|adt| matches!(self.g.program.adts[adt].kind, AdtKind::Struct(_)));
        let Some(adt) = adt.filter(|_| is_struct) else {
            let error = self
                .error(
                    ErrorCode::E0212,
                    path.span,
                    format!("`{}` is not a struct", path.last().as_str()),
                )
                .label("has no named fields");
            self.emit(error);
            return None;
        };
        let args = match alias {
            Some((alias, ty)) => {
                let count = self.g.aliases[alias].decl.generics.len();
                let fresh: Vec<TyId> = (0..count).map(|_| self.fresh(path.span)).collect();
                let ty = self.types().subst(ty, &fresh);
                if let Some(wanted) = expect.ty() {
                    self.unify(ty, wanted);
                }
                match self.kind(ty) {
                    Ty::Adt(_, args) => args.to_vec(),
                    _ => Vec::new(),
                }
            }
            None => self.adt_args(adt, &[], expect, path.span),
        };
        Some((adt, args))
    }

    pub(super) fn index(&mut self, base: &ast::Expr, index: &ast::Expr, span: Span) -> Expr {
        let base = self.expr(base, Expect::Any);
        if let ast::ExprKind::Range { start, end, inclusive } = &index.kind {
            return self.slice(base, start.as_deref(), end.as_deref(), *inclusive, span);
        }
        match self.known(base.ty) {
            Ty::List(element) => {
                let index = self.check(index, TyTable::I64, &Why::Index);
                self.never_if_any(ExprKind::Index(Box::new(base), Box::new(index)), element, span)
            }
            Ty::Adt(adt, args) if adt == self.g.program.lang.map => {
                let key = self.check(index, args[0], &Why::Entry("key"));
                self.require_key(args[0], span);
                let types = args.to_vec();
                self.call_prelude("map_index", types, vec![Arg::Value(base), Arg::Value(key)], span)
            }
            Ty::Error | Ty::Never => {
                self.expr(index, Expect::Any);
                error_expr(span)
            }
            kind => {
                self.expr(index, Expect::Any);
                if self.is_unknown(base.ty) {
                    self.report_unknown_type(base.ty, base.span);
                    return error_expr(span);
                }
                let text = self.show(base.ty);
                let error = self
                    .error(ErrorCode::E0211, span, format!("a `{text}` cannot be indexed"))
                    .label("lists and maps can");
                let error = match kind {
                    Ty::Str => error.help(
                        "`s[a..b]` is a part by bytes, `s.bytes()` a list of bytes, `s.chars()` of characters",
                    ),
                    Ty::Tuple(_) => error.help("fields of a tuple are `.0`, `.1`, …"),
                    _ => error,
                };
                self.emit(error);
                error_expr(span)
            }
        }
    }

    pub(super) fn slice(
        &mut self,
        base: Expr,
        start: Option<&ast::Expr>,
        end: Option<&ast::Expr>,
        inclusive: bool,
        span: Span,
    ) -> Expr {
        let start = start.map(|e| Box::new(self.check(e, TyTable::I64, &Why::Index)));
        let end = end.map(|e| Box::new(self.check(e, TyTable::I64, &Why::Index)));
        let ty = base.ty;
        match self.known(ty) {
            Ty::List(_) | Ty::Str => self.never_if_any(
                ExprKind::Slice { base: Box::new(base), start, end, inclusive },
                ty,
                span,
            ),
            Ty::Error | Ty::Never => error_expr(span),
            _ => {
                if self.is_unknown(ty) {
                    self.report_unknown_type(ty, base.span);
                    return error_expr(span);
                }
                let text = self.show(ty);
                let error = self
                    .error(ErrorCode::E0211, span, format!("a `{text}` has no parts"))
                    .label("lists and strings have");
                self.emit(error);
                error_expr(span)
            }
        }
    }
}
