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
//! C has the same interface in `include/tango_token.h`. Events are reported through [`tracing`] and contain no secret.

mod api;
mod bom;
mod callbacks;
mod client;
mod clock;
mod config;
mod deadline;
mod dpop;
mod endpoint;
mod error;
mod exit;
mod failure_kind;
mod ffi;
mod human;
mod nul_terminated;
mod pem;
mod policy;
mod process;
mod random;
mod retry;
mod role;
mod runtime;
mod secret;
mod store;
mod threads;
mod token;
mod visible;

pub use client::{Authorization, Client, Observation, Verdict};
pub use config::{Config, Credentials, Environment};
pub use dpop::{Algorithm, DpopKey, DpopMode, SignerError};
pub use error::{Error, Status};
pub use ffi::{wait_at_exit, watch_forks};
pub use store::{CacheError, SharedCache};
pub use token::Token;
