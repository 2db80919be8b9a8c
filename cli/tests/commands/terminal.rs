//! What a person sees on a terminal.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{Home, World, command};

/// Runs a command of a shell in a terminal of its own, with the variables of `like`.
fn in_terminal(like: &Command, script: &str) -> Command {
    let mut terminal = Command::new("script");
    terminal.args(["--quiet", "--return", "--command", script, "/dev/null"]);
    for (name, value) in like.get_envs() {
        match value {
            Some(value) => terminal.env(name, value),
            None => terminal.env_remove(name),
        };
    }
    terminal.env("T", like.get_program()).stdin(Stdio::null()).stdout(Stdio::piped());
    terminal.current_dir(like.get_current_dir().unwrap());
    terminal
}

#[test]
fn command_that_waits_says_for_what_and_how_long() {
    let world = World::new("terminal-progress", &[]);
    world.sandbox.hold();
    let mut child = in_terminal(&world.command(&[]), "\"$T\" token --total-timeout-ms 60000").spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut seen = String::new();
    while !seen.contains("at most") {
        let mut bytes = [0; 256];
        let length = stdout.read(&mut bytes).unwrap();
        assert!(length > 0, "it ended without a word: {seen}");
        seen.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
    world.sandbox.release();
    stdout.read_to_string(&mut seen).unwrap();
    assert!(seen.contains("waiting for a token: 5") && seen.contains(" s at most"), "{seen}");
    assert!(child.wait().unwrap().success() && seen.trim_end().split('.').count() == 3, "{seen}");
}

#[test]
fn private_key_is_not_written_to_a_terminal() {
    let home = Home::new("terminal-key");
    let output = in_terminal(&command(&home, &[]), "\"$T\" key generate").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.code() == Some(2) && text.contains("--out FILE") && !text.contains("BEGIN"), "{text}");
}

#[test]
fn colours_are_shown_unless_no_color_is_set() {
    let home = Home::new("terminal-colours");
    let like = command(&home, &[]);
    let shown = |variable: &str| {
        let script = format!("TERM=xterm {variable} \"$T\" token");
        String::from_utf8(in_terminal(&like, &script).output().unwrap().stdout).unwrap()
    };
    assert!(shown("").contains("\u{1b}[1m\u{1b}[31merror:") || shown("").contains("\u{1b}[31m"), "{:?}", shown(""));
    assert!(!shown("NO_COLOR=1").contains('\u{1b}'));
}

#[test]
fn nothing_is_said_before_people_wonder() {
    let world = World::new("terminal-quick", &[]);
    let start = std::time::Instant::now();
    let output = in_terminal(&world.command(&[]), "\"$T\" token").output().unwrap();
    let is_quick = start.elapsed() < Duration::from_secs(2);
    assert!(!is_quick || !String::from_utf8_lossy(&output.stdout).contains("waiting"), "{output:?}");
}
