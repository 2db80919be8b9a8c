//! Each command of `tango-token`, against a real sandbox: its success, its refusals, and its wrong usage.

#[path = "commands/call.rs"]
mod call;
#[cfg(unix)]
#[path = "commands/exec.rs"]
mod exec;
#[path = "commands/headers.rs"]
mod headers;
#[path = "commands/inspect.rs"]
mod inspect;
#[path = "commands/key.rs"]
mod key;
#[path = "commands/meta.rs"]
mod meta;
#[path = "commands/proof.rs"]
mod proof;
mod support;
#[path = "commands/token.rs"]
mod token;
