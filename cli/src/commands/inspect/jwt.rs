//! The parts of a JWT (RFC 7519), and its times.

use std::time::{Duration, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::times;

/// A JWT whose signature is neither checked nor shown.
pub struct Jwt<'a> {
    pub header: Map<String, Value>,
    pub claims: Map<String, Value>,
    /// What is signed.
    pub message: &'a str,
    pub signature: &'a str,
}

impl<'a> Jwt<'a> {
    pub fn decode(compact: &'a str) -> Option<Self> {
        let (message, signature) = compact.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        if claims.contains('.') {
            return None;
        }
        Some(Self { header: object(header)?, claims: object(claims)?, message, signature })
    }

    pub fn header_string(&self, name: &str) -> Option<&str> {
        self.header.get(name)?.as_str()
    }

    pub fn claim(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }

    /// Returns a time in seconds since 1970 (RFC 7519 section 2, `NumericDate`).
    pub fn time(&self, name: &str) -> Option<i64> {
        let number = self.claims.get(name)?;
        #[expect(clippy::cast_possible_truncation, reason = "a saturating cast of a fraction of a second")]
        number.as_i64().or_else(|| number.as_f64().map(|seconds| seconds as i64))
    }

    /// Returns the claims for a person, with dates for times.
    pub fn shown_claims(&self, now: i64) -> Vec<(String, Value)> {
        let is_time = |name: &str| ["iat", "nbf", "exp", "auth_time"].contains(&name);
        let shown = |(name, value): (&String, &Value)| match self.time(name).filter(|_| is_time(name)) {
            Some(time) => (name.clone(), format!("{value} ({})", date(time, now)).into()),
            None => (name.clone(), value.clone()),
        };
        self.claims.iter().map(shown).collect()
    }
}

/// Returns whether this is a JWT that says that it is a proof.
pub fn is_proof(compact: &str) -> bool {
    Jwt::decode(compact).is_some_and(|jwt| {
        jwt.header_string("typ") == Some("dpop+jwt")
            || (jwt.claims.contains_key("htm") && jwt.claims.contains_key("htu"))
    })
}

fn object(part: &str) -> Option<Map<String, Value>> {
    match serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?) {
        Ok(Value::Object(object)) => Some(object),
        _ => None,
    }
}

/// Returns a time as a date, and how far it is from now.
pub fn date(time: i64, now: i64) -> String {
    let Some(date) = u64::try_from(time).ok().and_then(|time| UNIX_EPOCH.checked_add(Duration::from_secs(time))) else {
        return "not a date".into();
    };
    format!("{}, {}", times::rfc3339(date), distance(time, now))
}

/// Returns how far a time is from now.
pub fn distance(time: i64, now: i64) -> String {
    let span = times::span(Duration::from_secs(time.abs_diff(now)));
    match time.cmp(&now) {
        std::cmp::Ordering::Less => format!("{span} ago"),
        std::cmp::Ordering::Equal => "now".into(),
        std::cmp::Ordering::Greater => format!("in {span}"),
    }
}
