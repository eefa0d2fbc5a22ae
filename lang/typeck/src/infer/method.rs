//! Method calls: `x.f(a)`.
//!
//! Order: `self` functions of the module, of other modules, of the prelude, whose receiver fits;
//! then, for channels, those of their views; then class members of that name.

use super::{Expect, Infer, error_expr};
use crate::globals::ValueDef;
use crate::suggest::nearest;
use orion_diagnostics::ErrorCode;
use orion_hir::{AdtKind, Arg, ClassId, Expr, FnId, Ty, TyId};
use orion_syntax::{Span, Symbol, ast};

/// What a method name stands for at a receiver.
#[derive(Clone, Debug)]
pub(super) enum Method {
    /// A function with `self`; whether the receiver goes in through a view.
    Fn(FnId, Option<TyId>),
    /// A member of a class.
    Member(ClassId, u32),
    /// Several functions fit.
    Ambiguous(FnId, FnId),
}

impl Infer<'_, '_> {
    pub(super) fn method_call(
        &mut self,
        base: &ast::Expr,
        name: ast::Ident,
        type_args: &[ast::Type],
        args: &[ast::Arg],
        expect: Expect,
        span: Span,
    ) -> Expr {
        let receiver = self.expr(base, Expect::Any);
        let known = self.known(receiver.ty);
        if matches!(known, Ty::Error | Ty::Never) {
            for arg in args {
                self.expr(&arg.value, Expect::Any);
            }
            return if matches!(known, Ty::Never) { receiver } else { error_expr(span) };
        }
        if self.is_unknown(receiver.ty) {
            self.report_unknown_type(receiver.ty, receiver.span);
            return error_expr(span);
        }
        match self.find_method(&receiver, name.name) {
            Some(Method::Fn(func, view)) => {
                let mutable =
                    self.g.program.fns[func].params.first().is_some_and(|param| param.mutable);
                let receiver = if mutable {
                    match self.receiver_place(receiver, name) {
                        Some(place) => Arg::Mut(place),
                        None => {
                            for arg in args {
                                self.expr(&arg.value, Expect::Any);
                            }
                            return error_expr(span);
                        }
                    }
                } else {
                    let receiver = match view {
                        Some(view) => match self.try_coerce(receiver, view) {
                            Ok(receiver) | Err(receiver) => receiver,
                        },
                        None => receiver,
                    };
                    Arg::Value(receiver)
                };
                self.call_fn(func, name, type_args, Some(receiver), args, expect, span)
            }
            Some(Method::Member(class, member)) => {
                let mutable = self.g.program.classes[class].members[member as usize]
                    .ty
                    .params
                    .first()
                    .is_some_and(|param| param.mutable);
                let receiver = if mutable {
                    match self.receiver_place(receiver, name) {
                        Some(place) => Arg::Mut(place),
                        None => return error_expr(span),
                    }
                } else {
                    Arg::Value(receiver)
                };
                self.call_member(class, member, name, type_args, Some(receiver), args, expect, span)
            }
            Some(Method::Ambiguous(first, second)) => {
                let (a, b) = (self.g.program.fns[first].span, self.g.program.fns[second].span);
                let error = self
                    .error(
                        ErrorCode::E0109,
                        name.span,
                        format!("two methods `{}` fit here", name.as_str()),
                    )
                    .label("which one?")
                    .secondary(a, "one")
                    .secondary(b, "the other");
                self.emit(error);
                error_expr(span)
            }
            None => {
                for arg in args {
                    self.expr(&arg.value, Expect::Any);
                }
                self.report_unknown_method(&receiver, name);
                error_expr(span)
            }
        }
    }

    pub(super) fn find_method(&mut self, receiver: &Expr, name: Symbol) -> Option<Method> {
        let ty = receiver.ty;
        if let Some(found) = self.find_self_fn(ty, name) {
            return Some(found);
        }
        if let Ty::Chan(element) = self.known(ty) {
            for view in [Ty::Recv(element), Ty::Send(element)] {
                let view = self.types().intern(view);
                if let Some(Method::Fn(func, _)) = self.find_self_fn(view, name) {
                    return Some(Method::Fn(func, Some(view)));
                }
            }
        }
        self.find_member(ty, name)
    }

    fn find_self_fn(&mut self, ty: TyId, name: Symbol) -> Option<Method> {
        let candidates = self.g.methods.get(&name)?.clone();
        let prelude = self.g.prelude;
        for tier in 0..3 {
            let mut found: Option<FnId> = None;
            for &func in &candidates {
                let info = self.g.fn_infos[func];
                let its_tier = if info.module == self.module {
                    0
                } else if info.module == prelude {
                    2
                } else {
                    1
                };
                let visible = self.g.is_visible(info.module, info.public, self.module);
                if its_tier != tier || !visible || !self.fits_receiver(func, ty) {
                    continue;
                }
                if let Some(first) = found {
                    return Some(Method::Ambiguous(first, func));
                }
                found = Some(func);
            }
            if let Some(func) = found {
                return Some(Method::Fn(func, None));
            }
        }
        None
    }

    fn fits_receiver(&mut self, func: FnId, ty: TyId) -> bool {
        let item = &self.g.program.fns[func];
        let Some(first) = item.params.first() else { return false };
        let (first, count, span) = (first.ty, item.generics.len(), item.span);
        if !self.may_match(first, ty) {
            return false;
        }
        if count == 0 {
            return self.could_unify(first, ty);
        }
        let args: Vec<TyId> = (0..count).map(|_| self.fresh(span)).collect();
        let first = self.types().subst(first, &args);
        let fits = self.could_unify(first, ty);
        for arg in args {
            // The trial's variables say nothing: they must not count as unknown types.
            self.unify(arg, orion_hir::TyTable::UNIT);
        }
        fits
    }

    /// A cheap test of the heads of two types.
    fn may_match(&self, pattern: TyId, ty: TyId) -> bool {
        let (pattern, ty) = (self.kind(pattern), self.kind(self.shallow(ty)));
        match (pattern, ty) {
            (Ty::Param(_) | Ty::Infer(_) | Ty::Error, _) | (_, Ty::Infer(_)) => true,
            (Ty::Adt(a, _), Ty::Adt(b, _)) => a == b,
            _ => std::mem::discriminant(pattern) == std::mem::discriminant(ty),
        }
    }

    /// A class member that may be called on the receiver: of the bounds of a type parameter, of
    /// the module's own names, of imported modules, of the prelude.
    fn find_member(&mut self, ty: TyId, name: Symbol) -> Option<Method> {
        if let Ty::Param(index) = self.known(ty) {
            let bounds = self.generics[index as usize].bounds.clone();
            for class in bounds {
                let members = &self.g.program.classes[class].members;
                let found = members.iter().position(|member| &*member.name == name.as_str());
                if let Some(member) = found {
                    return Some(Method::Member(class, member as u32));
                }
            }
        }
        let mut modules = vec![self.module];
        let mut imported: Vec<_> = self.g.modules[self.module].imports.values().collect();
        imported.sort_by_key(|(_, span)| *span);
        modules.extend(imported.into_iter().map(|(module, _)| *module));
        modules.push(self.g.prelude);
        for module in modules {
            let Some(entry) = self.g.modules[module].values.get(&name) else { continue };
            if !self.g.is_visible(module, entry.public, self.module) {
                continue;
            }
            let ValueDef::Member(class, member) = entry.def else { continue };
            let params = self.g.program.classes[class].members[member as usize].ty.params.clone();
            let Some(first) = params.first() else { continue };
            if self.may_match(first.ty, ty) {
                return Some(Method::Member(class, member));
            }
        }
        None
    }

    fn report_unknown_method(&mut self, receiver: &Expr, name: ast::Ident) {
        let text = self.show(receiver.ty);
        if let Ty::Adt(adt, _) = self.known(receiver.ty)
            && let AdtKind::Struct(fields) = &self.g.program.adts[adt].kind
            && fields.iter().any(|field| &*field.name == name.as_str())
            && !self.has_private_fields(adt)
        {
            let error = self
                .error(
                    ErrorCode::E0107,
                    name.span,
                    format!("`{}` is a field of `{text}`, not a method", name.as_str()),
                )
                .label("a field")
                .help(format!("a function in a field is called as `(x.{})(…)`", name.as_str()));
            self.emit(error);
            return;
        }
        let mut fitting: Vec<&'static str> = Vec::new();
        let names: Vec<Symbol> = self.g.methods.keys().copied().collect();
        for candidate in names {
            let one = [candidate.as_str()];
            if nearest(name.as_str(), one.into_iter()).is_some()
                && self.find_self_fn(receiver.ty, candidate).is_some()
            {
                fitting.push(candidate.as_str());
            }
        }
        let near = nearest(name.as_str(), fitting.into_iter());
        let mut error = self
            .error(
                ErrorCode::E0107,
                name.span,
                format!("a `{text}` has no method `{}`", name.as_str()),
            )
            .label("unknown method");
        if let Some(near) = near {
            error = error.help(format!("did you mean `{near}`?")).fix(name.span, near);
        } else if matches!(self.known(receiver.ty), Ty::Param(_)) {
            error =
                error.help("a value of a type parameter has what its bounds give: `[T: Class]`");
        } else {
            let option = self.g.program.lang.option;
            let result = self.g.program.lang.result;
            if let Ty::Adt(adt, args) = self.known(receiver.ty)
                && (adt == option || adt == result)
                && self.find_self_fn(args[0], name.name).is_some()
            {
                error = error
                    .help("the value inside has it: take it out with `?`, `match` or `unwrap()`");
            }
        }
        self.emit(error);
    }
}
