//! The command line.

use clap::{Args, Parser, Subcommand};

use crate::commands::{cache, call, completions, doctor, exec, headers, inspect, key, proof, serve, token};
use crate::profile::Choice;

const AFTER_HELP: &str = "\
The client is configured by flags, by the TANGO_* variables and by a profile of the configuration file; the first of them \
that has a value wins. Secrets come from files, variables or standard input, never from the command line.

Exit status:
   0  success
   1  failure
   2  wrong usage
  75  the command can succeed later; the message says when
  77  the credentials are refused
  78  the configuration or a key cannot be used";

/// Gets, keeps and uses service-account tokens of the Tango API
#[derive(Parser)]
#[command(name = "tango-token", version, after_help = AFTER_HELP, max_term_width = 120, disable_help_subcommand = true)]
pub struct CommandLine {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Write the log of the library to standard error; it contains no secret
    #[arg(long, short, global = true)]
    pub verbose: bool,
    #[command(flatten)]
    pub choice: Choice,
}

// In the order in which `--help` lists them.
#[derive(Subcommand)]
pub enum Command {
    /// Print a valid token: the one that is held, or a new one
    Token(Box<token::Token>),
    /// Print the headers of one API call, one on each line
    Headers(Box<headers::Headers>),
    /// Call an API with a token, for trying
    Call(Box<call::Call>),
    /// Run a command with a token, in a variable or in a file that stays fresh
    Exec(Box<exec::Exec>),
    /// Give tokens and headers to other programs of this user over local HTTP
    Serve(Box<serve::Serve>),
    /// Show, clear and unlock the cache that processes share
    #[command(subcommand)]
    Cache(cache::Cache),
    /// Check everything that a client needs, without spending a token, and say what to do
    Doctor(Box<doctor::Doctor>),
    /// Generate and show the keys that tokens are bound to
    #[command(subcommand)]
    Key(key::Key),
    /// Print a DPoP proof for one request (RFC 9449)
    Proof(proof::Proof),
    /// Decode, check and explain a proof, a token, a key or a file of the cache; nothing is sent
    Inspect(inspect::Inspect),
    /// Print the completions for a shell
    Completions(completions::Completions),
    /// Write the manual pages
    #[command(hide = true)]
    Man(completions::Man),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }
}
