//! `tango-token proof`: a DPoP proof for one request (RFC 9449 section 4).

use clap::Args;

use crate::commands::key;
use crate::failure::Failure;
use crate::input::{self, Input};
use crate::output;

const VARIABLE: &str = "TANGO_DPOP_KEY_FILE";

#[derive(Args)]
pub struct Proof {
    /// Method of the request, as it is sent
    method: String,
    /// URL of the request
    url: String,
    /// Private key, in PEM or as a JWK; `-` is standard input. Variable: `TANGO_DPOP_KEY_FILE`
    #[arg(long, value_name = "FILE")]
    key_file: Option<Input>,
    /// Nonce of the server (RFC 9449 section 8)
    #[arg(long, value_name = "NONCE")]
    nonce: Option<String>,
    /// File with the access token of the request, for the claim `ath`; `-` is standard input
    #[arg(long, value_name = "FILE")]
    token_file: Option<Input>,
}

impl Proof {
    pub fn run(&self) -> Result<(), Failure> {
        let inputs = [("--key-file", &self.key_file), ("--token-file", &self.token_file)];
        input::at_most_one_is_stdin(inputs.into_iter().filter_map(|(flag, input)| Some((flag, input.as_ref()?))))?;
        let variable =
            || std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(|path| Input::File(path.into()));
        let file = self.key_file.clone().or_else(variable);
        let file = file.ok_or_else(|| Failure::usage(format!("name the key with --key-file FILE or {VARIABLE}")))?;
        let key = key::read(&file)?;
        let token = self.token_file.as_ref().map(|input| input::secret("--token-file", input)).transpose()?;
        let token = token.as_deref().map(String::as_str);
        output::line(key.proof(&self.method, &self.url, token, self.nonce.as_deref())?)
    }
}
