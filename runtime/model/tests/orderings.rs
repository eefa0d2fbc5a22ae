//! The protocols of `orion_fast::word`, with loom's words: every execution that the memory model allows, also those in which threads see each other's
//! stores late and in different orders.
//!
//! The functions are the runtime's own (the file is included); only who calls them is written here, in the order in which the runtime does. What they
//! guard is a cell of loom's, which complains of an access that is not ordered after the last one.

use loom::{
    cell::UnsafeCell,
    model::Builder,
    sync::Arc,
    thread::{self, JoinHandle},
};

/// The words of the included file: loom's. Loom takes a sequentially consistent access for one that acquires and releases; here it stands between two
/// sequentially consistent fences, which loom knows. (That is a little more than it is in truth: it orders accesses of other words, too.)
mod atomic {
    use loom::sync::atomic::{self, fence};

    pub use loom::sync::atomic::Ordering;

    fn fenced<R>(strong: bool, access: impl FnOnce() -> R) -> R {
        if strong {
            fence(Ordering::SeqCst);
        }
        let result = access();
        if strong {
            fence(Ordering::SeqCst);
        }
        result
    }

    macro_rules! word {
        ($Name:ident, $T:ty, $is_lock:expr) => {
            pub struct $Name(atomic::$Name);

            #[allow(dead_code, reason = "not each word is used in each way")]
            impl $Name {
                pub fn new(value: $T) -> Self {
                    Self(atomic::$Name::new(value))
                }
                pub fn load(&self, order: Ordering) -> $T {
                    fenced(order == Ordering::SeqCst, || self.0.load(order))
                }
                pub fn store(&self, value: $T, order: Ordering) {
                    if $is_lock {
                        // Loom may order a store before an exchange that came before it.
                        self.0.swap(value, order);
                        return;
                    }
                    fenced(order == Ordering::SeqCst, || self.0.store(value, order));
                }
                pub fn swap(&self, value: $T, order: Ordering) -> $T {
                    fenced(order == Ordering::SeqCst, || self.0.swap(value, order))
                }
                pub fn fetch_add(&self, value: $T, order: Ordering) -> $T {
                    fenced(order == Ordering::SeqCst, || self.0.fetch_add(value, order))
                }
                pub fn fetch_sub(&self, value: $T, order: Ordering) -> $T {
                    fenced(order == Ordering::SeqCst, || self.0.fetch_sub(value, order))
                }
                pub fn fetch_or(&self, value: $T, order: Ordering) -> $T {
                    fenced(order == Ordering::SeqCst, || self.0.fetch_or(value, order))
                }
                pub fn fetch_and(&self, value: $T, order: Ordering) -> $T {
                    fenced(order == Ordering::SeqCst, || self.0.fetch_and(value, order))
                }
                pub fn compare_exchange_weak(
                    &self,
                    from: $T,
                    to: $T,
                    done: Ordering,
                    failed: Ordering,
                ) -> Result<$T, $T> {
                    // Loom never fails without a reason.
                    let strong = done == Ordering::SeqCst && failed == Ordering::SeqCst;
                    fenced(strong, || self.0.compare_exchange(from, to, done, failed))
                }
            }
        };
    }
    word!(AtomicU8, u8, false);
    word!(AtomicU32, u32, true);
    word!(AtomicI64, i64, false);
}
#[path = "../../fast/src/word.rs"]
#[allow(missing_docs)]
mod word;

use atomic::{AtomicI64, AtomicU8, AtomicU32, Ordering};
use word::{CLAIM_HELD, CLAIM_NONE, CLAIM_OPEN, END_OPEN};

/// A flag of a task.
const ASKED: u8 = 2;
/// Another one, which says that the first was delivered.
const CANCELLED: u8 = 4;

/// Tries all executions; of waits that spin, those in which nobody is preempted more than so often.
fn all(preemptions: Option<usize>, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = preemptions;
    builder.max_branches = 20_000;
    builder.check(model);
}

fn relax(_: u32) {
    thread::yield_now();
}

/// Several threads' value that is not atomic.
struct Plain(UnsafeCell<u32>);
// SAFETY: loom sees whether accesses are ordered.
unsafe impl Sync for Plain {}
// SAFETY: as above.
unsafe impl Send for Plain {}

impl Plain {
    fn new() -> Self {
        Self(UnsafeCell::new(0))
    }

    fn add(&self) {
        // SAFETY: loom panics if another thread may be at it.
        self.0.with_mut(|value| unsafe { *value += 1 });
    }

    fn get(&self) -> u32 {
        // SAFETY: as above.
        self.0.with(|value| unsafe { *value })
    }
}

fn join_all(threads: impl IntoIterator<Item = JoinHandle<()>>) {
    for thread in threads {
        thread.join().expect("no panic");
    }
}

#[test]
fn a_lock_orders_what_it_guards() {
    all(None, || {
        let shared = Arc::new((AtomicU32::new(0), Plain::new()));
        let enter = |shared: &(AtomicU32, Plain)| {
            word::acquire(&shared.0, relax);
            shared.1.add();
            word::release(&shared.0);
        };
        let other = Arc::clone(&shared);
        let thread = thread::spawn(move || enter(&other));
        enter(&shared);
        join_all([thread]);
        word::acquire(&shared.0, relax);
        assert_eq!(shared.1.get(), 2);
    });
}

/// Two complete a task that waits. The frame was made by a third thread, before the claim was opened.
#[test]
fn a_task_is_completed_by_one() {
    all(Some(3), || {
        let shared = Arc::new((AtomicU8::new(CLAIM_NONE), AtomicU8::new(0), Plain::new()));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    if word::claim(&shared.0, CLAIM_NONE, relax) {
                        shared.2.add();
                    }
                })
            })
            .collect();
        shared.2.add();
        let asked = word::publish(&shared.0, &shared.1, ASKED);
        assert!(!asked);
        join_all(threads);
        // By one of them, or by nobody, if both came too early.
        let open = shared.0.load(Ordering::Acquire) == CLAIM_OPEN;
        assert_eq!(shared.2.get(), if open { 1 } else { 2 });
    });
}

/// Somebody looks at a task that waits and lets it go, or keeps it; somebody else completes it.
fn held(keep: bool) {
    all(Some(3), move || {
        let shared = Arc::new((AtomicU8::new(CLAIM_OPEN), Plain::new()));
        let other = Arc::clone(&shared);
        let looker = thread::spawn(move || {
            if word::claim(&other.0, CLAIM_HELD, relax) {
                // What it does to a task that it lets go, whoever claims it next sees.
                other.1.add();
                word::let_go(&other.0, keep);
                if keep {
                    other.1.add();
                }
            }
        });
        let claimed = word::claim(&shared.0, CLAIM_NONE, relax);
        if claimed {
            shared.1.add();
        }
        join_all([looker]);
        let sum = shared.1.get();
        if keep {
            assert_eq!(sum, if claimed { 1 } else { 2 });
        } else {
            assert!(claimed && (1..=2).contains(&sum));
        }
    });
}

#[test]
fn a_task_that_is_let_go_can_be_claimed() {
    held(false);
}

#[test]
fn a_task_that_is_kept_cannot_be_claimed() {
    held(true);
}

/// A task begins to wait while two ask it to cancel: exactly one of the three tells it.
#[test]
fn a_request_meets_a_wait() {
    all(None, || {
        let shared = Arc::new((AtomicU8::new(CLAIM_NONE), AtomicU8::new(0), Plain::new()));
        // As `cancel::grab` does.
        let grab = |shared: &(AtomicU8, AtomicU8, Plain)| {
            if word::claim(&shared.0, CLAIM_HELD, relax) {
                let asked = shared.1.load(Ordering::Relaxed) & ASKED != 0;
                word::let_go(&shared.0, asked);
                if asked {
                    shared.2.add();
                }
            }
        };
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    if word::ask(&shared.1, ASKED, ASKED | CANCELLED) {
                        grab(&shared);
                    }
                })
            })
            .collect();
        if word::publish(&shared.0, &shared.1, ASKED) {
            grab(&shared);
        }
        join_all(threads);
        assert_eq!(shared.2.get(), 1, "told once");
    });
}

/// A task ends while its joiner registers, and while it only looks.
#[test]
fn an_end_meets_a_join() {
    all(Some(3), || {
        // The end, what it ended with, the joiner's place.
        let shared = Arc::new((AtomicU8::new(END_OPEN), Plain::new(), Plain::new()));
        let other = Arc::clone(&shared);
        let task = thread::spawn(move || {
            other.1.add();
            assert!(!word::lock_end(&other.0, relax));
            let joined = other.2.get() == 1;
            word::unlock_end(&other.0, true);
            if joined {
                // Hands it over: nobody else may look at it.
                other.1.add();
            }
        });
        if word::has_ended(&shared.0) || word::lock_end(&shared.0, relax) {
            assert_eq!(shared.1.get(), 1, "the end is seen");
            join_all([task]);
        } else {
            shared.2.add();
            word::unlock_end(&shared.0, false);
            join_all([task]);
            assert_eq!(shared.1.get(), 2, "the end was handed over");
        }
    });
}

/// A task ends while its handle is given up: one of the two frees it, when the other has left it.
#[test]
fn an_end_meets_a_detach() {
    /// The task has a handle.
    const HANDLE: u8 = 1;
    /// The memory is somebody else's.
    const REUSED: u8 = 77;
    all(None, || {
        let shared = Arc::new((AtomicU8::new(END_OPEN), AtomicU8::new(HANDLE), Plain::new()));
        let free = |shared: &(AtomicU8, AtomicU8, Plain)| {
            shared.2.add();
            shared.0.store(REUSED, Ordering::Relaxed);
        };
        let other = Arc::clone(&shared);
        // As `join::settle_shared` does.
        let task = thread::spawn(move || {
            if other.1.load(Ordering::Acquire) & HANDLE == 0 {
                word::await_end(&other.0, relax);
                free(&other);
                return;
            }
            assert!(!word::lock_end(&other.0, relax));
            let is_held = other.1.load(Ordering::Relaxed) & HANDLE != 0;
            word::unlock_end(&other.0, true);
            if !is_held {
                free(&other);
            }
        });
        // As `join::detach` does.
        if word::lock_end(&shared.0, relax) {
            free(&shared);
        } else {
            shared.1.fetch_and(!HANDLE, Ordering::SeqCst);
            word::unlock_end(&shared.0, false);
        }
        join_all([task]);
        assert_eq!(shared.2.get(), 1, "freed once");
        assert_eq!(shared.0.load(Ordering::Relaxed), REUSED, "touched after it was freed");
    });
}

/// Somebody goes to wait in the kernel while another one adds a timer: it waits not for too long, or is woken.
#[test]
fn a_timer_meets_a_wait_in_the_kernel() {
    all(None, || {
        let until = AtomicI64::new(i64::MIN);
        let shared = Arc::new((AtomicI64::new(i64::MAX), until, AtomicU32::new(0)));
        let other = Arc::clone(&shared);
        let adder = thread::spawn(move || {
            if word::add_deadline(&other.0, &other.1, 5) {
                // The wake: by the kernel, and not lost.
                other.2.fetch_add(1, Ordering::Relaxed);
            }
        });
        let deadline = shared.0.load(Ordering::Relaxed);
        let too_long = word::waits_too_long(&shared.0, &shared.1, deadline);
        join_all([adder]);
        let woken = shared.2.load(Ordering::Relaxed) == 1;
        assert!(deadline == 5 || too_long || woken, "it would wait for ever");
    });
}

/// A scope fails while the failure of another one is taken up: the owner keeps the flag.
#[test]
fn a_failure_is_not_forgotten() {
    all(None, || {
        let shared = Arc::new((AtomicU32::new(1), AtomicU8::new(ASKED)));
        let other = Arc::clone(&shared);
        let failing = thread::spawn(move || word::add_failure(&other.0, &other.1, ASKED));
        word::take_failure(&shared.0, &shared.1, ASKED);
        join_all([failing]);
        assert_eq!(shared.0.load(Ordering::Relaxed), 1);
        assert_eq!(shared.1.load(Ordering::Relaxed) & ASKED, ASKED);
    });
}

/// Three owners of an object change it in turn under no lock but that only the last one destroys it: what the others did to it is over then.
#[test]
fn the_last_count_sees_all() {
    all(Some(3), || {
        let shared = Arc::new((AtomicI64::new(3), [Plain::new(), Plain::new(), Plain::new()]));
        let drop_one = |shared: &(AtomicI64, [Plain; 3]), own: usize| {
            shared.1[own].add();
            if word::take_count(&shared.0, || true) {
                for part in &shared.1 {
                    part.add();
                }
            }
        };
        let threads: Vec<_> = (1..3)
            .map(|own| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || drop_one(&shared, own))
            })
            .collect();
        drop_one(&shared, 0);
        join_all(threads);
        assert!(shared.1.iter().all(|part| part.get() == 2), "destroyed once");
    });
}
