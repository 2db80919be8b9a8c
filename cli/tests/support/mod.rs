//! Runs `tango-token` for a test, with a home directory of its own.
#![allow(dead_code, reason = "no test uses all of it")]

use std::fs;
use std::io::Write;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

// The same sandbox as in the tests of the library.
#[path = "../../../tests/support/sandbox.rs"]
pub mod sandbox;

/// What `sandbox` needs of its other home.
pub mod fleet {
    use std::thread;
    use std::time::{Duration, Instant};

    pub fn wait_until(what: &str, mut is_true: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !is_true() {
            assert!(Instant::now() < deadline, "timed out waiting until {what}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

pub fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}

/// A sandbox, and a user who has nothing yet.
pub struct World {
    pub sandbox: sandbox::Sandbox,
    pub home: Home,
}

/// A directory that ends with its test.
pub struct Home(PathBuf);

impl Home {
    pub fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{name}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

impl Deref for Home {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl World {
    /// `name` is that of the test.
    pub fn new(name: &str, options: &[&str]) -> Self {
        Self { sandbox: sandbox::Sandbox::start(options), home: Home::new(name) }
    }

    /// The command with the variables of the sandbox.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(&self.home, arguments);
        command.envs(&self.sandbox.variables);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ended {
        end(&mut self.command(arguments))
    }

    pub fn api(&self, path: &str) -> String {
        format!("{}{path}", self.sandbox.variable("TANGO_API_URL"))
    }

    pub fn secrets(&self) -> [&str; 2] {
        [self.sandbox.variable("TANGO_CLIENT_SECRET"), self.sandbox.variable("TANGO_PASSWORD")]
    }
}

/// The command without any variable of this library.
pub fn command(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tango-token"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TANGO_")) {
        command.env_remove(name);
    }
    command.args(arguments).current_dir(home).env("HOME", home).env("XDG_CACHE_HOME", home.join("cache"));
    command.env("XDG_CONFIG_HOME", home.join("config")).stdin(Stdio::null());
    command
}

/// What a command left.
#[derive(Debug)]
pub struct Ended {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { status: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Returns what a command that succeeded wrote to standard output. It wrote nothing else.
    #[track_caller]
    pub fn success(self) -> String {
        assert_eq!((self.status, self.stderr.as_str()), (Some(0), ""), "{self:?}");
        self.stdout
    }

    /// Returns the message of a command that failed with this exit status. It wrote nothing to standard output.
    #[track_caller]
    pub fn failure(self, status: i32) -> String {
        assert_eq!((self.status, self.stdout.as_str()), (Some(status), ""), "{self:?}");
        self.stderr
    }
}

pub fn end(command: &mut Command) -> Ended {
    Ended::of(command.output().unwrap())
}

/// The same with this on standard input.
pub fn end_with_input(command: &mut Command, input: &str) -> Ended {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that does not read it may have ended.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    Ended::of(child.wait_with_output().unwrap())
}
