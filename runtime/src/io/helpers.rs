//! Threads for calls that may block: names that are looked up, and files where there is no io_uring.
//!
//! Calls go to whichever helper is free. A few helpers are enough for files; a pipe that is opened waits for its other end, a name for a server, so while
//! all helpers have been busy for [`STUCK`] there may be more of them. A helper writes the result into the list of results and wakes the worker by the
//! event descriptor.
//!
//! A call that waits is given up by a signal, which makes the kernel break it off. It may come before the call has begun, so it is repeated at
//! every round ([`Helpers::tend`]) until the result is there.

use std::{
    collections::VecDeque,
    ptr::null_mut,
    sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::call::Call;

/// Files rarely gain by more at once.
const HELPERS_FEW: usize = 4;
/// As many as there may be when they wait for others.
const HELPERS_MAX: usize = 64;
/// Who works for longer probably waits.
const STUCK: Duration = Duration::from_millis(20);
/// Time between two signals to a helper.
const SIGNAL_AGAIN: Duration = Duration::from_millis(2);
/// What breaks a call off. Programs that do not know of it ignore it, and nothing else sends it here.
const SIGNAL: libc::c_int = libc::SIGURG;

/// A call on its way: its token and where it stands.
struct Errand {
    token: u64,
    call: *mut Call,
}
// SAFETY: the call stands still, and nobody else touches it until its result is there.
unsafe impl Send for Errand {}

/// A call that a helper makes.
struct Running {
    token: u64,
    thread: libc::pthread_t,
    since: Instant,
    /// Nobody needs it any more.
    is_given_up: bool,
}

#[derive(Default)]
struct State {
    errands: VecDeque<Errand>,
    running: Vec<Running>,
    results: Vec<(u64, i32)>,
    /// Threads.
    started: usize,
}

/// What helpers and worker share.
struct Shared {
    state: Mutex<State>,
    /// There are errands.
    news: Condvar,
    event: i32,
}

/// The helpers.
pub struct Helpers {
    shared: Arc<Shared>,
}

impl Helpers {
    /// None are started yet. `event` is what they wake the worker by.
    #[must_use]
    pub fn new(event: i32) -> Self {
        let shared = Shared { state: Mutex::default(), news: Condvar::new(), event };
        Self { shared: Arc::new(shared) }
    }

    /// Hands a call to a helper. Where no thread can be started it is made here and now.
    ///
    /// # Safety
    /// The call stands still, and nobody touches it, until its token is among the results.
    pub unsafe fn push(&mut self, token: u64, call: &mut Call) {
        let mut state = self.shared.lock();
        state.errands.push_back(Errand { token, call });
        self.start_more(&mut state);
        if state.started == 0 {
            state.errands.pop_back();
            drop(state);
            let result = call.perform();
            self.shared.lock().results.push((token, result));
            return super::ring_event(self.shared.event);
        }
        self.shared.news.notify_one();
    }

    /// Gives a call up: at once if no helper has it yet, else when the kernel has broken it off. What does not wait for others goes on to its end.
    pub fn cancel(&mut self, token: u64) {
        let mut state = self.shared.lock();
        if let Some(index) = state.errands.iter().position(|errand| errand.token == token) {
            state.errands.remove(index);
            state.results.push((token, -libc::ECANCELED));
            super::ring_event(self.shared.event);
        } else if let Some(running) = state.running.iter_mut().find(|each| each.token == token) {
            running.is_given_up = true;
            signal(running.thread);
        }
    }

    /// Starts helpers where the others wait, and signals those again whose calls were given up.
    pub fn tend(&mut self) {
        let mut state = self.shared.lock();
        self.start_more(&mut state);
        for running in state.running.iter().filter(|running| running.is_given_up) {
            signal(running.thread);
        }
    }

    /// After so long at most somebody has to `tend`.
    #[must_use]
    pub fn patience(&self) -> Option<Duration> {
        let state = self.shared.lock();
        if state.running.iter().any(|running| running.is_given_up) {
            return Some(SIGNAL_AGAIN);
        }
        (!state.errands.is_empty() && state.started < HELPERS_MAX).then_some(STUCK)
    }

    /// A wait that is over when somebody has to `tend`.
    #[must_use]
    pub fn bound(&self, wait: Option<Duration>) -> Option<Duration> {
        let patience = self.patience();
        wait.map(|wait| patience.map_or(wait, |patience| wait.min(patience)))
    }

    /// Takes what has come back.
    pub fn take(&self, results: &mut Vec<(u64, i32)>) {
        results.append(&mut self.shared.lock().results);
    }

    fn start_more(&self, state: &mut State) {
        while state.errands.len() > state.started - state.running.len() {
            let are_stuck = || state.running.iter().all(|running| running.since.elapsed() >= STUCK);
            if state.started >= HELPERS_FEW && (state.started >= HELPERS_MAX || !are_stuck()) {
                return;
            }
            let shared = Arc::clone(&self.shared);
            let builder = thread::Builder::new().name(String::from("helper")).stack_size(256 << 10);
            if builder.spawn(move || shared.serve()).is_err() {
                return;
            }
            state.started += 1;
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A thread that panicked has aborted the process.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A helper's life, which ends with the process.
    fn serve(&self) {
        // SAFETY: no pointers.
        let thread = unsafe { libc::pthread_self() };
        let mut state = self.lock();
        loop {
            let Some(errand) = state.errands.pop_front() else {
                state = self.news.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let token = errand.token;
            let since = Instant::now();
            state.running.push(Running { token, thread, since, is_given_up: false });
            let result = loop {
                drop(state);
                // SAFETY: whoever sent it promised that it stands still and is ours.
                let result = unsafe { (*errand.call).perform() };
                state = self.lock();
                let running = state.running.iter().find(|running| running.token == token);
                if result != -libc::EINTR || running.is_none_or(|running| running.is_given_up) {
                    break result;
                }
            };
            state.running.retain(|running| running.token != token);
            state.results.push((token, result));
            super::ring_event(self.event);
        }
    }
}

/// Breaks off what a helper waits for.
fn signal(thread: libc::pthread_t) {
    extern "C" fn nothing(_: libc::c_int) {}
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // SAFETY: `sigaction` with a valid action, which does nothing; without `SA_RESTART` the call ends.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as usize;
            libc::sigemptyset(&raw mut action.sa_mask);
            libc::sigaction(SIGNAL, &raw const action, null_mut());
        }
    });
    // SAFETY: helpers live as long as the process.
    unsafe { libc::pthread_kill(thread, SIGNAL) };
}
