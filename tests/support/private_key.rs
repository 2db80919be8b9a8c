//! Private keys in PKCS#8 PEM, taken apart without the library.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use tango_token::Algorithm;

/// The names of the private numbers of an RSA key (RFC 7518 section 6.3.2), in the order of PKCS#1 (RFC 8017).
const RSA: [&str; 6] = ["d", "p", "q", "dp", "dq", "qi"];

/// Returns the private numbers of a key, by the names that they have in a JWK.
pub fn numbers(pem: &str, algorithm: Algorithm) -> Vec<(&'static str, Vec<u8>)> {
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = STANDARD.decode(body).unwrap();
    // RFC 5208: version, algorithm, private key.
    let key = values(values(&der)[0])[2];
    match algorithm {
        // RFC 8410: an octet string in the octet string.
        Algorithm::Eddsa => vec![("d", values(key)[0].to_vec())],
        // RFC 5915: version, private key.
        Algorithm::Es256 | Algorithm::Es384 => vec![("d", values(values(key)[0])[1].to_vec())],
        // RFC 8017: version, n, e, and the private numbers.
        _ => {
            let fields = values(values(key)[0]);
            let unsigned = |field: &[u8]| field.strip_prefix(&[0]).unwrap_or(field).to_vec();
            RSA.into_iter().zip(fields[3..].iter().map(|field| unsigned(field))).collect()
        }
    }
}

/// Returns the private JWK of a key.
pub fn jwk(pem: &str, algorithm: Algorithm, public_jwk: &str) -> String {
    let mut jwk: Map<String, Value> = serde_json::from_str(public_jwk).unwrap();
    for (name, number) in numbers(pem, algorithm) {
        jwk.insert(name.into(), URL_SAFE_NO_PAD.encode(number).into());
    }
    jwk.insert("alg".into(), algorithm.name().into());
    Value::Object(jwk).to_string()
}

/// Returns the content of each DER value in a row of them.
fn values(mut rest: &[u8]) -> Vec<&[u8]> {
    let mut contents = Vec::new();
    while let Some((&[_, length], after)) = rest.split_first_chunk::<2>() {
        let (length, after) = if length < 0x80 {
            (usize::from(length), after)
        } else {
            let (digits, after) = after.split_at(usize::from(length & 0x7f));
            (digits.iter().fold(0, |length, &digit| length << 8 | usize::from(digit)), after)
        };
        let (content, after) = after.split_at(length);
        contents.push(content);
        rest = after;
    }
    contents
}
