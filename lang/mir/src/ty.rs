//! Monomorphic types: interned, structurally compared, in order of first use (so that everything derived from them is deterministic).

use indexmap::{IndexMap, IndexSet};

/// An interned monomorphic type of a [`TypeTable`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Ty(pub u32);

/// An algebraic data type of a [`TypeTable`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct AdtId(pub u32);

/// Integer types.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum IntTy {
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
}

impl IntTy {
    /// Width in bits.
    #[must_use]
    pub fn bits(self) -> u32 {
        match self {
            Self::I8 | Self::U8 => 8,
            Self::I16 | Self::U16 => 16,
            Self::I32 | Self::U32 => 32,
            Self::I64 | Self::U64 => 64,
        }
    }

    /// Whether it is signed.
    #[must_use]
    pub fn signed(self) -> bool {
        matches!(self, Self::I8 | Self::I16 | Self::I32 | Self::I64)
    }

    /// Its name in the source.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::I8 => "i8",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
        }
    }
}

/// The shape of a type.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum TyKind {
    /// `()`; also what an expression that never ends has.
    Unit,
    /// `bool`.
    Bool,
    /// `char`.
    Char,
    /// Integers.
    Int(IntTy),
    /// `f32`.
    F32,
    /// `f64`.
    F64,
    /// Nanoseconds.
    Duration,
    /// Nanoseconds since the epoch.
    Instant,
    /// `str`.
    Str,
    /// `[T]`.
    List(Ty),
    /// Tuples of two or more.
    Tuple(Vec<Ty>),
    /// Structs and sum types.
    Adt(AdtId),
    /// Function values. In-out parameters are flagged; calls give the result and the in-out values.
    Fn {
        /// Parameters: type, and whether in-out.
        params: Vec<(Ty, bool)>,
        /// Result.
        ret: Ty,
        /// Yield and send types when it may be called from a generator only.
        yields: Option<(Ty, Ty)>,
    },
    /// `Chan[T]`, `Send[T]`, `Recv[T]`: one representation.
    Chan(Ty),
    /// `Task[T]`.
    Task(Ty),
    /// `Scope`.
    Scope,
    /// `Gen[Y, S, R]`.
    Gen(Ty, Ty, Ty),
    /// C pointers.
    Ptr,
}

/// A named field.
#[derive(Clone, Debug)]
pub struct FieldDef {
    /// Name; `0`, `1`, … in variants.
    pub name: String,
    /// Type.
    pub ty: Ty,
}

/// A variant; structs have exactly one, of the type's name.
#[derive(Clone, Debug)]
pub struct VariantDef {
    /// Name.
    pub name: String,
    /// Fields in order.
    pub fields: Vec<FieldDef>,
}

/// A monomorphic struct or sum type.
#[derive(Clone, Debug)]
pub struct AdtDef {
    /// Module path, name and type arguments as people write them: `geometry.Tree[i64]`. Unique.
    pub name: String,
    /// Structs have one variant and no tag.
    pub is_struct: bool,
    /// Variants; the tag is the index.
    pub variants: Vec<VariantDef>,
    /// It contains itself by value: a value is one pointer to a counted object (sum variants without fields are odd words).
    /// Set by [`TypeTable::mark_boxed`] once all types are known.
    pub boxed: bool,
}

/// All types of a program.
#[derive(Default, Debug)]
pub struct TypeTable {
    kinds: IndexSet<TyKind>,
    adts: IndexMap<String, AdtDef>,
}

impl TypeTable {
    /// Interns a type.
    pub fn intern(&mut self, kind: TyKind) -> Ty {
        Ty(self.kinds.insert_full(kind).0 as u32)
    }

    /// Finds an already interned type.
    #[must_use]
    pub fn find(&self, kind: &TyKind) -> Option<Ty> {
        self.kinds.get_index_of(kind).map(|i| Ty(i as u32))
    }

    /// The shape of `ty`.
    #[must_use]
    pub fn kind(&self, ty: Ty) -> &TyKind {
        &self.kinds[ty.0 as usize]
    }

    /// Every type, in order of first use.
    pub fn iter(&self) -> impl Iterator<Item = (Ty, &TyKind)> {
        self.kinds.iter().enumerate().map(|(i, kind)| (Ty(i as u32), kind))
    }

    /// Declares the data type `name` without variants yet (types may refer to themselves); the id of the one that has the name, and whether it is new.
    pub fn declare_adt(&mut self, name: &str, is_struct: bool) -> (AdtId, bool) {
        if let Some(index) = self.adts.get_index_of(name) {
            return (AdtId(index as u32), false);
        }
        let def = AdtDef { name: name.to_owned(), is_struct, variants: Vec::new(), boxed: false };
        (AdtId(self.adts.insert_full(name.to_owned(), def).0 as u32), true)
    }

    /// Gives a declared data type its variants.
    pub fn define_adt(&mut self, id: AdtId, variants: Vec<VariantDef>) {
        self.adts[id.0 as usize].variants = variants;
    }

    /// The data type.
    #[must_use]
    pub fn adt(&self, id: AdtId) -> &AdtDef {
        &self.adts[id.0 as usize]
    }

    /// Every data type.
    pub fn adts(&self) -> impl Iterator<Item = (AdtId, &AdtDef)> {
        self.adts.values().enumerate().map(|(i, def)| (AdtId(i as u32), def))
    }

    /// Marks the data types that contain themselves by value (through tuples and other data types; lists, channels and functions break the
    /// chain, being pointers already): Tarjan's strongly connected components would do; reachability per type is enough at these sizes.
    pub fn mark_boxed(&mut self) {
        let boxed: Vec<bool> = (0..self.adts.len() as u32)
            .map(|id| {
                let mut seen = vec![false; self.adts.len()];
                let mut work = vec![AdtId(id)];
                while let Some(adt) = work.pop() {
                    let mut inner = Vec::new();
                    for field in self.adt(adt).variants.iter().flat_map(|v| &v.fields) {
                        self.by_value_adts(field.ty, &mut inner);
                    }
                    for next in inner {
                        if next.0 == id {
                            return true;
                        }
                        if !std::mem::replace(&mut seen[next.0 as usize], true) {
                            work.push(next);
                        }
                    }
                }
                false
            })
            .collect();
        for (def, boxed) in self.adts.values_mut().zip(boxed) {
            def.boxed = boxed;
        }
    }

    fn by_value_adts(&self, ty: Ty, out: &mut Vec<AdtId>) {
        match self.kind(ty) {
            TyKind::Adt(id) => out.push(*id),
            TyKind::Tuple(items) => items.iter().for_each(|item| self.by_value_adts(*item, out)),
            _ => {}
        }
    }

    /// Whether a value of `ty` owns something that has to be dropped (counts, tasks, scopes, generators).
    #[must_use]
    pub fn needs_drop(&self, ty: Ty) -> bool {
        self.needs_drop_in(ty, &mut Vec::new())
    }

    /// `outer` are the data types around `ty`: one that comes again is boxed, also before [`Self::mark_boxed`] has said so.
    fn needs_drop_in(&self, ty: Ty, outer: &mut Vec<AdtId>) -> bool {
        match self.kind(ty) {
            TyKind::Str
            | TyKind::List(_)
            | TyKind::Fn { .. }
            | TyKind::Chan(_)
            | TyKind::Task(_)
            | TyKind::Scope
            | TyKind::Gen(..) => true,
            TyKind::Tuple(items) => items.iter().any(|item| self.needs_drop_in(*item, outer)),
            TyKind::Adt(id) => {
                let def = self.adt(*id);
                if def.boxed || outer.contains(id) {
                    return true;
                }
                outer.push(*id);
                let mut fields = def.variants.iter().flat_map(|v| &v.fields);
                let found = fields.any(|field| self.needs_drop_in(field.ty, outer));
                outer.pop();
                found
            }
            _ => false,
        }
    }

    /// The type as people write it; unique per type.
    #[must_use]
    pub fn display(&self, ty: Ty) -> String {
        let list = |items: &[Ty]| {
            items.iter().map(|item| self.display(*item)).collect::<Vec<_>>().join(", ")
        };
        match self.kind(ty) {
            TyKind::Unit => "()".into(),
            TyKind::Bool => "bool".into(),
            TyKind::Char => "char".into(),
            TyKind::Int(int) => int.name().into(),
            TyKind::F32 => "f32".into(),
            TyKind::F64 => "f64".into(),
            TyKind::Duration => "Duration".into(),
            TyKind::Instant => "Instant".into(),
            TyKind::Str => "str".into(),
            TyKind::List(item) => format!("[{}]", self.display(*item)),
            TyKind::Tuple(items) => format!("({})", list(items)),
            TyKind::Adt(id) => self.adt(*id).name.clone(),
            TyKind::Fn { params, ret, yields } => {
                let params: Vec<_> = params
                    .iter()
                    .map(|(ty, inout)| {
                        format!("{}{}", if *inout { "mut " } else { "" }, self.display(*ty))
                    })
                    .collect();
                let yields = match yields {
                    Some((y, s)) => format!(" yields {} <- {}", self.display(*y), self.display(*s)),
                    None => String::new(),
                };
                format!("fn({}) {}{yields}", params.join(", "), self.display(*ret))
            }
            TyKind::Chan(item) => format!("Chan[{}]", self.display(*item)),
            TyKind::Task(item) => format!("Task[{}]", self.display(*item)),
            TyKind::Scope => "Scope".into(),
            TyKind::Gen(y, s, r) => format!("Gen[{}]", list(&[*y, *s, *r])),
            TyKind::Ptr => "ptr".into(),
        }
    }
}
