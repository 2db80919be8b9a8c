//! Children that are created at every moment: while threads of their parent make proofs, use keys, start and end, make
//! TLS connections and use caches; by two threads at once, from callbacks, and without `fork`.
//!
//! `TANGO_TEST_FORK_FACTOR` sets how many times as many children as usual are created: `scripts/reliability/rows/fork.toml`
//! has the long form.

mod support;

use std::process::Command;

use support::programs::{Program, Source, Under};
use support::redis::Redis;
use support::sandbox::Sandbox;
use support::{fresh_directory, succeed};

/// The usual number of children, or more for the long form.
fn many(children: u32) -> u32 {
    let factor = std::env::var("TANGO_TEST_FORK_FACTOR").map_or(1, |factor| factor.parse().expect("a number"));
    children * factor
}

fn program(file: &str) -> Program {
    Source::new(file).options(&["-D_GNU_SOURCE"]).build(Under::Nothing)
}

/// A sandbox that grants a token for each request, over TLS.
fn sandbox() -> Sandbox {
    Sandbox::start(&["--quota-window-seconds", "0"])
}

/// Runs `tests/c/fork_busy.c`, and returns what it says of its children.
fn create_children(work: &str, how: &str, children: u32, adjust: impl FnOnce(&mut Command)) -> String {
    let sandbox = sandbox();
    let mut command = program("tests/c/fork_busy.c").command(&sandbox);
    command.args([work, how, &children.to_string(), "8"]);
    adjust(&mut command);
    let printed = String::from_utf8(succeed(&mut command).stdout).unwrap();
    eprintln!("{work}, {how}: {printed}");
    printed
}

fn no_child_hangs(work: &str, children: u32, adjust: impl FnOnce(&mut Command)) {
    let printed = create_children(work, "fork", children, adjust);
    assert_eq!(printed, format!("{children} children, 0 hung, 0 refused\n"), "{work}");
    println!("Figure: {children} children of fork, none hung");
}

#[test]
fn no_child_hangs_that_was_forked_while_threads_make_proofs() {
    no_child_hangs("proofs", many(700), |_| ());
}

#[test]
fn no_child_hangs_that_was_forked_while_threads_start_and_end() {
    no_child_hangs("threads", many(700), |_| ());
}

#[test]
fn no_child_hangs_that_was_forked_while_keys_are_generated() {
    no_child_hangs("keys", many(100), |_| ());
}

#[test]
fn no_child_hangs_that_was_forked_while_threads_sign_with_one_rsa_key() {
    no_child_hangs("rsa", many(100), |_| ());
}

#[test]
fn no_child_hangs_that_was_forked_by_two_threads_at_once() {
    no_child_hangs("proofs", many(300), |command| {
        command.arg("2");
    });
}

#[test]
fn no_child_hangs_that_was_forked_while_threads_authorize_calls() {
    no_child_hangs("authorize", many(500), |command| {
        command.env("TANGO_DPOP", "required");
    });
}

#[test]
fn no_child_hangs_that_was_forked_during_tls_handshakes() {
    no_child_hangs("fetch", many(100), |_| ());
}

#[test]
fn no_child_hangs_that_was_forked_while_a_directory_is_the_cache() {
    let directory = fresh_directory("forks");
    no_child_hangs("fetch", many(50), |command| {
        command.env("TANGO_CACHE", format!("file:{}", directory.display()));
    });
}

#[test]
fn no_child_hangs_that_was_forked_while_redis_is_the_cache() {
    let redis = Redis::start_with_tls_and_a_user("forks:");
    no_child_hangs("fetch", many(50), |command| {
        command.envs(redis.variables("forks:"));
    });
}

/// Not only those that a child would wait for today: no lock of pthread that the library takes, which are those of
/// aws-lc. Rust's own are futexes, which this does not see.
#[test]
fn no_child_inherits_a_lock_that_is_held() {
    let directory = fresh_directory("forks-locks");
    let redis = Redis::start_with_tls_and_a_user("forks-locks:");
    let file = vec![("TANGO_CACHE", format!("file:{}", directory.display()))];
    for variables in [file, redis.variables("forks-locks:")] {
        let (children, sandbox) = (many(500), sandbox());
        let mut command = program("tests/c/fork_locks.c").command(&sandbox);
        command.arg(children.to_string()).env("TANGO_DPOP", "required").envs(variables);
        // Eight threads, their forks and the other tests share few processors. No child waits for these.
        for timeout in ["CONNECT", "ATTEMPT", "TOTAL"] {
            command.env(format!("TANGO_{timeout}_TIMEOUT_MS"), "120000");
        }
        let printed = String::from_utf8(succeed(&mut command).stdout).unwrap();
        assert!(printed.starts_with(&format!("{children} children inherited none of ")), "{printed}");
        println!("Figure: {children} children that inherited no lock of pthread that is held");
    }
}

#[test]
fn child_that_was_forked_in_a_callback_works() {
    let output = succeed(program("tests/c/fork_callbacks.c").command(&sandbox()).arg(many(100).to_string()));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed, "each child of a signer, a cache, a log and a completion worked\n");
}

/// A child that was created without `fork` may inherit a lock that nobody unlocks. It is told so.
#[test]
fn child_that_was_created_without_fork_works_or_is_told_why_not() {
    for how in ["_Fork", "clone"] {
        let printed = create_children("proofs", how, many(50), |_| ());
        assert!(printed.contains(" 0 hung"), "{how}: {printed}");
    }
}

#[test]
fn child_uses_no_jti_of_its_parent_however_it_was_created() {
    for how in ["fork", "_Fork", "clone", "namespace"] {
        let output = succeed(program("tests/c/fork_proofs.c").command(&sandbox()).arg(how));
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "no jti was used twice\n", "{how}");
    }
}

/// The gate is closed after the program's own handlers have taken their locks, and opened before they release them, if
/// they are registered after the library was loaded. Others wait for no thread of their own.
#[test]
fn forks_of_a_program_with_fork_handlers_of_its_own_do_not_wait() {
    let sandbox = sandbox();
    let handlers = program("tests/c/fork_handlers.c");
    for [registered, way] in [["main", "mutex"], ["main", "calls"], ["early", "calls"]] {
        let output = succeed(handlers.command(&sandbox).args([registered, way]).env("TANGO_DPOP", "required"));
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "no handler and no child waited\n", "{registered} {way}");
    }
}

#[test]
fn request_that_a_fork_handler_starts_in_the_child_completes() {
    let (sandbox, handlers) = (sandbox(), program("tests/c/fork_handlers.c"));
    for registered in ["main", "early"] {
        let output = succeed(handlers.command(&sandbox).args([registered, "request"]));
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "no handler and no child waited\n", "{registered}");
    }
}

#[test]
fn child_closes_no_file_of_the_program_after_descriptors_were_closed() {
    let directory = fresh_directory("forks-descriptors");
    let sandbox = Sandbox::start(&["--latency-ms", "1500", "--quota-window-seconds", "0"]);
    let mut command = program("tests/c/fork_descriptors.c").command(&sandbox);
    command.env("TANGO_CACHE", format!("file:{}", directory.display()));
    let output = succeed(&mut command);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "no child lost a file\n");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}
