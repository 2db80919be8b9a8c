//! `pthread_cancel` of the program's threads.
//!
//! A cancelled thread unwinds from the next call of the C library that blocks, such as `open` or `close`. Rust cannot be
//! unwound like that: the process would end. So a call of this library is completed first, and the thread ends at its
//! next such call after it.

use std::ptr;

use libc::c_int;

unsafe extern "C" {
    // Not in the crate `libc`.
    fn pthread_setcancelstate(state: c_int, previous: *mut c_int) -> c_int;
}

/// `PTHREAD_CANCEL_DISABLE`, which is the same number in glibc, musl and the BSDs.
const DISABLE: c_int = if cfg!(target_vendor = "apple") { 0 } else { 1 };

/// Keeps this thread from being cancelled until it is dropped.
pub(super) struct Uncancellable(c_int);

impl Uncancellable {
    pub fn enter() -> Self {
        let mut previous = DISABLE;
        // SAFETY: the function writes one number, and cannot fail for a known state.
        unsafe { pthread_setcancelstate(DISABLE, &raw mut previous) };
        Self(previous)
    }
}

impl Drop for Uncancellable {
    fn drop(&mut self) {
        // SAFETY: the state that this thread had.
        unsafe { pthread_setcancelstate(self.0, ptr::null_mut()) };
    }
}
