//! Generic data types have finitely many instances.
//!
//! Input: the fields of all data types. Output: E0805 for each type that, at one type argument, holds
//! itself at ever larger ones (`type Nested[T] = | Flat(T) | Deeper(Nested[[T]])`): code for it
//! would have no end. The fields of such a type are errors afterwards, so that nobody walks them, and what
//! they leave undetermined is not reported.
//!
//! Algorithm (Kennedy and Pierce's test for infinitary classes, "On decidability of nominal subtyping with
//! variance", 2007): the graph of type parameters. A field that mentions `B[… X …]` gives an edge
//! from the parameter `X` to that parameter of `B`: plain where the argument is `X` itself, growing
//! where `X` is a part of it. The instances are infinitely many exactly where a cycle has a growing edge.

use crate::globals::Globals;
use orion_diagnostics::{Diagnostic, ErrorCode};
use orion_hir::ty::for_each_part;
use orion_hir::{AdtId, AdtKind, Ty, TyId, TyTable};
use std::collections::HashSet;

/// A parameter of a data type.
type Node = (AdtId, u32);

struct Edge {
    from: Node,
    to: Node,
    grows: bool,
}

impl Globals<'_> {
    pub(crate) fn check_regular(&mut self) {
        let mut edges = Vec::new();
        for adt in self.program.adts.indices() {
            for ty in self.field_types(adt) {
                self.has_broken_types |= self.program.types.has_error(ty);
                self.edges_of(adt, ty, &mut edges);
            }
        }
        let mut endless: Vec<AdtId> = edges
            .iter()
            .filter(|edge| edge.grows && reaches(&edges, edge.to, edge.from))
            .map(|edge| edge.from.0)
            .collect();
        endless.dedup();
        for adt in endless {
            self.has_broken_types = true;
            let item = &mut self.program.adts[adt];
            let (name, span) = (item.name.clone(), item.span);
            match &mut item.kind {
                AdtKind::Struct(fields) => {
                    fields.iter_mut().for_each(|field| field.ty = TyTable::ERROR);
                }
                AdtKind::Sum(variants) => {
                    variants.iter_mut().for_each(|variant| variant.fields.fill(TyTable::ERROR));
                }
            }
            self.report(
                Diagnostic::new(ErrorCode::E0805, span, format!("the type `{name}` grows without end"))
                    .label("holds itself, or leads back to itself, at a larger type argument")
                    .help("generic code is compiled once per type: recursion must come back to types that were there before"),
            );
        }
    }

    fn field_types(&self, adt: AdtId) -> Vec<TyId> {
        match &self.program.adts[adt].kind {
            AdtKind::Struct(fields) => fields.iter().map(|field| field.ty).collect(),
            AdtKind::Sum(variants) => {
                variants.iter().flat_map(|variant| variant.fields.iter().copied()).collect()
            }
        }
    }

    /// The edges that a type in a field of `adt` gives.
    fn edges_of(&self, adt: AdtId, ty: TyId, edges: &mut Vec<Edge>) {
        let kind = self.program.types.kind(ty);
        if let Ty::Adt(held, args) = kind {
            for (index, &arg) in args.iter().enumerate() {
                let mut inside = HashSet::new();
                self.params_in(arg, &mut inside);
                let mut inside: Vec<u32> = inside.into_iter().collect();
                inside.sort_unstable();
                let grows = !matches!(self.program.types.kind(arg), Ty::Param(_));
                edges.extend(inside.into_iter().map(|param| Edge {
                    from: (adt, param),
                    to: (*held, index as u32),
                    grows,
                }));
            }
        }
        for_each_part(kind, |part| self.edges_of(adt, part, edges));
    }

    fn params_in(&self, ty: TyId, found: &mut HashSet<u32>) {
        let kind = self.program.types.kind(ty);
        if let Ty::Param(index) = kind {
            found.insert(*index);
        }
        for_each_part(kind, |part| self.params_in(part, found));
    }
}

fn reaches(edges: &[Edge], from: Node, to: Node) -> bool {
    let mut seen = HashSet::from([from]);
    let mut work = vec![from];
    while let Some(node) = work.pop() {
        if node == to {
            return true;
        }
        for edge in edges.iter().filter(|edge| edge.from == node) {
            if seen.insert(edge.to) {
                work.push(edge.to);
            }
        }
    }
    false
}
