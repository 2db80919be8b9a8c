//! `tango-token token`: prints a valid token.

use std::time::SystemTime;

use clap::Args;
use serde_json::json;

use crate::failure::Failure;
use crate::options::Options;
use crate::output;
use crate::progress;
use crate::shell::Shell;
use crate::times;

/// The variable of `--env`, and of the commands that `exec` runs.
pub const VARIABLE: &str = "TANGO_ACCESS_TOKEN";

#[derive(Args)]
pub struct Token {
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    options: Options,
}

#[derive(Args)]
#[group(multiple = false)]
struct Format {
    /// Print a JSON object with the token, its type, its scope and its lifetime
    #[arg(long)]
    json: bool,
    /// Print the line `Authorization: TYPE TOKEN`
    #[arg(long)]
    header: bool,
    /// Print an assignment of `TANGO_ACCESS_TOKEN` for a shell: eval "$(tango-token token --env sh)"
    #[arg(long, value_name = "SHELL")]
    env: Option<Shell>,
}

impl Token {
    pub fn run(&self) -> Result<(), Failure> {
        let client = self.options.client()?;
        let token = progress::during("a token", client.total_timeout(), || client.acquire())?;
        let Format { json, header, env } = self.format;
        if json {
            return output::json(&document(&token));
        }
        output::secret(&match env {
            Some(shell) => shell.assignment(VARIABLE, token.value()),
            None if header => format!("Authorization: {} {}", token.token_type(), token.value()),
            None => token.value().to_owned(),
        })
    }
}

/// Returns the members of a token response (RFC 6749 section 5.1), and when the token expires.
pub fn document(token: &tango_token::Token) -> serde_json::Value {
    let lifetime = token.expires_in();
    let expires_at = SystemTime::now().checked_add(lifetime).map(times::rfc3339);
    let mut document = json!({
        "access_token": token.value(),
        "token_type": token.token_type(),
        "expires_in": lifetime.as_secs(),
        "expires_at": expires_at,
        "scope": token.scope(),
    });
    if let Some(key) = token.dpop_key() {
        document["jkt"] = key.thumbprint().into();
    }
    document
}
