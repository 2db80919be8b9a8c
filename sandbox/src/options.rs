//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

// One line per option: an about of two paragraphs, or listed possible values, would turn `--help` into its long form.
/// A local Tango authorization server and a small protected API, over TLS
#[derive(Parser)]
#[command(
    name = "tango-sandbox",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "\
Without a command it prints the variables that a client needs (TANGO_TOKEN_URL, TANGO_CA_FILE, ...) and serves until
SIGINT or SIGTERM. It logs one line per request, never a secret.

Examples:
  tango-sandbox --inspector
  tango-sandbox run -- pytest
  tango-sandbox run --dpop strict --log-file sandbox.log -- sh -c 'curl --cacert \"$TANGO_CA_FILE\" \"$TANGO_API_URL/accounts\"'"
)]
pub struct CommandLine {
    #[command(flatten)]
    pub serve: ServeOptions,
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Subcommand)]
pub enum Command {
    /// Start the server, run a command with the variables that it needs, and stop the server when the command ends
    Run(Box<RunOptions>),
    /// Call an API: one GET, with request headers from standard input, one per line
    Get(GetOptions),
}

/// Options of a server that runs until it is stopped.
#[derive(Args)]
pub struct ServeOptions {
    #[command(flatten)]
    pub server: ServerOptions,
    /// Write the variables to this file (mode 0600) once the server is ready, not to standard output; removed at exit
    #[arg(long, value_name = "FILE", help_heading = "Variables")]
    pub env_file: Option<PathBuf>,
    /// Format of the variables: shell (NAME=value lines) or json (one object on one line)
    #[arg(long, value_enum, hide_possible_values = true, value_name = "FORMAT", default_value_t = Format::Shell,
          help_heading = "Variables")]
    pub format: Format,
    /// Exit when standard input ends, so that the server does not outlive the job that started it
    #[arg(long, help_heading = "Lifetime")]
    pub until_stdin_closes: bool,
}

/// How the variables are written.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// `NAME=value` lines that a POSIX shell can source
    Shell,
    /// One object on one line
    Json,
}

/// Options of a server that runs as long as a command.
#[derive(Args)]
#[command(after_help = "\
The exit status is that of the command, or 128 and the number of the signal that ended it. It is 127 if the command is not
found, 126 if it cannot be executed, and 125 if the server does not start. SIGINT and SIGTERM are passed on to the command.")]
pub struct RunOptions {
    /// Command to run, with its arguments
    // First, because the headings of the options below would hold it as well.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
    #[command(flatten)]
    pub server: ServerOptions,
}

/// What to call. Headers come on standard input because other users can read the command line of a process.
#[derive(Args)]
pub struct GetOptions {
    /// URL to call
    pub url: String,
    /// PEM file of the authority to trust
    #[arg(long, value_name = "FILE")]
    pub ca_file: PathBuf,
}

/// Options of the server, however it was started.
#[derive(Args)]
pub struct ServerOptions {
    #[command(flatten)]
    pub listen: ListenOptions,
    #[command(flatten)]
    pub files: FileOptions,
    #[command(flatten)]
    pub credentials: Credentials,
    #[command(flatten)]
    pub behaviour: Behaviour,
    #[command(flatten)]
    pub dpop: DpopOptions,
}

/// Addresses of the listeners.
#[derive(Args)]
#[command(next_help_heading = "Listeners")]
pub struct ListenOptions {
    /// Address of the TLS listener
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1", value_parser = one_line)]
    pub host: String,
    /// Port of the TLS listener; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub port: u16,
    /// Port of the control listener (plain HTTP, always on 127.0.0.1); 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub control_port: u16,
    /// Serve a page that shows each request, checks its proof, and switches faults on and off
    #[arg(long)]
    pub inspector: bool,
    /// Port of the inspector (plain HTTP, always on 127.0.0.1); 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 0, requires = "inspector")]
    pub inspector_port: u16,
}

/// Files that the server writes.
#[derive(Args)]
#[command(next_help_heading = "Files")]
pub struct FileOptions {
    /// Directory of ca.pem [default: a new temporary directory, removed at exit]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Write the log to this file, not to standard error
    #[arg(long, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
}

/// The one service account that the server knows. The defaults need form escaping, so that a client without it fails.
#[derive(Args)]
#[command(next_help_heading = "Service account")]
pub struct Credentials {
    /// Client id
    #[arg(long, value_name = "ID", default_value = "sandbox-client", value_parser = one_line)]
    pub client_id: String,
    /// Client secret
    #[arg(long, value_name = "SECRET", default_value = "s3cret+&=% ü", value_parser = one_line)]
    pub client_secret: String,
    /// User name
    #[arg(long, value_name = "NAME", default_value = "service-account@example.com", value_parser = one_line)]
    pub username: String,
    /// Password
    #[arg(long, value_name = "PASSWORD", default_value = "p@ss w0rd+&=%ß'€", value_parser = one_line)]
    pub password: String,
}

/// How the server responds.
#[derive(Args)]
#[command(next_help_heading = "Behaviour")]
pub struct Behaviour {
    /// Refuse further tokens for this long after one was issued; 0 lifts the limit
    #[arg(long, value_name = "N", default_value_t = 72_000)]
    pub quota_window_seconds: u32,
    /// Lifetime of tokens [default: that of the audience, 86400 or 300]
    #[arg(long, value_name = "N")]
    pub token_lifetime_seconds: Option<u32>,
    /// Body of the token endpoint's 400 and 401: text, json or empty; the quota error is always text, a proof error
    /// JSON
    #[arg(long, value_enum, hide_possible_values = true, value_name = "FORMAT", default_value_t = ErrorFormat::Text)]
    pub error_format: ErrorFormat,
    /// Wait this long before each response
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub latency_ms: u32,
    /// Respond to the first N token requests with 503
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub fail_first: u64,
    /// Respond to every N-th token request with 503; 0 is never
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub fail_every: u64,
    /// Set the server's clock (Date, iat, exp, age of proofs) ahead by S seconds, or back where S is negative
    #[arg(long, value_name = "S", default_value_t = 0, allow_negative_numbers = true,
          value_parser = clap::value_parser!(i64).range(-TEN_YEARS..=TEN_YEARS))]
    pub clock_offset_seconds: i64,
}

/// Enough for every test, and no date leaves the range that HTTP can write.
const TEN_YEARS: i64 = 315_360_000;

impl Behaviour {
    /// Returns the pause before each response that is not scripted.
    pub fn latency(&self) -> Duration {
        Duration::from_millis(self.latency_ms.into())
    }

    /// Returns whether the service is unavailable for this token request, counted from 1.
    pub fn fails(&self, ordinal: u64) -> bool {
        ordinal <= self.fail_first || (self.fail_every != 0 && ordinal.is_multiple_of(self.fail_every))
    }
}

/// How the token endpoint writes an error.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ErrorFormat {
    /// text/plain with the reason
    Text,
    /// JSON of RFC 6749 section 5.2
    Json,
    /// text/plain without a body
    Empty,
}

/// How the server treats proofs of possession (RFC 9449). With `--dpop off` the other options have no effect.
#[derive(Args)]
#[command(next_help_heading = "DPoP")]
pub struct DpopOptions {
    /// Proofs: off ignores them, opportunistic checks a proof that is sent, strict requires one with each request
    #[arg(long, value_enum, hide_possible_values = true, value_name = "MODE", default_value_t = DpopMode::Opportunistic)]
    pub dpop: DpopMode,
    /// Check the proof of a token request, but issue an unbound Bearer token
    #[arg(long)]
    pub dpop_downgrade: bool,
    /// Nonces in proofs: off, required, or single-use (a new one in each response); each server has nonces of its own
    #[arg(long, value_enum, hide_possible_values = true, value_name = "NONCE", default_value_t = DpopNonce::Off)]
    pub dpop_nonce: DpopNonce,
    /// Replace nonces after N seconds; the previous one stays valid for as long again
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    pub dpop_nonce_lifetime_seconds: u32,
    /// The API's error code for a wrong proof: invalid-dpop-proof (RFC 9449), or invalid-token, as some servers respond
    #[arg(long, value_enum, hide_possible_values = true, value_name = "ERROR",
          default_value_t = DpopApiError::InvalidDpopProof)]
    pub dpop_api_error: DpopApiError,
}

/// Whether requests need a proof.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DpopMode {
    /// A proof is ignored
    Off,
    /// A proof is checked but not required
    Opportunistic,
    /// A request without a proof is refused
    Strict,
}

/// Whether proofs need a nonce.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DpopNonce {
    /// No nonce is sent, and one in a proof is ignored
    Off,
    /// Each response carries a nonce, and a proof without a current one is challenged
    Required,
    /// Each response carries a new nonce, and a proof with a used one is challenged
    SingleUse,
}

/// What the API calls a wrong proof.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DpopApiError {
    /// The code of RFC 9449 section 7.1
    InvalidDpopProof,
    /// As if the token were at fault
    InvalidToken,
}

/// Parses a value that fits on one `NAME=value` line and is not an empty form field, which counts as missing.
fn one_line(value: &str) -> Result<String, String> {
    if value.is_empty() {
        return Err("must not be empty".into());
    }
    if value.chars().any(char::is_control) {
        return Err("must not contain control characters".into());
    }
    Ok(value.into())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(arguments: &[&str]) -> Result<CommandLine, clap::Error> {
        CommandLine::try_parse_from([&["tango-sandbox"], arguments].concat())
    }

    fn server(arguments: &[&str]) -> ServerOptions {
        parse(arguments).unwrap_or_else(|error| panic!("{error}")).serve.server
    }

    #[test]
    fn command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn first_and_every_nth_request_fail() {
        let options = server(&["--fail-first", "2", "--fail-every", "5"]).behaviour;
        let failing: Vec<u64> = (1..=10).filter(|&ordinal| options.fails(ordinal)).collect();
        assert_eq!(failing, [1, 2, 5, 10]);
        assert!(!(1..=100).any(|ordinal| server(&[]).behaviour.fails(ordinal)));
    }

    #[test]
    fn clock_offset_may_be_negative() {
        assert_eq!(server(&["--clock-offset-seconds", "-90"]).behaviour.clock_offset_seconds, -90);
    }

    #[test]
    fn proofs_are_optional_by_default() {
        let options = server(&[]).dpop;
        assert!(options.dpop == DpopMode::Opportunistic && options.dpop_nonce == DpopNonce::Off);
        assert!(parse(&["--dpop-nonce-lifetime-seconds", "0"]).is_err());
        assert!(parse(&["--dpop", "sometimes"]).is_err());
    }

    #[test]
    fn run_takes_options_before_the_dashes_and_a_command_after_them() {
        let Some(Command::Run(run)) = parse(&["run", "--port", "7", "--", "ls", "--port"]).unwrap().command else {
            panic!("not a run");
        };
        assert_eq!((run.server.listen.port, run.command), (7, vec!["ls".into(), "--port".into()]));
        for arguments in [&["run"][..], &["run", "--"], &["run", "ls"], &["--port", "7", "run", "--", "ls"]] {
            assert!(parse(arguments).is_err(), "{arguments:?}");
        }
    }

    #[test]
    fn credential_must_fit_on_one_line() {
        assert!(one_line("a b").is_ok());
        assert!(one_line("").is_err());
        assert!(one_line("a\nb").is_err());
    }
}
