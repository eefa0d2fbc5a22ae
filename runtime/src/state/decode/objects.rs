//! Objects of the heap: made with the size that their record gives, and filled when everything that refers to them has been read.
//!
//! An object that something refers to is made at once, zeroed, and waits in a queue (of its record, or of the shared objects) for its contents. So depth costs
//! no stack. Lengths are checked against the bytes that there are before memory is taken.

use std::collections::HashMap;

use orion_abi::{ClosureDesc, ClosureObject, ListObject, StrObject, TypeDesc, object::BoxedObject};
use orion_fast::blocks::block_alloc;
use orion_format::{bytes::Reader, schema::Kind, world::Object};

use super::{
    Decoded, Decoder, LocalTable, Unfilled, captures_of, corrupt, empty_object, type_at,
    variants_of,
};

impl<'a> Decoder<'a> {
    unsafe fn alloc(&mut self, bytes: usize) -> *mut u8 {
        self.objects_made += 1;
        // SAFETY: the context heads a worker; the block has `bytes` bytes.
        unsafe {
            let block = block_alloc(self.ctx, bytes);
            block.write_bytes(0, bytes);
            block
        }
    }

    pub(super) unsafe fn new_str(&mut self, text: &[u8]) -> *mut u8 {
        if text.is_empty() {
            return empty_object();
        }
        // SAFETY: the block has room for head and text.
        unsafe {
            let head = size_of::<StrObject>();
            let object = self.alloc(head + text.len());
            let length = text.len() as i64;
            object.cast::<StrObject>().write(StrObject { rc: 1, len: length, cap: length });
            object.add(head).copy_from_nonoverlapping(text.as_ptr(), text.len());
            object
        }
    }

    /// A list of `count` zeroed elements; `left` is how many bytes there are to read them from.
    pub(super) unsafe fn new_list(
        &mut self,
        count: u64,
        left: usize,
        elem: &TypeDesc,
    ) -> Decoded<*mut u8> {
        if count == 0 {
            return Ok(empty_object());
        }
        // Whatever takes room in memory takes at least one byte in the file.
        let length = i64::try_from(count).ok().filter(|_| elem.size == 0 || count <= left as u64);
        let size = usize::try_from(count).ok().and_then(|n| n.checked_mul(elem.size as usize));
        let bytes = size.and_then(|size| size.checked_add(size_of::<ListObject>()));
        let (Some(length), Some(bytes)) = (length, bytes.filter(|bytes| fits_in_memory(*bytes)))
        else {
            return corrupt("a list is cut short");
        };
        // SAFETY: the block has room for head and elements.
        unsafe {
            let object = self.alloc(bytes);
            object.cast::<ListObject>().write(ListObject { rc: 1, len: length, cap: length });
            Ok(object)
        }
    }

    pub(super) unsafe fn new_closure(&mut self, desc: &'static ClosureDesc) -> *mut u8 {
        // SAFETY: the descriptor's size holds head and captures.
        unsafe {
            let bytes = (desc.object_size as usize).max(size_of::<ClosureObject>());
            let object = self.alloc(bytes);
            object.cast::<ClosureObject>().write(ClosureObject { rc: 1, desc });
            object
        }
    }

    pub(super) unsafe fn elements(
        &mut self,
        reader: &mut Reader<'a>,
        list: *mut u8,
        elem: &'static TypeDesc,
        locals: &mut LocalTable<'a>,
    ) -> Decoded<()> {
        // SAFETY: the list was made with `len` elements of this type.
        unsafe {
            let count = (*list.cast::<ListObject>()).len as usize;
            let size = elem.size as usize;
            let first = list.add(size_of::<ListObject>());
            let facts = self.program.facts(elem);
            if facts.dense {
                let Some(bytes) = count.checked_mul(size) else {
                    return corrupt("a list is cut short");
                };
                first.copy_from_nonoverlapping(reader.take(bytes)?.as_ptr(), bytes);
                return Ok(());
            }
            if size == 0 {
                // Every element is the one value that the type has (or it has none, and the first read fails).
                return self.value(&mut reader.clone(), first, elem, locals);
            }
            for index in 0..count {
                self.value(reader, first.add(index * size), elem, locals)?;
            }
        }
        Ok(())
    }

    /// Makes an object of a table, zeroed but for its head; its contents wait in `locals`, if it has any that refer further.
    pub(super) unsafe fn make(
        &mut self,
        object: &Object<'a>,
        ty: &'static TypeDesc,
        kind: Kind,
        locals: &mut LocalTable<'a>,
    ) -> Decoded<*mut u8> {
        self.check_type(object, ty)?;
        let mut contents = Reader::new(object.bytes.0);
        // SAFETY: each object is made with the size that its contents need.
        unsafe {
            let address = match kind {
                Kind::Str => {
                    let text = contents.str(object.count)?;
                    contents.end()?;
                    return Ok(self.new_str(text.as_bytes()));
                }
                Kind::List => self.new_list(object.count, contents.left(), type_at(ty.elem))?,
                Kind::BoxedStruct | Kind::BoxedSum => {
                    let (tag, fields) = self.variant(&mut contents, ty)?;
                    if kind == Kind::BoxedSum && fields.is_empty() {
                        return corrupt("a variant without fields is kept as an object");
                    }
                    let bytes = variants_of(ty)[tag as usize].object_size as usize;
                    let address = self.alloc(bytes.max(size_of::<BoxedObject>()));
                    let head = BoxedObject { rc: 1, tag: i64::from(tag) };
                    address.cast::<BoxedObject>().write(head);
                    address
                }
                _ => {
                    let number = contents.varint()?;
                    match self.closure(number, ty)? {
                        Some((desc, _)) => self.new_closure(desc),
                        None => return Ok(std::ptr::null_mut()),
                    }
                }
            };
            locals.unfilled.push(Unfilled { address, ty, contents: Reader::new(object.bytes.0) });
            Ok(address)
        }
    }

    unsafe fn fill(&mut self, unfilled: Unfilled<'a>, locals: &mut LocalTable<'a>) -> Decoded<()> {
        let Unfilled { address, ty, mut contents } = unfilled;
        // SAFETY: the object was made by `make` from the same bytes.
        unsafe {
            match self.program.facts(ty).kind {
                Kind::List if address == empty_object() => {}
                Kind::List => {
                    self.elements(&mut contents, address, type_at(ty.elem), locals)?;
                }
                Kind::BoxedStruct | Kind::BoxedSum => {
                    let (_, fields) = self.variant(&mut contents, ty)?;
                    self.fields(&mut contents, address, fields, locals)?;
                }
                _ => {
                    let number = contents.varint()?;
                    if let Some((desc, captures)) = self.closure(number, ty)? {
                        let targets = captures_of(desc);
                        for target in captures {
                            let length = contents.varint()?;
                            let length = usize::try_from(length).unwrap_or(usize::MAX);
                            let mut capture = Reader::new(contents.take(length)?);
                            let Some(target) = target else { continue };
                            let field = &targets[target as usize];
                            let place = address.add(field.offset as usize);
                            self.value(&mut capture, place, field.ty, locals)?;
                            capture.end()?;
                        }
                    }
                }
            }
        }
        contents.end()
    }

    /// Fills what a record's values refer to in its own table.
    ///
    /// # Errors
    /// As for [`Self::value`].
    ///
    /// # Safety
    /// All values of the record have been read with this table.
    pub unsafe fn finish_locals(&mut self, locals: &mut LocalTable<'a>) -> Decoded<()> {
        while let Some(unfilled) = locals.unfilled.pop() {
            // SAFETY: the queue holds objects just made.
            unsafe { self.fill(unfilled, locals)? };
        }
        Ok(())
    }

    /// Fills all shared objects that were referred to and are not filled yet.
    ///
    /// # Errors
    /// As for [`Self::value`]; also when values contain themselves.
    ///
    /// # Safety
    /// The context is still good.
    pub unsafe fn finish_shared(&mut self) -> Decoded<()> {
        let image = self.image;
        while let Some(id) = self.shared_queue.pop() {
            let item = &image.objects[&id];
            let address = self.shared[&id];
            let old = &self.image.schema;
            let kind = old.ty(item.object.ty).kind();
            if kind == Kind::Str || address.is_null() || address == empty_object() {
                continue;
            }
            let ty = match self.matching.ty(item.object.ty) {
                Ok(index) => self.program.types[index as usize].desc,
                Err(_) => return corrupt("an object is of no type of the program"),
            };
            let contents = Reader::new(item.object.bytes.0);
            let mut locals = LocalTable::new(&item.locals);
            self.inside = Some(id);
            // SAFETY: the object was made with this type.
            unsafe {
                self.fill(Unfilled { address, ty, contents }, &mut locals)?;
                self.finish_locals(&mut locals)?;
            }
            self.inside = None;
        }
        self.check_cycles()
    }

    /// Shared objects must not contain themselves: no value does (Kahn's algorithm).
    fn check_cycles(&self) -> Decoded<()> {
        let mut incoming: HashMap<u64, usize> = HashMap::new();
        let mut outgoing: HashMap<u64, Vec<u64>> = HashMap::new();
        for &(from, to) in &self.edges {
            incoming.entry(from).or_default();
            *incoming.entry(to).or_default() += 1;
            outgoing.entry(from).or_default().push(to);
        }
        let mut free: Vec<u64> =
            incoming.iter().filter(|(_, count)| **count == 0).map(|(id, _)| *id).collect();
        let mut done = 0;
        while let Some(id) = free.pop() {
            done += 1;
            for to in outgoing.get(&id).into_iter().flatten() {
                let count = incoming.get_mut(to).expect("every end of an edge is counted");
                *count -= 1;
                if *count == 0 {
                    free.push(*to);
                }
            }
        }
        if done == incoming.len() { Ok(()) } else { corrupt("a value contains itself") }
    }
}

/// Blocks from this size on are asked for on trial before memory is taken for them.
const TRIAL_BYTES: usize = 64 << 20;

/// Whether the system would give that much memory: a file must not end the process by a number.
pub(super) fn fits_in_memory(bytes: usize) -> bool {
    if bytes < TRIAL_BYTES {
        return true;
    }
    // SAFETY: allocates and frees; nothing is touched.
    unsafe {
        let block = if bytes > isize::MAX as usize { return false } else { libc::malloc(bytes) };
        libc::free(block);
        !block.is_null()
    }
}
