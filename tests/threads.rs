//! What becomes of callers when the library's threads die, cannot be started, or are kept by callbacks that hang.

mod support;

use std::process::Output;

use support::programs::{Program, Source, Under, every_tool};
use support::sandbox::Sandbox;
use support::succeed;

fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn calls_get_a_token_after_the_program_closed_descriptors_of_the_library() {
    let sandbox = Sandbox::start(&["--latency-ms", "1000", "--quota-window-seconds", "0"]);
    // What belongs to a dead thread of the library is left behind.
    let program = Program::build("tests/c/closed_descriptors.c", Under::Nothing).leaving_memory();
    let mut program = program.command(&sandbox);
    program.env("TANGO_TOTAL_TIMEOUT_MS", "6000").env("TANGO_ATTEMPT_TIMEOUT_MS", "3000");
    let output = succeed(&mut program);
    assert_eq!(printed(&output), "each call got its token\n");
    // A thread of the library that panicked would have said so.
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn calls_fail_at_once_while_no_thread_can_be_started_and_work_afterwards() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    let program = Source::new("tests/c/no_threads.c").libraries(&["-ldl"]).build(Under::Nothing);
    let mut program = program.command(&sandbox);
    program.env("TANGO_TOTAL_TIMEOUT_MS", "2000");
    assert_eq!(printed(&succeed(&mut program)), "it worked again\n");
}

#[test]
fn cancelled_requests_leave_nothing_behind() {
    let sandbox = Sandbox::start(&["--latency-ms", "8000"]);
    let mut program = Program::build("tests/c/cancelled.c", Under::Nothing).command(&sandbox);
    program.env("TANGO_TOTAL_TIMEOUT_MS", "60000").env("TANGO_ATTEMPT_TIMEOUT_MS", "60000");
    assert_eq!(printed(&succeed(&mut program)), "nothing was left behind\n");
    assert_eq!(sandbox.token_requests(), 1);
}

#[test]
fn callbacks_that_hang_delay_no_request() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    let output = Program::build("tests/c/hung_callbacks.c", Under::Nothing).run(&sandbox);
    assert_eq!(printed(&output), "nothing waited for a callback\n");
}

#[test]
fn held_token_is_there_without_waiting() {
    for &under in every_tool() {
        let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
        let output = Program::build("tests/c/try_acquire.c", under).run(&sandbox);
        assert_eq!(printed(&output), "the held token, without waiting\n", "{under:?}");
        assert_eq!(sandbox.token_requests(), 2, "{under:?}");
    }
}
