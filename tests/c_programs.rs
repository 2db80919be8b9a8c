//! The C programs of tests/c and examples/c against a sandbox: alone, under valgrind, and under the sanitizers.

mod support;

use std::process::Command;

use support::programs::{EVERY_TOOL, Program, Under};
use support::sandbox::Sandbox;
use support::succeed;

fn printed(output: &std::process::Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn sixty_four_threads_on_an_empty_client_cost_one_token_request() {
    for under in EVERY_TOOL {
        let sandbox = Sandbox::start(&["--latency-ms", "50"]);
        let output = Program::build("tests/c/threads.c", under).run(&sandbox);
        assert_eq!(printed(&output), "one token for all\n", "{under:?}");
        assert_eq!(sandbox.token_requests(), 1, "{under:?}");
    }
}

#[test]
fn each_asynchronous_request_ends_once() {
    for under in EVERY_TOOL {
        let sandbox = Sandbox::start(&["--latency-ms", "1500", "--quota-window-seconds", "0"]);
        let output = Program::build("tests/c/async.c", under).run(&sandbox);
        assert_eq!(printed(&output), "each request ended once\n", "{under:?}");
        assert_eq!(sandbox.token_requests(), 2, "{under:?}: one for the thousand, one after the invalidation");
    }
}

#[test]
fn bad_input_is_a_status_and_a_message() {
    let sandbox = Sandbox::start(&[]);
    for under in EVERY_TOOL {
        let output = Program::build("tests/c/bad_input.c", under).run(&sandbox);
        assert_eq!(printed(&output), "bad input is refused\n", "{under:?}");
    }
    assert_eq!(sandbox.token_requests(), 0);
}

#[test]
fn a_program_shares_tokens_through_functions_of_its_own() {
    for under in EVERY_TOOL {
        let sandbox = Sandbox::start(&[]);
        let output = Program::build("tests/c/cache_callbacks.c", under).run(&sandbox);
        assert_eq!(printed(&output), "one token through the program's own cache\n", "{under:?}");
        assert_eq!(sandbox.token_requests(), 1, "{under:?}");
    }
}

#[test]
fn forked_children_work_whatever_the_parents_threads_were_doing() {
    // Alone: valgrind counts what a child leaves behind on purpose as lost, and the sanitizers' own allocator does not
    // survive a fork beside busy threads (gcc 12: its spin lock stays held in the child).
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    let output = Program::build("tests/c/fork.c", Under::Nothing).run(&sandbox);
    assert_eq!(printed(&output), "every child worked\n");
}

#[test]
fn a_child_with_its_parents_process_id_works() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    let output = Program::build("tests/c/same_pid.c", Under::Nothing).run(&sandbox);
    assert_eq!(printed(&output), "the child knew that it was one\n");
}

#[test]
fn keys_and_proofs_of_every_algorithm() {
    let sandbox = Sandbox::start(&[]);
    for under in EVERY_TOOL {
        let lines = printed(&Program::build("tests/c/dpop.c", under).run(&sandbox));
        let algorithms: Vec<_> = lines.lines().map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(algorithms, ["ES256", "ES384", "EdDSA", "RS256", "PS256"], "{under:?}");
    }
}

#[test]
fn a_child_makes_proofs_of_its_own() {
    let sandbox = Sandbox::start(&[]);
    let output = Program::build("tests/c/fork_proofs.c", Under::Nothing).run(&sandbox);
    assert_eq!(printed(&output), "no number was used twice\n");
}

#[test]
fn the_examples_run() {
    for under in EVERY_TOOL {
        let sandbox = Sandbox::start(&[]);
        let acquire = Program::build("examples/c/acquire.c", under);
        let lines = String::from_utf8(acquire.run(&sandbox).stderr).unwrap();
        assert_eq!(lines.matches("Bearer token for raas.all, good for 86").count(), 2, "{under:?}: {lines}");
        assert_eq!(sandbox.token_requests(), 1, "{under:?}: the second is served from memory");
    }
    for under in EVERY_TOOL {
        let sandbox = Sandbox::start(&[]);
        let output = Program::build("examples/c/event_loop.c", under).run(&sandbox);
        assert!(printed(&output).starts_with("Bearer token, good for 86"), "{under:?}");
    }
}

#[test]
fn the_example_explains_what_went_wrong() {
    let sandbox = Sandbox::start(&[]);
    let mut acquire = Program::build("examples/c/acquire.c", Under::Nothing).command(&sandbox);
    let output = acquire.env("TANGO_PASSWORD", "not-this-one").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("TANGO_STATUS_CREDENTIALS_REFUSED") && said.contains("request id"), "{said}");
    assert!(!said.contains("not-this-one"), "{said}");
}

/// No thread and no socket before the first call that needs one; one thread after.
#[test]
fn the_library_is_quiet_until_it_is_needed() {
    let sandbox = Sandbox::start(&[]);
    let output = Program::build("tests/c/quiet.c", Under::Nothing).run(&sandbox);
    assert_eq!(printed(&output), "client: 1 threads, 0 sockets\ntoken: 2 threads\n");
}

#[test]
fn the_header_is_c_and_cpp_in_every_standard() {
    let header = support::installed_prefix().join("include/tango_token.h");
    for (compiler, language, standards) in
        [("cc", "c", &["c99", "c11", "c17", "c2x"][..]), ("c++", "c++", &["c++11", "c++14", "c++17", "c++20"][..])]
    {
        for standard in standards {
            let mut check = Command::new(compiler);
            check.args(["-x", language, &format!("-std={standard}"), "-Wall", "-Wextra", "-pedantic", "-Werror"]);
            succeed(check.arg("-fsyntax-only").arg(&header));
        }
    }
}

#[test]
fn the_exported_symbols_are_the_committed_ones() {
    let library = support::installed_prefix().join("lib/libtango_token.so");
    let table = succeed(Command::new("nm").args(["--dynamic", "--defined-only", "--format=posix"]).arg(library));
    let mut exported: Vec<_> = printed(&table).lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    exported.sort();
    let mut committed = support::functions_of_the_header();
    committed.sort();
    assert_eq!(exported, committed);
}
