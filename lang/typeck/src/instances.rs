//! Declarations of classes and instances, and their coherence: for a type and a class there is at most
//! one instance, for a receiver and a name at most one method of a module.

use crate::globals::{FnInfo, FnSource, Globals, ModuleId, TypeDef};
use crate::suggest::nearest;
use orion_diagnostics::{Diagnostic, ErrorCode};
use orion_hir::{ClassId, ClassMember, Fn, FnKind, FnTy, Instance, Param, Ty, TyId, TyTable};
use orion_syntax::{Symbol, ast};

use crate::signatures::generic_names;

impl<'a> Globals<'a> {
    pub(crate) fn resolve_class(&mut self, module: ModuleId, path: &ast::Path) -> Option<ClassId> {
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

    pub(crate) fn lower_class(&mut self, module: ModuleId, decl: &'a ast::ClassDecl) {
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

    pub(crate) fn lower_instance(&mut self, module: ModuleId, decl: &'a ast::InstanceDecl) {
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

    /// Two methods of one name whose receivers may be of one type clash.
    pub(crate) fn check_methods(&mut self) {
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

    pub(crate) fn check_coherence(&mut self) {
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
    pub(crate) fn overlaps(&self, a: TyId, b: TyId) -> bool {
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
}
