//! The sessions in the documents: each command is run, in one home directory for a page, and has to print what stands
//! there.
//!
//! `UPDATE_DOCS=1` writes the pages instead.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{World, root};

const BEGIN: &str = "```console\n";
const END: &str = "```\n";
/// That of RFC 9449 section 6.1.
const THUMBPRINT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

#[test]
fn sessions_of_the_document_are_what_the_command_prints() {
    check("cli", &["--quota-window-seconds", "0"]);
}

#[test]
fn sessions_with_the_cache_are_what_the_command_prints() {
    check("cache", &[]);
}

/// Checks a page, whose commands use a sandbox with these options.
fn check(name: &str, options: &[&str]) {
    let page = root().join(format!("docs/{name}.md"));
    let written = fs::read_to_string(&page).unwrap();
    let world = World::new(&format!("document-{name}"), options);
    let made = with_sessions(&written, |command| run(&world, command));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        return fs::write(page, made).unwrap();
    }
    for (made, written) in made.lines().zip(written.lines()) {
        assert_eq!(comparable(made), comparable(written), "UPDATE_DOCS=1 writes docs/{name}.md");
    }
    assert_eq!(made.lines().count(), written.lines().count());
}

/// Returns the page with the output of each command below it.
fn with_sessions(page: &str, run: impl Fn(&str) -> String) -> String {
    let mut made = String::new();
    let mut rest = page;
    while let Some((before, session)) = rest.split_once(BEGIN) {
        let (session, after) = session.split_once(END).unwrap();
        made = made + before + BEGIN;
        for line in session.lines().filter(|line| line.starts_with("$ ")) {
            made = made + line + "\n" + &run(&line[2..]);
        }
        made += END;
        rest = after;
    }
    made + rest
}

fn run(world: &World, script: &str) -> String {
    let like = world.command(&[]);
    let mut shell = Command::new("sh");
    for (name, value) in like.get_envs().filter(|(name, _)| *name != "XDG_CACHE_HOME") {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let programs = Path::new(like.get_program()).parent().unwrap();
    let path = std::env::join_paths(
        [programs.to_owned()].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    shell.env("PATH", path.unwrap()).env("TZ", "CET-1").env_remove("XDG_CACHE_HOME").current_dir(&*world.home);
    let output = shell.args(["-c", &format!("{{ {script}\n}} 2>&1")]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap().replace(world.home.to_str().unwrap(), "/home/me");
    let text = if text.is_empty() || text.ends_with('\n') { text } else { text + "\n" };
    text.lines().map(|line| shortened(line) + "\n").collect()
}

/// Returns a line without what is different in each run, and with tokens short enough to read.
fn shortened(line: &str) -> String {
    let is_in_word = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let mut shown = String::new();
    let mut word = String::new();
    for c in line.chars().chain(['\n']) {
        if is_in_word(c) {
            word.push(c);
            continue;
        }
        shown.push_str(&shown_word(&word));
        word.clear();
        shown.push(c);
    }
    shown.trim_end_matches('\n').into()
}

fn shown_word(word: &str) -> String {
    if word.starts_with("eyJ") && word.split('.').count() == 3 {
        return format!("{}...", &word[..20]);
    }
    match word.len() {
        43 if !word.contains('.') => THUMBPRINT.into(),
        32 if word.bytes().all(|byte| byte.is_ascii_hexdigit()) => "0123456789abcdef".repeat(2),
        _ => word.into(),
    }
}

/// Returns a line without its numbers and random strings, in which two runs differ.
fn comparable(line: &str) -> String {
    let words = line.split(' ').map(|word| {
        let is_random = word.trim_matches(['"', ',']).len() >= 20 && !word.contains('/');
        if is_random { "..." } else { word }
    });
    let line = words.collect::<Vec<_>>().join(" ").replace("now", "0 s ago");
    // A second makes the difference.
    let line = line.replace("in 23 h 59 min", "in 1 d");
    let mut text = String::new();
    for c in line.chars() {
        match c {
            '0'..='9' if text.ends_with('0') => {}
            '0'..='9' => text.push('0'),
            _ => text.push(c),
        }
    }
    text
}
