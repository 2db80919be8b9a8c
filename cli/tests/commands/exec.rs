//! `tango-token exec -- COMMAND`.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::fleet::wait_until;
use crate::support::{Home, World, command, end};

/// Starts a command that prints `ready`. In a process group of its own: in the foreground of a terminal, signals would
/// not be passed on.
fn start(command: &mut Command) -> (Child, BufReader<ChildStdout>) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    (child, stdout)
}

/// Returns the command as a login shell would start it. CI or `nohup` may ignore signals, which all its children inherit,
/// and a shell cannot trap a signal that it was started to ignore.
fn with_default_signals(command: &Command) -> Command {
    let mut env = Command::new("env");
    env.arg("--default-signal").arg(command.get_program()).args(command.get_args());
    env.current_dir(command.get_current_dir().unwrap());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => env.env(name, value),
            None => env.env_remove(name),
        };
    }
    env
}

/// Both ways to run a command.
fn both(script: &str) -> [Vec<&str>; 2] {
    [vec!["exec", "--", "sh", "-c", script], vec!["exec", "--token-file", "the-token", "--", "sh", "-c", script]]
}

#[test]
fn command_has_the_token_and_not_the_secrets() {
    let world = World::new("exec", &[]);
    let token = world.run(&["token"]).success();
    let script = r#"echo "${TANGO_ACCESS_TOKEN:-$(cat "$TANGO_ACCESS_TOKEN_FILE")}"; env | grep -c '^TANGO_\(CLIENT_SECRET\|PASSWORD\)='"#;
    for arguments in both(script) {
        let ended = world.run(&arguments);
        assert_eq!((ended.status, ended.stdout), (Some(1), format!("{token}0\n")), "{arguments:?}");
    }
    assert_eq!(world.sandbox.token_requests(), 1);
}

#[test]
fn exit_status_and_arguments_are_those_of_the_command() {
    let world = World::new("exec-status", &[]);
    for arguments in both("exit 7") {
        assert_eq!(world.run(&arguments).status, Some(7));
    }
    assert_eq!(world.run(&["exec", "--", "printf", "%s|", "a b", "--port", "--"]).success(), "a b|--port|--|");
    for arguments in
        [&["exec", "--", "no-such-command-here"][..], &["exec", "--token-file", "t", "--", "no-such-command-here"]]
    {
        assert!(world.run(arguments).failure(127).contains("cannot run no-such-command-here: "));
    }
    assert!(world.run(&["exec", "--", "/"]).failure(126).contains("cannot run /: "));
    assert!(!world.home.join("t").exists());
}

#[test]
fn file_is_of_the_user_alone_and_is_removed_with_the_command() {
    let world = World::new("exec-file", &[]);
    let script = r#"stat -c %a "$TANGO_ACCESS_TOKEN_FILE"; ls -A"#;
    fs::write(world.home.join("the-token"), "an older one that everyone can read").unwrap();
    fs::set_permissions(world.home.join("the-token"), PermissionsExt::from_mode(0o644)).unwrap();
    let output = world.run(&["exec", "--token-file", "the-token", "--", "sh", "-c", script]).success();
    assert_eq!(output, "600\ncache\nthe-token\n");
    assert!(!world.home.join("the-token").exists());
}

#[test]
fn file_is_replaced_by_the_next_token() {
    let world = World::new("exec-fresh", &["--token-lifetime-seconds", "6", "--quota-window-seconds", "0"]);
    let script =
        r#"first=$(cat the-token); while [ "$(cat the-token)" = "$first" ]; do sleep 0.05; done; cat the-token"#;
    let second = world.run(&["exec", "--token-file", "the-token", "--", "sh", "-c", script]).success();
    assert_eq!(second.split('.').count(), 3, "{second}");
    assert!(world.sandbox.token_requests() >= 2);
}

#[test]
fn signals_are_passed_on_and_the_command_decides() {
    let world = World::new("exec-signals", &[]);
    for (name, signal) in
        [("TERM", Signal::SIGTERM), ("INT", Signal::SIGINT), ("HUP", Signal::SIGHUP), ("USR1", Signal::SIGUSR1)]
    {
        let script = format!("trap 'echo {name}; exit 9' {name}; echo ready; while :; do sleep 0.01; done");
        for arguments in both(&script) {
            let (mut child, mut stdout) = start(&mut with_default_signals(&world.command(&arguments)));
            kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
            let mut rest = String::new();
            stdout.read_to_string(&mut rest).unwrap();
            assert_eq!((rest, child.wait().unwrap().code()), (format!("{name}\n"), Some(9)), "{arguments:?}");
        }
    }
    let (mut child, _stdout) = start(&mut world.command(&both("echo ready; exec sleep 60")[1]));
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(128 + 15));
}

#[test]
#[cfg(target_os = "linux")]
fn ignored_signal_stays_ignored() {
    let world = World::new("exec-nohup", &[]);
    for arguments in both("echo ready; read line; exit 7") {
        let tango = world.command(&arguments);
        let mut nohup = std::process::Command::new("sh");
        nohup.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]).arg(tango.get_program()).args(tango.get_args());
        nohup.current_dir(&*world.home).envs(tango.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let (mut child, _stdout) = start(&mut nohup);
        kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGHUP).unwrap();
        // The signal would end a command that does not ignore it before it reads.
        std::thread::sleep(std::time::Duration::from_millis(200));
        child.stdin.take().unwrap().write_all(b"\n").unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(7), "{arguments:?}");
    }
}

#[test]
fn file_of_another_command_is_not_removed() {
    let world = World::new("exec-shared", &[]);
    let file = ["exec", "--token-file", "the-token", "--", "sh", "-c"];
    let (mut first, _stdout) = start(&mut world.command(&[&file[..], &["echo ready; read line"]].concat()));
    let (mut second, _stdout) = start(&mut world.command(&[&file[..], &["echo ready; read line"]].concat()));
    first.stdin.take().unwrap().write_all(b"\n").unwrap();
    first.wait().unwrap();
    assert!(world.home.join("the-token").exists(), "the second command uses it");
    second.stdin.take().unwrap().write_all(b"\n").unwrap();
    second.wait().unwrap();
    assert!(!world.home.join("the-token").exists());
}

#[test]
#[cfg(target_os = "linux")]
fn process_list_contains_no_secret() {
    let world = World::new("exec-list", &[]);
    let token = world.run(&["token"]).success();
    let secrets: Vec<_> = world.secrets().into_iter().chain([token.trim_end()]).collect();
    for arguments in both("echo ready; read line") {
        let (mut child, _stdout) = start(&mut world.command(&arguments));
        let lists =
            fs::read_dir("/proc").unwrap().filter_map(|entry| fs::read(entry.unwrap().path().join("cmdline")).ok());
        let mut is_listed = false;
        for list in lists {
            let list = String::from_utf8_lossy(&list);
            is_listed |= list.contains("echo ready; read line");
            assert!(secrets.iter().all(|secret| !list.contains(secret)), "{list}");
        }
        assert!(is_listed);
        child.stdin.take().unwrap().write_all(b"\n").unwrap();
        child.wait().unwrap();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn variable_replaces_the_process() {
    let world = World::new("exec-replace", &[]);
    let (mut child, _stdout) = start(&mut world.command(&both("echo ready; read line")[0]));
    let name = fs::read_to_string(format!("/proc/{}/comm", child.id())).unwrap();
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    child.wait().unwrap();
    assert_eq!(name, "sh\n");
}

#[test]
fn request_behind_the_token_is_not_lost() {
    // A token that is due is served, while the next one is requested: the process ends after that one was written.
    let world = World::new("exec-behind", &["--token-lifetime-seconds", "20", "--quota-window-seconds", "0"]);
    world.run(&["token"]).success();
    wait_until("a refresh is due", || {
        world.run(&["exec", "--", "true"]).success();
        world.sandbox.token_requests() > 1
    });
    let (before, token) = (world.sandbox.token_requests(), world.run(&["token"]).success());
    assert_eq!(world.sandbox.token_requests(), before, "the token of the last request was lost: {token}");
}

#[test]
fn failure_before_the_command_has_a_status_of_its_own() {
    let world = World::new("exec-failure", &[]);
    let ended = end(world.command(&["exec", "--", "echo", "ran"]).env("TANGO_PASSWORD", "hunter2"));
    assert!(!ended.failure(77).contains("hunter2"));
    let world = World::new("exec-unwritable", &[]);
    let message = world.run(&["exec", "--token-file", "none/token", "--", "echo", "ran"]).failure(125);
    assert!(message.contains("none/token: "), "{message}");
    let home = Home::new("exec-usage");
    for arguments in [&["exec"][..], &["exec", "--"], &["exec", "echo"]] {
        end(&mut command(&home, arguments)).failure(2);
    }
}
