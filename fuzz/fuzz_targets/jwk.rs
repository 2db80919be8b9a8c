//! Private and public keys as JWK. A key that is read has the thumbprint and the proofs that the crate `jsonwebtoken`
//! expects; an error repeats nothing of its input.
#![no_main]

use libfuzzer_sys::fuzz_target;
use support::keys;
use tango_token::DpopKey;
use tango_token::fuzzing::public_jwk;

fuzz_target!(|json: &str| {
    match DpopKey::from_jwk(json) {
        Ok(key) => keys::check(&key),
        Err(error) => keys::check_refusal(&error, json),
    }
    match public_jwk(json) {
        Some(Ok((jwk, thumbprint))) => {
            assert_eq!(keys::thumbprint(&jwk), thumbprint);
            assert_eq!(public_jwk(&jwk), Some(Ok((jwk, thumbprint))));
        }
        Some(Err(problem)) => assert!(problem.len() <= 200 && !problem.contains(char::is_control), "{problem}"),
        None => {}
    }
});
