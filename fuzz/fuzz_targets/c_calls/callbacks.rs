//! The callbacks of a program: a cache, a signer, a log, and the end of an asynchronous call. Each has data of its own,
//! which is released once: AddressSanitizer notices a second time, and `wait_for_release` a missing one.

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char, c_void};
use std::slice;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::abi::{Error, Token, tango_callback_fail, tango_token_acquire};
use crate::calls::Session;

/// A key outside of the library.
static KEY: LazyLock<EcdsaKeyPair> =
    LazyLock::new(|| EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key"));

pub static PUBLIC_JWK: LazyLock<CString> = LazyLock::new(|| {
    let (x, y) = KEY.public_key().as_ref()[1..].split_at(32);
    let [x, y] = [x, y].map(|number| URL_SAFE_NO_PAD.encode(number));
    let jwk = format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}}"#);
    CString::new(jwk).expect("JSON has no NUL")
});

/// The number of behaviours that the library has not released yet.
static UNRELEASED: AtomicUsize = AtomicUsize::new(0);

/// Waits until the library has released all data, which the last user of a client or key does, on any thread.
pub fn wait_for_release() {
    const MAX_WAIT: Duration = Duration::from_secs(20);
    let start = Instant::now();
    while UNRELEASED.load(SeqCst) > 0 {
        assert!(start.elapsed() < MAX_WAIT, "{} callbacks are not released", UNRELEASED.load(SeqCst));
        thread::sleep(Duration::from_millis(1));
    }
}

/// How a callback behaves: it works, or fails in one of a few ways.
pub struct Behaviour(u8);

impl Behaviour {
    pub fn new(how: u8) -> *mut c_void {
        UNRELEASED.fetch_add(1, SeqCst);
        Box::into_raw(Box::new(Self(how))).cast()
    }

    unsafe fn of<'a>(data: *mut c_void) -> &'a Self {
        // SAFETY: `new` made it, and the library has not released it yet.
        unsafe { &*data.cast() }
    }

    /// Returns the code of a failure, for one call in eight ways to behave.
    fn failure(&self) -> i32 {
        if self.0 % 8 == 7 {
            // SAFETY: the string ends with a NUL.
            unsafe { tango_callback_fail(c"the program's own reason".as_ptr()) };
        }
        i32::from(self.0 % 8 >= 6)
    }
}

pub unsafe extern "C" fn release(data: *mut c_void) {
    // SAFETY: `Behaviour::new` made it, and the library releases it once.
    drop(unsafe { Box::from_raw(data.cast::<Behaviour>()) });
    UNRELEASED.fetch_sub(1, SeqCst);
}

pub unsafe extern "C" fn sign(data: *mut c_void, from: *const u8, length: usize, to: *mut u8, room: *mut usize) -> i32 {
    // SAFETY: the library passes two buffers and their lengths.
    unsafe {
        let behaviour = Behaviour::of(data);
        let signature = KEY.sign(&SystemRandom::new(), slice::from_raw_parts(from, length)).expect("a signature");
        to.copy_from_nonoverlapping(signature.as_ref().as_ptr(), signature.as_ref().len());
        *room = match behaviour.0 % 8 {
            4 => *room + 1,
            5 => 1,
            _ => signature.as_ref().len(),
        };
        behaviour.failure()
    }
}

type Entries = HashMap<CString, Vec<u8>>;
static ENTRIES: LazyLock<Mutex<Entries>> = LazyLock::new(Mutex::default);
static OWNERS: LazyLock<Mutex<HashMap<CString, CString>>> = LazyLock::new(Mutex::default);
/// More entries are forgotten, as a cache may do.
const MAX_ENTRIES: usize = 100;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub unsafe extern "C" fn load(data: *mut c_void, name: *const c_char, value: *mut u8, room: *mut usize) -> i32 {
    // SAFETY: the library passes a name, and a buffer with its length.
    unsafe {
        let behaviour = Behaviour::of(data);
        let entries = locked(&ENTRIES);
        let found = entries.get(CStr::from_ptr(name)).map_or(&[][..], Vec::as_slice);
        value.copy_from_nonoverlapping(found.as_ptr(), found.len().min(*room));
        *room = if behaviour.0 % 8 == 5 { *room + 1 } else { found.len() };
        behaviour.failure()
    }
}

pub unsafe extern "C" fn save(data: *mut c_void, name: *const c_char, value: *const u8, length: usize, _: u64) -> i32 {
    // SAFETY: the library passes a name, and a value with its length, or NULL.
    unsafe {
        let mut entries = locked(&ENTRIES);
        if value.is_null() || entries.len() > MAX_ENTRIES {
            entries.remove(CStr::from_ptr(name));
        } else {
            entries.insert(CStr::from_ptr(name).to_owned(), slice::from_raw_parts(value, length).to_vec());
        }
        Behaviour::of(data).failure()
    }
}

pub unsafe extern "C" fn lock(data: *mut c_void, name: *const c_char, owner: *const c_char, _: u64) -> i32 {
    // SAFETY: the library passes two strings.
    unsafe {
        let (name, owner) = (CStr::from_ptr(name).to_owned(), CStr::from_ptr(owner).to_owned());
        match Behaviour::of(data).0 % 8 {
            3 => 1,
            4 => 2,
            _ => i32::from(*locked(&OWNERS).entry(name).or_insert(owner.clone()) != owner),
        }
    }
}

pub unsafe extern "C" fn unlock(data: *mut c_void, name: *const c_char, owner: *const c_char) -> i32 {
    // SAFETY: the library passes two strings.
    unsafe {
        let mut owners = locked(&OWNERS);
        if owners.get(CStr::from_ptr(name)).is_some_and(|held_by| **held_by == *CStr::from_ptr(owner)) {
            owners.remove(CStr::from_ptr(name));
        }
        Behaviour::of(data).failure()
    }
}

pub unsafe extern "C" fn log(data: *mut c_void, level: i32, message: *const c_char) {
    assert!(data.is_null() && (1..=5).contains(&level));
    // SAFETY: the library passes a string.
    assert!(!unsafe { CStr::from_ptr(message) }.is_empty());
}

#[allow(clippy::too_many_arguments, reason = "the type in the header")]
pub unsafe extern "C" fn log_record(
    data: *mut c_void,
    level: i32,
    unix_ms: i64,
    target: *const c_char,
    message: *const c_char,
    count: usize,
    names: *const *const c_char,
    values: *const *const c_char,
    types: *const i32,
) {
    assert!(data.is_null() && (1..=5).contains(&level) && unix_ms > 0);
    // SAFETY: the library passes strings, and arrays with `count` elements.
    unsafe {
        assert!(!CStr::from_ptr(target).is_empty() && !CStr::from_ptr(message).is_empty());
        for index in 0..count {
            assert!(!CStr::from_ptr(*names.add(index)).is_empty() && (1..=3).contains(&*types.add(index)));
            let _ = CStr::from_ptr(*values.add(index)).to_bytes();
        }
    }
}

/// An asynchronous call that was started.
pub struct Started {
    pub session: Arc<Session>,
    pub slot: u8,
    /// What is done in the callback.
    pub how: u8,
}

/// Takes over the token or the error, and calls the library from inside the callback.
pub unsafe extern "C" fn done(data: *mut c_void, token: *mut Token, error: *mut Error) {
    // SAFETY: `acquire_start` made it for one call of this.
    let Started { session, slot, how } = *unsafe { Box::from_raw(data.cast::<Started>()) };
    assert!(token.is_null() != error.is_null(), "a token or an error");
    session.tokens.put(slot, token);
    session.errors.put(slot, error);
    match how % 4 {
        0 => session.requests.put(slot, std::ptr::null_mut()),
        1 => session.requests.with(how, |request| {
            // SAFETY: a handle that lives for this call, or NULL.
            unsafe { crate::abi::tango_request_cancel(request) }
        }),
        2 => {
            session.client_call(slot, |client, error| {
                let mut token = std::ptr::null_mut();
                // SAFETY: a handle that lives for this call, or NULL.
                let status = unsafe { tango_token_acquire(client, &raw mut token, error) };
                session.tokens.put(how, token);
                status
            });
        }
        _ => session.clients.put(slot, std::ptr::null_mut()),
    }
    session.ended();
}
