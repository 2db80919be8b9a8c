//! Fork detection and the fork gate, through the C library.

#[cfg_attr(not(any(target_os = "linux", target_os = "android")), path = "fork/no_mark.rs")]
mod mark;

use std::mem::MaybeUninit;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU8};
use std::time::Duration;

use libc::{c_int, c_void};

use crate::process::{FileIdentity, Patience, close_parents_files, file_identity, mark_with, note_fork, section};
use crate::unloading;

const UNREGISTERED: u8 = 0;
const REGISTERING: u8 = 1;
const REGISTERED: u8 = 2;

/// Registers fork handlers, so that a forked child inherits no lock of the cryptography and is recognised without
/// asking for the process ID. If the C library is out of memory, the process ID still tells most children apart.
///
/// The C interface calls this for the first client or key. A program in Rust may call it if its code is never unloaded.
pub fn watch() {
    static STATE: AtomicU8 = AtomicU8::new(UNREGISTERED);
    if STATE.load(Acquire) == REGISTERED {
        return;
    }
    if STATE.compare_exchange(UNREGISTERED, REGISTERING, AcqRel, Acquire).is_ok() {
        register();
        STATE.store(REGISTERED, Release);
    }
    // Not for ever: a child that was forked meanwhile does not have the thread that registers.
    let mut patience = Patience::new(Duration::from_secs(1));
    while STATE.load(Acquire) != REGISTERED && !patience.is_over() {
        patience.wait();
    }
}

fn register() {
    unloading::prevent();
    if let Some(mark) = mark::wiped_on_fork() {
        mark_with(mark);
    }
    register_handlers();
    hold_at_thread_end();
}

fn register_handlers() {
    static IS_DONE: AtomicBool = AtomicBool::new(false);
    if !IS_DONE.swap(true, Relaxed) {
        // SAFETY: the handlers use atomics, and close files, which is safe in the child of a process with threads.
        // Their code is never unloaded, or the C library removes them with it.
        unsafe { libc::pthread_atfork(Some(prepare), Some(in_parent), Some(in_child)) };
    }
}

/// Registers the handlers when the library is loaded, which usually is before the program registers its own. So `fork`
/// closes the gate after the program's handlers took their locks: the holder of such a lock may be about to enter. And
/// handlers in the parent and in the child find the gate open again. With the first client would be too late for that.
///
/// Not on Apple's systems, where a library could still be unloaded then. Miri does not know `pthread_atfork`.
#[cfg(all(any(target_os = "linux", target_os = "android"), not(miri)))]
#[used]
// SAFETY: the C library calls each address of this section once, and this function uses no state that is not there.
#[unsafe(link_section = ".init_array")]
static AT_LOAD: extern "C" fn() = at_load;

#[cfg(all(any(target_os = "linux", target_os = "android"), not(miri)))]
extern "C" fn at_load() {
    register_handlers();
}

extern "C" fn prepare() {
    section::prepare_fork();
}

extern "C" fn in_parent() {
    section::fork_is_over();
}

extern "C" fn in_child() {
    close_parents_files(|descriptor, identity| {
        if belongs_to(descriptor, identity) {
            // SAFETY: the child's copy of a descriptor of its parent, which nothing else in the child uses or closes.
            unsafe { libc::close(descriptor) };
        }
    });
    note_fork();
}

fn belongs_to(descriptor: c_int, identity: FileIdentity) -> bool {
    let mut found = MaybeUninit::uninit();
    // SAFETY: `fstat` takes any number, writes to the place, and may be called in such a child. If it succeeded, the
    // place is initialised.
    unsafe { libc::fstat(descriptor, found.as_mut_ptr()) == 0 && file_identity(found.assume_init_ref()) == identity }
}

/// The key whose destructor runs at the end of each thread that was in a section.
static THREAD_END: OnceLock<libc::pthread_key_t> = OnceLock::new();

/// Puts the end of each thread into a section: aws-lc then frees what it keeps for the thread, under a lock of the
/// process. Destructors of keys run in the order in which the keys were created, in up to four rounds. So this key is
/// created before that of aws-lc; its destructor enters a section in the first round and leaves it in the third.
fn hold_at_thread_end() {
    let mut key = 0;
    // SAFETY: the destructor takes any value, and its code is never unloaded.
    if unsafe { libc::pthread_key_create(&raw mut key, Some(at_thread_end)) } == 0 {
        // It is set once: `register` runs once in a process.
        let _ = THREAD_END.set(key);
        section::at_thread_end(|| set_round(1));
    }
    // aws-lc creates its key with the first random number. Later, another library could have freed one that precedes.
    section::initialize();
}

/// Lets `at_thread_end` run with this number, in the next round if the thread is ending.
fn set_round(round: usize) {
    if let Some(&key) = THREAD_END.get() {
        // SAFETY: the key exists. The value is a number that is never used as an address.
        unsafe { libc::pthread_setspecific(key, ptr::without_provenance::<c_void>(round)) };
    }
}

extern "C" fn at_thread_end(round: *mut c_void) {
    match round.addr() {
        1 => {
            if section::hold() {
                set_round(2);
            }
        }
        2 => set_round(3),
        _ => section::release(),
    }
}
