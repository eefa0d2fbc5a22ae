//! Gives every body a hash that is the same in every build of the same code, and differs where its frames do.
//!
//! Input: bodies in final form. Output: `Body::hash`. It covers the printed body (with the names of locals, callees and types, without positions)
//! and the definitions of all data types that its locals hold, however deep; equal hashes mean equal frame maps.
//!
//! Algorithm: FNV-1a over the text; data types contribute the sum of the hashes of their own definitions, so that order does not matter.

use std::collections::BTreeSet;

use crate::body::{BodyId, BodyKind, Program};
use crate::print;
use crate::ty::{AdtId, Ty, TyKind, TypeTable};

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// Runs over every body.
pub fn run(program: &mut Program) {
    let definitions: Vec<u64> =
        program.types.adts().map(|(id, _)| fnv(&definition(&program.types, id))).collect();
    for index in 0..program.bodies.len() {
        let id = BodyId(index as u32);
        let text = print::body(program, id, print::Options { positions: false });
        let mut types = BTreeSet::new();
        let body = program.body(id);
        let mut work: Vec<Ty> = body.locals.iter().map(|local| local.ty).collect();
        if let BodyKind::Closure { captures } = &body.kind {
            work.extend(captures.iter().map(|(_, ty)| *ty));
        }
        collect(&program.types, work, &mut types);
        let mut hash = fnv(&text);
        for adt in types {
            hash = hash.wrapping_add(definitions[adt.0 as usize]);
        }
        program.bodies[index].hash = hash;
    }
}

fn fnv(text: &str) -> u64 {
    text.bytes().fold(FNV_OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME))
}

fn definition(types: &TypeTable, id: AdtId) -> String {
    let def = types.adt(id);
    let mut text = format!("{} {} {}", def.name, def.is_struct, def.boxed);
    for variant in &def.variants {
        text.push_str(&format!("|{}", variant.name));
        for field in &variant.fields {
            text.push_str(&format!(",{}:{}", field.name, types.display(field.ty)));
        }
    }
    text
}

/// Every data type that values of these types may hold.
fn collect(types: &TypeTable, mut work: Vec<Ty>, out: &mut BTreeSet<AdtId>) {
    let mut seen = BTreeSet::new();
    while let Some(ty) = work.pop() {
        if !seen.insert(ty) {
            continue;
        }
        match types.kind(ty) {
            TyKind::List(item) | TyKind::Chan(item) | TyKind::Task(item) => work.push(*item),
            TyKind::Tuple(items) => work.extend(items),
            TyKind::Gen(y, s, r) => work.extend([y, s, r]),
            TyKind::Adt(id) => {
                out.insert(*id);
                work.extend(types.adt(*id).variants.iter().flat_map(|v| &v.fields).map(|f| f.ty));
            }
            _ => {}
        }
    }
}
