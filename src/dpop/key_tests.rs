use secrecy::ExposeSecret;
use serde_json::json;

use super::*;

/// RFC 7517 appendix A.2, an EC key on P-256.
const RFC_7517_EC: &str = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE","use":"enc"}"#;
/// RFC 8037 appendix A.1.
const RFC_8037_ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519",
    "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

fn problem(result: Result<DpopKey, Error>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.status(), Status::KeyRejected, "{error}");
    error.message().to_owned()
}

#[test]
fn written_key_is_read_back() {
    for algorithm in Algorithm::ALL {
        let key = DpopKey::generate(algorithm).unwrap();
        let pem = key.to_pem().unwrap();
        let read = DpopKey::from_pem(pem.expose_secret(), Some(algorithm)).unwrap();
        assert_eq!((read.algorithm(), read.thumbprint()), (algorithm, key.thumbprint()));
        assert!(pem.expose_secret().lines().all(|line| line.len() <= 64));
    }
}

#[test]
fn private_keys_of_the_rfcs_are_read() {
    let ec = DpopKey::from_jwk(RFC_7517_EC).unwrap();
    assert_eq!(ec.algorithm(), Algorithm::Es256);
    let ed25519 = DpopKey::from_jwk(RFC_8037_ED25519).unwrap();
    assert_eq!(ed25519.algorithm(), Algorithm::Eddsa);
    assert_eq!(ed25519.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn public_jwk_contains_no_private_member() {
    let key = DpopKey::from_jwk(RFC_7517_EC).unwrap();
    let jwk: Value = serde_json::from_str(key.public_jwk()).unwrap();
    let expected = json!({"crv": "P-256", "kty": "EC", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
                          "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"});
    assert_eq!(jwk, expected);
    assert!(!format!("{key:?}").contains("870MB6gf"));
}

#[test]
fn rsa_key_uses_the_given_algorithm() {
    let pem = DpopKey::generate(Algorithm::Rs256).unwrap().to_pem().unwrap();
    let algorithm = |wanted| DpopKey::from_pem(pem.expose_secret(), wanted).map(|key| key.algorithm());
    assert_eq!(algorithm(None).unwrap(), Algorithm::Ps256);
    assert_eq!(algorithm(Some(Algorithm::Rs256)).unwrap(), Algorithm::Rs256);
    assert!(algorithm(Some(Algorithm::Es256)).unwrap_err().message().contains("cannot sign with ES256"));
}

#[test]
fn invalid_private_key_is_refused_with_advice() {
    assert!(problem(DpopKey::from_pem("", None)).contains("PEM"));
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    assert!(problem(DpopKey::from_pem(encrypted, None)).contains("decrypt an encrypted key"));
    let empty = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    assert!(problem(DpopKey::from_pem(empty, None)).contains("P-256"));
    assert!(problem(DpopKey::from_jwk("[]")).contains("JSON object"));
    assert!(problem(DpopKey::from_jwk(r#"{"kty":"oct","k":"AAAA"}"#)).contains("kty"));
    assert!(problem(DpopKey::from_file("/no/such/key")).starts_with("/no/such/key: "));

    let mut other_half: Value = serde_json::from_str(RFC_7517_EC).unwrap();
    other_half["d"] = json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE");
    assert!(problem(DpopKey::from_jwk(&other_half.to_string())).contains("not a key pair"));
    let mut unknown: Value = serde_json::from_str(RFC_7517_EC).unwrap();
    unknown["alg"] = json!("HS256");
    assert!(problem(DpopKey::from_jwk(&unknown.to_string())).contains("alg"));
}

#[test]
fn custom_signer_is_verified_before_it_is_used() {
    let inside = DpopKey::generate(Algorithm::Es256).unwrap();
    let public = inside.public_jwk().to_owned();
    let sign = move |message: &[u8]| Ok(inside.sign_for_test(message));
    let key = DpopKey::from_signer(Algorithm::Es256, &public, sign.clone()).unwrap();
    assert!(key.proof("GET", "https://host.example/", None, None).is_ok());
    assert!(problem(key.to_pem().map(|_| key.clone())).contains("is not here"));

    let other = DpopKey::generate(Algorithm::Es256).unwrap();
    assert!(problem(DpopKey::from_signer(Algorithm::Es256, other.public_jwk(), sign.clone())).contains("not a pair"));
    assert!(problem(DpopKey::from_signer(Algorithm::Es384, &public, sign)).contains("cannot sign with ES384"));

    let broken = |_: &[u8]| Err(SignerError("the token is locked".into()));
    let error = DpopKey::from_signer(Algorithm::Es256, &public, broken).unwrap_err();
    assert_eq!(error.status(), Status::SigningFailed);
    assert!(error.message().contains("the token is locked"));
}
