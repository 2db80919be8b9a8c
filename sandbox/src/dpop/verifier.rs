//! The checks of RFC 9449 section 4.3 by one server, on a proof and the request that carries it.

use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::OriginalUri;
use axum::http::Uri;
use axum::http::header::HOST;
use axum::http::request::Parts;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;

use super::check::{Check, Examination, Outcome};
use super::htu::normalised;
use super::nonce::Nonces;
use super::proof::DecodedProof;
use super::replay::ReplayCache;

/// Allowed difference of the client's clock, in either direction.
const IAT_TOLERANCE_SECONDS: u64 = 60;

/// The access token of a request, and the thumbprint of the key that it is bound to.
#[derive(Clone, Copy)]
pub struct PresentedToken<'a> {
    pub token: &'a str,
    pub jkt: Option<&'a str>,
}

/// What a proof is compared with.
#[derive(Clone, Copy, Default)]
pub struct Context<'a> {
    pub request: Option<&'a Parts>,
    pub token: Option<PresentedToken<'a>>,
}

/// What the checks change.
#[derive(Clone, Copy)]
pub enum Effect {
    /// The `jti` and the nonce of the proof are used up, as in a request.
    UseUp,
    /// Nothing: the proof is only looked at.
    Nothing,
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

    /// Makes the checks of section 4.3, in the order of [`Check::ALL`]. Those after the first that fails are made as
    /// well, but use nothing up: a server would have stopped. `now` in seconds.
    pub fn examine(&mut self, proof: &str, context: &Context<'_>, effect: Effect, now: u64) -> Examination {
        let mut examination = Examination::default();
        examination.record(Check::OneProof, Outcome::Passed);
        let decoded = DecodedProof::decode(proof);
        examination.require(Check::Jwt, decoded.is_some(), "the proof is not a JWT");
        let Some(proof) = decoded else {
            examination.skip_the_rest("there is no JWT");
            return examination;
        };
        proof.examine(&mut examination);
        let htm = context.request.map(|request| check_htm(&proof, request));
        examination.record(Check::Htm, htm.unwrap_or(NO_REQUEST));
        let htu = context.request.map(|request| self.check_htu(&proof, request));
        examination.record(Check::Htu, htu.unwrap_or(NO_REQUEST));
        // Before the nonce: the client must answer a challenge with a new proof, not with a nonce and the old `jti`.
        let uses = |examination: &Examination| matches!(effect, Effect::UseUp) && !examination.has_failed();
        let outcome = self.check_jti(&proof, uses(&examination), now);
        examination.record(Check::Jti, outcome);
        let outcome = self.check_nonce(&proof, uses(&examination), now);
        examination.record(Check::Nonce, outcome);
        examination.record(Check::Iat, check_iat(&proof, now));
        let (ath, binding) = match context.token {
            Some(token) => (check_ath(&proof, token), check_binding(examination.thumbprint.as_deref(), token)),
            None => (Outcome::Skipped("there is no access token"), Outcome::Skipped("there is no access token")),
        };
        examination.record(Check::Ath, ath);
        examination.record(Check::Binding, binding);
        examination
    }

    /// Returns how many `jti`s count as used at `now` (seconds).
    pub fn used_jtis(&self, now: u64) -> usize {
        self.replays.recent(now)
    }

    fn check_htu(&self, proof: &DecodedProof<'_>, request: &Parts) -> Outcome {
        let Some(htu) = proof.string("htu") else { return missing("there is no htu") };
        if htu.contains(['?', '#']) {
            return failed("htu has a query or a fragment");
        }
        let Some(htu) = normalised(htu) else { return failed("htu is not an absolute http or https URI") };
        // A nested router shortens the path of the request; the extension has the whole one.
        let target = request.extensions.get::<OriginalUri>().map_or(&request.uri, |original| &original.0);
        let same =
            |authority: &str| normalised(&format!("https://{authority}{}", target.path())).as_ref() == Some(&htu);
        let known = same(&self.authority) || authority(target, request).is_some_and(same);
        ensure(known, "htu is not the URI of the request")
    }

    fn check_jti(&mut self, proof: &DecodedProof<'_>, uses: bool, now: u64) -> Outcome {
        let Some(jti) = proof.string("jti") else { return missing("there is no jti") };
        let is_new = if uses { self.replays.take(jti, now) } else { self.replays.is_new(jti, now) };
        ensure(is_new, "jti was used before")
    }

    fn check_nonce(&mut self, proof: &DecodedProof<'_>, uses: bool, now: u64) -> Outcome {
        let Some(nonces) = &mut self.nonces else { return Outcome::Skipped("this server requires no nonce") };
        let Some(nonce) = proof.claims.get("nonce") else { return failed("a nonce is required") };
        // One that is not a string has failed before.
        let Some(nonce) = nonce.as_str() else { return missing("nonce is not a string") };
        let is_current = if uses { nonces.take(nonce, now) } else { nonces.accepts(nonce, now) };
        ensure(is_current, "nonce is not a current one of this server")
    }
}

const NO_REQUEST: Outcome = Outcome::Skipped("the request is not known");

fn check_htm(proof: &DecodedProof<'_>, request: &Parts) -> Outcome {
    let Some(htm) = proof.string("htm") else { return missing("there is no htm") };
    ensure(htm == request.method.as_str(), "htm is not the method of the request")
}

fn check_ath(proof: &DecodedProof<'_>, token: PresentedToken<'_>) -> Outcome {
    let Some(ath) = proof.claims.get("ath") else { return failed("ath is missing") };
    // One that is not a string has failed before.
    let Some(ath) = ath.as_str() else { return missing("ath is not a string") };
    let hash = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, token.token.as_bytes()));
    ensure(ath == hash, "ath is not the hash of the access token")
}

fn check_binding(thumbprint: Option<&str>, token: PresentedToken<'_>) -> Outcome {
    let Some(jkt) = token.jkt else { return Outcome::Skipped("the access token is bound to no key") };
    let Some(thumbprint) = thumbprint else { return missing("there is no key to compare") };
    ensure(jkt == thumbprint, "the access token is bound to another key than that of the proof")
}

/// Returns the authority that the client used: that of an absolute target, else `Host` (RFC 9112 section 3.3).
fn authority<'a>(target: &'a Uri, request: &'a Parts) -> Option<&'a str> {
    let host = || request.headers.get(HOST)?.to_str().ok();
    target.authority().map(axum::http::uri::Authority::as_str).or_else(host)
}

fn check_iat(proof: &DecodedProof<'_>, now: u64) -> Outcome {
    let Some(iat) = proof.claims.get("iat").and_then(Value::as_i64) else { return missing("there is no iat") };
    // A time before 1970 counts as 1970.
    let iat = u64::try_from(iat).unwrap_or(0);
    if iat > now.saturating_add(IAT_TOLERANCE_SECONDS) {
        return failed("iat is more than 60 s ahead of the server's clock");
    }
    ensure(now <= iat.saturating_add(IAT_TOLERANCE_SECONDS), "iat is more than 60 s behind the server's clock")
}

fn ensure(condition: bool, otherwise: &'static str) -> Outcome {
    if condition { Outcome::Passed } else { failed(otherwise) }
}

fn failed(reason: &'static str) -> Outcome {
    Outcome::Failed(reason.into())
}

/// The outcome of a check of a claim that is not there, which the check of all claims reports.
fn missing(why: &'static str) -> Outcome {
    Outcome::Skipped(why)
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use serde_json::json;

    use super::*;
    use crate::dpop::signed_proof::{Key, Proof};

    const NOW: u64 = 2_000_000_000;
    const TOKEN: &str = "the.access.token";
    const URI: &str = "https://localhost:8443/raas/v2/accounts";

    fn verifier(nonces: Option<Nonces>) -> Verifier {
        Verifier::new("localhost:8443".into(), nonces)
    }

    fn request(uri: &str, host: &str) -> Parts {
        Request::get(uri).header("Host", host).body(()).unwrap().into_parts().0
    }

    /// The outcome of each check of a proof that comes with a token bound to `jkt`.
    fn examine(verifier: &mut Verifier, proof: &str, jkt: &str, effect: Effect) -> Examination {
        let request = request("/raas/v2/accounts?page=1", "localhost:8443");
        let token = Some(PresentedToken { token: TOKEN, jkt: Some(jkt) });
        verifier.examine(proof, &Context { request: Some(&request), token }, effect, NOW)
    }

    fn failures(examination: &Examination) -> Vec<Check> {
        let failed = |(check, outcome): &(Check, Outcome)| matches!(outcome, Outcome::Failed(_)).then_some(*check);
        examination.results().iter().filter_map(failed).collect()
    }

    fn good<'a>(key: &'a Key, nonce: &str) -> Proof<'a> {
        key.proof("GET", URI).claim("iat", NOW).claim("nonce", nonce).with_token(TOKEN)
    }

    #[test]
    fn every_check_of_a_valid_proof_passes() {
        let (key, mut nonces) = (Key::new("ES256"), Nonces::timed(NOW, 100));
        let proof = good(&key, &nonces.next(NOW)).sign();
        let examination = examine(&mut verifier(Some(nonces)), &proof, &key.thumbprint(), Effect::UseUp);
        assert!(examination.results().iter().map(|(check, _)| *check).eq(Check::ALL));
        assert!(examination.results().iter().all(|(_, outcome)| *outcome == Outcome::Passed));
        assert_eq!(examination.verdict(), Ok(key.thumbprint()));
    }

    #[test]
    fn each_check_fails_alone() {
        let (key, mut nonces) = (Key::new("ES256"), Nonces::timed(NOW, 100));
        let nonce = nonces.next(NOW);
        let mut verifier = verifier(Some(nonces));
        let good = || good(&key, &nonce);
        let used = good().claim("jti", "used").sign();
        assert!(examine(&mut verifier, &used, &key.thumbprint(), Effect::UseUp).verdict().is_ok());
        let good_signature = good().sign();
        let other_signature = good().sign().rsplit_once('.').unwrap().1.to_owned();
        let forged = format!("{}.{other_signature}", good_signature.rsplit_once('.').unwrap().0);
        for (proof, check) in [
            (good().header("typ", "JWT").sign(), Check::Typ),
            (good().header("crit", json!(["b64"])).sign(), Check::Crit),
            (good().header("alg", "HS256").sign(), Check::Alg),
            (good().jwk_member("d", "AA").sign(), Check::PrivateKey),
            (good().jwk_member("crv", "P-384").sign(), Check::Key),
            (forged, Check::Signature),
            (good().without("jti").sign(), Check::Claims),
            (good().claim("htm", "POST").sign(), Check::Htm),
            (good().suffix("htu", "/x").sign(), Check::Htu),
            (used, Check::Jti),
            (good().claim("nonce", "stale").sign(), Check::Nonce),
            (good().claim("iat", NOW - 61).sign(), Check::Iat),
            (good().with_token("another.access.token").sign(), Check::Ath),
        ] {
            let examination = examine(&mut verifier, &proof, &key.thumbprint(), Effect::UseUp);
            assert_eq!(failures(&examination), [check]);
        }
        let examination = examine(&mut verifier, &good().sign(), "another key", Effect::UseUp);
        assert_eq!(failures(&examination), [Check::Binding]);
        assert_eq!(failures(&examine(&mut verifier, "a.b", "", Effect::UseUp)), [Check::Jwt]);
    }

    #[test]
    fn several_mistakes_are_all_reported() {
        let (key, mut verifier) = (Key::new("ES256"), verifier(None));
        let proof = good(&key, "").header("typ", "JWT").claim("htm", "POST").claim("iat", 0).sign();
        let examination = examine(&mut verifier, &proof, &key.thumbprint(), Effect::UseUp);
        assert_eq!(failures(&examination), [Check::Typ, Check::Htm, Check::Iat]);
    }

    #[test]
    fn proof_that_is_only_looked_at_or_refused_uses_nothing_up() {
        let (key, mut nonces) = (Key::new("ES256"), Nonces::single_use());
        let proof = good(&key, &nonces.next(NOW));
        let (bad, good) = (proof.clone().claim("htm", "POST").sign(), proof.sign());
        let (mut verifier, jkt) = (verifier(Some(nonces)), key.thumbprint());
        assert_eq!(failures(&examine(&mut verifier, &good, &jkt, Effect::Nothing)), []);
        assert_eq!(failures(&examine(&mut verifier, &bad, &jkt, Effect::UseUp)), [Check::Htm]);
        assert_eq!(failures(&examine(&mut verifier, &good, &jkt, Effect::UseUp)), []);
        assert_eq!(failures(&examine(&mut verifier, &good, &jkt, Effect::UseUp)), [Check::Jti, Check::Nonce]);
    }

    #[test]
    fn checks_that_need_the_request_are_skipped_without_one() {
        let key = Key::new("ES256");
        let proof = key.proof("GET", URI).claim("iat", NOW).sign();
        let examination = verifier(None).examine(&proof, &Context::default(), Effect::Nothing, NOW);
        let skipped = |(check, outcome): &(Check, Outcome)| matches!(outcome, Outcome::Skipped(_)).then_some(*check);
        let skipped: Vec<_> = examination.results().iter().filter_map(skipped).collect();
        assert_eq!(skipped, [Check::Htm, Check::Htu, Check::Nonce, Check::Ath, Check::Binding]);
    }

    /// A proof with only these claims. Its signature is none of the checks that use it.
    fn claims(claims: Value) -> DecodedProof<'static> {
        DecodedProof::of_claims(claims)
    }

    #[test]
    fn iat_may_differ_by_a_minute() {
        let now = i64::try_from(NOW).unwrap();
        let check = |iat: i64| check_iat(&claims(json!({"iat": iat})), NOW);
        for iat in [now - 60, now, now + 60] {
            assert_eq!(check(iat), Outcome::Passed);
        }
        for iat in [now - 61, 0, -1, i64::MIN] {
            assert_eq!(check(iat), failed("iat is more than 60 s behind the server's clock"));
        }
        for iat in [now + 61, i64::MAX] {
            assert_eq!(check(iat), failed("iat is more than 60 s ahead of the server's clock"));
        }
    }

    #[test]
    fn htu_may_have_the_authority_of_the_server_or_of_the_request() {
        let (verifier, request) = (verifier(None), request("/raas/v2/accounts?page=1", "Tango.example"));
        let check = |htu: &str| verifier.check_htu(&claims(json!({"htu": htu})), &request);
        for htu in [
            "https://localhost:8443/raas/v2/accounts",
            "https://tango.example/raas/v2/accounts",
            "HTTPS://TANGO.example:443/raas/v2/%61ccounts",
        ] {
            assert_eq!(check(htu), Outcome::Passed, "{htu}");
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
            assert_eq!(check(htu), failed(why), "{htu}");
        }
    }

    #[test]
    fn absolute_target_takes_precedence_over_host() {
        let (verifier, request) = (verifier(None), request("https://one.example/x", "other.example"));
        let check = |htu: &str| verifier.check_htu(&claims(json!({"htu": htu})), &request);
        assert_eq!(check("https://one.example/x"), Outcome::Passed);
        assert_eq!(check("https://other.example/x"), failed("htu is not the URI of the request"));
    }
}
