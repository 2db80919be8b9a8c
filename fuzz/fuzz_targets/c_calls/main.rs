//! The C interface under AddressSanitizer: objects of every type are made, used, cloned and freed in any order on
//! several threads, by calls that an input chooses. No call may read or free what is gone, panic, or lose a callback.
#![no_main]
#![deny(dead_code)]

mod abi;
mod callbacks;
mod calls;
mod handle;
mod server;

use std::sync::Arc;
use std::thread;

use libfuzzer_sys::fuzz_target;

use calls::{Call, Session};

const THREADS: usize = 3;
/// More calls take too long.
const MAX_CALLS: usize = 24;

fuzz_target!(|calls: Vec<(u8, Call)>| {
    let session = Arc::new(Session::default());
    thread::scope(|scope| {
        for number in 0..THREADS {
            let calls = calls.iter().take(MAX_CALLS).filter(move |(on, _)| usize::from(*on) % THREADS == number);
            let session = &session;
            scope.spawn(move || {
                for &(_, call) in calls {
                    // SAFETY: `run` keeps the contract of the header.
                    unsafe { session.run(call) };
                }
            });
        }
    });
    session.wait();
    drop(session);
    callbacks::wait_for_release();
});
