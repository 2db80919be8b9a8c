//! The command line.

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
It prints NAME=value lines that a shell can source, then serves until SIGINT or SIGTERM.
Standard error gets one line per request, never a secret.

Example:
  tango-sandbox --env-file tango.env &
  until [ -f tango.env ]; do sleep 0.1; done
  set -a; . ./tango.env; set +a
  curl --cacert \"$TANGO_CA_FILE\" \"$TANGO_API_URL/accounts\""
)]
pub struct Options {
    #[command(flatten)]
    pub listen: Listen,
    #[command(flatten)]
    pub output: Output,
    #[command(flatten)]
    pub credentials: Credentials,
    #[command(flatten)]
    pub behaviour: Behaviour,
    #[command(flatten)]
    pub dpop: DpopOptions,
    #[command(flatten)]
    pub lifetime: Lifetime,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What it does instead of serving.
#[derive(Subcommand)]
pub enum Command {
    /// Call an API: one GET, with the request headers that standard input holds, a line each
    Get(Get),
}

/// What to call. Headers come over standard input because a token on a command line is readable for everybody.
#[derive(Args)]
pub struct Get {
    /// Address to call
    pub url: String,
    /// PEM file of the authority to trust
    #[arg(long, value_name = "FILE")]
    pub ca_file: PathBuf,
}

/// Where it listens.
#[derive(Args)]
#[command(next_help_heading = "Listeners")]
pub struct Listen {
    /// Address of the TLS listener
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1", value_parser = line)]
    pub host: String,
    /// Port of the TLS listener; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub port: u16,
    /// Port of the control listener (plain HTTP, always on 127.0.0.1); 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub control_port: u16,
}

/// What it leaves for its clients.
#[derive(Args)]
#[command(next_help_heading = "Files")]
pub struct Output {
    /// Where ca.pem is written [default: a fresh temporary directory, removed at exit]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Also write the printed lines here, in one step, once everything is ready; removed at exit
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,
}

/// The one service account that is known here. The defaults need form escaping, so that a client that forgets it fails.
#[derive(Args)]
#[command(next_help_heading = "Service account")]
pub struct Credentials {
    /// Client id that is known
    #[arg(long, value_name = "ID", default_value = "sandbox-client", value_parser = line)]
    pub client_id: String,
    /// Its secret
    #[arg(long, value_name = "SECRET", default_value = "s3cret+&=% ü", value_parser = line)]
    pub client_secret: String,
    /// User name that is known
    #[arg(long, value_name = "NAME", default_value = "service-account@example.com", value_parser = line)]
    pub username: String,
    /// Its password
    #[arg(long, value_name = "PASSWORD", default_value = "p@ss w0rd+&=%ß'€", value_parser = line)]
    pub password: String,
}

/// How it answers.
#[derive(Args)]
#[command(next_help_heading = "Behaviour")]
pub struct Behaviour {
    /// After a token was issued, refuse further ones for this long; 0 lifts the limit
    #[arg(long, value_name = "N", default_value_t = 72_000)]
    pub quota_window_seconds: u32,
    /// Lifetime of tokens [default: what the audience stands for, 86400 or 300]
    #[arg(long, value_name = "N")]
    pub token_lifetime_seconds: Option<u32>,
    /// Body of the token endpoint's 400 and 401: text, json or empty; the quota refusal stays text, that of a proof JSON
    #[arg(long, value_enum, hide_possible_values = true, value_name = "FORMAT", default_value_t = ErrorFormat::Text)]
    pub error_format: ErrorFormat,
    /// Wait this long before each answer
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub latency_ms: u32,
    /// Answer the first N token requests with 503
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub fail_first: u64,
    /// Answer every N-th token request with 503; 0 is never
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub fail_every: u64,
    /// Run the server's clock (Date, iat, exp, age of proofs) this far ahead, or behind where negative
    #[arg(long, value_name = "S", default_value_t = 0, allow_negative_numbers = true,
          value_parser = clap::value_parser!(i64).range(-TEN_YEARS..=TEN_YEARS))]
    pub clock_offset_seconds: i64,
}

/// Enough for every test, and no date leaves the range that HTTP can write.
const TEN_YEARS: i64 = 315_360_000;

impl Behaviour {
    /// The pause before each answer that is not scripted.
    pub fn latency(&self) -> Duration {
        Duration::from_millis(self.latency_ms.into())
    }

    /// Whether the token request of this ordinal, counted from 1, is to find the service unavailable.
    pub fn fails(&self, ordinal: u64) -> bool {
        ordinal <= self.fail_first || (self.fail_every != 0 && ordinal.is_multiple_of(self.fail_every))
    }
}

/// How a refusal of the token endpoint is written.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ErrorFormat {
    /// text/plain with the reason
    Text,
    /// JSON of RFC 6749 section 5.2
    Json,
    /// text/plain without a body
    Empty,
}

/// What it makes of proofs of possession (RFC 9449). Nothing here has an effect when they are off.
#[derive(Args)]
#[command(next_help_heading = "DPoP")]
pub struct DpopOptions {
    /// Proofs: off ignores them, opportunistic checks those that come, strict wants one with each request
    #[arg(long, value_enum, hide_possible_values = true, value_name = "MODE", default_value_t = DpopMode::Opportunistic)]
    pub dpop: DpopMode,
    /// Check the proof of a token request, and answer with an unbound Bearer token nevertheless
    #[arg(long)]
    pub dpop_downgrade: bool,
    /// Nonces in proofs: off or required; authorization server and API each have their own
    #[arg(long, value_enum, hide_possible_values = true, value_name = "NONCE", default_value_t = DpopNonce::Off)]
    pub dpop_nonce: DpopNonce,
    /// Replace nonces this often; the one before stays good as long again
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    pub dpop_nonce_lifetime_seconds: u32,
}

/// Whether requests need a proof.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DpopMode {
    /// A proof is ignored
    Off,
    /// A proof is checked, and none is required
    Opportunistic,
    /// A request without a proof is refused
    Strict,
}

/// Whether proofs need a nonce.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DpopNonce {
    /// None is sent; one that comes is ignored
    Off,
    /// Each answer carries one, and a proof without a current one is challenged
    Required,
}

/// When it ends.
#[derive(Args)]
#[command(next_help_heading = "Lifetime")]
pub struct Lifetime {
    /// Exit when standard input ends, so that no sandbox outlives the job that started it
    #[arg(long)]
    pub until_stdin_closes: bool,
}

/// A value that can stand on one `NAME=value` line and in a form field, where an empty one counts as missing.
fn line(value: &str) -> Result<String, String> {
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

    fn behaviour(arguments: &[&str]) -> Behaviour {
        Options::parse_from([&["tango-sandbox"], arguments].concat()).behaviour
    }

    #[test]
    fn the_command_line_is_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn the_first_and_every_nth_request_fail() {
        let options = behaviour(&["--fail-first", "2", "--fail-every", "5"]);
        let failing: Vec<u64> = (1..=10).filter(|&ordinal| options.fails(ordinal)).collect();
        assert_eq!(failing, [1, 2, 5, 10]);
        assert!(!(1..=100).any(|ordinal| behaviour(&[]).fails(ordinal)));
    }

    #[test]
    fn a_clock_can_be_behind() {
        assert_eq!(behaviour(&["--clock-offset-seconds", "-90"]).clock_offset_seconds, -90);
    }

    #[test]
    fn proofs_are_checked_and_not_required_by_default() {
        let dpop = |arguments: &[&str]| Options::try_parse_from([&["tango-sandbox"], arguments].concat());
        let options = dpop(&[]).unwrap_or_else(|error| panic!("{error}")).dpop;
        assert!(options.dpop == DpopMode::Opportunistic && options.dpop_nonce == DpopNonce::Off);
        assert!(dpop(&["--dpop-nonce-lifetime-seconds", "0"]).is_err());
        assert!(dpop(&["--dpop", "sometimes"]).is_err());
    }

    #[test]
    fn values_stay_on_their_line() {
        assert!(line("a b").is_ok());
        assert!(line("").is_err());
        assert!(line("a\nb").is_err());
    }
}
