//! Values of every kind survive the way through bytes: contents, sharing, depth, padding.

use super::programs::{TestProgram, V, empty_world, get, put, t, usual};
use crate::heap::drop::drop_value;
use crate::state::capture::{Header, capture};
use crate::state::decode::{Decoder, LocalTable};
use crate::state::encode::{Encoder, Locals};
use crate::state::program::Program;
use crate::world::{Worker, World};
use orion_abi::{ListObject, TypeDesc};
use orion_format::bytes::Reader;
use orion_format::image::Image;
use orion_format::world::{Object, SharedItem};

struct Bench {
    program: TestProgram,
    schema: Program,
    world: *mut World,
    empty: Vec<u8>,
}

impl Bench {
    fn new() -> Self {
        let program = usual();
        let world = empty_world(program);
        // SAFETY: the program and the world are good.
        unsafe {
            let schema = Program::new(program.desc).expect("a schema");
            // An image with a main task, so that there is a schema to decode against.
            let ctx = Worker::ctx((*world).worker);
            let main = super::programs::frame(program, ctx, 0, 0, &[]);
            let task = crate::world::new_task(ctx, 1, main, crate::world::no_site());
            (*task).state = orion_fast::task::TASK_READY;
            (*world).main = task;
            (*world).next_task_id = 2;
            (*(*world).worker).head.ready.push(task);
            let header = Header { number: 1, sealed: true, now_ns: 0 };
            let empty = capture(world, &schema, &header).expect("saved");
            Self { program, schema, world, empty }
        }
    }

    /// Bytes of a value with the objects it refers to, and the value that is read from them. The original is dropped.
    fn through_bytes(&self, ty: *const TypeDesc, value: &V) -> (Vec<u8>, V) {
        // SAFETY: the memory has room for every type of the tests.
        unsafe {
            let ctx = Worker::ctx((*self.world).worker);
            let mut place = [0u64; 64];
            let at = place.as_mut_ptr().cast::<u8>();
            put(self.program, ctx, at, ty, value);
            let mut all = Vec::new();
            let restored = self.reread(at, ty, &mut all);
            drop_value(ctx, at, ty);
            (all, restored)
        }
    }

    unsafe fn reread(&self, at: *mut u8, ty: *const TypeDesc, all: &mut Vec<u8>) -> V {
        // SAFETY: the caller's place holds a value.
        unsafe {
            let ctx = Worker::ctx((*self.world).worker);
            let mut encoder = Encoder::new(&self.schema);
            let mut locals = Locals::default();
            let mut bytes = Vec::new();
            encoder.value(&mut bytes, at, ty, &mut locals).expect("saved");
            encoder.finish_locals(&mut locals).expect("saved");
            let mut shared = Vec::new();
            let mut index = 0;
            while index < encoder.shared_count() {
                let mut contents = Vec::new();
                let mut own = Locals::default();
                let (ty, count) =
                    encoder.shared_object(index, &mut contents, &mut own).expect("saved");
                encoder.finish_locals(&mut own).expect("saved");
                shared.push((ty, count, contents, own));
                index += 1;
            }
            let objects: Vec<Object<'_>> = locals.objects();
            let mut image = Image::read(&self.empty).expect("an image");
            for (index, (ty, count, contents, own)) in shared.iter().enumerate() {
                let id = index as u64 + 1;
                let bytes = orion_format::world::Blob(contents);
                let object = Object { ty: *ty, count: *count, bytes };
                image.objects.insert(id, SharedItem { id, object, locals: own.objects() });
            }
            all.extend_from_slice(&bytes);
            for object in &objects {
                all.extend_from_slice(object.bytes.0);
            }
            let mut decoder = Decoder::new(&self.schema, &image, ctx);
            let mut table = LocalTable::new(&objects);
            let mut target = [0u64; 64];
            let to = target.as_mut_ptr().cast::<u8>();
            let mut reader = Reader::new(&bytes);
            decoder.value(&mut reader, to, ty, &mut table).expect("read");
            reader.end().expect("all was read");
            decoder.finish_locals(&mut table).expect("read");
            decoder.finish_shared().expect("read");
            let value = get(self.program, to, ty);
            drop_value(ctx, to, ty);
            value
        }
    }

    fn check(&self, ty: *const TypeDesc, value: V) -> Vec<u8> {
        let (bytes, restored) = self.through_bytes(ty, &value);
        assert_eq!(restored, value);
        let (again, _) = self.through_bytes(ty, &value);
        assert_eq!(bytes, again, "equal values have equal bytes");
        bytes
    }
}

#[test]
fn every_kind_of_value_comes_back() {
    let bench = Bench::new();
    let y = bench.program.types;
    bench.check(y.unit, V::Unit);
    bench.check(y.boolean, V::Bool(true));
    bench.check(y.character, V::Char('\u{1F600}'));
    bench.check(y.i8, V::Int(-128));
    assert_eq!(bench.check(y.i64, V::Int(i64::MIN)).len(), 8);
    bench.check(y.f64, V::Float(f64::INFINITY));
    bench.check(y.text, t(""));
    bench.check(y.text, t("häßlich"));
    bench.check(y.pair, V::Record(vec![V::Int(-1), V::Int(1 << 40), V::Bool(true)]));
    bench.check(y.ints, V::List(vec![]));
    bench.check(y.ints, V::List((0..1000).map(V::Int).collect()));
    bench.check(y.bools, V::List(vec![V::Bool(true), V::Bool(false)]));
    bench.check(y.units, V::List(vec![V::Unit; 5]));
    bench.check(y.texts, V::List(vec![t("a"), t(""), t("long enough for the heap")]));
    let point = |x: f64| V::Record(vec![V::Float(x), V::Float(-0.5)]);
    bench.check(y.points, V::List(vec![point(1.0), point(2.0)]));
    bench.check(y.option, V::Variant(0, vec![]));
    bench.check(y.option, V::Variant(1, vec![t("x")]));
    let chain = V::Variant(1, vec![V::Int(1), t("one"), V::Variant(0, vec![])]);
    bench.check(y.chain, V::Variant(1, vec![V::Int(2), t("two"), chain]));
    let leaf = |n| V::Record(vec![V::Int(n), V::List(vec![])]);
    bench.check(y.node, V::Record(vec![V::Int(0), V::List(vec![leaf(1), leaf(2)])]));
    bench.check(y.function, V::Closure(0, vec![t("captured"), V::Int(3)]));
    bench.check(y.function, V::Closure(1, vec![]));
}

#[test]
fn sharing_is_kept() {
    let bench = Bench::new();
    let y = bench.program.types;
    // SAFETY: the places have room; counts are kept by hand.
    unsafe {
        let ctx = Worker::ctx((*bench.world).worker);
        let mut place = [0u64; 4];
        let at = place.as_mut_ptr().cast::<u8>();
        put(bench.program, ctx, at, y.texts, &V::List(vec![t("shared text"), t("own"), t("x")]));
        let list = *at.cast::<*mut u8>();
        let slots = list.add(size_of::<ListObject>()).cast::<*mut u8>();
        // The third element becomes the first once more.
        crate::heap::text::drop_str(ctx, *slots.add(2));
        *(*slots).cast::<i64>() += 1;
        *slots.add(2) = *slots;
        let mut bytes = Vec::new();
        let value = bench.reread(at, y.texts, &mut bytes);
        assert_eq!(value, V::List(vec![t("shared text"), t("own"), t("shared text")]));
        let found = bytes.windows(6).filter(|six| six == b"shared").count();
        assert_eq!(found, 0, "the shared text is not in the record itself");
        drop_value(ctx, at, y.texts);
    }
}

#[test]
fn a_chain_of_a_million_links_costs_no_stack() {
    let bench = Bench::new();
    let y = bench.program.types;
    let thread_size = 256 << 10;
    let (ty, bench) = (y.chain as usize, std::ptr::from_ref(&bench) as usize);
    // A small stack, so that recursion over the data would be seen.
    let worker = std::thread::Builder::new().stack_size(thread_size).spawn(move || {
        // SAFETY: the bench outlives the thread, which is joined, and only this thread uses it meanwhile.
        let bench = unsafe { &*(bench as *const Bench) };
        let ty = ty as *const TypeDesc;
        // SAFETY: objects are made by hand as the type says.
        unsafe {
            let ctx = Worker::ctx((*bench.world).worker);
            let mut chain: *mut u8 = std::ptr::without_provenance_mut(1);
            let link = V::Variant(1, vec![V::Int(7), t("link"), V::Variant(0, vec![])]);
            for _ in 0..1_000_000 {
                let mut place = [0u64; 1];
                put(bench.program, ctx, place.as_mut_ptr().cast(), ty, &link);
                let object = place[0] as *mut u8;
                *object.add(32).cast::<*mut u8>() = chain;
                chain = object;
            }
            let mut place = [chain as u64];
            let at = place.as_mut_ptr().cast::<u8>();
            let length = bench.count_after_bytes(at, ty);
            assert_eq!(length, 1_000_000);
            drop_value(ctx, at, ty);
        }
    });
    worker.expect("a thread").join().expect("no overflow");
}

impl Bench {
    /// Sends a chain through bytes and counts its links.
    unsafe fn count_after_bytes(&self, at: *mut u8, ty: *const TypeDesc) -> usize {
        // SAFETY: as for `reread`.
        unsafe {
            let ctx = Worker::ctx((*self.world).worker);
            let mut encoder = Encoder::new(&self.schema);
            let mut locals = Locals::default();
            let mut bytes = Vec::new();
            encoder.value(&mut bytes, at, ty, &mut locals).expect("saved");
            encoder.finish_locals(&mut locals).expect("saved");
            let objects = locals.objects();
            let image = Image::read(&self.empty).expect("an image");
            let mut decoder = Decoder::new(&self.schema, &image, ctx);
            let mut table = LocalTable::new(&objects);
            let mut target = [0u64; 1];
            let to = target.as_mut_ptr().cast::<u8>();
            decoder.value(&mut Reader::new(&bytes), to, ty, &mut table).expect("read");
            decoder.finish_locals(&mut table).expect("read");
            let mut count = 0;
            let mut object = target[0] as *mut u8;
            while object as usize & 1 == 0 {
                count += 1;
                object = *object.add(32).cast::<*mut u8>();
            }
            drop_value(ctx, to, ty);
            count
        }
    }
}
