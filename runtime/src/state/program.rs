//! The running program as a schema, with the way back from indices to descriptors.
//!
//! Input: the program's descriptors. Output: [`Program`], made once at the start. Order: types in the order of the program's table, then what only
//! functions and closures mention, in order of discovery; so equal programs have equal schemas, byte for byte.

use orion_abi::{
    ArmDesc, ClosureDesc, FieldDesc, FnDesc, PointDesc, ProgramDesc, Site, SlotDesc, StaticStr,
    TypeDesc, VariantDesc,
    desc::{NO_SLOT, TYPE_NEEDS_DROP},
};
use orion_format::schema::{
    Arm, Closure, Field, Function, KINDS, Kind, Point, Schema, Site as SchemaSite, Slot, Type,
    Variant,
};
use rustc_hash::FxHashMap;
use std::collections::HashMap;

/// What the walkers need to know of a type beside its descriptor.
#[derive(Clone, Copy)]
pub struct TypeFacts {
    /// The descriptor.
    pub desc: &'static TypeDesc,
    /// Its kind.
    pub kind: Kind,
    /// Saved bytes are the value's bytes, and any bytes are a value: it is copied whole.
    pub dense: bool,
    /// Holds no reference of any kind.
    pub flat: bool,
}

/// The program.
pub struct Program {
    /// Its schema; indices are positions in the vectors below.
    pub schema: Schema<'static>,
    /// The schema, encoded.
    pub encoded: Vec<u8>,
    /// Types.
    pub types: Vec<TypeFacts>,
    /// Functions.
    pub functions: Vec<&'static FnDesc>,
    /// Closures.
    pub closures: Vec<&'static ClosureDesc>,
    type_indices: FxHashMap<*const TypeDesc, u32>,
    function_indices: FxHashMap<*const FnDesc, u32>,
    closure_indices: FxHashMap<*const ClosureDesc, u32>,
}

// SAFETY: descriptors are constants of the image.
unsafe impl Send for Program {}

struct Strings {
    list: Vec<&'static str>,
    indices: HashMap<&'static str, u32>,
}

impl Strings {
    fn add(&mut self, text: StaticStr) -> u32 {
        // SAFETY: descriptors hold UTF-8 of the image.
        let text = unsafe { text.as_str() };
        let next = self.list.len() as u32;
        *self.indices.entry(text).or_insert_with(|| {
            self.list.push(text);
            next
        })
    }

    fn site(&mut self, site: &Site) -> SchemaSite {
        let function = self.add(site.function);
        let file = self.add(site.file);
        SchemaSite { function, file, line: site.line, column: site.column }
    }
}

/// A table of a descriptor as a slice.
///
/// # Safety
/// `first` points to `count` constants of the image, or `count` is 0.
pub unsafe fn table<T>(first: *const T, count: usize) -> &'static [T] {
    if count == 0 {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(first, count) }
}

/// Fields of a tuple or struct in place.
pub fn fields_of(desc: &TypeDesc) -> &'static [FieldDesc] {
    if desc.fields.is_null() {
        return &[];
    }
    // SAFETY: emitted by codegen: `count` fields.
    unsafe { table(desc.fields, desc.count as usize) }
}

/// Variants of a sum or boxed type.
pub fn variants_of(desc: &TypeDesc) -> &'static [VariantDesc] {
    if desc.variants.is_null() {
        return &[];
    }
    // SAFETY: emitted by codegen: `count` variants.
    unsafe { table(desc.variants, desc.count as usize) }
}

/// Fields of a variant.
pub fn variant_fields(variant: &VariantDesc) -> &'static [FieldDesc] {
    // SAFETY: emitted by codegen.
    unsafe { table(variant.fields, variant.count as usize) }
}

/// Captures of a closure.
pub fn captures_of(desc: &ClosureDesc) -> &'static [FieldDesc] {
    // SAFETY: emitted by codegen.
    unsafe { table(desc.captures, desc.capture_count as usize) }
}

/// Points of a function.
pub fn points_of(desc: &FnDesc) -> &'static [PointDesc] {
    // SAFETY: emitted by codegen.
    unsafe { table(desc.points, desc.point_count as usize) }
}

/// Frame map of a point.
pub fn slots_of(point: &PointDesc) -> &'static [SlotDesc] {
    // SAFETY: emitted by codegen.
    unsafe { table(point.slots, point.slot_count as usize) }
}

/// What a point waits for.
pub fn arms_of(point: &PointDesc) -> &'static [ArmDesc] {
    // SAFETY: emitted by codegen.
    unsafe { table(point.arms, point.arm_count as usize) }
}

/// A type that a descriptor refers to.
///
/// # Safety
/// `desc` is not null and points to a constant of the image.
pub unsafe fn type_at(desc: *const TypeDesc) -> &'static TypeDesc {
    // SAFETY: the caller's promise.
    unsafe { &*desc }
}

impl Program {
    /// Describes the program.
    ///
    /// # Errors
    /// When its descriptors are beyond what the format can hold, or malformed.
    ///
    /// # Safety
    /// `desc` is a program's, as codegen emits it.
    pub unsafe fn new(desc: &'static ProgramDesc) -> Result<Self, String> {
        // SAFETY: the caller's promise holds for every pointer in the descriptors.
        let (functions, closures, listed) = unsafe {
            let functions: Vec<&'static FnDesc> =
                table(desc.functions, desc.function_count as usize).iter().map(|f| &**f).collect();
            let closures: Vec<&'static ClosureDesc> =
                table(desc.closures, desc.closure_count as usize).iter().map(|c| &**c).collect();
            (functions, closures, table(desc.types, desc.type_count as usize))
        };
        let strings = Strings { list: Vec::new(), indices: HashMap::new() };
        // SAFETY: the name is a string of the image.
        let name = unsafe { desc.name.as_str() };
        let mut builder = Builder { strings, descs: Vec::new(), indices: FxHashMap::default() };
        for ty in listed {
            builder.ty(*ty);
        }
        let schema_functions = functions.iter().map(|f| builder.function(f)).collect();
        let schema_closures = closures.iter().map(|c| builder.closure(c)).collect();
        let mut types = Vec::new();
        // Describing a type may discover others behind it.
        while let Some(&desc) = builder.descs.get(types.len()) {
            types.push(builder.describe(desc));
        }
        let facts = builder.facts(&types)?;
        let schema = Schema {
            program: name,
            strings: builder.strings.list,
            types,
            functions: schema_functions,
            closures: schema_closures,
        };
        schema.check().map_err(|error| format!("the program's descriptors are wrong: {error}"))?;
        Ok(Self {
            encoded: orion_format::frame::encode(&schema)?,
            schema,
            types: facts,
            function_indices: positions(&functions),
            closure_indices: positions(&closures),
            functions,
            closures,
            type_indices: builder.indices,
        })
    }

    /// Index of a type.
    pub fn type_index(&self, desc: *const TypeDesc) -> u32 {
        self.type_indices[&desc]
    }

    /// Facts about a type.
    pub fn facts(&self, desc: *const TypeDesc) -> TypeFacts {
        self.types[self.type_index(desc) as usize]
    }

    /// Index of a function.
    pub fn function_index(&self, desc: *const FnDesc) -> Option<u32> {
        self.function_indices.get(&desc).copied()
    }

    /// Index of a closure.
    pub fn closure_index(&self, desc: *const ClosureDesc) -> Option<u32> {
        self.closure_indices.get(&desc).copied()
    }
}

fn positions<T>(list: &[&'static T]) -> FxHashMap<*const T, u32> {
    list.iter().enumerate().map(|(index, desc)| (std::ptr::from_ref(*desc), index as u32)).collect()
}

struct Builder {
    strings: Strings,
    descs: Vec<&'static TypeDesc>,
    indices: FxHashMap<*const TypeDesc, u32>,
}

impl Builder {
    fn ty(&mut self, desc: *const TypeDesc) -> u32 {
        let next = self.descs.len() as u32;
        *self.indices.entry(desc).or_insert_with(|| {
            // SAFETY: descriptors are constants of the image.
            self.descs.push(unsafe { type_at(desc) });
            next
        })
    }

    fn optional(&mut self, desc: *const TypeDesc) -> Option<u32> {
        (!desc.is_null()).then(|| self.ty(desc))
    }

    fn fields(&mut self, fields: &[FieldDesc]) -> Vec<Field> {
        fields
            .iter()
            .map(|field| Field { name: self.strings.add(field.name), ty: self.ty(field.ty) })
            .collect()
    }

    fn describe(&mut self, desc: &TypeDesc) -> Type {
        Type {
            kind: desc.kind,
            name: self.strings.add(desc.name),
            elem: self.optional(desc.elem),
            fields: self.fields(fields_of(desc)),
            variants: variants_of(desc)
                .iter()
                .map(|variant| Variant {
                    name: self.strings.add(variant.name),
                    fields: self.fields(variant_fields(variant)),
                })
                .collect(),
        }
    }

    fn function(&mut self, desc: &FnDesc) -> Function {
        Function {
            name: self.strings.add(desc.name),
            site: self.strings.site(&desc.site),
            mir_hash: desc.mir_hash,
            result: self.ty(desc.result),
            points: points_of(desc).iter().map(|point| self.point(point)).collect(),
        }
    }

    fn point(&mut self, desc: &PointDesc) -> Point {
        let slots = slots_of(desc);
        let at = |offset: u32| {
            let found = slots.iter().position(|slot| slot.offset == offset);
            found.filter(|_| offset != NO_SLOT).map(|index| index as u32)
        };
        Point {
            kind: desc.kind,
            ordinal: desc.ordinal,
            text: self.strings.add(desc.text),
            site: self.strings.site(&desc.site),
            slots: slots
                .iter()
                .map(|slot| Slot {
                    name: self.strings.add(slot.name),
                    ty: self.ty(slot.ty),
                    role: slot.role,
                    arm: slot.arm,
                    ordinal: slot.ordinal,
                })
                .collect(),
            arms: arms_of(desc)
                .iter()
                .map(|arm| Arm {
                    kind: arm.kind,
                    target: at(arm.target_offset),
                    value: at(arm.value_offset),
                    text: self.strings.add(arm.text),
                })
                .collect(),
            callee_result: self.optional(desc.callee_result),
        }
    }

    fn closure(&mut self, desc: &ClosureDesc) -> Closure {
        Closure {
            name: self.strings.add(desc.name),
            ty: self.ty(desc.ty),
            captures: self.fields(captures_of(desc)),
        }
    }

    /// Facts by the types' structure: parts in place are looked at first (types in place do not contain themselves).
    fn facts(&self, types: &[Type]) -> Result<Vec<TypeFacts>, String> {
        let mut facts: Vec<Option<TypeFacts>> = vec![None; types.len()];
        for root in 0..types.len() {
            let mut stack = vec![root];
            while let Some(&index) = stack.last() {
                let ty = &types[index];
                let Some(&kind) = KINDS.get(usize::from(ty.kind)) else {
                    return Err("the program has a type of an unknown kind".to_owned());
                };
                let parts: &[Field] = match kind {
                    Kind::Tuple | Kind::Struct => &ty.fields,
                    _ => &[],
                };
                let waiting = parts.iter().find(|part| facts[part.ty as usize].is_none());
                if facts[index].is_none()
                    && let Some(part) = waiting
                {
                    if stack.len() > types.len() {
                        return Err("the program has a type inside itself".to_owned());
                    }
                    stack.push(part.ty as usize);
                    continue;
                }
                stack.pop();
                let desc = self.descs[index];
                facts[index] = Some(TypeFacts {
                    desc,
                    kind,
                    dense: match kind {
                        Kind::Tuple | Kind::Struct => is_packed(desc, parts, &facts),
                        Kind::Bool | Kind::Char | Kind::Ptr => false,
                        _ => (kind as u8) < Kind::Str as u8,
                    },
                    flat: desc.flags & TYPE_NEEDS_DROP == 0 && kind != Kind::Ptr,
                });
            }
        }
        Ok(facts.into_iter().flatten().collect())
    }
}

/// Whether fields that are copied whole follow each other without a gap.
fn is_packed(desc: &TypeDesc, parts: &[Field], facts: &[Option<TypeFacts>]) -> bool {
    let mut end = 0;
    for (field, part) in fields_of(desc).iter().zip(parts) {
        match &facts[part.ty as usize] {
            Some(facts) if facts.dense && field.offset == end => end += facts.desc.size,
            _ => return false,
        }
    }
    end == desc.size
}
