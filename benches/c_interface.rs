//! `cargo bench`: measures cached calls of the C interface on several threads, and the time from the start of a process
//! to its first token over loopback TLS, compared with curl in the same run.

#[path = "../tests/support/mod.rs"]
mod support;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use support::fresh_directory;
use support::programs::Program;
use support::redis::Redis;
use support::sandbox::Sandbox;

const ROUNDS: usize = 101;

fn main() {
    cached_acquire();
    first_token();
    cold_start();
}

fn cached_acquire() {
    let sandbox = Sandbox::start(&[]);
    let output = Program::build_optimised("benches/cached_acquire.c").run(&sandbox);
    println!("cached acquire and free through the C interface");
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let fields: Vec<_> = line.split(' ').collect();
        println!("  {:<11}  {} threads  {:>7} ns per call", fields[0], fields[1], fields[2]);
    }
}

fn first_token() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    let ours = Program::build_optimised("examples/c/acquire.c");
    let (mut our_times, mut curl_times) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        our_times.push(time(&mut ours.command(&sandbox)));
        curl_times.push(time(&mut curl(&sandbox)));
    }
    let (ours, curl_median) = (median(our_times), median(curl_times));
    println!("from the start of a process to its first token over loopback TLS, median of {ROUNDS} alternating runs");
    println!("  examples/c/acquire.c  {:6.2} ms", ms(ours));
    println!("  curl                  {:6.2} ms", ms(curl_median));
    println!("  ratio                 {:6.2}", ours.as_secs_f64() / curl_median.as_secs_f64());
}

/// Compares a new process that finds its token in the cache with one that fetches it, in alternation.
fn cold_start() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    let (redis, tls) = (Redis::start(), Redis::start_with_tls_and_a_user("bench:"));
    let directory = format!("file:{}", fresh_directory("bench-cache").display());
    let program = Program::build_optimised("examples/c/acquire.c");
    let caches = [
        ("fetched", vec![]),
        ("from a directory", vec![("TANGO_CACHE", directory)]),
        ("from Redis", redis.variables("bench:")),
        ("from Redis over TLS", tls.variables("bench:")),
    ];
    let mut times = [(); 4].map(|()| Vec::new());
    for round in 0..=ROUNDS {
        for ((_, variables), times) in caches.iter().zip(&mut times) {
            let took = time(program.command(&sandbox).envs(variables.iter().cloned()));
            // The first round fills the caches.
            times.extend((round > 0).then_some(took));
        }
    }
    println!("from the start of a process to its first token, median of {ROUNDS} alternating runs");
    for ((name, _), times) in caches.iter().zip(times) {
        println!("  {name:<21} {:6.2} ms", ms(median(times)));
    }
}

fn curl(sandbox: &Sandbox) -> Command {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail", "--cacert", sandbox.variable("TANGO_CA_FILE")]);
    for (field, variable) in [
        ("client_id", "TANGO_CLIENT_ID"),
        ("client_secret", "TANGO_CLIENT_SECRET"),
        ("username", "TANGO_USERNAME"),
        ("password", "TANGO_PASSWORD"),
    ] {
        curl.arg("--data-urlencode").arg(format!("{field}={}", sandbox.variable(variable)));
    }
    curl.args(["--data-urlencode", "audience=https://api.tangocard.com/"]);
    curl.args(["--data-urlencode", "scope=raas.all", "--data-urlencode", "grant_type=password"]);
    curl.arg(sandbox.variable("TANGO_TOKEN_URL"));
    curl
}

fn time(command: &mut Command) -> Duration {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?}: {status}");
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
