//! Python programs that check this library with packages that it does not use.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use super::{root, scratch, succeed};

/// A program of tests/interop, ready to be run with the packages that its requirements name.
pub fn program(name: &str) -> Command {
    let mut python = Command::new(environment().join("bin/python"));
    python.arg(folder().join(name));
    python
}

/// What it says to one question.
pub fn answered_by(name: &str, question: &Value) -> Value {
    let mut running = program(name).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    serde_json::to_writer(running.stdin.take().unwrap(), question).unwrap();
    let output = running.wait_with_output().unwrap();
    assert!(output.status.success(), "{name}: {}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Made once, and anew when the requirements have changed.
fn environment() -> &'static Path {
    static ENVIRONMENT: OnceLock<PathBuf> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let (environment, list) = (scratch().join("python"), folder().join("requirements.txt"));
        let (requirements, installed) = (std::fs::read(&list).unwrap(), environment.join("installed"));
        if std::fs::read(&installed).ok().as_deref() != Some(&requirements) {
            succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment));
            let mut pip = Command::new(environment.join("bin/pip"));
            succeed(pip.args(["install", "--quiet", "--requirement"]).arg(list));
            std::fs::write(installed, requirements).unwrap();
        }
        environment
    })
}

fn folder() -> PathBuf {
    root().join("tests/interop")
}
