//! Linearity: each handle of a task is consumed exactly once on every path.
//!
//! Input: typed bodies without errors. Output: E0401 to E0404. Algorithm: a forward walk over the
//! structured body with a state (live, consumed) per linear variable; branches are joined and must
//! agree; a loop must leave the variables around it as it found them. Jumps are checked where they
//! stand: leaving an `async` block early consumes the handles made in it.
//!
//! A type is linear when a `Task` is reachable through lists, tuples, structs, variants and type
//! arguments; functions and channels are not linear themselves. Generators are tracked as well:
//! they are moved, so that they are used at most once, but may be dropped.

mod bind;
mod flow;
mod paths;
mod walk;

use crate::globals::Globals;
use orion_diagnostics::Diagnostic;
use orion_hir::{AdtKind, FnId, FnKind, LocalId, Program, Ty, TyId};
use std::collections::HashMap;

/// Which types hold a handle.
#[derive(Default)]
pub(crate) struct Linear {
    known: HashMap<TyId, Kind>,
}

/// How values of a type may be used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Kind {
    /// Any number of times.
    Plain,
    /// At most once: it holds a generator, which is moved and may be dropped.
    Moved,
    /// Exactly once: it holds a handle of a task.
    Linear,
}

impl Linear {
    /// How values of the type may be used.
    pub(crate) fn kind(&mut self, program: &mut Program, ty: TyId) -> Kind {
        if let Some(&known) = self.known.get(&ty) {
            return known;
        }
        // A recursive type is what its other parts make it: assume the least while looking.
        self.known.insert(ty, Kind::Plain);
        let mut kind = Kind::Plain;
        let parts: Vec<TyId> = match program.types.kind(ty).clone() {
            Ty::Task(_) => {
                kind = Kind::Linear;
                Vec::new()
            }
            Ty::Gen { .. } => {
                kind = Kind::Moved;
                Vec::new()
            }
            Ty::List(part) => vec![part],
            Ty::Tuple(parts) => parts.to_vec(),
            Ty::Adt(adt, args) => {
                let fields: Vec<TyId> = match &program.adts[adt].kind {
                    AdtKind::Struct(fields) => fields.iter().map(|field| field.ty).collect(),
                    AdtKind::Sum(variants) => {
                        variants.iter().flat_map(|variant| variant.fields.clone()).collect()
                    }
                };
                fields.into_iter().map(|field| program.types.subst(field, &args)).collect()
            }
            _ => Vec::new(),
        };
        for part in parts {
            kind = kind.max(self.kind(program, part));
        }
        self.known.insert(ty, kind);
        kind
    }
}

impl Globals<'_> {
    /// Checks the handles in every body without errors, but for the standard library's.
    pub fn check_linearity(&mut self) {
        let mut linear = Linear::default();
        let funcs: Vec<FnId> = self.program.fns.indices().collect();
        for func in funcs {
            let item = &self.program.fns[func];
            if item.is_std || self.failed.contains(&func) || item.kind == FnKind::Derived {
                continue;
            }
            let Some(body) = self.program.fns[func].body.take() else { continue };
            let params: Vec<(LocalId, bool)> = body
                .params
                .iter()
                .zip(&self.program.fns[func].params)
                .map(|(&local, param)| (local, param.mutable))
                .collect();
            let found = {
                let mut walker = walk::Walker::new(&mut self.program, &mut linear, &body);
                walker.function(&params);
                walker.found
            };
            self.program.fns[func].body = Some(body);
            if found.iter().any(Diagnostic::is_error) {
                self.failed.insert(func);
            }
            self.diagnostics.extend(found);
        }
    }
}
