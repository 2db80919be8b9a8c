//! The HTTP client of `call`.

use std::error::Error;
use std::fs;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Certificate, Client, Method, Proxy, Response, Url, redirect};
use tango_token::Authorization;

use crate::failure::Failure;
use crate::options::Options;

const USER_AGENT: &str = concat!("tango-token/", env!("CARGO_PKG_VERSION"));

/// A request that can be sent several times.
pub struct Http {
    client: Client,
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Http {
    /// Trusts and proxies are those of the token requests.
    pub fn new(
        options: &Options,
        timeout: Duration,
        method: &str,
        url: &str,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Self, Failure> {
        let method = method.parse().map_err(|_| Failure::usage("the method is not one of HTTP"))?;
        let mut client = Client::builder().redirect(redirect::Policy::none()).timeout(timeout);
        client = client.user_agent(options.value("TANGO_USER_AGENT").unwrap_or_else(|| USER_AGENT.into()));
        if let Some(path) = options.value("TANGO_CA_FILE") {
            client = client.tls_certs_only(certificates(&path)?);
        }
        client = match options.value("TANGO_PROXY").as_deref() {
            // As for the token requests: a proxy would read the token.
            _ if is_plain_loopback(url) => client.no_proxy(),
            None | Some("system") => client,
            Some("none") => client.no_proxy(),
            Some(url) => client.proxy(Proxy::all(url).map_err(|_| Failure::new("the proxy is not a URL"))?),
        };
        let client = client.build().map_err(|error| failed(&error))?;
        Ok(Self { client, method, url: url.into(), headers, body })
    }

    pub async fn send(&self, authorization: &Authorization) -> Result<Response, Failure> {
        let mut request = self.client.request(self.method.clone(), &self.url).headers(self.headers.clone());
        request = request.header("Authorization", authorization.authorization());
        if let Some(proof) = authorization.dpop() {
            request = request.header("DPoP", proof);
        }
        if !self.body.is_empty() {
            request = request.body(self.body.clone());
        }
        request.send().await.map_err(|error| failed(&error))
    }
}

/// Returns whether the request is without TLS to this machine.
fn is_plain_loopback(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let is_loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    url.scheme() == "http" && is_loopback
}

fn certificates(path: &str) -> Result<Vec<Certificate>, Failure> {
    let problem = |error: &dyn std::fmt::Display| Failure::new(format!("{path}: {error}"));
    let pem = fs::read(path).map_err(|error| problem(&error))?;
    Certificate::from_pem_bundle(&pem).map_err(|error| problem(&error))
}

/// Returns the failure of a call with its causes, and without the URL, whose query may hold a secret.
pub fn failed(error: &reqwest::Error) -> Failure {
    let mut causes = String::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes = format!("{causes}: {cause}");
        next = cause.source();
    }
    let kind = if error.is_timeout() { "the API did not respond in time" } else { "the call failed" };
    Failure::new(format!("{kind}{causes}"))
}
