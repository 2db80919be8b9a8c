//! `WWW-Authenticate` and `DPoP-Nonce`. Valid challenges are read as the crate `http-auth` reads them, and the time for
//! any header, counted in bytes that are looked at, grows linearly.
#![no_main]

use http_auth::ChallengeRef;
use http_auth::parser::ChallengeParser;
use libfuzzer_sys::fuzz_target;
use tango_token::fuzzing::{Challenge, challenge, nonce};

type Refusal = (String, Option<String>);

fuzz_target!(|header: &str| {
    let Challenge { refusal, is_valid, steps } = challenge(header);
    assert!(steps <= 10 * header.len() + 100, "{steps} steps");
    if let Some((error, description)) = &refusal {
        let length = error.len() + description.as_ref().map_or(0, String::len);
        assert!(!error.is_empty() && length <= header.len(), "{refusal:?}");
    }
    // Values in single quotes are valid and lose them all the same: servers that write them mean quotes.
    if let Some(expected) = valid(header).filter(|_| is_valid && !header.contains('\'')) {
        assert_eq!(refusal, expected.into_iter().next());
    }
    if let Some(nonce) = nonce(header) {
        assert!(!nonce.is_empty() && nonce.len() <= 512);
        assert!(nonce.bytes().all(|byte| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~')));
    }
});

/// Returns the refusals, those of DPoP first, of a header that the crate can read.
fn valid(header: &str) -> Option<Vec<Refusal>> {
    let challenges: Vec<_> = ChallengeParser::new(header).collect::<Result<_, _>>().ok()?;
    let of = |scheme: &'static str| {
        challenges.iter().filter(move |challenge| challenge.scheme.eq_ignore_ascii_case(scheme)).filter_map(refusal)
    };
    Some(of("DPoP").chain(of("Bearer")).collect())
}

fn refusal(challenge: &ChallengeRef<'_>) -> Option<Refusal> {
    let parameter = |name: &str, is_wanted: fn(&String) -> bool| {
        let values = challenge.params.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        values.map(|(_, value)| value.to_unescaped()).find(is_wanted)
    };
    // An empty error code is none.
    Some((parameter("error", |error| !error.is_empty())?, parameter("error_description", |_| true)))
}
