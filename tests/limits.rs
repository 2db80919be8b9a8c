//! Calls under the limits of the system. Each ends with a token or says why there is none, calls work again within 20
//! seconds after the limit is lifted, and the shared cache stays whole. Memory is the exception: a process that runs out of it may be
//! aborted, and then says so.

mod support;

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;

use support::programs::{Program, Source, Under};
use support::redis::Redis;
use support::sandbox::Sandbox;
use support::{entry, fresh_directory, succeed};

const SIGABRT: i32 = 6;
const WITHOUT_LIMIT: &[&str] = &["--quota-window-seconds", "0"];

type Variables = Vec<(&'static str, String)>;

/// The cache in a directory, which is empty at first.
fn directory(path: &Path) -> Variables {
    vec![("TANGO_CACHE", format!("file:{}", path.display()))]
}

/// Acquires a token under a limit and again without it, in a process of its own.
fn acquire(sandbox: &Sandbox, cache: &Variables, limit: &str, value: u32) -> Output {
    let mut command = Program::build("tests/c/hostile_limits.c", Under::Nothing).command(sandbox);
    command.args([limit, &value.to_string()]).envs(cache.clone());
    command.output().unwrap()
}

/// Returns what the calls of a process printed: the first under the limit, the last without it.
fn outcomes(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    let outcomes: Vec<_> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    assert!(outcomes.last().unwrap().starts_with("token "), "{outcomes:?}");
    outcomes
}

/// Acquires with no room at all, and with more and more of it until calls succeed. Each failure has to name a reason.
fn every_count(limit: &str, reason: &str, cache: impl Fn() -> Variables) {
    const ENOUGH: u32 = 16;
    let sandbox = Sandbox::start(WITHOUT_LIMIT);
    let (mut failures, mut successes) = (0, 0);
    for value in 0..ENOUGH {
        if successes == 3 {
            break;
        }
        let outcomes = outcomes(&acquire(&sandbox, &cache(), limit, value));
        if outcomes[0].starts_with("token ") {
            successes += 1;
        } else {
            assert!(outcomes[0].contains(reason), "{value} {limit}: {outcomes:?}");
            failures += 1;
        }
    }
    assert!(failures > 0 && successes > 0, "{failures} failures, {successes} successes");
    println!("Figure: {failures} counts of {limit} that were not enough");
}

#[test]
fn calls_without_enough_descriptors_name_the_reason_whatever_the_cache() {
    let reason = "Too many open files";
    every_count("descriptors", reason, || vec![("TANGO_CACHE", "memory".into())]);
    every_count("descriptors", reason, || directory(&fresh_directory("limits-descriptors").join("cache")));
    let redis = Redis::start();
    every_count("descriptors", reason, || {
        redis.flush();
        redis.variables("limits:")
    });
}

#[test]
fn calls_without_enough_threads_name_the_reason() {
    let reason = "Resource temporarily unavailable";
    every_count("processes", reason, || directory(&fresh_directory("limits-processes").join("cache")));
}

/// The signal that the system sends for such a write would end the process.
#[test]
fn calls_whose_files_are_cut_leave_the_cache_whole() {
    let sandbox = Sandbox::start(WITHOUT_LIMIT);
    let held = fresh_directory("limits-file-held");
    let token = outcomes(&acquire(&sandbox, &directory(&held), "file", 1 << 20)).remove(0);
    let record = std::fs::read(entry(&held, "record").unwrap()).unwrap();
    let mut failures = 0;
    for bytes in (0..1000).step_by(40) {
        let place = fresh_directory("limits-file");
        let first = outcomes(&acquire(&sandbox, &directory(&place), "file", bytes)).remove(0);
        if !first.starts_with("token ") {
            assert!(first.contains("File too large"), "{bytes}: {first}");
            failures += 1;
        }
        assert_eq!(entry(&place, "tmp"), None, "{bytes}");
        // Whole, or not there.
        outcomes(&acquire(&sandbox, &directory(&place), "file", 1 << 20));

        let before = sandbox.token_requests();
        assert!(outcomes(&acquire(&sandbox, &directory(&held), "file", bytes)).iter().all(|line| *line == token));
        assert_eq!(sandbox.token_requests(), before);
    }
    assert_eq!(std::fs::read(entry(&held, "record").unwrap()).unwrap(), record);
    assert!(failures > 0);
    println!("Figure: {failures} writes cut by a limit of file sizes");
}

/// Most of the time is spent in waiting for another attempt, so several processes run at once.
#[test]
fn process_without_memory_fails_with_a_reason_or_aborts_and_loses_nothing_of_the_cache() {
    const AT_ONCE: u32 = 6;
    let sandbox = Sandbox::start(WITHOUT_LIMIT);
    let held = directory(&fresh_directory("limits-memory-held"));
    let unlimited = |cache: &Variables| outcomes(&acquire(&sandbox, cache, "file", 1 << 20)).remove(0);
    let token = unlimited(&held);
    let [failures, aborts, tokens] = [(); 3].map(|()| AtomicU32::new(0));
    let try_with = |kib: u32| {
        let empty = directory(&fresh_directory(&format!("limits-memory-{kib}")));
        for cache in [&empty, &held] {
            let output = acquire(&sandbox, cache, "memory", kib);
            let count = if output.status.signal() == Some(SIGABRT) {
                let said = String::from_utf8_lossy(&output.stderr);
                // aws-lc aborts without a word, and the C library with one of its own.
                assert!(said.is_empty() || said.contains("memory"), "{kib} KiB: {said}");
                &aborts
            } else if outcomes(&output)[0].starts_with("token ") {
                &tokens
            } else {
                &failures
            };
            count.fetch_add(1, Relaxed);
        }
        unlimited(&empty);
        assert_eq!(unlimited(&held), token, "{kib} KiB");
    };
    thread::scope(|scope| {
        for first in 0..AT_ONCE {
            let try_with = &try_with;
            scope.spawn(move || (first * 150..9000).step_by(150 * AT_ONCE as usize).for_each(try_with));
        }
    });
    let [failures, aborts, tokens] = [failures, aborts, tokens].map(AtomicU32::into_inner);
    assert!(failures > 0 && tokens > 0);
    println!("Figure: {failures} calls without memory that said so");
    println!("Figure: {aborts} processes without memory that were aborted");
}

#[test]
fn daemon_gets_tokens_in_an_empty_root_a_removed_directory_and_without_standard_streams() {
    let root = fresh_directory("limits-root");
    let program = Source::new("tests/c/hostile_places.c").build(Under::Nothing);
    for place in ["unlinked", "chroot", "closed", "written"] {
        let sandbox = Sandbox::start(WITHOUT_LIMIT);
        let output = succeed(program.command(&sandbox).arg(place).arg(&root));
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "it worked\n", "{place}");
    }
}
