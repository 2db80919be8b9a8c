//! The log on stderr: what the variables `TANGO_LOG` and `TANGO_LOG_FORMAT` and the function do, whatever stderr is. And
//! the callback that gets the fields of a line apart.

mod support;

use std::io::{BufReader, Read, Write};
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use serde_json::{Value, json};
use support::programs::{Program, Under, every_tool};
use support::sandbox::Sandbox;
use support::{fresh_directory, request, succeed};

/// Longer than the second that the end of a process waits for a reader, on a busy machine.
const SOON: Duration = Duration::from_secs(60);

/// Returns the command of the steps with variables of the log.
fn command(sandbox: &Sandbox, variables: &[(&str, &str)], steps: &[&str]) -> Command {
    command_under(Under::Nothing, sandbox, variables, steps)
}

fn command_under(under: Under, sandbox: &Sandbox, variables: &[(&str, &str)], steps: &[&str]) -> Command {
    let mut command = Program::build("tests/c/log_to_stderr.c", under).command(sandbox);
    // Under valgrind, on a busy machine, a handshake can take longer than the defaults allow.
    for timeout in ["TANGO_CONNECT_TIMEOUT_MS", "TANGO_ATTEMPT_TIMEOUT_MS", "TANGO_TOTAL_TIMEOUT_MS"] {
        command.env(timeout, "120000");
    }
    command.envs(variables.iter().copied()).args(steps);
    command
}

fn run(sandbox: &Sandbox, variables: &[(&str, &str)], steps: &[&str]) -> Output {
    succeed(&mut command(sandbox, variables, steps))
}

fn lines(bytes: Vec<u8>) -> Vec<String> {
    String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
}

/// Reads lines as JSON, and checks the members that each has.
fn json_lines(bytes: Vec<u8>) -> Vec<Value> {
    let parsed = lines(bytes).into_iter().map(|line| serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}")));
    parsed
        .inspect(|line: &Value| {
            let text = |name| line[name].as_str().unwrap_or_else(|| panic!("{name} of {line}"));
            let time = text("time");
            assert!(time.len() == 24 && &time[10..11] == "T" && time.ends_with('Z'), "{time}");
            assert!(["ERROR", "WARN", "INFO", "DEBUG", "TRACE"].contains(&text("level")), "{line}");
            assert!(text("target").starts_with("tango_token") && line["pid"].is_u64(), "{line}");
            assert!(!text("message").contains("client="), "{line}");
        })
        .collect()
}

fn messages(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["message"].as_str().unwrap()).collect()
}

fn assert_no_secret(sandbox: &Sandbox, bytes: &[u8]) {
    let output = String::from_utf8_lossy(bytes);
    for name in ["TANGO_CLIENT_SECRET", "TANGO_PASSWORD"] {
        assert!(!output.contains(sandbox.variable(name)), "{output}");
    }
    assert!(!output.contains("eyJ"), "a token is in {output}");
}

#[test]
fn variable_writes_the_log_as_text_until_the_process_ends() {
    for &under in every_tool() {
        let sandbox = Sandbox::start(&[]);
        let output = succeed(&mut command_under(under, &sandbox, &[("TANGO_LOG", "Debug")], &["acquire"]));
        assert_no_secret(&sandbox, &output.stderr);
        let lines = lines(output.stderr);
        assert!(lines.len() >= 4, "{under:?}: {lines:#?}");
        for line in &lines {
            let (head, sentence) = line.split_once("]: ").unwrap();
            let (head, pid) = head.split_once(" tango-token[").unwrap();
            let (time, level) = head.split_once(' ').unwrap();
            assert!(time.len() == 24 && time.ends_with('Z') && pid.parse::<u32>().is_ok(), "{line}");
            assert!(["DEBUG", "INFO", "WARN"].contains(&level) && !sentence.is_empty(), "{line}");
        }
        let last = lines.last().unwrap();
        assert!(last.contains(" INFO tango-token[") && last.ends_with(r#" UTC client="sandbox-client""#), "{last}");
    }
}

#[test]
fn nothing_is_written_without_the_variable_or_below_its_level() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    for variables in [&[][..], &[("TANGO_LOG", "")], &[("TANGO_LOG", "off")], &[("TANGO_LOG", "error")]] {
        let variables = [variables, &[("TANGO_LOG_FORMAT", "json")]].concat();
        assert_eq!(lines(run(&sandbox, &variables, &["acquire"]).stderr), [""; 0], "{variables:?}");
    }
}

#[test]
fn wrong_value_is_reported_once_and_the_client_works() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    let output = run(&sandbox, &[("TANGO_LOG", "verbose-s3cret")], &["acquire", "many"]);
    let complaint = lines(output.stderr);
    assert_eq!(complaint.len(), 1, "{complaint:?}");
    assert!(complaint[0].contains("TANGO_LOG must be error, warn, info, debug, trace or off"), "{complaint:?}");
    assert!(!complaint[0].contains("s3cret"), "{complaint:?}");
    let output = run(&sandbox, &[("TANGO_LOG", "info"), ("TANGO_LOG_FORMAT", "xml")], &["acquire"]);
    let written = lines(output.stderr);
    assert!(written.len() == 2 && written[0].contains("TANGO_LOG_FORMAT must be text or json"), "{written:?}");
    assert!(written[1].contains(" INFO "), "{written:?}");
}

/// Responds to one request with bytes that are neither UTF-8 nor fit for a terminal.
fn respond_with_rubbish() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            request::read(&mut BufReader::new(&stream));
            let body = b"{\"error\": \"a \\\"quote\\\" \\u001b[2J\\n\\u2028\", \"error_description\": \"\xff\xfe\"}";
            let head = b"HTTP/1.1 400 Bad\r\nconnection: close\r\ncontent-type: application/json\r\n\
                         x-request-id: \"r\"\\ \xff\t\xe2\x80\xae\r\n\r\n";
            let _ = stream.write_all(&[&head[..], &body[..]].concat());
        }
    });
    url
}

#[test]
fn each_line_is_valid_json_whatever_the_program_and_the_server_put_into_it() {
    let sandbox = Sandbox::start(&[]);
    // The library accepts no control characters from a program.
    let id = "a \"b\" \\ {c}\\u";
    let cache = format!("file:{}", fresh_directory("log \"\u{2028}\u{202e}ü\\").display());
    let url = respond_with_rubbish();
    let variables = [
        ("TANGO_LOG", "trace"),
        ("TANGO_LOG_FORMAT", "JSON"),
        ("TANGO_CLIENT_ID", id),
        ("TANGO_TOKEN_URL", &url),
        ("TANGO_CACHE", &cache),
    ];
    let output = command(&sandbox, &variables, &["acquire"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "no token");
    // The last line is the program's.
    let end = output.stderr.windows(9).position(|window| window == b"no token:").unwrap();
    let (ours, after) = output.stderr.split_at(end);
    let after: Vec<u8> = after.splitn(2, |&byte| byte == b'\n').nth(1).unwrap_or_default().to_vec();
    let written = json_lines([ours, &after].concat());
    assert!(written.iter().any(|line| line["client"] == id && line["store"] == *cache), "{written:#?}");
    let response = written.iter().find(|line| line["http_status"] == 400).expect("the response is logged");
    assert!(response["ms"].is_u64() && response["request_id"].is_string(), "{response}");
}

#[test]
fn fields_of_json_have_their_types() {
    let sandbox = Sandbox::start(&[]);
    let output = run(&sandbox, &[("TANGO_LOG", "debug"), ("TANGO_LOG_FORMAT", "json")], &["acquire"]);
    assert_no_secret(&sandbox, &output.stderr);
    let written = json_lines(output.stderr);
    let sent = written.iter().find(|line| line["dpop"] == false).expect("a request was sent");
    assert_eq!((&sent["level"], &sent["client"]), (&json!("DEBUG"), &json!("sandbox-client")));
    assert!(written.iter().any(|line| line["http_status"] == 200 && line["ms"].is_u64()), "{written:#?}");
}

#[test]
fn program_that_calls_the_function_decides_instead_of_the_variable() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    let trace = [("TANGO_LOG", "trace")];
    let output = run(&sandbox, &trace, &["stderr:3:2", "acquire"]);
    assert_eq!(json_lines(output.stderr).len(), 1, "INFO as JSON");
    assert_eq!(lines(run(&sandbox, &trace, &["stderr:0:1", "acquire"]).stderr), [""; 0]);
    let turned_off = lines(run(&sandbox, &trace, &["acquire", "stderr:0:1", "many"]).stderr);
    assert!(turned_off.iter().any(|line| line.contains("a new token is held")), "what waited is written");
    assert!(!turned_off.iter().any(|line| line.contains("rejected")), "{turned_off:?}");
    let without_variable = lines(run(&sandbox, &[], &["stderr:4:1", "acquire"]).stderr);
    assert!(without_variable.iter().any(|line| line.contains(" DEBUG ")), "{without_variable:?}");
}

#[test]
fn line_goes_to_the_callback_or_to_stderr_and_never_to_both() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    let debug = [("TANGO_LOG", "debug")];
    let output = run(&sandbox, &debug, &["callback:3", "acquire", "no-callback"]);
    let received = lines(output.stdout);
    assert!(matches!(&received[..], [line] if line.starts_with("3 a new token is held")), "{received:?}");
    let written = lines(output.stderr);
    assert!(written.len() > 2 && written.iter().all(|line| line.contains(" DEBUG ")), "{written:?}");

    let output = run(&sandbox, &debug, &["callback:5", "acquire", "no-callback"]);
    assert_eq!(lines(output.stderr), [""; 0]);
    assert!(output.stdout.starts_with(b"4 "));
}

#[test]
fn record_callback_gets_message_and_fields_apart() {
    for &under in every_tool() {
        let sandbox = Sandbox::start(&["--client-id", "the \"shop\"\\"]);
        let output = succeed(&mut command_under(under, &sandbox, &[], &["records:5", "acquire", "no-callback"]));
        assert_eq!(lines(output.stderr), [""; 0], "{under:?}");
        let records: Vec<Value> =
            lines(output.stdout).iter().map(|line| serde_json::from_str(line).expect(line)).collect();
        let response = records.iter().find(|record| record["http_status"] == 200).unwrap();
        assert_eq!(response["message"], "the token endpoint responded", "{under:?}");
        assert_eq!(response["target"], "tango_token::endpoint", "{under:?}");
        assert_eq!((&response["level"], &response["client"]), (&json!(4), &json!("the \"shop\"\\")), "{under:?}");
        assert!(response["ms"].is_u64() && response["unix_ms"].as_u64().unwrap() > 1_700_000_000_000, "{under:?}");
        assert!(records.iter().any(|record| record["dpop"] == false), "{under:?}");
    }
}

#[test]
fn forked_children_log_as_well() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    let variables = [("TANGO_LOG", "info"), ("TANGO_LOG_FORMAT", "json")];
    for steps in [&["acquire", "fork"][..], &["fork", "acquire"], &["stderr:3:2", "fork", "acquire"]] {
        let written = json_lines(run(&sandbox, &variables, steps).stderr);
        let mut processes: Vec<_> = written.iter().map(|line| line["pid"].as_u64().unwrap()).collect();
        processes.sort_unstable();
        processes.dedup();
        assert_eq!(processes.len(), 3, "{steps:?}: {written:#?}");
        assert!(messages(&written).iter().all(|message| message.starts_with("a new token is held")), "{written:#?}");
    }
}

/// Waits for the end of a process, whatever happens to its stderr.
fn wait(child: &mut Child) -> bool {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.success();
        }
        assert!(start.elapsed() < SOON, "the process does not end");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Starts a program that logs 4,000 lines in a moment, with a pipe as its stderr.
fn start_many(sandbox: &Sandbox, is_blocking: bool, steps: &[&str]) -> Child {
    let (reader, writer) = std::io::pipe().unwrap();
    if !is_blocking {
        fcntl(writer.as_fd(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    }
    let variables = [("TANGO_LOG", "debug"), ("TANGO_LOG_FORMAT", "json")];
    let mut command = command(sandbox, &variables, steps);
    let mut child = command.stdout(Stdio::piped()).stderr(writer).spawn().unwrap();
    child.stderr = Some(std::os::fd::OwnedFd::from(reader).into());
    child
}

fn wait_until_done(child: &mut Child) {
    let mut done = [0; 5];
    child.stdout.as_mut().unwrap().read_exact(&mut done).unwrap();
    assert_eq!(&done, b"done\n");
}

#[test]
fn reader_that_never_reads_holds_up_neither_the_program_nor_its_end() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    for is_blocking in [true, false] {
        let mut child = start_many(&sandbox, is_blocking, &["many", "done"]);
        wait_until_done(&mut child);
        assert!(wait(&mut child));
    }
}

#[test]
fn reader_that_is_late_gets_whole_lines_and_the_number_of_the_dropped_ones() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    for is_blocking in [true, false] {
        let mut child = start_many(&sandbox, is_blocking, &["many", "done", "many"]);
        wait_until_done(&mut child);
        let mut bytes = Vec::new();
        child.stderr.take().unwrap().read_to_end(&mut bytes).unwrap();
        assert!(wait(&mut child));
        let written = json_lines(bytes);
        let mut shown = 0;
        let mut dropped = 0;
        for message in messages(&written) {
            match message.split_once(" log lines were dropped") {
                Some((count, _)) => dropped += count.parse::<u64>().unwrap(),
                None => shown += 1,
            }
        }
        assert!(dropped > 0 && shown > 1_000, "{shown} lines and {dropped} dropped ones");
    }
}

/// Returns the same command with a closed stderr.
fn without_stderr(command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$0\" \"$@\" 2>&-"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

#[test]
fn stderr_that_is_closed_or_has_no_reader_is_ignored() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    let mut without_reader = start_many(&sandbox, true, &["many", "done"]);
    drop(without_reader.stderr.take());
    wait_until_done(&mut without_reader);
    assert!(wait(&mut without_reader), "SIGPIPE ends it");

    let output = succeed(&mut without_stderr(&command(&sandbox, &[("TANGO_LOG", "trace")], &["many", "done"])));
    assert_eq!(output.stdout, b"done\n");
}

#[test]
fn file_that_gets_the_number_of_stderr_is_not_written_unless_it_is_for_appending() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    let directory = fresh_directory("log-to-stderr");
    let [other, log] = ["other", "log"].map(|name| directory.join(name));
    let (other_step, log_step) = (format!("file:{}", other.display()), format!("append:{}", log.display()));
    run(&sandbox, &[("TANGO_LOG", "info")], &["acquire", &other_step, "many", &log_step, "many"]);
    assert_eq!(std::fs::read_to_string(&other).unwrap(), "");
    let written = std::fs::read_to_string(&log).unwrap();
    assert!(written.lines().count() > 1_000 && written.contains("rejected the token"));

    // The number is free before the library opens its own files.
    let cache = format!("file:{}", directory.join("cache").display());
    let variables = [("TANGO_LOG", "trace"), ("TANGO_CACHE", &cache)];
    let output = succeed(&mut without_stderr(&command(&sandbox, &variables, &["acquire", "many", "done"])));
    assert_eq!(output.stdout, b"done\n");
}

#[test]
fn lines_of_several_processes_do_not_mix() {
    let sandbox = Sandbox::start(&["--quota-window-seconds", "0"]);
    let (mut reader, writer) = std::io::pipe().unwrap();
    let variables = [("TANGO_LOG", "debug"), ("TANGO_LOG_FORMAT", "json")];
    let start = || command(&sandbox, &variables, &["many"]).stderr(writer.try_clone().unwrap()).spawn().unwrap();
    let mut children: Vec<_> = (0..4).map(|_| start()).collect();
    drop(writer);
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    assert!(children.iter_mut().all(wait));
    assert!(json_lines(bytes).len() > 4_000);
}

/// The process that this test starts is itself, with a variable that says so.
#[test]
fn rust_program_logs_by_the_variable_when_it_calls_the_function() {
    const STARTED: &str = "TANGO_TEST_LOGS_ITSELF";
    if env::var_os(STARTED).is_some() {
        tango_token::log_to_stderr_from_env().unwrap();
        let client = tango_token::Client::new(&tango_token::Config::from_env().unwrap()).unwrap();
        client.acquire().unwrap();
        tango_token::log_to_stderr(tango_token::LogLevel::Off, tango_token::LogFormat::Text).unwrap();
        return;
    }
    let sandbox = Sandbox::start(&[]);
    let mut command = Command::new(env::current_exe().unwrap());
    sandbox.configure(&mut command);
    command.args(["--exact", "rust_program_logs_by_the_variable_when_it_calls_the_function", "--nocapture"]);
    command.envs([(STARTED, "1"), ("TANGO_LOG", "info"), ("TANGO_LOG_FORMAT", "json")]);
    let written = json_lines(succeed(&mut command).stderr);
    assert!(messages(&written)[0].starts_with("a new token is held"), "{written:?}");
    assert_eq!(written.len(), 1);
}
