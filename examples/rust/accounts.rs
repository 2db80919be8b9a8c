//! Lists the accounts of a Tango platform with reqwest. The `TANGO_*` environment variables configure it:
//!
//! ```sh
//! TANGO_ENVIRONMENT=sandbox TANGO_CLIENT_ID=... \
//!     cargo run --example accounts -- https://integration-api.tangocard.com/raas/v2/accounts
//! ```
//!
//! With `TANGO_DPOP=required` the token is bound to a key, and the program needs no change.

use std::env;
use std::error::Error;
use std::process::ExitCode;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Response};
use tango_token::{Authorization, Client, Config, Observation, Verdict};

fn main() -> ExitCode {
    let Some(url) = env::args().nth(1) else {
        eprintln!("usage: accounts URL");
        return ExitCode::from(2);
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("no runtime can be started");
    match runtime.block_on(run(&url)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The message of an error of the library says what to do, and contains no secret.
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(url: &str) -> Result<(), Box<dyn Error>> {
    let client = Client::new(&Config::from_env()?)?;
    let response = get(&http_client()?, &client, url).await?;
    println!("{}", response.status());
    println!("{}", response.text().await?);
    Ok(())
}

/// Follows no redirect, because a token and its proof are for one URL. `TANGO_CA_FILE` is for the token endpoint alone;
/// the sandbox's API needs the same file here.
fn http_client() -> Result<reqwest::Client, Box<dyn Error>> {
    let mut builder = reqwest::Client::builder().redirect(Policy::none());
    if let Some(file) = env::var_os("TANGO_CA_FILE") {
        builder = builder.tls_certs_only(Certificate::from_pem_bundle(&std::fs::read(file)?)?);
    }
    Ok(builder.build()?)
}

/// Sends a request, and sends it again while the response says that this helps.
async fn get(http: &reqwest::Client, client: &Client, url: &str) -> Result<Response, Box<dyn Error>> {
    let mut authorization = client.authorize_async("GET", url).await?;
    loop {
        let response = send(http, url, &authorization).await?;
        match observe(client, &authorization, &response)? {
            Verdict::Done => return Ok(response),
            Verdict::Retry => authorization = client.authorize_again_async(&authorization).await?,
        }
    }
}

async fn send(http: &reqwest::Client, url: &str, authorization: &Authorization) -> reqwest::Result<Response> {
    let mut request = http.get(url).header("Authorization", authorization.authorization());
    if let Some(proof) = authorization.dpop() {
        request = request.header("DPoP", proof);
    }
    request.send().await
}

fn observe(client: &Client, authorization: &Authorization, response: &Response) -> Result<Verdict, tango_token::Error> {
    let header = |name| {
        let values: Vec<_> = response.headers().get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    };
    client.observe(
        authorization,
        &Observation {
            http_status: response.status().as_u16(),
            dpop_nonce: header("DPoP-Nonce").as_deref(),
            www_authenticate: header("WWW-Authenticate").as_deref(),
            date: header("Date").as_deref(),
        },
    )
}
