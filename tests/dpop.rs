//! DPoP from end to end, against the sandbox, which checks proofs with a library that the core does not use, and
//! against independent verifiers.

mod support;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use serde_json::{Value, json};
use support::api::Caller;
use support::programs::{Program, Under, every_tool};
use support::root;
use support::sandbox::Sandbox;
use tango_token::{Client, DpopMode, Status, Verdict};

struct Fixture {
    sandbox: Sandbox,
    client: Client,
    caller: Caller,
    accounts: String,
}

fn fixture(mode: DpopMode, options: &[&str]) -> Fixture {
    let sandbox = Sandbox::start(options);
    let client = Client::new(sandbox.config().dpop(mode)).unwrap();
    let caller = Caller::new(sandbox.variable("TANGO_CA_FILE"));
    let accounts = format!("{}/accounts", sandbox.variable("TANGO_API_URL"));
    Fixture { sandbox, client, caller, accounts }
}

impl Fixture {
    fn call(&self) -> (u16, u32) {
        self.caller.call(&self.client, &self.accounts).unwrap()
    }
}

#[test]
fn strict_server_accepts_proofs_and_refuses_a_client_without_dpop() {
    let strict = fixture(DpopMode::Required, &["--dpop", "strict"]);
    assert_eq!(strict.call(), (200, 1));
    assert_eq!(strict.client.acquire().unwrap().token_type(), "DPoP");

    let without = fixture(DpopMode::Off, &["--dpop", "strict"]);
    let error = without.client.acquire().unwrap_err();
    assert_eq!(error.status(), Status::ProofRefused);
    assert!(error.message().contains("set dpop to `optional` or `required`"), "{error}");
}

#[test]
fn every_mode_works_with_a_server_that_does_not_require_dpop() {
    for (mode, token_type) in [(DpopMode::Off, "Bearer"), (DpopMode::Optional, "DPoP"), (DpopMode::Required, "DPoP")] {
        let fixture = fixture(mode, &[]);
        assert_eq!(fixture.call(), (200, 1));
        assert_eq!(fixture.client.acquire().unwrap().token_type(), token_type);
    }
    let off = fixture(DpopMode::Optional, &["--dpop", "off"]);
    assert_eq!(off.call(), (200, 1));
    assert_eq!(off.client.acquire().unwrap().token_type(), "Bearer");
}

#[test]
fn downgrade_is_an_error_only_if_dpop_is_required() {
    let required = fixture(DpopMode::Required, &["--dpop-downgrade"]);
    assert_eq!(required.client.acquire().unwrap_err().status(), Status::Downgraded);
    let optional = fixture(DpopMode::Optional, &["--dpop-downgrade"]);
    assert_eq!(optional.client.acquire().unwrap().token_type(), "Bearer");
}

#[test]
fn nonces_of_both_servers_are_learned_and_replaced_when_they_rotate() {
    let fixture = fixture(DpopMode::Required, &["--dpop", "strict", "--dpop-nonce", "required"]);
    fixture.client.acquire().unwrap();
    assert_eq!(fixture.sandbox.statistic("connections"), 1, "the request with the nonce uses the same connection");
    assert_eq!(fixture.call(), (200, 2), "the API's first nonce costs one more request");
    assert_eq!(fixture.call(), (200, 1));
    fixture.sandbox.rotate_nonces();
    assert_eq!(fixture.call(), (200, 2));
    assert_eq!(fixture.call(), (200, 1));
    assert_eq!(fixture.sandbox.statistic("tokens_issued"), 1);
    assert_eq!(fixture.sandbox.token_requests(), 2, "one that was challenged, and one with the nonce");
}

#[test]
fn clock_that_is_ten_minutes_off_is_corrected() {
    for offset in ["600", "-600"] {
        let fixture = fixture(DpopMode::Required, &["--dpop", "strict", "--clock-offset-seconds", offset]);
        assert_eq!(fixture.call(), (200, 1), "the client already knows the clock from the token endpoint");
        assert_eq!(fixture.sandbox.statistic("tokens_issued"), 1);
    }
}

#[test]
fn replayed_proof_is_refused_and_not_retried() {
    let fixture = fixture(DpopMode::Required, &["--dpop", "strict"]);
    let authorization = fixture.client.authorize("GET", &fixture.accounts).unwrap();
    let first = fixture.caller.send(&fixture.accounts, &authorization);
    assert_eq!(first.observed_by(&fixture.client, &authorization).unwrap(), Verdict::Done);
    let replayed = fixture.caller.send(&fixture.accounts, &authorization);
    assert_eq!(replayed.status, 401);
    let error = replayed.observed_by(&fixture.client, &authorization).unwrap_err();
    assert_eq!(error.status(), Status::ProofRefused);
}

#[test]
fn revoked_token_is_replaced_once() {
    let fixture = fixture(DpopMode::Required, &["--dpop", "strict", "--quota-window-seconds", "0"]);
    assert_eq!(fixture.call(), (200, 1));
    fixture.sandbox.revoke();
    assert_eq!(fixture.call(), (200, 2));
    assert_eq!(fixture.sandbox.statistic("tokens_issued"), 2);
}

#[test]
fn calls_on_eight_threads_succeed_while_nonces_rotate() {
    let options = ["--dpop", "strict", "--dpop-nonce", "required", "--dpop-nonce-lifetime-seconds", "1"];
    let fixture = fixture(DpopMode::Required, &options);
    let ca_file = fixture.sandbox.variable("TANGO_CA_FILE").to_owned();
    let rounds = 5;
    for round in 1..=rounds {
        thread::scope(|scope| {
            for _ in 0..8 {
                let (client, ca_file, accounts) = (fixture.client.clone(), &ca_file, &fixture.accounts);
                scope.spawn(move || {
                    let caller = Caller::new(ca_file);
                    for _ in 0..10_000 / 8 / rounds {
                        assert_eq!(caller.call(&client, accounts).unwrap().0, 200);
                    }
                });
            }
        });
        assert!(fixture.sandbox.statistic("nonce_challenges") >= round, "the nonces rotate");
        // While calls are made, responses bring each new nonce in time. After this the client knows no valid one.
        fixture.sandbox.rotate_nonces();
    }
    assert_eq!(fixture.sandbox.statistic("tokens_issued"), 1);
}

#[test]
fn headers_in_c_follow_the_responses() {
    for &under in every_tool() {
        let sandbox = Sandbox::start(&["--dpop", "strict"]);
        let output = Program::build("tests/c/authorize.c", under).run(&sandbox);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "the headers follow the responses\n", "{under:?}");
    }
}

/// Returns what to verify, from the lines of the C program: algorithm, thumbprint, proof of a token request, proof of
/// an API request.
fn questions() -> String {
    let sandbox = Sandbox::start(&[]);
    let output = Program::build("tests/c/dpop.c", Under::Nothing).run(&sandbox);
    let mut questions = String::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let [algorithm, thumbprint, token_request, api_request] =
            line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let common =
            |proof: &str| json!({"proof": proof, "alg": algorithm, "jkt": thumbprint, "ath": null, "nonce": null});
        let mut first = common(token_request);
        (first["htm"], first["htu"]) = ("POST".into(), "https://auth.example/oauth/token".into());
        let mut second = common(api_request);
        (second["htm"], second["htu"]) = ("GET".into(), "https://api.example/raas/v2/orders".into());
        (second["ath"], second["nonce"]) = (HASH_OF_AN_ACCESS_TOKEN.into(), "a-nonce".into());
        questions.extend([first.to_string(), "\n".into(), second.to_string(), "\n".into()]);
    }
    questions
}

/// base64url(SHA-256("an-access-token")), computed by another program.
const HASH_OF_AN_ACCESS_TOKEN: &str = "YiHPD2T9DaX5B837XJXto32BKkT6ZcpVAT6si9f5KiY";

fn verified_by(verifier: &mut Command) {
    let mut process = verifier.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let questions = questions();
    process.stdin.take().unwrap().write_all(questions.as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success());
    let verdicts = String::from_utf8(output.stdout).unwrap();
    assert_eq!(verdicts.lines().count(), 10);
    for (question, verdict) in questions.lines().zip(verdicts.lines()) {
        assert_eq!(serde_json::from_str::<Value>(verdict).unwrap(), json!({"ok": true}), "{question}");
    }
}

fn interop() -> &'static Path {
    static DIRECTORY: std::sync::OnceLock<std::path::PathBuf> = std::sync::OnceLock::new();
    DIRECTORY.get_or_init(|| root().join("tests/interop"))
}

#[test]
fn proofs_of_every_algorithm_are_verified_by_npms_jose() {
    support::npm_ci(interop());
    verified_by(Command::new("node").arg(interop().join("verify.mjs")));
}

#[test]
fn proofs_of_every_algorithm_are_verified_by_pythons_joserfc() {
    verified_by(&mut support::python::program("verify.py"));
}
