//! Fork detection and the fork gate, through the C library.

use std::ptr;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU32};
use std::time::Duration;

use libc::c_void;

use crate::process::{Patience, close_parents_files, mark_with, note_fork, section};

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
    if let Some(mark) = wiped_on_fork() {
        mark_with(mark);
    }
    // SAFETY: the handlers use atomics, and close files, which is safe in the child of a process with threads. Their
    // code is never unloaded (`-z nodelete`).
    unsafe { libc::pthread_atfork(Some(prepare), Some(in_parent), Some(in_child)) };
    hold_at_thread_end();
}

extern "C" fn prepare() {
    section::prepare_fork();
}

extern "C" fn in_parent() {
    section::fork_is_over();
}

extern "C" fn in_child() {
    close_parents_files(|file| {
        // SAFETY: the child's copy of a descriptor of its parent, which nothing else in the child uses or closes.
        unsafe { libc::close(file) };
    });
    note_fork();
}

/// Returns a number that the system zeroes in each child, also in one that was created by `clone` (Linux 4.14).
fn wiped_on_fork() -> Option<&'static AtomicU32> {
    const NO_ADVICE: i32 = -1;
    // SAFETY: a new mapping, which is never unmapped if its number is used. A page is aligned for it.
    unsafe {
        let size = usize::try_from(libc::sysconf(libc::_SC_PAGESIZE)).ok()?;
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        let page = libc::mmap(ptr::null_mut(), size, access, kind, -1, 0);
        if page == libc::MAP_FAILED {
            return None;
        }
        // Some emulators accept every advice and follow none.
        let refuses = libc::madvise(page, size, NO_ADVICE) != 0;
        if !refuses || libc::madvise(page, size, libc::MADV_WIPEONFORK) != 0 {
            libc::munmap(page, size);
            return None;
        }
        Some(AtomicU32::from_ptr(page.cast()))
    }
}

/// The key whose destructor runs at the end of each thread that was in a section; negative if there is none.
static THREAD_END: AtomicI64 = AtomicI64::new(-1);

/// Puts the end of each thread into a section: aws-lc then frees what it keeps for the thread, under a lock of the
/// process. Destructors of keys run in the order in which the keys were created, in up to four rounds. So this key is
/// created before that of aws-lc; its destructor enters a section in the first round and leaves it in the third.
fn hold_at_thread_end() {
    let mut key = 0;
    // SAFETY: the destructor takes any value, and its code is never unloaded (`-z nodelete`).
    if unsafe { libc::pthread_key_create(&raw mut key, Some(at_thread_end)) } == 0 {
        THREAD_END.store(i64::from(key), Relaxed);
        section::at_thread_end(|| set_round(1));
    }
    // aws-lc creates its key with the first random number. Later, another library could have freed one that precedes.
    section::initialize();
}

/// Lets `at_thread_end` run with this number, in the next round if the thread is ending.
fn set_round(round: usize) {
    if let Ok(key) = libc::pthread_key_t::try_from(THREAD_END.load(Relaxed)) {
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
