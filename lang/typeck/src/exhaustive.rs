//! Exhaustiveness and reachability of patterns.
//!
//! Input: typed bodies without errors. Output: E0301 with the missing cases, E0302 for a `let` that
//! may fail, W0301 for an arm that nothing reaches. Algorithm: usefulness of pattern matrices
//! (Maranget, "Warnings for pattern matching"), with the constructors of integers split into the
//! intervals, and those of lists into the lengths, that the patterns tell apart.

use crate::globals::Globals;
use orion_diagnostics::{Diagnostic, ErrorCode};
use orion_hir::{
    AdtKind, Arm, Expr, ExprKind, Name, Pat, PatKind, Program, Stmt, Ty, TyId, TyTable,
};

/// Cases shown in one message.
const SHOWN_MAX: usize = 3;

/// A pattern without names.
#[derive(Clone, Debug)]
enum P {
    Wild,
    Con(Con, Vec<P>),
    Or(Vec<P>),
    /// First and last elements of a list; exact without a rest.
    List(Vec<P>, bool, Vec<P>),
}

/// A constructor: a class of values that patterns tell apart.
#[derive(Clone, PartialEq, Debug)]
enum Con {
    /// Of a struct, tuple or `()`.
    Single,
    Variant(u32),
    Bool(bool),
    /// Integers or characters, both ends included.
    Range(i128, i128),
    Str(Name),
    /// By bits, so that it can be compared.
    Float(u64),
    Duration(i64),
    /// A list of this length; where the flag is set, of this length or more.
    Len(usize, bool),
    /// All that the patterns do not name, of a type with endless many values.
    Other,
}

/// A value, or set of values, that is not matched.
#[derive(Clone, Debug)]
enum Witness {
    Any,
    Con(Con, TyId, Vec<Witness>),
}

impl Globals<'_> {
    /// Checks every pattern of every body without errors.
    pub fn check_patterns(&mut self) {
        for func in self.program.fns.indices() {
            if self.failed.contains(&func) {
                continue;
            }
            let Some(body) = self.program.fns[func].body.take() else { continue };
            let mut checker = Checker { program: &mut self.program, found: Vec::new() };
            checker.expr(&body.value);
            let found = checker.found;
            self.program.fns[func].body = Some(body);
            if found.iter().any(Diagnostic::is_error) {
                self.failed.insert(func);
            }
            self.diagnostics.extend(found);
        }
    }
}

struct Checker<'p> {
    program: &'p mut Program,
    found: Vec<Diagnostic>,
}

impl Checker<'_> {
    fn expr(&mut self, e: &Expr) {
        match &e.kind {
            ExprKind::Match { scrutinee, arms } => self.check_match(scrutinee, arms),
            ExprKind::Block(stmts, _) => {
                for stmt in stmts {
                    if let Stmt::Let { pat, .. } = stmt {
                        self.check_irrefutable(pat, "`let`");
                    }
                }
            }
            ExprKind::For { pat, .. } => self.check_irrefutable(pat, "`for`"),
            _ => {}
        }
        e.for_each_child(&mut |child| self.expr(child));
    }

    fn check_match(&mut self, scrutinee: &Expr, arms: &[Arm]) {
        if scrutinee.ty == TyTable::NEVER || self.program.types.has_error(scrutinee.ty) {
            return;
        }
        let ty = arms.first().map_or(scrutinee.ty, |arm| arm.pat.ty);
        let mut rows: Vec<Vec<P>> = Vec::new();
        for arm in arms {
            let row = vec![self.lower(&arm.pat)];
            if !self.is_useful(&rows, &row, &[ty]) {
                self.found.push(
                    Diagnostic::new(ErrorCode::W0301, arm.pat.span, "this arm is never reached")
                        .label("already matched by the arms before"),
                );
            }
            if arm.guard.is_none() {
                rows.push(row);
            }
        }
        let missing = self.all_missing(rows, ty);
        if missing.is_empty() {
            return;
        }
        let has_guards = arms.iter().any(|arm| arm.guard.is_some());
        let text = self.show_all(&missing);
        let mut diagnostic = Diagnostic::new(
            ErrorCode::E0301,
            scrutinee.span,
            format!("`match` does not cover {text}"),
        )
        .label(if missing.len() == 1 { "a case is missing" } else { "cases are missing" });
        if has_guards {
            diagnostic = diagnostic.note("an arm with a guard covers nothing for sure");
        }
        let first = self.show(&missing[0]);
        self.found.push(diagnostic.help(if missing.len() == 1 && first != "_" {
            format!("add an arm `{first} => …`")
        } else {
            "add arms for them, or `_ => …` for all that is left".to_owned()
        }));
    }

    fn check_irrefutable(&mut self, pat: &Pat, what: &str) {
        if matches!(pat.kind, PatKind::Bind(_) | PatKind::Wild)
            || self.program.types.has_error(pat.ty)
        {
            return;
        }
        let rows = vec![vec![self.lower(pat)]];
        let missing = self.all_missing(rows, pat.ty);
        if missing.is_empty() {
            return;
        }
        let text = self.show_all(&missing);
        self.found.push(
            Diagnostic::new(
                ErrorCode::E0302,
                pat.span,
                format!("the pattern of {what} does not match {text}"),
            )
            .label("may fail")
            .help("`match` takes patterns that may fail"),
        );
    }

    /// Up to a few cases that are not matched.
    fn all_missing(&mut self, mut rows: Vec<Vec<P>>, ty: TyId) -> Vec<Witness> {
        let mut found = Vec::new();
        while found.len() < SHOWN_MAX {
            let Some(mut witness) = self.missing(&rows, &[ty]) else { break };
            let Some(witness) = witness.pop() else { break };
            rows.push(vec![witness_pattern(&witness)]);
            found.push(witness);
        }
        found
    }

    fn lower(&self, pat: &Pat) -> P {
        let all = |pats: &[Pat]| pats.iter().map(|pat| self.lower(pat)).collect::<Vec<P>>();
        match &pat.kind {
            PatKind::Wild | PatKind::Bind(_) => P::Wild,
            PatKind::Unit => P::Con(Con::Single, Vec::new()),
            PatKind::Bool(value) => P::Con(Con::Bool(*value), Vec::new()),
            PatKind::Int(value) => P::Con(Con::Range(*value, *value), Vec::new()),
            PatKind::Char(value) => {
                let code = i128::from(u32::from(*value));
                P::Con(Con::Range(code, code), Vec::new())
            }
            PatKind::Range { lo, hi } => P::Con(Con::Range(*lo, *hi), Vec::new()),
            PatKind::Float(value) => P::Con(Con::Float(value.to_bits()), Vec::new()),
            PatKind::Str(value) => P::Con(Con::Str(value.clone()), Vec::new()),
            PatKind::Duration(value) => P::Con(Con::Duration(*value), Vec::new()),
            PatKind::Variant(index, pats) => P::Con(Con::Variant(*index), all(pats)),
            PatKind::Tuple(pats) => P::Con(Con::Single, all(pats)),
            PatKind::Struct(fields) => {
                let count = match self.program.types.kind(pat.ty) {
                    Ty::Adt(adt, _) => self.program.adts[*adt].fields().len(),
                    _ => 0,
                };
                let mut pats = vec![P::Wild; count];
                for (index, field) in fields {
                    if let Some(slot) = pats.get_mut(*index as usize) {
                        *slot = self.lower(field);
                    }
                }
                P::Con(Con::Single, pats)
            }
            PatKind::List { prefix, rest, suffix } => {
                P::List(all(prefix), rest.is_some(), all(suffix))
            }
            PatKind::Or(pats) => P::Or(all(pats)),
        }
    }

    /// Types of a constructor's fields.
    fn field_types(&mut self, con: &Con, ty: TyId) -> Vec<TyId> {
        match (con, self.program.types.kind(ty).clone()) {
            (Con::Single, Ty::Tuple(parts)) => parts.to_vec(),
            (Con::Len(len, _), Ty::List(element)) => vec![element; *len],
            (Con::Single | Con::Variant(_), Ty::Adt(adt, args)) => {
                let fields: Vec<TyId> = match (&self.program.adts[adt].kind, con) {
                    (AdtKind::Struct(fields), _) => fields.iter().map(|f| f.ty).collect(),
                    (AdtKind::Sum(variants), Con::Variant(index)) => {
                        variants[*index as usize].fields.clone()
                    }
                    (AdtKind::Sum(_), _) => Vec::new(),
                };
                fields.into_iter().map(|field| self.program.types.subst(field, &args)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// All constructors of a type, as finely as the first column of the rows tells them apart.
    fn split(&self, ty: TyId, heads: &[&P]) -> Vec<Con> {
        match self.program.types.kind(ty) {
            Ty::Bool => vec![Con::Bool(false), Con::Bool(true)],
            Ty::Unit | Ty::Tuple(_) => vec![Con::Single],
            Ty::Adt(adt, _) => match &self.program.adts[*adt].kind {
                AdtKind::Struct(_) => vec![Con::Single],
                AdtKind::Sum(variants) => {
                    (0..variants.len()).map(|index| Con::Variant(index as u32)).collect()
                }
            },
            &Ty::Int(kind) => split_range(&[(kind.min(), kind.max())], heads),
            // Surrogates are no characters.
            Ty::Char => split_range(&[(0, 0xD7FF), (0xE000, 0x10_FFFF)], heads),
            Ty::List(_) => split_lengths(heads),
            _ => {
                let mut cons: Vec<Con> = Vec::new();
                for head in heads {
                    if let P::Con(con, _) = head
                        && !cons.contains(con)
                    {
                        cons.push(con.clone());
                    }
                }
                cons.push(Con::Other);
                cons
            }
        }
    }

    /// A row of values that no row matches; the types are those of the columns.
    fn missing(&mut self, rows: &[Vec<P>], types: &[TyId]) -> Option<Vec<Witness>> {
        let Some((&ty, rest)) = types.split_first() else {
            return rows.is_empty().then(Vec::new);
        };
        let rows = expand_or(rows);
        let heads: Vec<&P> = rows.iter().map(|row| &row[0]).collect();
        if heads.iter().all(|head| matches!(head, P::Wild)) {
            let tails: Vec<Vec<P>> = rows.iter().map(|row| row[1..].to_vec()).collect();
            if self.is_empty_type(ty) {
                return None;
            }
            let mut witness = self.missing(&tails, rest)?;
            witness.insert(0, Witness::Any);
            return Some(witness);
        }
        // What the rows that take any constructor leave, for all constructors that no other row names.
        let mut others: Option<Option<Vec<Witness>>> = None;
        for con in self.split(ty, &heads) {
            let fields = self.field_types(&con, ty);
            let count = fields.len();
            let special: Vec<Vec<P>> =
                rows.iter().filter_map(|row| specialize(&con, count, row)).collect();
            if special.len() == heads.iter().filter(|head| matches!(head, P::Wild)).count() {
                if fields.iter().any(|&field| self.is_empty_type(field)) {
                    continue;
                }
                let tail = match &others {
                    Some(known) => known.clone(),
                    None => {
                        let found = self.missing(&wild_tails(&rows), rest);
                        others.insert(found).clone()
                    }
                };
                let Some(tail) = tail else { continue };
                let mut all = vec![Witness::Con(con, ty, vec![Witness::Any; count])];
                all.extend(tail);
                return Some(all);
            }
            let mut columns = fields;
            columns.extend_from_slice(rest);
            if let Some(mut witness) = self.missing(&special, &columns) {
                let tail = witness.split_off(count);
                let mut all = vec![Witness::Con(con, ty, witness)];
                all.extend(tail);
                return Some(all);
            }
        }
        None
    }

    fn is_empty_type(&self, ty: TyId) -> bool {
        matches!(self.program.types.kind(ty), Ty::Adt(adt, _)
            if matches!(&self.program.adts[*adt].kind, AdtKind::Sum(variants) if variants.is_empty()))
    }

    /// Whether the row matches a value that no earlier row matches.
    fn is_useful(&mut self, rows: &[Vec<P>], row: &[P], types: &[TyId]) -> bool {
        let Some((&ty, rest)) = types.split_first() else { return rows.is_empty() };
        if let P::Or(alternatives) = &row[0] {
            return alternatives.iter().any(|alternative| {
                let mut one = vec![alternative.clone()];
                one.extend_from_slice(&row[1..]);
                self.is_useful(rows, &one, types)
            });
        }
        let rows = expand_or(rows);
        let mut heads: Vec<&P> = rows.iter().map(|row| &row[0]).collect();
        if matches!(row[0], P::Wild) && heads.iter().all(|head| matches!(head, P::Wild)) {
            let tails: Vec<Vec<P>> = rows.iter().map(|row| row[1..].to_vec()).collect();
            return self.is_useful(&tails, &row[1..], rest);
        }
        let wild_count = heads.iter().filter(|head| matches!(head, P::Wild)).count();
        heads.push(&row[0]);
        // Whether the row is of use where only rows take part that take any constructor.
        let mut others: Option<bool> = None;
        for con in self.split(ty, &heads) {
            let fields = self.field_types(&con, ty);
            let count = fields.len();
            let Some(own) = specialize(&con, count, row) else { continue };
            let special: Vec<Vec<P>> =
                rows.iter().filter_map(|row| specialize(&con, count, row)).collect();
            if matches!(row[0], P::Wild) && special.len() == wild_count {
                if fields.iter().any(|&field| self.is_empty_type(field)) {
                    continue;
                }
                let useful = match others {
                    Some(known) => known,
                    None => {
                        let found = self.is_useful(&wild_tails(&rows), &row[1..], rest);
                        *others.insert(found)
                    }
                };
                if useful {
                    return true;
                }
                continue;
            }
            let mut columns = fields;
            columns.extend_from_slice(rest);
            if self.is_useful(&special, &own, &columns) {
                return true;
            }
        }
        false
    }

    fn show_all(&self, missing: &[Witness]) -> String {
        let mut texts: Vec<String> =
            missing.iter().map(|witness| format!("`{}`", self.show(witness))).collect();
        match texts.len() {
            1 => texts.remove(0),
            n if n == SHOWN_MAX => format!("{} and perhaps others", texts.join(", ")),
            _ => texts.join(" and "),
        }
    }

    fn show(&self, witness: &Witness) -> String {
        let Witness::Con(con, ty, fields) = witness else { return "_".into() };
        let parts = || fields.iter().map(|field| self.show(field)).collect::<Vec<_>>().join(", ");
        match (con, self.program.types.kind(*ty)) {
            (Con::Bool(value), _) => value.to_string(),
            (Con::Str(value), _) => format!("{value:?}"),
            (Con::Float(bits), _) => format!("{:?}", f64::from_bits(*bits)),
            (Con::Duration(value), _) => format!("{value}ns"),
            (Con::Range(lo, hi), Ty::Char) => {
                let value = if *lo == 0 { *hi } else { *lo };
                u32::try_from(value)
                    .ok()
                    .and_then(char::from_u32)
                    .map_or_else(|| "_".into(), |c| format!("{c:?}"))
            }
            (Con::Range(lo, hi), &Ty::Int(kind)) => {
                // The end that is near to what is matched.
                let value = if *lo == kind.min() { *hi } else { *lo };
                value.to_string()
            }
            (Con::Single, Ty::Unit) => "()".into(),
            (Con::Single, Ty::Tuple(_)) => format!("({})", parts()),
            (Con::Single, Ty::Adt(adt, _)) => {
                let adt = &self.program.adts[*adt];
                let named: Vec<String> = fields
                    .iter()
                    .zip(adt.fields())
                    .filter(|(field, _)| !matches!(field, Witness::Any))
                    .map(|(field, info)| format!("{}: {}", info.name, self.show(field)))
                    .collect();
                if named.is_empty() {
                    "_".into()
                } else if named.len() == fields.len() {
                    format!("{} {{ {} }}", adt.name, named.join(", "))
                } else {
                    format!("{} {{ {}, .. }}", adt.name, named.join(", "))
                }
            }
            (Con::Variant(index), Ty::Adt(adt, _)) => {
                let name = &self.program.adts[*adt].variants()[*index as usize].name;
                if fields.is_empty() { name.to_string() } else { format!("{name}({})", parts()) }
            }
            (Con::Len(_, more), _) => {
                if *more {
                    let parts = parts();
                    if parts.is_empty() { "[..]".into() } else { format!("[{parts}, ..]") }
                } else {
                    format!("[{}]", parts())
                }
            }
            _ => "_".into(),
        }
    }
}

/// The pattern that matches just the values of a witness.
fn witness_pattern(witness: &Witness) -> P {
    match witness {
        Witness::Any => P::Wild,
        Witness::Con(Con::Len(_, more), _, fields) => {
            P::List(fields.iter().map(witness_pattern).collect(), *more, Vec::new())
        }
        // What is left of an endless type is named by no pattern.
        Witness::Con(Con::Other, _, _) => P::Wild,
        Witness::Con(con, _, fields) => {
            P::Con(con.clone(), fields.iter().map(witness_pattern).collect())
        }
    }
}

/// The rows that take any value in the first column, without it.
fn wild_tails(rows: &[Vec<P>]) -> Vec<Vec<P>> {
    rows.iter().filter(|row| matches!(row[0], P::Wild)).map(|row| row[1..].to_vec()).collect()
}

/// Rows with alternatives in the first column become several rows.
fn expand_or(rows: &[Vec<P>]) -> Vec<Vec<P>> {
    let mut out = Vec::new();
    for row in rows {
        match &row[0] {
            P::Or(alternatives) => {
                let split: Vec<Vec<P>> = alternatives
                    .iter()
                    .map(|alternative| {
                        let mut one = vec![alternative.clone()];
                        one.extend_from_slice(&row[1..]);
                        one
                    })
                    .collect();
                out.extend(expand_or(&split));
            }
            _ => out.push(row.clone()),
        }
    }
    out
}

/// What is left of a row for values of a constructor; `None` where it does not match them.
fn specialize(con: &Con, count: usize, row: &[P]) -> Option<Vec<P>> {
    let mut fields = match &row[0] {
        P::Wild => vec![P::Wild; count],
        P::Con(Con::Range(lo, hi), _) => match con {
            Con::Range(from, to) if lo <= from && to <= hi => Vec::new(),
            _ => return None,
        },
        P::Con(own, fields) if own == con && fields.len() == count => fields.clone(),
        P::List(prefix, rest, suffix) => match con {
            Con::Len(len, more) => {
                let fixed = prefix.len() + suffix.len();
                let fits = if *rest { fixed <= *len } else { fixed == *len && !more };
                if !fits {
                    return None;
                }
                let mut all = prefix.clone();
                all.extend(std::iter::repeat_n(P::Wild, len - fixed));
                all.extend(suffix.iter().cloned());
                all
            }
            _ => return None,
        },
        _ => return None,
    };
    fields.extend_from_slice(&row[1..]);
    Some(fields)
}

/// Cuts the ranges at the ends of those in the patterns.
fn split_range(domain: &[(i128, i128)], heads: &[&P]) -> Vec<Con> {
    let mut starts: Vec<i128> = Vec::new();
    for head in heads {
        if let P::Con(Con::Range(lo, hi), _) = head {
            starts.push(*lo);
            starts.push(hi + 1);
        }
    }
    starts.sort_unstable();
    starts.dedup();
    let mut out = Vec::new();
    for &(first, last) in domain {
        let mut from = first;
        for &start in &starts {
            if start > from && start <= last {
                out.push(Con::Range(from, start - 1));
                from = start;
            }
        }
        out.push(Con::Range(from, last));
    }
    out
}

/// Lengths that the patterns tell apart, and all longer ones as one.
fn split_lengths(heads: &[&P]) -> Vec<Con> {
    let (mut exact, mut prefix_max, mut suffix_max) = (0, 0, 0);
    for head in heads {
        if let P::List(prefix, rest, suffix) = head {
            if *rest {
                prefix_max = prefix_max.max(prefix.len());
                suffix_max = suffix_max.max(suffix.len());
            } else {
                exact = exact.max(prefix.len() + 1);
            }
        }
    }
    let longest = exact.max(prefix_max + suffix_max);
    let mut out: Vec<Con> = (0..longest).map(|len| Con::Len(len, false)).collect();
    out.push(Con::Len(longest, true));
    out
}
