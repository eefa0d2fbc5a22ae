//! Patterns.
//!
//! Input: a pattern and the type of what it matches. Output: HIR whose variables are declared in
//! the current scope. Every alternative of `A | B` binds the same variables, with one local each.

use super::names::Head;
use super::unify::VarKind;
use super::{Expect, Infer, LocalKind, count};
use crate::globals::ValueDef;
use orion_diagnostics::ErrorCode;
use orion_hir::{AdtId, ExprKind, LocalId, Pat, PatKind, Rest, Ty, TyId, TyTable};
use orion_syntax::{Span, ast};

/// The variables of a pattern.
struct Binder<'b> {
    kind: LocalKind,
    names: Vec<(ast::Ident, LocalId)>,
    /// Variables of the first alternative, to be bound again.
    again: Option<&'b [(ast::Ident, LocalId)]>,
}

impl Infer<'_, '_> {
    /// Resolves a pattern and declares its variables.
    pub(super) fn pattern(&mut self, p: &ast::Pattern, ty: TyId, kind: LocalKind) -> Pat {
        let mut binder = Binder { kind, names: Vec::new(), again: None };
        let pat = self.pat(p, ty, &mut binder);
        for (name, local) in binder.names {
            self.frame().names.push((name.name, local));
        }
        pat
    }

    fn pat(&mut self, p: &ast::Pattern, ty: TyId, binder: &mut Binder<'_>) -> Pat {
        let span = p.span;
        let wild = Pat { kind: PatKind::Wild, ty, span };
        match &p.kind {
            ast::PatternKind::Error => {
                self.failed = true;
                wild
            }
            ast::PatternKind::Wildcard => wild,
            ast::PatternKind::Paren(inner) => self.pat(inner, ty, binder),
            ast::PatternKind::Binding(name) => {
                let kind = self.bind_name(*name, ty, binder);
                Pat { kind, ty, span }
            }
            ast::PatternKind::Literal(literal) => {
                let kind = self.literal_pattern(literal, ty);
                kind.map_or(wild, |kind| Pat { kind, ty, span })
            }
            ast::PatternKind::Range { start, end, inclusive } => {
                let kind = self.range_pattern(start, end, *inclusive, ty, span);
                kind.map_or(wild, |kind| Pat { kind, ty, span })
            }
            ast::PatternKind::Path(path) => self.path_pattern(path, ty, span),
            ast::PatternKind::Variant { path, fields } => {
                self.variant_pattern(path, fields, ty, binder, span)
            }
            ast::PatternKind::Struct { path, fields, rest } => {
                self.struct_pattern(path, fields, rest.is_some(), ty, binder, span)
            }
            ast::PatternKind::Tuple(parts) => self.tuple_pattern(parts, ty, binder, span),
            ast::PatternKind::List(elements) => self.list_pattern(elements, ty, binder, span),
            ast::PatternKind::Or(alternatives) => self.or_pattern(alternatives, ty, binder, span),
        }
    }

    /// Reports a name that the pattern has bound before; whether it has.
    fn is_bound_twice(&mut self, name: &ast::Ident, binder: &Binder<'_>) -> bool {
        let Some((first, _)) = binder.names.iter().find(|(known, _)| known.name == name.name)
        else {
            return false;
        };
        let first = first.span;
        let message = format!("the pattern binds `{}` twice", name.as_str());
        let error = self
            .error(ErrorCode::E0113, name.span, message)
            .label("bound again")
            .secondary(first, "first bound here");
        self.emit(error);
        true
    }

    fn bind_name(&mut self, name: ast::Ident, ty: TyId, binder: &mut Binder<'_>) -> PatKind {
        if self.is_bound_twice(&name, binder) {
            return PatKind::Wild;
        }
        if let Some(again) = binder.again {
            let Some(&(_, local)) = again.iter().find(|(known, _)| known.name == name.name) else {
                let error = self
                    .error(
                        ErrorCode::E0304,
                        name.span,
                        format!("`{}` is not bound by every alternative", name.as_str()),
                    )
                    .label("bound here only");
                self.emit(error);
                return PatKind::Wild;
            };
            let known = self.local_ty(local);
            if !self.unify(known, ty) {
                let (a, b) = (self.show(known), self.show(ty));
                let error = self
                    .error(
                        ErrorCode::E0304,
                        name.span,
                        format!(
                            "`{}` is a `{a}` in one alternative and a `{b}` in another",
                            name.as_str()
                        ),
                    )
                    .label(format!("a `{b}`"));
                self.emit(error);
            }
            binder.names.push((name, local));
            return PatKind::Bind(local);
        }
        let local = self.new_local(name.as_str(), ty, binder.kind, name.span);
        binder.names.push((name, local));
        PatKind::Bind(local)
    }

    fn or_pattern(
        &mut self,
        alternatives: &[ast::Pattern],
        ty: TyId,
        binder: &mut Binder<'_>,
        span: Span,
    ) -> Pat {
        let mut pats = Vec::new();
        let mut first: Option<Vec<(ast::Ident, LocalId)>> = None;
        for alternative in alternatives {
            let again = first.as_deref().or(binder.again);
            let mut inner = Binder { kind: binder.kind, names: Vec::new(), again };
            let before = self.g.diagnostics.len();
            let pat = self.pat(alternative, ty, &mut inner);
            let names = inner.names;
            let clean = self.g.diagnostics.len() == before;
            if let Some(first) = &first {
                // One message per alternative is enough.
                for (name, _) in first.iter().filter(|_| clean) {
                    if !names.iter().any(|(known, _)| known.name == name.name) {
                        let error = self
                            .error(
                                ErrorCode::E0304,
                                alternative.span,
                                format!("this alternative does not bind `{}`", name.as_str()),
                            )
                            .label("must bind the same names")
                            .secondary(name.span, "bound here");
                        self.emit(error);
                    }
                }
            } else {
                first = Some(names);
            }
            pats.push(pat);
        }
        for (name, local) in first.unwrap_or_default() {
            if !self.is_bound_twice(&name, binder) {
                binder.names.push((name, local));
            }
        }
        Pat { kind: PatKind::Or(pats), ty, span }
    }

    fn mismatch(&mut self, span: Span, found: &str, ty: TyId) {
        if self.has_error(ty) {
            self.failed = true;
            return;
        }
        let wanted = self.show(ty);
        let error = self
            .error(ErrorCode::E0303, span, format!("{found} cannot match a `{wanted}`"))
            .label("never matches")
            .note(format!("the value is a `{wanted}`"));
        self.emit(error);
    }

    fn literal_pattern(&mut self, literal: &ast::Literal, ty: TyId) -> Option<PatKind> {
        let span = literal.span;
        let (kind, own, what) = match &literal.kind {
            ast::LiteralKind::Int { value, suffix } => {
                let own = match suffix {
                    Some(suffix) => TyTable::int(crate::types::int_suffix(*suffix)),
                    None => self.fresh_kind(VarKind::Int, span),
                };
                (PatKind::Int(*value), own, "an integer")
            }
            ast::LiteralKind::Float { value, suffix, .. } => {
                let own = match suffix {
                    Some(ast::FloatSuffix::F32) => TyTable::F32,
                    Some(ast::FloatSuffix::F64) => TyTable::F64,
                    None => self.fresh_kind(VarKind::Float, span),
                };
                (PatKind::Float(*value), own, "a float")
            }
            ast::LiteralKind::Bool(value) => (PatKind::Bool(*value), TyTable::BOOL, "a `bool`"),
            ast::LiteralKind::Char(value) => (PatKind::Char(*value), TyTable::CHAR, "a `char`"),
            ast::LiteralKind::Str(text) => {
                (PatKind::Str(text.as_str().into()), TyTable::STR, "a `str`")
            }
            ast::LiteralKind::Duration { value_ns } => {
                (PatKind::Duration(*value_ns), TyTable::DURATION, "a `Duration`")
            }
        };
        if self.unify(own, ty) {
            return Some(kind);
        }
        self.mismatch(span, what, ty);
        None
    }

    fn range_pattern(
        &mut self,
        start: &ast::RangeEnd,
        end: &ast::RangeEnd,
        inclusive: bool,
        ty: TyId,
        span: Span,
    ) -> Option<PatKind> {
        let lo = self.range_end(start, ty)?;
        let mut hi = self.range_end(end, ty)?;
        if !inclusive {
            hi -= 1;
        }
        if lo > hi {
            let error =
                self.error(ErrorCode::E0306, span, "this range is empty").label("matches nothing");
            self.emit(error);
            return None;
        }
        Some(PatKind::Range { lo, hi })
    }

    fn range_end(&mut self, end: &ast::RangeEnd, ty: TyId) -> Option<i128> {
        let kind = match end {
            ast::RangeEnd::Literal(literal) => self.literal_pattern(literal, ty)?,
            ast::RangeEnd::Const(path) => self.path_pattern(path, ty, path.span).kind,
        };
        match kind {
            PatKind::Int(value) => Some(value),
            PatKind::Char(value) => Some(i128::from(u32::from(value))),
            PatKind::Wild => None,
            _ => {
                let span = match end {
                    ast::RangeEnd::Literal(literal) => literal.span,
                    ast::RangeEnd::Const(path) => path.span,
                };
                let error = self
                    .error(ErrorCode::E0303, span, "range patterns are of integers or characters")
                    .label("neither");
                self.emit(error);
                None
            }
        }
    }

    /// `LIMIT`, `None`, `Shape.Empty`
    fn path_pattern(&mut self, path: &ast::Path, ty: TyId, span: Span) -> Pat {
        let wild = Pat { kind: PatKind::Wild, ty, span };
        let (adt, index) = match self.head_of_path(path) {
            Head::Def(ValueDef::Const(id), name) => {
                let Some(value) = self.g.const_value(id, name.span) else {
                    self.failed = true;
                    return wild;
                };
                if !self.unify(value.ty, ty) {
                    let text = self.show(value.ty);
                    self.mismatch(span, &format!("the constant, a `{text}`,"), ty);
                    return wild;
                }
                return self.value_pattern(&value, span);
            }
            Head::Variant(adt, index, _) => (adt, index),
            Head::Ambiguous(variants, name) => match self.pick_variant(&variants, name, Some(ty)) {
                Some(found) => found,
                None => return wild,
            },
            Head::Error => {
                self.failed = true;
                return wild;
            }
            _ => {
                let error = self
                    .error(ErrorCode::E0303, span, "this is neither a variant nor a constant")
                    .label("cannot be matched");
                self.emit(error);
                return wild;
            }
        };
        let Some(fields) = self.match_adt(adt, Some(index), ty, span) else { return wild };
        if !fields.is_empty() {
            let name = path.last();
            let blanks = vec!["_"; fields.len()].join(", ");
            let error = self
                .error(
                    ErrorCode::E0305,
                    span,
                    format!("the variant `{}` has {}", name.as_str(), count(fields.len(), "field")),
                )
                .label("its fields are missing")
                .help(format!("write `{}({blanks})`", name.as_str()));
            self.emit(error);
            return wild;
        }
        Pat { kind: PatKind::Variant(index, Vec::new()), ty, span }
    }

    /// A constant's value as a pattern.
    fn value_pattern(&mut self, value: &orion_hir::Expr, span: Span) -> Pat {
        let kind = match &value.kind {
            ExprKind::Unit => PatKind::Unit,
            ExprKind::Bool(value) => PatKind::Bool(*value),
            ExprKind::Char(value) => PatKind::Char(*value),
            ExprKind::Int(value) => PatKind::Int(*value),
            ExprKind::Float(value) => PatKind::Float(*value),
            ExprKind::Str(value) => PatKind::Str(value.clone()),
            ExprKind::Duration(value) => PatKind::Duration(*value),
            ExprKind::Tuple(items) => {
                PatKind::Tuple(items.iter().map(|item| self.value_pattern(item, span)).collect())
            }
            ExprKind::List(items) => PatKind::List {
                prefix: items.iter().map(|item| self.value_pattern(item, span)).collect(),
                rest: None,
                suffix: Vec::new(),
            },
            ExprKind::Variant(index, items) => PatKind::Variant(
                *index,
                items.iter().map(|item| self.value_pattern(item, span)).collect(),
            ),
            ExprKind::Struct(fields) => PatKind::Struct(
                fields
                    .iter()
                    .map(|(index, value)| (*index, self.value_pattern(value, span)))
                    .collect(),
            ),
            _ => PatKind::Wild,
        };
        Pat { kind, ty: value.ty, span }
    }

    /// Makes the matched type that of the pattern; gives the types of the fields.
    fn match_adt(
        &mut self,
        adt: AdtId,
        variant: Option<u32>,
        ty: TyId,
        span: Span,
    ) -> Option<Vec<TyId>> {
        let args = self.adt_args(adt, &[], Expect::Any, span);
        let own = self.types().adt(adt, &args);
        if !self.unify(own, ty) {
            let name = self.g.program.adts[adt].name.clone();
            self.mismatch(span, &format!("a `{name}`"), ty);
            return None;
        }
        Some(match variant {
            Some(index) => self.variant_fields(adt, index, &args),
            None => {
                let fields: Vec<TyId> =
                    self.g.program.adts[adt].fields().iter().map(|field| field.ty).collect();
                fields.into_iter().map(|field| self.types().subst(field, &args)).collect()
            }
        })
    }

    fn bind_all(&mut self, pats: &[ast::Pattern], binder: &mut Binder<'_>) {
        for pat in pats {
            self.pat(pat, TyTable::ERROR, binder);
        }
    }

    fn variant_pattern(
        &mut self,
        path: &ast::Path,
        fields: &[ast::Pattern],
        ty: TyId,
        binder: &mut Binder<'_>,
        span: Span,
    ) -> Pat {
        let wild = Pat { kind: PatKind::Wild, ty, span };
        let found = match self.head_of_path(path) {
            Head::Variant(adt, index, _) => Some((adt, index)),
            Head::Ambiguous(variants, name) => self.pick_variant(&variants, name, Some(ty)),
            Head::Error => None,
            _ => {
                let error = self
                    .error(
                        ErrorCode::E0303,
                        path.span,
                        format!("`{}` is no variant", path.last().as_str()),
                    )
                    .label("only variants have fields in parentheses");
                self.emit(error);
                None
            }
        };
        let Some((adt, index)) = found else {
            self.failed = true;
            self.bind_all(fields, binder);
            return wild;
        };
        let Some(types) = self.match_adt(adt, Some(index), ty, span) else {
            self.bind_all(fields, binder);
            return wild;
        };
        if types.len() != fields.len() {
            let name = path.last();
            let declared = self.g.program.adts[adt].variants()[index as usize].span;
            let mut error = self
                .error(
                    ErrorCode::E0305,
                    span,
                    format!(
                        "the variant `{}` has {}, and the pattern {}",
                        name.as_str(),
                        count(types.len(), "field"),
                        fields.len()
                    ),
                )
                .label("wrong number of fields");
            if !self.is_std_span(declared) {
                error = error.secondary(declared, "declared here");
            }
            self.emit(error);
            self.bind_all(fields, binder);
            return wild;
        }
        let fields =
            fields.iter().zip(types).map(|(field, ty)| self.pat(field, ty, binder)).collect();
        Pat { kind: PatKind::Variant(index, fields), ty, span }
    }

    fn struct_pattern(
        &mut self,
        path: &ast::Path,
        fields: &[ast::FieldPattern],
        rest: bool,
        ty: TyId,
        binder: &mut Binder<'_>,
        span: Span,
    ) -> Pat {
        let wild = Pat { kind: PatKind::Wild, ty, span };
        let found = self.struct_of_path(path, Expect::Any);
        let types = found.as_ref().and_then(|(adt, _)| self.match_adt(*adt, None, ty, span));
        let (Some((adt, _)), Some(types)) = (found, types) else {
            self.failed = true;
            for field in fields {
                match &field.pattern {
                    Some(pattern) => {
                        self.pat(pattern, TyTable::ERROR, binder);
                    }
                    None => {
                        self.bind_name(field.name, TyTable::ERROR, binder);
                    }
                }
            }
            return wild;
        };
        let item = self.g.program.adts[adt].clone();
        let mut seen = vec![false; types.len()];
        let mut pats = Vec::new();
        for field in fields {
            let name = field.name;
            let index = item.fields().iter().position(|known| &*known.name == name.as_str());
            let field_ty = index.map_or(TyTable::ERROR, |index| types[index]);
            if index.is_none() {
                self.report_unknown_field(&item, name);
            }
            let pat = match &field.pattern {
                Some(pattern) => self.pat(pattern, field_ty, binder),
                None => {
                    let kind = self.bind_name(name, field_ty, binder);
                    Pat { kind, ty: field_ty, span: name.span }
                }
            };
            let Some(index) = index else { continue };
            if std::mem::replace(&mut seen[index], true) {
                let error = self
                    .error(
                        ErrorCode::E0113,
                        name.span,
                        format!("the field `{}` is matched twice", name.as_str()),
                    )
                    .label("matched again");
                self.emit(error);
                continue;
            }
            pats.push((index as u32, pat));
        }
        let missing: Vec<String> = seen
            .iter()
            .zip(item.fields())
            .filter(|(seen, _)| !**seen)
            .map(|(_, field)| format!("`{}`", field.name))
            .collect();
        if !rest && !missing.is_empty() {
            let error = self
                .error(
                    ErrorCode::E0305,
                    span,
                    format!("the pattern does not mention {}", missing.join(", ")),
                )
                .label("not all fields")
                .help("`..` stands for the other fields");
            self.emit(error);
        }
        Pat { kind: PatKind::Struct(pats), ty, span }
    }

    fn tuple_pattern(
        &mut self,
        parts: &[ast::Pattern],
        ty: TyId,
        binder: &mut Binder<'_>,
        span: Span,
    ) -> Pat {
        let wild = Pat { kind: PatKind::Wild, ty, span };
        if let [only] = parts {
            return self.pat(only, ty, binder);
        }
        if parts.is_empty() {
            if !self.unify(TyTable::UNIT, ty) {
                self.mismatch(span, "`()`", ty);
                return wild;
            }
            return Pat { kind: PatKind::Unit, ty, span };
        }
        let types: Vec<TyId> = match self.known(ty) {
            Ty::Tuple(types) if types.len() == parts.len() => types.to_vec(),
            _ => {
                let types: Vec<TyId> = parts.iter().map(|part| self.fresh(part.span)).collect();
                let own = self.types().tuple(&types);
                if !self.unify(own, ty) {
                    let found = format!("a tuple of {}", parts.len());
                    self.mismatch(span, &found, ty);
                    self.bind_all(parts, binder);
                    return wild;
                }
                types
            }
        };
        let pats = parts.iter().zip(types).map(|(part, ty)| self.pat(part, ty, binder)).collect();
        Pat { kind: PatKind::Tuple(pats), ty, span }
    }

    fn list_pattern(
        &mut self,
        elements: &[ast::ListPatternElement],
        ty: TyId,
        binder: &mut Binder<'_>,
        span: Span,
    ) -> Pat {
        let element = match self.known(ty) {
            Ty::List(element) => element,
            _ => {
                let element = self.fresh(span);
                let own = self.types().list(element);
                if !self.unify(own, ty) {
                    self.mismatch(span, "a list", ty);
                    self.unify(element, TyTable::ERROR);
                }
                element
            }
        };
        let list = self.types().list(element);
        let (mut prefix, mut suffix, mut rest) = (Vec::new(), Vec::new(), None);
        for part in elements {
            match part {
                ast::ListPatternElement::Element(pattern) => {
                    let pat = self.pat(pattern, element, binder);
                    if rest.is_some() { suffix.push(pat) } else { prefix.push(pat) }
                }
                ast::ListPatternElement::Rest { name, span } => {
                    if rest.is_some() {
                        let error = self
                            .error(ErrorCode::E0303, *span, "a list pattern has one `..` at most")
                            .label("a second one");
                        self.emit(error);
                    }
                    let bind = match name {
                        Some(name) => match self.bind_name(*name, list, binder) {
                            PatKind::Bind(local) => Some(local),
                            _ => None,
                        },
                        None => None,
                    };
                    rest = Some(Rest { bind, span: *span });
                }
            }
        }
        Pat { kind: PatKind::List { prefix, rest, suffix }, ty, span }
    }
}
