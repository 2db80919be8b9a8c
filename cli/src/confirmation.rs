//! Asks before something is done that cannot be undone.

use std::io::{self, IsTerminal, Write};

use crate::failure::Failure;
use crate::output;

/// Says what follows, and asks on the terminal whether to go on. Without a terminal only `--yes` goes on.
pub fn confirm(consequence: &str, question: &str, is_confirmed: bool) -> Result<(), Failure> {
    if is_confirmed {
        return Ok(());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::usage(format!("{consequence}\n  there is no terminal to ask on; confirm with --yes")));
    }
    // Not `eprint!`: it panics when standard error is closed.
    let _ = write!(io::stderr(), "{consequence}\n{question} [y/N] ");
    let mut reply = String::new();
    io::stdin().read_line(&mut reply)?;
    if matches!(reply.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    output::complain("nothing was changed");
    Err(Failure::new(""))
}
