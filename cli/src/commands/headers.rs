//! `tango-token headers`: the headers of one API call, for a client such as curl.

use clap::Args;
use serde_json::json;

use crate::failure::Failure;
use crate::options::Options;
use crate::output;
use crate::progress;

#[derive(Args)]
#[command(after_help = "\
A URL whose origin is neither that of the API nor allowed with --allow-origin gets no token. With DPoP the headers are \
good for one request, and carry no nonce; `tango-token call` repeats a request with the nonce that the API asks for.

Example:
  tango-token headers GET \"$URL\" | curl --header @- \"$URL\"")]
pub struct Headers {
    /// Method of the call, such as GET
    method: String,
    /// URL of the call
    url: String,
    /// Print a JSON object with a member for each header
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: Options,
}

impl Headers {
    pub fn run(&self) -> Result<(), Failure> {
        let client = self.options.client()?;
        let authorize = || client.authorize(&self.method, &self.url);
        let headers = progress::during("a token", client.total_timeout(), authorize)?;
        if self.json {
            let mut document = json!({ "Authorization": headers.authorization() });
            if let Some(proof) = headers.dpop() {
                document["DPoP"] = proof.into();
            }
            return output::json(&document);
        }
        let proof = headers.dpop().map_or_else(String::new, |proof| format!("\nDPoP: {proof}"));
        output::secret(&format!("Authorization: {}{proof}", headers.authorization()))
    }
}
