//! Objects of the C interface in the hands of a program that frees them in every order, on other threads and inside
//! callbacks. `scripts/miri.sh` runs these tests in Miri, which also finds what the sanitizers of
//! `scripts/sanitize.sh` do not: violations of Rust's aliasing rules, and reads of uninitialised memory.

use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr::{NonNull, null, null_mut};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use super::authorization::*;
use super::cache::tango_config_set_cache_callbacks;
use super::client::*;
use super::config::setters::*;
use super::config::*;
use super::dpop_key::*;
use super::dpop_proof::*;
use super::error::*;
use super::request::*;
use super::stats::*;
use super::token::*;
use crate::client::{Authorization, Client, Local, Verdict};
use crate::config::Config;
use crate::error::{Error, Status};
use crate::token::Replica;

const LONG: Duration = Duration::from_secs(60);

/// A pointer that a test gives to another thread, as C programs do.
struct Shared<T>(*mut T);
// SAFETY: the objects of the C interface are thread-safe.
unsafe impl<T> Send for Shared<T> {}

impl<T> Shared<T> {
    /// A method, so that a closure takes this as a whole.
    fn get(&self) -> *mut T {
        self.0
    }
}

/// A handle of a client, as C has it.
fn handle(client: Client) -> *mut Client {
    Box::into_raw(Box::new(client))
}

fn free_client(client: *mut Client) {
    // SAFETY: `handle` or `tango_client_clone` made it, and no test frees it twice.
    tango_client_free(Some(unsafe { Box::from_raw(client) }));
}

fn cloned_client(client: *mut Client) -> *mut Client {
    // SAFETY: the test owns the handle.
    tango_client_clone(unsafe { client.as_ref() }).map_or(null_mut(), Box::into_raw)
}

fn acquired(client: *mut Client) -> *mut Replica {
    let (mut token, mut error) = (null_mut(), null_mut());
    // SAFETY: the handle is the test's, and the places are this function's.
    let status = unsafe { tango_token_acquire(client.as_ref(), &raw mut token, &raw mut error) };
    assert_eq!((status, error), (Status::Ok, null_mut()));
    token
}

fn text<'a>(string: *const c_char) -> &'a str {
    // SAFETY: each test keeps the object that it borrows from.
    unsafe { CStr::from_ptr(string) }.to_str().unwrap()
}

/// A pointer that no function may write to, and that is not NULL.
fn dangling<T>() -> *mut T {
    NonNull::dangling().as_ptr()
}

/// Calls `run` with all orders of so many numbers.
fn in_every_order(count: usize, run: &mut impl FnMut(&[usize])) {
    fn rest(order: &mut Vec<usize>, count: usize, run: &mut impl FnMut(&[usize])) {
        if order.len() == count {
            return run(order);
        }
        for number in 0..count {
            if !order.contains(&number) {
                order.push(number);
                rest(order, count, run);
                order.pop();
            }
        }
    }
    rest(&mut Vec::new(), count, run);
}

#[test]
fn null_is_freed_and_read_as_nothing() {
    tango_config_free(None);
    tango_client_free(None);
    tango_error_free(None);
    tango_authorization_free(None);
    tango_dpop_key_free(None);
    tango_dpop_proof_free(None);
    tango_request_free(None);
    tango_request_cancel(None);
    tango_stats_free(None);
    assert!(tango_stats_name(None, 0).is_null() && tango_stats_value_at(None, 0).is_nan());
    // SAFETY: each function accepts NULL.
    unsafe {
        tango_token_free(null_mut());
        assert!(tango_token_clone(null()).is_null() && tango_token_value(null()).is_null());
        assert!(tango_token_type(null()).is_null() && tango_token_scope(null()).is_null());
        assert_eq!(tango_token_expires_in_seconds(null()), 0);
        assert!(tango_token_dpop_key(null()).is_none());
    }
    assert!(tango_client_clone(None).is_none() && tango_dpop_key_clone(None).is_none());
    assert!(tango_error_message(None).is_null() && tango_error_request_id(None).is_null());
    assert_eq!((tango_error_status(None), tango_error_http_status(None)), (Status::Ok, 0));
    assert_eq!(tango_error_retry_after_seconds(None), -1);
    assert!(tango_authorization_value(None).is_null() && tango_authorization_dpop(None).is_null());
    assert!(tango_dpop_key_public_jwk(None).is_null() && tango_dpop_key_thumbprint(None).is_null());
}

#[test]
fn missing_arguments_are_a_status_and_leave_the_results_unwritten() {
    let (mut client, mut token) = (dangling::<Client>(), dangling::<Replica>());
    let (mut sent, mut request) = (dangling::<Authorization>(), dangling::<Request>());
    let mut verdict = 7;
    // SAFETY: NULL, or places of this test.
    let statuses = unsafe {
        [
            tango_client_new(None, &raw mut client, null_mut()),
            tango_client_new(None, null_mut(), null_mut()),
            tango_token_acquire(None, &raw mut token, null_mut()),
            tango_token_try_acquire(None, &raw mut token, null_mut()),
            tango_token_acquire_start(None, None, null_mut(), &raw mut request, null_mut()),
            tango_client_authorize(None, c"GET".as_ptr(), c"https://a/".as_ptr(), &raw mut sent, null_mut()),
            tango_client_authorize_again(None, None, &raw mut sent, null_mut()),
            tango_client_observe(None, None, 200, null(), null(), null(), &raw mut verdict, null_mut()),
            tango_client_invalidate(None, null(), null_mut()),
            tango_client_set_credentials(None, null(), null(), null(), null(), null_mut()),
            tango_config_load_env(None, null_mut()),
            tango_config_set_client_id(None, c"id".as_ptr(), null_mut()),
        ]
    };
    assert_eq!(statuses, [Status::InvalidArgument; 12]);
    assert!(client == dangling() && token == dangling() && sent == dangling() && request == dangling());
    assert_eq!(verdict, 7);
}

#[test]
fn errors_own_their_strings() {
    let mut config = tango_config_new();
    let set = |config: &mut Config, id: *const c_char| {
        let mut error = null_mut();
        // SAFETY: NULL or a string that ends with a NUL.
        let status = unsafe { tango_config_set_client_id(Some(config), id, &raw mut error) };
        (status, error)
    };
    let not_utf8 = CString::new([0xff, 0xfe]).unwrap();
    assert_eq!(set(&mut config, c"id".as_ptr()), (Status::Ok, null_mut()));
    let errors = [null(), not_utf8.as_ptr()].map(|id| set(&mut config, id));
    drop(not_utf8);
    tango_config_free(Some(config));
    for ((status, error), message) in errors.into_iter().zip(["client_id is NULL", "client_id is not UTF-8"]) {
        assert_eq!(status, Status::InvalidArgument);
        // SAFETY: the error was just made, and is freed once.
        let error = unsafe { Box::from_raw(error) };
        assert_eq!((text(tango_error_message(Some(&error))), tango_error_http_status(Some(&error))), (message, 0));
        assert!(tango_error_oauth_error(Some(&error)).is_null());
        tango_error_free(Some(error));
    }
}

/// A string of the caller may be gone as soon as the call returns.
#[test]
fn configuration_keeps_copies_of_strings() {
    type Set = unsafe extern "C" fn(Option<&mut Config>, *const c_char, *mut *mut ErrorObject) -> Status;
    let mut config = tango_config_new();
    let settings: [(Set, &str); 5] = [
        (tango_config_set_token_url, "http://127.0.0.1:9/oauth/token"),
        (tango_config_set_client_id, "id"),
        (tango_config_set_client_secret, "the-secret"),
        (tango_config_set_username, "name"),
        (tango_config_set_password, "the-password"),
    ];
    for (set, value) in settings {
        let value = CString::new(value).unwrap();
        // SAFETY: the string ends with a NUL.
        assert_eq!(unsafe { set(Some(&mut *config), value.as_ptr(), null_mut()) }, Status::Ok);
    }
    let (mut client, mut error) = (null_mut(), null_mut());
    // SAFETY: the places are this test's.
    let status = unsafe { tango_client_new(Some(&config), &raw mut client, &raw mut error) };
    assert_eq!((status, error), (Status::Ok, null_mut()));
    tango_config_free(Some(config));
    // SAFETY: the client was just made. The strings are NULL or end with a NUL.
    unsafe {
        let half = tango_client_set_credentials(client.as_ref(), c"id".as_ptr(), null(), null(), null(), null_mut());
        assert_eq!(half, Status::InvalidArgument);
        let (name, password) = (c"name".as_ptr(), c"another".as_ptr());
        assert_eq!(
            tango_client_set_credentials(client.as_ref(), null(), null(), name, password, null_mut()),
            Status::Ok
        );
    }
    free_client(client);
}

#[test]
fn handles_of_one_token_are_freed_in_any_order() {
    let local = Local::start();
    let client = handle(local.client());
    let first = acquired(client);
    in_every_order(3, &mut |order| {
        // SAFETY: `first` is alive; each clone is freed once, in another order, and read before that.
        unsafe {
            let handles = [(); 3].map(|()| tango_token_clone(first));
            let values = handles.map(|token| tango_token_value(token));
            for &number in order {
                assert_eq!((text(values[number]), text(tango_token_type(handles[number]))), ("token-1", "Bearer"));
                tango_token_free(handles[number]);
            }
        }
    });
    free_client(client);
    drop(local);
    // SAFETY: a token outlives its client.
    unsafe {
        assert_eq!(text(tango_token_scope(first)), "raas.all");
        assert!(tango_token_dpop_key(first).is_none());
        tango_token_free(first);
    }
}

#[test]
fn threads_acquire_read_and_free_while_the_client_gets_another_token() {
    let local = Local::start();
    let client = handle(local.client());
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let own = Shared(cloned_client(client));
            thread::spawn(move || {
                for _ in 0..3 {
                    let token = acquired(own.get());
                    // SAFETY: both handles are this thread's.
                    unsafe {
                        assert!(text(tango_token_value(token)).starts_with("token-"));
                        let again = tango_token_clone(token);
                        tango_token_free(token);
                        assert_eq!(tango_client_invalidate(own.get().as_ref(), again, null_mut()), Status::Ok);
                        tango_token_free(again);
                    }
                }
                free_client(own.get());
            })
        })
        .collect();
    free_client(client);
    for thread in threads {
        thread.join().unwrap();
    }
    assert!(local.issued() >= 2, "an invalid token is replaced");
}

#[test]
fn refused_credentials_give_no_token_and_an_error_that_is_freed() {
    let local = Local::start();
    local.refuse_next();
    let client = handle(local.client());
    let (mut token, mut error) = (null_mut(), null_mut());
    // SAFETY: the handle and the places are this test's; the error is freed once.
    unsafe {
        let status = tango_token_acquire(client.as_ref(), &raw mut token, &raw mut error);
        assert_eq!((status, token), (Status::CredentialsRefused, null_mut()));
        assert!(text(tango_error_message(error.as_ref())).contains("does not accept the credentials"));
        tango_error_free(Some(Box::from_raw(error)));
        assert_eq!(tango_token_acquire(client.as_ref(), &raw mut token, null_mut()), Status::CredentialsRefused);
        assert_eq!(tango_token_try_acquire(client.as_ref(), &raw mut token, null_mut()), Status::Ok);
    }
    assert!(token.is_null());
    free_client(client);
}

#[test]
fn authorization_outlives_the_client_that_made_it() {
    let local = Local::start();
    let client = handle(local.client());
    let (mut sent, mut again, mut verdict) = (null_mut(), null_mut(), 7);
    let url = CString::new("http://127.0.0.1:9/accounts").unwrap();
    // SAFETY: the handles, the strings and the places are this test's.
    unsafe {
        let mut error = null_mut();
        let made =
            tango_client_authorize(client.as_ref(), c"GET".as_ptr(), url.as_ptr(), &raw mut sent, &raw mut error);
        assert_eq!(made, Status::Ok, "{}", text(tango_error_message(error.as_ref())));
        drop(url);
        let challenge = c"Bearer error=\"invalid_token\"".as_ptr();
        let (client, first) = (client.as_ref(), sent.as_ref());
        let observed =
            tango_client_observe(client, first, 401, null(), challenge, null(), &raw mut verdict, null_mut());
        assert_eq!((observed, verdict), (Status::Ok, Verdict::Retry as i32));
        assert_eq!(tango_client_authorize_again(client, first, &raw mut again, null_mut()), Status::Ok);
    }
    free_client(client);
    // A caller that waits for two seconds, as under Miri, gets the held token again.
    for sent in [sent, again] {
        // SAFETY: the authorization was made above, and is freed once.
        let sent = unsafe { Box::from_raw(sent) };
        assert!(text(tango_authorization_value(Some(&sent))).starts_with("Bearer token-"));
        assert!(tango_authorization_dpop(Some(&sent)).is_null());
        tango_authorization_free(Some(sent));
    }
}

/// What a test's `done` needs, and tells.
struct Done {
    /// The request that `done` frees, once the test has stored it here.
    request: Option<Receiver<Shared<Request>>>,
    status: Sender<Status>,
}

unsafe extern "C-unwind" fn done(user_data: *mut c_void, token: *mut Replica, error: *mut ErrorObject) {
    // SAFETY: the test gives its data up; the objects are this function's.
    unsafe {
        let done = Box::from_raw(user_data.cast::<Done>());
        let status = tango_error_status(error.as_ref());
        assert_ne!(token.is_null(), error.is_null());
        tango_token_free(token);
        tango_error_free((!error.is_null()).then(|| Box::from_raw(error)));
        if let Some(request) = done.request {
            let request = request.recv().unwrap().get();
            tango_request_cancel(request.as_ref());
            tango_request_free(Some(Box::from_raw(request)));
        }
        done.status.send(status).unwrap();
    }
}

/// Starts an acquire. Returns its request, and the status that `done` gets.
fn started(
    client: *mut Client,
    request_for_done: Option<Receiver<Shared<Request>>>,
) -> (*mut Request, Receiver<Status>) {
    let (status, statuses) = channel();
    let data = Box::into_raw(Box::new(Done { request: request_for_done, status })).cast();
    let mut request = null_mut();
    // SAFETY: the handle and the place are the test's.
    let started = unsafe { tango_token_acquire_start(client.as_ref(), Some(done), data, &raw mut request, null_mut()) };
    assert_eq!(started, Status::Ok);
    (request, statuses)
}

#[test]
fn request_is_freed_inside_its_callback() {
    let local = Local::start();
    let client = handle(local.client());
    let (give, taken) = channel();
    let (request, statuses) = started(client, Some(taken));
    give.send(Shared(request)).unwrap();
    assert_eq!(statuses.recv_timeout(LONG), Ok(Status::Ok));
    free_client(client);
}

#[test]
fn request_outlives_its_client_and_is_cancelled_from_threads_at_once() {
    let local = Local::start();
    let gate = local.hold();
    let client = handle(local.client());
    let (request, statuses) = started(client, None);
    free_client(client);
    thread::scope(|scope| {
        for shared in [Shared(request), Shared(request)] {
            // SAFETY: the request lives until the scope has ended.
            scope.spawn(move || tango_request_cancel(unsafe { shared.get().as_ref() }));
        }
        gate.add_permits(1);
    });
    let status = statuses.recv_timeout(LONG).unwrap();
    assert!(matches!(status, Status::Cancelled | Status::Ok), "{status:?}");
    // SAFETY: the last use of the request.
    unsafe {
        tango_request_cancel(request.as_ref());
        tango_request_free(Some(Box::from_raw(request)));
    }
    assert_eq!(statuses.recv_timeout(LONG), Err(RecvTimeoutError::Disconnected), "`done` freed its data");
}

#[test]
fn request_that_is_freed_first_still_completes() {
    let local = Local::start();
    let gate = local.hold();
    let client = handle(local.client());
    let (request, statuses) = started(client, None);
    // SAFETY: the last use of the request.
    tango_request_free(Some(unsafe { Box::from_raw(request) }));
    gate.add_permits(1);
    assert_eq!(statuses.recv_timeout(LONG), Ok(Status::Ok));
    free_client(client);
}

unsafe extern "C-unwind" fn count(counter: *mut c_void) {
    // SAFETY: the counter of a test, which outlives the call.
    unsafe { &*counter.cast::<AtomicU32>() }.fetch_add(1, SeqCst);
}

#[test]
fn data_of_a_cache_is_released_once_also_if_the_call_fails() {
    let released = AtomicU32::new(0);
    let data = (&raw const released).cast_mut().cast();
    // SAFETY: the counter outlives the configuration.
    let status =
        unsafe { tango_config_set_cache_callbacks(None, None, None, None, None, Some(count), data, null_mut()) };
    assert_eq!((status, released.load(SeqCst)), (Status::InvalidArgument, 1));
    let mut config = tango_config_new();
    // SAFETY: as above.
    let status = unsafe {
        tango_config_set_cache_callbacks(Some(&mut config), None, None, None, None, Some(count), data, null_mut())
    };
    assert_eq!((status, released.load(SeqCst)), (Status::InvalidArgument, 2));
    tango_config_free(Some(config));
    assert_eq!(released.load(SeqCst), 2);
}

#[test]
fn panic_becomes_a_status_and_an_error() {
    let mut error = null_mut();
    let status = super::guard(&raw mut error, || -> Result<(), Error> { panic!("on purpose") });
    assert_eq!(status, Status::Internal);
    // SAFETY: the error was just made, and is freed once.
    let error = unsafe { Box::from_raw(error) };
    assert!(text(tango_error_message(Some(&error))).contains("the library panicked"));
    tango_error_free(Some(error));
    assert_eq!(super::guard(null_mut(), || -> Result<(), Error> { panic!("on purpose") }), Status::Internal);
}
