//! Fills in what declarations say: fields, variants, class members, signatures, instance heads.
//!
//! Input: declared names. Output: complete items but for bodies. Errors: unknown types and classes,
//! types without finite values, overlapping instances, wrong `main`.

use crate::globals::{FnInfo, FnSource, Globals, ModuleId, TypeDef, ValueDef};
use crate::suggest::nearest;
use orion_diagnostics::{Diagnostic, ErrorCode};
use orion_hir::{
    AdtId, AdtKind, ClassId, ClassMember, Fn, FnId, FnKind, FnTy, Generic, Instance, MainKind,
    Param, Ty, TyId, TyTable,
};
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

    fn resolve_class(&mut self, module: ModuleId, path: &ast::Path) -> Option<ClassId> {
        let found = match &path.segments[..] {
            [name] => self.find_type(module, name.name).map(|entry| entry.def),
            _ => self.resolve_type_path(module, path),
        };
        if let Some(TypeDef::Class(class)) = found {
            return Some(class);
        }
        if found.is_none() && path.segments.len() > 1 {
            return None;
        }
        let name = path.last();
        let text = name.as_str();
        let message = if found.is_some() {
            format!("`{text}` is a type, not a class")
        } else {
            format!("there is no class `{text}`")
        };
        let mut diagnostic =
            Diagnostic::new(ErrorCode::E0115, name.span, message).label("a class is wanted here");
        let classes: Vec<String> =
            self.program.classes.iter().map(|class| class.name.to_string()).collect();
        if let Some(near) = nearest(text, classes.iter().map(String::as_str)) {
            diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
        }
        self.report(diagnostic);
        None
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

    fn lower_class(&mut self, module: ModuleId, decl: &'a ast::ClassDecl) {
        let Some(TypeDef::Class(class)) =
            self.modules[module].types.get(&decl.name.name).map(|entry| entry.def)
        else {
            return;
        };
        if self.program.classes[class].span != decl.name.span {
            return;
        }
        if decl.generics.len() != 1 {
            self.report(
                Diagnostic::new(
                    ErrorCode::E0704,
                    decl.name.span,
                    format!("the class `{}` must have one type parameter", decl.name.as_str()),
                )
                .label(format!("has {}", decl.generics.len()))
                .help(format!("write `class {}[T] {{ … }}`", decl.name.as_str())),
            );
        }
        if let Some(bound) = decl.generics.first().and_then(|param| param.bounds.first()) {
            self.report(
                Diagnostic::new(
                    ErrorCode::E0704,
                    bound.span,
                    "a class's parameter has no bounds of its own",
                )
                .label("not allowed here")
                .help("write both bounds where they are needed: `[T: A + B]`"),
            );
        }
        let names = generic_names(&decl.generics);
        let members = decl
            .members
            .iter()
            .map(|member| {
                let ty = self.lower_type(module, &names, &member.ty);
                let ty = match self.program.types.kind(ty).clone() {
                    Ty::Fn(fn_ty) => fn_ty,
                    kind => {
                        if kind != Ty::Error {
                            self.report(
                                Diagnostic::new(
                                    ErrorCode::E0704,
                                    member.ty.span,
                                    format!(
                                        "the class member `{}` must be a function",
                                        member.name.as_str()
                                    ),
                                )
                                .label("not a function type")
                                .help("write its type as `fn(T) R`"),
                            );
                        }
                        FnTy { params: Box::new([]), ret: TyTable::ERROR, yields: None }
                    }
                };
                ClassMember { name: member.name.as_str().into(), ty, span: member.name.span }
            })
            .collect();
        self.program.classes[class].members = members;
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

    fn lower_instance(&mut self, module: ModuleId, decl: &'a ast::InstanceDecl) {
        let generics = self.lower_generics(module, &decl.generics);
        let names = generic_names(&decl.generics);
        let class = self.resolve_class(module, &decl.class);
        let types: Vec<TyId> =
            decl.args.iter().map(|arg| self.lower_type(module, &names, arg)).collect();
        let Some(class) = class else { return };
        let &[ty] = &types[..] else {
            self.report(
                Diagnostic::new(
                    ErrorCode::E0206,
                    decl.class.span,
                    format!(
                        "an instance of `{}` is for one type, not {}",
                        decl.class.last().as_str(),
                        types.len()
                    ),
                )
                .label("wrong number of types"),
            );
            return;
        };
        let class_name = self.program.classes[class].name.clone();
        if matches!(self.program.types.kind(ty), Ty::Param(_)) {
            self.report(
                Diagnostic::new(
                    ErrorCode::E0702,
                    decl.head_span,
                    format!("an instance of `{class_name}` for every type"),
                )
                .label("would overlap with all others")
                .help("name a type: `[[T]]`, `Option[T]`, …"),
            );
            return;
        }
        let wanted: Vec<ClassMember> = self.program.classes[class].members.clone();
        let id = self.program.instances.next_index();
        let head = self.show(ty, &generics);
        let mut members = Vec::new();
        for given in &decl.members {
            if !wanted.iter().any(|member| &*member.name == given.name.as_str()) {
                let near = nearest(given.name.as_str(), wanted.iter().map(|m| &*m.name));
                let mut diagnostic = Diagnostic::new(
                    ErrorCode::E0703,
                    given.name.span,
                    format!("the class `{class_name}` has no member `{}`", given.name.as_str()),
                )
                .label("not a member")
                .secondary(self.program.classes[class].span, "the class");
                if let Some(near) = near {
                    diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
                }
                self.report(diagnostic);
            }
        }
        let given_names: Vec<ast::Ident> = decl.members.iter().map(|m| m.name).collect();
        self.check_distinct("member", &given_names);
        for member in &wanted {
            let given = decl.members.iter().find(|given| given.name.as_str() == &*member.name);
            let Some(given) = given else {
                self.report(
                    Diagnostic::new(
                        ErrorCode::E0703,
                        decl.head_span,
                        format!("this instance of `{class_name}` has no `{}`", member.name),
                    )
                    .label(format!("`{}` is missing", member.name))
                    .secondary(member.span, "declared by the class"),
                );
                return;
            };
            let args = [ty];
            let params = member
                .ty
                .params
                .iter()
                .enumerate()
                .map(|(index, param)| Param {
                    name: format!("${index}").into(),
                    ty: self.program.types.subst(param.ty, &args),
                    mutable: param.mutable,
                    default: None,
                    span: given.name.span,
                })
                .collect();
            let ret = self.program.types.subst(member.ty.ret, &args);
            let path =
                self.path_of(module, &format!("{class_name}[{head}]::{}", member.name)).into();
            let is_std = self.modules[module].is_std;
            let func = self.add_fn(
                Fn {
                    name: member.name.clone(),
                    path,
                    kind: FnKind::Member(id),
                    generics: generics.clone(),
                    params,
                    ret,
                    yields: member.ty.yields,
                    captures: Vec::new(),
                    body: None,
                    span: given.name.span,
                    is_std,
                },
                FnInfo { module, public: true, source: FnSource::Member(&given.value) },
            );
            members.push(func);
        }
        self.program.instances.push(Instance {
            class,
            generics,
            ty,
            members,
            span: decl.head_span,
        });
        self.instances_of.entry(class).or_default().push(id);
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

    /// Two methods of one name whose receivers may be of one type clash.
    fn check_methods(&mut self) {
        let mut names: Vec<Symbol> = self.methods.keys().copied().collect();
        names.sort_by_key(|name| name.as_str());
        for name in names {
            let candidates = self.methods[&name].clone();
            for (index, &second) in candidates.iter().enumerate() {
                for &first in &candidates[..index] {
                    if self.fn_infos[first].module != self.fn_infos[second].module {
                        continue;
                    }
                    let (Some(a), Some(b)) = (
                        self.program.fns[first].params.first().map(|param| param.ty),
                        self.program.fns[second].params.first().map(|param| param.ty),
                    ) else {
                        continue;
                    };
                    if self.overlaps(a, b) {
                        let first_span = self.program.fns[first].span;
                        let ident = ast::Ident::new(name, self.program.fns[second].span);
                        self.report_duplicate("method", ident, first_span);
                        break;
                    }
                }
            }
        }
    }

    fn check_coherence(&mut self) {
        for class in self.program.classes.indices() {
            let Some(instances) = self.instances_of.get(&class).cloned() else { continue };
            for (index, &second) in instances.iter().enumerate() {
                for &first in &instances[..index] {
                    let (a, b) = (&self.program.instances[first], &self.program.instances[second]);
                    if !self.overlaps(a.ty, b.ty) {
                        continue;
                    }
                    let (first_span, span) = (a.span, b.span);
                    let text = self.show(b.ty, &b.generics);
                    let class_name = self.program.classes[class].name.clone();
                    self.report(
                        Diagnostic::new(
                            ErrorCode::E0702,
                            span,
                            format!("a second instance of `{class_name}` for `{text}`"),
                        )
                        .label("overlaps with another instance")
                        .secondary(first_span, "this one already covers such a type"),
                    );
                    break;
                }
            }
        }
    }

    /// Whether a type may match both patterns; parameters match anything.
    fn overlaps(&self, a: TyId, b: TyId) -> bool {
        let (a, b) = (self.program.types.kind(a), self.program.types.kind(b));
        if matches!(a, Ty::Param(_) | Ty::Error) || matches!(b, Ty::Param(_) | Ty::Error) {
            return true;
        }
        let same = match (a, b) {
            (Ty::Adt(a, _), Ty::Adt(b, _)) => a == b,
            (Ty::Tuple(a), Ty::Tuple(b)) => a.len() == b.len(),
            (Ty::Fn(a), Ty::Fn(b)) => a.params.len() == b.params.len(),
            _ => std::mem::discriminant(a) == std::mem::discriminant(b),
        };
        let (mut left, mut right) = (Vec::new(), Vec::new());
        orion_hir::ty::for_each_part(a, |part| left.push(part));
        orion_hir::ty::for_each_part(b, |part| right.push(part));
        if left.is_empty() && right.is_empty() {
            return match (a, b) {
                (Ty::Adt(..), _) | (Ty::Fn(_), _) => same,
                _ => a == b,
            };
        }
        same && left.iter().zip(&right).all(|(&a, &b)| self.overlaps(a, b))
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
