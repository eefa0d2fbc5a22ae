//! Places, operands, statements and rvalues.

use crate::body::{BinOp, Const, Local, Operand, Place, Proj, Rvalue, StatementKind, UnOp};
use crate::ty::{IntTy, TyKind};
use crate::typing;

use super::value::{Fault, Heap, Object, Ref, Value};
use super::{Frame, Machine};

/// Where the last pointer of a place leads.
enum Root {
    Local(Local),
    Object(Ref),
}

/// A resolved place: the object (or local) and the fields from there; the objects on the way.
struct Path {
    root: Root,
    steps: Vec<usize>,
    objects: Vec<Ref>,
}

fn resolve(heap: &Heap, frame: &Frame, place: &Place) -> Result<Path, Fault> {
    let local = |local: Local| {
        frame.locals[local.index()].as_ref().ok_or_else(|| format!("{local} has no value"))
    };
    let mut at = local(place.local)?;
    let mut path = Path { root: Root::Local(place.local), steps: Vec::new(), objects: Vec::new() };
    for step in &place.projection {
        let object = match at {
            Value::Ref(r) => {
                path.root = Root::Object(*r);
                path.steps.clear();
                path.objects.push(*r);
                Some(heap.get(*r)?)
            }
            _ => None,
        };
        let (index, items): (usize, &[Value]) = match (step, object, at) {
            (Proj::Field(index), None, Value::Tuple(items)) => (*index as usize, items),
            (Proj::Variant(variant, index), None, Value::Data(tag, items))
            | (Proj::Variant(variant, index), Some(Object::Boxed(tag, items)), _) => {
                if variant != tag {
                    return Err(format!("field of variant {variant} in a value of {tag}"));
                }
                (*index as usize, items)
            }
            (Proj::Index(index), Some(Object::List(items)), _) => match local(*index)? {
                Value::Int(index) => (usize::try_from(*index).unwrap_or(usize::MAX), items),
                _ => return Err(format!("index {index} is no integer")),
            },
            (Proj::Capture(index), Some(Object::Closure(_, items)), _) => (*index as usize, items),
            _ => return Err(format!("{place:?} does not exist")),
        };
        path.steps.push(index);
        at = items.get(index).ok_or_else(|| format!("{place:?} is out of range"))?;
    }
    Ok(path)
}

fn read<'a>(heap: &'a Heap, frame: &'a Frame, place: &Place) -> Result<&'a Value, Fault> {
    let path = resolve(heap, frame, place)?;
    let (mut at, steps) = match path.root {
        Root::Local(local) => match &frame.locals[local.index()] {
            Some(value) => (value, &path.steps[..]),
            None => return Err(format!("{local} has no value")),
        },
        Root::Object(r) => match (heap.get(r)?, path.steps.split_first()) {
            (
                Object::List(items) | Object::Boxed(_, items) | Object::Closure(_, items),
                Some((first, rest)),
            ) => (&items[*first], rest),
            _ => return Err("an object without fields".into()),
        },
    };
    for step in steps {
        match at {
            Value::Tuple(items) | Value::Data(_, items) => at = &items[*step],
            _ => return Err("a value without fields".into()),
        }
    }
    Ok(at)
}

/// The place, to be changed: every object above it must have one owner.
fn write<'a>(
    heap: &'a mut Heap,
    frame: &'a mut Frame,
    place: &Place,
) -> Result<&'a mut Value, Fault> {
    let path = resolve(heap, frame, place)?;
    if let Some(shared) = path.objects.iter().find(|r| !heap.is_unique(**r)) {
        return Err(format!("{place:?} is written below a shared object {shared:?}"));
    }
    let (mut at, steps) = match path.root {
        Root::Local(local) => match &mut frame.locals[local.index()] {
            Some(value) => (value, &path.steps[..]),
            None => return Err(format!("{local} has no value")),
        },
        Root::Object(r) => match (heap.get_mut(r)?, path.steps.split_first()) {
            (Object::List(items) | Object::Boxed(_, items), Some((first, rest))) => {
                (&mut items[*first], rest)
            }
            _ => return Err("an object without fields is written".into()),
        },
    };
    for step in steps {
        match at {
            Value::Tuple(items) | Value::Data(_, items) => at = &mut items[*step],
            _ => return Err("a value without fields is written".into()),
        }
    }
    Ok(at)
}

/// An integer brought into the range of a type.
pub(super) fn wrap(value: i128, int: IntTy) -> i128 {
    match int {
        IntTy::I8 => i128::from(value as i8),
        IntTy::I16 => i128::from(value as i16),
        IntTy::I32 => i128::from(value as i32),
        IntTy::I64 => i128::from(value as i64),
        IntTy::U8 => i128::from(value as u8),
        IntTy::U16 => i128::from(value as u16),
        IntTy::U32 => i128::from(value as u32),
        IntTy::U64 => i128::from(value as u64),
    }
}

/// The integer type as which a scalar is computed with.
fn machine_int(kind: &TyKind) -> IntTy {
    match kind {
        TyKind::Int(int) => *int,
        TyKind::Bool => IntTy::U8,
        TyKind::Char => IntTy::U32,
        _ => IntTy::I64,
    }
}

impl Machine<'_> {
    fn parts(&mut self) -> (&mut Heap, &mut Frame) {
        let task = self.tasks.get_mut(&self.current).expect("the running task exists");
        (&mut self.heap, task.frames.last_mut().expect("the running task has a frame"))
    }

    /// The value of an operand; `Copy` makes a new owner, `Borrow` does not.
    pub(super) fn operand(&mut self, operand: &Operand) -> Result<Value, Fault> {
        match operand {
            Operand::Copy(place) => {
                let (heap, frame) = self.parts();
                let value = read(heap, frame, place)?.clone();
                heap.retain(&value)?;
                Ok(value)
            }
            Operand::Borrow(place) => {
                let (heap, frame) = self.parts();
                Ok(read(heap, frame, place)?.clone())
            }
            Operand::Move(local) => {
                let body = self.frame().body;
                let owns = self.owning[body.index()][local.index()];
                let slot = &mut self.frame().locals[local.index()];
                let value = if owns { slot.take() } else { slot.clone() };
                value.ok_or_else(|| format!("{local} is moved without a value"))
            }
            Operand::Const(constant) => Ok(self.constant(constant)),
        }
    }

    pub(super) fn operands(&mut self, operands: &[Operand]) -> Result<Vec<Value>, Fault> {
        operands.iter().map(|operand| self.operand(operand)).collect()
    }

    pub(super) fn int(&mut self, operand: &Operand) -> Result<i128, Fault> {
        match self.operand(operand)? {
            Value::Int(value) => Ok(value),
            other => Err(format!("{other:?} is no integer")),
        }
    }

    pub(super) fn constant(&mut self, constant: &Const) -> Value {
        match constant {
            Const::Unit => Value::Unit,
            Const::Bool(value) => Value::Int(i128::from(*value)),
            Const::Char(value) => Value::Int(i128::from(u32::from(*value))),
            Const::Int(value, int) => Value::Int(wrap(*value, *int)),
            Const::F32(value) => Value::F32(*value),
            Const::F64(value) => Value::F64(*value),
            Const::Duration(value) | Const::Instant(value) => Value::Int(i128::from(*value)),
            Const::Str(text) => {
                let heap = &mut self.heap;
                let make = || heap.new_immortal(Object::Str(text.clone()));
                self.literals.entry(text.clone()).or_insert_with(make).clone()
            }
            Const::EmptyList(_) => self.empty_list.clone(),
            Const::Function(id, _) => {
                let heap = &mut self.heap;
                let make = || heap.new_immortal(Object::Closure(*id, Vec::new()));
                self.functions.entry(*id).or_insert_with(make).clone()
            }
            Const::Dummy(_) => Value::Dummy,
        }
    }

    pub(super) fn statement(&mut self, kind: &StatementKind) -> Result<(), Fault> {
        match kind {
            StatementKind::Assign(place, value) => {
                let value = self.rvalue(value)?;
                if place.projection.is_empty() {
                    let body = self.frame().body;
                    let owns = self.owning[body.index()][place.local.index()];
                    let slot = &mut self.frame().locals[place.local.index()];
                    if owns && slot.as_ref().is_some_and(Heap::owns) {
                        return Err(format!("{} is overwritten while it owns", place.local));
                    }
                    *slot = Some(value);
                } else {
                    let (heap, frame) = self.parts();
                    let slot = write(heap, frame, place)?;
                    if Heap::owns(slot) {
                        return Err(format!("{place:?} is overwritten while it owns"));
                    }
                    *slot = value;
                }
            }
            StatementKind::Drop(place) => {
                let (heap, frame) = self.parts();
                let value = if place.projection.is_empty() {
                    let slot = frame.locals[place.local.index()].take();
                    slot.ok_or_else(|| format!("{} is dropped without a value", place.local))?
                } else {
                    std::mem::replace(write(heap, frame, place)?, Value::Dummy)
                };
                heap.release(value)?;
            }
            StatementKind::MakeUnique(place) => {
                let (heap, frame) = self.parts();
                let slot = write(heap, frame, place)?;
                let value = std::mem::replace(slot, Value::Dummy);
                let value = heap.make_unique(value)?;
                *write(heap, frame, place)? = value;
            }
            StatementKind::SetLen(place, len) => {
                let len = self.int(len)?;
                let (heap, frame) = self.parts();
                let Value::Ref(r) = *read(heap, frame, place)? else {
                    return Err("set_len of a dummy".into());
                };
                if !heap.is_unique(r) {
                    return Err("set_len of a shared list".into());
                }
                if let Object::List(items) = heap.get_mut(r)? {
                    let len = usize::try_from(len).unwrap_or(0);
                    if items.iter().skip(len).any(Heap::owns) {
                        return Err("set_len forgets a value".into());
                    }
                    items.resize(len, Value::Dummy);
                }
            }
            StatementKind::Nop => {}
        }
        Ok(())
    }

    fn kind(&mut self, operand: &Operand) -> Result<TyKind, Fault> {
        let body = self.body();
        typing::operand_kind(self.program, body, operand)
    }

    fn rvalue(&mut self, value: &Rvalue) -> Result<Value, Fault> {
        Ok(match value {
            Rvalue::Use(operand) => self.operand(operand)?,
            Rvalue::Binary(op, a, b) => {
                let kind = self.kind(a)?;
                let (a, b) = (self.operand(a)?, self.operand(b)?);
                binary(*op, &kind, &a, &b)?
            }
            Rvalue::Checked(op, a, b) => {
                let int = machine_int(&self.kind(a)?);
                let (a, b) = (self.int(a)?, self.int(b)?);
                // The product of two u64 may not fit even i128.
                let (exact, low) = match op {
                    BinOp::Add => (Some(a + b), a + b),
                    BinOp::Sub => (Some(a - b), a - b),
                    _ => (a.checked_mul(b), a.wrapping_mul(b)),
                };
                let wrapped = wrap(low, int);
                let overflow = Some(wrapped) != exact;
                Value::Tuple(vec![Value::Int(wrapped), Value::Int(i128::from(overflow))])
            }
            Rvalue::Unary(op, a) => {
                let kind = self.kind(a)?;
                match (op, self.operand(a)?) {
                    (UnOp::Neg, Value::Int(value)) => Value::Int(wrap(-value, machine_int(&kind))),
                    (UnOp::Neg, Value::F32(value)) => Value::F32(-value),
                    (UnOp::Neg, Value::F64(value)) => Value::F64(-value),
                    (UnOp::Not, Value::Int(value)) if kind == TyKind::Bool => Value::Int(1 - value),
                    (UnOp::Not, Value::Int(value)) => Value::Int(wrap(!value, machine_int(&kind))),
                    (_, other) => return Err(format!("{op:?} of {other:?}")),
                }
            }
            Rvalue::Cast(a, ty) => {
                let value = self.operand(a)?;
                cast(&value, self.program.types.kind(*ty))?
            }
            Rvalue::Tuple(items) => Value::Tuple(self.operands(items)?),
            Rvalue::Variant(ty, variant, items) => {
                let items = self.operands(items)?;
                let TyKind::Adt(id) = self.program.types.kind(*ty) else {
                    return Err("a variant of what has none".into());
                };
                if self.program.types.adt(*id).boxed && !items.is_empty() {
                    self.heap.new_object(Object::Boxed(*variant, items))
                } else {
                    Value::Data(*variant, items)
                }
            }
            Rvalue::List(_, items) => {
                let items = self.operands(items)?;
                self.heap.new_object(Object::List(items))
            }
            Rvalue::Closure(id, _, items) => {
                let items = self.operands(items)?;
                self.heap.new_object(Object::Closure(*id, items))
            }
            Rvalue::Generator(id, _, items) => {
                let items = self.operands(items)?;
                self.new_generator(*id, items)?
            }
            Rvalue::Tag(place) => {
                let (heap, frame) = self.parts();
                match read(heap, frame, place)? {
                    Value::Data(tag, _) => Value::Int(i128::from(*tag)),
                    Value::Ref(r) => match heap.get(*r)? {
                        Object::Boxed(tag, _) => Value::Int(i128::from(*tag)),
                        other => return Err(format!("tag of {other:?}")),
                    },
                    other => return Err(format!("tag of {other:?}")),
                }
            }
            Rvalue::Len(place) => {
                let (heap, frame) = self.parts();
                let list = read(heap, frame, place)?;
                Value::Int(heap.list(list)?.len() as i128)
            }
            Rvalue::Take(place) => {
                let (heap, frame) = self.parts();
                std::mem::replace(write(heap, frame, place)?, Value::Dummy)
            }
            Rvalue::Intrinsic(intrinsic, items) => match self.intrinsic(*intrinsic, items)? {
                Ok(value) => value,
                Err(message) => return Err(format!("{intrinsic:?} panics: {message}")),
            },
        })
    }
}

fn binary(op: BinOp, kind: &TyKind, a: &Value, b: &Value) -> Result<Value, Fault> {
    let boolean = |value: bool| Value::Int(i128::from(value));
    macro_rules! float {
        ($variant:ident, $a:expr, $b:expr) => {{
            let (a, b) = ($a, $b);
            match op {
                BinOp::Add => Value::$variant(a + b),
                BinOp::Sub => Value::$variant(a - b),
                BinOp::Mul => Value::$variant(a * b),
                BinOp::Div => Value::$variant(a / b),
                BinOp::Rem => Value::$variant(a % b),
                BinOp::Eq => boolean(a == b),
                BinOp::Ne => boolean(a != b),
                BinOp::Lt => boolean(a < b),
                BinOp::Le => boolean(a <= b),
                BinOp::Gt => boolean(a > b),
                BinOp::Ge => boolean(a >= b),
                _ => return Err(format!("{op:?} of floats")),
            }
        }};
    }
    Ok(match (a, b) {
        (Value::F32(a), Value::F32(b)) => float!(F32, *a, *b),
        (Value::F64(a), Value::F64(b)) => float!(F64, *a, *b),
        (Value::Int(a), Value::Int(b)) => {
            let int = machine_int(kind);
            if matches!(op, BinOp::Div | BinOp::Rem) && *b == 0 {
                return Err("division by zero was not checked".into());
            }
            let shift = u32::try_from(*b).ok().filter(|count| *count < int.bits());
            if matches!(op, BinOp::Shl | BinOp::Shr) && shift.is_none() {
                return Err("a shift was not checked".into());
            }
            let shift = shift.unwrap_or(0);
            match op {
                BinOp::Add => Value::Int(wrap(a + b, int)),
                BinOp::Sub => Value::Int(wrap(a - b, int)),
                BinOp::Mul => Value::Int(wrap(a.wrapping_mul(*b), int)),
                BinOp::Div => Value::Int(wrap(a / b, int)),
                BinOp::Rem => Value::Int(wrap(a % b, int)),
                BinOp::And => Value::Int(a & b),
                BinOp::Or => Value::Int(a | b),
                BinOp::Xor => Value::Int(a ^ b),
                BinOp::Shl => Value::Int(wrap(a << shift, int)),
                BinOp::Shr => Value::Int(a >> shift),
                BinOp::Eq => boolean(a == b),
                BinOp::Ne => boolean(a != b),
                BinOp::Lt => boolean(a < b),
                BinOp::Le => boolean(a <= b),
                BinOp::Gt => boolean(a > b),
                BinOp::Ge => boolean(a >= b),
            }
        }
        // Channels.
        (Value::Ref(a), Value::Ref(b)) if op == BinOp::Eq => boolean(a == b),
        (Value::Ref(a), Value::Ref(b)) if op == BinOp::Ne => boolean(a != b),
        _ => return Err(format!("{op:?} of {a:?} and {b:?}")),
    })
}

fn cast(value: &Value, to: &TyKind) -> Result<Value, Fault> {
    Ok(match (value, to) {
        (Value::Int(value), TyKind::F32) => Value::F32(*value as f32),
        (Value::Int(value), TyKind::F64) => Value::F64(*value as f64),
        (Value::Int(value), kind) => Value::Int(wrap(*value, machine_int(kind))),
        (Value::F32(value), TyKind::F32) => Value::F32(*value),
        (Value::F32(value), TyKind::F64) => Value::F64(f64::from(*value)),
        (Value::F64(value), TyKind::F32) => Value::F32(*value as f32),
        (Value::F64(value), TyKind::F64) => Value::F64(*value),
        (Value::F32(value), kind) => Value::Int(wrap(*value as i128, machine_int(kind))),
        (Value::F64(value), kind) => Value::Int(wrap(*value as i128, machine_int(kind))),
        (other, _) => return Err(format!("cast of {other:?}")),
    })
}
