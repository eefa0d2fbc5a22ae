//! What a name or dotted name in an expression or pattern stands for.
//!
//! Order: a variable in scope; the module's own names; the prelude's. `a.b` is a path where `a` is
//! no variable but a module or type; else it is a field.

use super::Infer;
use crate::globals::{FnSource, ModuleId, TypeDef, ValueDef};
use crate::suggest::{STD_MODULES, foreign_value, nearest};
use orion_diagnostics::ErrorCode;
use orion_hir::{AdtId, AdtKind, LocalId, Ty, TyId};
use orion_syntax::ast::{self, Ident};

/// What the head of an expression stands for.
#[derive(Clone, Debug)]
pub(super) enum Head {
    /// A variable.
    Local(LocalId),
    /// A function, constant or class member.
    Def(ValueDef, Ident),
    /// A variant whose type is named or clear.
    Variant(AdtId, u32, Ident),
    /// Variants of several types.
    Ambiguous(Vec<(AdtId, u32)>, Ident),
    /// Reported already.
    Error,
    /// No name at all: an expression to evaluate.
    Value,
}

impl Infer<'_, '_> {
    /// Resolves the names at the head of an expression.
    pub(super) fn head(&mut self, e: &ast::Expr) -> Head {
        match &e.kind {
            ast::ExprKind::Name(name) => self.head_name(*name),
            ast::ExprKind::Field { base, name } => self.head_field(base, *name),
            ast::ExprKind::Error => Head::Error,
            _ => Head::Value,
        }
    }

    fn head_name(&mut self, name: Ident) -> Head {
        if let Some(local) = self.lookup_local(name.name) {
            return Head::Local(local);
        }
        match self.g.find_value(self.module, name.name) {
            Some(entry) => {
                let def = entry.def.clone();
                self.head_def(def, name)
            }
            None => match self.only_method(self.module, name, false) {
                Some(func) => Head::Def(ValueDef::Fn(func), name),
                None => {
                    self.report_unknown_name(name);
                    Head::Error
                }
            },
        }
    }

    /// The only function with `self` of this name in a module: it may be called as a function too.
    fn only_method(&self, module: ModuleId, name: Ident, public: bool) -> Option<orion_hir::FnId> {
        let mut found = self.g.methods.get(&name.name)?.iter().copied().filter(|&func| {
            let info = self.g.fn_infos[func];
            info.module == module && (info.public || !public)
        });
        let only = found.next()?;
        found.next().is_none().then_some(only)
    }

    fn head_def(&mut self, def: ValueDef, name: Ident) -> Head {
        match def {
            ValueDef::Variants(variants) => match variants[..] {
                [(adt, index)] => Head::Variant(adt, index, name),
                _ => Head::Ambiguous(variants, name),
            },
            def => Head::Def(def, name),
        }
    }

    fn head_field(&mut self, base: &ast::Expr, name: Ident) -> Head {
        match &base.kind {
            ast::ExprKind::Name(prefix) => {
                if self.is_local(prefix.name) {
                    return Head::Value;
                }
                if let Some(&(target, _)) = self.g.modules[self.module].imports.get(&prefix.name) {
                    return self.head_of_module(target, name, *prefix);
                }
                if prefix.is_upper() {
                    return self.head_of_type(*prefix, name);
                }
                if STD_MODULES.contains(&prefix.as_str())
                    && self.g.find_value(self.module, prefix.name).is_none()
                {
                    self.failed = true;
                    self.g.report_unknown_module(self.module, *prefix);
                    return Head::Error;
                }
                Head::Value
            }
            ast::ExprKind::Field { base: outer, name: type_name } => {
                let ast::ExprKind::Name(prefix) = &outer.kind else { return Head::Value };
                if self.is_local(prefix.name) || !type_name.is_upper() {
                    return Head::Value;
                }
                let Some(&(target, _)) = self.g.modules[self.module].imports.get(&prefix.name)
                else {
                    return Head::Value;
                };
                let entry = self.g.modules[target].types.get(&type_name.name).cloned();
                match entry {
                    Some(entry) if !entry.public => {
                        self.failed = true;
                        self.g.report_private(*type_name, "type", entry.span);
                        Head::Error
                    }
                    Some(entry) => self.head_of_def(entry.def, *type_name, name),
                    None => Head::Value,
                }
            }
            _ => Head::Value,
        }
    }

    /// `module.name`
    fn head_of_module(&mut self, target: ModuleId, name: Ident, prefix: Ident) -> Head {
        let Some(entry) = self.g.modules[target].values.get(&name.name).cloned() else {
            if let Some(func) = self.only_method(target, name, true) {
                return Head::Def(ValueDef::Fn(func), name);
            }
            let known: Vec<&str> = self.g.modules[target]
                .values
                .iter()
                .filter(|(_, entry)| entry.public)
                .map(|(name, _)| name.as_str())
                .collect();
            let near = nearest(name.as_str(), known.into_iter());
            let is_method = self.g.methods.get(&name.name).is_some_and(|methods| {
                methods.iter().any(|&func| self.g.fn_infos[func].module == target)
            });
            let mut error = self
                .error(
                    ErrorCode::E0101,
                    name.span,
                    format!("the module `{}` has no `{}`", prefix.as_str(), name.as_str()),
                )
                .label("unknown name");
            if is_method {
                error = error.help(format!("it is a method: call it as `x.{}(…)`", name.as_str()));
            } else if let Some(near) = near {
                error = error.help(format!("did you mean `{near}`?")).fix(name.span, near);
            }
            self.emit(error);
            return Head::Error;
        };
        if !entry.public {
            self.failed = true;
            self.g.report_private(name, "name", entry.span);
            return Head::Error;
        }
        self.head_def(entry.def, name)
    }

    /// `Type.Variant`, or a field of a constant.
    fn head_of_type(&mut self, prefix: Ident, name: Ident) -> Head {
        let def = self.g.find_type(self.module, prefix.name).map(|entry| entry.def);
        let is_value = self.g.find_value(self.module, prefix.name).is_some();
        if let Some(def) = def {
            let is_variant =
                self.adt_of(def).is_some_and(|adt| self.find_variant(adt, name.as_str()).is_some());
            if is_variant || !is_value {
                return self.head_of_def(def, prefix, name);
            }
        }
        if is_value {
            return Head::Value;
        }
        let known: Vec<&str> =
            self.g.modules[self.module].types.keys().map(|name| name.as_str()).collect();
        let near = nearest(prefix.as_str(), known.into_iter());
        let mut error = self
            .error(ErrorCode::E0102, prefix.span, format!("there is no type `{}`", prefix.as_str()))
            .label("unknown type");
        if let Some(near) = near {
            error = error.help(format!("did you mean `{near}`?")).fix(prefix.span, near);
        }
        self.emit(error);
        Head::Error
    }

    fn head_of_def(&mut self, def: TypeDef, type_name: Ident, name: Ident) -> Head {
        let Some(adt) = self.adt_of(def) else {
            let error = self
                .error(
                    ErrorCode::E0108,
                    name.span,
                    format!("`{}` has no variants", type_name.as_str()),
                )
                .label("not a variant");
            self.emit(error);
            return Head::Error;
        };
        match self.find_variant(adt, name.as_str()) {
            Some(index) => Head::Variant(adt, index, name),
            None => {
                self.report_unknown_variant(adt, name);
                Head::Error
            }
        }
    }

    fn adt_of(&mut self, def: TypeDef) -> Option<AdtId> {
        match def {
            TypeDef::Adt(adt) => Some(adt),
            TypeDef::Alias(alias) => {
                let ty = self.g.resolve_alias(alias);
                match self.kind(ty) {
                    Ty::Adt(adt, _) => Some(*adt),
                    _ => None,
                }
            }
            TypeDef::Class(_) => None,
        }
    }

    pub(super) fn find_variant(&self, adt: AdtId, name: &str) -> Option<u32> {
        match &self.g.program.adts[adt].kind {
            AdtKind::Sum(variants) => {
                variants.iter().position(|variant| &*variant.name == name).map(|i| i as u32)
            }
            AdtKind::Struct(_) => None,
        }
    }

    fn report_unknown_variant(&mut self, adt: AdtId, name: Ident) {
        let item = self.g.program.adts[adt].clone();
        let near = nearest(name.as_str(), item.variants().iter().map(|variant| &*variant.name));
        let mut error = self
            .error(
                ErrorCode::E0108,
                name.span,
                format!("the type `{}` has no variant `{}`", item.name, name.as_str()),
            )
            .label("unknown variant");
        if !self.is_std_span(item.span) {
            error = error.secondary(item.span, "the type");
        }
        if let Some(near) = near {
            error = error.help(format!("did you mean `{near}`?")).fix(name.span, near);
        }
        self.emit(error);
    }

    /// Picks among variants of one name by the type that is wanted; reports where that is unclear.
    pub(super) fn pick_variant(
        &mut self,
        variants: &[(AdtId, u32)],
        name: Ident,
        wanted: Option<TyId>,
    ) -> Option<(AdtId, u32)> {
        if let Some(wanted) = wanted
            && let Ty::Adt(adt, _) = self.known(wanted)
            && let Some(found) = variants.iter().find(|variant| variant.0 == adt)
        {
            return Some(*found);
        }
        let types: Vec<String> = variants
            .iter()
            .map(|(adt, _)| format!("`{}.{}`", self.g.program.adts[*adt].name, name.as_str()))
            .collect();
        let error = self
            .error(
                ErrorCode::E0109,
                name.span,
                format!("several types have a variant `{}`", name.as_str()),
            )
            .label("which one?")
            .help(format!("write {}", types.join(" or ")));
        self.emit(error);
        None
    }

    fn report_unknown_name(&mut self, name: Ident) {
        let text = name.as_str();
        let near = nearest(text, self.names_in_scope().into_iter());
        let is_method = self.g.methods.contains_key(&name.name);
        let is_type = self.g.find_type(self.module, name.name).is_some()
            || crate::types::builtin_type(text).is_some();
        let is_pending = self.pending.contains(&name.name);
        let is_module = self.g.modules[self.module].imports.contains_key(&name.name);
        let what = if name.is_upper() { "variant or constant" } else { "variable or function" };
        let message = if is_type {
            format!("`{text}` is a type, not a value")
        } else if is_module {
            format!("`{text}` is a module, not a value")
        } else {
            format!("there is no {what} `{text}`")
        };
        let mut error = self.error(ErrorCode::E0101, name.span, message).label("unknown name");
        let root = self.frames.first().map(|frame| self.g.fn_infos[frame.func].source);
        if matches!(root, Some(FnSource::Default(_))) {
            error = error.note("a default value stands alone: it cannot use other parameters");
        }
        if is_pending && self.frames.len() > 1 {
            error = error
                .label("not yet known: its value is being made")
                .help("a closure cannot refer to itself; a named function can");
        } else if is_type {
            error = error.label("a value is wanted here");
        } else if is_module {
            error = error.label("a value is wanted here").help(format!("write `{text}.name`"));
        } else if is_method {
            error = error.help(format!("`{text}` is a method: call it as `x.{text}(…)`"));
        } else if let Some(ours) = foreign_value(text) {
            error = error.help(format!("write `{ours}`"));
        } else if let Some(near) = near {
            error = error.help(format!("did you mean `{near}`?")).fix(name.span, near);
        }
        self.emit(error);
    }

    /// What a dotted name in a pattern stands for: a variant or a constant.
    pub(super) fn head_of_path(&mut self, path: &ast::Path) -> Head {
        match path.segments[..] {
            [name] => match self.g.find_value(self.module, name.name) {
                Some(entry) => {
                    let def = entry.def.clone();
                    self.head_def(def, name)
                }
                None => {
                    self.report_unknown_name(name);
                    Head::Error
                }
            },
            [prefix, name] => {
                if let Some(&(target, _)) = self.g.modules[self.module].imports.get(&prefix.name) {
                    return self.head_of_module(target, name, prefix);
                }
                if prefix.is_upper() {
                    return match self.head_of_type(prefix, name) {
                        Head::Value => Head::Error,
                        head => head,
                    };
                }
                self.failed = true;
                self.g.report_unknown_module(self.module, prefix);
                Head::Error
            }
            [prefix, type_name, name] => {
                let Some(&(target, _)) = self.g.modules[self.module].imports.get(&prefix.name)
                else {
                    self.failed = true;
                    self.g.report_unknown_module(self.module, prefix);
                    return Head::Error;
                };
                match self.g.modules[target].types.get(&type_name.name).cloned() {
                    Some(entry) if entry.public => self.head_of_def(entry.def, type_name, name),
                    Some(entry) => {
                        self.failed = true;
                        self.g.report_private(type_name, "type", entry.span);
                        Head::Error
                    }
                    None => {
                        let error = self
                            .error(
                                ErrorCode::E0102,
                                type_name.span,
                                format!(
                                    "the module `{}` has no type `{}`",
                                    prefix.as_str(),
                                    type_name.as_str()
                                ),
                            )
                            .label("unknown type");
                        self.emit(error);
                        Head::Error
                    }
                }
            }
            _ => {
                let error = self
                    .error(ErrorCode::E0101, path.span, "this name has too many parts")
                    .label("at most `module.Type.Variant`");
                self.emit(error);
                Head::Error
            }
        }
    }
}
