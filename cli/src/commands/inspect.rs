//! `tango-token inspect`: decodes, checks and explains. Nothing is sent, and nothing secret is shown.

mod cache_file;
mod jwk;
mod jwt;
mod proof;
mod report;
mod token;

use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use serde_json::Value;

use crate::failure::{FAILURE, Failure};
use crate::input::{self, Input};
use crate::output;
use report::Report;

/// Longer than every file that the library writes.
const MAX_LENGTH: u64 = 1024 * 1024;

#[derive(Args)]
#[command(after_help = "\
It recognises a DPoP proof, an access token, the headers of a request with both, a token response, a key as a JWK or in \
PEM, and a record or a ledger of the cache. Signatures of tokens and private members of keys are not shown.

The exit status is 1 if a check fails.

Examples:
  tango-token headers GET \"$URL\" | tango-token inspect --method GET --url \"$URL\"
  tango-token inspect ~/.cache/tango-token/*.ledger")]
pub struct Inspect {
    /// File to inspect; `-` is standard input
    #[arg(default_value = "-")]
    file: Input,
    /// Method that the proof must be for
    #[arg(long, value_name = "METHOD")]
    method: Option<String>,
    /// URL that the proof must be for
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Nonce that the proof must have
    #[arg(long, value_name = "NONCE")]
    nonce: Option<String>,
    /// File with the access token that the proof must be for
    #[arg(long, value_name = "FILE")]
    token_file: Option<Input>,
    /// Print what was found as a JSON object, or as an array if it is several things
    #[arg(long)]
    json: bool,
}

/// What a thing is compared with.
#[derive(Default)]
struct Expected<'a> {
    method: Option<&'a str>,
    url: Option<&'a str>,
    nonce: Option<&'a str>,
    token: Option<&'a str>,
    /// In seconds since 1970.
    now: i64,
}

impl Inspect {
    /// Returns the exit status.
    pub fn run(&self) -> Result<i32, Failure> {
        let inputs = [("FILE", Some(&self.file)), ("--token-file", self.token_file.as_ref())];
        input::at_most_one_is_stdin(inputs.into_iter().filter_map(|(flag, input)| Some((flag, input?))))?;
        let token = self.token_file.as_ref().map(|input| input::secret("--token-file", input)).transpose()?;
        let bytes = self.file.read_bytes(MAX_LENGTH)?;
        let expected = Expected {
            method: self.method.as_deref(),
            url: self.url.as_deref(),
            nonce: self.nonce.as_deref(),
            token: token.as_deref().map(String::as_str),
            now: now(),
        };
        let reports = recognise(&bytes, &expected).map_err(|why| Failure::new(format!("{}: {why}", self.file)))?;
        if self.json {
            let mut documents: Vec<_> = reports.iter().map(Report::to_json).collect();
            output::json(&if documents.len() == 1 { documents.remove(0) } else { Value::Array(documents) })?;
        } else {
            let shown: Vec<_> = reports.iter().map(ToString::to_string).collect();
            output::line(shown.join("\n\n"))?;
        }
        Ok(if reports.iter().any(Report::has_failed) { FAILURE } else { 0 })
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

const UNKNOWN: &str = "neither a proof, a token, a key nor a file of the cache";

/// Returns a report for each thing that the bytes contain.
fn recognise(bytes: &[u8], expected: &Expected) -> Result<Vec<Report>, String> {
    if let Some(report) = cache_file::record(bytes) {
        return Ok(vec![report]);
    }
    let text = str::from_utf8(bytes).map_err(|_| UNKNOWN)?.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Err("there is nothing in it".into());
    }
    if let Ok(Value::Object(object)) = serde_json::from_str(text) {
        return of_object(&object, expected);
    }
    if text.contains("-----BEGIN ") {
        return Ok(vec![jwk::of_pem(text)]);
    }
    of_lines(text, expected)
}

fn of_object(object: &serde_json::Map<String, Value>, expected: &Expected) -> Result<Vec<Report>, String> {
    if let Some(Value::String(token)) = object.get("access_token") {
        return Ok(vec![token::report(token, expected.now, None)]);
    }
    if object.contains_key("kty") {
        return Ok(vec![jwk::of_jwk(object)]);
    }
    if let Some(Value::Array(keys)) = object.get("keys") {
        return keys
            .iter()
            .map(|key| key.as_object().map(jwk::of_jwk).ok_or_else(|| "a key of the set is not an object".into()))
            .collect();
    }
    if object.contains_key("format") && object.contains_key("changed_ms") {
        return Ok(vec![cache_file::ledger(object, expected.now)]);
    }
    if let (Some(authorization), proof) = (object.get("Authorization"), object.get("DPoP")) {
        let line = |name: &str, value: &Value| format!("{name}: {}", value.as_str().unwrap_or_default());
        let lines = [Some(line("Authorization", authorization)), proof.map(|proof| line("DPoP", proof))];
        return of_lines(&lines.into_iter().flatten().collect::<Vec<_>>().join("\n"), expected);
    }
    Err(UNKNOWN.into())
}

/// Reads one proof or token, or the header lines of a request with both.
fn of_lines(text: &str, expected: &Expected) -> Result<Vec<Report>, String> {
    let (mut token, mut proof) = (None, None);
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').map_or(("", line), |(name, value)| (name.trim(), value.trim()));
        let credentials = value.split_once(' ').map_or(value, |(_, credentials)| credentials.trim());
        match name.to_ascii_lowercase().as_str() {
            "dpop" => proof = Some(value),
            "authorization" => token = Some(credentials),
            "" if jwt::is_proof(value) => proof = Some(value),
            "" if ["bearer", "dpop"].iter().any(|scheme| is_scheme(value, scheme)) => token = Some(credentials),
            "" => token = Some(value),
            _ => return Err(UNKNOWN.into()),
        }
    }
    let bound_to = proof.and_then(proof::thumbprint);
    if token.is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic())) {
        return Err(UNKNOWN.into());
    }
    let with_token = Expected { token: expected.token.or(token), ..*expected };
    let token = token.map(|token| token::report(token, expected.now, bound_to.as_deref()));
    let proof = proof.map(|compact| proof::report(compact, &with_token));
    Ok([token, proof].into_iter().flatten().collect())
}

fn is_scheme(value: &str, scheme: &str) -> bool {
    value.split_once(' ').is_some_and(|(name, _)| name.eq_ignore_ascii_case(scheme))
}

#[cfg(test)]
mod tests {
    use tango_token::{Algorithm, DpopKey};

    use super::*;

    pub fn reports(bytes: &[u8], expected: &Expected) -> Vec<Value> {
        recognise(bytes, expected).unwrap().iter().map(Report::to_json).collect()
    }

    fn failed(report: &Value) -> Vec<&str> {
        let checks = report["checks"].as_array().unwrap().iter();
        checks.filter(|check| check["result"] == "fail").map(|check| check["id"].as_str().unwrap()).collect()
    }

    fn proof_of(key: &DpopKey) -> String {
        key.proof("GET", "https://api.example/a?b=c", Some("the-token"), Some("the-nonce")).unwrap()
    }

    #[test]
    fn proof_of_each_algorithm_passes_every_check() {
        for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Eddsa, Algorithm::Rs256, Algorithm::Ps256] {
            let expected = Expected {
                method: Some("GET"),
                url: Some("https://api.example/a?b=c"),
                nonce: Some("the-nonce"),
                token: Some("the-token"),
                now: now(),
            };
            let found = reports(proof_of(&DpopKey::generate(algorithm).unwrap()).as_bytes(), &expected);
            assert_eq!((found[0]["kind"].as_str(), failed(&found[0])), (Some("dpop_proof"), vec![]), "{}", found[0]);
        }
    }

    #[test]
    fn each_thing_that_differs_from_what_is_expected_fails_its_check() {
        let proof = proof_of(&DpopKey::generate(Algorithm::Es256).unwrap());
        let now = now();
        for (expected, check) in [
            (Expected { method: Some("POST"), now, ..Expected::default() }, "htm"),
            (Expected { url: Some("https://api.example/b"), now, ..Expected::default() }, "htu"),
            (Expected { nonce: Some("another"), now, ..Expected::default() }, "nonce"),
            (Expected { token: Some("another"), now, ..Expected::default() }, "ath"),
            (Expected { now: now + 3_600, ..Expected::default() }, "iat"),
            (Expected { now: now - 3_600, ..Expected::default() }, "iat"),
        ] {
            assert_eq!(failed(&reports(proof.as_bytes(), &expected)[0]), [check]);
        }
    }

    #[test]
    fn changed_proof_fails_the_check_of_its_signature() {
        let expected = Expected { now: now(), ..Expected::default() };
        let key = DpopKey::generate(Algorithm::Es256).unwrap();
        let (proof, other) = (proof_of(&key), key.proof("PUT", "https://api.example/", None, None).unwrap());
        let signature = other.rsplit_once('.').unwrap().1;
        let changed = format!("{}.{signature}", proof.rsplit_once('.').unwrap().0);
        assert_eq!(failed(&reports(changed.as_bytes(), &expected)[0]), ["signature"]);
    }

    #[test]
    fn headers_of_a_request_are_compared_with_each_other() {
        let expected = Expected { now: now(), ..Expected::default() };
        let proof = proof_of(&DpopKey::generate(Algorithm::Es256).unwrap());
        let found = reports(format!("Authorization: DPoP the-token\nDPoP: {proof}\n").as_bytes(), &expected);
        let kinds: Vec<_> = found.iter().map(|report| report["kind"].as_str().unwrap()).collect();
        assert_eq!((kinds, failed(&found[1])), (vec!["opaque_token", "dpop_proof"], vec![]));
        let found = reports(format!("Authorization: DPoP another\nDPoP: {proof}\n").as_bytes(), &expected);
        assert_eq!(failed(&found[1]), ["ath"]);
    }

    #[test]
    fn private_member_is_reported_and_not_shown() {
        // RFC 8037 appendix A.1.
        let jwk = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
                      "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        let found = reports(jwk.as_bytes(), &Expected::default());
        let text = found[0].to_string();
        assert!(text.contains("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k") && !text.contains("nWGxne"), "{text}");
    }

    #[test]
    fn something_else_is_not_recognised() {
        for bytes in [&b"\xff\xfe\x00"[..], b"two words", b"{\"a\":1}", b"", b"Host: a.example"] {
            assert!(recognise(bytes, &Expected::default()).is_err(), "{bytes:?}");
        }
    }
}
