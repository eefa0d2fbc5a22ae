//! Reading: places, operands, constants.
//!
//! Input: MIR places and operands. Output: addresses and first-class values; nothing for what has no bytes.
//!
//! A place is walked from its local's stack slot: fields of values in place are fields of the slot (and end in registers), lists, boxed objects and
//! closures are loaded and walked in memory. No such address outlives its statement.

use inkwell::types::BasicTypeEnum;
use inkwell::values::{IntValue, PointerValue};
use orion_abi::object::BOXED_TAG_BIT;
use orion_mir::{BodyKind, Const, Local, Operand, Place, Proj, Ty, TyKind};

use crate::body::Emitter;
use crate::cx::Cx;
use crate::glue::elements_of;
use crate::ir::{Class, Value, zero};
use crate::storage::Storage;

impl<'c> Cx<'c, '_> {
    /// A constant; none without bytes.
    pub fn const_value(&mut self, constant: &Const) -> Option<Value<'c>> {
        let t = self.t;
        Some(match constant {
            Const::Unit => return None,
            Const::Bool(value) => t.i8.const_int((*value).into(), false).into(),
            Const::Char(value) => t.i32.const_int(u32::from(*value).into(), false).into(),
            Const::Int(value, ty) => {
                let ty = match ty.bits() {
                    8 => t.i8,
                    16 => t.context.i16_type(),
                    32 => t.i32,
                    _ => t.i64,
                };
                // Beyond the type's width LLVM wants the sign's bits or none.
                let bits = *value as u64 & (u64::MAX >> (64 - ty.get_bit_width()));
                ty.const_int(bits, false).into()
            }
            Const::F32(value) => t.context.f32_type().const_float((*value).into()).into(),
            Const::F64(value) => t.context.f64_type().const_float(*value).into(),
            Const::Duration(ns) | Const::Instant(ns) => t.i64.const_int(*ns as u64, true).into(),
            Const::Str(text) => self.literal(text).into(),
            Const::EmptyList(_) => self.empty().into(),
            Const::Function(id, _) => self.function_object(*id).into(),
            Const::Dummy(ty) => return self.dummy(*ty),
        })
    }

    /// A value that owns nothing and is never looked at.
    pub fn dummy(&mut self, ty: Ty) -> Option<Value<'c>> {
        let layout = self.layouts.of(ty);
        let llvm = layout.llvm?;
        let program = self.program;
        Some(match program.types.kind(ty) {
            TyKind::Str | TyKind::List(_) => self.empty().into(),
            TyKind::Adt(id) if program.types.adt(*id).boxed => self.odd_word(0),
            TyKind::Tuple(_) | TyKind::Adt(_) => {
                let BasicTypeEnum::StructType(struct_ty) = llvm else { return Some(zero(llvm)) };
                // The first variant's fields are dummies of their own; other cells are zero.
                let mut fields: Vec<Value<'c>> =
                    struct_ty.get_field_types().into_iter().map(zero).collect();
                for field in layout.variants.first().into_iter().flatten() {
                    if let (Some(index), Some(value)) = (field.index, self.dummy(field.ty)) {
                        fields[index as usize] = value;
                    }
                }
                self.t.context.const_struct(&fields, false).into()
            }
            _ => zero(llvm),
        })
    }

    /// The word that stands for a boxed type's variant without fields.
    pub fn odd_word(&self, tag: u32) -> Value<'c> {
        let word = u64::from(tag) * 2 + BOXED_TAG_BIT as u64;
        self.t.i64.const_int(word, false).const_to_pointer(self.t.ptr).into()
    }
}

impl<'c, 'p> Emitter<'_, 'c, 'p> {
    /// The type of the value at a place.
    pub fn place_ty(&self, place: &Place) -> Ty {
        place.projection.iter().fold(self.ty(place.local), |ty, proj| self.step_ty(ty, proj))
    }

    fn step_ty(&self, ty: Ty, proj: &Proj) -> Ty {
        let types = &self.cx.program.types;
        match (proj, types.kind(ty)) {
            (Proj::Field(index), TyKind::Tuple(items)) => items[*index as usize],
            (Proj::Field(index), TyKind::Adt(id)) => {
                types.adt(*id).variants[0].fields[*index as usize].ty
            }
            (Proj::Variant(variant, index), TyKind::Adt(id)) => {
                types.adt(*id).variants[*variant as usize].fields[*index as usize].ty
            }
            (Proj::Index(_), TyKind::List(elem)) => *elem,
            (Proj::Capture(index), _) => match &self.body.kind {
                BodyKind::Closure { captures } => captures[*index as usize].1,
                _ => unreachable!("the MIR's verifier: only closures have captures"),
            },
            _ => unreachable!("the MIR's verifier: steps fit their types"),
        }
    }

    /// The address of a place that is written, and what memory it is in; none without bytes.
    pub fn address(&mut self, place: &Place) -> Option<(PointerValue<'c>, Class)> {
        match self.walk(place)? {
            Cursor::Memory(at, class) => Some((at, class)),
            Cursor::Value(_) => unreachable!("locals that are written in part have a slot"),
        }
    }

    /// Follows a place's steps; none without bytes.
    fn walk(&mut self, place: &Place) -> Option<Cursor<'c>> {
        let mut ty = self.ty(place.local);
        let mut at = match self.locals[place.local.index()] {
            Storage::None => return None,
            Storage::Stack(slot) => Cursor::Memory(slot, Class::Any),
            Storage::Register(_) => Cursor::Value(self.get(place.local)?),
        };
        for proj in &place.projection {
            let next = self.step_ty(ty, proj);
            at = match proj {
                Proj::Index(index) => {
                    let llvm = self.cx.layouts.llvm(next)?;
                    let list = self.follow(at, "list");
                    let index = self.index(*index);
                    let elements = elements_of(&self.ir, list);
                    let element = self.ir.element(llvm, elements, index, "element");
                    Cursor::Memory(element, Class::Payload)
                }
                Proj::Capture(index) => {
                    let BodyKind::Closure { captures } = &self.body.kind else { return None };
                    let placed = self.cx.layouts.closure(captures).fields[*index as usize];
                    placed.index?;
                    let closure = self.follow(at, "closure");
                    let capture = self.ir.offset(closure, placed.offset, "capture");
                    Cursor::Memory(capture, Class::Payload)
                }
                Proj::Field(index) => self.field(at, ty, 0, *index)?,
                Proj::Variant(variant, index) => self.field(at, ty, *variant, *index)?,
            };
            ty = next;
        }
        self.cx.layouts.llvm(ty)?;
        Some(at)
    }

    /// The pointer at a place.
    fn follow(&self, at: Cursor<'c>, name: &str) -> PointerValue<'c> {
        match at {
            Cursor::Value(value) => value.into_pointer_value(),
            Cursor::Memory(at, class) => self.ir.load_ptr(at, class, name),
        }
    }

    fn field(&mut self, at: Cursor<'c>, ty: Ty, variant: u32, index: u32) -> Option<Cursor<'c>> {
        if let (true, TyKind::Adt(id)) =
            (self.cx.layouts.is_boxed(ty), self.cx.program.types.kind(ty))
        {
            let placed = self.cx.layouts.objects(*id)[variant as usize].fields[index as usize];
            placed.index?;
            let object = self.follow(at, "object");
            let field = self.ir.offset(object, placed.offset, "field");
            return Some(Cursor::Memory(field, Class::Payload));
        }
        let layout = self.cx.layouts.of(ty);
        let placed = layout.variants[variant as usize][index as usize];
        let index = placed.index?;
        Some(match at {
            Cursor::Value(value) => Cursor::Value(self.ir.extract(value, index, "")),
            Cursor::Memory(at, class) => {
                Cursor::Memory(self.ir.field(layout.llvm?, at, index, "field"), class)
            }
        })
    }

    /// A local used as an index, as i64.
    fn index(&mut self, local: Local) -> IntValue<'c> {
        let ty = self.ty(local);
        let value = self.get(local).expect("indices have bytes").into_int_value();
        let signed = self.signed(ty);
        self.ir.resize(value, self.cx.t.i64, signed)
    }

    /// Reads the value at a place; none without bytes.
    pub fn read(&mut self, place: &Place) -> Option<Value<'c>> {
        let ty = self.place_ty(place);
        let llvm = self.cx.layouts.llvm(ty)?;
        Some(match self.walk(place)? {
            Cursor::Value(value) => value,
            Cursor::Memory(at, class) => self.ir.load(llvm, at, class, ""),
        })
    }

    /// Reads an operand; none without bytes.
    pub fn operand(&mut self, operand: &Operand) -> Option<Value<'c>> {
        match operand {
            Operand::Copy(place) => {
                let value = self.read(place)?;
                let (ty, ctx) = (self.place_ty(place), self.ctx());
                self.cx.emit_retain(&self.ir, ctx, ty, value);
                Some(value)
            }
            Operand::Move(local) => self.get(*local),
            Operand::Borrow(place) => self.read(place),
            Operand::Const(constant) => self.cx.const_value(constant),
        }
    }

    /// Reads an integer, bool, char or time.
    pub fn operand_int(&mut self, operand: &Operand) -> IntValue<'c> {
        self.operand(operand).expect("scalars have bytes").into_int_value()
    }

    /// Type of an operand.
    pub fn operand_ty(&self, operand: &Operand) -> Ty {
        let kind = match operand {
            Operand::Copy(place) | Operand::Borrow(place) => return self.place_ty(place),
            Operand::Move(local) => return self.ty(*local),
            Operand::Const(constant) => match constant {
                Const::EmptyList(ty) | Const::Function(_, ty) | Const::Dummy(ty) => return *ty,
                Const::Unit => TyKind::Unit,
                Const::Bool(_) => TyKind::Bool,
                Const::Char(_) => TyKind::Char,
                Const::Int(_, ty) => TyKind::Int(*ty),
                Const::F32(_) => TyKind::F32,
                Const::F64(_) => TyKind::F64,
                Const::Duration(_) => TyKind::Duration,
                Const::Instant(_) => TyKind::Instant,
                Const::Str(_) => TyKind::Str,
            },
        };
        // A constant of a type that no local has: what matters is its kind, which `scalar_kind` finds out from the operand.
        self.cx.program.types.find(&kind).unwrap_or(Ty(0))
    }

    /// The kind of an operand's type, also where only a constant has it.
    pub fn operand_kind(&self, operand: &Operand) -> TyKind {
        match operand {
            Operand::Const(Const::Int(_, ty)) => TyKind::Int(*ty),
            Operand::Const(Const::Bool(_)) => TyKind::Bool,
            Operand::Const(Const::Char(_)) => TyKind::Char,
            Operand::Const(Const::F32(_)) => TyKind::F32,
            Operand::Const(Const::F64(_)) => TyKind::F64,
            Operand::Const(Const::Duration(_)) => TyKind::Duration,
            Operand::Const(Const::Instant(_)) => TyKind::Instant,
            Operand::Const(Const::Str(_)) => TyKind::Str,
            _ => self.cx.program.types.kind(self.operand_ty(operand)).clone(),
        }
    }

    /// Whether integers of the type are signed.
    pub fn signed(&self, ty: Ty) -> bool {
        is_signed(self.cx.program.types.kind(ty))
    }
}

/// How far a place has been followed.
#[derive(Clone, Copy)]
enum Cursor<'c> {
    /// Still inside a value.
    Value(Value<'c>),
    /// In memory.
    Memory(PointerValue<'c>, Class),
}

/// Whether values of this kind are signed integers.
pub fn is_signed(kind: &TyKind) -> bool {
    match kind {
        TyKind::Int(int) => int.signed(),
        TyKind::Duration | TyKind::Instant => true,
        _ => false,
    }
}
