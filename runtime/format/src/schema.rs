//! What a state file says about the program that wrote it: enough to name, show, check and match everything in it.
//!
//! Invariants of a [`Schema`] that passed [`Schema::check`]: every index is in range, every kind is known, types held in place do
//! not contain themselves, and point 0 of each function is its start. Only such a schema leaves this crate's readers.

use crate::error::FormatError;
use serde::{Deserialize, Serialize};

/// Index into [`Schema::strings`].
pub type StrIndex = u32;
/// Index into [`Schema::types`].
pub type TypeIndex = u32;

/// Kinds of types, numbered as the compiler numbers them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[allow(missing_docs, reason = "the names are those of the language")]
pub enum Kind {
    Unit,
    Bool,
    Char,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F32,
    F64,
    Duration,
    Instant,
    Str,
    List,
    Tuple,
    Struct,
    Sum,
    BoxedStruct,
    BoxedSum,
    Fn,
    Chan,
    Task,
    Scope,
    Gen,
    Ptr,
}

/// All kinds, in the order of their numbers.
pub const KINDS: [Kind; 28] = [
    Kind::Unit,
    Kind::Bool,
    Kind::Char,
    Kind::I8,
    Kind::I16,
    Kind::I32,
    Kind::I64,
    Kind::U8,
    Kind::U16,
    Kind::U32,
    Kind::U64,
    Kind::F32,
    Kind::F64,
    Kind::Duration,
    Kind::Instant,
    Kind::Str,
    Kind::List,
    Kind::Tuple,
    Kind::Struct,
    Kind::Sum,
    Kind::BoxedStruct,
    Kind::BoxedSum,
    Kind::Fn,
    Kind::Chan,
    Kind::Task,
    Kind::Scope,
    Kind::Gen,
    Kind::Ptr,
];

/// A type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Type {
    /// Number of its [`Kind`].
    pub kind: u8,
    /// As a person writes it.
    pub name: StrIndex,
    /// Element type of lists, channels, tasks.
    pub elem: Option<TypeIndex>,
    /// Fields of tuples and structs in place.
    pub fields: Vec<Field>,
    /// Variants of sums; a boxed struct has one.
    pub variants: Vec<Variant>,
}

impl Type {
    /// Its kind.
    ///
    /// # Panics
    /// On a type of an unchecked schema.
    #[must_use]
    pub fn kind(&self) -> Kind {
        KINDS[usize::from(self.kind)]
    }
}

/// A field or capture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Name, or its number.
    pub name: StrIndex,
    /// Type.
    pub ty: TypeIndex,
}

/// A variant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    /// Name.
    pub name: StrIndex,
    /// Fields.
    pub fields: Vec<Field>,
}

/// A place in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Site {
    /// Function, as people read it.
    pub function: StrIndex,
    /// File.
    pub file: StrIndex,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

/// A function with a coroutine body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    /// Path with type arguments: its identity.
    pub name: StrIndex,
    /// Where it is declared.
    pub site: Site,
    /// Hash of its MIR.
    pub mir_hash: u64,
    /// Type of the result.
    pub result: TypeIndex,
    /// Suspend points.
    pub points: Vec<Point>,
}

/// A suspend point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// Number of the kind, see [`POINT_KINDS`].
    pub kind: u32,
    /// Ordinal among the points of equal kind and text.
    pub ordinal: u32,
    /// Callee or channel expression.
    pub text: StrIndex,
    /// Where it is.
    pub site: Site,
    /// Frame map.
    pub slots: Vec<Slot>,
    /// What it waits for.
    pub arms: Vec<Arm>,
    /// Calls: type of the callee's result.
    pub callee_result: Option<TypeIndex>,
}

/// A variable in a frame map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Name.
    pub name: StrIndex,
    /// Type.
    pub ty: TypeIndex,
    /// `SLOT_*`.
    pub role: u32,
    /// Arm that consumes or fills it.
    pub arm: u32,
    /// Ordinal among variables of one name and type.
    pub ordinal: u32,
}

/// One of the things that a point waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arm {
    /// `ARM_*`.
    pub kind: u32,
    /// Index among the point's slots of the one that holds the channel, task or scope.
    pub target: Option<u32>,
    /// Index among the point's slots of the value's.
    pub value: Option<u32>,
    /// The channel or task expression.
    pub text: StrIndex,
}

/// A lambda or named function used as a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closure {
    /// Path: its identity.
    pub name: StrIndex,
    /// Its function type.
    pub ty: TypeIndex,
    /// Captures.
    pub captures: Vec<Field>,
}

/// A program, as far as its states are concerned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema<'a> {
    /// Name of the program: the state's owner.
    pub program: &'a str,
    /// Every string of the schema, once.
    #[serde(borrow)]
    pub strings: Vec<&'a str>,
    /// Types.
    pub types: Vec<Type>,
    /// Functions.
    pub functions: Vec<Function>,
    /// Closures.
    pub closures: Vec<Closure>,
}

/// `Slot::role`: valid while the frame stands at the point.
pub const SLOT_LIVE: u32 = 0;
/// `Slot::role`: an operand, valid until its arm has completed.
pub const SLOT_CONSUMED: u32 = 1;
/// `Slot::role`: a destination, valid once its arm has completed with a value.
pub const SLOT_DEST: u32 = 2;

/// `Arm::kind`: sends.
pub const ARM_SEND: u32 = 0;
/// `Arm::kind`: receives.
pub const ARM_RECV: u32 = 1;
/// `Arm::kind`: time.
pub const ARM_AFTER: u32 = 2;
/// `Arm::kind`: the end of a task.
pub const ARM_JOIN: u32 = 3;
/// `Arm::kind`: the end of a scope's tasks.
pub const ARM_SCOPE: u32 = 4;
/// `Arm::kind`: a generator.
pub const ARM_GEN: u32 = 5;
/// `Arm::kind`: an operation of the kernel.
pub const ARM_IO: u32 = 6;

/// How deep types may lie inside each other in place: the walkers of values nest as deep.
const NESTING_MAX: u32 = 500;

/// `Point::kind` of point 0.
pub const POINT_START: u32 = 0;
/// `Point::kind` of a call.
pub const POINT_CALL: u32 = 1;
/// `Point::kind` of a generator's yield.
pub const POINT_GEN_YIELD: u32 = 17;
/// `Point::kind` of `@idle()`.
pub const POINT_IDLE: u32 = 4;

/// Kinds of suspend points by number, as reports name them.
pub const POINT_KINDS: [&str; 21] = [
    "start",
    "call",
    "preempted",
    "yield",
    "idle",
    "sleep",
    "send",
    "receive",
    "select",
    "join",
    "try_join",
    "join_timeout",
    "cancel",
    "scope end",
    "scope cancel",
    "pause",
    "checkpoint",
    "generator yield",
    "generator next",
    "generator stop",
    "input or output",
];

impl<'a> Schema<'a> {
    /// A string.
    ///
    /// # Panics
    /// With an index of another schema.
    #[must_use]
    pub fn str(&self, index: StrIndex) -> &'a str {
        self.strings[index as usize]
    }

    /// A type.
    ///
    /// # Panics
    /// With an index of another schema.
    #[must_use]
    pub fn ty(&self, index: TypeIndex) -> &Type {
        &self.types[index as usize]
    }

    /// Checks every index and kind.
    ///
    /// # Errors
    /// Naming the first thing that is wrong.
    pub fn check(&self) -> Result<(), FormatError> {
        let wrong = |what: &str| Err(FormatError::corrupt(format!("its schema has {what}")));
        let text = |index: StrIndex| (index as usize) < self.strings.len();
        let ty = |index: TypeIndex| (index as usize) < self.types.len();
        let site = |site: &Site| text(site.function) && text(site.file);
        let fields = |fields: &[Field]| fields.iter().all(|f| text(f.name) && ty(f.ty));
        for each in &self.types {
            if usize::from(each.kind) >= KINDS.len() {
                return wrong("a type of an unknown kind");
            }
            let needs_elem = matches!(each.kind(), Kind::List | Kind::Chan | Kind::Task);
            let shape = fields(&each.fields)
                && each.variants.iter().all(|v| text(v.name) && fields(&v.fields))
                && text(each.name)
                && each.elem.is_none_or(ty)
                && (!needs_elem || each.elem.is_some())
                && (each.kind() != Kind::BoxedStruct || each.variants.len() == 1);
            if !shape {
                return wrong("a malformed type");
            }
        }
        for function in &self.functions {
            let head = text(function.name) && site(&function.site) && ty(function.result);
            if !head || function.points.first().is_none_or(|point| point.kind != 0) {
                return wrong("a malformed function");
            }
            for point in &function.points {
                let slot = |s: &Slot| text(s.name) && ty(s.ty) && s.role <= SLOT_DEST;
                let in_slots =
                    |index: Option<u32>| index.is_none_or(|i| (i as usize) < point.slots.len());
                let arm = |a: &Arm| {
                    a.kind <= ARM_IO && text(a.text) && in_slots(a.target) && in_slots(a.value)
                };
                let good = (point.kind as usize) < POINT_KINDS.len()
                    && text(point.text)
                    && site(&point.site)
                    && point.callee_result.is_none_or(ty)
                    && point.slots.iter().all(slot)
                    && point.arms.iter().all(arm);
                if !good {
                    return wrong("a malformed suspend point");
                }
            }
        }
        if !self.closures.iter().all(|c| text(c.name) && ty(c.ty) && fields(&c.captures)) {
            return wrong("a malformed closure");
        }
        self.check_in_place()
    }

    /// Checks that no type contains itself in place, nor nests deeper than the walkers of values go (depth-first search with colours, on a
    /// list instead of the stack).
    fn check_in_place(&self) -> Result<(), FormatError> {
        const OPEN: u32 = u32::MAX;
        // 0: not seen; OPEN: on the path; else the nesting.
        let mut nesting = vec![0u32; self.types.len()];
        for root in 0..self.types.len() as TypeIndex {
            let mut stack = vec![(root, false)];
            while let Some((index, leaving)) = stack.pop() {
                let seen = nesting[index as usize];
                if leaving {
                    let inner = self.parts_in_place(index).map(|part| nesting[part as usize]);
                    let depth = 1 + inner.max().unwrap_or(0);
                    if depth > NESTING_MAX {
                        return Err(FormatError::corrupt("its schema has types nested too deep"));
                    }
                    nesting[index as usize] = depth;
                    continue;
                }
                if seen != 0 && seen != OPEN {
                    continue;
                }
                if seen == OPEN {
                    return Err(FormatError::corrupt("its schema has a type inside itself"));
                }
                nesting[index as usize] = OPEN;
                stack.push((index, true));
                for part in self.parts_in_place(index) {
                    match nesting[part as usize] {
                        0 => stack.push((part, false)),
                        OPEN => {
                            return Err(FormatError::corrupt(
                                "its schema has a type inside itself",
                            ));
                        }
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    /// Types that lie inside a value of a type.
    fn parts_in_place(&self, index: TypeIndex) -> impl Iterator<Item = TypeIndex> + '_ {
        let ty = self.ty(index);
        let (fields, variants): (&[Field], &[Variant]) = match ty.kind() {
            Kind::Tuple | Kind::Struct => (&ty.fields, &[]),
            Kind::Sum => (&[], &ty.variants),
            _ => (&[], &[]),
        };
        fields.iter().chain(variants.iter().flat_map(|variant| &variant.fields)).map(|f| f.ty)
    }

    /// For each type whether its values lie in one piece: without a reference to anything.
    #[must_use]
    pub fn flat_types(&self) -> Vec<bool> {
        let mut flat: Vec<bool> =
            self.types.iter().map(|ty| (ty.kind() as u8) < Kind::Str as u8).collect();
        let compound = |ty: &Type| matches!(ty.kind(), Kind::Tuple | Kind::Struct | Kind::Sum);
        let mut users: Vec<Vec<TypeIndex>> = vec![Vec::new(); self.types.len()];
        let mut work = Vec::new();
        for (index, ty) in self.types.iter().enumerate() {
            flat[index] |= compound(ty);
            for part in self.parts_in_place(index as TypeIndex) {
                users[part as usize].push(index as TypeIndex);
            }
            if !flat[index] {
                work.push(index as TypeIndex);
            }
        }
        while let Some(index) = work.pop() {
            for &user in &users[index as usize] {
                if std::mem::replace(&mut flat[user as usize], false) {
                    work.push(user);
                }
            }
        }
        flat
    }

    /// The slots of a point that hold a value, by index, for a frame in the given state.
    ///
    /// `completed` is the outcome when the frame's operation is complete.
    pub fn valid_slots(point: &Point, completed: Option<u32>) -> impl Iterator<Item = usize> + '_ {
        (0..point.slots.len()).filter(move |&index| {
            let slot = &point.slots[index];
            slot_is_valid(slot.role, slot.arm, completed)
        })
    }
}

/// Whether a variable's name is a temporary's: `_` and a number.
#[must_use]
pub fn is_temporary(name: &str) -> bool {
    let number = name.strip_prefix('_').unwrap_or("");
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Outcome: the task must unwind; no arm has completed.
pub const OUTCOME_UNWIND: u32 = 0xffff_fffe;

/// Whether a slot holds a value: live ones always, operands until their arm has taken them, destinations once their
/// arm has brought a value. `completed` is the outcome of a complete operation: `arm << 1 | closed`, or [`OUTCOME_UNWIND`].
#[must_use]
pub fn slot_is_valid(role: u32, arm: u32, completed: Option<u32>) -> bool {
    let taken = completed.is_some_and(|outcome| {
        outcome != OUTCOME_UNWIND && outcome & 1 == 0 && outcome >> 1 == arm
    });
    match role {
        SLOT_LIVE => true,
        SLOT_CONSUMED => !taken,
        _ => taken,
    }
}
