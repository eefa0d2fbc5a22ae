//! Types as written to interned types.
//!
//! Input: an `ast::Type`, the module it stands in, the type parameters in scope. Output: a `TyId`
//! (`Error` where something was reported). Aliases are expanded; a cycle of aliases is an error.

use crate::globals::{AliasId, AliasState, Globals, ModuleId, TypeDef};
use crate::suggest::{STD_MODULES, nearest};
use orion_diagnostics::{Diagnostic, ErrorCode};
use orion_hir::{FnTy, IntKind, ParamTy, Ty, TyId, TyTable, Yields};
use orion_syntax::{Span, Symbol, ast};

/// Names of the types that are built in, beside those without parameters.
pub const BUILTIN_GENERIC: [&str; 5] = ["Chan", "Send", "Recv", "Task", "Gen"];

/// The type without parameters that a name stands for.
#[must_use]
pub fn builtin_type(name: &str) -> Option<TyId> {
    if let Some(kind) = IntKind::ALL.into_iter().find(|kind| kind.name() == name) {
        return Some(TyTable::int(kind));
    }
    Some(match name {
        "bool" => TyTable::BOOL,
        "char" => TyTable::CHAR,
        "str" => TyTable::STR,
        "f32" => TyTable::F32,
        "f64" => TyTable::F64,
        "ptr" => TyTable::PTR,
        "Scope" => TyTable::SCOPE,
        "Duration" => TyTable::DURATION,
        "Instant" => TyTable::INSTANT,
        _ => return None,
    })
}

const BUILTIN_NAMES: [&str; 21] = [
    "bool", "char", "str", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64",
    "Scope", "Duration", "Instant", "Chan", "Send", "Recv", "Task", "Gen",
];

/// What a type written in other languages is called here.
fn foreign_name(name: &str) -> Option<&'static str> {
    Some(match name {
        "int" | "isize" | "Int" => "i64",
        "uint" | "usize" => "u64",
        "float" | "double" | "float64" => "f64",
        "float32" => "f32",
        "string" | "String" => "str",
        "byte" => "u8",
        "rune" => "char",
        "boolean" | "Bool" => "bool",
        "void" | "unit" => "()",
        "Vec" | "List" | "Array" => "[T]",
        "HashMap" | "Dict" => "Map",
        "HashSet" => "Set",
        _ => return None,
    })
}

impl Globals<'_> {
    /// The type that is written; errors are reported once and give `Error`.
    pub fn lower_type(&mut self, module: ModuleId, generics: &[Symbol], ty: &ast::Type) -> TyId {
        match &ty.kind {
            ast::TypeKind::Error => TyTable::ERROR,
            ast::TypeKind::Paren(inner) => self.lower_type(module, generics, inner),
            ast::TypeKind::List(inner) => {
                let element = self.lower_type(module, generics, inner);
                self.program.types.list(element)
            }
            ast::TypeKind::Tuple(parts) => {
                let parts: Vec<TyId> =
                    parts.iter().map(|part| self.lower_type(module, generics, part)).collect();
                self.program.types.tuple(&parts)
            }
            ast::TypeKind::Fn(fn_type) => {
                let params = fn_type
                    .params
                    .iter()
                    .map(|param| ParamTy {
                        ty: self.lower_type(module, generics, &param.ty),
                        mutable: param.mutable.is_some(),
                    })
                    .collect();
                let ret = match &fn_type.result {
                    Some(result) => self.lower_type(module, generics, result),
                    None => TyTable::UNIT,
                };
                let yields = fn_type
                    .yields
                    .as_ref()
                    .map(|yields| self.lower_yields(module, generics, yields));
                self.program.types.intern(Ty::Fn(FnTy { params, ret, yields }))
            }
            ast::TypeKind::Named { path, args } => {
                let args: Vec<TyId> =
                    args.iter().map(|arg| self.lower_type(module, generics, arg)).collect();
                self.lower_named(module, generics, path, &args, ty.span)
            }
        }
    }

    /// `yields Y <- S`
    pub fn lower_yields(
        &mut self,
        module: ModuleId,
        generics: &[Symbol],
        yields: &ast::Yields,
    ) -> Yields {
        let item = self.lower_type(module, generics, &yields.yielded);
        let sent = match &yields.sent {
            Some(sent) => self.lower_type(module, generics, sent),
            None => TyTable::UNIT,
        };
        Yields { item, sent }
    }

    /// What a dotted type name stands for; reports where it stands for nothing.
    pub fn resolve_type_path(&mut self, module: ModuleId, path: &ast::Path) -> Option<TypeDef> {
        let name = path.last();
        let entry = match &path.segments[..] {
            [_] => self.find_type(module, name.name).cloned(),
            [prefix, _] => {
                let Some(&(target, _)) = self.modules[module].imports.get(&prefix.name) else {
                    self.report_unknown_module(module, *prefix);
                    return None;
                };
                let entry = self.modules[target].types.get(&name.name).cloned();
                if let Some(entry) = &entry
                    && !entry.public
                {
                    self.report_private(name, "type", entry.span);
                    return None;
                }
                entry
            }
            _ => None,
        };
        if entry.is_none() {
            self.report_unknown_type(module, path);
        }
        entry.map(|entry| entry.def)
    }

    fn lower_named(
        &mut self,
        module: ModuleId,
        generics: &[Symbol],
        path: &ast::Path,
        args: &[TyId],
        span: Span,
    ) -> TyId {
        if let Some(name) = path.as_ident() {
            if let Some(index) = generics.iter().position(|&generic| generic == name.name) {
                if !self.check_arity(name.as_str(), 0, args.len(), span) {
                    return TyTable::ERROR;
                }
                return self.program.types.intern(Ty::Param(index as u32));
            }
            if self.find_type(module, name.name).is_none()
                && let Some(ty) = self.lower_builtin(name.as_str(), args, span)
            {
                return ty;
            }
        }
        match self.resolve_type_path(module, path) {
            None => TyTable::ERROR,
            Some(TypeDef::Adt(adt)) => {
                let count = self.program.adts[adt].generics.len();
                if !self.check_arity(path.last().as_str(), count, args.len(), span) {
                    return TyTable::ERROR;
                }
                self.program.types.adt(adt, args)
            }
            Some(TypeDef::Alias(alias)) => {
                let count = self.aliases[alias].decl.generics.len();
                if !self.check_arity(path.last().as_str(), count, args.len(), span) {
                    return TyTable::ERROR;
                }
                let target = self.resolve_alias(alias);
                self.program.types.subst(target, args)
            }
            Some(TypeDef::Class(class)) => {
                let name = self.program.classes[class].name.clone();
                self.report(
                    Diagnostic::new(
                        ErrorCode::E0102,
                        span,
                        format!("`{name}` is a class, not a type"),
                    )
                    .label("a type is wanted here")
                    .help(format!("take a type parameter with the bound: `fn f[T: {name}](x: T)`")),
                );
                TyTable::ERROR
            }
        }
    }

    fn lower_builtin(&mut self, name: &str, args: &[TyId], span: Span) -> Option<TyId> {
        if let Some(ty) = builtin_type(name) {
            return Some(if self.check_arity(name, 0, args.len(), span) {
                ty
            } else {
                TyTable::ERROR
            });
        }
        if !BUILTIN_GENERIC.contains(&name) {
            return None;
        }
        if name == "Gen" {
            if !(1..=3).contains(&args.len()) {
                self.report(
                    Diagnostic::new(
                        ErrorCode::E0206,
                        span,
                        format!("`Gen` takes one to three type arguments, not {}", args.len()),
                    )
                    .label("wrong number of type arguments")
                    .help("`Gen[Y]` yields `Y`; `Gen[Y, S, R]` is also sent `S` and returns `R`"),
                );
                return Some(TyTable::ERROR);
            }
            let sent = args.get(1).copied().unwrap_or(TyTable::UNIT);
            let result = args.get(2).copied().unwrap_or(TyTable::UNIT);
            return Some(self.program.types.intern(Ty::Gen { item: args[0], sent, result }));
        }
        if !self.check_arity(name, 1, args.len(), span) {
            return Some(TyTable::ERROR);
        }
        let part = args[0];
        let kind = match name {
            "Chan" => Ty::Chan(part),
            "Send" => Ty::Send(part),
            "Recv" => Ty::Recv(part),
            _ => Ty::Task(part),
        };
        Some(self.program.types.intern(kind))
    }

    fn check_arity(&mut self, name: &str, wanted: usize, given: usize, span: Span) -> bool {
        if wanted == given {
            return true;
        }
        let message = match wanted {
            0 => format!("`{name}` takes no type arguments"),
            1 => format!("`{name}` takes one type argument, not {given}"),
            _ => format!("`{name}` takes {wanted} type arguments, not {given}"),
        };
        let mut diagnostic = Diagnostic::new(ErrorCode::E0206, span, message)
            .label("wrong number of type arguments");
        if given == 0 {
            diagnostic = diagnostic.help(format!("write them in brackets: `{name}[…]`"));
        }
        self.report(diagnostic);
        false
    }

    /// The type that an alias stands for, over its own parameters.
    pub fn resolve_alias(&mut self, alias: AliasId) -> TyId {
        match self.aliases[alias].state {
            AliasState::Done(ty) => return ty,
            AliasState::Active => {
                let name = self.aliases[alias].decl.name;
                self.report(
                    Diagnostic::new(
                        ErrorCode::E0217,
                        name.span,
                        format!("the alias `{name}` stands for itself", name = name.as_str()),
                    )
                    .label("its right side leads back to it")
                    .help("a recursive type is a sum type or a struct, not an alias"),
                );
                self.aliases[alias].state = AliasState::Done(TyTable::ERROR);
                return TyTable::ERROR;
            }
            AliasState::New => {}
        }
        self.aliases[alias].state = AliasState::Active;
        let (module, decl, target) =
            (self.aliases[alias].module, self.aliases[alias].decl, self.aliases[alias].target);
        let generics: Vec<Symbol> = decl.generics.iter().map(|param| param.name.name).collect();
        let ty = self.lower_type(module, &generics, target);
        if let AliasState::Done(error) = self.aliases[alias].state {
            return error;
        }
        self.aliases[alias].state = AliasState::Done(ty);
        ty
    }

    /// Reports a name before a dot that is no imported module.
    pub fn report_unknown_module(&mut self, module: ModuleId, name: ast::Ident) {
        let known = self.modules[module].imports.keys().map(|name| name.as_str());
        let near = nearest(name.as_str(), known);
        let mut diagnostic = Diagnostic::new(
            ErrorCode::E0103,
            name.span,
            format!("no module `{}` is imported here", name.as_str()),
        )
        .label("not an imported module");
        let is_std = STD_MODULES.contains(&name.as_str());
        diagnostic = match near {
            _ if is_std => diagnostic
                .help(format!("write `import std.{}` at the top of the file", name.as_str())),
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help("modules are named by `import` at the top of the file"),
        };
        self.report(diagnostic);
    }

    /// Reports a name of another module that is not `pub`.
    pub fn report_private(&mut self, name: ast::Ident, what: &str, declared: Span) {
        self.report(
            Diagnostic::new(
                ErrorCode::E0104,
                name.span,
                format!("the {what} `{}` is private to its module", name.as_str()),
            )
            .label("not `pub`")
            .secondary(declared, "declared here")
            .help("write `pub` before its declaration to use it in other modules"),
        );
    }

    fn report_unknown_type(&mut self, module: ModuleId, path: &ast::Path) {
        let name = path.last();
        let text = name.as_str();
        let mut diagnostic =
            Diagnostic::new(ErrorCode::E0102, name.span, format!("there is no type `{text}`"))
                .label("unknown type");
        let own = self.modules[module].types.keys().chain(self.modules[self.prelude].types.keys());
        let known = own.map(|name| name.as_str()).chain(BUILTIN_NAMES);
        if let Some(foreign) = foreign_name(text) {
            diagnostic = diagnostic.help(format!("write `{foreign}`"));
        } else if let Some(near) = nearest(text, known) {
            diagnostic = diagnostic.help(format!("did you mean `{near}`?")).fix(name.span, near);
        } else if text.len() == 1 && name.is_upper() {
            diagnostic =
                diagnostic.help(format!("a type parameter is declared after the name: `[{text}]`"));
        }
        self.report(diagnostic);
    }
}

/// The type of an integer suffix.
#[must_use]
pub fn int_suffix(suffix: ast::IntSuffix) -> IntKind {
    IntKind::ALL[match suffix {
        ast::IntSuffix::I8 => 0,
        ast::IntSuffix::I16 => 1,
        ast::IntSuffix::I32 => 2,
        ast::IntSuffix::I64 => 3,
        ast::IntSuffix::U8 => 4,
        ast::IntSuffix::U16 => 5,
        ast::IntSuffix::U32 => 6,
        ast::IntSuffix::U64 => 7,
    }]
}
