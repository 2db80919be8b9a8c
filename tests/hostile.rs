//! Programs that use the C interface wrongly, or in a hostile environment, get a status and do not crash. The exception
//! is a callback that throws or ends its thread: the library ends the process and says why.

mod support;

use std::io::Read;
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::sync::OnceLock;

use support::programs::{Program, Source, Under, every_tool, instrumentation};
use support::sandbox::Sandbox;
use support::{fresh_directory, hostile_calls, installed_prefix, root, succeed};

const SIGABRT: i32 = 6;

fn printed(output: &std::process::Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn every_function_refuses_every_wrong_argument() {
    static INCLUDE: OnceLock<String> = OnceLock::new();
    let directory = fresh_directory("hostile-calls");
    let json = std::fs::read_to_string(root().join("include/tango_token.json")).unwrap();
    let calls = hostile_calls::source(&serde_json::from_str(&json).unwrap());
    std::fs::write(directory.join("hostile_calls.h"), calls).unwrap();
    let include = INCLUDE.get_or_init(|| format!("-I{}", directory.display()));
    for &under in every_tool() {
        let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
        let program = Source::new("tests/c/hostile_arguments.c").options(&["-D_DEFAULT_SOURCE", include]).build(under);
        let line = printed(&program.run(&sandbox));
        assert!(line.ends_with(" calls, no crash\n"), "{under:?}: {line}");
        println!("Figure: {}", line.trim_end().replacen(',', " with every wrong argument:", 1));
    }
}

/// Runs a C program of the subject under each of the tools, and expects this line.
fn succeeds(subject: &str, unders: &[Under], options: &[&str], line: &str) {
    for &under in unders {
        let sandbox = Sandbox::start(options);
        let program = Source::new(&format!("tests/c/hostile_{subject}.c")).libraries(&["-ldl"]).build(under);
        assert_eq!(printed(&program.run(&sandbox)), format!("{line}\n"), "{under:?}");
    }
    println!("Figure: {line}");
}

const WITHOUT_LIMIT: &[&str] = &["--quota-window-seconds", "0"];
const SLOW: &[&str] = &["--quota-window-seconds", "0", "--latency-ms", "300"];

#[test]
fn callbacks_may_free_their_objects_and_call_again() {
    let line = "10 rounds of callbacks that free and call again, none hung";
    succeeds("callbacks", every_tool(), WITHOUT_LIMIT, line);
}

#[test]
fn requests_cancelled_by_many_threads_at_once_complete_once() {
    let line = "4000 requests cancelled by 8 threads at once, each completed once";
    succeeds("cancel", every_tool(), WITHOUT_LIMIT, line);
}

#[test]
fn thousand_clients_leave_nothing_behind_a_hundred_times() {
    succeeds("clients", &[Under::Nothing], WITHOUT_LIMIT, "100 rounds of 1000 clients left nothing behind");
}

#[test]
fn calls_without_descriptors_fail_with_a_reason_and_work_afterwards() {
    let line = "every call without descriptors failed with a reason, and worked afterwards";
    succeeds("descriptors", &[Under::Nothing, Under::Sanitizers], WITHOUT_LIMIT, line);
}

#[test]
fn signals_neither_interrupt_calls_nor_reach_the_librarys_threads() {
    let line = "tokens in spite of 1,000 signals, handled by threads of the program";
    succeeds("signals", &[Under::Nothing], SLOW, line);
}

#[test]
fn real_time_signals_that_the_program_blocks_reach_no_thread_of_the_library() {
    let line = "real-time signals reached the program alone";
    succeeds("real_time", &[Under::Nothing], WITHOUT_LIMIT, line);
}

#[test]
fn each_kind_of_call_runs_on_a_stack_of_64_kib() {
    // Instrumented code needs larger frames.
    if instrumentation().is_none() {
        succeeds("stacks", &[Under::Nothing], WITHOUT_LIMIT, "9 kinds of calls needed at most 64 KiB of stack");
    }
}

#[test]
fn thread_that_is_cancelled_inside_a_call_completes_the_call() {
    let line = "201 threads were cancelled inside of calls, and each call was completed";
    succeeds("thread_end", &[Under::Nothing, Under::Valgrind], SLOW, line);
}

#[test]
fn server_that_hangs_up_does_not_end_the_process_by_sigpipe() {
    // Closes each connection once the first bytes have arrived: those that follow break the pipe.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/oauth/token", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let _ = connection.and_then(|mut connection| connection.read(&mut [0; 1]));
        }
    });
    let sandbox = Sandbox::start(&[]);
    for under in [Under::Nothing, Under::Valgrind] {
        let mut program = Program::build("tests/c/hostile_broken_pipe.c", under).command(&sandbox);
        program.env("TANGO_TOKEN_URL", &url).env("TANGO_PASSWORD", "x".repeat(60_000));
        program.env("TANGO_TOTAL_TIMEOUT_MS", "3000");
        assert_eq!(printed(&succeed(&mut program)), "TANGO_STATUS_CONNECTION_LOST\n", "{under:?}");
    }
}

#[test]
fn library_is_loaded_by_many_threads_and_twice_and_used_after_dlclose() {
    let directory = fresh_directory("hostile-copy");
    let library = installed_prefix().join("lib/libtango_token.so");
    let copy = directory.join("copy.so");
    std::fs::copy(&library, &copy).unwrap();
    let sandbox = Sandbox::start(WITHOUT_LIMIT);
    let program = Source::new("tests/c/hostile_loading.c").libraries(&["-ldl"]).build(Under::Nothing);
    let output = succeed(program.command(&sandbox).arg(library).arg(copy));
    assert_eq!(printed(&output), "loaded by 8 threads, closed and used again, and two copies at once\n");
}

#[test]
fn copy_linked_statically_and_two_shared_ones_are_used_at_once_and_in_children() {
    let directory = fresh_directory("hostile-copies");
    let (library, copy) = (installed_prefix().join("lib/libtango_token.so"), directory.join("copy.so"));
    std::fs::copy(&library, &copy).unwrap();
    let libraries = installed_prefix().join("lib");
    let executable = directory.join("copies");
    let mut compile = Source::new("tests/c/hostile_copies.c").compile(Under::Nothing);
    compile.arg("-o").arg(&executable).arg(libraries.join("libtango_token.a"));
    succeed(compile.args(["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc"]));
    let sandbox = Sandbox::start(WITHOUT_LIMIT);
    let output = succeed(Program::of(executable).command(&sandbox).arg(library).arg(copy).arg("40"));
    let line = "3 copies were used at once, and no child of 40 hung";
    assert_eq!(printed(&output), format!("{line}\n"));
    println!("Figure: {line}");
}

#[test]
fn process_ends_in_every_way_while_a_request_is_in_flight() {
    let program = Program::build("tests/c/hostile_exit.c", Under::Nothing);
    let ways = [
        ("return", ""),
        ("exit", ""),
        ("_exit", ""),
        ("quick_exit", ""),
        ("atexit", "a token after main\n"),
        ("exit in done", ""),
        ("exit in log", ""),
        ("exit of many threads", ""),
        ("pthread_exit of main", ""),
    ];
    for (way, said) in ways {
        let sandbox = Sandbox::start(SLOW);
        let output = succeed(program.command(&sandbox).arg(way));
        assert_eq!(String::from_utf8_lossy(&output.stderr), said, "{way}");
    }
    let sandbox = Sandbox::start(SLOW);
    let aborted = program.command(&sandbox).arg("abort").output().unwrap();
    assert_eq!(aborted.status.signal(), Some(SIGABRT));
}

#[test]
fn library_is_used_before_main() {
    let program = Program::build("tests/c/hostile_exit.c", Under::Nothing);
    let sandbox = Sandbox::start(WITHOUT_LIMIT);
    let output = succeed(program.command(&sandbox).env("HOSTILE_BEFORE_MAIN", "1").arg("return"));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "a token before main\n");
}

#[test]
fn destructors_of_static_and_thread_local_objects_use_the_library() {
    for under in [Under::Nothing, Under::Valgrind] {
        let sandbox = Sandbox::start(WITHOUT_LIMIT);
        let output = Program::build("tests/cpp/hostile_destructors.cpp", under).run(&sandbox);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "thread_local\nthread_local\nstatic\n", "{under:?}");
    }
}

#[test]
fn callback_that_throws_or_ends_its_thread_ends_the_process_with_a_reason() {
    let program = Program::build("tests/cpp/hostile_throwing.cpp", Under::Nothing);
    for way in ["done", "log", "load", "sign", "release", "exit"] {
        let sandbox = Sandbox::start(WITHOUT_LIMIT);
        let output = program.command(&sandbox).arg(way).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.signal(), Some(SIGABRT), "{way}: {said}");
        assert!(said.contains("a callback threw an exception or ended its thread"), "{way}: {said}");
    }
}
