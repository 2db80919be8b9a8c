use proptest::prelude::*;
use secrecy::ExposeSecret;
use serde_json::json;

use super::*;
use crate::dpop::der::split_first;

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
    assert!(problem(DpopKey::from_pem("", None)).contains("is empty"));
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    assert!(problem(DpopKey::from_pem(encrypted, None)).contains("openssl pkey -in key.pem"));
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

/// Returns the numbers of an RSA key, with the zero that DER writes before a number whose first bit is set.
fn rsa_members(key: &DpopKey) -> Vec<(&'static str, Vec<u8>)> {
    let pkcs8 = STANDARD.decode(key.to_base64_pkcs8().unwrap().expose_secret()).unwrap();
    let content = |der: &[u8]| split_first(der).unwrap().1.to_vec();
    let after = |der: &[u8]| split_first(der).unwrap().2.to_vec();
    let private_key = content(&after(&after(&content(&pkcs8))));
    let mut numbers = after(&content(&private_key));
    let mut member = |name| {
        let number = content(&numbers);
        numbers = after(&numbers);
        (name, number)
    };
    ["n", "e", "d", "p", "q", "dp", "dq", "qi"].map(&mut member).to_vec()
}

fn rsa_jwk(members: &[(&str, Vec<u8>)]) -> Value {
    let mut jwk = json!({"kty": "RSA"});
    for (name, number) in members {
        jwk[*name] = json!(URL_SAFE_NO_PAD.encode(number));
    }
    jwk
}

#[test]
fn rsa_jwk_needs_neither_crt_members_nor_the_shortest_form() {
    let key = DpopKey::generate(Algorithm::Ps256).unwrap();
    let members = rsa_members(&key);
    assert_eq!(members[0].1[0], 0, "a zero before the modulus");
    for members in [&members[..], &members[..3]] {
        let read = DpopKey::from_jwk(&rsa_jwk(members).to_string()).unwrap();
        assert_eq!(read.thumbprint(), key.thumbprint());
        assert_eq!(read.public_jwk(), key.public_jwk());
        assert!(read.to_pem().is_ok());
    }
    assert!(problem(DpopKey::from_jwk(&rsa_jwk(&members[..4]).to_string())).contains("lacks the member `q`"));
    assert!(problem(DpopKey::from_jwk(&rsa_jwk(&members[..2]).to_string())).contains("is a public key"));
    let mut other_half = members[..3].to_vec();
    other_half[2].1[9] ^= 1;
    assert!(problem(DpopKey::from_jwk(&rsa_jwk(&other_half).to_string())).contains("not a key pair"));
    let mut several_primes = rsa_jwk(&members);
    several_primes["oth"] = json!([]);
    assert!(problem(DpopKey::from_jwk(&several_primes.to_string())).contains("more than two primes"));

    let (public, inside) = (rsa_jwk(&members[..2]).to_string(), key.clone());
    let signer = DpopKey::from_signer(Algorithm::Ps256, &public, move |message| Ok(inside.sign_for_test(message)));
    assert_eq!(signer.unwrap().thumbprint(), key.thumbprint(), "that of the shortest form (RFC 7638 section 3)");
}

#[test]
fn jwk_set_with_one_key_is_read() {
    let set = |keys: &[&str]| format!(r#"{{"keys":[{}]}}"#, keys.join(","));
    let key = DpopKey::from_jwk(&set(&[RFC_7517_EC])).unwrap();
    assert_eq!(key.thumbprint(), DpopKey::from_jwk(RFC_7517_EC).unwrap().thumbprint());
    let several = problem(DpopKey::from_jwk(&set(&[RFC_7517_EC, RFC_8037_ED25519])));
    assert!(several.contains("a JWK Set of 2 keys") && several.contains("jq '.keys[0]'"), "{several}");
    assert!(problem(DpopKey::from_jwk(&set(&[]))).contains("without a key"));
    assert!(problem(DpopKey::from_jwk(r#"{"keys":1}"#)).contains("not an array"));
    assert!(problem(DpopKey::from_jwk(&set(&["1"]))).contains("lacks the member `kty`"));
}

#[test]
fn algorithm_ed25519_of_rfc_9864_is_read_and_eddsa_is_written() {
    let jwk = RFC_8037_ED25519.replace('{', r#"{"alg":"Ed25519","#);
    let key = DpopKey::from_jwk(&jwk).unwrap();
    assert_eq!((key.algorithm(), key.algorithm().name()), (Algorithm::Eddsa, "EdDSA"));
    for name in ["Ed25519", "ed25519", "EdDSA", "eddsa"] {
        assert_eq!(name.parse(), Ok(Algorithm::Eddsa));
    }
    assert_eq!(problem(DpopKey::from_jwk(&jwk.replace("Ed25519\",", "Ed448\","))).matches("none of ES256").count(), 1);
}

#[test]
fn byte_order_mark_before_a_jwk_is_ignored() {
    let public = DpopKey::from_jwk(&format!("\u{feff}{RFC_7517_EC}\n")).unwrap();
    assert_eq!(public.thumbprint(), DpopKey::from_jwk(RFC_7517_EC).unwrap().thumbprint());
    let inside = DpopKey::generate(Algorithm::Es256).unwrap();
    let jwk = format!("\u{feff}{}", inside.public_jwk());
    assert!(DpopKey::from_signer(Algorithm::Es256, &jwk, move |message| Ok(inside.sign_for_test(message))).is_ok());
}

#[test]
fn jwk_that_cannot_be_used_is_told_by_what_it_is() {
    for (jwk, found) in [
        (r#"{"kty":"EC","crv":"P-521","x":"AA","y":"AA","d":"AA"}"#, "has the crv P-521"),
        (r#"{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA","d":"AA"}"#, "has the crv secp256k1"),
        (r#"{"kty":"OKP","crv":"Ed448","x":"AA","d":"AA"}"#, "has the crv Ed448"),
        (r#"{"kty":"OKP","crv":"X25519","x":"AA","d":"AA"}"#, "has the crv X25519"),
        (r#"{"kty":"OKP","crv":"hush","x":"AA","d":"AA"}"#, "has an unknown crv"),
        (r#"{"kty":"RSA","n":"AP8","e":"AQAB","d":"AQAB"}"#, "is an RSA key of 8 bits, and at least 2,048"),
        (r#"{"kty":"oct","k":"hush"}"#, "is a symmetric key"),
        (r#"{"kty":"RSA","n":"hush+","e":"AQAB","d":"AQAB"}"#, "has a member `n` that is not base64url"),
        (r#"{"kty":"RSA","n":7,"e":"AQAB","d":"AQAB"}"#, "has a member `n` that is not a string"),
        (r#"{"protected":"hush","ciphertext":"hush"}"#, "is encrypted (RFC 7516)"),
        (&RFC_7517_EC.replace("870MB6g", ""), "has a d of the wrong length"),
        ("-----BEGIN PRIVATE KEY-----", "is PEM"),
        ("", "is empty"),
    ] {
        let problem = problem(DpopKey::from_jwk(jwk));
        assert!(problem.starts_with("the JWK ") && problem.contains(found), "{problem}");
        assert!(!problem.contains("hush"), "{problem}");
    }
    let jwk_as_pem = problem(DpopKey::from_pem(RFC_7517_EC, None));
    assert_eq!(jwk_as_pem, "the string holds JSON, and not PEM; a JWK is read by another function");
}

proptest! {
    #[test]
    fn no_error_repeats_a_member(
        name in prop_oneof!["kty", "crv", "alg", "n", "e", "d", "x", "y", "p", "q", "dp", "dq", "qi", "keys"],
        kty in prop_oneof!["RSA", "EC", "OKP"],
        secret in "[A-Za-z0-9_-]{12,40}",
    ) {
        let mut jwk = json!({"kty": kty, "crv": if kty == "OKP" { "Ed25519" } else { "P-256" }, "n": "AQAB", "e": "AQAB"});
        jwk[&name] = json!(secret);
        for jwk in [jwk.to_string(), format!("{{\"keys\":[{jwk}]}}"), jwk.to_string().replace('}', "")] {
            let message = problem(DpopKey::from_jwk(&jwk));
            prop_assert!(!message.contains(&secret), "{message}");
            let message = problem(DpopKey::from_pem(&jwk, None));
            prop_assert!(!message.contains(&secret), "{message}");
        }
    }

    #[test]
    fn no_error_repeats_a_damaged_pem(secret in "[A-Za-z0-9+/]{40,64}", label in "[A-Z ]{3,20}") {
        for pem in [
            format!("-----BEGIN PRIVATE KEY-----\n{secret}"),
            format!("-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----"),
            format!("-----BEGIN {label}-----\n{secret}\n-----END {label}-----"),
            secret.clone(),
        ] {
            let message = problem(DpopKey::from_pem(&pem, None));
            prop_assert!(!message.contains(&secret), "{message}");
        }
    }
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
