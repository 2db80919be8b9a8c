//! The thread on which the library communicates with servers: a current-thread runtime, which the first call that needs
//! it starts, and which all clients of the process share.
//!
//! It can die before the process does: a program that becomes a daemon may close all descriptors, and the thread's
//! event queue is one. The next call then starts another thread. The state of the dead one is leaked, never dropped:
//! the numbers of its descriptors may belong to files of the program by then.

#[cfg_attr(windows, path = "runtime/no_sentinel.rs")]
mod sentinel;

use std::future::{Future, pending, poll_fn};
use std::hint::black_box;
use std::io;
use std::mem::{self, ManuallyDrop};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::runtime::{Builder, Handle};
use tokio::sync::{oneshot, watch};

use crate::causes;
use crate::deadline;
use crate::error::{Error, Status};
use crate::process::ProcessLocal;
use crate::role::{Role, with_role};
use crate::threads::{self, Code};
use sentinel::Sentinel;

static RUNTIME: ProcessLocal<Slot> = ProcessLocal::new();

/// The runtime of this process, and the number of its predecessors.
#[derive(Default)]
struct Slot {
    current: ArcSwapOption<Shared>,
    deaths: AtomicU32,
    /// Locked only by callers that need a runtime while there is none.
    starting: Mutex<()>,
}

impl Slot {
    fn alive(&self) -> Option<Runtime> {
        let shared = self.current.load_full()?;
        shared.is_alive().then_some(Runtime(shared))
    }
}

/// Returns the generation of the current runtime, or of the next one: the number of runtimes of this process that died.
pub(crate) fn generation() -> u32 {
    let slot = RUNTIME.get();
    // Notices a death.
    slot.alive();
    slot.deaths.load(SeqCst)
}

/// A handle of the library's thread.
#[derive(Clone)]
pub(crate) struct Runtime(Arc<Shared>);

struct Shared {
    handle: Handle,
    watched: Arc<Watched>,
}

/// The state from which a thread and its callers learn that its runtime is dead.
struct Watched {
    /// The number of runtimes of this process that died before this one.
    generation: u32,
    /// `None` in tests.
    sentinel: Option<Sentinel>,
    is_dead: watch::Sender<bool>,
}

impl Watched {
    /// Notifies all waiters.
    fn declare_dead(&self) {
        // Before the notification: a waiter starts the next runtime at once, whose generation has to differ.
        RUNTIME.get().deaths.fetch_max(self.generation + 1, SeqCst);
        self.is_dead.send_if_modified(|is_dead| !mem::replace(is_dead, true));
    }

    fn has_descriptors(&self) -> bool {
        self.sentinel.as_ref().is_none_or(Sentinel::is_there)
    }

    /// Stops the library's thread for ever if its descriptors were closed. Called before and after each poll of the
    /// event queue: the next poll could otherwise take the events of a successor whose queue has the same number.
    fn stop_without_descriptors(&self) {
        if !self.has_descriptors() {
            self.declare_dead();
            loop {
                thread::park();
            }
        }
    }
}

impl Shared {
    fn is_alive(&self) -> bool {
        let is_alive = !*self.watched.is_dead.borrow() && self.watched.has_descriptors();
        if !is_alive {
            self.watched.declare_dead();
        }
        is_alive
    }
}

/// Overwrites the stack below the caller's, where decryption leaves the last bytes of what a server sent. It lies some
/// ten kilobytes below the place where the thread waits.
#[inline(never)]
#[expect(clippy::large_stack_arrays, reason = "the thread is the library's own, with a stack of two megabytes")]
fn zeroise_unused_stack() {
    const LENGTH: usize = 32 * 1024;
    // Mutable, because a constant would not be on the stack.
    black_box(&mut [0_u8; LENGTH]);
}

impl Runtime {
    /// Returns the runtime of this process. Starts one if there is none, or if it died.
    pub fn current() -> Result<Self, Error> {
        let slot = RUNTIME.get();
        if let Some(runtime) = slot.alive() {
            return Ok(runtime);
        }
        let starting = slot.starting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = slot.alive() {
            return Ok(runtime);
        }
        let started = Self::start(slot.deaths.load(SeqCst)).map_err(|error| not_started(&error))?;
        let dead = slot.current.swap(Some(Arc::clone(&started.0)));
        drop(starting);
        mem::forget(dead);
        Ok(started)
    }

    /// Returns the runtime of this process if it is running. Never starts a thread.
    pub fn running() -> Option<Self> {
        RUNTIME.get().alive()
    }

    /// The runtime that this is called in, for tests that own the time.
    #[cfg(test)]
    pub fn of_this_thread() -> Self {
        let watched = Watched { generation: 0, sentinel: None, is_dead: watch::Sender::new(false) };
        Self(Arc::new(Shared { handle: Handle::current(), watched: Arc::new(watched) }))
    }

    /// Returns a number that tells this runtime from its predecessors.
    pub fn generation(&self) -> u32 {
        self.0.watched.generation
    }

    pub fn is_dead(&self) -> bool {
        !self.0.is_alive()
    }

    /// Runs a future on the library's thread. Returns false if that thread is dead, and leaks the future then.
    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> bool {
        // Waking the thread panics if its descriptors were closed.
        let spawned = catch_unwind(AssertUnwindSafe(|| drop(self.0.handle.spawn(future))));
        if spawned.is_err() {
            self.0.watched.declare_dead();
        }
        spawned.is_ok()
    }

    /// Waits on any executor for a result of the library's thread. Returns `None` after the timeout, and as soon as
    /// that thread is dead.
    ///
    /// There is no task in between, so that dropping the future leaves nothing behind.
    pub async fn within<T>(&self, timeout: Duration, work: impl Future<Output = T>) -> Option<T> {
        let mut waiting = pin!(deadline::within(timeout, self.unless_dead(work)));
        let waited = poll_fn(|context| {
            let _in_runtime = self.0.handle.enter();
            // Setting a timer can wake the thread, which panics like in `spawn`.
            catch_unwind(AssertUnwindSafe(|| waiting.as_mut().poll(context)))
                .map_or_else(|_| Poll::Ready(Err(())), |poll| poll.map(Ok))
        });
        let waited = waited.await;
        if waited.is_err() {
            self.0.watched.declare_dead();
        }
        waited.ok()?.flatten()
    }

    /// Does the same by blocking the calling thread, which keeps its own time.
    pub fn block_within<T>(&self, timeout: Duration, work: impl Future<Output = T>) -> Result<Option<T>, Error> {
        if Role::of_this_thread() != Role::Program {
            return Err(Error::new(
                Status::WouldBlock,
                "a blocking call inside a callback would wait for that callback; use the asynchronous call there",
            ));
        }
        Ok(deadline::block_within(timeout, self.unless_dead(work)).flatten())
    }

    async fn unless_dead<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut is_dead = self.0.watched.is_dead.subscribe();
        let mut died = pin!(is_dead.wait_for(|&is_dead| is_dead));
        let mut work = pin!(work);
        poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending => died.as_mut().poll(context).map(|_| None),
        })
        .await
    }

    fn start(generation: u32) -> io::Result<Self> {
        let watched =
            Arc::new(Watched { generation, sentinel: Some(Sentinel::new()?), is_dead: watch::Sender::new(false) });
        let (before, after) = (Arc::clone(&watched), Arc::clone(&watched));
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .on_thread_park(move || {
                before.stop_without_descriptors();
                zeroise_unused_stack();
            })
            .on_thread_unpark(move || after.stop_without_descriptors())
            .build()?;
        let shared = Arc::new(Shared { handle: runtime.handle().clone(), watched: Arc::clone(&watched) });
        let runtime = ManuallyDrop::new(runtime);
        threads::start("tango-token", Code::Library, move || with_role(Role::Runtime, || run(runtime, &watched)))?;
        Ok(Self(shared))
    }
}

/// Runs the library's thread, which ends only by a panic of the runtime itself.
fn run(runtime: ManuallyDrop<tokio::runtime::Runtime>, watched: &Watched) {
    let _ = catch_unwind(AssertUnwindSafe(|| runtime.block_on(pending::<()>())));
    watched.declare_dead();
    if watched.has_descriptors() {
        // Ends its tasks, which release the locks of shared caches that they hold.
        ManuallyDrop::into_inner(runtime).shutdown_background();
    }
}

/// The place for the result of another thread that a task of the library's thread waits for.
pub(crate) struct Reply<T> {
    sender: Option<oneshot::Sender<T>>,
    generation: u32,
}

impl<T> Reply<T> {
    pub fn channel() -> (Self, oneshot::Receiver<T>) {
        let (sender, receiver) = oneshot::channel();
        (Self { sender: Some(sender), generation: generation() }, receiver)
    }

    pub fn send(mut self, result: T) {
        if let Some(sender) = self.take() {
            let _ = sender.send(result);
        }
    }

    /// Leaks the sender if the task's thread died: waking it would panic, and print that.
    fn take(&mut self) -> Option<oneshot::Sender<T>> {
        let sender = self.sender.take();
        if generation() == self.generation {
            return sender;
        }
        mem::forget(sender);
        None
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        self.take();
    }
}

fn not_started(error: &io::Error) -> Error {
    let advice = "check the limits for threads, open files and memory";
    Error::new(Status::Internal, format!("the library's thread cannot be started: {}; {advice}", causes::reason(error)))
        .with_retry_after(Some(Duration::from_secs(1)))
}

#[cfg(test)]
#[path = "runtime_tests.rs"]
mod tests;
