//! Type variables and unification.
//!
//! Algorithm: Robinson's, with an occurs check, literal variables (any integer type, any float
//! type) and a trail, so that a failed attempt leaves no trace. Bindings are followed, not
//! compressed: chains stay short, since a variable is bound to what the other side resolves to.

use super::Infer;
use orion_diagnostics::ErrorCode;
use orion_hir::ty::for_each_part;
use orion_hir::{Ty, TyId, TyTable};
use orion_syntax::Span;

/// Largest type, in type constructors written out. Lowering has a limit of its own behind this one.
const TYPE_PARTS_MAX: usize = 1000;

/// What a variable may stand for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VarKind {
    /// Any type.
    General,
    /// An integer type; `i64` unless told.
    Int,
    /// A float type; `f64` unless told.
    Float,
    /// Any type; `()` unless told.
    UnitByDefault,
    /// Any type, which something must determine, be it what has `()` by default: a lambda's
    /// parameter. Without, a lambda that only gives its parameter back would be one over `()`.
    Parameter,
}

#[derive(Clone, Copy)]
struct Var {
    kind: VarKind,
    binding: Option<TyId>,
    span: Span,
}

/// The variables of one item.
#[derive(Default)]
pub struct Vars {
    vars: Vec<Var>,
    trail: Vec<(u32, Var)>,
}

impl Infer<'_, '_> {
    pub(super) fn fresh_kind(&mut self, kind: VarKind, span: Span) -> TyId {
        let index = self.vars.vars.len() as u32;
        self.vars.vars.push(Var { kind, binding: None, span });
        self.types().intern(Ty::Infer(index))
    }

    /// A variable for any type; the place is where a missing annotation is reported.
    pub(super) fn fresh(&mut self, span: Span) -> TyId {
        self.fresh_kind(VarKind::General, span)
    }

    /// Follows bindings at the head of a type.
    pub(super) fn shallow(&self, mut ty: TyId) -> TyId {
        while let Ty::Infer(index) = *self.kind(ty) {
            match self.vars.vars[index as usize].binding {
                Some(bound) => ty = bound,
                None => break,
            }
        }
        ty
    }

    /// Follows bindings everywhere in a type.
    pub(super) fn deep(&mut self, ty: TyId) -> TyId {
        if !self.g.program.types.has_infer(ty) {
            return ty;
        }
        let head = self.shallow(ty);
        if head != ty {
            return self.deep(head);
        }
        if matches!(self.kind(ty), Ty::Infer(_)) {
            return ty;
        }
        self.map_deep(ty, &mut |this, part| this.deep(part))
    }

    fn map_deep(&mut self, ty: TyId, f: &mut dyn FnMut(&mut Self, TyId) -> TyId) -> TyId {
        let mut parts = Vec::new();
        for_each_part(self.kind(ty), |part| parts.push(part));
        let mapped: Vec<TyId> = parts.into_iter().map(|part| f(self, part)).collect();
        let mut next = mapped.into_iter();
        self.types().map_parts(ty, &mut |_, part| next.next().unwrap_or(part))
    }

    /// As `deep`, with literal variables as the types they would get.
    pub(super) fn deep_for_show(&mut self, ty: TyId) -> TyId {
        if !self.g.program.types.has_infer(ty) {
            return ty;
        }
        let head = self.shallow(ty);
        if let Ty::Infer(index) = *self.kind(head) {
            return match self.vars.vars[index as usize].kind {
                VarKind::Int => TyTable::I64,
                VarKind::Float => TyTable::F64,
                VarKind::UnitByDefault => TyTable::UNIT,
                VarKind::General | VarKind::Parameter => head,
            };
        }
        self.map_deep(head, &mut |this, part| this.deep_for_show(part))
    }

    /// The kind of an unbound variable.
    pub(super) fn var_kind(&self, ty: TyId) -> Option<VarKind> {
        match *self.kind(self.shallow(ty)) {
            Ty::Infer(index) => Some(self.vars.vars[index as usize].kind),
            _ => None,
        }
    }

    /// Where an unbound variable was made.
    pub(super) fn var_span(&self, ty: TyId) -> Option<Span> {
        match *self.kind(self.shallow(ty)) {
            Ty::Infer(index) => Some(self.vars.vars[index as usize].span),
            _ => None,
        }
    }

    pub(super) fn is_int_var(&self, ty: TyId) -> bool {
        self.var_kind(ty) == Some(VarKind::Int)
    }

    pub(super) fn is_float_var(&self, ty: TyId) -> bool {
        self.var_kind(ty) == Some(VarKind::Float)
    }

    /// Whether nothing at all is known of the type.
    pub(super) fn is_unknown(&self, ty: TyId) -> bool {
        matches!(
            self.var_kind(ty),
            Some(VarKind::General | VarKind::UnitByDefault | VarKind::Parameter)
        )
    }

    /// The state to go back to with [`Self::rollback`].
    pub(super) fn snapshot(&self) -> usize {
        self.vars.trail.len()
    }

    /// Undoes every binding since the snapshot.
    pub(super) fn rollback(&mut self, snapshot: usize) {
        while self.vars.trail.len() > snapshot {
            if let Some((index, old)) = self.vars.trail.pop() {
                self.vars.vars[index as usize] = old;
            }
        }
    }

    fn set(&mut self, index: u32, var: Var) {
        let old = std::mem::replace(&mut self.vars.vars[index as usize], var);
        self.vars.trail.push((index, old));
    }

    /// Makes two types equal; false, and nothing changed, where that cannot be.
    pub(super) fn unify(&mut self, a: TyId, b: TyId) -> bool {
        let snapshot = self.snapshot();
        if self.unify_parts(a, b) {
            return true;
        }
        self.rollback(snapshot);
        false
    }

    /// Whether two types could be made equal; changes nothing.
    pub(super) fn could_unify(&mut self, a: TyId, b: TyId) -> bool {
        let snapshot = self.snapshot();
        let ok = self.unify_parts(a, b);
        self.rollback(snapshot);
        ok
    }

    fn unify_parts(&mut self, a: TyId, b: TyId) -> bool {
        let (a, b) = (self.shallow(a), self.shallow(b));
        if a == b {
            return true;
        }
        let (kind_a, kind_b) = (self.kind(a).clone(), self.kind(b).clone());
        match (&kind_a, &kind_b) {
            (Ty::Error, _) => {
                self.poison(b);
                true
            }
            (_, Ty::Error) => {
                self.poison(a);
                true
            }
            (Ty::Infer(x), Ty::Infer(y)) => {
                let (left, right) = (self.vars.vars[*x as usize], self.vars.vars[*y as usize]);
                let rank = |kind| match kind {
                    VarKind::General => 0,
                    VarKind::UnitByDefault => 1,
                    VarKind::Parameter => 2,
                    VarKind::Int | VarKind::Float => 3,
                };
                // The kind that demands most holds for both, and its place is the one to report.
                let stronger = if rank(left.kind) > rank(right.kind) { left } else { right };
                if rank(left.kind) == rank(right.kind) && left.kind != right.kind {
                    return false;
                }
                // The younger one is bound to the older, so that the variables of many steps hang from one and make no chain.
                let ((root, root_var), (other, other_var), ty) =
                    if x < y { ((*x, left), (*y, right), a) } else { ((*y, right), (*x, left), b) };
                self.set(root, Var { kind: stronger.kind, span: stronger.span, ..root_var });
                self.set(other, Var { binding: Some(ty), ..other_var });
                true
            }
            (Ty::Infer(var), _) => self.bind(*var, a, b),
            (_, Ty::Infer(var)) => self.bind(*var, b, a),
            (Ty::Tuple(x), Ty::Tuple(y)) => x.len() == y.len() && self.unify_all(x, y),
            (Ty::Adt(x, left), Ty::Adt(y, right)) => x == y && self.unify_all(left, right),
            (Ty::List(x), Ty::List(y))
            | (Ty::Chan(x), Ty::Chan(y))
            | (Ty::Send(x), Ty::Send(y))
            | (Ty::Recv(x), Ty::Recv(y))
            | (Ty::Task(x), Ty::Task(y)) => self.unify_parts(*x, *y),
            (Ty::Gen { .. }, Ty::Gen { .. }) => {
                let (mut left, mut right) = (Vec::new(), Vec::new());
                for_each_part(&kind_a, |part| left.push(part));
                for_each_part(&kind_b, |part| right.push(part));
                self.unify_all(&left, &right)
            }
            (Ty::Fn(x), Ty::Fn(y)) => {
                x.params.len() == y.params.len()
                    && x.params
                        .iter()
                        .zip(&y.params)
                        .all(|(x, y)| x.mutable == y.mutable && self.unify_parts(x.ty, y.ty))
                    && self.unify_parts(x.ret, y.ret)
                    && match (x.yields, y.yields) {
                        (None, None) => true,
                        (Some(x), Some(y)) => {
                            self.unify_parts(x.item, y.item) && self.unify_parts(x.sent, y.sent)
                        }
                        _ => false,
                    }
            }
            _ => false,
        }
    }

    /// What an error should have determined is an error as well, not a type that nobody knows.
    fn poison(&mut self, ty: TyId) {
        if !self.g.program.types.has_infer(ty) {
            return;
        }
        let ty = self.shallow(ty);
        if let Ty::Infer(index) = *self.kind(ty) {
            let old = self.vars.vars[index as usize];
            self.set(index, Var { binding: Some(TyTable::ERROR), ..old });
            return;
        }
        let mut parts = Vec::new();
        for_each_part(self.kind(ty), |part| parts.push(part));
        parts.into_iter().for_each(|part| self.poison(part));
    }

    fn unify_all(&mut self, left: &[TyId], right: &[TyId]) -> bool {
        left.iter().zip(right).all(|(&x, &y)| self.unify_parts(x, y))
    }

    fn bind(&mut self, index: u32, var: TyId, ty: TyId) -> bool {
        let old = self.vars.vars[index as usize];
        let fits = match old.kind {
            VarKind::General | VarKind::UnitByDefault | VarKind::Parameter => !self.occurs(var, ty),
            VarKind::Int => matches!(self.kind(ty), Ty::Int(_)),
            VarKind::Float => matches!(self.kind(ty), Ty::Float(_)),
        };
        if fits {
            self.set(index, Var { binding: Some(ty), ..old });
        }
        fits
    }

    fn occurs(&self, var: TyId, ty: TyId) -> bool {
        let ty = self.shallow(ty);
        if ty == var {
            return true;
        }
        if !self.g.program.types.has_infer(ty) {
            return false;
        }
        let mut found = false;
        for_each_part(self.kind(ty), |part| found = found || self.occurs(var, part));
        found
    }

    /// Reports a type that is too large to be compiled. Types share their parts, so that a few lines can make one
    /// whose text would fill the memory; it is found here before anybody walks it.
    pub(super) fn check_size(&mut self, ty: TyId, span: Span) -> TyId {
        let mut work = vec![ty];
        let mut count = 0;
        while let Some(part) = work.pop() {
            count += 1;
            if count + work.len() > TYPE_PARTS_MAX {
                if !self.failed {
                    let error = self
                        .error(
                            ErrorCode::E0805,
                            span,
                            format!("a type of more than {TYPE_PARTS_MAX} parts"),
                        )
                        .label("the type of this is too large")
                        .help("put parts into structs of their own: one with a name counts as one");
                    self.emit(error);
                }
                return TyTable::ERROR;
            }
            for_each_part(self.kind(self.shallow(part)), |part| work.push(part));
        }
        ty
    }

    /// Gives unbound variables with a default that default.
    pub(super) fn apply_defaults(&mut self) {
        for index in 0..self.vars.vars.len() {
            let var = self.vars.vars[index];
            if var.binding.is_none() {
                let default = match var.kind {
                    VarKind::General | VarKind::Parameter => continue,
                    VarKind::Int => TyTable::I64,
                    VarKind::Float => TyTable::F64,
                    VarKind::UnitByDefault => TyTable::UNIT,
                };
                self.vars.vars[index].binding = Some(default);
            }
        }
    }
}
