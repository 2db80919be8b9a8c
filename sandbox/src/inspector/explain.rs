//! Explains a proof or a token that somebody pasted. Nothing is sent, logged or used up by it.

use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Request, Uri};
use serde::Deserialize;
use serde_json::{Value, json};

use super::decoded;
use crate::dpop::{Context, DecodedProof, PresentedToken, Role};
use crate::sandbox::Sandbox;

/// What is pasted, and the request that it belongs to, as far as that is known.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
pub struct Question {
    text: String,
    method: String,
    url: String,
    token: String,
}

/// Returns what the text is and what is wrong with it.
pub fn explain(sandbox: &Sandbox, question: &Question) -> Value {
    let text = value(&question.text);
    if text.is_empty() {
        return neither("Paste a proof or a token first.");
    }
    let request = match request(question) {
        Ok(request) => request,
        Err(why) => return neither(why),
    };
    match DecodedProof::decode(text) {
        Some(proof) if is_proof(&proof) => explain_proof(sandbox, text, &proof, request.as_ref(), &question.token),
        Some(_) => json!({"kind": "token", "token": decoded::token(sandbox, text)}),
        None if text.contains(char::is_whitespace) => neither("This is neither a proof nor a token: it has spaces."),
        None => neither(
            "This is not a JWT: those have three parts in base64url, with dots between them, and the first two are \
             JSON objects. A token of another kind is opaque: only the server that issued it can read it.",
        ),
    }
}

fn neither(why: &str) -> Value {
    json!({"kind": "neither", "reason": why})
}

fn explain_proof(
    sandbox: &Sandbox,
    text: &str,
    proof: &DecodedProof<'_>,
    request: Option<&Parts>,
    token: &str,
) -> Value {
    let now = sandbox.clock.now_seconds();
    let token = Some(value(token)).filter(|token| !token.is_empty());
    let verified = token.map(|token| sandbox.tokens.verify(token, now));
    let jkt = verified.and_then(Result::ok).flatten();
    let token = token.map(|token| PresentedToken { token, jkt: jkt.as_deref() });
    // The server whose nonces and used proofs count.
    let uri = request.map(|request| request.uri.clone()).or_else(|| proof.string("htu")?.parse().ok());
    let role = uri.and_then(|uri| Role::of(uri.path())).unwrap_or(Role::AuthorizationServer);
    let examination = sandbox.dpop.examine_alone(role, text, &Context { request, token }, now);
    json!({
        "kind": "proof",
        "server": role.name(),
        "proof": decoded::proof(proof),
        "thumbprint": examination.thumbprint,
        "checks": decoded::checks(&examination),
        "server_seconds": now,
    })
}

/// Returns whether a JWT is meant as a proof, even if it is a wrong one.
fn is_proof(jwt: &DecodedProof<'_>) -> bool {
    let is_typed = jwt.header.get("typ").is_some_and(|typ| typ == "dpop+jwt");
    is_typed || jwt.header.contains_key("jwk") || jwt.claims.contains_key("htm") || jwt.claims.contains_key("htu")
}

/// Removes the name of a header and a scheme, so that a whole line of a trace can be pasted.
fn value(text: &str) -> &str {
    let mut text = text.trim();
    for prefix in ["DPoP:", "Authorization:", "Bearer ", "DPoP "] {
        if text.get(..prefix.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(prefix)) {
            text = text[prefix.len()..].trim_start();
        }
    }
    text
}

/// Makes the request that a proof is compared with, if method and URL are given.
fn request(question: &Question) -> Result<Option<Parts>, &'static str> {
    let (method, url) = (question.method.trim(), question.url.trim());
    if url.is_empty() {
        return Ok(None);
    }
    let method = if method.is_empty() { "POST" } else { method };
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| "The method of the request is not a method.")?;
    let uri: Uri = url.parse().map_err(|_| "The URL of the request is not a URL.")?;
    if uri.host().is_none() {
        return Err("The URL of the request is not absolute: begin it with https://");
    }
    let mut request = Request::new(()).into_parts().0;
    if let Some(host) = uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok()) {
        request.headers.insert("host", host);
    }
    (request.method, request.uri) = (method, uri);
    Ok(Some(request))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_of_a_trace_is_reduced_to_its_value() {
        for line in ["a.b.c", " a.b.c\n", "DPoP: a.b.c", "dpop:a.b.c", "Authorization: DPoP a.b.c", "bearer a.b.c"] {
            assert_eq!(value(line), "a.b.c", "{line}");
        }
        assert_eq!(value("ü"), "ü");
    }

    #[test]
    fn request_needs_an_absolute_url() {
        let asked = |method: &str, url: &str| {
            request(&Question { method: method.into(), url: url.into(), ..Question::default() })
        };
        assert!(asked("GET", "").unwrap().is_none());
        let parts = asked("GET", "https://api.example/x?y").unwrap().unwrap();
        assert_eq!((parts.method.as_str(), parts.uri.path()), ("GET", "/x"));
        assert_eq!(parts.headers["host"], "api.example");
        assert_eq!(asked("", "https://api.example/").unwrap().unwrap().method, "POST");
        for (method, url) in [("GET", "/x"), ("GET", "https://"), ("G T", "https://api.example/")] {
            assert!(asked(method, url).is_err(), "{method} {url}");
        }
    }
}
