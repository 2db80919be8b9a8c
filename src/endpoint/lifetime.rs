//! `expires_in` (RFC 6749 section 5.1): how long a token is valid.

use std::time::Duration;

use serde_json::Value;

use crate::human;
use crate::policy::{MAX_LIFETIME, MAX_LIFETIME_DAYS};

/// Returns the lifetime that a response gives its token. The documented one is used where it gives none, or one that is
/// not a number of seconds: a token is not thrown away for a field that the server need not even send.
pub(super) fn of(expires_in: Option<&Value>, documented: Duration) -> Duration {
    let Some(value) = expires_in else { return documented };
    match seconds(value) {
        Some(lifetime) if lifetime > MAX_LIFETIME => {
            tracing::warn!(
                "the server gave the token a lifetime of more than {MAX_LIFETIME_DAYS} days; it is used for \
                 {MAX_LIFETIME_DAYS} days"
            );
            MAX_LIFETIME
        }
        Some(lifetime) => lifetime,
        None => {
            let documented_span = human::span(documented);
            tracing::warn!(
                "the server sent an expires_in that is not a number of seconds; the documented lifetime of \
                 {documented_span} is used"
            );
            documented
        }
    }
}

/// Returns the whole seconds of a number that is not negative, in each way in which servers write it: `86400`,
/// `"86400"` as in Tango's examples, `86400.0`, `8.64e4`, `" 86400 "`. A number that is too large is the largest.
fn seconds(value: &Value) -> Option<Duration> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(string) => parse(string.trim())?,
        _ => return None,
    };
    (number >= 0.0).then(|| Duration::try_from_secs_f64(number.floor()).unwrap_or(Duration::MAX))
}

/// Reads a decimal number. Rust's own parser also reads `inf` and `nan`.
fn parse(string: &str) -> Option<f64> {
    string.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)).then(|| string.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn number_of_seconds_is_read_in_every_spelling() {
        for value in [
            json!(3600),
            json!(3600.0),
            json!(3.6e3),
            json!(3600.9),
            json!("3600"),
            json!(" 3600\n"),
            json!("3600.0"),
            json!("3.6e3"),
            json!("+3600"),
            json!("0003600"),
        ] {
            assert_eq!(of(Some(&value), DAY).as_secs(), 3600, "{value}");
        }
        for zero in [json!(0), json!("0"), json!(0.0), json!(0.5), json!("0.9")] {
            assert_eq!(of(Some(&zero), DAY), Duration::ZERO, "{zero}");
        }
    }

    #[test]
    fn documented_lifetime_is_used_where_there_is_no_number() {
        assert_eq!(of(None, DAY), DAY);
        for value in [
            json!(null),
            json!("never"),
            json!(-1),
            json!("-1"),
            json!(-0.5),
            json!("NaN"),
            json!("Infinity"),
            json!("inf"),
            json!(""),
            json!(" "),
            json!("60s"),
            json!("1 000"),
            json!("0x10"),
            json!("٣"),
            json!("."),
            json!("e"),
            json!(true),
            json!([60]),
            json!({"seconds": 60}),
        ] {
            assert_eq!(of(Some(&value), DAY), DAY, "{value}");
        }
    }

    #[test]
    fn lifetime_beyond_the_limit_of_the_shared_cache_is_capped() {
        for long in [
            json!(MAX_LIFETIME.as_secs() + 1),
            json!(8_589_934_592_000_u64),
            json!(u64::MAX),
            json!(1e300),
            json!("1e999"),
            json!("99999999999999999999999999"),
        ] {
            assert_eq!(of(Some(&long), DAY), MAX_LIFETIME, "{long}");
        }
        for (leap_year, believed) in [(31_622_400, 31_622_400), (31_622_401, 31_622_400)] {
            assert_eq!(of(Some(&json!(leap_year)), DAY).as_secs(), believed);
        }
    }

    proptest! {
        #[test]
        fn whole_seconds_are_exact(seconds in 0..MAX_LIFETIME.as_secs()) {
            let fraction: Value = serde_json::from_str(&format!("{seconds}.0")).unwrap();
            for value in [json!(seconds), json!(seconds.to_string()), fraction] {
                prop_assert_eq!(of(Some(&value), DAY).as_secs(), seconds);
            }
        }

        #[test]
        fn every_string_has_a_lifetime(string in "([-+.eE0-9]|.){0,30}") {
            prop_assert!(of(Some(&json!(string)), DAY) <= MAX_LIFETIME);
        }
    }
}
