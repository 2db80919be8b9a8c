//! Access tokens: JWTs (RFC 7519, RFC 9068), or strings without a meaning for their holder.

use serde_json::{Value, json};

use super::jwt::{self, Jwt};
use super::proof::hash;
use super::report::Report;

/// `bound_to` is the thumbprint of the key that the proof beside the token was signed with.
pub fn report(token: &str, now: i64, bound_to: Option<&str>) -> Report {
    let Some(jwt) = Jwt::decode(token) else { return opaque(token) };
    let mut report = Report::new("jwt_access_token", "An access token, as a JWT (RFC 9068)");
    report.part("header", jwt.header.clone()).part("claims", jwt.shown_claims(now));
    report.part("derived", [("ath".into(), json!(hash(token)))]);
    let alg = jwt.header_string("alg").unwrap_or("missing");
    let is_signed = alg != "none" && alg != "missing" && !jwt.signature.is_empty();
    report.check("alg", is_signed, format!("alg is `{alg}`"), "RFC 9068 section 2.1");
    report.note(
        "signature",
        "the signature is not checked: only the API has to, with a key of the issuer",
        "RFC 9068 section 4",
    );
    check_times(&mut report, &jwt, now);
    check_binding(&mut report, &jwt, bound_to);
    report
}

fn opaque(token: &str) -> Report {
    let mut report = Report::new("opaque_token", "A string without a meaning for its holder, such as an access token");
    report.part("derived", [("length".into(), json!(token.len())), ("ath".into(), json!(hash(token)))]);
    report.note("format", "it is not a JWT, so there is nothing to decode", "RFC 6749 section 1.4");
    report
}

fn check_times(report: &mut Report, jwt: &Jwt, now: i64) {
    match jwt.time("exp") {
        Some(exp) if exp > now => {
            report.check("exp", true, format!("it expires {}", jwt::distance(exp, now)), "RFC 7519 section 4.1.4");
        }
        Some(exp) => {
            report.check("exp", false, format!("it expired {}", jwt::distance(exp, now)), "RFC 7519 section 4.1.4");
        }
        None => report.note("exp", "it does not say when it expires", "RFC 7519 section 4.1.4"),
    }
    if let Some(nbf) = jwt.time("nbf") {
        let text = format!("it is valid from {}", jwt::date(nbf, now));
        report.check("nbf", nbf <= now, text, "RFC 7519 section 4.1.5");
    }
    if let Some(iat) = jwt.time("iat") {
        let text = format!("it was issued {}", jwt::distance(iat, now));
        report.check("iat", iat <= now + 60, text, "RFC 7519 section 4.1.6");
    }
}

fn check_binding(report: &mut Report, jwt: &Jwt, bound_to: Option<&str>) {
    const SECTION: &str = "RFC 9449 section 6.1";
    let jkt = jwt.claims.get("cnf").and_then(|confirmation| confirmation.get("jkt")).and_then(Value::as_str);
    match (jkt, bound_to) {
        (Some(jkt), Some(key)) if jkt == key => {
            report.check("cnf", true, "it is bound to the key of the proof", SECTION);
        }
        (Some(_), Some(_)) => report.check("cnf", false, "it is bound to another key than that of the proof", SECTION),
        (Some(jkt), None) => report.note("cnf", format!("it is bound to the key with the thumbprint {jkt}"), SECTION),
        (None, _) => {
            report.note("cnf", "it is not bound to a key: any process that has it can use it", "RFC 6750 section 1.2");
        }
    }
}
