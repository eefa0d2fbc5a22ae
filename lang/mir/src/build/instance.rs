//! Instances: which functions a program consists of, and what they are called.
//!
//! Input: HIR functions with concrete type arguments. Output: a [`BodyId`] for each, made on first demand, and its unique, stable name.
//! Names: `area`, `geometry.area`, `max[i64]`, `max[i64]::{lambda#1}`, `Show[Point]::show`, `area::{value}`. The main module and the
//! prelude are not written, except for prelude names that the main module has too.

use orion_hir as hir;
use rustc_hash::FxHashSet;

use super::Context;
use crate::body::{Body, BodyId, BodyKind, Loc};

/// Most instances of a program. A tenth of this compiles for minutes; a program that needs more recurses polymorphically.
const INSTANCES_MAX: usize = 200_000;

/// What one body is made of.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Instance {
    /// A function with its type arguments.
    Fn(hir::FnId, Vec<hir::TyId>),
    /// A named function as a value: a closure without captures that calls it.
    Value(hir::FnId, Vec<hir::TyId>),
}

/// Names that are given or taken.
pub(super) struct Names {
    /// First path segments of the main module's items.
    main: FxHashSet<String>,
    given: FxHashSet<String>,
}

impl Names {
    pub(super) fn new(program: &hir::Program) -> Self {
        let paths = program.fns.iter().map(|f| &f.path);
        let paths = paths.chain(program.adts.iter().map(|adt| &adt.path));
        let main = paths
            .filter_map(|path| path.strip_prefix("main::"))
            .map(|rest| rest.split("::").next().unwrap_or(rest).to_owned())
            .collect();
        Self { main, given: FxHashSet::default() }
    }

    /// A HIR path as people read it.
    fn pretty(&self, path: &str) -> String {
        let Some((module, rest)) = path.split_once("::") else { return path.to_owned() };
        let head = rest.split("::").next().unwrap_or(rest);
        match module {
            "main" => rest.to_owned(),
            "std.prelude" if !self.main.contains(head) => rest.to_owned(),
            _ => format!("{module}.{rest}"),
        }
    }
}

impl Context<'_> {
    /// The body of an instance, put on the work list when it is new.
    pub(super) fn instance(&mut self, instance: Instance) -> BodyId {
        if let Some(&id) = self.instances.get(&instance) {
            return id;
        }
        let (Instance::Fn(_, args) | Instance::Value(_, args)) = &instance;
        let args = args.clone();
        if self.instances.len() >= INSTANCES_MAX || self.too_large(&args) {
            self.endless("generic code that instantiates itself");
        }
        let id = BodyId(self.bodies.len() as u32);
        self.bodies.push(None);
        self.instances.insert(instance, id);
        id
    }

    /// The function that a class member is at a concrete type.
    pub(super) fn member(
        &mut self,
        class: hir::ClassId,
        member: u32,
        ty: hir::TyId,
    ) -> (hir::FnId, Vec<hir::TyId>) {
        self.hir
            .resolve_member(class, member, ty)
            .unwrap_or_else(|| panic!("`{}` lacks a class that was checked", self.hir.show_ty(ty)))
    }

    /// An empty body for an instance: named, without locals.
    pub(super) fn blank_body(&mut self, instance: &Instance, kind: BodyKind) -> Body {
        let (Instance::Fn(id, _) | Instance::Value(id, _)) = instance;
        let loc: Loc = self.loc(self.hir.fns[*id].span);
        let address_taken = matches!(kind, BodyKind::Closure { .. });
        Body {
            name: self.instance_name(instance),
            kind,
            loc,
            locals: Vec::new(),
            param_count: 0,
            inout: Vec::new(),
            blocks: Vec::new(),
            address_taken,
            may_suspend: false,
            may_unwind: false,
            points: Vec::new(),
            hash: 0,
        }
    }

    fn instance_name(&mut self, instance: &Instance) -> String {
        let (Instance::Fn(id, args) | Instance::Value(id, args)) = instance;
        let func = &self.hir.fns[*id];
        let mut name = if func.kind == hir::FnKind::Derived {
            // Its path names the type without its module, which need not be unique.
            let ty = func.params.first().map_or(func.ret, |param| param.ty);
            let path = self.names.pretty(&func.path);
            let head = path.split('[').next().unwrap_or(&path).to_owned();
            let tail = path.rsplit("::").next().unwrap_or(&path).to_owned();
            format!("{head}[{}]::{tail}", self.type_name(ty))
        } else {
            self.names.pretty(&func.path)
        };
        if !args.is_empty() {
            let args: Vec<String> = args.iter().map(|&arg| self.type_name(arg)).collect();
            let at = name.find("::{").unwrap_or(name.len());
            name.insert_str(at, &format!("[{}]", args.join(", ")));
        }
        if matches!(instance, Instance::Value(..)) {
            name.push_str("::{value}");
        }
        // Paths are unique as the type checker makes them; the number is a last resort that keeps the promise.
        let mut unique = name.clone();
        let mut number = 1;
        while !self.names.given.insert(unique.clone()) {
            number += 1;
            unique = format!("{name}#{number}");
        }
        unique
    }

    /// A concrete type as people write it, data types with their modules.
    pub(super) fn type_name(&mut self, ty: hir::TyId) -> String {
        if let hir::Ty::Adt(adt, args) = self.hir.types.kind(ty).clone() {
            let name = self.names.pretty(&self.hir.adts[adt].path);
            let name = name.replace("::", ".");
            if args.is_empty() {
                return name;
            }
            let args: Vec<String> = args.iter().map(|&arg| self.type_name(arg)).collect();
            return format!("{name}[{}]", args.join(", "));
        }
        let lowered = self.lower_kind(ty);
        self.types.display(lowered)
    }
}
