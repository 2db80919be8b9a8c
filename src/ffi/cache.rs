//! A shared cache behind functions of the program's own.

use std::ffi::{CString, c_void};
use std::ptr;
use std::time::Duration;

use libc::c_char;

use super::error::ErrorObject;
use super::{guard, required};
use crate::config::Config;
use crate::error::Status;
use crate::store::{CacheError, SharedCache};

/// Reads the value of a name. `*value_length` is the room in `value` and becomes the length of what was written, 0 where
/// there is none. Returns 0, or any other number on failure.
pub type CacheLoad = Option<
    unsafe extern "C" fn(user_data: *mut c_void, name: *const c_char, value: *mut u8, value_length: *mut usize) -> i32,
>;

/// Puts a value in the place of an earlier one, in one step; a NULL `value` removes it. It has to be kept for `keep_ms`,
/// and may be forgotten after. Returns 0, or any other number on failure.
pub type CacheSave = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        name: *const c_char,
        value: *const u8,
        value_length: usize,
        keep_ms: u64,
    ) -> i32,
>;

/// Takes the lock of a name for `owner`, or extends it if `owner` has it. Returns 0 then, 1 at once if another has it, any
/// other number on failure. The lock has to open by itself `lease_ms` later: its owner may be gone.
pub type CacheLock = Option<
    unsafe extern "C" fn(user_data: *mut c_void, name: *const c_char, owner: *const c_char, lease_ms: u64) -> i32,
>;

/// Opens the lock of a name if `owner` has it. Returns 0, also if it does not, or any other number on failure.
pub type CacheUnlock =
    Option<unsafe extern "C" fn(user_data: *mut c_void, name: *const c_char, owner: *const c_char) -> i32>;

/// Ends the `user_data` of a cache. Called exactly once, on any thread.
pub type CacheRelease = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

/// Shares the token in a database that these four functions reach, instead of `tango_config_set_cache`.
///
/// They are called on the library's own threads, several at once, and waited for for five seconds; none may throw or jump
/// out. Give them shorter time limits of their own: a value that is saved late can replace what another process wrote
/// meanwhile. Names are of letters, digits, `.` and `-`; values are sealed or hold no secret, and have at most 128 KiB.
/// `release`, which may be NULL, ends `user_data` once no configuration, client or call uses it; when this call fails, at
/// once.
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
    // Before anything can fail: whatever happens, the data is released once.
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
    load: unsafe extern "C" fn(*mut c_void, *const c_char, *mut u8, *mut usize) -> i32,
    save: unsafe extern "C" fn(*mut c_void, *const c_char, *const u8, usize, u64) -> i32,
    lock: unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char, u64) -> i32,
    unlock: unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char) -> i32,
    data: UserData,
}

struct UserData {
    release: CacheRelease,
    user_data: *mut c_void,
}

// SAFETY: the header says that all functions are called on any thread; `user_data` is only carried there.
unsafe impl Send for UserData {}
// SAFETY: as above, and that several threads may call them at once.
unsafe impl Sync for UserData {}

impl Drop for UserData {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: of the type that the header names, and given by the caller to be called once with this.
            unsafe { release(self.user_data) };
        }
    }
}

impl SharedCache for Callbacks {
    fn load(&self, name: &str) -> Result<Option<Vec<u8>>, CacheError> {
        const ROOM: usize = 128 * 1024;
        let name = c_text(name)?;
        let mut value = vec![0; ROOM];
        let mut length = ROOM;
        // SAFETY: of the type that the header names, with the room that it may write, which outlives the call.
        let code = unsafe { (self.load)(self.data.user_data, name.as_ptr(), value.as_mut_ptr(), &raw mut length) };
        done(code, "load")?;
        if length > ROOM {
            return Err(CacheError(format!("load gave a length of {length} bytes, more than there was room for")));
        }
        value.truncate(length);
        Ok(Some(value).filter(|value| !value.is_empty()))
    }

    fn save(&self, name: &str, value: Option<&[u8]>, keep: Duration) -> Result<(), CacheError> {
        let name = c_text(name)?;
        let (start, length) = value.map_or((ptr::null(), 0), |value| (value.as_ptr(), value.len()));
        // SAFETY: of the type that the header names, with a value that outlives the call, or NULL and no length.
        done(unsafe { (self.save)(self.data.user_data, name.as_ptr(), start, length, ms(keep)) }, "save")
    }

    fn lock(&self, name: &str, owner: &str, lease: Duration) -> Result<bool, CacheError> {
        let (name, owner) = (c_text(name)?, c_text(owner)?);
        // SAFETY: of the type that the header names, with texts that outlive the call.
        match unsafe { (self.lock)(self.data.user_data, name.as_ptr(), owner.as_ptr(), ms(lease)) } {
            1 => Ok(false),
            code => done(code, "lock").map(|()| true),
        }
    }

    fn unlock(&self, name: &str, owner: &str) -> Result<(), CacheError> {
        let (name, owner) = (c_text(name)?, c_text(owner)?);
        // SAFETY: of the type that the header names, with texts that outlive the call.
        done(unsafe { (self.unlock)(self.data.user_data, name.as_ptr(), owner.as_ptr()) }, "unlock")
    }
}

fn c_text(text: &str) -> Result<CString, CacheError> {
    CString::new(text).map_err(|_| CacheError("a name has a NUL in it".into()))
}

fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn done(code: i32, function: &str) -> Result<(), CacheError> {
    if code == 0 { Ok(()) } else { Err(CacheError(format!("the program's function {function} returned {code}"))) }
}
