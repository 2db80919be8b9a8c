//! Acquires, caches and uses service-account tokens of the Tango API.
//!
//! A program configures its credentials once. Each call then returns a valid token, which is fetched once, shared by
//! all threads, and refreshed before it expires.
//!
//! ```no_run
//! # fn main() -> Result<(), tango_token::Error> {
//! use tango_token::{Client, Config};
//!
//! let client = Client::new(&Config::from_env()?)?;
//! let token = client.acquire()?;
//! println!("{} token, good for {:?}", token.token_type(), token.expires_in());
//! # Ok(())
//! # }
//! ```
//!
//! C has the same interface in `include/tango_token.h`.
//!
//! # Threads and the log
//!
//! Events are reported through [`tracing`] and contain no secret. A subscriber runs on the thread that logs, which can
//! be the one that sends the requests of all clients. The same is true for the wakers of the futures. As usual with
//! `tracing` and async Rust, neither may block: a subscriber that writes to a slow destination hands its lines to a
//! thread of its own (`tracing_appender::non_blocking` does that). A program without a subscriber can call
//! [`log_to_stderr`], or [`log_to_stderr_from_env`] for the variable `TANGO_LOG`. A custom cache, a custom signer and their
//! destructors do not run on that thread, and may block.

mod api;
#[cfg(target_vendor = "apple")]
mod apple;
mod bom;
mod callbacks;
mod causes;
mod certificate;
mod client;
mod clock;
mod config;
mod counters;
mod deadline;
mod der;
mod diagnosis;
mod dpop;
mod endpoint;
mod error;
mod exit;
mod failure_kind;
mod ffi;
#[cfg(fuzzing)]
pub mod fuzzing;
mod human;
mod input_file;
mod log;
mod nul_terminated;
mod pem;
mod policy;
mod process;
mod random;
mod read_budget;
mod resolver;
mod retry;
mod role;
mod runtime;
mod secret;
mod stats;
mod store;
#[cfg(test)]
mod test_peers;
mod threads;
mod tls_failure;
mod tls_provider;
mod token;
mod trust;
mod unloading;
mod visible;
#[cfg(windows)]
mod windows;
mod workers;

pub use client::{Authorization, Client, Observation, Verdict};
pub use client::{CacheIdentity, CacheStatus, CachedLedger, CachedRecord, CachedToken, LedgerState};
pub use config::{CacheKind, Config, Credentials, Environment};
pub use config::{ExplainedOption, ValueSource};
pub use diagnosis::{Check, CheckOutcome, Diagnosis};
pub use dpop::{Algorithm, DpopKey, DpopMode, SignerError};
pub use error::{Error, Status};
pub use exit::wait_for_requests;
pub use ffi::{ZeroizingAllocator, wait_at_exit, watch_forks};
pub use log::{LogFormat, LogLevel, log_to_stderr, log_to_stderr_from_env};
pub use stats::{Bucket, Metric, MetricKind, Sample, Stats};
pub use store::{CacheError, LockHolder, LockState, SharedCache, UnlockOutcome};
pub use token::Token;

/// The threads for callbacks, for the Python package. Not a part of the API: it changes without notice.
#[doc(hidden)]
pub mod callback_threads {
    pub use crate::callbacks::{drain_log, run, start};
    pub use crate::log::{LogField, LogLine, LogReceiver, LogValue, is_in_log_receiver, set_log_receiver};
}
