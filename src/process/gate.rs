//! The gate between `fork` and the code that holds locks of other libraries.
//!
//! A thread is counted while it is inside. `fork` closes the gate and waits until no other thread is inside, so that no
//! child inherits a lock that nobody unlocks. The gate is one atomic number and no lock of its own: a child sets the
//! number to what is true for the child.
//!
//! Each wait has an end, because a thread can be stuck inside, or can hold a lock that another handler of `fork` waits
//! for. After that the gate lets the fork happen, and the child is told that it may have inherited locks. The thread that
//! forks never waits for itself, and another waits in vain once for each fork, not at each section.

use std::cell::Cell;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU8, AtomicU32};
use std::thread;
use std::time::{Duration, Instant};

/// `fork` waits for threads that are inside. The longest stay is the generation of an RSA key, which takes seconds on a
/// busy machine.
const FORK_PATIENCE: Duration = Duration::from_secs(30);
/// A thread waits for a fork that no longer waits itself. It takes a second where the process has many gigabytes, and
/// longer on a busy machine. A shorter wait would let children inherit locks there.
const THREAD_PATIENCE: Duration = Duration::from_secs(2);

/// A fork is about to happen: no further thread may enter.
const CLOSED: u32 = 1 << 31;
/// That fork still waits for the threads that are inside.
const CLOSING: u32 = 1 << 30;
/// This process was created while a thread was inside, so locks may be held for ever.
const UNSURE: u32 = 1 << 29;
/// The rest is the number of threads that are inside.
const THREADS: u32 = UNSURE - 1;

/// The gate of this process.
pub(super) static GATE: Gate = Gate::new();

thread_local! {
    /// The number of sections around the code of this thread. Without a destructor, so it works until the thread ends.
    pub(super) static DEPTH: Cell<u32> = const { Cell::new(0) };
    /// The last closure of the gate that this thread does not wait for: it has closed the gate, or has waited in vain.
    static PASSED: Cell<u32> = const { Cell::new(u32::MAX) };
}

pub(super) struct Gate {
    state: AtomicU32,
    /// The number of times that the gate was closed.
    closures: AtomicU32,
    trial: AtomicU8,
}

/// The state of the trial that a child makes if it may have inherited held locks.
const UNTRIED: u8 = 0;
const TRYING: u8 = 1;
const FAILED: u8 = 2;

impl Gate {
    pub const fn new() -> Self {
        Self { state: AtomicU32::new(0), closures: AtomicU32::new(0), trial: AtomicU8::new(UNTRIED) }
    }

    /// Lets a thread in, and returns whether the process is sure that it inherited no held lock. `depth` becomes 1
    /// before the thread is counted, so that a signal handler that forks waits for no thread of its own. A fork between
    /// the two counts one thread too few: the gate does not cover forks in signal handlers.
    pub fn enter(&self, depth: &Cell<u32>) -> bool {
        let mut patience = Patience::new(THREAD_PATIENCE);
        loop {
            depth.set(1);
            // Not added and taken back: a fork would count a thread that only waits.
            let state = self.state.load(Relaxed);
            let is_open = state & CLOSED == 0 || self.is_passed() || patience.is_over();
            if is_open && self.state.compare_exchange_weak(state, state + 1, AcqRel, Relaxed).is_ok() {
                if state & CLOSED != 0 {
                    self.pass();
                }
                return state & UNSURE == 0;
            }
            if !is_open {
                depth.set(0);
                patience.wait();
                if state & CLOSING != 0 {
                    patience.restart();
                }
            }
        }
    }

    fn is_passed(&self) -> bool {
        PASSED.get() == self.closures.load(Relaxed)
    }

    /// Lets this thread in until the gate is closed again.
    fn pass(&self) {
        PASSED.set(self.closures.load(Relaxed));
    }

    pub fn leave(&self, depth: &Cell<u32>) {
        self.state.fetch_sub(1, Release);
        depth.set(0);
    }

    /// Closes the gate and waits until no thread but this one is inside. Two threads can fork at once: one waits for
    /// the other.
    pub fn close(&self, own_depth: u32) {
        self.close_within(FORK_PATIENCE, own_depth);
    }

    fn close_within(&self, limit: Duration, own_depth: u32) {
        let mut patience = Patience::new(limit);
        while self.state.fetch_or(CLOSED, Acquire) & CLOSED != 0 && !patience.is_over() {
            patience.wait();
        }
        self.closures.fetch_add(1, Relaxed);
        self.pass();
        self.state.fetch_or(CLOSING, Relaxed);
        let own = own_depth.min(1);
        let mut patience = Patience::new(limit);
        while self.state.load(Acquire) & THREADS > own && !patience.is_over() {
            patience.wait();
        }
        self.state.fetch_and(!CLOSING, Relaxed);
    }

    /// Opens the gate after a fork.
    pub fn open(&self) {
        self.state.fetch_and(!CLOSED, Release);
    }

    /// Makes the gate of a child from the inherited one: only the thread that forked exists here.
    pub fn reset_in_child(&self, own_depth: u32) {
        let inherited = self.state.load(Relaxed);
        let own = own_depth.min(1);
        let is_unsure = inherited & UNSURE != 0 || inherited & THREADS > own;
        self.trial.store(UNTRIED, Relaxed);
        self.state.store(own | if is_unsure { UNSURE } else { 0 }, Release);
    }

    /// Returns whether the caller has to start the trial. Only one thread has to.
    pub fn begin_trial(&self) -> bool {
        self.trial.compare_exchange(UNTRIED, TRYING, AcqRel, Acquire).is_ok()
    }

    /// Notes that no inherited lock is held, or that the trial could not start.
    pub fn end_trial(&self, succeeded: bool) {
        if succeeded {
            self.state.fetch_and(!UNSURE, Release);
        }
        self.trial.store(UNTRIED, Release);
    }

    /// Waits for the trial, and returns whether it succeeded. If it takes longer than `limit`, it has failed.
    pub fn await_trial(&self, limit: Duration) -> bool {
        let mut patience = Patience::new(limit);
        while self.trial.load(Acquire) == TRYING {
            if patience.is_over() {
                let _ = self.trial.compare_exchange(TRYING, FAILED, AcqRel, Acquire);
            } else {
                patience.wait();
            }
        }
        self.state.load(Acquire) & UNSURE == 0
    }
}

/// A wait without a lock, with an end.
pub(crate) struct Patience {
    limit: Duration,
    began: Option<Instant>,
    rounds: u32,
}

impl Patience {
    const YIELDS: u32 = 32;
    const PAUSE: Duration = Duration::from_micros(200);

    pub const fn new(limit: Duration) -> Self {
        Self { limit, began: None, rounds: 0 }
    }

    pub fn is_over(&self) -> bool {
        self.began.is_some_and(|began| began.elapsed() >= self.limit)
    }

    /// Starts the limit again.
    pub fn restart(&mut self) {
        self.began = None;
    }

    /// Waits a little: other threads run first, then time passes.
    pub fn wait(&mut self) {
        self.rounds += 1;
        if self.rounds <= Self::YIELDS {
            thread::yield_now();
        } else {
            self.began.get_or_insert_with(Instant::now);
            thread::sleep(Self::PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::sync::mpsc;

    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    /// A thread that is inside until the sender is dropped.
    fn thread_inside(gate: &Arc<Gate>) -> mpsc::Sender<()> {
        let gate = Arc::clone(gate);
        let (leave, left) = mpsc::channel::<()>();
        let (entered, is_inside) = mpsc::channel();
        thread::spawn(move || {
            let depth = Cell::new(0);
            gate.enter(&depth);
            entered.send(()).unwrap();
            let _ = left.recv();
            gate.leave(&depth);
        });
        is_inside.recv().unwrap();
        leave
    }

    #[test]
    fn fork_waits_until_the_other_threads_have_left() {
        let gate = Arc::new(Gate::new());
        let inside = thread_inside(&gate);
        let is_closed = Arc::new(AtomicBool::new(false));
        let fork = thread::spawn({
            let (gate, is_closed) = (Arc::clone(&gate), Arc::clone(&is_closed));
            move || {
                gate.close(0);
                is_closed.store(true, Release);
                gate.reset_in_child(0);
            }
        });
        thread::sleep(SHORT);
        assert!(!is_closed.load(Acquire), "a thread is inside");
        drop(inside);
        fork.join().unwrap();
        assert!(gate.enter(&Cell::new(0)), "a child that waited inherits nothing");
    }

    #[test]
    fn thread_waits_until_the_fork_is_over() {
        let gate = Arc::new(Gate::new());
        gate.close(0);
        let (entered, has_entered) = mpsc::channel();
        let enter = thread::spawn({
            let gate = Arc::clone(&gate);
            move || entered.send(gate.enter(&Cell::new(0)))
        });
        assert!(has_entered.recv_timeout(SHORT).is_err());
        gate.open();
        assert!(has_entered.recv().unwrap());
        enter.join().unwrap().unwrap();
    }

    #[test]
    fn thread_waits_as_long_as_a_fork_waits_for_others() {
        let gate = Arc::new(Gate::new());
        let inside = thread_inside(&gate);
        let fork = thread::spawn({
            let gate = Arc::clone(&gate);
            move || gate.close(0)
        });
        while gate.state.load(Acquire) & CLOSING == 0 {
            thread::yield_now();
        }
        let (entered, has_entered) = mpsc::channel();
        let enter = thread::spawn({
            let gate = Arc::clone(&gate);
            move || entered.send(gate.enter(&Cell::new(0)))
        });
        assert!(has_entered.recv_timeout(THREAD_PATIENCE + SHORT * 10).is_err(), "the fork still waits");
        drop(inside);
        fork.join().unwrap();
        assert!(has_entered.recv_timeout(SHORT).is_err(), "the fork is about to happen");
        gate.open();
        assert!(has_entered.recv().unwrap());
        enter.join().unwrap().unwrap();
    }

    #[test]
    fn fork_does_not_wait_for_its_own_thread() {
        let (gate, depth) = (Gate::new(), Cell::new(0));
        gate.enter(&depth);
        let start = Instant::now();
        gate.close(depth.get());
        assert!(start.elapsed() < FORK_PATIENCE / 2);
        gate.reset_in_child(depth.get());
        gate.leave(&depth);
        assert_eq!((gate.state.load(Relaxed), depth.get()), (0, 0));
    }

    #[test]
    fn two_forks_inside_the_gate_do_not_lock_each_other_out() {
        let gate = Arc::new(Gate::new());
        let _inside = thread_inside(&gate);
        let depth = Cell::new(0);
        gate.enter(&depth);
        gate.close_within(SHORT, depth.get());
        // The other thread of the two, whose fork has to wait for this one.
        gate.close_within(SHORT, 1);
        gate.reset_in_child(depth.get());
        gate.leave(&depth);
        assert!(!gate.enter(&depth), "the child may have inherited locks");
        gate.leave(&depth);
        assert!(gate.begin_trial() && !gate.begin_trial());
        assert!(!gate.await_trial(SHORT));
        gate.end_trial(true);
        assert!(gate.await_trial(SHORT) && gate.enter(&depth), "a trial can succeed late");
    }

    #[test]
    fn thread_waits_in_vain_once_for_a_fork_that_never_ends() {
        let gate = Gate::new();
        gate.close(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                let depth = Cell::new(0);
                assert!(gate.enter(&depth));
                gate.leave(&depth);
                let start = Instant::now();
                for _ in 0..10 {
                    assert!(gate.enter(&depth));
                    gate.leave(&depth);
                }
                assert!(start.elapsed() < THREAD_PATIENCE);
                assert!(gate.enter(&depth));
            });
        });
        gate.reset_in_child(0);
        assert!(!gate.enter(&Cell::new(0)), "a child of that fork would be told");
    }

    #[test]
    fn thread_that_waited_in_vain_waits_for_the_next_fork() {
        let gate = Gate::new();
        gate.close(0);
        let (waited, has_waited) = mpsc::channel();
        let (forked, has_forked) = mpsc::channel();
        let gate = &gate;
        thread::scope(|scope| {
            scope.spawn(move || {
                let depth = Cell::new(0);
                gate.enter(&depth);
                gate.leave(&depth);
                waited.send(()).unwrap();
                has_forked.recv().unwrap();
                gate.enter(&depth);
                waited.send(()).unwrap();
            });
            has_waited.recv().unwrap();
            gate.open();
            gate.close(0);
            forked.send(()).unwrap();
            assert!(has_waited.recv_timeout(SHORT).is_err());
            gate.open();
            has_waited.recv().unwrap();
        });
    }

    #[test]
    fn thread_that_forks_does_not_wait_for_itself() {
        let (gate, depth) = (Gate::new(), Cell::new(0));
        gate.close(0);
        let start = Instant::now();
        assert!(gate.enter(&depth));
        assert!(start.elapsed() < THREAD_PATIENCE);
        gate.leave(&depth);
        gate.reset_in_child(0);
        assert!(gate.enter(&depth), "its child inherits nothing");
    }
}
