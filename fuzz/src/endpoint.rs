//! The client whose responses are fuzzed.

use tango_token::fuzzing::Endpoint;
use tango_token::{Config, DpopMode};

/// The secrets that no message may contain: of the client, of the account, and the token that it holds.
pub const SECRETS: [&str; 3] = ["s3cret+of/the&client", "p%41ss-w0rd of me", "held-t0ken.of-the-client"];

/// Returns the reader of responses of a client in this mode.
pub fn endpoint(mode: DpopMode) -> Endpoint {
    let mut config = Config::new();
    config.token_url("http://127.0.0.1:8080/oauth/token").client_id("client-1").client_secret(SECRETS[0]);
    config.username("me@example.com").password(SECRETS[1]).dpop(mode).proxy("none");
    Endpoint::new(&config, SECRETS[2]).expect("the configuration is valid")
}
