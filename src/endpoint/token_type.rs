//! `token_type` of a response (RFC 6749 section 7.1, RFC 9449 section 5): whether the token is bound to the key of the
//! proof.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::dpop::{Binding, DpopKey};

/// Returns the key of a DPoP token, or `None` for a Bearer token. The type is compared without case, and a token of an
/// unknown type must not be used.
///
/// Servers that know Bearer tokens only often leave the type out. Then the token is a Bearer token if it was requested
/// without a proof. If a proof was sent, a JWT tells whether it is bound; another token could be either.
pub(super) fn key_of(
    token_type: Option<&Value>,
    access_token: &str,
    binding: Option<&Binding>,
) -> Result<Option<DpopKey>, &'static str> {
    let token_type = match token_type {
        None | Some(Value::Null) => "",
        Some(Value::String(token_type)) => token_type.trim(),
        Some(_) => return Err("has a token_type that is not a string"),
    };
    let claims = claims_of(access_token);
    let jkt = claims.as_ref().map(|claims| &claims["cnf"]["jkt"]);
    let thumbprint = binding.map(|binding| binding.key.thumbprint());
    match token_type.to_ascii_lowercase().as_str() {
        "bearer" => Ok(None),
        "dpop" => match (binding, jkt) {
            (None, _) => Err("contains a DPoP token although no proof was sent"),
            (_, Some(jkt)) if !jkt.is_null() && jkt.as_str() != thumbprint => {
                Err("contains a token that is bound to another key")
            }
            (Some(binding), _) => Ok(Some(binding.key.clone())),
        },
        "" => match (binding, jkt) {
            (None, _) => {
                tracing::warn!("the server sent no token_type; the token is used as a Bearer token");
                Ok(None)
            }
            (Some(_), Some(Value::Null)) => Ok(None),
            (Some(binding), Some(jkt)) if jkt.as_str() == thumbprint => Ok(Some(binding.key.clone())),
            (Some(_), Some(_)) => Err("contains a token that is bound to another key"),
            (Some(_), None) => Err("has no token_type, so it is not known whether the token is bound to the DPoP key"),
        },
        _ => Err("has an unknown token_type"),
    }
}

/// Returns the claims if the token is a readable JWT. `cnf.jkt` among them is the key that it is bound to (RFC 9449
/// section 6.1).
fn claims_of(access_token: &str) -> Option<Value> {
    let mut parts = access_token.split('.');
    let (_, Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    Some(claims).filter(Value::is_object)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::dpop::Algorithm;

    fn jwt(claims: &Value) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    fn key(token_type: &Value, token: &str, binding: Option<&Binding>) -> Option<bool> {
        key_of(Some(token_type), token, binding).ok().map(|key| key.is_some())
    }

    #[test]
    fn type_is_compared_without_case_and_blanks() {
        for token_type in ["Bearer", "bearer", "bEaReR", " Bearer\n"] {
            assert_eq!(key(&json!(token_type), "opaque", None), Some(false), "{token_type}");
        }
        for token_type in [json!("MAC"), json!("DPoP"), json!("Bearer DPoP"), json!(1), json!(["Bearer"])] {
            assert_eq!(key(&token_type, "opaque", None), None, "{token_type}");
        }
    }

    #[test]
    fn missing_type_is_bearer_if_no_proof_was_sent() {
        for token_type in [json!(null), json!(""), json!(" ")] {
            assert_eq!(key(&token_type, "opaque", None), Some(false), "{token_type}");
        }
        assert!(key_of(None, "opaque", None).unwrap().is_none());
    }

    #[test]
    fn dpop_token_is_bound_to_the_key_of_the_proof_only() {
        let key_of_proof = DpopKey::generate(Algorithm::Es256).unwrap();
        let own = jwt(&json!({"cnf": {"jkt": key_of_proof.thumbprint()}}));
        let (other, unbound) = (jwt(&json!({"cnf": {"jkt": "another"}})), jwt(&json!({"sub": "x"})));
        for required in [false, true] {
            let binding = Binding { key: key_of_proof.clone(), required, is_configured: false };
            for (token_type, token, expected) in [
                (json!("DPoP"), "opaque", Some(true)),
                (json!("dpop"), &own, Some(true)),
                (json!("DPoP"), &unbound, Some(true)),
                (json!("DPoP"), &other, None),
                (json!("Bearer"), "opaque", Some(false)),
                (json!("MAC"), "opaque", None),
                (json!(null), "opaque", None),
                (json!(null), &own, Some(true)),
                (json!(null), &unbound, Some(false)),
                (json!(null), &other, None),
            ] {
                assert_eq!(key(&token_type, token, Some(&binding)), expected, "{token_type} {token}");
            }
        }
    }
}
