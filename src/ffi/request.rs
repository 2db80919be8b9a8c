//! `tango_request`: an asynchronous acquire.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::ptr;
use std::sync::Arc;
use std::task::Poll;

use libc::c_void;
use tokio::sync::Notify;

use super::error::ErrorObject;
use super::{free, guard, panicked, required, token};
use crate::client::Client;
use crate::error::{Error, Status};
use crate::process::ProcessId;
use crate::runtime::Runtime;
use crate::token::{Replica, Token};

/// Completes an asynchronous acquire, with a token and NULL, or with NULL and an error. The callback owns both and
/// frees them. Called exactly once, on the library's thread: it must not wait, throw or longjmp. It may call any
/// function of this library; a blocking acquire that would have to wait returns WOULD_BLOCK.
pub type AcquireDone =
    Option<unsafe extern "C" fn(user_data: *mut c_void, token: *mut Replica, error: *mut ErrorObject)>;

/// An asynchronous acquire in flight.
pub struct Request {
    cancelled: Arc<Notify>,
    /// The process that made it: in a forked child, the thread to wake does not exist.
    process: ProcessId,
}

/// Starts to acquire a token and returns at once.
///
/// If and only if this returns OK, `done` is called exactly once, later, on the library's thread, even if a token is
/// already held. `user_data` is passed to it and stays the caller's. `request` may be NULL; otherwise the caller owns
/// `*request`, and frees it with `tango_request_free` before or after `done`. INVALID_ARGUMENT if `client` or `done` is
/// NULL; INTERNAL if the library's thread cannot be started. All other errors go to `done`.
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
        let runtime = Runtime::current()?;
        let cancelled = Arc::new(Notify::new());
        // Nothing below fails. The handle is written before `done` can run, because `done` may free it.
        if !request.is_null() {
            let handle = Box::new(Request { cancelled: Arc::clone(&cancelled), process: ProcessId::current() });
            // SAFETY: not NULL, so by the header's contract a pointer may be written there.
            unsafe { request.write(Box::into_raw(handle)) };
        }
        let mut done = Done { callback: done, user_data };
        runtime.spawn(async move { done.finish(unless_cancelled(acquiring, &cancelled).await) });
        Ok(())
    })
}

/// Cancels a request: `done` is called with CANCELLED, unless it was called before or another outcome is already on its
/// way. Other callers that wait for the same token are not affected. May be called from any thread, any number of
/// times; in a forked child it does nothing. Accepts NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tango_request_cancel(request: Option<&Request>) {
    if let Some(request) = request.filter(|request| request.process == ProcessId::current()) {
        request.cancelled.notify_one();
    }
}

/// Frees the handle and does not cancel the request: `done` is still called. Accepts NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tango_request_free(request: Option<Box<Request>>) {
    free(request);
}

async fn unless_cancelled(
    acquiring: impl Future<Output = Result<Token, Error>>,
    cancelled: &Notify,
) -> Result<Token, Error> {
    let mut acquiring = pin!(acquiring);
    let mut cancelled = pin!(cancelled.notified());
    poll_fn(|context| match cancelled.as_mut().poll(context) {
        Poll::Ready(()) => Poll::Ready(Err(Error::new(Status::Cancelled, "the caller cancelled the request"))),
        Poll::Pending => acquiring.as_mut().poll(context),
    })
    .await
}

/// The caller's callback and its data. It is called exactly once, even if the task that owns it is dropped early.
struct Done {
    callback: AcquireDone,
    user_data: *mut c_void,
}

// SAFETY: the header says that `done` runs on the library's thread; the library only passes `user_data` on.
unsafe impl Send for Done {}

impl Done {
    fn finish(&mut self, outcome: Result<Token, Error>) {
        if let Some(callback) = self.callback.take() {
            let (token, error) = match outcome {
                Ok(token) => (token::into_raw(token), ptr::null_mut()),
                Err(error) => (ptr::null_mut(), ErrorObject::into_raw(&error)),
            };
            // SAFETY: not NULL; the caller gave this function, of the type in the header, to be called once with this.
            unsafe { callback(self.user_data, token, error) };
        }
    }
}

impl Drop for Done {
    fn drop(&mut self) {
        self.finish(Err(panicked()));
    }
}
