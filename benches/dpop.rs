//! `cargo bench --bench dpop`: compares proofs through the C interface with bare signatures, the lower bound, and with
//! the same proof made by jsonwebtoken, all in one run.

#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;
use support::programs::Program;
use support::succeed;

const ROUNDS: usize = 15;
const COUNT: u32 = 10_000;
/// The argument that makes this program only sign, to run it under callgrind.
const ONLY_SIGN: &str = "--only-sign";

fn main() {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some(ONLY_SIGN) {
        let count = arguments.next().and_then(|count| count.parse().ok()).expect("a number of signatures");
        raw_signatures(count);
        return;
    }
    let proofs = Program::build_optimised("benches/proofs.c");
    times(&proofs);
    instructions(&proofs);
}

fn times(proofs: &Program) {
    let [mut raw, mut one, mut two, mut jwt] = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        raw.push(raw_signatures(COUNT));
        one.push(through_c(proofs, 1));
        two.push(through_c(proofs, 2));
        jwt.push(jsonwebtokens(COUNT));
    }
    let [raw, one, two, jwt] = [raw, one, two, jwt].map(median);
    println!("ES256, ns each, median of {ROUNDS} alternating rounds");
    println!("  aws-lc-rs, signature of 300 bytes     {raw:>7.0}   1.00");
    println!("  proof with ath, C interface           {one:>7.0}   {:.2}", raw / one);
    println!("  proof on each of two threads          {two:>7.0}   {:.2} times one thread", 2.0 * one / two);
    println!("  jsonwebtoken, the same proof          {jwt:>7.0}   {:.2}", raw / jwt);
}

/// Compares the instructions of a proof with those of a signature.
fn instructions(proofs: &Program) {
    let count = |run: &dyn Fn(u32) -> Command| {
        let [few, many] = [200, 400].map(|number| counted(&run(number)));
        f64::from(many - few) / 200.0
    };
    let this = std::env::current_exe().unwrap();
    let signature = count(&|number| {
        let mut command = Command::new(&this);
        command.args([ONLY_SIGN, &number.to_string()]);
        command
    });
    let proof = count(&|number| {
        let mut command = Command::new(proofs.executable());
        command.args([&number.to_string(), "1"]);
        command
    });
    println!("instructions, by callgrind: signature {signature:.0}, proof {proof:.0}, ratio {:.3}", proof / signature);
}

fn counted(command: &Command) -> i32 {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(command.get_program());
    let report = succeed(valgrind.args(command.get_args())).stderr;
    let report = String::from_utf8_lossy(&report);
    let total = report.lines().find_map(|line| line.split_once("Collected : ")).expect("callgrind reports the total").1;
    total.trim().parse().unwrap()
}

fn raw_signatures(count: u32) -> f64 {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let (random, message) = (SystemRandom::new(), [b'a'; 300]);
    per_call(count, || {
        black_box(key.sign(&random, black_box(&message)).unwrap());
    })
}

fn through_c(proofs: &Program, threads: u32) -> f64 {
    let mut command = Command::new(proofs.executable());
    let output = succeed(command.args([COUNT.to_string(), threads.to_string()])).stdout;
    String::from_utf8(output).unwrap().trim().parse().unwrap()
}

fn jsonwebtokens(count: u32) -> f64 {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let pkcs8 = key.to_pkcs8v1().unwrap();
    let signing = EncodingKey::from_ec_der(pkcs8.as_ref());
    let mut header = Header::new(Algorithm::ES256);
    header.typ = Some("dpop+jwt".into());
    header.jwk = Some(jwk(key.public_key().as_ref()));
    per_call(count, || {
        let mut jti = [0; 16];
        aws_lc_rs::rand::fill(&mut jti).unwrap();
        let claims = json!({
            "jti": base64(&jti), "htm": "GET", "htu": "https://integration-api.tangocard.com/raas/v2/orders",
            "iat": jsonwebtoken::get_current_timestamp(), "ath": "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo",
        });
        black_box(encode(&header, &claims, &signing).unwrap());
    })
}

fn jwk(point: &[u8]) -> jsonwebtoken::jwk::Jwk {
    let (x, y) = point[1..].split_at(32);
    serde_json::from_value(json!({"kty": "EC", "crv": "P-256", "x": base64(x), "y": base64(y)})).unwrap()
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

fn per_call(count: u32, mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..count {
        call();
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(count)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
