//! A hand-written program: types, functions with frame maps, closures; and worlds made of it. Its ramps make real frames; nothing resumes
//! them here.

use crate::config::Config;
use crate::heap::text;
use crate::world::{Worker, World};
use orion_abi::desc::{
    ARM_AFTER, ARM_JOIN, ARM_RECV, ARM_SCOPE, ARM_SEND, FieldDesc, NO_SLOT, PointKind,
    SLOT_CONSUMED, SLOT_DEST, SLOT_LIVE, TYPE_NEEDS_DROP, TypeKind, VariantDesc,
};
use orion_abi::object::BoxedObject;
use orion_abi::{
    ArmDesc, ClosureDesc, ClosureObject, Ctx, FnDesc, Frame, ListObject, PointDesc, ProgramDesc,
    Site, SlotDesc, StaticStr, TypeDesc,
};
use orion_fast::memory::{orion_alloc, orion_frame_alloc};
use std::cell::RefCell;
use std::ptr::{null, null_mut};

fn leak<T>(value: T) -> *const T {
    Box::leak(Box::new(value))
}

fn leak_all<T>(values: Vec<T>) -> *const T {
    Vec::leak(values).as_ptr()
}

fn name(text: &str) -> StaticStr {
    StaticStr::new(String::leak(text.to_owned()))
}

fn site(function: &str, line: u32) -> Site {
    Site { function: name(function), file: name("prog.or"), line, column: 5 }
}

fn plain(kind: TypeKind, text: &str, size: u32) -> *const TypeDesc {
    let flags = if matches!(kind as u8, 15 | 16 | 20..=26) { TYPE_NEEDS_DROP } else { 0 };
    leak(TypeDesc {
        kind: kind as u8,
        flags,
        pad: 0,
        size,
        align: size.clamp(1, 8),
        count: 0,
        name: name(text),
        elem: null(),
        fields: null(),
        variants: null(),
    })
}

fn of(kind: TypeKind, text: &str, elem: *const TypeDesc) -> *const TypeDesc {
    // SAFETY: just leaked.
    let base = unsafe { &*plain(kind, text, 8) };
    leak(TypeDesc { elem, ..copy(base) })
}

fn copy(ty: &TypeDesc) -> TypeDesc {
    // SAFETY: plain data without ownership.
    unsafe { std::ptr::read(ty) }
}

fn fields(list: &[(&str, *const TypeDesc)], start: u32) -> (Vec<FieldDesc>, u32) {
    let mut offset = start;
    let mut out = Vec::new();
    for (text, ty) in list {
        // SAFETY: descriptors are leaked.
        let (size, align) = unsafe { ((**ty).size, (**ty).align.max(1)) };
        offset = offset.next_multiple_of(align);
        out.push(FieldDesc { name: name(text), ty: *ty, offset, pad: 0 });
        offset += size;
    }
    (out, offset.next_multiple_of(8))
}

fn record(kind: TypeKind, text: &str, list: &[(&str, *const TypeDesc)]) -> *const TypeDesc {
    let (fields, size) = fields(list, 0);
    let count = fields.len() as u32;
    // SAFETY: descriptors are leaked.
    let flags = list.iter().fold(0, |flags, (_, ty)| flags | unsafe { (**ty).flags });
    let base = TypeDesc {
        kind: kind as u8,
        flags,
        pad: 0,
        size,
        align: 8,
        count,
        name: name(text),
        elem: null(),
        fields: leak_all(fields),
        variants: null(),
    };
    leak(base)
}

/// The variants of a sum; boxed ones when `boxed`.
fn variants(list: &[(&str, &[(&str, *const TypeDesc)])], boxed: bool) -> (Vec<VariantDesc>, u32) {
    let mut size = 8;
    let mut out = Vec::new();
    for (text, parts) in list {
        let (fields, end) = fields(parts, if boxed { 16 } else { 8 });
        size = size.max(end);
        let count = fields.len() as u32;
        let object_size = if boxed { end } else { 0 };
        out.push(VariantDesc { name: name(text), fields: leak_all(fields), count, object_size });
    }
    (out, size)
}

/// The types of the program.
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "named as in the language")]
pub struct Types {
    pub unit: *const TypeDesc,
    pub boolean: *const TypeDesc,
    pub character: *const TypeDesc,
    pub i8: *const TypeDesc,
    pub i64: *const TypeDesc,
    pub f64: *const TypeDesc,
    pub duration: *const TypeDesc,
    pub text: *const TypeDesc,
    pub ints: *const TypeDesc,
    pub texts: *const TypeDesc,
    pub bools: *const TypeDesc,
    pub units: *const TypeDesc,
    pub pair: *const TypeDesc,
    pub point: *const TypeDesc,
    pub points: *const TypeDesc,
    pub option: *const TypeDesc,
    pub chain: *const TypeDesc,
    pub node: *const TypeDesc,
    pub chan: *const TypeDesc,
    pub text_chan: *const TypeDesc,
    pub task: *const TypeDesc,
    pub scope: *const TypeDesc,
    pub function: *const TypeDesc,
}

impl Types {
    fn new() -> Self {
        let i64 = plain(TypeKind::I64, "i64", 8);
        let i8 = plain(TypeKind::I8, "i8", 1);
        let f64 = plain(TypeKind::F64, "f64", 8);
        let boolean = plain(TypeKind::Bool, "bool", 1);
        let text = plain(TypeKind::Str, "str", 8);
        let unit = plain(TypeKind::Unit, "()", 0);
        let point = record(TypeKind::Struct, "Point", &[("x", f64), ("y", f64)]);
        let (option_variants, size) = variants(&[("None", &[]), ("Some", &[("0", text)])], false);
        let option = leak(TypeDesc {
            kind: TypeKind::Sum as u8,
            size,
            count: 2,
            variants: leak_all(option_variants),
            ..copy(sized("Option[str]"))
        });
        let chain = boxed(TypeKind::BoxedSum, "Chain", |chain| {
            variants(&[("End", &[]), ("Link", &[("0", i64), ("1", text), ("2", chain)])], true).0
        });
        let node = boxed(TypeKind::BoxedStruct, "Node", |node| {
            let nodes = of(TypeKind::List, "[Node]", node);
            variants(&[("Node", &[("key", i64), ("below", nodes)])], true).0
        });
        Self {
            unit,
            boolean,
            character: plain(TypeKind::Char, "char", 4),
            i8,
            i64,
            f64,
            duration: plain(TypeKind::Duration, "Duration", 8),
            text,
            ints: of(TypeKind::List, "[i64]", i64),
            texts: of(TypeKind::List, "[str]", text),
            bools: of(TypeKind::List, "[bool]", boolean),
            units: of(TypeKind::List, "[()]", unit),
            pair: record(
                TypeKind::Tuple,
                "(i8, i64, bool)",
                &[("0", i8), ("1", i64), ("2", boolean)],
            ),
            point,
            points: of(TypeKind::List, "[Point]", point),
            option,
            chain,
            node,
            chan: of(TypeKind::Chan, "Chan[i64]", i64),
            text_chan: of(TypeKind::Chan, "Chan[str]", text),
            task: of(TypeKind::Task, "Task[i64]", i64),
            scope: plain(TypeKind::Scope, "Scope", 8),
            function: plain(TypeKind::Fn, "fn(i64) i64", 8),
        }
    }

    fn list(&self) -> Vec<*const TypeDesc> {
        vec![
            self.unit,
            self.boolean,
            self.character,
            self.i8,
            self.i64,
            self.f64,
            self.duration,
            self.text,
            self.ints,
            self.texts,
            self.bools,
            self.units,
            self.pair,
            self.point,
            self.points,
            self.option,
            self.chain,
            self.node,
            self.chan,
            self.text_chan,
            self.task,
            self.scope,
            self.function,
        ]
    }
}

fn sized(text: &str) -> &'static TypeDesc {
    // SAFETY: just leaked.
    unsafe { &*plain(TypeKind::Str, text, 8) }
}

/// A type that refers to itself.
fn boxed(
    kind: TypeKind,
    text: &str,
    variants: impl FnOnce(*const TypeDesc) -> Vec<VariantDesc>,
) -> *const TypeDesc {
    let ty: *mut TypeDesc = Box::leak(Box::new(copy(sized(text))));
    let list = variants(ty);
    // SAFETY: nobody else has it yet.
    unsafe {
        (*ty).kind = kind as u8;
        (*ty).count = list.len() as u32;
        (*ty).variants = leak_all(list);
    }
    ty
}

/// A slot of a frame map: name, type, role, arm. Offsets are given in order.
pub type SlotSpec = (&'static str, *const TypeDesc, u32, u32);
/// An arm: kind, target slot, value slot (by index), text.
pub type ArmSpec = (u32, Option<usize>, Option<usize>, &'static str);

/// Describes a point; slots are laid out one behind the other from `offset` on.
pub fn point(
    kind: PointKind,
    text: &str,
    line: u32,
    slots: &[SlotSpec],
    arms: &[ArmSpec],
    callee_result: *const TypeDesc,
) -> PointDesc {
    let mut offset = SLOTS_OFFSET;
    let slots: Vec<SlotDesc> = slots
        .iter()
        .map(|&(slot_name, ty, role, arm)| {
            // SAFETY: descriptors are leaked.
            let (size, align) = unsafe { ((*ty).size, (*ty).align.max(1)) };
            offset = offset.next_multiple_of(align);
            let slot = SlotDesc { name: name(slot_name), ty, offset, role, arm, ordinal: 0 };
            offset += size;
            slot
        })
        .collect();
    let at = |index: Option<usize>| index.map_or(NO_SLOT, |index| slots[index].offset);
    let arms: Vec<ArmDesc> = arms
        .iter()
        .map(|&(kind, target, value, arm_text)| ArmDesc {
            kind,
            target_offset: at(target),
            value_offset: at(value),
            pad: 0,
            ty: value.map_or(null(), |index| slots[index].ty),
            text: name(arm_text),
        })
        .collect();
    PointDesc {
        kind: kind as u32,
        ordinal: 0,
        text: name(text),
        site: site(text, line),
        slot_count: slots.len() as u32,
        arm_count: arms.len() as u32,
        slots: leak_all(slots),
        arms: leak_all(arms),
        wait_offset: WAIT_OFFSET,
        pad: 0,
        callee_result,
    }
}

/// Room for the result, then slots, then nodes: the frames of these tests are all of one size.
const SLOTS_OFFSET: u32 = 80;
const WAIT_OFFSET: u32 = 480;
const FRAME_BYTES: u32 = 800;
const FUNCTIONS_MAX: usize = 8;

thread_local! {
    static TABLE: RefCell<[*const FnDesc; FUNCTIONS_MAX]> = const { RefCell::new([null(); FUNCTIONS_MAX]) };
}

unsafe extern "C" fn ramp<const I: usize>(ctx: *mut Ctx, at: u32) -> *mut Frame {
    // SAFETY: the block holds the coroutine's head, the frame and its slots.
    unsafe {
        let block = orion_frame_alloc(ctx, i64::from(FRAME_BYTES) + 16);
        let frame = block.add(16).cast::<Frame>();
        (*frame).meta = TABLE.with_borrow(|table| table[I]);
        (*frame).at = at;
        frame
    }
}

type Ramp = unsafe extern "C" fn(*mut Ctx, u32) -> *mut Frame;
const RAMPS: [Ramp; FUNCTIONS_MAX] =
    [ramp::<0>, ramp::<1>, ramp::<2>, ramp::<3>, ramp::<4>, ramp::<5>, ramp::<6>, ramp::<7>];

unsafe extern "C" fn resume(_: *mut Ctx, _: *mut Frame) {}

/// A program under construction.
pub struct Build {
    pub types: Types,
    functions: Vec<*const FnDesc>,
    closures: Vec<*const ClosureDesc>,
}

/// A finished program.
#[derive(Clone, Copy)]
pub struct TestProgram {
    pub desc: &'static ProgramDesc,
    pub types: Types,
}

impl Build {
    pub fn new() -> Self {
        Self { types: Types::new(), functions: Vec::new(), closures: Vec::new() }
    }

    pub fn function(&mut self, text: &str, result: *const TypeDesc, points: Vec<PointDesc>) {
        let index = self.functions.len();
        let desc = FnDesc {
            name: name(text),
            site: site(text, 1),
            mir_hash: 7,
            ramp: RAMPS[index],
            resume,
            result,
            point_count: points.len() as u32,
            points: leak_all(points),
            frame_size: FRAME_BYTES,
            generator: null(),
        };
        let desc = leak(desc);
        TABLE.with_borrow_mut(|table| table[index] = desc);
        self.functions.push(desc);
    }

    pub fn closure(&mut self, text: &str, captures: &[(&str, *const TypeDesc)]) {
        let (captures, size) = fields(captures, 16);
        self.closures.push(leak(ClosureDesc {
            name: name(text),
            code: null(),
            capture_count: captures.len() as u32,
            captures: leak_all(captures),
            object_size: size,
            object: null(),
            ty: self.types.function,
        }));
    }

    pub fn finish(self, program: &str) -> TestProgram {
        let types = self.types.list();
        let desc = ProgramDesc {
            abi_version: orion_abi::ABI_VERSION,
            main_kind: 0,
            name: name(program),
            main: self.functions[0],
            function_count: self.functions.len() as u64,
            functions: leak_all(self.functions),
            closure_count: self.closures.len() as u64,
            closures: leak_all(self.closures),
            type_count: types.len() as u64,
            types: leak_all(types),
            test_count: 0,
            tests: null(),
        };
        TestProgram { desc: Box::leak(Box::new(desc)), types: self.types }
    }
}

/// `main` waits at the end of its scope, or calls; `work` receives, selects, sleeps, joins.
pub fn usual() -> TestProgram {
    usual_with(|_| {})
}

/// As [`usual`], with more functions.
pub fn usual_with(more: impl FnOnce(&mut Build)) -> TestProgram {
    let mut build = Build::new();
    let t = build.types;
    let start = |slots: &[SlotSpec]| point(PointKind::Start, "", 1, slots, &[], null());
    let everything: Vec<SlotSpec> = vec![
        ("s", t.scope, SLOT_LIVE, 0),
        ("b", t.boolean, SLOT_LIVE, 0),
        ("c", t.character, SLOT_LIVE, 0),
        ("n", t.i8, SLOT_LIVE, 0),
        ("i", t.i64, SLOT_LIVE, 0),
        ("x", t.f64, SLOT_LIVE, 0),
        ("text", t.text, SLOT_LIVE, 0),
        ("again", t.text, SLOT_LIVE, 0),
        ("ints", t.ints, SLOT_LIVE, 0),
        ("texts", t.texts, SLOT_LIVE, 0),
        ("bools", t.bools, SLOT_LIVE, 0),
        ("units", t.units, SLOT_LIVE, 0),
        ("pair", t.pair, SLOT_LIVE, 0),
        ("points", t.points, SLOT_LIVE, 0),
        ("some", t.option, SLOT_LIVE, 0),
        ("none", t.option, SLOT_LIVE, 0),
        ("chain", t.chain, SLOT_LIVE, 0),
        ("node", t.node, SLOT_LIVE, 0),
        ("f", t.function, SLOT_LIVE, 0),
        ("ch", t.chan, SLOT_LIVE, 0),
        ("out", t.text_chan, SLOT_LIVE, 0),
    ];
    build.function(
        "main",
        t.unit,
        vec![
            start(&[]),
            point(
                PointKind::ScopeExit,
                "",
                9,
                &[("s", t.scope, SLOT_LIVE, 0), ("t", t.task, SLOT_LIVE, 0)],
                &[(ARM_SCOPE, Some(0), None, "")],
                null(),
            ),
            point(PointKind::Call, "work", 10, &everything, &[], t.i64),
        ],
    );
    let select_slots: Vec<SlotSpec> = vec![
        ("ch", t.chan, SLOT_LIVE, 0),
        ("v", t.i64, SLOT_DEST, 0),
        ("out", t.text_chan, SLOT_LIVE, 0),
        ("w", t.text, SLOT_CONSUMED, 1),
        ("_1", t.duration, SLOT_LIVE, 0),
    ];
    build.function(
        "work",
        t.i64,
        vec![
            start(&[("ch", t.chan, SLOT_LIVE, 0)]),
            point(
                PointKind::Recv,
                "ch",
                20,
                &[
                    ("ch", t.chan, SLOT_LIVE, 0),
                    ("v", t.i64, SLOT_DEST, 0),
                    ("k", t.text, SLOT_LIVE, 0),
                ],
                &[(ARM_RECV, Some(0), Some(1), "ch")],
                null(),
            ),
            point(
                PointKind::Select,
                "",
                21,
                &select_slots,
                &[
                    (ARM_RECV, Some(0), Some(1), "ch"),
                    (ARM_SEND, Some(2), Some(3), "out"),
                    (ARM_AFTER, None, Some(4), "50ms"),
                ],
                null(),
            ),
            point(
                PointKind::Sleep,
                "",
                22,
                &[("_1", t.duration, SLOT_LIVE, 0)],
                &[(ARM_AFTER, None, Some(0), "")],
                null(),
            ),
            point(
                PointKind::Join,
                "t",
                23,
                &[("t", t.task, SLOT_CONSUMED, 0), ("r", t.i64, SLOT_DEST, 0)],
                &[(ARM_JOIN, Some(0), Some(1), "t")],
                null(),
            ),
            point(PointKind::Idle, "", 24, &[], &[], null()),
            point(PointKind::Poll, "", 25, &[("i", t.i64, SLOT_LIVE, 0)], &[], null()),
        ],
    );
    build.closure("main::{fn#1}", &[("k", t.text), ("n", t.i64)]);
    build.closure("twice", &[]);
    more(&mut build);
    build.finish("prog")
}

/// A worker with an empty world of a program. Nothing is freed but by the tests themselves.
pub fn empty_world(program: TestProgram) -> *mut World {
    let worker = Box::into_raw(Worker::new());
    let world = Box::into_raw(World::new(program.desc, worker, Config::default()));
    // SAFETY: both live for ever.
    unsafe { (*worker).world = world };
    world
}

/// A value, to be put into memory by type and read back.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "named as in the language")]
pub enum V {
    Unit,
    Bool(bool),
    Char(char),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<V>),
    Record(Vec<V>),
    Variant(usize, Vec<V>),
    Pointer(*mut u8),
    Closure(usize, Vec<V>),
}

/// Text.
pub fn t(text: &str) -> V {
    V::Text(text.to_owned())
}

/// Puts a value into zeroed memory.
///
/// # Safety
/// `at` has room for a value of the type.
pub unsafe fn put(program: TestProgram, ctx: *mut Ctx, at: *mut u8, ty: *const TypeDesc, v: &V) {
    // SAFETY: the descriptors of these tests are right.
    unsafe {
        match v {
            V::Unit => {}
            V::Bool(b) => *at = u8::from(*b),
            V::Char(c) => *at.cast::<u32>() = *c as u32,
            V::Int(i) if (*ty).size == 1 => *at = *i as u8,
            V::Int(i) => *at.cast::<i64>() = *i,
            V::Float(x) => *at.cast::<f64>() = *x,
            V::Text(text) => *at.cast::<*mut u8>() = text::new(ctx, text),
            V::Pointer(p) => *at.cast::<*mut u8>() = *p,
            V::List(items) => {
                let elem = (*ty).elem;
                let size = (*elem).size as usize;
                let list = if items.is_empty() {
                    text::empty()
                } else {
                    let list = orion_alloc(ctx, (24 + size * items.len()) as i64);
                    let len = items.len() as i64;
                    list.cast::<ListObject>().write(ListObject { rc: 1, len, cap: len });
                    list
                };
                for (index, item) in items.iter().enumerate() {
                    let place = list.add(24 + index * size);
                    // Padding is not zero in real life.
                    place.write_bytes(0xee, size);
                    put(program, ctx, place, elem, item);
                }
                *at.cast::<*mut u8>() = list;
            }
            V::Record(items) if (*ty).kind == TypeKind::BoxedStruct as u8 => {
                *at.cast::<*mut u8>() = boxed_object(program, ctx, ty, 0, items);
            }
            V::Record(items) => {
                for (index, item) in items.iter().enumerate() {
                    let field = &*(*ty).fields.add(index);
                    put(program, ctx, at.add(field.offset as usize), field.ty, item);
                }
            }
            V::Variant(tag, items) if (*ty).kind == TypeKind::BoxedSum as u8 => {
                *at.cast::<*mut u8>() = if items.is_empty() {
                    std::ptr::without_provenance_mut(tag * 2 + 1)
                } else {
                    boxed_object(program, ctx, ty, *tag, items)
                };
            }
            V::Variant(tag, items) => {
                *at.cast::<u32>() = *tag as u32;
                let variant = &*(*ty).variants.add(*tag);
                for (index, item) in items.iter().enumerate() {
                    let field = &*variant.fields.add(index);
                    put(program, ctx, at.add(field.offset as usize), field.ty, item);
                }
            }
            V::Closure(index, items) => {
                let desc = *program.desc.closures.add(*index);
                let object = orion_alloc(ctx, i64::from((*desc).object_size.max(16)));
                object.cast::<ClosureObject>().write(ClosureObject { rc: 1, desc });
                for (index, item) in items.iter().enumerate() {
                    let field = &*(*desc).captures.add(index);
                    put(program, ctx, object.add(field.offset as usize), field.ty, item);
                }
                *at.cast::<*mut u8>() = object;
            }
        }
    }
}

unsafe fn boxed_object(
    program: TestProgram,
    ctx: *mut Ctx,
    ty: *const TypeDesc,
    tag: usize,
    items: &[V],
) -> *mut u8 {
    // SAFETY: as for `put`.
    unsafe {
        let variant = &*(*ty).variants.add(tag);
        let object = orion_alloc(ctx, i64::from(variant.object_size));
        object.cast::<BoxedObject>().write(BoxedObject { rc: 1, tag: tag as i64 });
        for (index, item) in items.iter().enumerate() {
            let field = &*variant.fields.add(index);
            put(program, ctx, object.add(field.offset as usize), field.ty, item);
        }
        object
    }
}

/// Reads a value back.
///
/// # Safety
/// `at` holds a value of the type.
pub unsafe fn get(program: TestProgram, at: *const u8, ty: *const TypeDesc) -> V {
    // SAFETY: as for `put`.
    unsafe {
        let pointer = || *at.cast::<*mut u8>();
        let parts = |base: *const u8, fields: *const FieldDesc, count: usize| -> Vec<V> {
            (0..count)
                .map(|index| {
                    let field = &*fields.add(index);
                    get(program, base.add(field.offset as usize), field.ty)
                })
                .collect()
        };
        match (*ty).kind {
            0 => V::Unit,
            1 => V::Bool(*at == 1),
            2 => V::Char(char::from_u32(*at.cast::<u32>()).expect("a char")),
            3 => V::Int(i64::from(*at as i8)),
            12 => V::Float(*at.cast::<f64>()),
            15 => V::Text(text::as_str(pointer()).to_owned()),
            16 => {
                let list = pointer();
                let size = (*(*ty).elem).size as usize;
                let count = (*list.cast::<ListObject>()).len as usize;
                V::List(
                    (0..count)
                        .map(|index| get(program, list.add(24 + index * size), (*ty).elem))
                        .collect(),
                )
            }
            17 | 18 => V::Record(parts(at, (*ty).fields, (*ty).count as usize)),
            19 => {
                let tag = *at.cast::<u32>() as usize;
                let variant = &*(*ty).variants.add(tag);
                V::Variant(tag, parts(at, variant.fields, variant.count as usize))
            }
            20 | 21 => {
                let object = pointer();
                if object as usize & 1 == 1 {
                    return V::Variant(object as usize >> 1, Vec::new());
                }
                let tag = (*object.cast::<BoxedObject>()).tag as usize;
                let variant = &*(*ty).variants.add(tag);
                let parts = parts(object, variant.fields, variant.count as usize);
                if (*ty).kind == 20 { V::Record(parts) } else { V::Variant(tag, parts) }
            }
            22 => {
                let object = pointer();
                let desc = (*object.cast::<ClosureObject>()).desc;
                let count = program.desc.closure_count as usize;
                let index = (0..count)
                    .position(|index| std::ptr::eq(*program.desc.closures.add(index), desc))
                    .expect("a closure of the program");
                V::Closure(index, parts(object, (*desc).captures, (*desc).capture_count as usize))
            }
            23..=26 => V::Pointer(pointer()),
            _ => V::Int(*at.cast::<i64>()),
        }
    }
}

/// Makes a frame of function `function` at `point` and puts its slots in order.
///
/// # Safety
/// The values fit the slots that are given.
pub unsafe fn frame(
    program: TestProgram,
    ctx: *mut Ctx,
    function: usize,
    at: u32,
    values: &[V],
) -> *mut Frame {
    // SAFETY: the descriptors of these tests are right.
    unsafe {
        let desc = &**program.desc.functions.add(function);
        let frame = (desc.ramp)(ctx, at);
        let point = &*desc.points.add(at as usize);
        for (index, value) in values.iter().enumerate() {
            let slot = &*point.slots.add(index);
            put(program, ctx, frame.cast::<u8>().add(slot.offset as usize), slot.ty, value);
        }
        frame
    }
}

/// Reads the slots of a frame, all of them.
///
/// # Safety
/// All slots hold values.
pub unsafe fn slots(program: TestProgram, frame: *mut Frame) -> Vec<V> {
    // SAFETY: the frame stands at a point.
    unsafe {
        let point = &*(*(*frame).meta).points.add((*frame).at as usize);
        (0..point.slot_count as usize)
            .map(|index| {
                let slot = &*point.slots.add(index);
                get(program, frame.cast::<u8>().add(slot.offset as usize), slot.ty)
            })
            .collect()
    }
}

/// A null pointer as a value.
pub const NULL: V = V::Pointer(null_mut());
