//! The HTTP client for the token endpoint: its proxy, its trusted certificates, its limits.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{redirect, tls};
use secrecy::ExposeSecret;

use super::transport::innermost;
use crate::config::{Proxy, Settings};
use crate::error::{Error, Status};
use crate::resolver::Resolver;

/// A connection is kept for a retry only: the next token is requested hours later.
const IDLE_CONNECTION: Duration = Duration::from_secs(10);

/// Creates the HTTP client for the token endpoint.
pub(super) fn new(settings: &Settings) -> Result<reqwest::Client, Error> {
    let transport = &settings.transport;
    let mut builder = reqwest::Client::builder()
        .user_agent(transport.user_agent.clone())
        .connect_timeout(transport.connect_timeout)
        .dns_resolver(Arc::new(Resolver::new()))
        .pool_idle_timeout(IDLE_CONNECTION)
        .pool_max_idle_per_host(1)
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .https_only(settings.token_url.scheme() == "https")
        .tls_version_min(tls::Version::TLS_1_2);
    builder = match &transport.proxy {
        Proxy::System => builder,
        Proxy::None => builder.no_proxy(),
        Proxy::Explicit(url) => {
            builder.proxy(reqwest::Proxy::all(url.expose_secret()).map_err(|error| unusable(&error))?)
        }
    };
    if let Some(authorities) = &transport.authorities {
        builder = builder.tls_certs_only(authorities.iter().cloned());
    }
    builder.build().map_err(|error| unusable(&error))
}

fn unusable(error: &reqwest::Error) -> Error {
    let reason = innermost(error).to_string();
    Error::new(
        Status::InvalidConfiguration,
        format!("the HTTP client cannot be created: {reason}; check ca_file, proxy and the system's certificates"),
    )
}
