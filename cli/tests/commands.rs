//! Each command of `tango-token`, against a real sandbox: its success, its refusals, and its wrong usage.

#[path = "commands/call.rs"]
mod call;
#[cfg(target_os = "linux")]
#[path = "commands/document.rs"]
mod document;
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
#[cfg(target_os = "linux")]
#[path = "commands/terminal.rs"]
mod terminal;
#[path = "commands/token.rs"]
mod token;
