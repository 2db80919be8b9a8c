//! Real-time signals, which nix has no names for.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::ptr;

use nix::sys::signal::SigSet;

/// Returns the set without the real-time signals that have a handler.
pub(super) fn without_handled(set: SigSet) -> SigSet {
    let mut set = *set.as_ref();
    for signal in (libc::SIGRTMIN()..=libc::SIGRTMAX()).filter(|&signal| has_handler(signal)) {
        // SAFETY: an initialised set, and a signal of this system.
        unsafe { libc::sigdelset(&raw mut set, signal) };
    }
    // SAFETY: the set was valid, and has lost signals.
    unsafe { SigSet::from_sigset_t_unchecked(set) }
}

fn has_handler(signal: libc::c_int) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: the call changes nothing; if it succeeds, it has written the action.
    let handler = unsafe {
        if libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) != 0 {
            return false;
        }
        action.assume_init_ref().sa_sigaction
    };
    handler != libc::SIG_DFL && handler != libc::SIG_IGN
}
