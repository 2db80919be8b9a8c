//! `tango-token serve` as a process, against a real sandbox.
#![cfg(unix)]

#[path = "serve/activation.rs"]
mod activation;
#[path = "serve/callers.rs"]
mod callers;
#[path = "serve/hostile.rs"]
mod hostile;
#[path = "serve/http.rs"]
mod http;
#[path = "serve/process.rs"]
mod process;
mod support;
