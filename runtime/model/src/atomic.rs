//! The words of `orion_fast::atomic`, with a chance for other threads before every access.
//!
//! Threads run one at a time, so an access itself is what the plain one is, sequentially consistent; what weaker orderings allow is loom's to try
//! (`tests/orderings.rs`).

use std::sync::atomic as plain;

pub use plain::Ordering;

use crate::os::step;

macro_rules! word {
    ($Name:ident, $T:ty) => {
        /// As the plain one.
        #[derive(Default)]
        #[repr(transparent)]
        pub struct $Name(plain::$Name);

        impl $Name {
            /// As the plain one.
            #[must_use]
            pub const fn new(value: $T) -> Self {
                Self(plain::$Name::new(value))
            }

            /// As the plain one.
            ///
            /// # Safety
            /// As there.
            #[must_use]
            pub const unsafe fn from_ptr<'a>(word: *mut $T) -> &'a Self {
                // SAFETY: the caller's promise; the layouts are the same.
                unsafe { &*word.cast::<Self>() }
            }

            /// As the plain one.
            #[must_use]
            pub fn load(&self, _: Ordering) -> $T {
                step();
                self.0.load(Ordering::SeqCst)
            }

            /// As the plain one.
            pub fn store(&self, value: $T, _: Ordering) {
                step();
                self.0.store(value, Ordering::SeqCst);
            }

            /// As the plain one.
            pub fn swap(&self, value: $T, _: Ordering) -> $T {
                step();
                self.0.swap(value, Ordering::SeqCst)
            }

            /// As the plain one.
            ///
            /// # Errors
            /// As there.
            pub fn compare_exchange_weak(
                &self,
                from: $T,
                to: $T,
                _: Ordering,
                _: Ordering,
            ) -> Result<$T, $T> {
                step();
                self.0.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst)
            }
        }
    };
}

macro_rules! number {
    ($Name:ident, $T:ty) => {
        word!($Name, $T);

        impl $Name {
            /// As the plain one.
            pub fn fetch_add(&self, value: $T, _: Ordering) -> $T {
                step();
                self.0.fetch_add(value, Ordering::SeqCst)
            }

            /// As the plain one.
            pub fn fetch_sub(&self, value: $T, _: Ordering) -> $T {
                step();
                self.0.fetch_sub(value, Ordering::SeqCst)
            }

            /// As the plain one.
            pub fn fetch_or(&self, value: $T, _: Ordering) -> $T {
                step();
                self.0.fetch_or(value, Ordering::SeqCst)
            }

            /// As the plain one.
            pub fn fetch_and(&self, value: $T, _: Ordering) -> $T {
                step();
                self.0.fetch_and(value, Ordering::SeqCst)
            }
        }
    };
}

word!(AtomicBool, bool);
number!(AtomicU8, u8);
number!(AtomicU32, u32);
number!(AtomicU64, u64);
number!(AtomicUsize, usize);
number!(AtomicI64, i64);

/// As the plain one.
#[repr(transparent)]
pub struct AtomicPtr<T>(plain::AtomicPtr<T>);

impl<T> AtomicPtr<T> {
    /// As the plain one.
    ///
    /// # Safety
    /// As there.
    #[must_use]
    pub const unsafe fn from_ptr<'a>(word: *mut *mut T) -> &'a Self {
        // SAFETY: the caller's promise; the layouts are the same.
        unsafe { &*word.cast::<Self>() }
    }

    /// As the plain one.
    pub fn store(&self, value: *mut T, _: Ordering) {
        step();
        self.0.store(value, Ordering::SeqCst);
    }
}
