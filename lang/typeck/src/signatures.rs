//! Fills in what declarations say: fields, variants, class members, signatures, instance heads.
//!
//! Input: declared names. Output: complete items but for bodies. Errors: unknown types and classes,
//! types without finite values, overlapping instances, wrong `main`.

use crate::globals::{FnInfo, FnSource, Globals, ModuleId, TypeDef, ValueDef};
use orion_diagnostics::{Diagnostic, ErrorCode};
use orion_hir::{AdtId, AdtKind, Fn, FnId, FnKind, Generic, MainKind, Param, Ty, TyId, TyTable};
use orion_syntax::{Span, Symbol, ast};

/// Names of type parameters, for looking types up.
#[must_use]
pub fn generic_names(generics: &[ast::GenericParam]) -> Vec<Symbol> {
    generics.iter().map(|param| param.name.name).collect()
}

impl<'a> Globals<'a> {
    /// Fills in every item.
    pub fn lower_signatures(&mut self) {
        // Numbers of type parameters first: types mention each other in any order.
        for module in self.modules.indices() {
            let tree = self.modules[module].ast;
            for item in &tree.items {
                if let ast::ItemKind::Type(decl) = &item.kind
                    && let Some(adt) = self.declared_adt(module, decl)
                {
                    let generics = self.lower_generics(module, &decl.generics);
                    self.program.adts[adt].generics = generics;
                }
            }
        }
        for alias in self.aliases.indices() {
            self.resolve_alias(alias);
        }
        for module in self.modules.indices() {
            let tree = self.modules[module].ast;
            for item in &tree.items {
                match &item.kind {
                    ast::ItemKind::Type(decl) => self.lower_type_decl(module, decl),
                    ast::ItemKind::Class(decl) => self.lower_class(module, decl),
                    _ => {}
                }
            }
        }
        let declared: Vec<FnId> = self.program.fns.indices().collect();
        for func in declared {
            if let FnSource::Decl(decl) = self.fn_infos[func].source {
                self.lower_fn(func, decl);
            }
        }
        for module in self.modules.indices() {
            let tree = self.modules[module].ast;
            for item in &tree.items {
                match &item.kind {
                    ast::ItemKind::Extern(decl) => self.lower_extern(module, decl),
                    ast::ItemKind::Instance(decl) => self.lower_instance(module, decl),
                    _ => {}
                }
            }
        }
        self.check_finite();
        self.check_regular();
        self.check_methods();
        self.check_coherence();
        self.find_main();
    }

    /// Type parameters with their bounds.
    pub fn lower_generics(
        &mut self,
        module: ModuleId,
        params: &[ast::GenericParam],
    ) -> Vec<Generic> {
        let names: Vec<ast::Ident> = params.iter().map(|param| param.name).collect();
        self.check_distinct("type parameter", &names);
        params
            .iter()
            .map(|param| Generic {
                name: param.name.as_str().into(),
                bounds: param
                    .bounds
                    .iter()
                    .filter_map(|bound| self.resolve_class(module, bound))
                    .collect(),
            })
            .collect()
    }

    /// The type that a declaration made; none for an alias or a second declaration of a name.
    fn declared_adt(&self, module: ModuleId, decl: &ast::TypeDecl) -> Option<AdtId> {
        match self.modules[module].types.get(&decl.name.name)?.def {
            TypeDef::Adt(adt) if self.program.adts[adt].span == decl.name.span => Some(adt),
            _ => None,
        }
    }

    fn lower_type_decl(&mut self, module: ModuleId, decl: &'a ast::TypeDecl) {
        let Some(adt) = self.declared_adt(module, decl) else { return };
        let names = generic_names(&decl.generics);
        match &decl.body {
            ast::TypeBody::Alias(_) => {}
            ast::TypeBody::Struct(fields) => {
                let types: Vec<TyId> = fields
                    .iter()
                    .map(|field| {
                        let ty = self.lower_type(module, &names, &field.ty);
                        self.check_no_scope(ty, field.ty.span, "stored in a struct")
                    })
                    .collect();
                if let AdtKind::Struct(fields) = &mut self.program.adts[adt].kind {
                    for (field, ty) in fields.iter_mut().zip(types) {
                        field.ty = ty;
                    }
                }
            }
            ast::TypeBody::Sum(variants) => {
                let types: Vec<Vec<TyId>> = variants
                    .iter()
                    .map(|variant| {
                        variant
                            .fields
                            .iter()
                            .map(|field| {
                                let ty = self.lower_type(module, &names, field);
                                self.check_no_scope(ty, field.span, "stored in a variant")
                            })
                            .collect()
                    })
                    .collect();
                if let AdtKind::Sum(variants) = &mut self.program.adts[adt].kind {
                    for (variant, types) in variants.iter_mut().zip(types) {
                        variant.fields = types;
                    }
                }
            }
        }
    }

    /// A `Scope` may be passed and captured only.
    pub fn check_no_scope(&mut self, ty: TyId, span: Span, how: &str) -> TyId {
        if ty != TyTable::SCOPE {
            return ty;
        }
        self.report(
            Diagnostic::new(ErrorCode::E0502, span, format!("a `Scope` cannot be {how}"))
                .label("would outlive its scope")
                .help("pass it as a parameter, or capture it"),
        );
        TyTable::ERROR
    }

    fn lower_fn(&mut self, func: FnId, decl: &'a ast::FnDecl) {
        let module = self.fn_infos[func].module;
        let generics = self.lower_generics(module, &decl.generics);
        let names = generic_names(&decl.generics);
        let param_names: Vec<ast::Ident> =
            decl.signature.params.iter().map(|param| param.name).collect();
        self.check_distinct("parameter", &param_names);
        let mut params = Vec::new();
        let mut default_before: Option<Span> = None;
        for param in &decl.signature.params {
            let ty = match &param.ty {
                Some(ty) => self.lower_type(module, &names, ty),
                None => TyTable::ERROR,
            };
            let default = match &param.default {
                Some(default) => {
                    default_before = Some(param.span);
                    if let Some(mutable) = param.mutable {
                        self.report(
                            Diagnostic::new(
                                ErrorCode::E0220,
                                mutable,
                                "an in-out parameter cannot have a default",
                            )
                            .label("its argument is always a place"),
                        );
                    }
                    Some(self.add_default(func, module, &generics, param, default, ty))
                }
                None => {
                    if let Some(before) = default_before {
                        self.report(
                            Diagnostic::new(
                                ErrorCode::E0220,
                                param.span,
                                format!(
                                    "the parameter `{}` needs a default too",
                                    param.name.as_str()
                                ),
                            )
                            .label("stands after one with a default")
                            .secondary(before, "this one has a default")
                            .help("parameters with defaults come last"),
                        );
                    }
                    None
                }
            };
            params.push(Param {
                name: param.name.as_str().into(),
                ty,
                mutable: param.mutable.is_some(),
                default,
                span: param.name.span,
            });
        }
        let ret = match &decl.signature.result {
            Some(result) => {
                let ty = self.lower_type(module, &names, result);
                self.check_no_scope(ty, result.span, "returned")
            }
            None => TyTable::UNIT,
        };
        let yields =
            decl.signature.yields.as_ref().map(|yields| self.lower_yields(module, &names, yields));
        let item = &mut self.program.fns[func];
        item.generics = generics;
        item.params = params;
        item.ret = ret;
        item.yields = yields;
    }

    fn add_default(
        &mut self,
        func: FnId,
        module: ModuleId,
        generics: &[Generic],
        param: &'a ast::Param,
        default: &'a ast::Expr,
        ty: TyId,
    ) -> FnId {
        let parent = &self.program.fns[func];
        let name = format!("{{default {}}}", param.name.as_str());
        let item = Fn {
            path: format!("{}::{name}", parent.path).into(),
            name: name.into(),
            kind: FnKind::Default,
            generics: generics.to_vec(),
            params: Vec::new(),
            ret: ty,
            yields: None,
            captures: Vec::new(),
            body: None,
            span: default.span,
            is_std: parent.is_std,
        };
        self.add_fn(item, FnInfo { module, public: false, source: FnSource::Default(default) })
    }

    fn lower_extern(&mut self, module: ModuleId, decl: &'a ast::ExternDecl) {
        if decl.abi.as_str() != "C" {
            self.report(
                Diagnostic::new(
                    ErrorCode::E0221,
                    decl.abi_span,
                    format!("there is no calling convention \"{}\"", decl.abi.as_str()),
                )
                .label("unknown")
                .help("write `extern \"C\"`"),
            );
        }
        for external in &decl.fns {
            let Some(ValueDef::Fn(func)) =
                self.modules[module].values.get(&external.name.name).map(|entry| entry.def.clone())
            else {
                continue;
            };
            if self.program.fns[func].span != external.name.span {
                continue;
            }
            let mut params = Vec::new();
            for param in &external.signature.params {
                let ty = match &param.ty {
                    Some(ty) => {
                        let lowered = self.lower_type(module, &[], ty);
                        self.check_c_type(lowered, ty.span)
                    }
                    None => TyTable::ERROR,
                };
                if let Some(span) = param.mutable.or(param.default.as_ref().map(|e| e.span)) {
                    self.report(
                        Diagnostic::new(
                            ErrorCode::E0221,
                            span,
                            "a C function has neither `mut` parameters nor defaults",
                        )
                        .label("not allowed here"),
                    );
                }
                params.push(Param {
                    name: param.name.as_str().into(),
                    ty,
                    mutable: false,
                    default: None,
                    span: param.name.span,
                });
            }
            let ret = match &external.signature.result {
                Some(result) => {
                    let ty = self.lower_type(module, &[], result);
                    if ty == TyTable::UNIT { ty } else { self.check_c_type(ty, result.span) }
                }
                None => TyTable::UNIT,
            };
            let item = &mut self.program.fns[func];
            item.params = params;
            item.ret = ret;
        }
    }

    fn check_c_type(&mut self, ty: TyId, span: Span) -> TyId {
        match self.program.types.kind(ty) {
            Ty::Int(_) | Ty::Float(_) | Ty::Bool | Ty::Ptr | Ty::Error => ty,
            _ => {
                let text = self.show(ty, &[]);
                self.report(
                    Diagnostic::new(
                        ErrorCode::E0221,
                        span,
                        format!("`{text}` cannot be passed to or from C"),
                    )
                    .label("not a C type")
                    .help("integers, floats, `bool` and `ptr` can"),
                );
                TyTable::ERROR
            }
        }
    }

    /// A struct whose fields hold the struct itself has no value. Least fixed point over the
    /// types that can be built.
    fn check_finite(&mut self) {
        let count = self.program.adts.len();
        let mut finite = vec![false; count];
        loop {
            let mut changed = false;
            for adt in self.program.adts.indices() {
                if finite[adt.index()] {
                    continue;
                }
                let ok = |ty: &TyId| self.can_build(*ty, &finite);
                let item = &self.program.adts[adt];
                let can = match &item.kind {
                    AdtKind::Struct(fields) => fields.iter().all(|field| ok(&field.ty)),
                    AdtKind::Sum(variants) => {
                        variants.is_empty()
                            || variants.iter().any(|variant| variant.fields.iter().all(ok))
                    }
                };
                if can {
                    finite[adt.index()] = true;
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
        for adt in self.program.adts.indices() {
            if !finite[adt.index()] {
                let (name, span) = {
                    let adt = &self.program.adts[adt];
                    (adt.name.clone(), adt.span)
                };
                self.report(
                    Diagnostic::new(
                        ErrorCode::E0217,
                        span,
                        format!("the type `{name}` has no value: each would hold another one"),
                    )
                    .label("holds itself without an end")
                    .help(format!("use `Option[{name}]` or `[{name}]` for the inner one")),
                );
            }
        }
    }

    fn can_build(&self, ty: TyId, finite: &[bool]) -> bool {
        match self.program.types.kind(ty) {
            Ty::Tuple(parts) => parts.iter().all(|&part| self.can_build(part, finite)),
            // Arguments matter only where the type holds one directly: approximated by the type.
            Ty::Adt(adt, _) => finite[adt.index()],
            _ => true,
        }
    }

    fn find_main(&mut self) {
        let module = ModuleId::from_u32(0);
        if self.modules.is_empty() {
            return;
        }
        let name = Symbol::intern("main");
        let Some(entry) = self.modules[module].values.get(&name) else { return };
        let ValueDef::Fn(func) = entry.def else { return };
        let item = &self.program.fns[func];
        let span = item.span;
        let mut problem = None;
        if !item.generics.is_empty() {
            problem = Some("`main` cannot be generic".to_owned());
        }
        match &item.params[..] {
            [] => {}
            [only] if only.ty == TyTable::SCOPE && !only.mutable => {}
            [only] if only.ty == TyTable::ERROR => return,
            _ => problem = Some("`main` takes nothing, or one `Scope`".to_owned()),
        }
        if item.yields.is_some() {
            problem = Some("`main` is no generator".to_owned());
        }
        let result = self.program.lang.result;
        let kind = match self.program.types.kind(item.ret) {
            Ty::Unit => MainKind::Unit,
            Ty::Int(orion_hir::IntKind::I32) => MainKind::Status,
            Ty::Adt(adt, args)
                if *adt == result && args[0] == TyTable::UNIT && args[1] == TyTable::STR =>
            {
                MainKind::Result
            }
            Ty::Error => return,
            _ => {
                problem = Some("`main` returns nothing, `i32` or `Result[(), str]`".to_owned());
                MainKind::Unit
            }
        };
        if let Some(problem) = problem {
            self.report(
                Diagnostic::new(ErrorCode::E0114, span, problem)
                    .label("not a form of `main`")
                    .help("write `fn main()`, `fn main() i32` or `fn main() Result[(), str]`, each also with `s: Scope`"),
            );
            return;
        }
        self.program.main = Some((func, kind));
    }
}
