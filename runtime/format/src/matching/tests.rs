//! Hand-made schemas: what matches, what is dropped, what stands in the way.

use super::*;
use crate::schema::{Arm, SLOT_LIVE, Site};

/// Builds a schema; strings are interned by the caller's order.
#[derive(Default)]
struct Build {
    strings: Vec<&'static str>,
    types: Vec<Type>,
    functions: Vec<Function>,
}

impl Build {
    fn text(&mut self, text: &'static str) -> u32 {
        if let Some(at) = self.strings.iter().position(|other| *other == text) {
            return at as u32;
        }
        self.strings.push(text);
        self.strings.len() as u32 - 1
    }

    fn ty(&mut self, name: &'static str, kind: Kind, fields: &[(&'static str, u32)]) -> u32 {
        let name = self.text(name);
        let fields: Vec<Field> =
            fields.iter().map(|(name, ty)| Field { name: self.text(name), ty: *ty }).collect();
        let elem = (kind == Kind::Task).then_some(0);
        self.types.push(Type { kind: kind as u8, name, elem, fields, variants: Vec::new() });
        self.types.len() as u32 - 1
    }

    fn function(&mut self, name: &'static str, slots: &[(&'static str, u32)], arm: &'static str) {
        let name = self.text(name);
        let site = Site { function: name, file: name, line: 7, column: 1 };
        let text = self.text(arm);
        let point = |kind, slots, arms| Point {
            kind,
            ordinal: 0,
            text,
            site,
            slots,
            arms,
            callee_result: None,
        };
        let slots = slots
            .iter()
            .map(|(name, ty)| Slot {
                name: self.text(name),
                ty: *ty,
                role: SLOT_LIVE,
                arm: 0,
                ordinal: 0,
            })
            .collect();
        let arms = vec![Arm { kind: 1, target: None, value: None, text }];
        let points = vec![point(0, Vec::new(), Vec::new()), point(7, slots, arms)];
        self.functions.push(Function { name, site, mir_hash: 0, result: 0, points });
    }

    fn schema(self) -> Schema<'static> {
        let schema = Schema {
            program: "p",
            strings: self.strings,
            types: self.types,
            functions: self.functions,
            closures: Vec::new(),
        };
        schema.check().expect("a good schema");
        schema
    }
}

fn program(slots: &[(&'static str, u32)], point_fields: &[(&'static str, u32)]) -> Schema<'static> {
    let mut build = Build::default();
    build.ty("i64", Kind::I64, &[]);
    build.ty("str", Kind::Str, &[]);
    build.ty("Task[i64]", Kind::Task, &[]);
    build.ty("Point", Kind::Struct, point_fields);
    build.function("work", slots, "ch");
    build.schema()
}

fn told(found: Found<FrameMatch>) -> Vec<String> {
    found.expect_err("a difference").iter().map(ToString::to_string).collect()
}

#[test]
fn equal_programs_match_and_moved_variables_are_found() {
    let old = program(&[("a", 0), ("b", 1), ("_3", 0)], &[("x", 0)]);
    let new = program(&[("_9", 0), ("b", 1), ("a", 0)], &[("x", 0)]);
    let found = Matching::new(&old, &new).frame(0, 1, None).expect("a match");
    assert_eq!((found.function, found.point), (0, 1));
    assert_eq!(found.slots, [Some(2), Some(1), Some(0)]);
}

#[test]
fn a_variable_that_is_gone_is_dropped_unless_it_is_linear() {
    let new = program(&[("a", 0)], &[]);
    let old = program(&[("a", 0), ("b", 1)], &[]);
    let found = Matching::new(&old, &new).frame(0, 1, None).expect("a match");
    assert_eq!(found.slots, [Some(0), None]);
    let old = program(&[("a", 0), ("t", 2)], &[]);
    assert_eq!(
        told(Matching::new(&old, &new).frame(0, 1, None)),
        ["`work`, line 7: variable `t` holds a task or generator and is gone or has another type"]
    );
}

#[test]
fn new_and_changed_variables_do_not_match() {
    let old = program(&[("a", 0), ("p", 3)], &[("x", 0)]);
    let new = program(&[("a", 1), ("c", 0), ("p", 3)], &[("x", 1)]);
    assert_eq!(
        told(Matching::new(&old, &new).frame(0, 1, None)),
        [
            "`work`, line 7: variable `a` is `str` now and was `i64`",
            "`work`, line 7: variable `c: i64` is needed, and the state has none",
            "`work`, line 7: variable `p` is of type `Point`, which has changed",
        ]
    );
}

#[test]
fn removed_functions_and_points_are_named() {
    let old = program(&[], &[]);
    let mut build = Build::default();
    build.ty("i64", Kind::I64, &[]);
    build.function("other", &[], "ch");
    let new = build.schema();
    assert_eq!(told(Matching::new(&old, &new).frame(0, 1, None)), ["`work` is gone"]);
    let mut build = Build::default();
    build.ty("i64", Kind::I64, &[]);
    build.function("work", &[], "other");
    let new = build.schema();
    assert_eq!(
        told(Matching::new(&old, &new).frame(0, 1, None)),
        ["`work`, line 7: the receive `ch` where it stands is gone"]
    );
}
