//! Calls: of functions, variants, class members and function values; their arguments.
//!
//! Arguments are checked in two rounds: first those that say something of their type by
//! themselves, then lambdas, whose parameters take their types from the first round. They keep
//! their order.

use super::names::Head;
use super::{Expect, Infer, Why, error_expr, expr};
use crate::classes::Reason;
use crate::globals::ValueDef;
use orion_diagnostics::ErrorCode;
use orion_hir::{
    AdtId, Arg, Callee, ClassId, Expr, ExprKind, FnId, FnTy, Name, ParamTy, Place, ProjectionKind,
    Ty, TyId, Yields,
};
use orion_syntax::{Span, ast};

/// A parameter as a call sees it.
#[derive(Clone)]
pub(super) struct CallParam {
    pub(super) name: Option<Name>,
    pub(super) ty: TyId,
    pub(super) mutable: bool,
    pub(super) default: Option<FnId>,
    pub(super) span: Option<Span>,
}

impl CallParam {
    pub(super) fn of_type(param: &ParamTy) -> Self {
        Self { name: None, ty: param.ty, mutable: param.mutable, default: None, span: None }
    }
}

/// What a call is of, for messages and defaults.
pub(super) struct CallSite<'s> {
    pub(super) name: Name,
    pub(super) params: Vec<CallParam>,
    /// Type arguments, for the functions of default values.
    pub(super) type_args: &'s [TyId],
    pub(super) span: Span,
    /// Where the callee is declared, if that helps.
    pub(super) declared: Option<Span>,
}

impl Infer<'_, '_> {
    pub(super) fn call(
        &mut self,
        callee: &ast::Expr,
        args: &[ast::Arg],
        expect: Expect,
        span: Span,
    ) -> Expr {
        let (callee, type_args) = match &callee.kind {
            ast::ExprKind::Instantiate { base, type_args } => (&**base, &type_args[..]),
            _ => (callee, &[][..]),
        };
        match self.head(callee) {
            Head::Error => {
                for arg in args {
                    self.expr(&arg.value, Expect::Any);
                }
                error_expr(span)
            }
            Head::Def(ValueDef::Fn(func), name) => {
                self.call_fn(func, name, type_args, None, args, expect, span)
            }
            Head::Def(ValueDef::Member(class, member), name) => {
                self.call_member(class, member, name, type_args, None, args, expect, span)
            }
            Head::Variant(adt, index, name) => {
                self.call_variant(adt, index, name, type_args, args, expect, span)
            }
            Head::Ambiguous(variants, name) => {
                match self.pick_variant(&variants, name, expect.ty()) {
                    Some((adt, index)) => {
                        self.call_variant(adt, index, name, type_args, args, expect, span)
                    }
                    None => error_expr(span),
                }
            }
            Head::Value if matches!(callee.kind, ast::ExprKind::Field { .. }) => {
                let ast::ExprKind::Field { base, name } = &callee.kind else {
                    return error_expr(span);
                };
                self.method_call(base, *name, type_args, args, expect, span)
            }
            _ => {
                let callee_value = self.expr(callee, Expect::Any);
                self.call_value(callee_value, args, expect, span)
            }
        }
    }

    /// Lets the wanted type say what it can of the result, before arguments are looked at.
    fn hint_result(&mut self, ret: TyId, expect: Expect) {
        if let Some(wanted) = expect.ty()
            && self.g.program.types.has_infer(ret)
            && !self.is_unknown(wanted)
        {
            self.unify(ret, wanted);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a call")]
    pub(super) fn call_fn(
        &mut self,
        func: FnId,
        name: ast::Ident,
        written: &[ast::Type],
        receiver: Option<Arg>,
        args: &[ast::Arg],
        expect: Expect,
        span: Span,
    ) -> Expr {
        let type_args = self.instantiate_fn(func, written, name.span);
        let item = &self.g.program.fns[func];
        let (ret, yields, declared) = (item.ret, item.yields, item.span);
        let params: Vec<CallParam> = item
            .params
            .iter()
            .map(|param| CallParam {
                name: Some(param.name.clone()),
                ty: param.ty,
                mutable: param.mutable,
                default: param.default,
                span: Some(param.span),
            })
            .collect();
        let params: Vec<CallParam> = params
            .into_iter()
            .map(|param| CallParam { ty: self.types().subst(param.ty, &type_args), ..param })
            .collect();
        let ret = self.types().subst(ret, &type_args);
        if let Some(receiver) = &receiver
            && let Some(first) = params.first()
        {
            // Chosen by its type, so this cannot fail.
            let ty = match receiver {
                Arg::Value(value) => value.ty,
                Arg::Mut(place) => place.ty,
            };
            self.unify(ty, first.ty);
        }
        self.hint_result(ret, expect);
        let site = CallSite {
            name: name.as_str().into(),
            params,
            type_args: &type_args,
            span,
            declared: Some(declared),
        };
        let args = self.arguments(&site, receiver, args);
        if let Some(yields) = yields {
            let yields = Yields {
                item: self.types().subst(yields.item, &type_args),
                sent: self.types().subst(yields.sent, &type_args),
            };
            self.note_yields(yields, Some(name.as_str()), span);
        }
        let ret = if type_args.is_empty() { ret } else { self.check_size(ret, span) };
        self.never_if_any(ExprKind::Call(Callee::Fn(func, type_args), args), ret, span)
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a call")]
    pub(super) fn call_member(
        &mut self,
        class: ClassId,
        member: u32,
        name: ast::Ident,
        written: &[ast::Type],
        receiver: Option<Arg>,
        args: &[ast::Arg],
        expect: Expect,
        span: Span,
    ) -> Expr {
        let ty = self.type_args("a class member", 1, written, name.span)[0];
        let declared = self.g.program.classes[class].members[member as usize].clone();
        let fn_ty = self.types().intern(Ty::Fn(declared.ty));
        let fn_ty = self.types().subst(fn_ty, &[ty]);
        let Ty::Fn(fn_ty) = self.kind(fn_ty).clone() else { return error_expr(span) };
        let params: Vec<CallParam> = fn_ty.params.iter().map(CallParam::of_type).collect();
        if let Some(receiver) = &receiver
            && let Some(first) = params.first()
        {
            let ty = match receiver {
                Arg::Value(value) => value.ty,
                Arg::Mut(place) => place.ty,
            };
            self.unify(ty, first.ty);
        }
        self.hint_result(fn_ty.ret, expect);
        let site = CallSite {
            name: name.as_str().into(),
            params,
            type_args: &[],
            span,
            declared: Some(declared.span),
        };
        let args = self.arguments(&site, receiver, args);
        self.require(class, ty, span, Reason::Member(name.name));
        if let Some(yields) = fn_ty.yields {
            self.note_yields(yields, Some(name.as_str()), span);
        }
        let callee = Callee::Member { class, member, ty };
        self.never_if_any(ExprKind::Call(callee, args), fn_ty.ret, span)
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a call")]
    fn call_variant(
        &mut self,
        adt: AdtId,
        index: u32,
        name: ast::Ident,
        written: &[ast::Type],
        args: &[ast::Arg],
        expect: Expect,
        span: Span,
    ) -> Expr {
        let type_args = self.adt_args(adt, written, expect, span);
        let fields = self.variant_fields(adt, index, &type_args);
        let declared = self.g.program.adts[adt].variants()[index as usize].span;
        if fields.is_empty() {
            let error = self
                .error(
                    ErrorCode::E0202,
                    span,
                    format!("the variant `{}` has no fields", name.as_str()),
                )
                .label("takes no arguments")
                .help(format!("write `{}` alone", name.as_str()));
            self.emit(error);
            return error_expr(span);
        }
        let params = fields
            .iter()
            .map(|&ty| CallParam { name: None, ty, mutable: false, default: None, span: None })
            .collect();
        let site = CallSite {
            name: name.as_str().into(),
            params,
            type_args: &[],
            span,
            declared: Some(declared),
        };
        let args = self.arguments(&site, None, args);
        let values: Vec<Expr> = args
            .into_iter()
            .filter_map(|arg| match arg {
                Arg::Value(value) => Some(value),
                Arg::Mut(_) => None,
            })
            .collect();
        if values.len() != fields.len() {
            return error_expr(span);
        }
        let ty = self.types().adt(adt, &type_args);
        self.never_if_any(ExprKind::Variant(index, values), ty, span)
    }

    pub(super) fn call_value(
        &mut self,
        callee: Expr,
        args: &[ast::Arg],
        expect: Expect,
        span: Span,
    ) -> Expr {
        let fn_ty = match self.known(callee.ty) {
            Ty::Fn(fn_ty) => fn_ty,
            Ty::Infer(_) if self.is_unknown(callee.ty) => {
                // Called before anything is known of it: its use says what it takes.
                let args: Vec<Expr> =
                    args.iter().map(|arg| self.expr(&arg.value, Expect::Any)).collect();
                let ret = self.fresh(span);
                let fn_ty = FnTy {
                    params: args.iter().map(|arg| ParamTy { ty: arg.ty, mutable: false }).collect(),
                    ret,
                    yields: None,
                };
                let ty = self.types().intern(Ty::Fn(fn_ty));
                self.unify(callee.ty, ty);
                let args = args.into_iter().map(Arg::Value).collect();
                return expr(ExprKind::Call(Callee::Value(Box::new(callee)), args), ret, span);
            }
            kind => {
                for arg in args {
                    self.expr(&arg.value, Expect::Any);
                }
                if !matches!(kind, Ty::Error | Ty::Never) {
                    let text = self.show(callee.ty);
                    let error = self
                        .error(
                            ErrorCode::E0203,
                            callee.span,
                            format!("a `{text}` cannot be called"),
                        )
                        .label("not a function");
                    self.emit(error);
                }
                return error_expr(span);
            }
        };
        self.hint_result(fn_ty.ret, expect);
        let site = CallSite {
            name: "this function".into(),
            params: fn_ty.params.iter().map(CallParam::of_type).collect(),
            type_args: &[],
            span,
            declared: None,
        };
        let args = self.arguments(&site, None, args);
        if let Some(yields) = fn_ty.yields {
            self.note_yields(yields, None, span);
        }
        let ret = fn_ty.ret;
        self.never_if_any(ExprKind::Call(Callee::Value(Box::new(callee)), args), ret, span)
    }

    /// Checks arguments against parameters; fills in defaults.
    pub(super) fn arguments(
        &mut self,
        site: &CallSite<'_>,
        receiver: Option<Arg>,
        args: &[ast::Arg],
    ) -> Vec<Arg> {
        let offset = usize::from(receiver.is_some());
        let params = &site.params[offset.min(site.params.len())..];
        let needed = params.iter().filter(|param| param.default.is_none()).count();
        if args.len() > params.len() || args.len() < needed {
            self.report_count(site, args.len(), needed, params.len(), offset);
            for (index, arg) in args.iter().enumerate() {
                let hint = params.get(index).map_or(Expect::Any, |param| Expect::Ty(param.ty));
                self.expr(&arg.value, hint);
            }
            return receiver.into_iter().collect();
        }
        let mut done: Vec<Option<Arg>> = args.iter().map(|_| None).collect();
        for lambdas in [false, true] {
            for (index, arg) in args.iter().enumerate() {
                let is_lambda =
                    matches!(arg.value.unparenthesized().kind, ast::ExprKind::Lambda(_));
                if is_lambda == lambdas {
                    done[index] = Some(self.argument(site, &params[index], arg));
                }
            }
        }
        let mut all: Vec<Arg> = receiver.into_iter().collect();
        all.extend(done.into_iter().flatten());
        for param in &params[args.len()..] {
            if let Some(default) = param.default {
                let callee = Callee::Fn(default, site.type_args.to_vec());
                all.push(Arg::Value(expr(ExprKind::Call(callee, Vec::new()), param.ty, site.span)));
            }
        }
        self.check_overlap(&all);
        all
    }

    fn argument(&mut self, site: &CallSite<'_>, param: &CallParam, arg: &ast::Arg) -> Arg {
        let name = param.name.as_ref().map_or_else(String::new, |name| format!(" for `{name}`"));
        match (param.mutable, arg.mutable) {
            (true, Some(_)) => match self.place(&arg.value) {
                Some(place) => {
                    if !self.unify(place.ty, param.ty) {
                        self.report_place_type(site, param, &place);
                    }
                    Arg::Mut(place)
                }
                None => Arg::Value(error_expr(arg.value.span)),
            },
            (true, None) => {
                let error = self
                    .error(
                        ErrorCode::E0210,
                        arg.value.span,
                        format!("`{}` changes its argument{name}: mark it with `mut`", site.name),
                    )
                    .label("not marked")
                    .help("write `mut` before the place")
                    .fix(arg.value.span.start_point(), "mut ");
                self.emit(error);
                self.expr(&arg.value, Expect::Ty(param.ty));
                Arg::Value(error_expr(arg.value.span))
            }
            (false, Some(mutable)) => {
                let error = self
                    .error(
                        ErrorCode::E0210,
                        mutable,
                        format!("`{}` does not change its argument{name}", site.name),
                    )
                    .label("`mut` does not belong here")
                    .help("remove `mut`");
                self.emit(error);
                let value = self.expr(&arg.value, Expect::Ty(param.ty));
                Arg::Value(error_expr(value.span))
            }
            (false, None) => {
                let why = Why::Arg {
                    callee: site.name.clone(),
                    param: param.name.clone().filter(|name| !name.starts_with('$')),
                    declared: param.span,
                };
                Arg::Value(self.check(&arg.value, param.ty, &why))
            }
        }
    }

    fn report_place_type(&mut self, site: &CallSite<'_>, param: &CallParam, place: &Place) {
        if self.has_error(place.ty) || self.has_error(param.ty) {
            self.failed = true;
            return;
        }
        let found = self.show(place.ty);
        let wanted = self.show(param.ty);
        let error = self
            .error(
                ErrorCode::E0201,
                place.span,
                format!("`{}` changes a `{wanted}`, not a `{found}`", site.name),
            )
            .label(format!("a `{found}`"))
            .note("an in-out argument is of exactly the parameter's type: its value goes in and comes back");
        self.emit(error);
    }

    fn report_count(
        &mut self,
        site: &CallSite<'_>,
        given: usize,
        needed: usize,
        most: usize,
        offset: usize,
    ) {
        let plural = |n: usize| if n == 1 { "1 argument".into() } else { format!("{n} arguments") };
        let wanted =
            if needed == most { plural(most) } else { format!("{needed} to {most} arguments") };
        let mut error = self
            .error(
                ErrorCode::E0202,
                site.span,
                format!("`{}` takes {wanted}, not {given}", site.name),
            )
            .label(if given < needed { "too few" } else { "too many" });
        if let Some(declared) = site.declared
            && !self.is_std_span(declared)
        {
            error = error.secondary(declared, "declared here");
        }
        if given < needed {
            let missing: Vec<String> = site.params[offset..]
                .iter()
                .skip(given)
                .filter(|param| param.default.is_none())
                .map(|param| {
                    let ty = self.show(param.ty);
                    match &param.name {
                        Some(name) => format!("`{name}: {ty}`"),
                        None => format!("`{ty}`"),
                    }
                })
                .collect();
            error = error.help(format!("add {}", missing.join(", ")));
        }
        self.emit(error);
    }

    /// Two in-out arguments must not overlap.
    fn check_overlap(&mut self, args: &[Arg]) {
        let places: Vec<&Place> = args
            .iter()
            .filter_map(|arg| match arg {
                Arg::Mut(place) => Some(place),
                Arg::Value(_) => None,
            })
            .collect();
        for (index, second) in places.iter().enumerate() {
            for first in &places[..index] {
                let Some(by_index) = overlap(first, second) else { continue };
                let message = if by_index {
                    "two in-out arguments are elements of one list"
                } else {
                    "two in-out arguments overlap"
                };
                let mut error = self
                    .error(ErrorCode::E0219, second.span, message)
                    .label("may be the same place")
                    .secondary(first.span, "as this one");
                if by_index {
                    error =
                        error.help("only indices that are different literals are known to differ");
                }
                self.emit(error);
                return;
            }
        }
    }

    /// A call of something that yields: the function around it must yield the same.
    pub(super) fn note_yields(&mut self, yields: Yields, callee: Option<&str>, span: Span) {
        let what = callee.map_or_else(|| "this function".to_owned(), |name| format!("`{name}`"));
        let Some(own) = self.own_yields(span, &format!("{what} yields")) else { return };
        if !self.unify(own.item, yields.item) || !self.unify(own.sent, yields.sent) {
            let (theirs, ours) = (self.show(yields.item), self.show(own.item));
            let error = self
                .error(
                    ErrorCode::E0504,
                    span,
                    format!("{what} yields `{theirs}`, and this generator `{ours}`"),
                )
                .label("a yield of another type");
            self.emit(error);
        }
    }
}

/// Whether two places overlap, and if so whether only by indices that may be equal.
fn overlap(a: &Place, b: &Place) -> Option<bool> {
    if a.local != b.local {
        return None;
    }
    let mut by_index = false;
    for (x, y) in a.projections.iter().zip(&b.projections) {
        match (&x.kind, &y.kind) {
            (ProjectionKind::Field(x), ProjectionKind::Field(y)) if x != y => return None,
            (ProjectionKind::Index(x), ProjectionKind::Index(y)) => match (&x.kind, &y.kind) {
                (ExprKind::Int(x), ExprKind::Int(y)) if x != y => return None,
                _ => by_index = true,
            },
            _ => {}
        }
    }
    Some(by_index)
}
