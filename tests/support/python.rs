//! Python programs that check this library with independent packages.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use super::{root, scratch, succeed};

/// Returns the command of a program in tests/interop, with the packages of its requirements.txt.
pub fn program(name: &str) -> Command {
    let mut python = Command::new(environment().join("bin/python"));
    python.arg(directory().join(name));
    python
}

/// Runs a program with one JSON value as input, and returns its output.
pub fn output_of(name: &str, input: &Value) -> Value {
    let mut running = program(name).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    serde_json::to_writer(running.stdin.take().unwrap(), input).unwrap();
    let output = running.wait_with_output().unwrap();
    assert!(output.status.success(), "{name}: {}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Makes the virtual environment once, and again after the requirements have changed.
fn environment() -> &'static Path {
    static ENVIRONMENT: OnceLock<PathBuf> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let (environment, list) = (scratch().join("python"), directory().join("requirements.txt"));
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

fn directory() -> PathBuf {
    root().join("tests/interop")
}
