//! Can this program take that state over? Old schema against new schema.
//!
//! Input: the schema in a file and the schema of a program. Output: for everything that is live in the file, its counterpart in
//! the program, or the differences that stand in the way, worded for a person.
//!
//! Rules: types match when name and structure are equal all the way down (the greatest such relation, computed by removing pairs until
//! nothing changes). Functions match by name; points by kind, text and ordinal, and must wait for the same things; variables
//! by name, type and ordinal, temporaries by type and order; closures by name, with their captures like variables. What
//! the program needs and the file lacks does not match; what it no longer needs is dropped, unless it is linear.

use crate::schema::{
    Closure, Field, Function, Kind, Point, Schema, Slot, Type, TypeIndex, is_temporary,
    slot_is_valid,
};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// What stands in the way, in the order in which it is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// A function (or closure) that is gone.
    Removed {
        /// Its path.
        name: String,
    },
    /// A point, variable or capture that does not fit.
    Changed {
        /// Function or closure.
        function: String,
        /// Line of the point in the old program; 0 for closures.
        line: u32,
        /// What about it.
        what: String,
    },
    /// A type in a channel or list that is gone or different.
    Type {
        /// Its name.
        name: String,
    },
}

impl std::fmt::Display for Difference {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Removed { name } => write!(out, "`{name}` is gone"),
            Self::Changed { function, line: 0, what } => write!(out, "`{function}`: {what}"),
            Self::Changed { function, line, what } => {
                write!(out, "`{function}`, line {line}: {what}")
            }
            Self::Type { name } => write!(out, "type `{name}` is gone or has changed"),
        }
    }
}

/// Counterpart of a frame.
#[derive(Debug)]
pub struct FrameMatch {
    /// The new function.
    pub function: u32,
    /// The new point.
    pub point: u32,
    /// For each valid slot of the old point, in order: the new slot, or `None` when its value is dropped.
    pub slots: Vec<Option<u32>>,
}

/// Counterpart of a closure.
#[derive(Debug)]
pub struct ClosureMatch {
    /// The new closure.
    pub closure: u32,
    /// For each old capture: the new one, or `None` when its value is dropped.
    pub captures: Vec<Option<u32>>,
}

type Found<T> = Result<Rc<T>, Vec<Difference>>;

/// Matches an old schema against a new one; answers are kept.
pub struct Matching<'o, 'n> {
    old: &'o Schema<'o>,
    new: &'n Schema<'n>,
    types: Vec<Option<TypeIndex>>,
    linear: Vec<bool>,
    functions: HashMap<&'n str, u32>,
    closures: HashMap<&'n str, u32>,
    frames: HashMap<(u32, u32, Option<u32>), Found<FrameMatch>>,
    closure_matches: HashMap<u32, Found<ClosureMatch>>,
}

impl<'o, 'n> Matching<'o, 'n> {
    /// Prepares the comparison. Both schemas have been checked.
    #[must_use]
    pub fn new(old: &'o Schema<'o>, new: &'n Schema<'n>) -> Self {
        let mut functions = HashMap::new();
        for (index, function) in new.functions.iter().enumerate() {
            functions.entry(new.str(function.name)).or_insert(index as u32);
        }
        let mut closures = HashMap::new();
        for (index, closure) in new.closures.iter().enumerate() {
            closures.entry(new.str(closure.name)).or_insert(index as u32);
        }
        Self {
            old,
            new,
            types: match_types(old, new),
            linear: linear_types(old),
            functions,
            closures,
            frames: HashMap::new(),
            closure_matches: HashMap::new(),
        }
    }

    /// The new type of an old one.
    ///
    /// # Errors
    /// When there is no equal type.
    pub fn ty(&self, old: TypeIndex) -> Result<TypeIndex, Difference> {
        self.types[old as usize].ok_or_else(|| Difference::Type { name: self.old_type(old) })
    }

    fn old_type(&self, index: TypeIndex) -> String {
        self.old.str(self.old.ty(index).name).to_owned()
    }

    /// The counterpart of a frame that stands at a point; `completed` as in [`slot_is_valid`].
    ///
    /// # Errors
    /// All that does not match.
    pub fn frame(
        &mut self,
        function: u32,
        point: u32,
        completed: Option<u32>,
    ) -> Found<FrameMatch> {
        let key = (function, point, completed);
        if let Some(found) = self.frames.get(&key) {
            return found.clone();
        }
        let found = self.match_frame(function, point, completed).map(Rc::new);
        self.frames.insert(key, found.clone());
        found
    }

    fn match_frame(
        &self,
        function: u32,
        point: u32,
        completed: Option<u32>,
    ) -> Result<FrameMatch, Vec<Difference>> {
        let old = &self.old.functions[function as usize];
        let name = self.old.str(old.name);
        let Some(&new_index) = self.functions.get(name) else {
            return Err(vec![Difference::Removed { name: name.to_owned() }]);
        };
        let new = &self.new.functions[new_index as usize];
        let old_point = &old.points[point as usize];
        let changed = |what: String| Difference::Changed {
            function: name.to_owned(),
            line: old_point.site.line,
            what,
        };
        let Some(new_point) = self.find_point(old_point, new) else {
            let text = self.old.str(old_point.text);
            let kind = crate::schema::POINT_KINDS[old_point.kind as usize];
            let text = if text.is_empty() { String::new() } else { format!(" `{text}`") };
            return Err(vec![changed(format!("the {kind}{text} where it stands is gone"))]);
        };
        let target = &new.points[new_point as usize];
        let mut differences = Vec::new();
        if !self.same_arms(old_point, target) {
            differences.push(changed("it waits for other things now".to_owned()));
        }
        let slots = self.match_slots(old_point, target, completed, &changed, &mut differences);
        if differences.is_empty() {
            Ok(FrameMatch { function: new_index, point: new_point, slots })
        } else {
            Err(differences)
        }
    }

    fn find_point(&self, old: &Point, new: &Function) -> Option<u32> {
        let text = self.old.str(old.text);
        let found = new.points.iter().position(|point| {
            point.kind == old.kind
                && point.ordinal == old.ordinal
                && self.new.str(point.text) == text
        });
        found.map(|index| index as u32)
    }

    fn same_arms(&self, old: &Point, new: &Point) -> bool {
        old.arms.len() == new.arms.len()
            && old
                .arms
                .iter()
                .zip(&new.arms)
                .all(|(a, b)| a.kind == b.kind && self.old.str(a.text) == self.new.str(b.text))
    }

    fn match_slots(
        &self,
        old_point: &Point,
        new_point: &Point,
        completed: Option<u32>,
        changed: &dyn Fn(String) -> Difference,
        differences: &mut Vec<Difference>,
    ) -> Vec<Option<u32>> {
        let valid = |slot: &&Slot| slot_is_valid(slot.role, slot.arm, completed);
        let old_slots: Vec<&Slot> = old_point.slots.iter().filter(valid).collect();
        let old_keys = variable_keys(self.old, &old_slots, |ty| self.types[ty as usize]);
        let mut wanted: HashMap<(&str, Option<TypeIndex>, u32), u32> = HashMap::new();
        let needed: Vec<(usize, &Slot)> = new_point
            .slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot_is_valid(slot.role, slot.arm, completed))
            .collect();
        let needed_slots: Vec<&Slot> = needed.iter().map(|(_, slot)| *slot).collect();
        for ((index, _), key) in needed.iter().zip(variable_keys(self.new, &needed_slots, Some)) {
            wanted.insert(key, *index as u32);
        }
        let mut result = Vec::with_capacity(old_slots.len());
        for (slot, key) in old_slots.iter().zip(&old_keys) {
            let target = wanted.remove(key);
            if target.is_none() && self.linear[slot.ty as usize] {
                let name = self.old.str(slot.name);
                differences.push(changed(format!(
                    "variable `{name}` holds a task or generator and is gone or has another type"
                )));
            }
            result.push(target);
        }
        let mut missing: Vec<u32> = wanted.into_values().collect();
        missing.sort_unstable();
        for index in missing {
            let slot = &new_point.slots[index as usize];
            let name = self.new.str(slot.name);
            let ty = self.new.str(self.new.ty(slot.ty).name);
            let before = old_slots.iter().find(|old| self.old.str(old.name) == name);
            differences.push(changed(match before {
                Some(old) if self.types[old.ty as usize] != Some(slot.ty) => {
                    let old_type = self.old_type(old.ty);
                    if old_type == ty {
                        format!("variable `{name}` is of type `{ty}`, which has changed")
                    } else {
                        format!("variable `{name}` is `{ty}` now and was `{old_type}`")
                    }
                }
                _ => format!("variable `{name}: {ty}` is needed, and the state has none"),
            }));
        }
        result
    }

    /// The counterpart of a closure.
    ///
    /// # Errors
    /// All that does not match.
    pub fn closure(&mut self, closure: u32) -> Found<ClosureMatch> {
        if let Some(found) = self.closure_matches.get(&closure) {
            return found.clone();
        }
        let found = self.match_closure(closure).map(Rc::new);
        self.closure_matches.insert(closure, found.clone());
        found
    }

    fn match_closure(&self, closure: u32) -> Result<ClosureMatch, Vec<Difference>> {
        let old: &Closure = &self.old.closures[closure as usize];
        let name = self.old.str(old.name);
        let Some(&index) = self.closures.get(name) else {
            return Err(vec![Difference::Removed { name: name.to_owned() }]);
        };
        let new = &self.new.closures[index as usize];
        let changed =
            |what: String| Difference::Changed { function: name.to_owned(), line: 0, what };
        let mut differences = Vec::new();
        if self.types[old.ty as usize] != Some(new.ty) {
            differences.push(changed("it is a function of another type now".to_owned()));
        }
        let mut wanted: BTreeMap<(&str, TypeIndex), u32> = BTreeMap::new();
        for (at, capture) in new.captures.iter().enumerate() {
            wanted.insert((self.new.str(capture.name), capture.ty), at as u32);
        }
        let mut captures = Vec::with_capacity(old.captures.len());
        for capture in &old.captures {
            let name = self.old.str(capture.name);
            let target = self.types[capture.ty as usize].and_then(|ty| wanted.remove(&(name, ty)));
            if target.is_none() && self.linear[capture.ty as usize] {
                differences
                    .push(changed(format!("its capture `{name}` holds a task or generator")));
            }
            captures.push(target);
        }
        for (name, ty) in wanted.into_keys() {
            let ty = self.new.str(self.new.ty(ty).name);
            differences.push(changed(format!("it captures `{name}: {ty}`, which the state lacks")));
        }
        if differences.is_empty() {
            Ok(ClosureMatch { closure: index, captures })
        } else {
            Err(differences)
        }
    }
}

/// Variables are named by name, type and ordinal, temporaries (`_` and a number, which any edit may change) by
/// type and order among their equals.
fn variable_keys<'s>(
    schema: &Schema<'s>,
    slots: &[&Slot],
    ty: impl Fn(TypeIndex) -> Option<TypeIndex>,
) -> Vec<(&'s str, Option<TypeIndex>, u32)> {
    let mut temporaries: HashMap<Option<TypeIndex>, u32> = HashMap::new();
    let mut keys = Vec::with_capacity(slots.len());
    for slot in slots {
        let name = schema.str(slot.name);
        let ty = ty(slot.ty);
        if is_temporary(name) {
            let count = temporaries.entry(ty).or_default();
            keys.push(("_", ty, *count));
            *count += 1;
        } else {
            keys.push((name, ty, slot.ordinal));
        }
    }
    keys
}

fn parts(ty: &Type) -> impl Iterator<Item = TypeIndex> + '_ {
    let field = |field: &Field| field.ty;
    let variants = ty.variants.iter().flat_map(|variant| &variant.fields).map(field);
    ty.elem.into_iter().chain(ty.fields.iter().map(field)).chain(variants)
}

/// For each old type its equal among the new ones.
fn match_types(old: &Schema<'_>, new: &Schema<'_>) -> Vec<Option<TypeIndex>> {
    let mut by_name: HashMap<&str, TypeIndex> = HashMap::new();
    for (index, ty) in new.types.iter().enumerate() {
        by_name.entry(new.str(ty.name)).or_insert(index as TypeIndex);
    }
    let same_fields = |a: &[Field], b: &[Field]| {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| old.str(a.name) == new.str(b.name))
    };
    let same_head = |a: &Type, b: &Type| {
        a.kind == b.kind
            && a.elem.is_some() == b.elem.is_some()
            && same_fields(&a.fields, &b.fields)
            && a.variants.len() == b.variants.len()
            && a.variants.iter().zip(&b.variants).all(|(a, b)| {
                old.str(a.name) == new.str(b.name) && same_fields(&a.fields, &b.fields)
            })
    };
    let mut found: Vec<Option<TypeIndex>> = old
        .types
        .iter()
        .map(|ty| {
            by_name
                .get(old.str(ty.name))
                .copied()
                .filter(|&index| same_head(ty, &new.types[index as usize]))
        })
        .collect();
    let mut users: Vec<Vec<TypeIndex>> = vec![Vec::new(); old.types.len()];
    for (index, ty) in old.types.iter().enumerate() {
        for part in parts(ty) {
            users[part as usize].push(index as TypeIndex);
        }
    }
    // A pair falls when one of its parts is not paired with the part at the same place; then its users are looked at again.
    let mut doubtful: Vec<TypeIndex> = (0..old.types.len() as TypeIndex).collect();
    while let Some(index) = doubtful.pop() {
        let Some(partner) = found[index as usize] else { continue };
        let pairs = parts(old.ty(index)).zip(parts(new.ty(partner)));
        let holds = pairs.into_iter().all(|(a, b)| {
            found[a as usize].is_some_and(|c| c == b || new.ty(c).name == new.ty(b).name)
        });
        if !holds {
            found[index as usize] = None;
            doubtful.extend(&users[index as usize]);
        }
    }
    found
}

/// Which types hold a task handle or a generator: values that may not be dropped silently.
fn linear_types(schema: &Schema<'_>) -> Vec<bool> {
    let mut linear: Vec<bool> =
        schema.types.iter().map(|ty| matches!(ty.kind(), Kind::Task | Kind::Gen)).collect();
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); schema.types.len()];
    for (index, ty) in schema.types.iter().enumerate() {
        for part in parts(ty) {
            users[part as usize].push(index);
        }
    }
    let mut work: Vec<usize> = (0..linear.len()).filter(|&index| linear[index]).collect();
    while let Some(index) = work.pop() {
        for &user in &users[index] {
            if !linear[user] {
                linear[user] = true;
                work.push(user);
            }
        }
    }
    linear
}

#[cfg(test)]
mod tests;
