//! The checks of RFC 9449 section 4.3 by one server, on a proof and the request that carries it.

use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::OriginalUri;
use axum::http::Uri;
use axum::http::header::HOST;
use axum::http::request::Parts;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::htu::normalised;
use super::nonce::Nonces;
use super::proof::Proof;
use super::proof_error::ProofError;
use super::replay::ReplayCache;

/// Allowed difference of the client's clock, in either direction.
const IAT_TOLERANCE_SECONDS: u64 = 60;

/// The access token of a request, and the thumbprint of the key that it is bound to.
#[derive(Clone, Copy)]
pub struct PresentedToken<'a> {
    pub token: &'a str,
    pub jkt: Option<&'a str>,
}

/// The state of one server. The authorization server and the API have one each and share nothing, as if they ran on
/// different machines.
pub struct Verifier {
    /// `host:port` of the server's URLs.
    authority: String,
    /// `None`: no nonce is required, and one in a proof is ignored.
    pub nonces: Option<Nonces>,
    replays: ReplayCache,
}

impl Verifier {
    /// Makes a server that has seen no proof.
    pub fn new(authority: String, nonces: Option<Nonces>) -> Self {
        Self { authority, nonces, replays: ReplayCache::default() }
    }

    /// Checks the proof of `request` in the order of section 4.3 and returns the thumbprint of its key. `now` in
    /// seconds.
    pub fn verify(
        &mut self,
        proof: &str,
        request: &Parts,
        presented: Option<PresentedToken<'_>>,
        now: u64,
    ) -> Result<String, ProofError> {
        let Proof { claims, thumbprint } = Proof::decode(proof).map_err(ProofError::Invalid)?;
        ensure(claims.htm == request.method.as_str(), "htm is not the method of the request")?;
        self.check_htu(&claims.htu, request)?;
        // Before the nonce: the client must answer a challenge with a new proof, not with a nonce and the old `jti`.
        ensure(self.replays.take(&claims.jti, now), "jti was used before")?;
        self.check_nonce(claims.nonce.as_deref(), now)?;
        check_iat(claims.iat, now)?;
        if let Some(PresentedToken { token, jkt }) = presented {
            let ath = claims.ath.ok_or(ProofError::invalid("ath is missing"))?;
            let hash = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()));
            ensure(ath == hash, "ath is not the hash of the access token")?;
            if jkt.is_some_and(|jkt| jkt != thumbprint) {
                return Err(ProofError::OtherKey);
            }
        }
        Ok(thumbprint)
    }

    fn check_htu(&self, htu: &str, request: &Parts) -> Result<(), ProofError> {
        ensure(!htu.contains(['?', '#']), "htu has a query or a fragment")?;
        let htu = normalised(htu).ok_or(ProofError::invalid("htu is not an absolute http or https URI"))?;
        // A nested router shortens the path of the request; the extension has the whole one.
        let target = request.extensions.get::<OriginalUri>().map_or(&request.uri, |original| &original.0);
        let same =
            |authority: &str| normalised(&format!("https://{authority}{}", target.path())).as_ref() == Some(&htu);
        let known = same(&self.authority) || authority(target, request).is_some_and(same);
        ensure(known, "htu is not the URI of the request")
    }

    fn check_nonce(&mut self, nonce: Option<&str>, now: u64) -> Result<(), ProofError> {
        let Some(nonces) = &mut self.nonces else { return Ok(()) };
        match nonce {
            None => Err(ProofError::UseNonce("a nonce is required")),
            Some(nonce) if nonces.take(nonce, now) => Ok(()),
            Some(_) => Err(ProofError::UseNonce("nonce is not a current one of this server")),
        }
    }
}

/// Returns the authority that the client used: that of an absolute target, else `Host` (RFC 9112 section 3.3).
fn authority<'a>(target: &'a Uri, request: &'a Parts) -> Option<&'a str> {
    let host = || request.headers.get(HOST)?.to_str().ok();
    target.authority().map(axum::http::uri::Authority::as_str).or_else(host)
}

fn check_iat(iat: i64, now: u64) -> Result<(), ProofError> {
    // A time before 1970 counts as 1970.
    let iat = u64::try_from(iat).unwrap_or(0);
    ensure(iat <= now.saturating_add(IAT_TOLERANCE_SECONDS), "iat is more than 60 s ahead of the server's clock")?;
    ensure(now <= iat.saturating_add(IAT_TOLERANCE_SECONDS), "iat is more than 60 s behind the server's clock")
}

fn ensure(condition: bool, otherwise: &'static str) -> Result<(), ProofError> {
    if condition { Ok(()) } else { Err(ProofError::invalid(otherwise)) }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    const NOW: u64 = 2_000_000_000;

    #[test]
    fn iat_may_differ_by_a_minute() {
        let now = i64::try_from(NOW).unwrap();
        for iat in [now - 60, now, now + 60] {
            assert_eq!(check_iat(iat, NOW), Ok(()));
        }
        let error = |iat| check_iat(iat, NOW).unwrap_err().description();
        for iat in [now - 61, 0, -1, i64::MIN] {
            assert_eq!(error(iat), "iat is more than 60 s behind the server's clock");
        }
        for iat in [now + 61, i64::MAX] {
            assert_eq!(error(iat), "iat is more than 60 s ahead of the server's clock");
        }
    }

    #[test]
    fn htu_may_have_the_authority_of_the_server_or_of_the_request() {
        let verifier = Verifier::new("localhost:8443".into(), None);
        let request = Request::get("/raas/v2/accounts?page=1").header("Host", "Tango.example").body(()).unwrap();
        let request = request.into_parts().0;
        for htu in [
            "https://localhost:8443/raas/v2/accounts",
            "https://tango.example/raas/v2/accounts",
            "HTTPS://TANGO.example:443/raas/v2/%61ccounts",
        ] {
            assert_eq!(verifier.check_htu(htu, &request), Ok(()), "{htu}");
        }
        for (htu, why) in [
            ("https://localhost:8443/raas/v2/accounts?page=1", "htu has a query or a fragment"),
            ("https://localhost:8443/raas/v2/accounts#", "htu has a query or a fragment"),
            ("/raas/v2/accounts", "htu is not an absolute http or https URI"),
            ("https://localhost/raas/v2/accounts", "htu is not the URI of the request"),
            ("http://localhost:8443/raas/v2/accounts", "htu is not the URI of the request"),
            ("https://localhost:8443/raas/v2/accounts/", "htu is not the URI of the request"),
            ("https://localhost:8443/raas/v2/Accounts", "htu is not the URI of the request"),
            ("https://localhost:8443/raas/v2", "htu is not the URI of the request"),
        ] {
            assert_eq!(verifier.check_htu(htu, &request), Err(ProofError::invalid(why)), "{htu}");
        }
    }

    #[test]
    fn absolute_target_takes_precedence_over_host() {
        let request = Request::get("https://one.example/x").header("Host", "other.example").body(()).unwrap();
        let (request, verifier) = (request.into_parts().0, Verifier::new("localhost:8443".into(), None));
        assert_eq!(verifier.check_htu("https://one.example/x", &request), Ok(()));
        assert!(verifier.check_htu("https://other.example/x", &request).is_err());
    }
}
