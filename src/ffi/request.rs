//! `tango_request`: an asynchronous acquire.
//!
//! The caller's thread polls it first, the callback thread polls it again and calls `done`. A waker only queues it for
//! the callback thread.

use std::future::Future;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::{Context, Poll, Wake, Waker};

use libc::c_void;

use super::callback::uninterrupted;
use super::error::ErrorObject;
use super::{free, guard, panicked, required, token};
use crate::callbacks;
use crate::client::Client;
use crate::error::{Error, Status};
use crate::process::ProcessId;
use crate::threads::has_lost_variables;
use crate::token::{Replica, Token};

/// Completes an asynchronous acquire, with a token and NULL, or with NULL and an error. The callback owns both and
/// frees them. Called exactly once, on the library's callback thread: it delays other callbacks until it returns, and
/// must neither throw nor longjmp. It may call any function of this library; a blocking acquire that would have to wait
/// returns WOULD_BLOCK.
pub type AcquireDone =
    Option<unsafe extern "C-unwind" fn(user_data: *mut c_void, token: *mut Replica, error: *mut ErrorObject)>;

/// An asynchronous acquire in flight.
pub struct Request {
    operation: Arc<Operation>,
    /// The process that made it: in a forked child, the thread that calls `done` does not exist.
    process: ProcessId,
}

/// Starts to acquire a token and returns at once.
///
/// If and only if this returns OK, `done` is called exactly once, later, on the library's callback thread, even if a
/// token is already held. `user_data` is passed to it and stays the caller's. `request` may be NULL; otherwise the
/// caller owns `*request`, and frees it with `tango_request_free` before or after `done`. INVALID_ARGUMENT if `client`
/// or `done` is NULL; INTERNAL if the callback thread cannot be started. All other errors go to `done`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_token_acquire_start(
    client: Option<&Client>,
    done: AcquireDone,
    user_data: *mut c_void,
    request: *mut *mut Request,
    error: *mut *mut ErrorObject,
) -> Status {
    guard(error, || {
        let acquiring = required(client, "client")?.acquire_async();
        required(done, "done")?;
        callbacks::start()?;
        let operation = Operation::new(acquiring, Done { callback: done, user_data });
        // Nothing below fails. The handle is written before `done` can run, because `done` may free it.
        if !request.is_null() {
            let handle = Box::new(Request { operation: Arc::clone(&operation), process: ProcessId::current() });
            // SAFETY: not NULL, so by the header's contract a pointer may be written there.
            unsafe { request.write(Box::into_raw(handle)) };
        }
        operation.begin();
        Ok(())
    })
}

/// Cancels a request: `done` is called with CANCELLED, unless it was called before or another outcome is already on its
/// way. Other callers that wait for the same token are not affected. May be called from any thread, any number of
/// times; in a forked child it does nothing. Accepts NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tango_request_cancel(request: Option<&Request>) {
    if let Some(request) = request.filter(|request| request.process == ProcessId::current()) {
        request.operation.cancel();
    }
}

/// Frees the handle and does not cancel the request: `done` is still called. Accepts NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tango_request_free(request: Option<Box<Request>>) {
    free(request);
}

type Outcome = Result<Token, Error>;
type Acquiring = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// One acquire, from its start until `done` is called.
struct Operation {
    work: Mutex<Work>,
    done: Mutex<Option<Done>>,
    is_cancelled: AtomicBool,
    /// It is queued for the callback thread.
    is_queued: AtomicBool,
}

enum Work {
    UnderWay(Acquiring),
    Ended(Outcome),
    /// `done` has the outcome.
    Delivered,
}

impl Operation {
    fn new(acquiring: impl Future<Output = Outcome> + Send + 'static, done: Done) -> Arc<Self> {
        Arc::new(Self {
            work: Mutex::new(Work::UnderWay(Box::pin(acquiring))),
            done: Mutex::new(Some(done)),
            is_cancelled: AtomicBool::new(false),
            is_queued: AtomicBool::new(false),
        })
    }

    /// Runs on the caller's thread, so that no request waits for a callback. A thread that has lost its variables leaves
    /// all of it to the callback thread.
    fn begin(self: &Arc<Self>) {
        if has_lost_variables() || self.advance() {
            self.enqueue();
        }
    }

    /// Runs on the callback thread.
    fn step(self: &Arc<Self>) {
        self.is_queued.store(false, SeqCst);
        if !self.advance() {
            return;
        }
        let work = mem::replace(&mut *self.lock(), Work::Delivered);
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Work::Ended(outcome), Some(mut done)) = (work, done) {
            done.finish(outcome);
        }
    }

    /// Polls once. Returns whether there is an outcome to deliver.
    fn advance(self: &Arc<Self>) -> bool {
        let mut work = self.lock();
        if let Work::UnderWay(acquiring) = &mut *work {
            let waker = Waker::from(Arc::clone(self));
            let poll = || acquiring.as_mut().poll(&mut Context::from_waker(&waker));
            let ended = match catch_unwind(AssertUnwindSafe(poll)) {
                Ok(Poll::Ready(outcome)) => outcome,
                Ok(Poll::Pending) if self.is_cancelled.load(SeqCst) => Err(cancelled()),
                Ok(Poll::Pending) => return false,
                Err(_) => Err(panicked()),
            };
            let finished = mem::replace(&mut *work, Work::Ended(ended));
            drop(work);
            drop(finished);
            return true;
        }
        matches!(&*work, Work::Ended(_))
    }

    /// Drops the future at once. If another thread polls it in this moment, that thread drops it afterwards.
    fn cancel(self: &Arc<Self>) {
        self.is_cancelled.store(true, SeqCst);
        let work = match self.work.try_lock() {
            Ok(work) => Some(work),
            Err(TryLockError::Poisoned(work)) => Some(work.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        };
        if let Some(mut work) = work
            && matches!(&*work, Work::UnderWay(_))
        {
            let acquiring = mem::replace(&mut *work, Work::Ended(Err(cancelled())));
            drop(work);
            drop(acquiring);
        }
        self.enqueue();
    }

    fn enqueue(self: &Arc<Self>) {
        if !self.is_queued.swap(true, SeqCst) {
            let operation = Arc::clone(self);
            callbacks::run(move || operation.step());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Operation {
    fn wake(self: Arc<Self>) {
        self.enqueue();
    }
}

fn cancelled() -> Error {
    Error::new(Status::Cancelled, "the caller cancelled the request")
}

/// The caller's callback and its data. It is called exactly once, even if the operation that owns it is dropped early.
struct Done {
    callback: AcquireDone,
    user_data: *mut c_void,
}

// SAFETY: the header says that `done` runs on a thread of the library, which only passes `user_data` on.
unsafe impl Send for Done {}

impl Done {
    fn finish(&mut self, outcome: Outcome) {
        if let Some(callback) = self.callback.take() {
            let (token, error) = match outcome {
                Ok(token) => (token::into_raw(token), ptr::null_mut()),
                Err(error) => (ptr::null_mut(), ErrorObject::into_raw(&error)),
            };
            // SAFETY: not NULL; the caller gave this function, of the type in the header, to be called once with this.
            uninterrupted(|| unsafe { callback(self.user_data, token, error) });
        }
    }
}

impl Drop for Done {
    fn drop(&mut self) {
        self.finish(Err(panicked()));
    }
}
