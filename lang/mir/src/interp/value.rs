//! Values and the counted heap of the interpreter.
//!
//! Invariants: cloning a [`Value`] in Rust is copying bits; owners are counted by [`Heap::retain`] and [`Heap::release`] alone. Every
//! [`Ref`] carries the generation of its slot, so that a use after the last release is found. Immortal objects (literals) are not counted.

use std::collections::VecDeque;

use crate::body::BodyId;

use super::sched::{Scope, Waiter};

/// What is wrong with the program that runs: always a bug of the compiler.
pub(super) type Fault = String;

/// A counted reference to an [`Object`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ref {
    index: u32,
    generation: u32,
}

/// A value as it lies in a local, a field or an element.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Value {
    Unit,
    /// Integers, `bool`, `char`, durations and instants, sign- or zero-extended.
    Int(i128),
    F32(f32),
    F64(f64),
    Tuple(Vec<Value>),
    /// A data value in place, or one without fields: tag and fields.
    Data(u32, Vec<Value>),
    Ref(Ref),
    /// An owned handle.
    Task(u64),
    /// Owns nothing.
    Dummy,
}

/// What a [`Ref`] refers to.
#[derive(Debug)]
pub(super) enum Object {
    Str(String),
    List(Vec<Value>),
    /// A value of a boxed data type.
    Boxed(u32, Vec<Value>),
    Closure(BodyId, Vec<Value>),
    Chan(Chan),
    Scope(Box<Scope>),
}

/// A channel.
#[derive(Default, Debug)]
pub(super) struct Chan {
    pub capacity: usize,
    pub closed: bool,
    pub buffer: VecDeque<Value>,
    pub receivers: VecDeque<Waiter>,
    pub senders: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    /// `None`: immortal.
    count: Option<u32>,
    object: Option<Object>,
}

/// All objects.
#[derive(Default, Debug)]
pub(super) struct Heap {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Counted objects that are alive.
    pub live: usize,
    /// Handles that were dropped and wait to be detached by the scheduler.
    pub dropped_tasks: Vec<u64>,
}

impl Heap {
    /// A new object with one owner.
    pub fn new_object(&mut self, object: Object) -> Value {
        self.live += 1;
        self.insert(object, Some(1))
    }

    /// An object that is never freed.
    pub fn new_immortal(&mut self, object: Object) -> Value {
        self.insert(object, None)
    }

    pub fn new_str(&mut self, text: String) -> Value {
        self.new_object(Object::Str(text))
    }

    fn insert(&mut self, object: Object, count: Option<u32>) -> Value {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, count: None, object: None });
            self.slots.len() as u32 - 1
        });
        let slot = &mut self.slots[index as usize];
        slot.count = count;
        slot.object = Some(object);
        Value::Ref(Ref { index, generation: slot.generation })
    }

    fn slot(&mut self, r: Ref) -> Result<&mut Slot, Fault> {
        let slot = &mut self.slots[r.index as usize];
        if slot.generation == r.generation && slot.object.is_some() {
            Ok(slot)
        } else {
            Err("use of an object that was freed".into())
        }
    }

    pub fn get(&self, r: Ref) -> Result<&Object, Fault> {
        let slot = &self.slots[r.index as usize];
        match &slot.object {
            Some(object) if slot.generation == r.generation => Ok(object),
            _ => Err("use of an object that was freed".into()),
        }
    }

    pub fn get_mut(&mut self, r: Ref) -> Result<&mut Object, Fault> {
        let slot = self.slot(r)?;
        slot.object.as_mut().ok_or_else(|| "use of an object that was freed".into())
    }

    /// Whether the object has exactly one owner.
    pub fn is_unique(&self, r: Ref) -> bool {
        let slot = &self.slots[r.index as usize];
        slot.generation == r.generation && slot.count == Some(1)
    }

    pub fn str(&self, value: &Value) -> Result<&str, Fault> {
        match value {
            Value::Ref(r) => match self.get(*r)? {
                Object::Str(text) => Ok(text),
                other => Err(format!("{other:?} where a str should be")),
            },
            Value::Dummy => Ok(""),
            other => Err(format!("{other:?} where a str should be")),
        }
    }

    pub fn list(&self, value: &Value) -> Result<&[Value], Fault> {
        match value {
            Value::Ref(r) => match self.get(*r)? {
                Object::List(items) => Ok(items),
                other => Err(format!("{other:?} where a list should be")),
            },
            Value::Dummy => Ok(&[]),
            other => Err(format!("{other:?} where a list should be")),
        }
    }

    /// One more owner of everything that the value refers to directly.
    pub fn retain(&mut self, value: &Value) -> Result<(), Fault> {
        match value {
            Value::Ref(r) => {
                if let Some(count) = &mut self.slot(*r)?.count {
                    *count += 1;
                }
                Ok(())
            }
            Value::Tuple(items) | Value::Data(_, items) => {
                items.iter().try_for_each(|item| self.retain(item))
            }
            Value::Task(id) => Err(format!("handle of task {id} is copied")),
            _ => Ok(()),
        }
    }

    /// One owner less; iterative.
    pub fn release(&mut self, value: Value) -> Result<(), Fault> {
        let mut work = vec![value];
        while let Some(value) = work.pop() {
            match value {
                Value::Ref(r) => {
                    let slot = self.slot(r)?;
                    let Some(count) = &mut slot.count else { continue };
                    *count -= 1;
                    if *count > 0 {
                        continue;
                    }
                    slot.generation += 1;
                    let object = slot.object.take();
                    self.free.push(r.index);
                    self.live -= 1;
                    match object {
                        Some(
                            Object::List(items)
                            | Object::Boxed(_, items)
                            | Object::Closure(_, items),
                        ) => work.extend(items),
                        Some(Object::Chan(chan)) => work.extend(chan.buffer),
                        _ => {}
                    }
                }
                Value::Tuple(items) | Value::Data(_, items) => work.extend(items),
                Value::Task(id) => self.dropped_tasks.push(id),
                _ => {}
            }
        }
        Ok(())
    }

    /// Gives `value` an object of its own: the same one when nobody else owns it, else a copy.
    pub fn make_unique(&mut self, value: Value) -> Result<Value, Fault> {
        let Value::Ref(r) = value else { return Ok(value) };
        if self.is_unique(r) {
            return Ok(value);
        }
        let copy = match self.get(r)? {
            Object::List(items) => Object::List(items.clone()),
            Object::Boxed(tag, items) => Object::Boxed(*tag, items.clone()),
            Object::Str(text) => Object::Str(text.clone()),
            other => return Err(format!("{other:?} is made unique")),
        };
        if let Object::List(items) | Object::Boxed(_, items) = &copy {
            items.iter().try_for_each(|item| self.retain(item))?;
        }
        self.release(value)?;
        Ok(self.new_object(copy))
    }

    /// Whether a value holds anything that has to be released.
    pub fn owns(value: &Value) -> bool {
        match value {
            Value::Ref(_) | Value::Task(_) => true,
            Value::Tuple(items) | Value::Data(_, items) => items.iter().any(Self::owns),
            _ => false,
        }
    }
}
