//! Proofs of possession (`DPoP`, RFC 9449), as the authorization server and the API each check them.

mod check;
mod htu;
mod jwk;
mod nonce;
mod proof;
mod proof_error;
mod replay;
#[cfg(test)]
#[allow(dead_code, reason = "the tests in `tests/` use the rest")]
#[path = "../../tests/support/proof.rs"]
mod signed_proof;
mod slot;
mod verifier;

use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};

use crate::options::{DpopApiError, DpopMode, DpopNonce, DpopOptions};
use crate::paths;

pub use check::{Check, Examination, Outcome};
pub use jwk::is_private_member;
pub use nonce::NonceStatus;
pub use proof::{ALGS, DecodedProof};
pub use proof_error::ProofError;
pub use slot::ProofSlot;
pub use verifier::{Context, PresentedToken};

use nonce::Nonces;
use verifier::{Effect, Verifier};

/// The header of a proof.
pub const DPOP: HeaderName = HeaderName::from_static("dpop");
/// The header that sends a nonce to the client.
pub const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// The two servers that check proofs. Each has nonces and used proofs of its own.
#[derive(Clone, Copy)]
pub enum Role {
    AuthorizationServer,
    ResourceServer,
}

impl Role {
    /// Returns the name of the server.
    pub fn name(self) -> &'static str {
        match self {
            Self::AuthorizationServer => "Authorization server",
            Self::ResourceServer => "API",
        }
    }

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

    /// Checks the proof of a request. Returns the result of each check, or nothing if there is no proof and none is
    /// required. A bound token always requires one.
    pub fn check(
        &self,
        role: Role,
        request: &Parts,
        token: Option<PresentedToken<'_>>,
        now: u64,
    ) -> Result<Option<Examination>, ProofError> {
        if self.mode == DpopMode::Off {
            return Ok(None);
        }
        let bound = token.is_some_and(|token| token.jkt.is_some());
        match self.examine(role, request, token, Effect::UseUp, now) {
            None if bound || self.mode == DpopMode::Strict => Err(ProofError::Missing),
            examination => Ok(examination),
        }
    }

    /// Makes the same checks, and uses neither `jti` nor nonce up. Returns nothing if the request has no proof.
    pub fn look_at(
        &self,
        role: Role,
        request: &Parts,
        token: Option<PresentedToken<'_>>,
        now: u64,
    ) -> Option<Examination> {
        self.examine(role, request, token, Effect::Nothing, now)
    }

    fn examine(
        &self,
        role: Role,
        request: &Parts,
        token: Option<PresentedToken<'_>>,
        effect: Effect,
        now: u64,
    ) -> Option<Examination> {
        let context = Context { request: Some(request), token };
        Some(match proofs(&request.headers) {
            Proofs::None => return None,
            Proofs::One(proof) => self.verifier(role).examine(proof, &context, effect, now),
            Proofs::Several => {
                let mut examination = Examination::default();
                examination.require(Check::OneProof, false, "there is more than one DPoP header");
                examination.skip_the_rest("there is more than one proof");
                examination
            }
        })
    }

    /// Makes the checks of a proof that came with no request, as far as `context` allows, and uses nothing up.
    pub fn examine_alone(&self, role: Role, proof: &str, context: &Context<'_>, now: u64) -> Examination {
        self.verifier(role).examine(proof, context, Effect::Nothing, now)
    }

    /// Describes the nonces of a server, if it requires them.
    pub fn nonce_status(&self, role: Role, now: u64) -> Option<NonceStatus> {
        self.verifier(role).nonces.as_ref().map(|nonces| nonces.status(now))
    }

    /// Returns how many `jti`s count as used by a server.
    pub fn used_jtis(&self, role: Role, now: u64) -> usize {
        self.verifier(role).used_jtis(now)
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

/// The proofs of a request, which may carry only one.
#[derive(Debug, PartialEq, Eq)]
enum Proofs<'a> {
    None,
    One(&'a str),
    Several,
}

fn proofs(headers: &HeaderMap) -> Proofs<'_> {
    let mut values = headers.get_all(DPOP).iter();
    match (values.next(), values.next()) {
        (None, _) => Proofs::None,
        // A value that is not ASCII counts as a malformed proof.
        (Some(proof), None) => Proofs::One(proof.to_str().unwrap_or_default()),
        (Some(_), Some(_)) => Proofs::Several,
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
        assert_eq!(proofs(&headers), Proofs::None);
        headers.append("DPoP", HeaderValue::from_static("a.b.c"));
        assert_eq!(proofs(&headers), Proofs::One("a.b.c"));
        headers.append("dpop", HeaderValue::from_static("a.b.c"));
        assert_eq!(proofs(&headers), Proofs::Several);

        let mut request = axum::http::Request::new(()).into_parts().0;
        request.headers = headers;
        let examination = dpop(&[]).look_at(Role::ResourceServer, &request, None, 1_000).unwrap();
        assert!(examination.results().iter().map(|(check, _)| *check).eq(Check::ALL));
        assert_eq!(examination.verdict(), Err(ProofError::invalid("there is more than one DPoP header")));
    }
}
