//! The modules of the library that compute and do no I/O, as a crate of their own: a mutant of it is built and tested in
//! a second. `mutants.sh` copies the modules beside this file.
#![allow(dead_code, unused_imports)]

mod clock;
mod error;
mod failure_kind;
mod human;
mod policy;
mod retry;
mod secret;
mod visible;

mod api {
    mod challenge;
    mod origin;
}

mod dpop {
    mod htu;
    mod nonce;
    mod server_clock;

    pub(crate) use htu::target;
    pub(crate) use nonce::{NonceHeader, is_nonce};
    pub(crate) use server_clock::ServerClock;
}

mod endpoint {
    mod daily_limit;
    mod lifetime;
    mod markup;
}
