//! Declares the names of every module, and resolves imports.
//!
//! Input: the trees. Output: name tables whose entries have ids; types, classes and functions are
//! still without content, which [`crate::signatures`] fills in. Errors: duplicates, unknown
//! modules, cycles of imports.

use crate::globals::{
    AdtInfo, AliasInfo, AliasState, ConstInfo, ConstState, Entry, FnInfo, FnSource, Globals,
    ModuleId, TypeDef, ValueDef,
};
use orion_diagnostics::{Diagnostic, ErrorCode};
use orion_hir::{Adt, AdtKind, BuiltinClass, Class, Field, Fn, FnKind, Test, TyTable, Variant};
use orion_syntax::{Span, Symbol, ast};
use std::collections::hash_map;

/// A function without content yet.
fn new_fn(name: &str, path: String, kind: FnKind, span: Span, is_std: bool) -> Fn {
    Fn {
        name: name.into(),
        path: path.into(),
        kind,
        generics: Vec::new(),
        params: Vec::new(),
        ret: TyTable::UNIT,
        yields: None,
        captures: Vec::new(),
        body: None,
        span,
        is_std,
    }
}

impl<'a> Globals<'a> {
    /// Declares everything.
    pub fn declare_all(&mut self) {
        for module in self.modules.indices() {
            let tree = self.modules[module].ast;
            for item in &tree.items {
                self.declare_item(module, item);
            }
        }
        for module in self.modules.indices() {
            self.resolve_imports(module);
        }
        self.report_import_cycles();
        self.find_lang_items();
    }

    fn declare_item(&mut self, module: ModuleId, item: &'a ast::Item) {
        let public = item.public.is_some();
        match &item.kind {
            ast::ItemKind::Import(_) | ast::ItemKind::Instance(_) | ast::ItemKind::Error => {}
            ast::ItemKind::Const(decl) => {
                let id = self.consts.push(ConstInfo { module, decl, state: ConstState::New });
                self.declare_value(module, decl.name, ValueDef::Const(id), public);
            }
            ast::ItemKind::Type(decl) => self.declare_type(module, decl, public),
            ast::ItemKind::Fn(decl) => {
                let is_method = decl
                    .signature
                    .params
                    .first()
                    .is_some_and(|param| param.name.as_str() == "self");
                let func = self.declare_fn(module, decl.name, FnKind::Named);
                self.fn_infos[func] = FnInfo { module, public, source: FnSource::Decl(decl) };
                if is_method {
                    // Clashes between methods need their types: see `signatures`.
                    self.methods.entry(decl.name.name).or_default().push(func);
                } else {
                    self.declare_value(module, decl.name, ValueDef::Fn(func), public);
                }
            }
            ast::ItemKind::Class(decl) => {
                let class = self.program.classes.push(Class {
                    name: decl.name.as_str().into(),
                    path: self.path_of(module, decl.name.as_str()).into(),
                    builtin: None,
                    members: Vec::new(),
                    span: decl.name.span,
                });
                self.class_modules.push(module);
                self.declare_type_name(module, decl.name, TypeDef::Class(class), public);
                for (index, member) in decl.members.iter().enumerate() {
                    let def = ValueDef::Member(class, index as u32);
                    self.declare_value(module, member.name, def, public);
                }
            }
            ast::ItemKind::Extern(decl) => {
                for external in &decl.fns {
                    let func = self.declare_fn(module, external.name, FnKind::Extern);
                    let public = public || external.public.is_some();
                    self.fn_infos[func].public = public;
                    self.program.fns[func].path = external.name.as_str().into();
                    self.declare_value(module, external.name, ValueDef::Fn(func), public);
                }
            }
            ast::ItemKind::Test(decl) => {
                let path = self.path_of(module, &format!("{{test {:?}}}", decl.name.as_str()));
                let is_std = self.modules[module].is_std;
                let text = decl.name.as_str();
                let func = self.add_fn(
                    new_fn(text, path, FnKind::Test, decl.name_span, is_std),
                    FnInfo { module, public: false, source: FnSource::Test(&decl.body) },
                );
                // Tests of the standard library belong to its own run, not to a program's.
                if !is_std || module.index() == 0 {
                    let span = decl.name_span;
                    self.program.tests.push(Test { name: text.into(), func, span });
                }
            }
        }
    }

    fn declare_fn(&mut self, module: ModuleId, name: ast::Ident, kind: FnKind) -> orion_hir::FnId {
        let path = self.path_of(module, name.as_str());
        let is_std = self.modules[module].is_std;
        self.add_fn(
            new_fn(name.as_str(), path, kind, name.span, is_std),
            FnInfo { module, public: false, source: FnSource::None },
        )
    }

    fn declare_type(&mut self, module: ModuleId, decl: &'a ast::TypeDecl, public: bool) {
        let kind = match &decl.body {
            ast::TypeBody::Alias(target) => {
                let alias =
                    self.aliases.push(AliasInfo { module, decl, target, state: AliasState::New });
                self.declare_type_name(module, decl.name, TypeDef::Alias(alias), public);
                return;
            }
            ast::TypeBody::Struct(fields) => AdtKind::Struct(
                fields
                    .iter()
                    .map(|field| Field {
                        name: field.name.as_str().into(),
                        ty: TyTable::ERROR,
                        span: field.name.span,
                    })
                    .collect(),
            ),
            ast::TypeBody::Sum(variants) => AdtKind::Sum(
                variants
                    .iter()
                    .map(|variant| Variant {
                        name: variant.name.as_str().into(),
                        fields: Vec::new(),
                        span: variant.name.span,
                    })
                    .collect(),
            ),
        };
        let adt = self.program.adts.push(Adt {
            name: decl.name.as_str().into(),
            path: self.path_of(module, decl.name.as_str()).into(),
            generics: Vec::new(),
            kind,
            span: decl.name.span,
        });
        self.adt_infos.push(AdtInfo { module });
        self.declare_type_name(module, decl.name, TypeDef::Adt(adt), public);
        if let ast::TypeBody::Struct(fields) = &decl.body {
            let names: Vec<ast::Ident> = fields.iter().map(|field| field.name).collect();
            self.check_distinct("field", &names);
        }
        if let ast::TypeBody::Sum(variants) = &decl.body {
            let names: Vec<ast::Ident> = variants.iter().map(|variant| variant.name).collect();
            self.check_distinct("variant", &names);
            for (index, variant) in variants.iter().enumerate() {
                self.declare_variant(module, variant.name, (adt, index as u32), public);
            }
        }
    }

    fn declare_variant(
        &mut self,
        module: ModuleId,
        name: ast::Ident,
        variant: (orion_hir::AdtId, u32),
        public: bool,
    ) {
        // Types may share a variant's name; it is then written with its type.
        if let Some(entry) = self.modules[module].values.get_mut(&name.name)
            && let ValueDef::Variants(variants) = &mut entry.def
        {
            variants.push(variant);
            entry.public |= public;
            return;
        }
        self.declare_value(module, name, ValueDef::Variants(vec![variant]), public);
    }

    fn declare_type_name(
        &mut self,
        module: ModuleId,
        name: ast::Ident,
        def: TypeDef,
        public: bool,
    ) {
        let entry = Entry { def, public, span: name.span };
        match self.modules[module].types.entry(name.name) {
            hash_map::Entry::Vacant(slot) => {
                slot.insert(entry);
            }
            hash_map::Entry::Occupied(slot) => {
                let first = slot.get().span;
                self.report_duplicate("type", name, first);
            }
        }
    }

    fn declare_value(&mut self, module: ModuleId, name: ast::Ident, def: ValueDef, public: bool) {
        let entry = Entry { def, public, span: name.span };
        match self.modules[module].values.entry(name.name) {
            hash_map::Entry::Vacant(slot) => {
                slot.insert(entry);
            }
            hash_map::Entry::Occupied(slot) => {
                let first = slot.get().span;
                let what = match &entry.def {
                    ValueDef::Fn(_) => "function",
                    ValueDef::Const(_) => "constant",
                    ValueDef::Variants(_) => "variant",
                    ValueDef::Member(..) => "class member",
                };
                self.report_duplicate(what, name, first);
            }
        }
    }

    /// Reports a second declaration of a name.
    pub fn report_duplicate(&mut self, what: &str, name: ast::Ident, first: Span) {
        self.report(
            Diagnostic::new(
                ErrorCode::E0105,
                name.span,
                format!("the {what} `{}` is declared twice", name.as_str()),
            )
            .label("declared again")
            .secondary(first, "first declared here"),
        );
    }

    /// Reports names that occur twice in a list of them.
    pub fn check_distinct(&mut self, what: &str, names: &[ast::Ident]) {
        let mut seen: std::collections::HashMap<Symbol, Span> = std::collections::HashMap::new();
        for &name in names {
            if name.as_str() == "_" {
                continue;
            }
            if let Some(&first) = seen.get(&name.name) {
                self.report_duplicate(what, name, first);
            } else {
                seen.insert(name.name, name.span);
            }
        }
    }

    fn resolve_imports(&mut self, module: ModuleId) {
        let tree = self.modules[module].ast;
        for item in &tree.items {
            let ast::ItemKind::Import(import) = &item.kind else { continue };
            let path: Vec<&str> = import.path.segments.iter().map(|name| name.as_str()).collect();
            let path = path.join(".");
            let found = self
                .modules
                .iter_enumerated()
                .find(|(_, known)| known.path == path)
                .map(|(id, _)| id);
            // A module that is not there was reported by whoever looks for files.
            let Some(target) = found else { continue };
            let name = import.alias.unwrap_or_else(|| import.path.last());
            match self.modules[module].imports.entry(name.name) {
                hash_map::Entry::Vacant(slot) => {
                    slot.insert((target, import.path.span));
                }
                hash_map::Entry::Occupied(slot) => {
                    let (first, first_span) = *slot.get();
                    let mut diagnostic = Diagnostic::new(
                        ErrorCode::E0105,
                        name.span,
                        format!("two modules are imported as `{}`", name.as_str()),
                    )
                    .label("imported again")
                    .secondary(first_span, "first imported here");
                    if first != target {
                        diagnostic = diagnostic
                            .help(format!("give one another name: `import {path} as other`"));
                    }
                    self.report(diagnostic);
                }
            }
        }
    }

    /// Depth-first search over imports; each cycle is reported once, at the import that closes it.
    fn report_import_cycles(&mut self) {
        #[derive(Clone, Copy, PartialEq)]
        enum Mark {
            New,
            Active,
            Done,
        }
        let mut marks = vec![Mark::New; self.modules.len()];
        for start in self.modules.indices() {
            let mut stack = vec![(start, self.import_targets(start), 0)];
            if marks[start.index()] != Mark::New {
                continue;
            }
            marks[start.index()] = Mark::Active;
            while let Some((module, targets, next)) = stack.last_mut() {
                let Some(&(target, span)) = targets.get(*next) else {
                    marks[module.index()] = Mark::Done;
                    stack.pop();
                    continue;
                };
                *next += 1;
                match marks[target.index()] {
                    Mark::Done => {}
                    Mark::New => {
                        marks[target.index()] = Mark::Active;
                        stack.push((target, self.import_targets(target), 0));
                    }
                    Mark::Active => {
                        let from = stack.iter().position(|entry| entry.0 == target).unwrap_or(0);
                        let mut names: Vec<&str> = stack[from..]
                            .iter()
                            .map(|entry| self.modules[entry.0].path.as_str())
                            .collect();
                        names.push(self.modules[target].path.as_str());
                        let cycle = names.join("` imports `");
                        self.report(
                            Diagnostic::new(ErrorCode::E0110, span, "modules import each other")
                                .label("this import closes the cycle")
                                .note(format!("`{cycle}`"))
                                .help("move what both need into a third module"),
                        );
                    }
                }
            }
        }
    }

    fn import_targets(&self, module: ModuleId) -> Vec<(ModuleId, Span)> {
        let mut targets: Vec<_> = self.modules[module].imports.values().copied().collect();
        targets.sort_by_key(|(_, span)| *span);
        targets
    }

    /// Finds in the prelude what the language itself refers to.
    fn find_lang_items(&mut self) {
        let adt = |this: &Self, name: &str| match this.modules[this.prelude]
            .types
            .get(&Symbol::intern(name))
            .map(|e| e.def)
        {
            Some(TypeDef::Adt(adt)) => adt,
            _ => panic!("the prelude declares the type {name}"),
        };
        let class = |this: &mut Self, name: &str, builtin: BuiltinClass| match this.modules
            [this.prelude]
            .types
            .get(&Symbol::intern(name))
            .map(|e| e.def)
        {
            Some(TypeDef::Class(class)) => {
                this.program.classes[class].builtin = Some(builtin);
                class
            }
            _ => panic!("the prelude declares the class {name}"),
        };
        self.program.lang = orion_hir::LangItems {
            option: adt(self, "Option"),
            result: adt(self, "Result"),
            ordering: adt(self, "Ordering"),
            task_error: adt(self, "TaskError"),
            map: adt(self, "Map"),
            set: adt(self, "Set"),
            eq: class(self, "Eq", BuiltinClass::Eq),
            ord: class(self, "Ord", BuiltinClass::Ord),
            hash: class(self, "Hash", BuiltinClass::Hash),
            show: class(self, "Show", BuiltinClass::Show),
            default: class(self, "Default", BuiltinClass::Default),
        };
    }
}
