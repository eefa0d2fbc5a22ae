//! Class bounds: whether a type has a class, and what is said where it has not.
//!
//! Algorithm: explicit instances by one-way matching; then derivation over the parts of the type.
//! A type that is met again while it is examined has the class if all else has (coinduction), so
//! recursive types work.

use crate::globals::Globals;
use orion_diagnostics::{Diagnostic, ErrorCode};
use orion_hir::resolve::match_ty;
use orion_hir::{AdtKind, BuiltinClass, ClassId, Generic, Name, Ty, TyId, TyTable};
use orion_syntax::{Span, Symbol};

/// Why a type must have a class.
#[derive(Clone, Debug)]
pub enum Reason {
    /// The operator and where it stands.
    Operator(&'static str, Span),
    /// `{v}` in a string.
    Interpolation,
    /// A bound of a function's type parameter: the function and the parameter.
    Bound(Name, Name),
    /// A class member is called.
    Member(Symbol),
    /// A key of a map.
    MapKey,
    /// `v, ok := <-ch` needs a value for `v` once the channel is closed.
    ReceiveOk,
    /// A loop over a generator sends a value each round.
    GeneratorLoop,
}

/// A class that a type must have.
#[derive(Clone, Debug)]
pub struct Obligation {
    /// The class.
    pub class: ClassId,
    /// The type.
    pub ty: TyId,
    /// Where it is needed.
    pub span: Span,
    /// Why.
    pub reason: Reason,
}

impl Globals<'_> {
    /// Whether a type has a class; the part that is to blame where it has not.
    pub fn has_class(
        &mut self,
        class: ClassId,
        ty: TyId,
        generics: &[Generic],
    ) -> Result<(), TyId> {
        self.has_class_in(class, ty, generics, &mut Vec::new())
    }

    fn has_class_in(
        &mut self,
        class: ClassId,
        ty: TyId,
        generics: &[Generic],
        active: &mut Vec<(ClassId, TyId)>,
    ) -> Result<(), TyId> {
        if active.contains(&(class, ty)) || ty == TyTable::ERROR || ty == TyTable::NEVER {
            return Ok(());
        }
        let lang = self.program.lang;
        if let Ty::Param(index) = *self.program.types.kind(ty) {
            let bounds = &generics[index as usize].bounds;
            let has = bounds.contains(&class) || (class == lang.eq && bounds.contains(&lang.ord));
            return if has { Ok(()) } else { Err(ty) };
        }
        active.push((class, ty));
        let result = self.has_class_at(class, ty, generics, active);
        active.pop();
        result
    }

    fn has_class_at(
        &mut self,
        class: ClassId,
        ty: TyId,
        generics: &[Generic],
        active: &mut Vec<(ClassId, TyId)>,
    ) -> Result<(), TyId> {
        let instances = self.instances_of.get(&class).cloned().unwrap_or_default();
        for id in instances {
            let instance = &self.program.instances[id];
            let mut bound = vec![None; instance.generics.len()];
            if !match_ty(&self.program.types, instance.ty, ty, &mut bound) {
                continue;
            }
            let needs: Vec<(ClassId, TyId)> = instance
                .generics
                .iter()
                .zip(&bound)
                .flat_map(|(generic, arg)| {
                    let arg = arg.unwrap_or(TyTable::ERROR);
                    generic.bounds.iter().map(move |&class| (class, arg))
                })
                .collect();
            for (class, arg) in needs {
                self.has_class_in(class, arg, generics, active)?;
            }
            return Ok(());
        }
        let Some(builtin) = self.program.classes[class].builtin else { return Err(ty) };
        let lang = self.program.lang;
        if builtin == BuiltinClass::Eq && self.instances_of.contains_key(&lang.ord) {
            // An explicit order also decides equality.
            let explicit = self.program.find_instance(lang.ord, ty).is_some();
            if explicit {
                return self.has_class_in(lang.ord, ty, generics, active);
            }
        }
        match self.program.types.kind(ty).clone() {
            kind if kind.is_primitive() => Ok(()),
            Ty::List(_) if builtin == BuiltinClass::Default => Ok(()),
            Ty::List(part) => self.has_class_in(class, part, generics, active),
            Ty::Tuple(parts) => {
                parts.iter().try_for_each(|&part| self.has_class_in(class, part, generics, active))
            }
            Ty::Adt(adt, args) => {
                let kind = self.program.adts[adt].kind.clone();
                let parts: Vec<TyId> = match kind {
                    AdtKind::Struct(fields) => fields.iter().map(|field| field.ty).collect(),
                    AdtKind::Sum(variants) if builtin == BuiltinClass::Default => {
                        let has = variants.iter().any(|variant| variant.fields.is_empty());
                        return if has { Ok(()) } else { Err(ty) };
                    }
                    AdtKind::Sum(variants) => {
                        variants.iter().flat_map(|variant| variant.fields.clone()).collect()
                    }
                };
                for part in parts {
                    let part = self.program.types.subst(part, &args);
                    self.has_class_in(class, part, generics, active)?;
                }
                Ok(())
            }
            _ => Err(ty),
        }
    }

    /// Checks an obligation; what to report where it does not hold.
    pub fn solve(&mut self, obligation: &Obligation, generics: &[Generic]) -> Option<Diagnostic> {
        let blame = self.has_class(obligation.class, obligation.ty, generics).err()?;
        let class = self.program.classes[obligation.class].name.clone();
        let text = self.show(obligation.ty, generics);
        let part = self.show(blame, generics);
        let message = match &obligation.reason {
            Reason::Operator(op @ ("==" | "!="), _) => {
                format!("`{op}` cannot compare values of `{text}`")
            }
            Reason::Operator(op, _) => format!("`{op}` cannot order values of `{text}`"),
            Reason::Interpolation => format!("a `{text}` cannot be shown in a string"),
            Reason::Bound(name, generic) => {
                format!("`{name}` needs `{class}` of its `{generic}`, and `{text}` has it not")
            }
            Reason::Member(name) => {
                format!("`{}` needs `{class}`, and `{text}` has it not", name.as_str())
            }
            Reason::MapKey => format!("a `{text}` cannot be the key of a map"),
            Reason::ReceiveOk => {
                format!("`v, ok := <-ch` needs a default value, and `{text}` has none")
            }
            Reason::GeneratorLoop => {
                format!("`for` sends a default value to the generator, and `{text}` has none")
            }
        };
        let span = match &obligation.reason {
            Reason::Operator(_, span) => *span,
            _ => obligation.span,
        };
        let mut diagnostic = Diagnostic::new(ErrorCode::E0701, span, message)
            .label(format!("`{text}` has no `{class}`"));
        if blame != obligation.ty {
            diagnostic = diagnostic.note(format!("because the `{part}` in it has none"));
        }
        if let Ty::Param(index) = *self.program.types.kind(blame) {
            let generic = &generics[index as usize];
            let mut bounds: Vec<String> = generic
                .bounds
                .iter()
                .map(|&class| self.program.classes[class].name.to_string())
                .collect();
            bounds.push(class.to_string());
            diagnostic = diagnostic.help(format!(
                "add the bound: `[{}: {}]`",
                generic.name,
                bounds.join(" + ")
            ));
        } else if self.program.classes[obligation.class].builtin.is_none() {
            diagnostic =
                diagnostic.help(format!("write an instance: `instance {class}[{part}] {{ … }}`"));
        } else if matches!(obligation.reason, Reason::ReceiveOk) {
            diagnostic = diagnostic.help("`@recv(ch)` gives an `Option` and needs no default");
        } else {
            diagnostic = diagnostic.note(match self.program.types.kind(blame) {
                Ty::Fn(_) => "functions are compared and shown by nobody",
                Ty::Chan(_) | Ty::Send(_) | Ty::Recv(_) | Ty::Task(_) | Ty::Gen { .. } => {
                    "channels, tasks and generators are no data"
                }
                _ => "data types have it by themselves; this is none",
            });
        }
        Some(diagnostic)
    }
}
