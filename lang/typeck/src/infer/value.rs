//! Values of names: functions, constants, variants and their constructors; type arguments; closures
//! as functions of the program.

use super::names::Head;
use super::{Expect, FrameKind, Infer, YieldMode, error_expr, expr};
use crate::classes::Reason;
use crate::globals::ValueDef;
use orion_diagnostics::ErrorCode;
use orion_hir::{
    AdtId, Arg, Body, Callee, Expr, ExprKind, Fn, FnKind, FnTy, ParamTy, Ty, TyId, TyTable,
};
use orion_syntax::{Span, ast};

impl Infer<'_, '_> {
    /// The value that a name stands for.
    pub(super) fn head_value(
        &mut self,
        head: Head,
        expect: Expect,
        type_args: &[ast::Type],
        span: Span,
    ) -> Expr {
        match head {
            Head::Error => error_expr(span),
            Head::Value => {
                let error = self
                    .error(ErrorCode::E0101, span, "this stands for no value")
                    .label("not a value");
                self.emit(error);
                error_expr(span)
            }
            Head::Local(local) => {
                let ty = self.frame_ref().locals[local].ty;
                expr(ExprKind::Local(local), ty, span)
            }
            Head::Variant(adt, index, name) => {
                self.variant_value(adt, index, name, type_args, expect, span)
            }
            Head::Ambiguous(variants, name) => {
                match self.pick_variant(&variants, name, expect.ty()) {
                    Some((adt, index)) => {
                        self.variant_value(adt, index, name, type_args, expect, span)
                    }
                    None => error_expr(span),
                }
            }
            Head::Def(ValueDef::Fn(func), name) => {
                let args = self.instantiate_fn(func, type_args, name.span);
                let ty = self.fn_type(func, &args);
                expr(ExprKind::FnRef(func, args), ty, span)
            }
            Head::Def(ValueDef::Const(id), name) => match self.g.const_value(id, name.span) {
                Some(mut value) => {
                    set_span(&mut value, span);
                    value
                }
                None => {
                    self.failed = true;
                    error_expr(span)
                }
            },
            Head::Def(ValueDef::Member(class, member), name) => {
                let ty = self.fresh(name.span);
                let signature = self.g.program.classes[class].members[member as usize].ty.clone();
                let fn_ty = self.types().intern(Ty::Fn(signature));
                let fn_ty = self.types().subst(fn_ty, &[ty]);
                self.require(class, ty, span, Reason::Member(name.name));
                expr(ExprKind::MemberRef { class, member, ty }, fn_ty, span)
            }
            Head::Def(ValueDef::Variants(_), _) => error_expr(span),
        }
    }

    /// Fresh arguments for an item's type parameters, or those written.
    pub(super) fn type_args(
        &mut self,
        what: &str,
        count: usize,
        written: &[ast::Type],
        span: Span,
    ) -> Vec<TyId> {
        if written.is_empty() {
            return (0..count).map(|_| self.fresh(span)).collect();
        }
        let mut args: Vec<TyId> = written.iter().map(|ty| self.written_type(ty)).collect();
        if args.len() != count {
            let error = self
                .error(
                    ErrorCode::E0206,
                    span,
                    format!(
                        "{what} takes {}, not {}",
                        super::count(count, "type argument"),
                        args.len()
                    ),
                )
                .label("wrong number of type arguments");
            self.emit(error);
            args.resize(count, TyTable::ERROR);
        }
        args
    }

    /// A type written in a body.
    pub(super) fn written_type(&mut self, ty: &ast::Type) -> TyId {
        let names = std::mem::take(&mut self.generic_names);
        let before = self.g.diagnostics.len();
        let lowered = self.g.lower_type(self.module, &names, ty);
        self.failed |= self.g.diagnostics.len() > before;
        self.generic_names = names;
        lowered
    }

    /// Type arguments for a call of a function, with its bounds required.
    pub(super) fn instantiate_fn(
        &mut self,
        func: orion_hir::FnId,
        written: &[ast::Type],
        span: Span,
    ) -> Vec<TyId> {
        let generics = self.g.program.fns[func].generics.clone();
        let name = self.g.program.fns[func].name.clone();
        let args = self.type_args(&format!("`{name}`"), generics.len(), written, span);
        for (generic, &arg) in generics.iter().zip(&args) {
            for &class in &generic.bounds {
                let reason = Reason::Bound(name.clone(), generic.name.clone());
                self.require(class, arg, span, reason);
            }
        }
        args
    }

    /// The type of a function as a value.
    pub(super) fn fn_type(&mut self, func: orion_hir::FnId, args: &[TyId]) -> TyId {
        let item = &self.g.program.fns[func];
        let fn_ty = FnTy {
            params: item
                .params
                .iter()
                .map(|param| ParamTy { ty: param.ty, mutable: param.mutable })
                .collect(),
            ret: item.ret,
            yields: item.yields,
        };
        let ty = self.types().intern(Ty::Fn(fn_ty));
        self.types().subst(ty, args)
    }

    /// Types of a variant's fields.
    pub(super) fn variant_fields(&mut self, adt: AdtId, index: u32, args: &[TyId]) -> Vec<TyId> {
        let fields = self.g.program.adts[adt].variants()[index as usize].fields.clone();
        fields.into_iter().map(|field| self.types().subst(field, args)).collect()
    }

    /// Type arguments of a struct or sum type, guided by the type that is wanted.
    pub(super) fn adt_args(
        &mut self,
        adt: AdtId,
        written: &[ast::Type],
        expect: Expect,
        span: Span,
    ) -> Vec<TyId> {
        let count = self.g.program.adts[adt].generics.len();
        let name = self.g.program.adts[adt].name.clone();
        let args = self.type_args(&format!("`{name}`"), count, written, span);
        if let Some(wanted) = expect.ty()
            && count > 0
        {
            let ty = self.types().adt(adt, &args);
            self.unify(ty, wanted);
        }
        args
    }

    /// A variant without arguments: a value, or the constructor as a function.
    pub(super) fn variant_value(
        &mut self,
        adt: AdtId,
        index: u32,
        name: ast::Ident,
        type_args: &[ast::Type],
        expect: Expect,
        span: Span,
    ) -> Expr {
        if self.g.program.adts[adt].variants()[index as usize].fields.is_empty() {
            let args = self.adt_args(adt, type_args, expect, span);
            let ty = self.types().adt(adt, &args);
            return expr(ExprKind::Variant(index, Vec::new()), ty, span);
        }
        let args = self.adt_args(adt, type_args, Expect::Any, span);
        let ty = self.types().adt(adt, &args);
        let fields = self.variant_fields(adt, index, &args);
        self.constructor(index, name, ty, fields, span)
    }

    /// A closure that makes a variant, for `xs.map(Some)`.
    pub(super) fn constructor(
        &mut self,
        index: u32,
        name: ast::Ident,
        ty: TyId,
        fields: Vec<TyId>,
        span: Span,
    ) -> Expr {
        let func = self.new_closure(FrameKind::Lambda, span);
        let mut body = Body {
            locals: orion_hir::IndexVec::new(),
            params: Vec::new(),
            loop_count: 0,
            value: error_expr(span),
        };
        let mut params = Vec::new();
        let mut values = Vec::new();
        for (i, &field) in fields.iter().enumerate() {
            let local_name: orion_hir::Name = format!("${i}").into();
            let local = body.locals.push(orion_hir::Local {
                name: local_name.clone(),
                ty: field,
                mutable: false,
                span,
            });
            body.params.push(local);
            values.push(expr(ExprKind::Local(local), field, span));
            params.push(orion_hir::Param {
                name: local_name,
                ty: field,
                mutable: false,
                default: None,
                span,
            });
        }
        body.value = expr(ExprKind::Variant(index, values), ty, name.span);
        let item = &mut self.g.program.fns[func];
        item.params = params;
        item.ret = ty;
        self.closures.push((func, body));
        let fn_ty = self.types().intern(Ty::Fn(FnTy {
            params: fields.iter().map(|&ty| ParamTy { ty, mutable: false }).collect(),
            ret: ty,
            yields: None,
        }));
        expr(ExprKind::Lambda(func), fn_ty, span)
    }

    /// A new function for a closure in the current frame; its content comes later.
    pub(super) fn new_closure(&mut self, kind: FrameKind, span: Span) -> orion_hir::FnId {
        let (index, word) = match kind {
            FrameKind::Spawn => (1, "spawn"),
            FrameKind::Gen => (2, "gen"),
            _ => (0, "lambda"),
        };
        let frame = self.frame();
        frame.children[index] += 1;
        let parent = frame.func;
        let name = format!("{{{word}#{}}}", frame.children[index]);
        let kind = match kind {
            FrameKind::Spawn => FnKind::Spawn { parent },
            FrameKind::Gen => FnKind::Gen { parent },
            _ => FnKind::Lambda { parent },
        };
        let outer = &self.g.program.fns[parent];
        let item = Fn {
            path: format!("{}::{name}", outer.path).into(),
            name: name.into(),
            kind,
            generics: self.generics.clone(),
            params: Vec::new(),
            ret: TyTable::UNIT,
            yields: None,
            captures: Vec::new(),
            body: None,
            span,
            is_std: outer.is_std,
        };
        let info = crate::globals::FnInfo {
            module: self.module,
            public: false,
            source: crate::globals::FnSource::None,
        };
        self.g.add_fn(item, info)
    }

    /// A function of the prelude, by name: one that the language itself calls.
    pub(super) fn prelude_fn(&self, name: &str) -> orion_hir::FnId {
        let entry = self.g.modules[self.g.prelude].values.get(&orion_syntax::Symbol::intern(name));
        match entry.map(|entry| &entry.def) {
            Some(ValueDef::Fn(func)) => *func,
            _ => panic!("the prelude declares {name}"),
        }
    }

    /// A call of a prelude function.
    pub(super) fn call_prelude(
        &mut self,
        name: &str,
        types: Vec<TyId>,
        args: Vec<Arg>,
        span: Span,
    ) -> Expr {
        let func = self.prelude_fn(name);
        let ret = self.g.program.fns[func].ret;
        let ret = self.types().subst(ret, &types);
        expr(ExprKind::Call(Callee::Fn(func, types), args), ret, span)
    }

    /// Reports that a type must be known here and is not.
    pub(super) fn report_unknown_type(&mut self, ty: TyId, span: Span) {
        let error = self
            .error(ErrorCode::E0205, span, "the type of this is not known yet")
            .label("its type is needed here")
            .help("write the type where the value is made: `let x: T = …`");
        self.emit(error);
        self.unify(ty, TyTable::ERROR);
    }

    /// The mode of a lambda's body given the type wanted for it.
    pub(super) fn yield_mode(wanted: Option<&FnTy>) -> YieldMode {
        match wanted {
            Some(FnTy { yields: Some(yields), .. }) => YieldMode::Given(*yields),
            Some(_) => YieldMode::None,
            None => YieldMode::Infer(None),
        }
    }
}

/// Gives a constant's value the place of its use.
fn set_span(value: &mut Expr, span: Span) {
    value.span = span;
    value.for_each_child_mut(&mut |child| set_span(child, span));
}
