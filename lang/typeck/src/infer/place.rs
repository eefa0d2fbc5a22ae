//! Places: what can be assigned to, or passed in and out.
//!
//! A place is read as a value first; its HIR then becomes a path from a variable. An element of a
//! map is a path into the map's table: `m[k]` is `m.entries[map_slot(m, k)]`, field 1 of the pair
//! in `Some`.

use super::{Expect, Infer, LocalKind, Why, error_expr, expr};
use orion_diagnostics::ErrorCode;
use orion_hir::{
    Arg, BinOp, Callee, Expr, ExprKind, LocalId, Place, Projection, ProjectionKind, Ty, TyId,
    TyTable,
};
use orion_syntax::{Span, ast};

impl Infer<'_, '_> {
    /// The place that an expression names; reports where it names none.
    pub(super) fn place(&mut self, e: &ast::Expr) -> Option<Place> {
        let value = self.expr(e, Expect::Any);
        if value.ty == TyTable::ERROR {
            return None;
        }
        let span = value.span;
        let place = self.value_to_place(value);
        if place.is_none() {
            let error = self
                .error(ErrorCode::E0209, span, "this is no place that could be changed")
                .label("a value")
                .help("a place is a variable, or a field or element of one");
            self.emit(error);
        }
        let place = place?;
        self.check_mutable(&place).then_some(place)
    }

    /// The receiver of a method that changes it.
    pub(super) fn receiver_place(&mut self, value: Expr, method: ast::Ident) -> Option<Place> {
        let span = value.span;
        let Some(place) = self.value_to_place(value) else {
            let error = self
                .error(
                    ErrorCode::E0209,
                    span,
                    format!("`{}` changes its receiver, and this is no place", method.as_str()),
                )
                .label("a value that nothing holds")
                .help("bind it to a `var` first");
            self.emit(error);
            return None;
        };
        self.check_mutable(&place).then_some(place)
    }

    /// Turns the HIR of reading a place into the place.
    pub(super) fn value_to_place(&mut self, value: Expr) -> Option<Place> {
        let Expr { kind, ty, span } = value;
        match kind {
            ExprKind::Local(local) => Some(Place { local, projections: Vec::new(), ty, span }),
            ExprKind::Field(base, index) => {
                let mut place = self.value_to_place(*base)?;
                place.projections.push(Projection { kind: ProjectionKind::Field(index), ty, span });
                Some(Place { ty, span, ..place })
            }
            ExprKind::Index(base, index) => {
                let mut place = self.value_to_place(*base)?;
                place.projections.push(Projection { kind: ProjectionKind::Index(index), ty, span });
                Some(Place { ty, span, ..place })
            }
            ExprKind::Call(Callee::Fn(func, types), args)
                if func == self.prelude_fn("map_index") =>
            {
                let mut args = args.into_iter();
                let (Some(Arg::Value(map)), Some(Arg::Value(key))) = (args.next(), args.next())
                else {
                    return None;
                };
                self.map_place(map, key, &types, span)
            }
            _ => None,
        }
    }

    fn map_place(&mut self, map: Expr, key: Expr, types: &[TyId], span: Span) -> Option<Place> {
        let mut place = self.value_to_place(map.clone())?;
        let slot = self.call_prelude(
            "map_slot",
            types.to_vec(),
            vec![Arg::Value(map), Arg::Value(key)],
            span,
        );
        let pair = self.types().tuple(types);
        let entry = self.option_of(pair);
        let entries = self.types().list(entry);
        let steps = [
            (ProjectionKind::Field(0), entries),
            (ProjectionKind::Index(Box::new(slot)), entry),
            (ProjectionKind::VariantField { variant: 1, field: 0 }, pair),
            (ProjectionKind::Field(1), types[1]),
        ];
        for (kind, ty) in steps {
            place.projections.push(Projection { kind, ty, span });
        }
        Some(Place { ty: types[1], span, ..place })
    }

    /// Reports a place that may not be changed.
    pub(super) fn check_mutable(&mut self, place: &Place) -> bool {
        let local = self.frame_ref().locals[place.local].clone();
        if local.mutable {
            return true;
        }
        // A generator is driven in place whatever holds it; it is no value.
        if matches!(self.known(place.ty), Ty::Gen { .. }) {
            return true;
        }
        let name = &local.name;
        let kind = self.local_kind(place.local);
        let (code, message, help) = match kind {
            LocalKind::Capture => (
                ErrorCode::E0218,
                format!("cannot change `{name}`: it is captured by value"),
                "assigning would change the copy only; send the result on a channel, or return it"
                    .to_owned(),
            ),
            LocalKind::Param => (
                ErrorCode::E0208,
                format!("cannot change the parameter `{name}`"),
                format!("make it in-out: `mut {name}`; or copy it: `var {name} = {name}`"),
            ),
            LocalKind::For => (
                ErrorCode::E0208,
                format!("cannot change the loop variable `{name}`"),
                format!("copy it: `var {name} = {name}`"),
            ),
            LocalKind::Arm => (
                ErrorCode::E0208,
                format!("cannot change `{name}`: it is bound by a pattern"),
                format!("copy it: `var {name} = {name}`"),
            ),
            _ => (
                ErrorCode::E0208,
                format!("cannot change `{name}`: it is declared with `let`"),
                format!("declare it with `var {name}`"),
            ),
        };
        let mut error = self.error(code, place.span, message).label("changed here").help(help);
        if local.span != place.span {
            error = error.secondary(local.span, "declared here");
        }
        self.emit(error);
        false
    }

    pub(super) fn assign(
        &mut self,
        target: &ast::Expr,
        op: Option<ast::BinaryOp>,
        op_span: Span,
        value: &ast::Expr,
        span: Span,
    ) -> Expr {
        if let ast::ExprKind::Index { base, index } = &target.kind
            && op.is_none()
            && !matches!(index.kind, ast::ExprKind::Range { .. })
            && let Some(insert) = self.map_insert(base, index, value, span)
        {
            return insert;
        }
        let Some(place) = self.place(target) else {
            self.expr(value, Expect::Any);
            return error_expr(span);
        };
        let Some(op) = op else {
            let value = self.check(value, place.ty, &Why::Assign);
            let ty = if value.ty == TyTable::NEVER { TyTable::NEVER } else { TyTable::UNIT };
            return expr(ExprKind::Assign(Box::new(place), Box::new(value)), ty, span);
        };
        self.assign_op(place, op, op_span, value, span)
    }

    fn assign_op(
        &mut self,
        place: Place,
        op: ast::BinaryOp,
        op_span: Span,
        value: &ast::Expr,
        span: Span,
    ) -> Expr {
        let left = expr(ExprKind::Unit, place.ty, place.span);
        let value = self.expr(value, Expect::Ty(place.ty));
        let result = self.operate(op, op_span, left, value, span);
        let ExprKind::Binary(op, left, right) = result.kind else { return error_expr(span) };
        // The place keeps its type: the left operand must not have been widened.
        if !matches!(left.kind, ExprKind::Unit) || self.shallow(result.ty) != self.shallow(place.ty)
        {
            let unified = matches!(left.kind, ExprKind::Unit) && self.unify(result.ty, place.ty);
            if !unified {
                let (found, wanted) = (self.show(result.ty), self.show(place.ty));
                let error = self
                    .error(
                        ErrorCode::E0201,
                        span,
                        format!("the result is a `{found}`, and the place a `{wanted}`"),
                    )
                    .label("does not fit back")
                    .help(format!("convert the right side: `as {wanted}`"));
                self.emit(error);
                return error_expr(span);
            }
        }
        let ty = if right.ty == TyTable::NEVER { TyTable::NEVER } else { TyTable::UNIT };
        let op: BinOp = op;
        expr(ExprKind::AssignOp(op, Box::new(place), right), ty, span)
    }

    /// `m[k] = v` inserts; `None` where the base is no map (and nothing was evaluated for good).
    fn map_insert(
        &mut self,
        base: &ast::Expr,
        index: &ast::Expr,
        value: &ast::Expr,
        span: Span,
    ) -> Option<Expr> {
        if !self.is_map(base) {
            return None;
        }
        let map = self.place(base);
        let Some(map) = map else {
            self.expr(index, Expect::Any);
            self.expr(value, Expect::Any);
            return Some(error_expr(span));
        };
        let Ty::Adt(_, args) = self.known(map.ty) else { return Some(error_expr(span)) };
        let key = self.check(index, args[0], &Why::Entry("key"));
        let value = self.check(value, args[1], &Why::Entry("value"));
        self.require_key(args[0], span);
        let args_ty = args.to_vec();
        let args = vec![Arg::Mut(map), Arg::Value(key), Arg::Value(value)];
        Some(self.call_prelude("map_insert", args_ty, args, span))
    }

    /// Whether a place is a map, from the types of its variable and fields alone.
    fn is_map(&mut self, e: &ast::Expr) -> bool {
        let map = self.g.program.lang.map;
        self.peek_type(e).is_some_and(|ty| matches!(self.known(ty), Ty::Adt(adt, _) if adt == map))
    }

    /// The type of a place, without making HIR.
    fn peek_type(&mut self, e: &ast::Expr) -> Option<TyId> {
        match &e.kind {
            ast::ExprKind::Paren(inner) => self.peek_type(inner),
            ast::ExprKind::Name(name) => {
                let local = self.lookup_local(name.name)?;
                Some(self.local_ty(local))
            }
            ast::ExprKind::Field { base, name } => {
                let base = self.peek_type(base)?;
                let Ty::Adt(adt, args) = self.known(base) else { return None };
                let fields = self.g.program.adts[adt].fields();
                let field = fields.iter().find(|field| &*field.name == name.as_str())?.ty;
                Some(self.types().subst(field, &args))
            }
            ast::ExprKind::TupleField { base, index, .. } => {
                let base = self.peek_type(base)?;
                match self.known(base) {
                    Ty::Tuple(parts) => parts.get(*index as usize).copied(),
                    _ => None,
                }
            }
            ast::ExprKind::Index { base, .. } => {
                let base = self.peek_type(base)?;
                match self.known(base) {
                    Ty::List(element) => Some(element),
                    Ty::Adt(adt, args) if adt == self.g.program.lang.map => Some(args[1]),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    pub(super) fn local_ty(&self, local: LocalId) -> TyId {
        self.frame_ref().locals[local].ty
    }
}
