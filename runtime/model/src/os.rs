//! The scheduler's operating system, under shuttle's control.
//!
//! Threads are coroutines of one thread; shuttle picks who goes on at every [`step`], at locks and at waits. What would wait for ever is found by shuttle
//! itself, which then reports a deadlock.
//!
//! The thread that ends time slices is left out (starting it fails, which the runtime allows for: everything works without it but preemption), since its
//! endless ticking would be most of every execution. Waits with a time may end at any moment.

use shuttle::sync::atomic::{AtomicBool, Ordering};

/// Rounds of looking for work before a worker rests.
pub const SEARCH_ROUNDS: u32 = 1;
/// Pauses between two of them.
pub const SEARCH_PAUSES: u32 = 1;

/// Ready tasks that a worker does not offer to others. None here: also of two tasks each runs anywhere.
pub const KEPT: usize = 0;
/// Dispatches of a worker after which a run changes between one worker and all.
pub const CHANGING_DISPATCHES: u64 = 2;

static WORD: AtomicBool = AtomicBool::new(false);

/// Another thread may come between here.
pub fn step() {
    let _ = WORD.load(Ordering::SeqCst);
}

/// Locks that put threads to sleep.
pub mod sync {
    use std::{
        ops::{Deref, DerefMut},
        sync::{LockResult, TryLockError, TryLockResult},
        time::Duration,
    };

    pub use shuttle::sync::Barrier;

    const HELD: &str = "the guard holds the lock but for the time of a wait";

    /// As `std`'s.
    #[derive(Default)]
    pub struct Mutex<T>(shuttle::sync::Mutex<T>);

    /// As `std`'s.
    pub struct MutexGuard<'a, T> {
        of: &'a Mutex<T>,
        inner: Option<shuttle::sync::MutexGuard<'a, T>>,
    }

    impl<T> Mutex<T> {
        /// As `std`'s.
        pub fn new(value: T) -> Self {
            Self(shuttle::sync::Mutex::new(value))
        }

        /// As `std`'s.
        ///
        /// # Errors
        /// None: a panic ends the execution.
        pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
            Ok(MutexGuard { of: self, inner: Some(take(self.0.lock())) })
        }
    }

    impl<T> Mutex<T> {
        /// As `std`'s.
        ///
        /// # Errors
        /// When somebody has the lock.
        pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
            match self.0.try_lock() {
                Ok(inner) => Ok(MutexGuard { of: self, inner: Some(inner) }),
                Err(_) => Err(TryLockError::WouldBlock),
            }
        }
    }

    fn take<T>(result: LockResult<T>) -> T {
        result.unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;
        fn deref(&self) -> &T {
            self.inner.as_deref().expect(HELD)
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.inner.as_deref_mut().expect(HELD)
        }
    }

    /// As `std`'s.
    #[derive(Default)]
    pub struct Condvar(shuttle::sync::Condvar);

    impl Condvar {
        /// As `std`'s.
        #[must_use]
        pub fn new() -> Self {
            Self::default()
        }

        /// As `std`'s.
        ///
        /// # Errors
        /// None.
        pub fn wait<'a, T>(&self, mut guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
            let inner = guard.inner.take().expect(HELD);
            guard.inner = Some(take(self.0.wait(inner)));
            Ok(guard)
        }

        /// As `std`'s, but that it always ends by time, or for no reason.
        ///
        /// # Errors
        /// None.
        pub fn wait_timeout<'a, T>(
            &self,
            mut guard: MutexGuard<'a, T>,
            _: Duration,
        ) -> LockResult<(MutexGuard<'a, T>, bool)> {
            drop(guard.inner.take());
            super::thread::yield_now();
            guard.inner = Some(take(guard.of.0.lock()));
            Ok((guard, true))
        }

        /// As `std`'s.
        pub fn notify_all(&self) {
            self.0.notify_all();
        }
    }
}

/// Threads.
pub mod thread {
    use std::{io, time::Duration};

    pub use shuttle::thread::{JoinHandle, Thread, current, park, yield_now};

    /// As `std`'s.
    pub struct Builder(shuttle::thread::Builder, bool);

    impl Default for Builder {
        fn default() -> Self {
            Self::new()
        }
    }

    impl Builder {
        /// As `std`'s.
        #[must_use]
        pub fn new() -> Self {
            Self(shuttle::thread::Builder::new(), false)
        }

        /// As `std`'s.
        #[must_use]
        pub fn name(self, name: String) -> Self {
            let is_ticker = name == "ticker";
            Self(self.0.name(name), is_ticker)
        }

        /// Stacks are as large as the model's configuration says.
        #[must_use]
        pub fn stack_size(self, _: usize) -> Self {
            self
        }

        /// As `std`'s.
        ///
        /// # Errors
        /// When it is the ticker.
        pub fn spawn<T: Send + 'static>(
            self,
            body: impl FnOnce() -> T + Send + 'static,
        ) -> io::Result<JoinHandle<T>> {
            if self.1 {
                return Err(io::ErrorKind::Unsupported.into());
            }
            self.0.spawn(body)
        }
    }

    /// Other threads run.
    pub fn spin_loop() {
        yield_now();
    }

    /// May end at any moment.
    pub fn park_timeout(_: Duration) {
        yield_now();
    }

    /// As above.
    pub fn sleep(_: Duration) {
        yield_now();
    }
}

/// The event descriptor: a flag.
pub mod event {
    use std::{cell::RefCell, rc::Rc};

    use shuttle::{
        rand::Rng,
        sync::{Condvar, Mutex},
        thread::yield_now,
    };

    use crate::clock;

    /// Most looks before time passes.
    const LOOKS: u32 = 12;

    #[derive(Default)]
    struct Event {
        was_notified: Mutex<bool>,
        changed: Condvar,
    }

    thread_local! {
        static EVENT: RefCell<Option<Rc<Event>>> = const { RefCell::new(None) };
    }

    fn the_event() -> Rc<Event> {
        EVENT.with_borrow(Clone::clone).expect("a run opens the event")
    }

    /// A new one, which nobody has notified.
    pub fn open() -> i32 {
        EVENT.set(Some(Rc::default()));
        0
    }

    /// The execution is over.
    pub fn close() {
        EVENT.set(None);
    }

    /// Ends the wait for it, now or as soon as it begins.
    pub fn notify(_: i32) {
        let event = the_event();
        *event.was_notified.lock().expect("no panic") = true;
        event.changed.notify_all();
    }

    /// Waits until it was notified, or until `ns` have passed (negative: for ever), which they may at any moment.
    pub fn wait(_: i32, other: Option<i32>, ns: i64) {
        assert!(other.is_none(), "models have no input or output");
        let event = the_event();
        if ns >= 0 {
            for _ in 0..shuttle::rand::thread_rng().gen_range(0..LOOKS) {
                if std::mem::take(&mut *event.was_notified.lock().expect("no panic")) {
                    return;
                }
                yield_now();
            }
            clock::advance(ns);
            return;
        }
        let mut was_notified = event.was_notified.lock().expect("no panic");
        while !std::mem::take(&mut *was_notified) {
            was_notified = event.changed.wait(was_notified).expect("no panic");
        }
    }
}
