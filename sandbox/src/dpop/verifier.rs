//! A proof and the request that carries it: the checks of RFC 9449 section 4.3, as one server makes them.

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
use super::refusal::Refusal;
use super::replay::Replays;

/// How far the client's clock may be off, in either direction.
const IAT_TOLERANCE_SECONDS: u64 = 60;

/// The access token that a request presents, and the thumbprint that it is bound to.
#[derive(Clone, Copy)]
pub struct Presented<'a> {
    pub token: &'a str,
    pub jkt: Option<&'a str>,
}

/// What one server knows of proofs. The authorization server and the API have one each, and share nothing, as if they
/// ran on different machines.
pub struct Verifier {
    /// `host:port` of the URLs that are printed.
    authority: String,
    /// `None`: no nonce is asked for, and one that comes is ignored.
    pub nonces: Option<Nonces>,
    replays: Replays,
}

impl Verifier {
    /// One that has seen no proof yet.
    pub fn new(authority: String, nonces: Option<Nonces>) -> Self {
        Self { authority, nonces, replays: Replays::default() }
    }

    /// Checks the proof of `request`, in the order of section 4.3, and gives the thumbprint of its key. `now` in seconds.
    pub fn verify(
        &mut self,
        proof: &str,
        request: &Parts,
        presented: Option<Presented<'_>>,
        now: u64,
    ) -> Result<String, Refusal> {
        let Proof { claims, thumbprint } = Proof::decode(proof).map_err(Refusal::Invalid)?;
        ensure(claims.htm == request.method.as_str(), "htm is not the method of the request")?;
        self.check_htu(&claims.htu, request)?;
        // Before the nonce: who answers a challenge needs a new proof, not the old `jti` with a nonce added.
        ensure(self.replays.take(&claims.jti, now), "jti was used before")?;
        self.check_nonce(claims.nonce.as_deref(), now)?;
        check_iat(claims.iat, now)?;
        if let Some(Presented { token, jkt }) = presented {
            let ath = claims.ath.ok_or(Refusal::invalid("ath is missing"))?;
            let hash = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()));
            ensure(ath == hash, "ath is not the hash of the access token")?;
            if jkt.is_some_and(|jkt| jkt != thumbprint) {
                return Err(Refusal::OtherKey);
            }
        }
        Ok(thumbprint)
    }

    fn check_htu(&self, htu: &str, request: &Parts) -> Result<(), Refusal> {
        ensure(!htu.contains(['?', '#']), "htu has a query or a fragment")?;
        let htu = normalised(htu).ok_or(Refusal::invalid("htu is not an absolute http or https URI"))?;
        // A router that was nested sees a shortened path; the whole one is kept apart.
        let target = request.extensions.get::<OriginalUri>().map_or(&request.uri, |original| &original.0);
        let same =
            |authority: &str| normalised(&format!("https://{authority}{}", target.path())).as_ref() == Some(&htu);
        let known = same(&self.authority) || authority(target, request).is_some_and(same);
        ensure(known, "htu is not the URI of the request")
    }

    fn check_nonce(&self, nonce: Option<&str>, now: u64) -> Result<(), Refusal> {
        match (&self.nonces, nonce) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(Refusal::UseNonce("a nonce is required")),
            (Some(nonces), Some(nonce)) if nonces.accepts(nonce, now) => Ok(()),
            (Some(_), Some(_)) => Err(Refusal::UseNonce("nonce is not a current one of this server")),
        }
    }
}

/// Where the client thinks that it is: the absolute form of the target, else `Host` (RFC 9112 section 3.3).
fn authority<'a>(target: &'a Uri, request: &'a Parts) -> Option<&'a str> {
    let host = || request.headers.get(HOST)?.to_str().ok();
    target.authority().map(axum::http::uri::Authority::as_str).or_else(host)
}

fn check_iat(iat: i64, now: u64) -> Result<(), Refusal> {
    // A time before 1970 is long ago, too.
    let iat = u64::try_from(iat).unwrap_or(0);
    ensure(iat <= now.saturating_add(IAT_TOLERANCE_SECONDS), "iat is more than 60 s ahead of the server's clock")?;
    ensure(now <= iat.saturating_add(IAT_TOLERANCE_SECONDS), "iat is more than 60 s behind the server's clock")
}

fn ensure(condition: bool, otherwise: &'static str) -> Result<(), Refusal> {
    if condition { Ok(()) } else { Err(Refusal::invalid(otherwise)) }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    const NOW: u64 = 2_000_000_000;

    #[test]
    fn iat_may_be_a_minute_off() {
        let now = i64::try_from(NOW).unwrap();
        for iat in [now - 60, now, now + 60] {
            assert_eq!(check_iat(iat, NOW), Ok(()));
        }
        let refused = |iat| check_iat(iat, NOW).unwrap_err().description();
        for iat in [now - 61, 0, -1, i64::MIN] {
            assert_eq!(refused(iat), "iat is more than 60 s behind the server's clock");
        }
        for iat in [now + 61, i64::MAX] {
            assert_eq!(refused(iat), "iat is more than 60 s ahead of the server's clock");
        }
    }

    #[test]
    fn the_server_has_the_name_that_it_prints_and_the_one_it_is_called_by() {
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
            assert_eq!(verifier.check_htu(htu, &request), Err(Refusal::invalid(why)), "{htu}");
        }
    }

    #[test]
    fn the_absolute_form_of_a_target_counts_before_the_host() {
        let request = Request::get("https://one.example/x").header("Host", "other.example").body(()).unwrap();
        let (request, verifier) = (request.into_parts().0, Verifier::new("localhost:8443".into(), None));
        assert_eq!(verifier.check_htu("https://one.example/x", &request), Ok(()));
        assert!(verifier.check_htu("https://other.example/x", &request).is_err());
    }
}
