//! DPoP from end to end: against the sandbox, which checks proofs with a library that the core does not use, and past
//! the verifiers of others.

mod support;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use support::api::Caller;
use support::programs::{EVERY_TOOL, Program, Under};
use support::root;
use support::sandbox::Sandbox;
use tango_token::{Client, DpopMode, Status, Verdict};

struct Bench {
    sandbox: Sandbox,
    client: Client,
    caller: Caller,
    accounts: String,
}

fn bench(mode: DpopMode, options: &[&str]) -> Bench {
    let sandbox = Sandbox::start(options);
    let client = Client::new(sandbox.config().dpop(mode)).unwrap();
    let caller = Caller::new(sandbox.variable("TANGO_CA_FILE"));
    let accounts = format!("{}/accounts", sandbox.variable("TANGO_API_URL"));
    Bench { sandbox, client, caller, accounts }
}

impl Bench {
    fn call(&self) -> (u16, u32) {
        self.caller.call(&self.client, &self.accounts).unwrap()
    }
}

#[test]
fn a_strict_server_accepts_our_proofs_and_a_client_without_dpop_is_told() {
    let strict = bench(DpopMode::Required, &["--dpop", "strict"]);
    assert_eq!(strict.call(), (200, 1));
    assert_eq!(strict.client.acquire().unwrap().token_type(), "DPoP");

    let without = bench(DpopMode::Off, &["--dpop", "strict"]);
    let error = without.client.acquire().unwrap_err();
    assert_eq!(error.status(), Status::ProofRefused);
    assert!(error.message().contains("setting of dpop"));
}

#[test]
fn every_mode_works_where_the_server_is_opportunistic_or_off() {
    for (mode, token_type) in [(DpopMode::Off, "Bearer"), (DpopMode::Optional, "DPoP"), (DpopMode::Required, "DPoP")] {
        let bench = bench(mode, &[]);
        assert_eq!(bench.call(), (200, 1));
        assert_eq!(bench.client.acquire().unwrap().token_type(), token_type);
    }
    let off = bench(DpopMode::Optional, &["--dpop", "off"]);
    assert_eq!(off.call(), (200, 1));
    assert_eq!(off.client.acquire().unwrap().token_type(), "Bearer");
}

#[test]
fn a_downgrade_is_refused_where_dpop_is_required() {
    let required = bench(DpopMode::Required, &["--dpop-downgrade"]);
    assert_eq!(required.client.acquire().unwrap_err().status(), Status::Downgraded);
    let optional = bench(DpopMode::Optional, &["--dpop-downgrade"]);
    assert_eq!(optional.client.acquire().unwrap().token_type(), "Bearer");
}

#[test]
fn nonces_are_learned_on_both_servers_and_followed_when_they_rotate() {
    let bench = bench(DpopMode::Required, &["--dpop", "strict", "--dpop-nonce", "required"]);
    bench.client.acquire().unwrap();
    assert_eq!(bench.sandbox.statistic("connections"), 1, "the challenge is answered on the same connection");
    assert_eq!(bench.call(), (200, 2), "the API's first nonce costs one more request");
    assert_eq!(bench.call(), (200, 1));
    bench.sandbox.rotate_nonces();
    assert_eq!(bench.call(), (200, 2));
    assert_eq!(bench.call(), (200, 1));
    assert_eq!(bench.sandbox.statistic("tokens_issued"), 1);
    assert_eq!(bench.sandbox.token_requests(), 2, "one that was challenged, and the same with its nonce");
}

#[test]
fn a_machine_whose_clock_is_ten_minutes_off_works() {
    for offset in ["600", "-600"] {
        let bench = bench(DpopMode::Required, &["--dpop", "strict", "--clock-offset-seconds", offset]);
        assert_eq!(bench.call(), (200, 1), "the token endpoint has taught the clock already");
        assert_eq!(bench.sandbox.statistic("tokens_issued"), 1);
    }
}

#[test]
fn a_replayed_proof_is_refused_and_not_sent_again() {
    let bench = bench(DpopMode::Required, &["--dpop", "strict"]);
    let authorization = bench.client.authorize("GET", &bench.accounts).unwrap();
    let first = bench.caller.send(&bench.accounts, &authorization);
    assert_eq!(first.observed_by(&bench.client, &authorization).unwrap(), Verdict::Done);
    let replayed = bench.caller.send(&bench.accounts, &authorization);
    assert_eq!(replayed.status, 401);
    let error = replayed.observed_by(&bench.client, &authorization).unwrap_err();
    assert_eq!(error.status(), Status::ProofRefused);
}

#[test]
fn a_revoked_token_is_replaced_once() {
    let bench = bench(DpopMode::Required, &["--dpop", "strict", "--quota-window-seconds", "0"]);
    assert_eq!(bench.call(), (200, 1));
    bench.sandbox.revoke();
    assert_eq!(bench.call(), (200, 2));
    assert_eq!(bench.sandbox.statistic("tokens_issued"), 2);
}

#[test]
fn ten_thousand_calls_on_eight_threads_with_rotating_nonces_never_fail() {
    let options = ["--dpop", "strict", "--dpop-nonce", "required", "--dpop-nonce-lifetime-seconds", "1"];
    let bench = bench(DpopMode::Required, &options);
    let ca_file = bench.sandbox.variable("TANGO_CA_FILE").to_owned();
    let rounds = 5;
    for round in 1..=rounds {
        thread::scope(|scope| {
            for _ in 0..8 {
                let (client, ca_file, accounts) = (bench.client.clone(), &ca_file, &bench.accounts);
                scope.spawn(move || {
                    let caller = Caller::new(ca_file);
                    for _ in 0..10_000 / 8 / rounds {
                        assert_eq!(caller.call(&client, accounts).unwrap().0, 200);
                    }
                });
            }
        });
        assert!(bench.sandbox.statistic("nonce_challenges") >= round, "they do rotate");
        // Answers bring new ones in time. Here none does, and the last two are over.
        thread::sleep(Duration::from_millis(2_100));
    }
    assert_eq!(bench.sandbox.statistic("tokens_issued"), 1);
}

#[test]
fn the_c_calls_make_headers_and_learn_from_answers() {
    for under in EVERY_TOOL {
        let sandbox = Sandbox::start(&["--dpop", "strict"]);
        let output = Program::build("tests/c/authorize.c", under).run(&sandbox);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "the headers follow the answers\n", "{under:?}");
    }
}

/// Each line of the C program: algorithm, thumbprint, proof of a token request, proof of an API call.
fn questions() -> String {
    let sandbox = Sandbox::start(&[]);
    let output = Program::build("tests/c/dpop.c", Under::Nothing).run(&sandbox);
    let mut questions = String::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let [algorithm, thumbprint, token_request, api_call] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let common =
            |proof: &str| json!({"proof": proof, "alg": algorithm, "jkt": thumbprint, "ath": null, "nonce": null});
        let mut first = common(token_request);
        (first["htm"], first["htu"]) = ("POST".into(), "https://auth.example/oauth/token".into());
        let mut second = common(api_call);
        (second["htm"], second["htu"]) = ("GET".into(), "https://api.example/raas/v2/orders".into());
        // base64url(SHA-256("an-access-token")), by another program.
        (second["ath"], second["nonce"]) = (AN_ACCESS_TOKENS_HASH.into(), "a-nonce".into());
        questions.extend([first.to_string(), "\n".into(), second.to_string(), "\n".into()]);
    }
    questions
}

const AN_ACCESS_TOKENS_HASH: &str = "YiHPD2T9DaX5B837XJXto32BKkT6ZcpVAT6si9f5KiY";

fn verified_by(verifier: &mut Command) {
    let mut process = verifier.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let questions = questions();
    process.stdin.take().unwrap().write_all(questions.as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success());
    let answers = String::from_utf8(output.stdout).unwrap();
    assert_eq!(answers.lines().count(), 10);
    for (question, answer) in questions.lines().zip(answers.lines()) {
        assert_eq!(serde_json::from_str::<Value>(answer).unwrap(), json!({"ok": true}), "{question}");
    }
}

fn interop() -> &'static Path {
    static FOLDER: std::sync::OnceLock<std::path::PathBuf> = std::sync::OnceLock::new();
    FOLDER.get_or_init(|| root().join("tests/interop"))
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
