//! `credential_process`: a command that returns credentials, such as the one of a vault or of the system's keyring.
//!
//! The command is started without a shell. It inherits the environment and the standard error, on which it can ask its
//! user; its standard input is empty. `posix_spawn` or a `fork` that goes through the gate of `process` starts it, so
//! no lock of the library is inherited, and the library's own descriptors are closed on `exec`.

use std::fmt;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use zeroize::{Zeroize, Zeroizing};

use super::PROFILE;
use crate::bom::without_bom;
use crate::causes;
use crate::human;
use crate::threads::{self, Code, NoThread};

/// The options that the command can return.
pub(super) const CREDENTIALS: [&str; 4] = ["client_id", "client_secret", "username", "password"];
/// A person may have to unlock a keyring.
const TIMEOUT: Duration = Duration::from_secs(60);
const MAX_OUTPUT: usize = 64 * 1024;
/// A command that has closed its output is about to end.
const END_INTERVAL: Duration = Duration::from_millis(5);

/// The words of a command. Shown as its first one: the others could be secrets.
#[derive(Clone)]
pub(super) struct Command(Vec<String>);

/// The credentials that a command returned, which are zeroised when they are dropped.
pub(super) struct Found(Map<String, Value>);

impl Found {
    pub fn get(&self, option: &str) -> Option<&str> {
        self.0.get(option).and_then(Value::as_str)
    }
}

impl Drop for Found {
    fn drop(&mut self) {
        for value in self.0.values_mut() {
            if let Value::String(text) = value {
                text.zeroize();
            }
        }
    }
}

impl Command {
    /// A single string is split at blanks; an array has the words as they are.
    pub fn parse(words: &[&str]) -> Result<Self, &'static str> {
        let words: Vec<_> = match words {
            [line] if line.contains(['"', '\'']) => {
                return Err(
                    "has a quote, and no shell reads it; write an array of words: [\"command\", \"an argument\"]",
                );
            }
            [line] => line.split_whitespace().map(str::to_owned).collect(),
            words => words.iter().map(|&word| word.to_owned()).collect(),
        };
        match words.first() {
            None => Err("is empty"),
            Some(program) if program.is_empty() => Err("begins with an empty word"),
            _ if words.iter().any(|word| word.contains('\0')) => Err("contains a NUL"),
            _ => Ok(Self(words)),
        }
    }

    /// Returns the command whose program, if it is a relative path, begins at `directory`. It must not depend on the
    /// directory that the program is started in, where another user may have put a file of that name. A name without a
    /// path stays: `PATH` has it.
    pub fn beginning_at(mut self, directory: &Path) -> Result<Self, &'static str> {
        if self.0[0].contains(std::path::is_separator) {
            let program = directory.join(&self.0[0]).into_os_string();
            self.0[0] = program.into_string().map_err(|_| "has a relative path, and the directory is not UTF-8")?;
        }
        Ok(self)
    }

    /// Runs the command and reads what it writes. No error repeats any of it.
    pub fn run(&self) -> Result<Found, String> {
        self.run_within(TIMEOUT)
    }

    pub(super) fn run_within(&self, timeout: Duration) -> Result<Found, String> {
        let deadline = Instant::now() + timeout;
        let mut command = std::process::Command::new(&self.0[0]);
        command.args(&self.0[1..]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        // A command that uses this library must not call itself.
        command.env_remove(PROFILE);
        let mut child = command.spawn().map_err(|error| self.failed(&causes::reason(&error)))?;
        let output = self.output(&mut child, deadline, timeout);
        // Not one that has ended: where SIGCHLD is ignored, its number may be another process's by now.
        if output.is_err() && matches!(child.try_wait(), Ok(None)) {
            // It may end meanwhile.
            let _ = child.kill();
        }
        let status = wait(&mut child, deadline, output.is_err());
        let output = output?;
        match status {
            // The program ignores SIGCHLD or collects all children itself: the status is lost, the output is not.
            Err(_) => {}
            Ok(Some(status)) if status.success() => {}
            Ok(Some(status)) => return Err(self.failed(&ended(status))),
            Ok(None) => return Err(self.failed("it closed its output and did not end within a minute")),
        }
        found(&output).map_err(|problem| self.failed(&format!("its output {problem}")))
    }

    /// Reads the output on a thread of its own, because a pipe has no time limit.
    fn output(&self, child: &mut Child, deadline: Instant, timeout: Duration) -> Result<Zeroizing<Vec<u8>>, String> {
        let pipe = child.stdout.take().ok_or_else(|| self.failed("it has no output"))?;
        let output = read(pipe).map_err(|problem| self.failed(&problem.to_string()))?;
        let output = output.recv_timeout(deadline.saturating_duration_since(Instant::now()));
        let output = output.map_err(|error| match error {
            RecvTimeoutError::Timeout => self.failed(&format!("it did not finish within {}", human::span(timeout))),
            RecvTimeoutError::Disconnected => self.failed("its output could not be read"),
        })?;
        let output = output.map_err(|error| self.failed(&causes::reason(&error)))?;
        if output.len() > MAX_OUTPUT { Err(self.failed("it wrote more than 64 KiB")) } else { Ok(output) }
    }

    fn failed(&self, problem: &str) -> String {
        format!("the command {} failed: {problem}", Path::new(&self.0[0]).display())
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ...", self.0[0])
    }
}

fn read(pipe: ChildStdout) -> Result<Receiver<io::Result<Zeroizing<Vec<u8>>>>, NoThread> {
    let (sender, output) = mpsc::channel();
    let work = move || {
        // The whole capacity at once: a vector that grows leaves copies of secrets in freed memory.
        let mut content = Zeroizing::new(Vec::with_capacity(MAX_OUTPUT + 1));
        let read = pipe.take(MAX_OUTPUT as u64 + 1).read_to_end(&mut content);
        let _ = sender.send(read.map(|_| content));
    };
    threads::start("tango-file", Code::Library, work).map_err(NoThread::NotStarted)?;
    Ok(output)
}

/// Waits for the end of a command that has closed its output or was killed. Returns `None` if it goes on.
fn wait(child: &mut Child, deadline: Instant, is_killed: bool) -> io::Result<Option<ExitStatus>> {
    if is_killed {
        return child.wait().map(Some);
    }
    loop {
        match child.try_wait()? {
            Some(status) => return Ok(Some(status)),
            None if Instant::now() >= deadline => {
                child.kill()?;
                return child.wait().map(|_| None);
            }
            None => thread::sleep(END_INTERVAL),
        }
    }
}

fn ended(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("it ended with exit status {code}; its standard error says why"),
        None => format!("it was ended by a signal ({status})"),
    }
}

/// Reads the credentials. The error is a predicate.
fn found(output: &[u8]) -> Result<Found, String> {
    let json = without_bom(output).trim_ascii();
    let found = match serde_json::from_slice(json) {
        Ok(Value::Object(object)) => Found(object),
        _ if json.is_empty() => return Err("is empty; it must be a JSON object".into()),
        _ => return Err("is not one JSON object".into()),
    };
    for name in CREDENTIALS {
        if found.0.get(name).is_some_and(|value| !value.is_string()) {
            return Err(format!("has a {name} that is not a string"));
        }
    }
    if CREDENTIALS.iter().all(|name| found.get(name).is_none()) {
        return Err(format!("has none of {}", CREDENTIALS.join(", ")));
    }
    Ok(found)
}
