//! Sections: the code that a fork must not interrupt, because it holds locks of aws-lc.
//!
//! aws-lc locks one lock of the process for each random number, another for the first random number of a thread and at
//! the end of that thread, and one for each RSA key. Whatever draws random numbers or uses keys is a section. Code of
//! the program never runs inside one: it could wait for a fork, which waits for it.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, TlsProtocolId, TlsRecordSealingKey, UnboundKey};
use aws_lc_rs::{hmac, rand};

use super::gate::{DEPTH, GATE, Gate};
use super::id::{ProcessId, expect_fork};
use crate::error::{Error, Status};

thread_local! {
    /// Whether `AT_THREAD_END` was called in this thread.
    static IS_ARRANGED: Cell<bool> = const { Cell::new(false) };
}

/// Arranges that the calling thread calls `hold` and `release` at its end.
static AT_THREAD_END: OnceLock<fn()> = OnceLock::new();

/// Proof that the thread is inside a section, which ends when it is dropped.
pub(crate) struct Section(PhantomData<*const ()>);

/// The generator may be locked for ever in this process, or could not be tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GeneratorLocked;

impl fmt::Display for GeneratorLocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "this process may have inherited a lock of the random number generator that nobody unlocks: it was created \
             by _Fork or clone, by a signal handler, or by a fork that waited for 30 seconds in vain, or no thread can \
             be started to try the generator; create it with fork",
        )
    }
}

impl From<GeneratorLocked> for Error {
    fn from(locked: GeneratorLocked) -> Self {
        Self::new(Status::Internal, locked.to_string())
    }
}

/// Begins a section. It waits for a fork that is about to happen. Sections may be nested.
pub(crate) fn enter() -> Result<Section, GeneratorLocked> {
    let depth = DEPTH.get();
    if depth > 0 {
        DEPTH.set(depth + 1);
        return Ok(Section(PhantomData));
    }
    // A child that no handler reported notices itself here, before it counts.
    ProcessId::current();
    let is_sure = DEPTH.with(|depth| GATE.enter(depth));
    let section = Section(PhantomData);
    if !is_sure && !try_generator(&GATE) {
        return Err(GeneratorLocked);
    }
    if !IS_ARRANGED.get()
        && let Some(arrange) = AT_THREAD_END.get()
    {
        IS_ARRANGED.set(true);
        arrange();
    }
    Ok(section)
}

impl Drop for Section {
    fn drop(&mut self) {
        let depth = DEPTH.get();
        if depth > 1 { DEPTH.set(depth - 1) } else { DEPTH.with(|depth| GATE.leave(depth)) }
    }
}

/// Calls `arrange` in each thread that enters its first section. At the end of the thread, `hold` and `release` put
/// around a section what aws-lc does then.
pub(crate) fn at_thread_end(arrange: fn()) {
    // It is set once, by the first call.
    let _ = AT_THREAD_END.set(arrange);
}

/// Begins a section that `release` ends. Returns false if the generator is locked, in which case there is none.
pub(crate) fn hold() -> bool {
    enter().map(mem::forget).is_ok()
}

/// Ends the section of `hold`. A destructor of another thread-local object may begin one again.
pub(crate) fn release() {
    drop(Section(PhantomData));
    IS_ARRANGED.set(false);
}

/// Lets aws-lc do what it does once in a process: for the generator, and for algorithms that are later used outside of
/// sections. A failure is found by those that need them.
pub(crate) fn initialize() {
    if let Ok(_section) = enter() {
        let _ = rand::fill(&mut [0; 8]);
        let key = [0; 32];
        // HMAC initializes all digests.
        let _ = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &[]);
        for algorithm in [&AES_128_GCM, &AES_256_GCM] {
            let key = &key[..algorithm.key_len()];
            let _ = UnboundKey::new(algorithm, key);
            let _ = TlsRecordSealingKey::new(algorithm, TlsProtocolId::TLS12, key);
            let _ = TlsRecordSealingKey::new(algorithm, TlsProtocolId::TLS13, key);
        }
    }
}

/// Runs in `fork`, before the child is created.
pub(crate) fn prepare_fork() {
    expect_fork();
    GATE.close(DEPTH.get());
}

/// Runs in `fork`, in the parent.
pub(crate) fn fork_is_over() {
    GATE.open();
}

/// How long the first random number of a child may take. It takes less than a millisecond.
const TRIAL_LIMIT: Duration = Duration::from_secs(2);

/// Returns whether the generator works in a child that may have inherited its locks. A thread tries it: if the
/// generator is locked, only that thread waits for ever.
fn try_generator(gate: &'static Gate) -> bool {
    if gate.begin_trial() {
        let trial = || {
            // A failure is one that the generator reports, so it works.
            let _ = rand::fill(&mut [0; 8]);
            gate.end_trial(true);
        };
        if thread::Builder::new().name("tango-trial".into()).spawn(trial).is_err() {
            gate.end_trial(false);
        }
    }
    gate.await_trial(TRIAL_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_nest_and_end() {
        let outer = enter().unwrap();
        let inner = enter().unwrap();
        assert_eq!(DEPTH.get(), 2);
        drop((outer, inner));
        assert_eq!(DEPTH.get(), 0);
    }

    #[test]
    fn trial_finds_that_the_generator_works() {
        static UNSURE: Gate = Gate::new();
        UNSURE.enter(&Cell::new(0));
        UNSURE.reset_in_child(0);
        assert!(try_generator(&UNSURE));
        assert!(UNSURE.enter(&Cell::new(0)), "the process is sure");
    }
}
