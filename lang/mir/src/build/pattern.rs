//! Patterns: `match`, and patterns that always match.
//!
//! Input: typed patterns and the place they are matched against. Output: tests, then bindings.
//! Algorithm: where every arm's outermost pattern is a variant, an integer, a character or a bool (or matches always), one `Switch` chooses the
//! arms that are left, which are then tried in order; elsewhere all arms are tried in order. The block of an arm's body is shared by all ways to
//! it. Variables are bound after the whole pattern has matched, before the guard. The exhaustiveness that the type
//! checker proved makes the last failure unreachable.
//! Invariant: bindings copy out of the scrutinee, so that the arm may change it; a guard that changes it has it copied first.

use orion_hir as hir;
use orion_hir::{Pat, PatKind};
use rustc_hash::FxHashSet;

use super::builder::Builder;
use super::expr::{collect_changes, is_place};
use crate::body::{
    BinOp, Block, Const, Local, Operand, Place, Proj, Rvalue, StatementKind, TerminatorKind,
};
use crate::intrinsic::Intrinsic;
use crate::ty::{IntTy, TyKind};

/// A row of the match: one arm, or one alternative of a guarded arm.
struct Row<'h> {
    pat: &'h Pat,
    guard: Option<&'h hir::Expr>,
    body: Block,
}

/// What a variable is bound to.
enum Binding {
    Place(hir::LocalId, Place),
    /// The elements of a list between two counts from its ends.
    Rest(hir::LocalId, Place, usize, usize),
}

/// What the outermost test of a pattern looks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Any,
    Value(i128),
}

impl<'h> Builder<'_, '_, 'h> {
    pub(super) fn lower_match(
        &mut self,
        scrutinee: &'h hir::Expr,
        arms: &'h [hir::Arm],
        dest: Option<Local>,
    ) {
        let outer = self.scope;
        let mut place = self.place_of(scrutinee);
        let ty = self.place_ty(&place);
        if is_place(scrutinee) && !place_is_kept(self, scrutinee, arms) {
            let value = self.own(place);
            place = self.temp_of(ty, Rvalue::Use(value)).into();
            self.stop_at_end(place.local);
        } else if !is_place(scrutinee) {
            self.stop_at_end(place.local);
        }
        let end = self.new_block();
        let bodies: Vec<Block> = arms.iter().map(|_| self.new_block()).collect();
        let mut rows = Vec::new();
        for (arm, &body) in arms.iter().zip(&bodies) {
            let guard = arm.guard.as_ref();
            match (&arm.pat.kind, guard) {
                // A guard may refuse one alternative and take the next.
                (PatKind::Or(pats), Some(_)) => {
                    rows.extend(pats.iter().map(|pat| Row { pat, guard, body }));
                }
                _ => rows.push(Row { pat: &arm.pat, guard, body }),
            }
        }
        self.choose(&rows, &place);
        for (arm, body) in arms.iter().zip(bodies) {
            self.block = body;
            let inside = self.scope;
            self.stop_pattern_at_end(&arm.pat);
            self.lower(&arm.body, dest);
            self.end_generators(inside);
            self.goto(end);
        }
        self.block = end;
        self.end_generators(outer);
    }

    /// Jumps to the body of the first row that matches.
    fn choose(&mut self, rows: &[Row<'h>], place: &Place) {
        let mut keys: Vec<i128> = Vec::new();
        let mut row_keys = Vec::new();
        for row in rows {
            let Some(found) = keys_of(row.pat) else {
                let rows: Vec<&Row<'h>> = rows.iter().collect();
                self.try_rows(&rows, place);
                return;
            };
            for key in &found {
                if let Key::Value(value) = key
                    && !keys.contains(value)
                {
                    keys.push(*value);
                }
            }
            row_keys.push(found);
        }
        if keys.is_empty() {
            let rows: Vec<&Row<'h>> = rows.iter().collect();
            self.try_rows(&rows, place);
            return;
        }
        let value = match self.cx.types.kind(self.place_ty(place)) {
            TyKind::Adt(_) => {
                let u32 = self.int(IntTy::U32);
                Operand::Borrow(self.temp_of(u32, Rvalue::Tag(place.clone())).into())
            }
            _ => Operand::Borrow(place.clone()),
        };
        let blocks: Vec<Block> = keys.iter().map(|_| self.new_block()).collect();
        let otherwise = self.new_block();
        let cases = keys.iter().copied().zip(blocks.iter().copied()).collect();
        self.terminate(TerminatorKind::Switch { value, cases, otherwise });
        let wanted =
            keys.iter().map(|&key| Key::Value(key)).zip(blocks).chain([(Key::Any, otherwise)]);
        for (key, block) in wanted {
            let rows: Vec<&Row<'h>> = rows
                .iter()
                .zip(&row_keys)
                .filter(|(_, keys)| keys.contains(&Key::Any) || keys.contains(&key))
                .map(|(row, _)| row)
                .collect();
            self.block = block;
            self.try_rows(&rows, place);
        }
    }

    fn try_rows(&mut self, rows: &[&Row<'h>], place: &Place) {
        for row in rows {
            let fail = self.new_block();
            let mut bindings = Vec::new();
            self.test(row.pat, place.clone(), fail, &mut bindings);
            self.bind_all(bindings);
            match row.guard {
                Some(guard) => self.branch(guard, row.body, fail),
                None => self.goto(row.body),
            }
            self.block = fail;
        }
        self.terminate(TerminatorKind::Unreachable);
    }

    /// Binds a pattern that always matches.
    pub(super) fn destructure(&mut self, pat: &'h Pat, place: Place) {
        let impossible = self.new_block();
        let mut bindings = Vec::new();
        self.test(pat, place, impossible, &mut bindings);
        self.bind_all(bindings);
    }

    fn bind_moved_rest(&mut self, id: hir::LocalId, list: Place, front: usize, back: usize) {
        let list_ty = self.place_ty(&list);
        let i64 = self.i64();
        let list = self.own(list);
        let list = self.temp_of(list_ty, Rvalue::Use(list));
        self.push(StatementKind::MakeUnique(list.into()));
        let TyKind::List(item) = *self.cx.types.kind(list_ty) else { unreachable!("a list") };
        let element = |index| Place { local: list, projection: vec![Proj::Index(index)] };
        for _ in 0..front {
            let zero = self.const_i64(0);
            let first = self.temp_of(i64, Rvalue::Use(zero));
            self.temp_of(item, Rvalue::Take(element(first)));
            let args = vec![Operand::Move(list), Operand::Borrow(first.into())];
            self.assign(list, Rvalue::Intrinsic(Intrinsic::ListCloseGap, args));
        }
        for _ in 0..back {
            let len = self.temp_of(i64, Rvalue::Len(list.into()));
            let one = self.const_i64(1);
            let last = Rvalue::Binary(BinOp::Sub, Operand::Borrow(len.into()), one);
            let last = self.temp_of(i64, last);
            self.temp_of(item, Rvalue::Take(element(last)));
            self.push(StatementKind::SetLen(list.into(), Operand::Borrow(last.into())));
        }
        let rest = self.own_local(list);
        self.bind(id, rest);
    }

    fn bind_all(&mut self, mut bindings: Vec<Binding>) {
        // The rest of a list that cannot be copied is what is left of it when the others have been taken.
        bindings.sort_by_key(|binding| matches!(binding, Binding::Rest(..)));
        for binding in bindings {
            match binding {
                Binding::Rest(id, list, front, back)
                    if {
                        let ty = self.place_ty(&list);
                        self.cx.is_linear(ty)
                    } =>
                {
                    self.bind_moved_rest(id, list, front, back);
                }
                Binding::Place(id, place) => {
                    let value = self.own(place);
                    self.bind(id, value);
                }
                Binding::Rest(id, list, front, back) => {
                    let list_ty = self.place_ty(&list);
                    let i64 = self.i64();
                    let len = self.temp_of(i64, Rvalue::Len(list.clone()));
                    let back = self.const_i64(back as i128);
                    let to = self.binary(BinOp::Sub, Operand::Borrow(len.into()), back, i64);
                    let args = vec![Operand::Borrow(list), self.const_i64(front as i128), to];
                    let rest = self.call_intrinsic(Intrinsic::ListSlice, args, list_ty);
                    let rest = self.own_local(rest);
                    self.bind(id, rest);
                }
            }
        }
    }

    /// Tests a pattern: goes on where it matches, else to `fail`.
    fn test(&mut self, pat: &'h Pat, place: Place, fail: Block, bindings: &mut Vec<Binding>) {
        let outer = self.move_to(pat.span);
        match &pat.kind {
            PatKind::Wild | PatKind::Unit => {}
            PatKind::Bind(id) => bindings.push(Binding::Place(*id, place)),
            PatKind::Bool(_) | PatKind::Int(_) | PatKind::Char(_) => {
                let Some(&[Key::Value(value)]) = keys_of(pat).as_deref() else {
                    unreachable!("a literal has one key")
                };
                let next = self.new_block();
                let cases = vec![(value, next)];
                let value = Operand::Borrow(place);
                self.terminate_to(TerminatorKind::Switch { value, cases, otherwise: fail }, next);
            }
            PatKind::Float(value) => {
                let ty = self.place_ty(&place);
                let literal = match self.cx.types.kind(ty) {
                    TyKind::F32 => Const::F32(*value as f32),
                    _ => Const::F64(*value),
                };
                self.test_equal(place, literal, fail);
            }
            PatKind::Duration(ns) => self.test_equal(place, Const::Duration(*ns), fail),
            PatKind::Str(text) => {
                let bool = self.bool();
                let text = Operand::Const(Const::Str(text.to_string()));
                let args = vec![Operand::Borrow(place), text];
                let equal = self.temp_of(bool, Rvalue::Intrinsic(Intrinsic::StrEqual, args));
                self.go_on_if(Operand::Borrow(equal.into()), fail);
            }
            PatKind::Range { lo, hi } => self.test_range(place, *lo, *hi, fail),
            PatKind::Variant(variant, pats) => {
                let ty = self.place_ty(&place);
                let TyKind::Adt(id) = *self.cx.types.kind(ty) else {
                    unreachable!("a variant of a data type")
                };
                if self.cx.types.adt(id).variants.len() > 1 {
                    let u32 = self.int(IntTy::U32);
                    let tag = self.temp_of(u32, Rvalue::Tag(place.clone()));
                    let next = self.new_block();
                    let value = Operand::Borrow(tag.into());
                    let cases = vec![(i128::from(*variant), next)];
                    self.terminate_to(
                        TerminatorKind::Switch { value, cases, otherwise: fail },
                        next,
                    );
                }
                for (index, pat) in pats.iter().enumerate() {
                    let part = step(&place, Proj::Variant(*variant, index as u32));
                    self.test(pat, part, fail, bindings);
                }
            }
            PatKind::Struct(fields) => {
                for (index, pat) in fields {
                    self.test(pat, step(&place, Proj::Variant(0, *index)), fail, bindings);
                }
            }
            PatKind::Tuple(pats) => {
                for (index, pat) in pats.iter().enumerate() {
                    self.test(pat, step(&place, Proj::Field(index as u32)), fail, bindings);
                }
            }
            PatKind::List { prefix, rest, suffix } => {
                self.test_list(place, prefix, rest.as_ref(), suffix, fail, bindings);
            }
            PatKind::Or(pats) => self.test_any(pats, &place, fail, bindings),
        }
        self.loc = outer;
    }

    fn go_on_if(&mut self, cond: Operand, fail: Block) {
        let next = self.new_block();
        self.branch_on(cond, next, fail);
        self.block = next;
    }

    fn test_equal(&mut self, place: Place, literal: Const, fail: Block) {
        let equal = self.compare(BinOp::Eq, Operand::Borrow(place), Operand::Const(literal));
        self.go_on_if(equal, fail);
    }

    fn test_range(&mut self, place: Place, lo: i128, hi: i128, fail: Block) {
        let ty = self.place_ty(&place);
        let (value, int) = match *self.cx.types.kind(ty) {
            TyKind::Int(int) => (Operand::Borrow(place), int),
            _ => {
                let u32 = self.int(IntTy::U32);
                (self.cast(Operand::Borrow(place), u32), IntTy::U32)
            }
        };
        if let Some(inside) = self.in_range(&value, int, lo, hi) {
            self.go_on_if(inside, fail);
        }
    }

    fn test_list(
        &mut self,
        place: Place,
        prefix: &'h [Pat],
        rest: Option<&'h hir::Rest>,
        suffix: &'h [Pat],
        fail: Block,
        bindings: &mut Vec<Binding>,
    ) {
        let i64 = self.i64();
        let count = prefix.len() + suffix.len();
        let len = self.temp_of(i64, Rvalue::Len(place.clone()));
        if rest.is_none() || count > 0 {
            let op = if rest.is_some() { BinOp::Ge } else { BinOp::Eq };
            let wanted = self.const_i64(count as i128);
            let fits = self.compare(op, Operand::Borrow(len.into()), wanted);
            self.go_on_if(fits, fail);
        }
        for (index, pat) in prefix.iter().enumerate() {
            if matches!(pat.kind, PatKind::Wild) {
                continue;
            }
            let index = self.const_i64(index as i128);
            let index = self.temp_of(i64, Rvalue::Use(index));
            self.test(pat, step(&place, Proj::Index(index)), fail, bindings);
        }
        if let Some(id) = rest.and_then(|rest| rest.bind) {
            bindings.push(Binding::Rest(id, place.clone(), prefix.len(), suffix.len()));
        }
        for (index, pat) in suffix.iter().enumerate() {
            if matches!(pat.kind, PatKind::Wild) {
                continue;
            }
            let back = self.const_i64((suffix.len() - index) as i128);
            let index = Rvalue::Binary(BinOp::Sub, Operand::Borrow(len.into()), back);
            let index = self.temp_of(i64, index);
            self.test(pat, step(&place, Proj::Index(index)), fail, bindings);
        }
    }

    /// Alternatives: the first that matches binds its variables at once, as they come together again behind it.
    fn test_any(
        &mut self,
        pats: &'h [Pat],
        place: &Place,
        fail: Block,
        bindings: &mut Vec<Binding>,
    ) {
        // Literals without variables are one jump.
        let keys: Option<Vec<Key>> = pats
            .iter()
            .map(|pat| match pat.kind {
                PatKind::Bool(_) | PatKind::Int(_) | PatKind::Char(_) => keys_of(pat),
                _ => None,
            })
            .collect::<Option<Vec<_>>>()
            .map(|keys| keys.concat());
        let end = self.new_block();
        if let Some(keys) = keys {
            let mut cases: Vec<(i128, Block)> = Vec::new();
            for key in keys {
                if let Key::Value(value) = key
                    && cases.iter().all(|(known, _)| *known != value)
                {
                    cases.push((value, end));
                }
            }
            let value = Operand::Borrow(place.clone());
            self.terminate_to(TerminatorKind::Switch { value, cases, otherwise: fail }, end);
            return;
        }
        // What was found so far is bound first: an alternative may not be undone.
        self.bind_all(std::mem::take(bindings));
        for (index, pat) in pats.iter().enumerate() {
            let is_last = index + 1 == pats.len();
            let next = if is_last { fail } else { self.new_block() };
            let mut found = Vec::new();
            self.test(pat, place.clone(), next, &mut found);
            self.bind_all(found);
            self.goto(end);
            self.block = next;
        }
        self.block = end;
    }
}

/// Whether the scrutinee's variable keeps its value until the arm's variables are bound.
fn place_is_kept(b: &Builder<'_, '_, '_>, scrutinee: &hir::Expr, arms: &[hir::Arm]) -> bool {
    let Some(root) = b.mutable_root(scrutinee) else { return true };
    let mut changed = FxHashSet::default();
    for guard in arms.iter().filter_map(|arm| arm.guard.as_ref()) {
        collect_changes(guard, &mut changed);
    }
    !changed.contains(&root)
}

fn step(place: &Place, step: Proj) -> Place {
    let mut place = place.clone();
    place.projection.push(step);
    place
}

/// What values of a switch the pattern may match; `None` where a switch cannot tell.
fn keys_of(pat: &Pat) -> Option<Vec<Key>> {
    Some(match &pat.kind {
        PatKind::Wild | PatKind::Bind(_) => vec![Key::Any],
        PatKind::Bool(value) => vec![Key::Value(i128::from(*value))],
        PatKind::Int(value) => vec![Key::Value(*value)],
        PatKind::Char(value) => vec![Key::Value(i128::from(u32::from(*value)))],
        PatKind::Variant(variant, _) => vec![Key::Value(i128::from(*variant))],
        PatKind::Or(pats) => {
            let mut keys = Vec::new();
            for pat in pats {
                keys.extend(keys_of(pat)?);
            }
            keys
        }
        _ => return None,
    })
}
