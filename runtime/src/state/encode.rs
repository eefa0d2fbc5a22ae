//! Values to bytes: the walk over types that writes the language of `orion_format::bytes`.
//!
//! Input: addresses of values and their types. Output: bytes, and a table of the objects that only these bytes refer to. An object whose
//! count is 1 goes into that table; one that is shared is noted and gets a record of its own, once, by identity; immortal ones
//! count as unshared, and are written wherever they are met.
//!
//! The walk nests only as deep as types are written inside each other; objects stand in a queue, so a list of a million
//! links costs no stack. Equal values give equal bytes: neither addresses, nor padding, nor capacities are written.

use super::program::{
    Program, TypeFacts, captures_of, fields_of, type_at, variant_fields, variants_of,
};
use crate::scope::Scope;
use orion_abi::{ClosureObject, FieldDesc, ListObject, StrObject, TypeDesc, object::BoxedObject};
use orion_fast::{chan::Chan, task::Task};
use orion_format::bytes::{Word, write_varint, write_word};
use orion_format::schema::Kind;
use orion_format::world::{Blob, Object};
use rustc_hash::FxHashMap;
use std::ops::Range;

/// Why a value cannot be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsavable(pub String);

/// An object that waits to be written, with its type.
#[derive(Clone, Copy)]
struct Waiting {
    address: *const u8,
    ty: *const TypeDesc,
}

/// An object that was written: type, elements, place in the buffer.
type Written = (u32, u64, Range<usize>);

/// The objects of one record.
#[derive(Default)]
pub struct Locals {
    queue: Vec<Waiting>,
    bytes: Vec<u8>,
    written: Vec<Written>,
}

impl Locals {
    /// Forgets everything, keeping the memory.
    pub fn clear(&mut self) {
        self.queue.clear();
        self.bytes.clear();
        self.written.clear();
    }

    /// The table.
    pub fn objects(&self) -> Vec<Object<'_>> {
        let object = |(ty, count, range): &Written| Object {
            ty: *ty,
            count: *count,
            bytes: Blob(&self.bytes[range.clone()]),
        };
        self.written.iter().map(object).collect()
    }
}

/// What the values of a generator that is saved by itself lead to.
#[derive(Default)]
pub struct Reach {
    /// The variable that is being written, or that led to what is being written.
    pub variable: String,
    /// Channels, in order of discovery, with the references found and the variable that led there first.
    pub chans: Vec<(*const Chan, i64, String)>,
    /// Generators, in order of discovery.
    pub generators: Vec<(*const Task, String)>,
    /// The variable that led to each shared object.
    pub shared: Vec<String>,
    chan_indices: FxHashMap<*const Chan, usize>,
}

impl Reach {
    fn chan(&mut self, chan: *const Chan) {
        let next = self.chans.len();
        let index = *self.chan_indices.entry(chan).or_insert(next);
        if index == next {
            self.chans.push((chan, 0, self.variable.clone()));
        }
        self.chans[index].1 += 1;
    }
}

/// Writes values.
pub struct Encoder<'p> {
    /// Set while a generator is saved by itself: tasks and scopes cannot be saved then.
    pub reach: Option<Reach>,
    program: &'p Program,
    shared: FxHashMap<*const u8, u64>,
    shared_queue: Vec<Waiting>,
}

impl<'p> Encoder<'p> {
    /// Nothing is written yet.
    pub fn new(program: &'p Program) -> Self {
        Self { reach: None, program, shared: FxHashMap::default(), shared_queue: Vec::new() }
    }

    /// How many shared objects there are so far.
    pub fn shared_count(&self) -> usize {
        self.shared_queue.len()
    }

    /// Writes a value.
    ///
    /// # Errors
    /// When it holds something that cannot be saved.
    ///
    /// # Safety
    /// `at` holds a valid value of type `ty`, which belongs to the program.
    pub unsafe fn value(
        &mut self,
        out: &mut Vec<u8>,
        at: *const u8,
        ty: *const TypeDesc,
        locals: &mut Locals,
    ) -> Result<(), Unsavable> {
        let facts = self.program.facts(ty);
        // SAFETY: `at` holds a value of the type, so every part is where the descriptor says.
        unsafe {
            if facts.dense {
                let size = facts.desc.size as usize;
                if size == 0 {
                    // What has no bytes may have no address either (a buffer of `()`).
                    return Ok(());
                }
                out.extend_from_slice(std::slice::from_raw_parts(at, size));
                return Ok(());
            }
            if let Some(reach) = &mut self.reach {
                note(reach, at, facts.kind)?;
            }
            match facts.kind {
                Kind::Bool => out.push(*at),
                Kind::Char => out.extend_from_slice(std::slice::from_raw_parts(at, 4)),
                Kind::Tuple | Kind::Struct => {
                    return self.fields(out, at, fields_of(facts.desc), locals);
                }
                Kind::Sum => {
                    let tag = at.cast::<u32>().read_unaligned();
                    let variant = &variants_of(facts.desc)[tag as usize];
                    write_varint(out, u64::from(tag));
                    return self.fields(out, at, variant_fields(variant), locals);
                }
                Kind::Chan => write_varint(out, id(pointer(at).cast::<Chan>(), |c| (*c).id)),
                Kind::Task => write_varint(out, id(pointer(at).cast::<Task>(), |t| (*t).id)),
                Kind::Scope => write_varint(out, id(pointer(at).cast::<Scope>(), |s| (*s).id)),
                Kind::Str | Kind::List | Kind::BoxedStruct | Kind::BoxedSum | Kind::Fn => {
                    return self.reference(out, pointer(at), facts, locals);
                }
                // A generator is a task first.
                Kind::Gen => write_varint(out, id(pointer(at).cast::<Task>(), |t| (*t).id)),
                Kind::Ptr => {
                    let name = facts.desc.name.as_str();
                    return Err(Unsavable(format!("a value of type `{name}` cannot be saved")));
                }
                // Everything else is dense.
                _ => unreachable!("a plain type is dense"),
            }
        }
        Ok(())
    }

    unsafe fn fields(
        &mut self,
        out: &mut Vec<u8>,
        base: *const u8,
        fields: &[FieldDesc],
        locals: &mut Locals,
    ) -> Result<(), Unsavable> {
        for field in fields {
            // SAFETY: the caller's value has the field at its offset.
            unsafe { self.value(out, base.add(field.offset as usize), field.ty, locals)? };
        }
        Ok(())
    }

    /// Writes a reference to an object, and what is unshared and plain at once behind it.
    unsafe fn reference(
        &mut self,
        out: &mut Vec<u8>,
        object: *const u8,
        facts: TypeFacts,
        locals: &mut Locals,
    ) -> Result<(), Unsavable> {
        if object.is_null() {
            write_word(out, Word::Null);
            return Ok(());
        }
        if object as usize & 1 == 1 {
            write_word(out, Word::Tag(object as u64 >> 1));
            return Ok(());
        }
        // SAFETY: not null and even, so it points to an object of the type, whose first word is its count.
        unsafe {
            let shared = object.cast::<i64>().read() > 1;
            match facts.kind {
                Kind::Str if !shared => {
                    let text = str_bytes(object);
                    write_word(out, Word::Inline(text.len() as u64));
                    out.extend_from_slice(text);
                    return Ok(());
                }
                Kind::List if !shared => {
                    let length = list_len(object);
                    if length == 0 || self.program.facts(facts.desc.elem).flat {
                        write_word(out, Word::Inline(length));
                        return self.elements(out, object, facts.desc, locals);
                    }
                }
                Kind::Fn => {
                    let closure = &*(*object.cast::<ClosureObject>()).desc;
                    if closure.capture_count == 0 {
                        write_word(out, Word::Inline(u64::from(self.closure_index(closure)?)));
                        return Ok(());
                    }
                }
                _ => {}
            }
            let waiting = Waiting { address: object, ty: facts.desc };
            if shared {
                let next = self.shared_queue.len() as u64 + 1;
                let id = *self.shared.entry(object).or_insert(next);
                if id == next {
                    self.shared_queue.push(waiting);
                    if let Some(reach) = &mut self.reach {
                        reach.shared.push(reach.variable.clone());
                    }
                }
                write_word(out, Word::Shared(id));
            } else {
                write_word(out, Word::Local(locals.queue.len() as u64));
                locals.queue.push(waiting);
            }
        }
        Ok(())
    }

    unsafe fn closure_index(&self, desc: *const orion_abi::ClosureDesc) -> Result<u32, Unsavable> {
        self.program.closure_index(desc).ok_or_else(|| {
            // SAFETY: descriptors are constants of the image.
            let name = unsafe { (*desc).name.as_str() };
            Unsavable(format!("function value `{name}` is not in the program's table"))
        })
    }

    unsafe fn elements(
        &mut self,
        out: &mut Vec<u8>,
        list: *const u8,
        ty: &TypeDesc,
        locals: &mut Locals,
    ) -> Result<(), Unsavable> {
        // SAFETY: the list has `len` elements behind its head, each of the element type's size.
        unsafe {
            let elem = self.program.facts(ty.elem);
            let (count, size) = (list_len(list) as usize, elem.desc.size as usize);
            let first = list.add(size_of::<ListObject>());
            if elem.dense {
                out.extend_from_slice(std::slice::from_raw_parts(first, count * size));
                return Ok(());
            }
            for index in 0..count {
                self.value(out, first.add(index * size), ty.elem, locals)?;
            }
        }
        Ok(())
    }

    /// Writes the contents of an object; how many elements it has, if it is a list or string.
    unsafe fn contents(
        &mut self,
        out: &mut Vec<u8>,
        object: Waiting,
        locals: &mut Locals,
    ) -> Result<u64, Unsavable> {
        // SAFETY: the queue holds objects of the types they were found with.
        unsafe {
            let (at, desc) = (object.address, type_at(object.ty));
            match self.program.facts(desc).kind {
                Kind::Str => {
                    out.extend_from_slice(str_bytes(at));
                    Ok(str_bytes(at).len() as u64)
                }
                Kind::List => {
                    self.elements(out, at, desc, locals)?;
                    Ok(list_len(at))
                }
                Kind::BoxedStruct | Kind::BoxedSum => {
                    let tag = (*at.cast::<BoxedObject>()).tag;
                    let variant = &variants_of(desc)[tag as usize];
                    write_varint(out, tag as u64);
                    self.fields(out, at, variant_fields(variant), locals)?;
                    Ok(0)
                }
                Kind::Fn => {
                    let closure = &*(*at.cast::<ClosureObject>()).desc;
                    write_varint(out, u64::from(self.closure_index(closure)?));
                    // Each with its length, so that a changed program can leave one out.
                    let mut capture = Vec::new();
                    for field in captures_of(closure) {
                        capture.clear();
                        let place = at.add(field.offset as usize);
                        self.value(&mut capture, place, field.ty, locals)?;
                        write_varint(out, capture.len() as u64);
                        out.extend_from_slice(&capture);
                    }
                    Ok(0)
                }
                _ => unreachable!("only objects are queued"),
            }
        }
    }

    /// Writes the objects that `locals` has collected, and those that they refer to in turn.
    ///
    /// # Errors
    /// As for [`Self::value`].
    ///
    /// # Safety
    /// The values that were written into `locals` are still there.
    pub unsafe fn finish_locals(&mut self, locals: &mut Locals) -> Result<(), Unsavable> {
        let mut at = locals.written.len();
        while let Some(&waiting) = locals.queue.get(at) {
            let mut bytes = std::mem::take(&mut locals.bytes);
            let start = bytes.len();
            // SAFETY: the caller's promise.
            let count = unsafe { self.contents(&mut bytes, waiting, locals) };
            let end = bytes.len();
            locals.bytes = bytes;
            let ty = self.program.type_index(waiting.ty);
            locals.written.push((ty, count?, start..end));
            at += 1;
        }
        Ok(())
    }

    /// Writes the contents of shared object number `index` (from 0, see [`Self::shared_count`]) into `out`; its type and count.
    /// Its own objects go to `locals`.
    ///
    /// # Errors
    /// As for [`Self::value`].
    ///
    /// # Safety
    /// The object is still there.
    pub unsafe fn shared_object(
        &mut self,
        index: usize,
        out: &mut Vec<u8>,
        locals: &mut Locals,
    ) -> Result<(u32, u64), Unsavable> {
        let waiting = self.shared_queue[index];
        // SAFETY: the caller's promise.
        let count = unsafe { self.contents(out, waiting, locals)? };
        Ok((self.program.type_index(waiting.ty), count))
    }
}

/// Notes what a value leads to; fails for what belongs to the running program alone.
unsafe fn note(reach: &mut Reach, at: *const u8, kind: Kind) -> Result<(), Unsavable> {
    if !matches!(kind, Kind::Chan | Kind::Task | Kind::Scope | Kind::Gen) {
        return Ok(());
    }
    // SAFETY: the caller's value is of this kind: a pointer.
    let object = unsafe { pointer(at) };
    let holds = |what: &str| Unsavable(format!("variable `{}` holds {what}", reach.variable));
    match kind {
        _ if object.is_null() => {}
        Kind::Chan => reach.chan(object.cast()),
        Kind::Gen => reach.generators.push((object.cast(), reach.variable.clone())),
        Kind::Task => return Err(holds("a task")),
        _ => return Err(holds("a scope")),
    }
    Ok(())
}

/// The pointer at an address.
unsafe fn pointer(at: *const u8) -> *const u8 {
    // SAFETY: the caller knows that a pointer stands there.
    unsafe { at.cast::<*const u8>().read_unaligned() }
}

fn id<T>(object: *const T, id: impl FnOnce(*const T) -> u64) -> u64 {
    if object.is_null() { 0 } else { id(object) }
}

/// Bytes of a string object.
///
/// # Safety
/// `object` is a live `StrObject`; the result must not outlive it.
pub unsafe fn str_bytes<'a>(object: *const u8) -> &'a [u8] {
    // SAFETY: `len` bytes follow the head.
    unsafe {
        let length = (*object.cast::<StrObject>()).len as usize;
        std::slice::from_raw_parts(object.add(size_of::<StrObject>()), length)
    }
}

unsafe fn list_len(object: *const u8) -> u64 {
    // SAFETY: the caller knows that it is a list.
    unsafe { (*object.cast::<ListObject>()).len as u64 }
}
