//! What is known of the whole program while it is checked.
//!
//! Input: the modules' trees. Output: the program under construction with, beside each table, what
//! only the type checker needs (where a function was declared, aliases, constants). Invariants:
//! `fn_infos` has an entry for each function of the program; name tables are only looked up by
//! name, never iterated where the order could show.

use crate::SourceModule;
use orion_diagnostics::Diagnostic;
use orion_hir::{
    AdtId, ClassId, Expr, Fn, FnId, Generic, IndexVec, InstanceId, Program, TyId, TyTable,
};
use orion_syntax::{Span, Symbol, ast};
use std::collections::{HashMap, HashSet};

orion_syntax::define_index! {
    /// A module of the program.
    pub struct ModuleId = "module";
    /// A type alias.
    pub struct AliasId = "alias";
    /// A constant.
    pub struct ConstId = "const";
}

/// What a name of the type namespace stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TypeDef {
    /// A struct or sum type.
    Adt(AdtId),
    /// An alias.
    Alias(AliasId),
    /// A class.
    Class(ClassId),
}

/// What a name of the value namespace stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ValueDef {
    /// A function that is called by its name.
    Fn(FnId),
    /// A constant.
    Const(ConstId),
    /// Variants of this name, of one or several types of the module.
    Variants(Vec<(AdtId, u32)>),
    /// A member of a class.
    Member(ClassId, u32),
}

/// An entry of a module's table of names.
#[derive(Clone, Debug)]
pub struct Entry<T> {
    /// What it stands for.
    pub def: T,
    /// Whether other modules may use it.
    pub public: bool,
    /// Where it is declared.
    pub span: Span,
}

/// A module.
pub struct ModuleInfo<'a> {
    /// Its dotted path; the main module's is `main`.
    pub path: String,
    /// From the standard library: may use its intrinsics.
    pub is_std: bool,
    /// Its tree.
    pub ast: &'a ast::Module,
    /// Types and classes.
    pub types: HashMap<Symbol, Entry<TypeDef>>,
    /// Functions, constants, variants, class members.
    pub values: HashMap<Symbol, Entry<ValueDef>>,
    /// Imported modules by the name they are used under.
    pub imports: HashMap<Symbol, (ModuleId, Span)>,
}

/// Where a function's body comes from.
#[derive(Clone, Copy)]
pub enum FnSource<'a> {
    /// A declaration.
    Decl(&'a ast::FnDecl),
    /// The default value of a parameter.
    Default(&'a ast::Expr),
    /// A member of an instance.
    Member(&'a ast::Expr),
    /// A test.
    Test(&'a ast::Block),
    /// None: extern functions, and closures, whose bodies are made with their parents'.
    None,
}

/// What the checker knows about a function beside its HIR.
#[derive(Clone, Copy)]
pub struct FnInfo<'a> {
    /// The module it stands in.
    pub module: ModuleId,
    /// Whether other modules may use it.
    pub public: bool,
    /// Its body in the tree.
    pub source: FnSource<'a>,
}

/// A type alias.
pub struct AliasInfo<'a> {
    /// The module it stands in.
    pub module: ModuleId,
    /// Its declaration.
    pub decl: &'a ast::TypeDecl,
    /// Its right side.
    pub target: &'a ast::Type,
    /// Set while it is expanded first, to find cycles.
    pub state: AliasState,
}

/// How far an alias is resolved.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum AliasState {
    /// Not yet.
    New,
    /// Being resolved.
    Active,
    /// To this type, over its own parameters.
    Done(TyId),
}

/// A constant.
pub struct ConstInfo<'a> {
    /// The module it stands in.
    pub module: ModuleId,
    /// Its declaration.
    pub decl: &'a ast::ConstDecl,
    /// How far it is evaluated.
    pub state: ConstState,
}

/// How far a constant is evaluated.
#[derive(Clone)]
pub enum ConstState {
    /// Not yet.
    New,
    /// Being evaluated.
    Active,
    /// Its value, a tree of literals.
    Done(Expr),
    /// An error was reported.
    Failed,
}

/// A module-level type's extra knowledge.
#[derive(Clone, Copy)]
pub struct AdtInfo {
    /// The module it stands in.
    pub module: ModuleId,
}

/// The whole program while it is checked.
pub struct Globals<'a> {
    /// The program under construction.
    pub program: Program,
    /// Its modules, in the order given.
    pub modules: IndexVec<ModuleId, ModuleInfo<'a>>,
    /// The prelude.
    pub prelude: ModuleId,
    /// Beside `program.fns`.
    pub fn_infos: IndexVec<FnId, FnInfo<'a>>,
    /// Beside `program.adts`.
    pub adt_infos: IndexVec<AdtId, AdtInfo>,
    /// Modules of the classes.
    pub class_modules: IndexVec<ClassId, ModuleId>,
    /// Functions with `self`, by name, in order of declaration.
    pub methods: HashMap<Symbol, Vec<FnId>>,
    /// Instances of a class, in order of declaration.
    pub instances_of: HashMap<ClassId, Vec<InstanceId>>,
    /// Aliases.
    pub aliases: IndexVec<AliasId, AliasInfo<'a>>,
    /// Constants.
    pub consts: IndexVec<ConstId, ConstInfo<'a>>,
    /// Bodies with an error: later passes leave them alone.
    pub failed: HashSet<FnId>,
    /// Some data type has fields that were reported as wrong.
    pub has_broken_types: bool,
    /// All that was found wrong so far.
    pub diagnostics: Vec<Diagnostic>,
}

impl<'a> Globals<'a> {
    /// Records an error or warning.
    pub fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Adds a function.
    pub fn add_fn(&mut self, func: Fn, info: FnInfo<'a>) -> FnId {
        self.fn_infos.push(info);
        self.program.fns.push(func)
    }

    /// The text of a type inside an item with these generics.
    #[must_use]
    pub fn show(&self, ty: TyId, generics: &[Generic]) -> String {
        self.program.show_ty_in(ty, generics)
    }

    /// What a value name stands for in a module: its own, else the prelude's.
    #[must_use]
    pub fn find_value(&self, module: ModuleId, name: Symbol) -> Option<&Entry<ValueDef>> {
        self.modules[module]
            .values
            .get(&name)
            .or_else(|| self.modules[self.prelude].values.get(&name).filter(|entry| entry.public))
    }

    /// What a type name stands for in a module: its own, else the prelude's.
    #[must_use]
    pub fn find_type(&self, module: ModuleId, name: Symbol) -> Option<&Entry<TypeDef>> {
        self.modules[module]
            .types
            .get(&name)
            .or_else(|| self.modules[self.prelude].types.get(&name).filter(|entry| entry.public))
    }

    /// Whether a function declared in `owner` may be named in `user`.
    #[must_use]
    pub fn is_visible(&self, owner: ModuleId, public: bool, user: ModuleId) -> bool {
        owner == user || public
    }

    /// `module.name` as it stands in paths; the types' and functions' stable identity.
    #[must_use]
    pub fn path_of(&self, module: ModuleId, name: &str) -> String {
        format!("{}::{name}", self.modules[module].path)
    }
}

/// An empty program; its language items are set when the prelude is declared.
#[must_use]
pub fn empty_program() -> Program {
    let no_adt = AdtId::from_u32(u32::MAX);
    let no_class = ClassId::from_u32(u32::MAX);
    Program {
        types: TyTable::new(),
        adts: IndexVec::new(),
        fns: IndexVec::new(),
        classes: IndexVec::new(),
        instances: IndexVec::new(),
        tests: Vec::new(),
        main: None,
        lang: orion_hir::LangItems {
            option: no_adt,
            result: no_adt,
            ordering: no_adt,
            task_error: no_adt,
            map: no_adt,
            set: no_adt,
            eq: no_class,
            ord: no_class,
            hash: no_class,
            show: no_class,
            default: no_class,
        },
        derived: HashMap::new(),
    }
}

/// The globals before anything is declared.
#[must_use]
pub fn new_globals(modules: &[SourceModule]) -> Globals<'_> {
    let infos: IndexVec<ModuleId, ModuleInfo<'_>> = modules
        .iter()
        .map(|module| ModuleInfo {
            path: module.path.clone(),
            is_std: module.is_std,
            ast: &module.ast,
            types: HashMap::new(),
            values: HashMap::new(),
            imports: HashMap::new(),
        })
        .collect();
    let prelude = infos
        .iter_enumerated()
        .find(|(_, module)| module.path == crate::PRELUDE_PATH)
        .map_or(ModuleId::from_u32(0), |(id, _)| id);
    Globals {
        program: empty_program(),
        modules: infos,
        prelude,
        fn_infos: IndexVec::new(),
        adt_infos: IndexVec::new(),
        class_modules: IndexVec::new(),
        methods: HashMap::new(),
        instances_of: HashMap::new(),
        aliases: IndexVec::new(),
        consts: IndexVec::new(),
        failed: HashSet::new(),
        has_broken_types: false,
        diagnostics: Vec::new(),
    }
}
