//! `tango-sandbox run -- COMMAND`.
#![cfg(unix)]

mod support;

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Runs in a process group of its own: in the foreground of a terminal, SIGINT would not be passed on.
fn run(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tango-sandbox"));
    command.arg("run").args(arguments).stdin(Stdio::null()).process_group(0);
    command
}

fn run_shell(script: &str) -> Output {
    run(&["--", "sh", "-c", script]).output().unwrap()
}

/// Starts a command that prints `ready`, and then sends a signal to the sandbox.
fn signal_when_ready(script: &str, signal: Signal) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child = run(&["--", "sh", "-c", script]).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
    (child, stdout)
}

#[test]
fn exit_status_is_that_of_the_command() {
    assert_eq!(run_shell("true").status.code(), Some(0));
    assert_eq!(run_shell("exit 7").status.code(), Some(7));
    assert_eq!(run_shell("kill -KILL $$").status.code(), Some(128 + 9));
}

#[test]
fn arguments_and_streams_are_those_of_the_command() {
    let ended = run(&["--", "sh", "-c", r#"echo "$0|$1"; echo error >&2"#, "a b", "--port"]).output().unwrap();
    assert_eq!((ended.stdout.as_slice(), ended.stderr.as_slice()), (&b"a b|--port\n"[..], &b"error\n"[..]));
}

#[tokio::test]
async fn command_has_the_variables_of_a_server_that_ends_with_it() {
    let script = r#"printf '%s\n' "$TANGO_TOKEN_URL" "$TANGO_CA_FILE" "$TANGO_PROXY" "$TANGO_CLIENT_SECRET" "$TANGO_CLIENT_ID"
                    cat "$TANGO_CA_FILE""#;
    let mut command = run(&["--client-id", "another", "--", "sh", "-c", script]);
    let ended = command.env("TANGO_PROXY", "http://proxy.example").output().unwrap();
    let stdout = String::from_utf8(ended.stdout).unwrap();
    let mut lines = stdout.lines();
    let (url, ca_file) = (lines.next().unwrap(), lines.next().unwrap());
    assert!(url.starts_with("https://localhost:") && url.ends_with("/oauth/token"), "{url}");
    assert_eq!(lines.by_ref().take(3).collect::<Vec<_>>(), ["none", "s3cret+&=% ü", "another"]);

    let ca_pem = lines.collect::<Vec<_>>().join("\n");
    assert!(support::client(ca_pem.as_bytes()).get(url).send().await.unwrap_err().is_connect());
    let ca_file = std::path::Path::new(ca_file);
    assert!(!ca_file.exists() && !ca_file.parent().unwrap().exists());
}

#[test]
fn command_reaches_the_server() {
    let get = r#"printf 'Authorization: Bearer x\n' | "$0" get "$TANGO_API_URL/accounts" --ca-file "$TANGO_CA_FILE""#;
    let ended = run(&["--", "sh", "-c", get, env!("CARGO_BIN_EXE_tango-sandbox")]).output().unwrap();
    assert!(ended.stdout.starts_with(b"401 Unauthorized\n"), "{ended:?}");
    assert_eq!(ended.status.code(), Some(1));
    assert!(String::from_utf8(ended.stderr).unwrap().contains(" GET /raas/v2/accounts 401 "));
}

#[test]
fn signal_is_passed_on_and_the_command_decides() {
    for (name, signal) in [("TERM", Signal::SIGTERM), ("INT", Signal::SIGINT)] {
        let script = format!("trap 'echo {name}; exit 9' {name}; echo ready; while :; do sleep 0.01; done");
        let (mut child, mut stdout) = signal_when_ready(&script, signal);
        assert_eq!(child.wait().unwrap().code(), Some(9));
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, format!("{name}\n"));
    }
}

#[test]
fn command_that_dies_by_a_passed_signal_gives_128_and_its_number() {
    let (mut child, _stdout) = signal_when_ready("echo ready; exec sleep 60", Signal::SIGTERM);
    assert_eq!(child.wait().unwrap().code(), Some(128 + 15));
}

#[test]
fn command_that_does_not_start_gives_127_or_126_and_a_message() {
    for (command, status) in [("no-such-command-here", 127), ("/", 126)] {
        let ended = run(&["--", command]).output().unwrap();
        assert_eq!((ended.status.code(), ended.stdout.len()), (Some(status), 0));
        let message = String::from_utf8(ended.stderr).unwrap();
        assert!(message.starts_with(&format!("tango-sandbox: cannot run {command}: ")), "{message}");
    }
}

#[test]
fn server_that_does_not_start_gives_125_and_runs_nothing() {
    let ended = run(&["--host", "not a host", "--", "echo", "ran"]).output().unwrap();
    assert_eq!((ended.status.code(), ended.stdout.len()), (Some(125), 0));
    assert!(ended.stderr.starts_with(b"tango-sandbox: cannot listen on not a host port 0: "));
}
