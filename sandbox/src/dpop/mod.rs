//! Proofs of possession (`DPoP`, RFC 9449): what the authorization server and the API each make of them.

mod htu;
mod jwk;
mod nonce;
mod proof;
mod refusal;
mod replay;
mod verifier;

use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};

use crate::options::{DpopMode, DpopNonce, DpopOptions};
use crate::{api, token_endpoint};

pub use proof::ALGS;
pub use refusal::Refusal;
pub use verifier::Presented;

use nonce::Nonces;
use verifier::Verifier;

/// What carries a proof.
const DPOP: HeaderName = HeaderName::from_static("dpop");
/// What carries a nonce to the client.
pub const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// One of the two that check proofs.
#[derive(Clone, Copy)]
pub enum Server {
    Authorization,
    Api,
}

impl Server {
    /// Who answers this path.
    pub fn of(path: &str) -> Option<Self> {
        if path == token_endpoint::PATH {
            Some(Self::Authorization)
        } else if path.strip_prefix(api::PREFIX).is_some_and(|rest| rest.starts_with('/')) {
            Some(Self::Api)
        } else {
            None
        }
    }
}

/// The rules of both servers, and what each remembers.
pub struct Dpop {
    pub mode: DpopMode,
    downgrade: bool,
    authorization_server: Mutex<Verifier>,
    api: Mutex<Verifier>,
}

impl Dpop {
    /// Servers whose URLs begin with `https://` and `authority`, and whose first nonces begin `now` (seconds).
    pub fn new(options: &DpopOptions, authority: &str, now: u64) -> Self {
        let asks = options.dpop != DpopMode::Off && options.dpop_nonce == DpopNonce::Required;
        let verifier = || {
            let nonces = asks.then(|| Nonces::new(now, options.dpop_nonce_lifetime_seconds.into()));
            Mutex::new(Verifier::new(authority.into(), nonces))
        };
        let (authorization_server, api) = (verifier(), verifier());
        Self { mode: options.dpop, downgrade: options.dpop_downgrade, authorization_server, api }
    }

    /// Never held across an await. A panic elsewhere leaves it usable: each change is a single step.
    fn verifier(&self, server: Server) -> MutexGuard<'_, Verifier> {
        let verifier = match server {
            Server::Authorization => &self.authorization_server,
            Server::Api => &self.api,
        };
        verifier.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks the proof of a request; gives the thumbprint of its key, or nothing where there is no proof and need be
    /// none. A bound token always needs one.
    pub fn check(
        &self,
        server: Server,
        request: &Parts,
        presented: Option<Presented<'_>>,
        now: u64,
    ) -> Result<Option<String>, Refusal> {
        if self.mode == DpopMode::Off {
            return Ok(None);
        }
        let bound = presented.is_some_and(|presented| presented.jkt.is_some());
        match proof(&request.headers)? {
            Some(proof) => self.verifier(server).verify(proof, request, presented, now).map(Some),
            None if bound || self.mode == DpopMode::Strict => Err(Refusal::Missing),
            None => Ok(None),
        }
    }

    /// What a token is bound to, given the thumbprint of the proof that asked for it.
    pub fn binding(&self, thumbprint: Option<String>) -> Option<String> {
        thumbprint.filter(|_| !self.downgrade)
    }

    /// The nonce that every answer of `server` carries, where nonces are on.
    pub fn nonce(&self, server: Server, now: u64) -> Option<String> {
        self.verifier(server).nonces.as_ref().map(|nonces| nonces.current(now))
    }

    /// Makes every nonce of both servers stale.
    pub fn rotate_nonces(&self, now: u64) {
        for server in [Server::Authorization, Server::Api] {
            if let Some(nonces) = &mut self.verifier(server).nonces {
                nonces.rotate(now);
            }
        }
    }
}

/// The one proof that a request may carry.
fn proof(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let mut values = headers.get_all(DPOP).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        // What is not ASCII is a proof too, though a malformed one.
        (Some(proof), None) => Ok(Some(proof.to_str().unwrap_or_default())),
        (Some(_), Some(_)) => Err(Refusal::invalid("there is more than one DPoP header")),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use crate::options::Options;

    fn dpop(arguments: &[&str]) -> Dpop {
        let options: Options = clap::Parser::parse_from([&["tango-sandbox"], arguments].concat());
        Dpop::new(&options.dpop, "localhost:8443", 1_000)
    }

    #[test]
    fn each_server_replaces_its_nonce_with_time() {
        let dpop = dpop(&["--dpop-nonce", "required", "--dpop-nonce-lifetime-seconds", "10"]);
        for server in [Server::Authorization, Server::Api] {
            let first = dpop.nonce(server, 1_000);
            assert!(first.is_some());
            assert_eq!(dpop.nonce(server, 1_009), first);
            assert_ne!(dpop.nonce(server, 1_010), first);
        }
        assert_ne!(dpop.nonce(Server::Authorization, 1_000), dpop.nonce(Server::Api, 1_000));
    }

    #[test]
    fn nonces_are_sent_only_when_they_are_asked_for() {
        for arguments in [&[][..], &["--dpop-nonce", "required", "--dpop", "off"]] {
            let dpop = dpop(arguments);
            dpop.rotate_nonces(1_000);
            assert_eq!(dpop.nonce(Server::Api, 1_000), None);
        }
    }

    #[test]
    fn a_path_has_one_server() {
        assert!(matches!(Server::of("/oauth/token"), Some(Server::Authorization)));
        assert!(matches!(Server::of("/raas/v2/unknown"), Some(Server::Api)));
        for path in ["/", "/oauth/token/", "/raas/v2", "/raas/v20/accounts"] {
            assert!(Server::of(path).is_none(), "{path}");
        }
    }

    #[test]
    fn a_request_carries_at_most_one_proof() {
        let mut headers = HeaderMap::new();
        assert_eq!(proof(&headers), Ok(None));
        headers.append("DPoP", HeaderValue::from_static("a.b.c"));
        assert_eq!(proof(&headers), Ok(Some("a.b.c")));
        headers.append("dpop", HeaderValue::from_static("a.b.c"));
        assert_eq!(proof(&headers), Err(Refusal::invalid("there is more than one DPoP header")));
    }
}
