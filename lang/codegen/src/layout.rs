//! How values lie in registers and in memory.
//!
//! Input: types of a program. Output: for each its LLVM type (none when a value has no bytes), size, alignment, and for compounds where each field is.
//!
//! Values are LLVM first-class values. Tuples and structs are literal structs in C layout. A sum held in place is `{i32 tag, cells…}`: each
//! variant's fields are assigned to cells of exactly their LLVM type, and variants share cells (the multiset maximum over the variants), so that no
//! value is ever reinterpreted and every local can live in registers. `bool` is a byte.
//!
//! Invariants: no alignment above 8; sizes and offsets are computed here and agree with LLVM's (tests compare); a field that has no bytes has an offset
//! but no index.

use std::rc::Rc;

use inkwell::types::{BasicType, BasicTypeEnum};
use orion_abi::ClosureObject;
use orion_abi::object::BoxedObject;
use orion_mir::{AdtId, IntTy, Program, Ty, TyKind};

use crate::ir::Types;

/// Where a field is.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its type.
    pub ty: Ty,
    /// Bytes from the start of the value, or of the object.
    pub offset: u64,
    /// Index in the LLVM struct, none when it has no bytes.
    pub index: Option<u32>,
}

/// A type's layout.
#[derive(Clone, Debug)]
pub struct Layout<'c> {
    /// LLVM type, none when it has no bytes.
    pub llvm: Option<BasicTypeEnum<'c>>,
    /// Bytes, a multiple of the alignment.
    pub size: u64,
    /// Alignment in bytes.
    pub align: u64,
    /// Fields of each variant when held in place; tuples and structs have one.
    pub variants: Vec<Vec<Field>>,
}

/// Fields in C layout, one after the other.
#[derive(Clone, Debug)]
pub struct Record<'c> {
    /// The fields.
    pub fields: Vec<Field>,
    /// LLVM types of those that have bytes.
    pub elements: Vec<BasicTypeEnum<'c>>,
    /// End of the last one, rounded up to the alignment.
    pub size: u64,
    /// The largest alignment.
    pub align: u64,
}

/// Layouts of a program, computed once each.
pub struct Layouts<'c, 'p> {
    program: &'p Program,
    t: Types<'c>,
    known: Vec<Option<Rc<Layout<'c>>>>,
    boxed: Vec<Option<Rc<Vec<Record<'c>>>>>,
}

/// `offset` rounded up to a multiple of `align`.
pub fn align_up(offset: u64, align: u64) -> u64 {
    offset.div_ceil(align) * align
}

impl<'c, 'p> Layouts<'c, 'p> {
    /// None known yet.
    pub fn new(program: &'p Program, t: Types<'c>) -> Self {
        let boxed = vec![None; program.types.adts().count()];
        Self { program, t, known: vec![None; program.types.iter().count()], boxed }
    }

    /// Layout of a type.
    pub fn of(&mut self, ty: Ty) -> Rc<Layout<'c>> {
        if let Some(known) = &self.known[ty.0 as usize] {
            return Rc::clone(known);
        }
        let layout = Rc::new(self.compute(ty));
        self.known[ty.0 as usize] = Some(Rc::clone(&layout));
        layout
    }

    /// LLVM type of a value, none when it has no bytes.
    pub fn llvm(&mut self, ty: Ty) -> Option<BasicTypeEnum<'c>> {
        self.of(ty).llvm
    }

    /// Whether values are pointers to a boxed object.
    pub fn is_boxed(&self, ty: Ty) -> bool {
        matches!(self.program.types.kind(ty), TyKind::Adt(id) if self.program.types.adt(*id).boxed)
    }

    /// The objects of a boxed type, one per variant, with offsets from the start of the object.
    pub fn objects(&mut self, id: AdtId) -> Rc<Vec<Record<'c>>> {
        if let Some(known) = &self.boxed[id.0 as usize] {
            return Rc::clone(known);
        }
        let program = self.program;
        let objects = program
            .types
            .adt(id)
            .variants
            .iter()
            .map(|variant| {
                let tys: Vec<Ty> = variant.fields.iter().map(|f| f.ty).collect();
                self.record(&tys, size_of::<BoxedObject>() as u64)
            })
            .collect();
        let objects = Rc::new(objects);
        self.boxed[id.0 as usize] = Some(Rc::clone(&objects));
        objects
    }

    /// A closure's object with these captures.
    pub fn closure(&mut self, captures: &[(String, Ty)]) -> Record<'c> {
        let tys: Vec<Ty> = captures.iter().map(|c| c.1).collect();
        self.record(&tys, size_of::<ClosureObject>() as u64)
    }

    /// Fields in C layout from `start` on.
    pub fn record(&mut self, tys: &[Ty], start: u64) -> Record<'c> {
        let mut record = Record { fields: Vec::new(), elements: Vec::new(), size: start, align: 1 };
        if start > 0 {
            record.align = 8;
        }
        for &ty in tys {
            let layout = self.of(ty);
            let offset = align_up(record.size, layout.align);
            let index = layout.llvm.map(|llvm| {
                record.elements.push(llvm);
                record.elements.len() as u32 - 1
            });
            record.fields.push(Field { ty, offset, index });
            record.size = offset + layout.size;
            record.align = record.align.max(layout.align);
        }
        record.size = align_up(record.size, record.align);
        record
    }

    fn compute(&mut self, ty: Ty) -> Layout<'c> {
        let program = self.program;
        let context = self.t.context;
        match program.types.kind(ty) {
            TyKind::Unit => Layout { llvm: None, size: 0, align: 1, variants: Vec::new() },
            TyKind::Bool => scalar(self.t.i8.into(), 1),
            TyKind::Char => scalar(self.t.i32.into(), 4),
            TyKind::Int(int) => match int {
                IntTy::I8 | IntTy::U8 => scalar(self.t.i8.into(), 1),
                IntTy::I16 | IntTy::U16 => scalar(context.i16_type().into(), 2),
                IntTy::I32 | IntTy::U32 => scalar(self.t.i32.into(), 4),
                IntTy::I64 | IntTy::U64 => scalar(self.t.i64.into(), 8),
            },
            TyKind::F32 => scalar(context.f32_type().into(), 4),
            TyKind::F64 => scalar(context.f64_type().into(), 8),
            TyKind::Duration | TyKind::Instant => scalar(self.t.i64.into(), 8),
            TyKind::Str
            | TyKind::List(_)
            | TyKind::Fn { .. }
            | TyKind::Chan(_)
            | TyKind::Task(_)
            | TyKind::Scope
            | TyKind::Gen(..)
            | TyKind::Ptr => scalar(self.t.ptr.into(), 8),
            TyKind::Tuple(items) => self.in_place(items),
            TyKind::Adt(id) => {
                let def = program.types.adt(*id);
                if def.boxed {
                    scalar(self.t.ptr.into(), 8)
                } else if def.is_struct {
                    let tys: Vec<Ty> = def
                        .variants
                        .first()
                        .map(|v| v.fields.iter().map(|f| f.ty).collect())
                        .unwrap_or_default();
                    self.in_place(&tys)
                } else {
                    self.sum(*id)
                }
            }
        }
    }

    fn in_place(&mut self, tys: &[Ty]) -> Layout<'c> {
        let record = self.record(tys, 0);
        let llvm = if record.elements.is_empty() {
            None
        } else {
            Some(self.t.context.struct_type(&record.elements, false).as_basic_type_enum())
        };
        Layout { llvm, size: record.size, align: record.align, variants: vec![record.fields] }
    }

    fn sum(&mut self, id: AdtId) -> Layout<'c> {
        // First pass: which cell each field gets.
        let program = self.program;
        let mut cells: Vec<(BasicTypeEnum<'c>, u64)> = Vec::new();
        let mut assigned: Vec<Vec<(Ty, Option<usize>)>> = Vec::new();
        for variant in &program.types.adt(id).variants {
            let mut taken = vec![false; cells.len()];
            let mut fields = Vec::new();
            for field in &variant.fields {
                let layout = self.of(field.ty);
                let cell = layout.llvm.map(|llvm| {
                    let free = (0..cells.len()).find(|&c| !taken[c] && cells[c].0 == llvm);
                    let cell = free.unwrap_or_else(|| {
                        cells.push((llvm, layout.align));
                        taken.push(false);
                        cells.len() - 1
                    });
                    taken[cell] = true;
                    cell
                });
                fields.push((field.ty, cell));
            }
            assigned.push(fields);
        }
        // Cells of up to four bytes fill the hole behind the tag.
        let mut order: Vec<usize> = (0..cells.len()).collect();
        order.sort_by_key(|&c| match cells[c].1 {
            8 => (1, 0),
            align => (0, 4 - align),
        });
        let mut elements: Vec<BasicTypeEnum<'c>> = vec![self.t.i32.into()];
        let mut place = vec![(0, 0); cells.len()];
        let (mut size, mut align) = (4, 4);
        for cell in order {
            let (llvm, cell_align) = cells[cell];
            let offset = align_up(size, cell_align);
            place[cell] = (offset, elements.len() as u32);
            elements.push(llvm);
            size = offset + self.size_of(llvm);
            align = align.max(cell_align);
        }
        let variants = assigned
            .into_iter()
            .map(|fields| {
                fields
                    .into_iter()
                    .map(|(ty, cell)| Field {
                        ty,
                        offset: cell.map_or(0, |c| place[c].0),
                        index: cell.map(|c| place[c].1),
                    })
                    .collect()
            })
            .collect();
        Layout {
            llvm: Some(self.t.context.struct_type(&elements, false).into()),
            size: align_up(size, align),
            align,
            variants,
        }
    }

    /// Bytes of an LLVM type made here.
    fn size_of(&self, ty: BasicTypeEnum<'c>) -> u64 {
        self.size_and_align(ty).0
    }

    fn size_and_align(&self, ty: BasicTypeEnum<'c>) -> (u64, u64) {
        match ty {
            BasicTypeEnum::IntType(int) => {
                let bytes = u64::from(int.get_bit_width() / 8);
                (bytes, bytes)
            }
            BasicTypeEnum::FloatType(float) if float == self.t.context.f32_type() => (4, 4),
            BasicTypeEnum::StructType(fields) => {
                let (mut size, mut align) = (0, 1);
                for field in fields.get_field_types() {
                    let (bytes, field_align) = self.size_and_align(field);
                    size = align_up(size, field_align) + bytes;
                    align = align.max(field_align);
                }
                (align_up(size, align), align)
            }
            _ => (8, 8),
        }
    }
}

fn scalar(llvm: BasicTypeEnum<'_>, size: u64) -> Layout<'_> {
    Layout { llvm: Some(llvm), size, align: size, variants: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::Layouts;
    use crate::OptLevel;
    use crate::ir::Types;
    use crate::passes::target_machine;
    use inkwell::context::Context;
    use inkwell::types::BasicTypeEnum;
    use orion_mir::{FieldDef, IntTy, Program, Ty, TyKind, TypeTable, VariantDef};

    fn sample() -> TypeTable {
        let mut types = TypeTable::default();
        let kinds = [
            TyKind::Unit,
            TyKind::Bool,
            TyKind::Char,
            TyKind::Int(IntTy::I8),
            TyKind::Int(IntTy::U16),
            TyKind::Int(IntTy::I64),
            TyKind::F32,
            TyKind::F64,
            TyKind::Str,
        ];
        let scalars: Vec<Ty> = kinds.into_iter().map(|kind| types.intern(kind)).collect();
        let pair = types.intern(TyKind::Tuple(vec![scalars[1], scalars[5]]));
        let mixed = types.intern(TyKind::Tuple(vec![scalars[1], scalars[0], pair, scalars[6]]));
        let field = |ty: Ty| FieldDef { name: "0".into(), ty };
        let variant = |name: &str, fields: &[Ty]| VariantDef {
            name: name.into(),
            fields: fields.iter().map(|&ty| field(ty)).collect(),
        };
        let (shape, _) = types.declare_adt("Shape", false);
        types.define_adt(
            shape,
            vec![
                variant("Empty", &[]),
                variant("A", &[scalars[7], scalars[1], scalars[7]]),
                variant("B", &[scalars[2], mixed, scalars[3]]),
                variant("C", &[scalars[8], scalars[4], scalars[1], scalars[1]]),
            ],
        );
        let shape = types.intern(TyKind::Adt(shape));
        types.intern(TyKind::Tuple(vec![scalars[3], shape, scalars[3]]));
        types
    }

    #[test]
    fn sizes_and_offsets_are_those_of_llvm() {
        let program = Program {
            types: sample(),
            bodies: Vec::new(),
            main: orion_mir::BodyId(0),
            tests: Vec::new(),
            files: Vec::new(),
            name: "test".into(),
        };
        let context = Context::create();
        let module = context.create_module("test");
        let machine = target_machine(OptLevel::O0).expect("x86-64");
        let data = machine.get_target_data();
        let mut layouts = Layouts::new(&program, Types::new(&module));
        for (ty, _) in program.types.iter() {
            let layout = layouts.of(ty);
            let name = program.types.display(ty);
            let Some(llvm) = layout.llvm else {
                assert_eq!(layout.size, 0, "{name}");
                continue;
            };
            assert_eq!(layout.size, data.get_abi_size(&llvm), "{name}");
            assert_eq!(layout.align, u64::from(data.get_abi_alignment(&llvm)), "{name}");
            let BasicTypeEnum::StructType(fields) = llvm else { continue };
            for field in layout.variants.iter().flatten() {
                let Some(index) = field.index else { continue };
                assert_eq!(Some(field.offset), data.offset_of_element(&fields, index), "{name}");
                assert_eq!(
                    fields.get_field_type_at_index(index),
                    layouts.llvm(field.ty),
                    "{name}: a cell has the type of its field"
                );
            }
        }
    }
}
