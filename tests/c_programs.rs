//! The C programs of tests/c, examples/c and the documents against a sandbox: alone, under valgrind, and under the
//! sanitizers.

mod support;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use support::programs::{Program, Source, Under, every_tool};
use support::sandbox::Sandbox;
use support::{fresh_directory, root, succeed};

const ALONE_AND_VALGRIND: [Under; 2] = [Under::Nothing, Under::Valgrind];

fn printed(output: &std::process::Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn sixty_four_threads_on_an_empty_client_send_one_token_request() {
    for &under in every_tool() {
        let sandbox = Sandbox::start(&["--latency-ms", "50"]);
        let output = Program::build("tests/c/threads.c", under).run(&sandbox);
        assert_eq!(printed(&output), "one token for all\n", "{under:?}");
        assert_eq!(sandbox.token_requests(), 1, "{under:?}");
    }
}

#[test]
fn each_asynchronous_request_completes_once() {
    for &under in every_tool() {
        let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
        let printed = Program::build("tests/c/async.c", under).run_at_gate(&sandbox);
        assert_eq!(printed, "each request completed once\n", "{under:?}");
        assert_eq!(sandbox.token_requests(), 2, "{under:?}: one for the thousand, one after the invalidation");
    }
}

#[test]
fn bad_input_returns_a_status_and_a_message() {
    let sandbox = Sandbox::start(&[]);
    for &under in every_tool() {
        let output = Program::build("tests/c/bad_input.c", under).run(&sandbox);
        assert_eq!(printed(&output), "every bad input is an invalid argument\n", "{under:?}");
    }
    assert_eq!(sandbox.token_requests(), 0);
}

#[test]
fn clients_with_one_custom_cache_send_one_token_request() {
    for &under in every_tool() {
        let sandbox = Sandbox::start(&[]);
        let output = Program::build("tests/c/cache_callbacks.c", under).run(&sandbox);
        assert_eq!(printed(&output), "one token through the custom cache\n", "{under:?}");
        assert_eq!(sandbox.token_requests(), 1, "{under:?}");
    }
}

#[test]
fn forked_children_work_while_threads_of_the_parent_use_the_library() {
    // Not under gcc 12's sanitizers: their allocator does not survive a fork beside busy threads (its spin lock stays
    // held in the child). That of scripts/sanitize.sh does.
    for under in ALONE_AND_VALGRIND {
        let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
        let output = Program::build("tests/c/fork.c", under).leaving_memory().run(&sandbox);
        assert_eq!(printed(&output), "every child worked\n", "{under:?}");
    }
}

#[test]
fn metrics_are_read_by_name_and_by_position_and_begin_at_zero_in_a_child() {
    for under in ALONE_AND_VALGRIND {
        let sandbox = Sandbox::start(&[]);
        let output = Program::build("tests/c/stats.c", under).leaving_memory().run(&sandbox);
        assert_eq!(printed(&output), "the metrics of a client\n", "{under:?}");
        assert_eq!(sandbox.token_requests(), 1, "{under:?}");
    }
}

#[test]
fn forked_child_with_the_process_id_of_its_parent_works() {
    for under in ALONE_AND_VALGRIND {
        let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
        let output = Program::build("tests/c/same_pid.c", under).leaving_memory().run(&sandbox);
        assert_eq!(printed(&output), "the child with its parent's process ID worked\n", "{under:?}");
    }
}

#[test]
fn keys_of_every_algorithm_are_written_read_and_sign_proofs() {
    let sandbox = Sandbox::start(&[]);
    for &under in every_tool() {
        let lines = printed(&Program::build("tests/c/dpop.c", under).run(&sandbox));
        let algorithms: Vec<_> = lines.lines().map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(algorithms, ["ES256", "ES384", "EdDSA", "RS256", "PS256"], "{under:?}");
    }
}

#[test]
fn examples_get_a_token() {
    for &under in every_tool() {
        let sandbox = Sandbox::start(&[]);
        let acquire = Program::build("examples/c/acquire.c", under);
        let lines = String::from_utf8(acquire.run(&sandbox).stderr).unwrap();
        assert_eq!(lines.matches("Bearer token for raas.all, good for 86").count(), 2, "{under:?}: {lines}");
        assert_eq!(sandbox.token_requests(), 1, "{under:?}: the second is served from memory");
    }
    for &under in every_tool() {
        let sandbox = Sandbox::start(&[]);
        let output = Program::build("examples/c/event_loop.c", under).run(&sandbox);
        assert!(printed(&output).starts_with("Bearer token, good for 86"), "{under:?}");
    }
}

#[test]
fn unit_test_of_a_program_needs_no_library() {
    let executable = fresh_directory("tested").join("header_test");
    let sources = ["header.c", "header_test.c"].map(|file| root().join("examples/c/tested").join(file));
    let mut compiler = Command::new("cc");
    compiler.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-I"]).arg(root().join("include")).args(sources);
    succeed(compiler.arg("-o").arg(&executable));
    succeed(&mut Command::new(&executable));
}

#[test]
fn example_explains_a_wrong_password_without_showing_it() {
    for &under in every_tool() {
        let sandbox = Sandbox::start(&[]);
        let mut acquire = Program::build("examples/c/acquire.c", under).command(&sandbox);
        let output = acquire.env("TANGO_PASSWORD", "not-this-one").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{under:?}: {said}");
        assert!(said.contains("TANGO_STATUS_CREDENTIALS_REFUSED") && said.contains("request ID"), "{under:?}: {said}");
        assert!(!said.contains("not-this-one"), "{under:?}: {said}");
    }
}

#[test]
fn client_has_no_thread_and_no_socket_before_its_first_token_and_one_thread_after() {
    for &under in every_tool() {
        let sandbox = Sandbox::start(&[]);
        let output = Program::build("tests/c/quiet.c", under).run(&sandbox);
        assert_eq!(printed(&output), "client: 1 threads, 0 sockets\ntoken: 2 threads\n", "{under:?}");
    }
}

#[test]
fn process_that_ends_during_its_request_leaves_the_token_to_the_next_one() {
    let sandbox = Sandbox::start(&[]);
    let directory = fresh_directory("exit");
    let program = Program::build("tests/c/exit.c", Under::Nothing);
    let cache = format!("file:{}", directory.display());
    sandbox.hold();
    let mut ending = program.command(&sandbox);
    let mut ending = ending.env("TANGO_CACHE", &cache).stdin(Stdio::piped()).spawn().unwrap();
    sandbox.wait_for("token_requests", 1);
    drop(ending.stdin.take().map(|mut stdin| stdin.write_all(b"\n")));
    // Whether it ends is seen only by waiting: it must not.
    std::thread::sleep(Duration::from_millis(300));
    assert!(ending.try_wait().unwrap().is_none(), "it waits for its token");
    sandbox.release();
    assert!(ending.wait().unwrap().success());

    let output = succeed(program.command(&sandbox).env("TANGO_CACHE", &cache).arg("next"));
    assert_eq!(printed(&output), "a token\n");
    assert_eq!(sandbox.token_requests(), 1);
}

#[test]
fn header_compiles_in_every_c_and_cpp_standard() {
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
fn exported_symbols_are_the_functions_of_the_header() {
    let library = support::installed_prefix().join("lib/libtango_token.so");
    let table = succeed(Command::new("nm").args(["--dynamic", "--defined-only", "--format=posix"]).arg(library));
    let mut exported: Vec<_> = printed(&table).lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    exported.sort();
    let mut declared = support::functions_of_the_header();
    declared.sort();
    assert_eq!(exported, declared);
}

/// The whole programs among a document's C blocks.
fn programs_of(markdown: &str) -> Vec<String> {
    let blocks = markdown.split("```c\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.filter(|block| block.contains("int main(")).map(str::to_owned).collect()
}

/// The example on the first page of the header, without the margin of the comment.
fn example_of(header: &str) -> String {
    let (page, _) = header.split_once("*/").unwrap();
    let lines =
        page.lines().skip_while(|line| !line.contains("#include")).take_while(|line| !line.contains("contract"));
    lines.map(|line| line.trim_start_matches(" *").to_owned() + "\n").collect()
}

#[test]
fn documented_c_programs_compile_and_get_a_token() {
    let directory = fresh_directory("documented-c");
    let read = |file: &str| std::fs::read_to_string(root().join(file)).unwrap();
    let documents = [
        ("header", vec![example_of(&read("include/tango_token.h"))]),
        ("guide", programs_of(&read("docs/c.md"))),
        ("reference", programs_of(&read("docs/c-api.md"))),
    ];
    for (document, programs) in documents {
        assert!(!programs.is_empty(), "{document} has no C program");
        for (number, program) in programs.iter().enumerate() {
            let file = directory.join(format!("{document}-{number}.c"));
            std::fs::write(&file, program).unwrap();
            let sandbox = Sandbox::start(&[]);
            let output = Source::new(file.to_str().unwrap()).build(Under::Nothing).run(&sandbox);
            assert!(printed(&output).contains("Bearer"), "{document}: {output:?}");
        }
    }
}

/// What `observe` costs grows no faster than the header: four times as long is at most five times as many instructions.
#[test]
fn instructions_of_observe_grow_linearly_with_the_headers() {
    let sandbox = Sandbox::start(&[]);
    let directory = fresh_directory("observe-cost");
    let program = Program::build("tests/c/observe_cost.c", Under::Nothing);
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--toggle-collect=tango_client_observe"]);
    valgrind.arg(format!("--callgrind-out-file={}", directory.join("profile").display()));
    valgrind.arg(program.executable());
    sandbox.configure(&mut valgrind);
    succeed(&mut valgrind);
    let profiles = std::fs::read_dir(&directory).unwrap().map(|file| instructions(&file.unwrap().path()));
    let costs: BTreeMap<(usize, usize), u64> = profiles.flatten().collect();
    let headers: Vec<_> = costs.keys().filter(|(_, length)| *length == 16 * 1024).map(|(header, _)| *header).collect();
    assert!(headers.len() >= 15 && costs.len() == 2 * headers.len(), "{costs:?}");
    for header in headers {
        let (short, long) = (costs[&(header, 16 * 1024)], costs[&(header, 64 * 1024)]);
        assert!(0 < short && long <= 5 * short, "header {header} of the program: {short}, then {long}");
    }
}

/// Returns the header and the length that a profile is about, and the number of instructions.
fn instructions(profile: &Path) -> Option<((usize, usize), u64)> {
    let text = std::fs::read_to_string(profile).unwrap();
    let after = |label: &str| text.lines().find_map(|line| line.strip_prefix(label));
    let (header, length) = after("desc: Trigger: Client Request: header ")?.split_once(" length ")?;
    Some(((header.parse().unwrap(), length.parse().unwrap()), after("totals: ")?.trim().parse().unwrap()))
}
