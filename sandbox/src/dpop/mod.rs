//! Proofs of possession (`DPoP`, RFC 9449), as the authorization server and the API each check them.

mod htu;
mod jwk;
mod nonce;
mod proof;
mod proof_error;
mod replay;
mod verifier;

use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};

use crate::options::{DpopApiError, DpopMode, DpopNonce, DpopOptions};
use crate::paths;

pub use proof::ALGS;
pub use proof_error::ProofError;
pub use verifier::PresentedToken;

use nonce::Nonces;
use verifier::Verifier;

/// The header of a proof.
const DPOP: HeaderName = HeaderName::from_static("dpop");
/// The header that sends a nonce to the client.
pub const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// The two servers that check proofs. Each has nonces and used proofs of its own.
#[derive(Clone, Copy)]
pub enum Role {
    AuthorizationServer,
    ResourceServer,
}

impl Role {
    /// Returns the server that owns this path.
    pub fn of(path: &str) -> Option<Self> {
        if path == paths::TOKEN {
            Some(Self::AuthorizationServer)
        } else if path.strip_prefix(paths::API).is_some_and(|rest| rest.starts_with('/')) {
            Some(Self::ResourceServer)
        } else {
            None
        }
    }
}

/// The settings of both servers, and the state of each.
pub struct Dpop {
    pub mode: DpopMode,
    pub api_error: DpopApiError,
    downgrade: bool,
    authorization_server: Mutex<Verifier>,
    api: Mutex<Verifier>,
}

impl Dpop {
    /// Makes both servers. `authority` is `host:port` of their URLs, and their first nonces begin at `now` (seconds).
    pub fn new(options: &DpopOptions, authority: &str, now: u64) -> Self {
        let nonces = || match options.dpop_nonce {
            _ if options.dpop == DpopMode::Off => None,
            DpopNonce::Off => None,
            DpopNonce::Required => Some(Nonces::timed(now, options.dpop_nonce_lifetime_seconds.into())),
            DpopNonce::SingleUse => Some(Nonces::single_use()),
        };
        let verifier = || Mutex::new(Verifier::new(authority.into(), nonces()));
        let (authorization_server, api) = (verifier(), verifier());
        let api_error = options.dpop_api_error;
        Self { mode: options.dpop, api_error, downgrade: options.dpop_downgrade, authorization_server, api }
    }

    /// Locks the state of one server. A panic under the lock leaves the state valid, since each change is a single
    /// step.
    fn verifier(&self, role: Role) -> MutexGuard<'_, Verifier> {
        let verifier = match role {
            Role::AuthorizationServer => &self.authorization_server,
            Role::ResourceServer => &self.api,
        };
        verifier.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks the proof of a request. Returns the thumbprint of its key, or nothing if there is no proof and none is
    /// required. A bound token always requires one.
    pub fn check(
        &self,
        role: Role,
        request: &Parts,
        presented: Option<PresentedToken<'_>>,
        now: u64,
    ) -> Result<Option<String>, ProofError> {
        if self.mode == DpopMode::Off {
            return Ok(None);
        }
        let bound = presented.is_some_and(|presented| presented.jkt.is_some());
        match proof(&request.headers)? {
            Some(proof) => self.verifier(role).verify(proof, request, presented, now).map(Some),
            None if bound || self.mode == DpopMode::Strict => Err(ProofError::Missing),
            None => Ok(None),
        }
    }

    /// Returns the key that a token is bound to, given the key of the proof in its request.
    pub fn binding(&self, thumbprint: Option<String>) -> Option<String> {
        thumbprint.filter(|_| !self.downgrade)
    }

    /// Returns the nonce that the next response of a server carries, if nonces are on.
    pub fn nonce(&self, role: Role, now: u64) -> Option<String> {
        self.verifier(role).nonces.as_mut().map(|nonces| nonces.next(now))
    }

    /// Makes every nonce of both servers stale.
    pub fn rotate_nonces(&self, now: u64) {
        for role in [Role::AuthorizationServer, Role::ResourceServer] {
            if let Some(nonces) = &mut self.verifier(role).nonces {
                nonces.rotate(now);
            }
        }
    }
}

/// Returns the proof of a request, which may carry only one.
fn proof(headers: &HeaderMap) -> Result<Option<&str>, ProofError> {
    let mut values = headers.get_all(DPOP).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        // A value that is not ASCII counts as a malformed proof.
        (Some(proof), None) => Ok(Some(proof.to_str().unwrap_or_default())),
        (Some(_), Some(_)) => Err(ProofError::invalid("there is more than one DPoP header")),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use crate::options::CommandLine;

    fn dpop(arguments: &[&str]) -> Dpop {
        let options: CommandLine = clap::Parser::parse_from([&["tango-sandbox"], arguments].concat());
        Dpop::new(&options.serve.server.dpop, "localhost:8443", 1_000)
    }

    #[test]
    fn nonce_of_each_server_changes_with_time() {
        let dpop = dpop(&["--dpop-nonce", "required", "--dpop-nonce-lifetime-seconds", "10"]);
        for role in [Role::AuthorizationServer, Role::ResourceServer] {
            let first = dpop.nonce(role, 1_000);
            assert!(first.is_some());
            assert_eq!(dpop.nonce(role, 1_009), first);
            assert_ne!(dpop.nonce(role, 1_010), first);
        }
        assert_ne!(dpop.nonce(Role::AuthorizationServer, 1_000), dpop.nonce(Role::ResourceServer, 1_000));
    }

    #[test]
    fn nonce_is_sent_only_when_required() {
        for arguments in [&[][..], &["--dpop-nonce", "required", "--dpop", "off"]] {
            let dpop = dpop(arguments);
            dpop.rotate_nonces(1_000);
            assert_eq!(dpop.nonce(Role::ResourceServer, 1_000), None);
        }
    }

    #[test]
    fn path_belongs_to_one_server() {
        assert!(matches!(Role::of("/oauth/token"), Some(Role::AuthorizationServer)));
        assert!(matches!(Role::of("/raas/v2/unknown"), Some(Role::ResourceServer)));
        for path in ["/", "/oauth/token/", "/raas/v2", "/raas/v20/accounts"] {
            assert!(Role::of(path).is_none(), "{path}");
        }
    }

    #[test]
    fn second_proof_of_a_request_is_refused() {
        let mut headers = HeaderMap::new();
        assert_eq!(proof(&headers), Ok(None));
        headers.append("DPoP", HeaderValue::from_static("a.b.c"));
        assert_eq!(proof(&headers), Ok(Some("a.b.c")));
        headers.append("dpop", HeaderValue::from_static("a.b.c"));
        assert_eq!(proof(&headers), Err(ProofError::invalid("there is more than one DPoP header")));
    }
}
