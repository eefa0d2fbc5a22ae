//! Bytes to values: the walk over types that reads the language of `orion_format::bytes`.
//!
//! Input: an image, and for each value its type in the program (the old type has been matched before). Output: values in place, objects
//! with as many counts as references. Objects, shared objects and channels are made when something first refers to them, and filled
//! from queues: depth costs no stack, and what only dropped variables refer to is never made.
//!
//! `objects` makes and fills them.
//!
//! Nothing is trusted: lengths, tags, bools, characters, UTF-8, numbers of objects, types of objects, handles used twice, and
//! values that contain themselves are all errors. After an error what was made so far is abandoned, not dropped.

use super::program::{Program, captures_of, fields_of, type_at, variant_fields, variants_of};
use crate::heap::text::empty as empty_object;
use crate::scope::Scope;
use crate::world::{IdKind, World};
use orion_abi::{ClosureDesc, Ctx, FieldDesc, TypeDesc};
use orion_fast::{chan::Chan, task::Task};
use orion_format::FormatError;
use orion_format::bytes::{Reader, Word};
use orion_format::image::Image;
use orion_format::matching::{Difference, Matching};
use orion_format::schema::Kind;
use orion_format::world::Object;
use std::collections::{HashMap, HashSet};

mod objects;

use objects::fits_in_memory;

type Decoded<T> = Result<T, FormatError>;

fn corrupt<T>(what: impl Into<String>) -> Decoded<T> {
    Err(FormatError::corrupt(what))
}

/// An object whose memory is there and whose contents are still to be read.
struct Unfilled<'a> {
    address: *mut u8,
    ty: &'static TypeDesc,
    contents: Reader<'a>,
}

/// The table of objects that only one record refers to.
pub struct LocalTable<'a> {
    objects: &'a [Object<'a>],
    made: Vec<bool>,
    unfilled: Vec<Unfilled<'a>>,
}

impl<'a> LocalTable<'a> {
    /// The table of a record.
    pub fn new(objects: &'a [Object<'a>]) -> Self {
        Self { objects, made: vec![false; objects.len()], unfilled: Vec::new() }
    }
}

/// Reads values into the memory of a context.
pub struct Decoder<'a> {
    program: &'a Program,
    image: &'a Image<'a>,
    /// Old program against new.
    pub matching: Matching<'a, 'a>,
    ctx: *mut Ctx,
    /// Tasks by id, made before any value is read.
    pub tasks: HashMap<u64, *mut Task>,
    /// Scopes by id, likewise.
    pub scopes: HashMap<u64, *mut Scope>,
    /// Channels that were referred to.
    pub chans: HashMap<u64, *mut Chan>,
    /// Channels whose contents are still to be read, in order of their first reference.
    pub chan_queue: Vec<u64>,
    /// The world goes on: channels get new ids.
    pub new_ids: bool,
    /// Tasks to which a handle was found, and generators that a value holds.
    pub handles: HashSet<u64>,
    /// Closures that the program no longer has.
    pub differences: Vec<Difference>,
    root_results: HashMap<u64, u32>,
    shared: HashMap<u64, *mut u8>,
    shared_queue: Vec<u64>,
    inside: Option<u64>,
    edges: Vec<(u64, u64)>,
    objects_made: u64,
}

impl<'a> Decoder<'a> {
    /// A decoder for an image.
    pub fn new(program: &'a Program, image: &'a Image<'a>, ctx: *mut Ctx) -> Self {
        Self {
            program,
            image,
            matching: Matching::new(&image.schema, &program.schema),
            ctx,
            tasks: HashMap::new(),
            scopes: HashMap::new(),
            chans: HashMap::new(),
            chan_queue: Vec::new(),
            new_ids: false,
            handles: HashSet::new(),
            differences: Vec::new(),
            root_results: HashMap::new(),
            shared: HashMap::new(),
            shared_queue: Vec::new(),
            inside: None,
            edges: Vec::new(),
            objects_made: 0,
        }
    }

    /// Notes the type of a task's result, against which handles are checked.
    pub fn set_root_result(&mut self, task: u64, ty: *const TypeDesc) {
        self.root_results.insert(task, self.program.type_index(ty));
    }

    /// Reads a value.
    ///
    /// # Errors
    /// When the bytes are no value of the type.
    ///
    /// # Safety
    /// `at` has room for the type, is zeroed, and the type is the program's.
    pub unsafe fn value(
        &mut self,
        reader: &mut Reader<'a>,
        at: *mut u8,
        ty: *const TypeDesc,
        locals: &mut LocalTable<'a>,
    ) -> Decoded<()> {
        let facts = self.program.facts(ty);
        // SAFETY: every write stays inside the value by the descriptor's own offsets.
        unsafe {
            if facts.dense {
                let size = facts.desc.size as usize;
                at.copy_from_nonoverlapping(reader.take(size)?.as_ptr(), size);
                return Ok(());
            }
            match facts.kind {
                Kind::Bool => *at = u8::from(reader.bool()?),
                Kind::Char => at.cast::<u32>().write_unaligned(reader.char()? as u32),
                Kind::Tuple | Kind::Struct => {
                    return self.fields(reader, at, fields_of(facts.desc), locals);
                }
                Kind::Sum => {
                    let (tag, fields) = self.variant(reader, facts.desc)?;
                    at.cast::<u32>().write_unaligned(tag);
                    return self.fields(reader, at, fields, locals);
                }
                Kind::Chan => {
                    let id = reader.varint()?;
                    if id != 0 {
                        put(at, self.channel(id, facts.desc.elem)?.cast());
                    }
                }
                Kind::Task => {
                    // Null once it is consumed, also in a list that is being walked.
                    let id = reader.varint()?;
                    if id != 0 {
                        put(at, self.handle(id, facts.desc.elem)?.cast());
                    }
                }
                Kind::Scope => put(at, self.scope(reader.varint()?)?.cast()),
                Kind::Str | Kind::List | Kind::BoxedStruct | Kind::BoxedSum | Kind::Fn => {
                    let object = self.reference(reader, facts.desc, facts.kind, locals)?;
                    put(at, object);
                }
                Kind::Gen => {
                    // Null while it is being driven: every operation on generators looks for that.
                    let id = reader.varint()?;
                    if id != 0 {
                        put(at, self.generator(id, facts.desc)?.cast());
                    }
                }
                _ => return corrupt("it holds a value of a type that cannot be saved"),
            }
        }
        Ok(())
    }

    unsafe fn fields(
        &mut self,
        reader: &mut Reader<'a>,
        base: *mut u8,
        fields: &[FieldDesc],
        locals: &mut LocalTable<'a>,
    ) -> Decoded<()> {
        for field in fields {
            // SAFETY: the field lies inside the caller's value.
            unsafe { self.value(reader, base.add(field.offset as usize), field.ty, locals)? };
        }
        Ok(())
    }

    fn variant(
        &self,
        reader: &mut Reader<'a>,
        desc: &'static TypeDesc,
    ) -> Decoded<(u32, &'static [FieldDesc])> {
        let tag = reader.varint()?;
        let variant = usize::try_from(tag).ok().and_then(|tag| variants_of(desc).get(tag));
        match variant {
            Some(variant) => Ok((tag as u32, variant_fields(variant))),
            None => corrupt("a value is of a variant that its type does not have"),
        }
    }

    fn channel(&mut self, id: u64, elem: *const TypeDesc) -> Decoded<*mut Chan> {
        let Some(item) = self.image.channels.get(&id) else {
            return corrupt(format!("it refers to channel {id}, which is not there"));
        };
        if self.matching.ty(item.elem).ok() != Some(self.program.type_index(elem)) {
            return corrupt(format!("channel {id} is used with another type than its own"));
        }
        if let Some(&chan) = self.chans.get(&id) {
            // SAFETY: made below, and alive.
            unsafe { (*chan).rc += 1 };
            return Ok(chan);
        }
        // SAFETY: descriptors are constants of the image.
        let size = unsafe { (*elem).size as usize };
        let cap = usize::try_from(item.capacity).ok();
        let bytes = cap.and_then(|cap| cap.checked_mul(size.max(1)));
        let Some((cap, _)) = cap.zip(bytes.filter(|bytes| fits_in_memory(*bytes))) else {
            return corrupt(format!("channel {id} has an impossible capacity"));
        };
        // SAFETY: the context heads a worker; the type is the program's; the site is set by the caller.
        let chan = unsafe {
            let mut own = id;
            if self.new_ids {
                own = World::next_id(self.ctx, IdKind::Chan);
            }
            crate::world::new_chan(self.ctx, own, cap, elem, crate::world::no_site())
        };
        self.chans.insert(id, chan);
        self.chan_queue.push(id);
        Ok(chan)
    }

    fn handle(&mut self, id: u64, result: *const TypeDesc) -> Decoded<*mut Task> {
        let is_task = self.image.tasks.get(&id).is_some_and(|item| item.generator.is_none());
        let Some(&task) = self.tasks.get(&id).filter(|_| is_task) else {
            return corrupt(format!("it refers to task {id}, which is not there"));
        };
        if !self.handles.insert(id) {
            return corrupt(format!("task {id} has two handles"));
        }
        let expected = self.program.type_index(result);
        if self.root_results.get(&id).is_some_and(|&ty| ty != expected) {
            return corrupt(format!("task {id} has a result of another type than its handle"));
        }
        Ok(task)
    }

    fn generator(&mut self, id: u64, ty: &'static TypeDesc) -> Decoded<*mut Task> {
        let image = self.image;
        let item = image.tasks.get(&id).and_then(|task| task.generator);
        let (Some(item), Some(&task)) = (item, self.tasks.get(&id)) else {
            return corrupt(format!("it refers to generator {id}, which is not there"));
        };
        if !self.handles.insert(id) {
            return corrupt(format!("generator {id} is in two places"));
        }
        let own = item.ty.map(|own| self.matching.ty(own).ok());
        if own.is_some_and(|own| own != Some(self.program.type_index(ty))) {
            return corrupt(format!("generator {id} is of another type than its variable"));
        }
        Ok(task)
    }

    fn scope(&mut self, id: u64) -> Decoded<*mut Scope> {
        if id == 0 {
            return Ok(std::ptr::null_mut());
        }
        let Some(&scope) = self.scopes.get(&id) else {
            return corrupt(format!("it refers to scope {id}, which is not there"));
        };
        // SAFETY: scopes in the table are alive.
        unsafe { (*scope).rc += 1 };
        Ok(scope)
    }

    /// Reads a reference to an object of a type.
    unsafe fn reference(
        &mut self,
        reader: &mut Reader<'a>,
        ty: &'static TypeDesc,
        kind: Kind,
        locals: &mut LocalTable<'a>,
    ) -> Decoded<*mut u8> {
        let boxed = matches!(kind, Kind::BoxedStruct | Kind::BoxedSum);
        match reader.word()? {
            Word::Null if kind == Kind::Fn => Ok(std::ptr::null_mut()),
            Word::Tag(tag) if boxed => {
                let variant = usize::try_from(tag).ok().and_then(|tag| variants_of(ty).get(tag));
                // Variant 0 with fields, and a null function: the word of a variable that has no value yet.
                if variant.is_none_or(|variant| variant.count > 0 && tag != 0) {
                    return corrupt("a value is of a variant that its type does not have");
                }
                Ok(std::ptr::without_provenance_mut((tag as usize) << 1 | 1))
            }
            Word::Local(index) => {
                let index = usize::try_from(index).unwrap_or(usize::MAX);
                let objects = locals.objects;
                let Some(object) = objects.get(index) else {
                    return corrupt("it refers to an object that is not there");
                };
                if std::mem::replace(&mut locals.made[index], true) {
                    return corrupt("an object has two owners");
                }
                // SAFETY: the caller's context is good.
                unsafe { self.make(object, ty, kind, locals) }
            }
            Word::Shared(id) => {
                if let Some(inside) = self.inside {
                    self.edges.push((inside, id));
                }
                let image = self.image;
                let Some(item) = image.objects.get(&id) else {
                    return corrupt(format!("it refers to object {id}, which is not there"));
                };
                if let Some(&object) = self.shared.get(&id) {
                    self.check_type(&item.object, ty)?;
                    // SAFETY: shared objects are alive and counted (or immortal: a negative count stays one).
                    unsafe {
                        if *object.cast::<i64>() > 0 {
                            *object.cast::<i64>() += 1;
                        }
                    }
                    return Ok(object);
                }
                // Its own table is used when it is filled; making it needs none.
                let mut own = LocalTable::new(&[]);
                // SAFETY: as above.
                let object = unsafe { self.make(&item.object, ty, kind, &mut own)? };
                self.shared.insert(id, object);
                self.shared_queue.push(id);
                Ok(object)
            }
            // SAFETY: as above.
            Word::Inline(payload) => unsafe { self.inline(reader, payload, ty, kind, locals) },
            _ => corrupt("a value refers to nothing"),
        }
    }

    fn check_type(&self, object: &Object<'_>, ty: &'static TypeDesc) -> Decoded<()> {
        if self.matching.ty(object.ty).ok() == Some(self.program.type_index(ty)) {
            return Ok(());
        }
        corrupt("an object is of another type than the variable that holds it")
    }

    unsafe fn inline(
        &mut self,
        reader: &mut Reader<'a>,
        payload: u64,
        ty: &'static TypeDesc,
        kind: Kind,
        locals: &mut LocalTable<'a>,
    ) -> Decoded<*mut u8> {
        match kind {
            Kind::Str => {
                let text = reader.str(payload)?;
                // SAFETY: the context is good.
                Ok(unsafe { self.new_str(text.as_bytes()) })
            }
            Kind::List => {
                // SAFETY: the list has room for the elements that are read into it.
                unsafe {
                    let elem = type_at(ty.elem);
                    if payload > 0 && !self.program.facts(elem).flat {
                        return corrupt("a list stands where it cannot");
                    }
                    let list = self.new_list(payload, reader.left(), elem)?;
                    self.elements(reader, list, elem, locals)?;
                    Ok(list)
                }
            }
            Kind::Fn => {
                let Some(closure) = self.closure(payload, ty)? else {
                    return Ok(std::ptr::null_mut());
                };
                let (desc, captures) = closure;
                if !captures.is_empty() || desc.capture_count != 0 {
                    return corrupt("a function value lacks its captures");
                }
                if !desc.object.is_null() {
                    return Ok(desc.object.cast_mut());
                }
                // SAFETY: the context is good.
                Ok(unsafe { self.new_closure(desc) })
            }
            _ => corrupt("a value stands where it cannot"),
        }
    }

    /// The closure of a number in the old schema; `None` when the program lacks it, which is noted.
    #[expect(clippy::type_complexity, reason = "one use")]
    fn closure(
        &mut self,
        number: u64,
        ty: &'static TypeDesc,
    ) -> Decoded<Option<(&'static ClosureDesc, Vec<Option<u32>>)>> {
        let old = u32::try_from(number).unwrap_or(u32::MAX);
        if old as usize >= self.image.schema.closures.len() {
            return corrupt("it refers to a function that is not there");
        }
        match self.matching.closure(old) {
            Ok(found) => {
                let desc = self.program.closures[found.closure as usize];
                if self.program.type_index(desc.ty) != self.program.type_index(ty) {
                    return corrupt("a function value is of another type than its variable");
                }
                Ok(Some((desc, found.captures.clone())))
            }
            Err(differences) => {
                self.differences.extend(differences);
                Ok(None)
            }
        }
    }
}

/// Writes a pointer.
unsafe fn put(at: *mut u8, pointer: *mut u8) {
    // SAFETY: the caller has room for a pointer there.
    unsafe { at.cast::<*mut u8>().write_unaligned(pointer) };
}
