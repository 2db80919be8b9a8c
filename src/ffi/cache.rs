//! A custom shared cache behind callbacks of the program.

use std::ffi::{CString, c_void};
use std::ptr;
use std::time::Duration;

use libc::c_char;

use super::callback;
use super::error::ErrorObject;
use super::{guard, required};
use crate::config::Config;
use crate::error::Status;
use crate::store::{CacheError, SharedCache};

/// Reads the value stored under `name`. `*value_length` is the size of `value` in bytes; the function sets it to the
/// length of what it wrote, or to 0 if nothing is stored. `user_data` and `name` stay the library's. Returns 0, or any
/// other number on failure.
pub type CacheLoad = Option<
    unsafe extern "C-unwind" fn(
        user_data: *mut c_void,
        name: *const c_char,
        value: *mut u8,
        value_length: *mut usize,
    ) -> i32,
>;

/// Stores a value under `name`, atomically replacing an earlier one; a NULL `value` removes it. The value has to be
/// kept for `keep_ms` milliseconds and may be dropped after that. Returns 0, or any other number on failure.
pub type CacheSave = Option<
    unsafe extern "C-unwind" fn(
        user_data: *mut c_void,
        name: *const c_char,
        value: *const u8,
        value_length: usize,
        keep_ms: u64,
    ) -> i32,
>;

/// Takes the lock called `name` for `owner`, or extends it if `owner` holds it. Returns 0 if `owner` now holds it, 1 at
/// once if another owner does, and any other number on failure. The lock has to expire `lease_ms` milliseconds later by
/// itself, because the process of its owner may have died.
pub type CacheLock = Option<
    unsafe extern "C-unwind" fn(
        user_data: *mut c_void,
        name: *const c_char,
        owner: *const c_char,
        lease_ms: u64,
    ) -> i32,
>;

/// Releases the lock called `name` if `owner` holds it. Returns 0, also if `owner` does not hold it, or any other
/// number on failure.
pub type CacheUnlock =
    Option<unsafe extern "C-unwind" fn(user_data: *mut c_void, name: *const c_char, owner: *const c_char) -> i32>;

/// Frees the `user_data` of a cache. Called exactly once, on any thread.
pub type CacheRelease = Option<unsafe extern "C-unwind" fn(user_data: *mut c_void)>;

/// Shares the token through a store of the program's choice, reached by these four functions, instead of
/// `tango_config_set_cache`.
///
/// The library calls them on its own threads, several at once, and waits for each call for at most five seconds. Give
/// each a shorter time limit: a value that is saved late can overwrite a newer one of another process. They must
/// neither throw nor longjmp. Names consist of letters, digits, `.` and `-`. Values are sealed or hold no secret, and
/// have at most 128 KiB.
///
/// The library takes over `user_data`: `release`, which may be NULL, frees it once no configuration, client or call
/// uses it, or at once if this call fails. INVALID_ARGUMENT if `config` or one of the four functions is NULL.
#[unsafe(no_mangle)]
#[allow(clippy::too_many_arguments)]
pub unsafe extern "C" fn tango_config_set_cache_callbacks(
    config: Option<&mut Config>,
    load: CacheLoad,
    save: CacheSave,
    lock: CacheLock,
    unlock: CacheUnlock,
    release: CacheRelease,
    user_data: *mut c_void,
    error: *mut *mut ErrorObject,
) -> Status {
    // Owned before anything can fail, so that the data is released exactly once.
    let data = UserData { release, user_data };
    guard(error, move || {
        let config = required(config, "config")?;
        config.custom_cache(Callbacks {
            load: required(load, "load")?,
            save: required(save, "save")?,
            lock: required(lock, "lock")?,
            unlock: required(unlock, "unlock")?,
            data,
        });
        Ok(())
    })
}

struct Callbacks {
    load: unsafe extern "C-unwind" fn(*mut c_void, *const c_char, *mut u8, *mut usize) -> i32,
    save: unsafe extern "C-unwind" fn(*mut c_void, *const c_char, *const u8, usize, u64) -> i32,
    lock: unsafe extern "C-unwind" fn(*mut c_void, *const c_char, *const c_char, u64) -> i32,
    unlock: unsafe extern "C-unwind" fn(*mut c_void, *const c_char, *const c_char) -> i32,
    data: UserData,
}

struct UserData {
    release: CacheRelease,
    user_data: *mut c_void,
}

// SAFETY: the header says that the callbacks run on any thread; the library only passes `user_data` on.
unsafe impl Send for UserData {}
// SAFETY: as above; the header also says that several threads may call them at once.
unsafe impl Sync for UserData {}

impl Drop for UserData {
    fn drop(&mut self) {
        super::release(self.release, self.user_data);
    }
}

impl SharedCache for Callbacks {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, CacheError> {
        const CAPACITY: usize = 128 * 1024;
        let name = c_string(name)?;
        let mut value = vec![0; CAPACITY];
        let mut length = CAPACITY;
        // SAFETY: a function of the type in the header; `value` outlives the call and has the size that it is told.
        let load = || unsafe { (self.load)(self.data.user_data, name.as_ptr(), value.as_mut_ptr(), &raw mut length) };
        done(callback::call(load), "load")?;
        if length > CAPACITY {
            return Err(CacheError(format!(
                "the program's function load set a length of {length} bytes, more than its buffer holds"
            )));
        }
        value.truncate(length);
        Ok(Some(value).filter(|value| !value.is_empty()))
    }

    fn save(&self, name: &str, value: Option<&[u8]>, keep: Duration) -> Result<(), CacheError> {
        let name = c_string(name)?;
        let (start, length) = value.map_or((ptr::null(), 0), |value| (value.as_ptr(), value.len()));
        // SAFETY: a function of the type in the header; the value outlives the call, or is NULL with length 0.
        let save = || unsafe { (self.save)(self.data.user_data, name.as_ptr(), start, length, ms(keep)) };
        done(callback::call(save), "save")
    }

    fn lock(&self, name: &str, owner: &str, lease: Duration) -> Result<bool, CacheError> {
        let (name, owner) = (c_string(name)?, c_string(owner)?);
        // SAFETY: a function of the type in the header; the strings outlive the call.
        let lock = || unsafe { (self.lock)(self.data.user_data, name.as_ptr(), owner.as_ptr(), ms(lease)) };
        match callback::call(lock) {
            (1, None) => Ok(false),
            outcome => done(outcome, "lock").map(|()| true),
        }
    }

    fn unlock(&self, name: &str, owner: &str) -> Result<(), CacheError> {
        let (name, owner) = (c_string(name)?, c_string(owner)?);
        // SAFETY: a function of the type in the header; the strings outlive the call.
        let unlock = || unsafe { (self.unlock)(self.data.user_data, name.as_ptr(), owner.as_ptr()) };
        done(callback::call(unlock), "unlock")
    }
}

fn c_string(name: &str) -> Result<CString, CacheError> {
    CString::new(name).map_err(|_| CacheError("a name contains a NUL".into()))
}

fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn done((code, reason): (i32, Option<String>), function: &str) -> Result<(), CacheError> {
    if code == 0 {
        return Ok(());
    }
    Err(CacheError(callback::describe(&format!("the program's function {function}"), code, reason)))
}
