//! `tango_token`: an access token. A handle is the raw pointer of an `Arc`, so that handing one out allocates nothing.

use std::ptr;
use std::sync::Arc;

use libc::c_char;

use super::cancellation::Uncancellable;
use super::dpop_key::KeyObject;
use super::error::ErrorObject;
use super::{Out, guard_without_blocking, required};
use crate::client::Client;
use crate::error::Status;
use crate::token::{Replica, Token};

pub(super) fn into_raw(token: Token) -> *mut Replica {
    Arc::into_raw(token.into_replica()).cast_mut()
}

/// Apart from the way of nearly every call, which has a token and needs few instructions.
#[cold]
#[inline(never)]
fn uncancellable<T>(work: impl FnOnce() -> T) -> T {
    let _uncancellable = Uncancellable::enter();
    work()
}

/// Takes another reference to the token behind a handle.
///
/// # Safety
/// `token` is NULL or came from `into_raw` and was not freed.
pub(super) unsafe fn cloned(token: *const Replica) -> Option<Arc<Replica>> {
    (!token.is_null()).then(|| {
        // SAFETY: it came from `Arc::into_raw`, and the caller's handle keeps its reference count above zero.
        unsafe {
            Arc::increment_strong_count(token);
            Arc::from_raw(token)
        }
    })
}

/// Gets a valid token: the held one at once, otherwise the result of one refresh that all callers share.
///
/// Waits for at most the total timeout. The caller owns `*token` and frees it with `tango_token_free`; it outlives the
/// client. INVALID_ARGUMENT for NULL; WOULD_BLOCK if the call would have to wait inside a callback of this library;
/// every other status of `tango_status` says why there is no token.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_token_acquire(
    client: Option<&Client>,
    token: *mut *mut Replica,
    error: *mut *mut ErrorObject,
) -> Status {
    guard_without_blocking(error, || {
        // SAFETY: the header's contract for out-parameters.
        let out = unsafe { Out::new(token, "token") }?;
        let client = required(client, "client")?;
        out.give(into_raw(client.held().map_or_else(|| uncancellable(|| client.acquire()), Ok)?));
        Ok(())
    })
}

/// Gets the token that the client holds, or NULL if it holds none, and returns at once, without I/O.
///
/// Starts a refresh that is due, or a first one, if the library's thread runs: the first acquire starts that thread.
/// This is the fast path of asynchronous callers, which start an acquire if `*token` is NULL. The caller owns `*token`
/// and frees it with `tango_token_free`. INVALID_ARGUMENT if `client` or `token` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_token_try_acquire(
    client: Option<&Client>,
    token: *mut *mut Replica,
    error: *mut *mut ErrorObject,
) -> Status {
    guard_without_blocking(error, || {
        // SAFETY: the header's contract for out-parameters.
        let out = unsafe { Out::new(token, "token") }?;
        let client = required(client, "client")?;
        let token = client.held().or_else(|| uncancellable(|| client.try_acquire()));
        out.give(token.map_or(ptr::null_mut(), into_raw));
        Ok(())
    })
}

/// Returns another handle of the same token, which the caller frees with `tango_token_free`. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_token_clone(token: *const Replica) -> *mut Replica {
    // SAFETY: by the header's contract NULL, or a token of this library that was not freed.
    unsafe { cloned(token) }.map_or(ptr::null_mut(), |replica| Arc::into_raw(replica).cast_mut())
}

/// Returns the access token, which follows the type in an `Authorization` header: a secret. Borrowed from the token;
/// NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_token_value(token: *const Replica) -> *const c_char {
    // SAFETY: the header's contract for handles.
    unsafe { borrowed(token, Replica::value_with_nul) }
}

/// Returns the scheme of the `Authorization` header: `Bearer`, or `DPoP` for a token that needs a proof with each
/// request. Borrowed from the token; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_token_type(token: *const Replica) -> *const c_char {
    // SAFETY: the header's contract for handles.
    unsafe { borrowed(token, Replica::token_type_with_nul) }
}

/// Returns another handle of the key that the token is bound to, which the caller frees with `tango_dpop_key_free`.
/// NULL for a Bearer token and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_token_dpop_key(token: *const Replica) -> Option<Box<KeyObject>> {
    // SAFETY: by the header's contract NULL or a live token.
    let key = unsafe { token.as_ref() }?.dpop_key()?;
    Some(Box::new(KeyObject::new(key.clone())))
}

/// Returns the scope that the server granted. Borrowed from the token; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_token_scope(token: *const Replica) -> *const c_char {
    // SAFETY: the header's contract for handles.
    unsafe { borrowed(token, Replica::scope_with_nul) }
}

/// Returns the whole seconds until the token expires, from now; 0 once it has expired, and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_token_expires_in_seconds(token: *const Replica) -> i64 {
    // SAFETY: by the header's contract NULL or a live token.
    let token = unsafe { token.as_ref() };
    token.map_or(0, |token| token.expires_in().as_secs().try_into().unwrap_or(i64::MAX))
}

/// Frees this handle and the strings borrowed from it. The token is wiped from memory with its last handle and the last
/// key that remembers it. Accepts NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_token_free(token: *mut Replica) {
    if !token.is_null() {
        // SAFETY: it came from `into_raw`, and by the header's contract this is its only free.
        drop(unsafe { Arc::from_raw(token.cast_const()) });
    }
}

/// A NUL-terminated string of the token, valid as long as the handle.
///
/// # Safety
/// `token` is NULL or a live token.
unsafe fn borrowed(token: *const Replica, field: impl FnOnce(&Replica) -> &str) -> *const c_char {
    // SAFETY: this function's own contract.
    unsafe { token.as_ref() }.map_or(ptr::null(), |token| field(token).as_ptr().cast())
}
