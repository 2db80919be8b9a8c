//! Compares a value with the expectation of a case.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// The objects that a runner prints, with all their fields.
const FIELDS: [(&str, &[&str]); 3] = [
    ("token", &["value", "type", "scope", "expires_in_seconds"]),
    ("authorization", &["value", "dpop"]),
    (
        "error",
        &[
            "status",
            "message",
            "http_status",
            "oauth_error",
            "oauth_error_description",
            "i18n_key",
            "server_message",
            "request_id",
            "retry_after_seconds",
        ],
    ),
];

pub fn check(what: &str, seen: &Value, expected: &Value) -> Result<(), String> {
    if has_all_fields(seen) && is_as_expected(seen, expected) {
        return Ok(());
    }
    Err(format!("{what}\n      seen      {seen}\n      expected  {expected}"))
}

fn has_all_fields(seen: &Value) -> bool {
    FIELDS.iter().all(|(kind, fields)| {
        let Some(seen) = seen.get(kind).and_then(Value::as_object) else { return true };
        seen.len() == fields.len() && fields.iter().all(|&field| seen.contains_key(field))
    })
}

/// Compares a value with the expected one. An expected object names the fields to compare; null means null or absent.
/// The special forms are `{"contains": "a part"}`, `{"lacks": "a part"}`, `{"between": [1, 2]}`, `{"from_now": [-1,
/// 2]}` (seconds since 1970) and `{"proof": {"header": {…}, "claims": {…}}}`.
fn is_as_expected(seen: &Value, expected: &Value) -> bool {
    let Value::Object(expected) = expected else { return seen == expected };
    if let Some(part) = expected.get("contains") {
        return seen.as_str().is_some_and(|string| string.contains(part.as_str().unwrap()));
    }
    if let Some(part) = expected.get("lacks") {
        return seen.as_str().is_some_and(|string| !string.contains(part.as_str().unwrap()));
    }
    if let Some(bounds) = expected.get("between") {
        return is_between(bounds, seen.as_i64());
    }
    if let Some(bounds) = expected.get("from_now") {
        return is_between(bounds, seen.as_i64().map(|seen| seen - now()));
    }
    if let Some(proof) = expected.get("proof") {
        return decoded(seen).is_some_and(|seen| is_as_expected(&seen, proof));
    }
    let field = |name: &str| seen.get(name).unwrap_or(&Value::Null);
    seen.is_object() && expected.iter().all(|(name, expected)| is_as_expected(field(name), expected))
}

fn is_between(bounds: &Value, number: Option<i64>) -> bool {
    let bounds = bounds[0].as_i64().unwrap()..=bounds[1].as_i64().unwrap();
    number.is_some_and(|number| bounds.contains(&number))
}

fn now() -> i64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs().try_into().unwrap()
}

/// Decodes a JWS in compact form (RFC 7515). Other tests verify signatures, with other libraries.
fn decoded(proof: &Value) -> Option<Value> {
    let parts: Vec<_> =
        proof.as_str()?.split('.').map(|part| URL_SAFE_NO_PAD.decode(part)).collect::<Result<_, _>>().ok()?;
    let [header, claims, _signature] = <[Vec<u8>; 3]>::try_from(parts).ok()?;
    let parsed = |part: Vec<u8>| serde_json::from_slice::<Value>(&part).ok();
    Some(json!({"header": parsed(header)?, "claims": parsed(claims)?}))
}

#[test]
fn unexpected_values_are_found() {
    let seen = json!({"a": 5, "text": "some text", "none": null, "inner": {"b": [1]}, "time": now()});
    let proof = [r#"{"typ": "dpop+jwt"}"#, r#"{"htm": "GET"}"#, "signature"].map(|part| URL_SAFE_NO_PAD.encode(part));
    let rows = [
        (json!({"a": 5}), json!({"a": 6})),
        (json!({"a": {"between": [5, 5]}}), json!({"a": {"between": [6, 9]}})),
        (json!({"time": {"from_now": [-5, 0]}}), json!({"time": {"from_now": [1, 9]}})),
        (json!({"text": {"contains": "me t"}}), json!({"text": {"contains": "met"}})),
        (json!({"text": {"lacks": "met"}}), json!({"text": {"lacks": "me t"}})),
        (json!({"none": null, "not there": null}), json!({"a": null})),
        (json!({"inner": {"b": [1]}}), json!({"inner": {"b": [2]}})),
        (json!({}), json!({"not there": {"contains": ""}})),
    ];
    for (right, wrong) in rows {
        assert!(is_as_expected(&seen, &right) && !is_as_expected(&seen, &wrong), "{right} {wrong}");
    }
    let proof = json!(proof.join("."));
    let expected =
        |method: &str| json!({"proof": {"header": {"typ": "dpop+jwt"}, "claims": {"htm": method, "ath": null}}});
    assert!(is_as_expected(&proof, &expected("GET")) && !is_as_expected(&proof, &expected("PUT")));
    assert!(!is_as_expected(&json!("a.b"), &expected("GET")));
}

#[test]
fn missing_and_surplus_fields_are_found() {
    let whole = json!({"authorization": {"value": "Bearer x", "dpop": null}});
    assert_eq!(check("", &whole, &json!({})), Ok(()));
    assert!(check("", &json!({"authorization": {"value": "Bearer x"}}), &json!({})).is_err());
    assert!(check("", &json!({"authorization": {"value": "Bearer x", "other": null}}), &json!({})).is_err());
}
