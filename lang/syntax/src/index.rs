//! Typed `u32` indices and the vector they index, after Cranelift's entity references.
//!
//! An index type is made by [`define_index!`](crate::define_index); an [`IndexVec`] accepts no
//! other index than its own, so that a local cannot be looked up among the blocks.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

/// A `u32` that indexes one kind of thing.
pub trait Idx: Copy + Eq + std::hash::Hash + Ord + fmt::Debug + 'static {
    /// The index of position `i`.
    ///
    /// # Panics
    /// When `i` does not fit in 32 bits.
    fn new(i: usize) -> Self;
    /// The position.
    fn index(self) -> usize;
}

/// Defines `u32` index types: `define_index! { /// A block. pub struct BlockId = "bb"; }`.
/// The text is the prefix that `Debug` and `Display` print; the type's name where it is left out.
#[macro_export]
macro_rules! define_index {
    ($($(#[$meta:meta])* $vis:vis struct $name:ident $(= $prefix:literal)?;)+) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        $vis struct $name(u32);

        #[allow(dead_code)]
        impl $name {
            /// The index with this number.
            #[must_use]
            $vis const fn from_u32(raw: u32) -> Self {
                Self(raw)
            }
            /// The number.
            #[must_use]
            $vis const fn as_u32(self) -> u32 {
                self.0
            }
            /// The number as a position.
            #[must_use]
            $vis const fn index(self) -> usize {
                self.0 as usize
            }
            const PREFIX: &'static str = {
                let prefix: &[&str] = &[$($prefix,)? stringify!($name)];
                prefix[0]
            };
        }

        impl $crate::index::Idx for $name {
            fn new(i: usize) -> Self {
                Self(u32::try_from(i).expect("fewer than 2^32 entities"))
            }
            fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                write!(f, "{}{}", Self::PREFIX, self.0)
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                write!(f, "{}{}", Self::PREFIX, self.0)
            }
        }

        impl $crate::index::serde::Serialize for $name {
            fn serialize<S: $crate::index::serde::Serializer>(
                &self,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                serializer.serialize_u32(self.0)
            }
        }

        impl<'de> $crate::index::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::index::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                <u32 as $crate::index::serde::Deserialize>::deserialize(deserializer).map(Self)
            }
        }
    )+};
}

#[doc(hidden)]
pub use serde;

/// A vector indexed by `I` only.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IndexVec<I: Idx, T> {
    raw: Vec<T>,
    marker: PhantomData<fn(I)>,
}

impl<I: Idx, T> IndexVec<I, T> {
    /// Without elements.
    #[must_use]
    pub const fn new() -> Self {
        Self { raw: Vec::new(), marker: PhantomData }
    }

    /// `n` copies of `value`.
    #[must_use]
    pub fn from_elem(value: T, n: usize) -> Self
    where
        T: Clone,
    {
        Self::from(vec![value; n])
    }

    /// Appends `value` and returns its index.
    pub fn push(&mut self, value: T) -> I {
        let index = self.next_index();
        self.raw.push(value);
        index
    }

    /// The index that the next [`push`](Self::push) returns.
    #[must_use]
    pub fn next_index(&self) -> I {
        I::new(self.raw.len())
    }

    /// How many elements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.raw.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// The element, when the index is in range.
    #[must_use]
    pub fn get(&self, index: I) -> Option<&T> {
        self.raw.get(index.index())
    }

    /// The element, when the index is in range.
    pub fn get_mut(&mut self, index: I) -> Option<&mut T> {
        self.raw.get_mut(index.index())
    }

    /// The elements in order.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.raw.iter()
    }

    /// The elements in order.
    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, T> {
        self.raw.iter_mut()
    }

    /// The elements with their indices.
    pub fn iter_enumerated(&self) -> impl DoubleEndedIterator<Item = (I, &T)> + ExactSizeIterator {
        self.raw.iter().enumerate().map(|(i, value)| (I::new(i), value))
    }

    /// The elements with their indices.
    pub fn iter_enumerated_mut(
        &mut self,
    ) -> impl DoubleEndedIterator<Item = (I, &mut T)> + ExactSizeIterator {
        self.raw.iter_mut().enumerate().map(|(i, value)| (I::new(i), value))
    }

    /// The indices; they do not borrow the vector.
    pub fn indices(&self) -> impl DoubleEndedIterator<Item = I> + ExactSizeIterator + use<I, T> {
        (0..self.raw.len()).map(I::new)
    }

    /// The last element.
    #[must_use]
    pub fn last(&self) -> Option<&T> {
        self.raw.last()
    }

    /// Grows to at least `n` elements.
    pub fn resize(&mut self, n: usize, value: T)
    where
        T: Clone,
    {
        self.raw.resize(n, value);
    }

    /// Shortens to `n` elements.
    pub fn truncate(&mut self, n: usize) {
        self.raw.truncate(n);
    }

    /// The plain slice.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        &self.raw
    }

    /// The plain vector.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        self.raw
    }
}

impl<I: Idx, T> Default for IndexVec<I, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<I: Idx, T> From<Vec<T>> for IndexVec<I, T> {
    fn from(raw: Vec<T>) -> Self {
        Self { raw, marker: PhantomData }
    }
}

impl<I: Idx, T> FromIterator<T> for IndexVec<I, T> {
    fn from_iter<It: IntoIterator<Item = T>>(iter: It) -> Self {
        Self::from(iter.into_iter().collect::<Vec<T>>())
    }
}

impl<I: Idx, T> Extend<T> for IndexVec<I, T> {
    fn extend<It: IntoIterator<Item = T>>(&mut self, iter: It) {
        self.raw.extend(iter);
    }
}

impl<I: Idx, T> Index<I> for IndexVec<I, T> {
    type Output = T;
    fn index(&self, index: I) -> &T {
        &self.raw[index.index()]
    }
}

impl<I: Idx, T> IndexMut<I> for IndexVec<I, T> {
    fn index_mut(&mut self, index: I) -> &mut T {
        &mut self.raw[index.index()]
    }
}

impl<I: Idx, T> IntoIterator for IndexVec<I, T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;
    fn into_iter(self) -> Self::IntoIter {
        self.raw.into_iter()
    }
}

impl<'a, I: Idx, T> IntoIterator for &'a IndexVec<I, T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.raw.iter()
    }
}

impl<'a, I: Idx, T> IntoIterator for &'a mut IndexVec<I, T> {
    type Item = &'a mut T;
    type IntoIter = std::slice::IterMut<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.raw.iter_mut()
    }
}

impl<I: Idx, T: fmt::Debug> fmt::Debug for IndexVec<I, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.raw).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    define_index! {
        /// A thing.
        struct Thing = "t";
        /// Another.
        struct Plain;
    }

    #[test]
    fn pushes_and_prints() {
        let mut things: IndexVec<Thing, &str> = IndexVec::new();
        let a = things.push("a");
        let b = things.push("b");
        assert_eq!(things[b], "b");
        assert_eq!(format!("{a:?} {b} {}", Plain::from_u32(7)), "t0 t1 Plain7");
        assert_eq!(things.indices().collect::<Vec<_>>(), [a, b]);
    }
}
