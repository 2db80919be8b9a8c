//! Processes of a fleet in Rust. Each runs the test program once more, with the one test that calls [`run`].

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::Barrier;
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tango_token::{Client, Config};

use super::api::Caller;
use super::fleet::Cache;
use super::sandbox::Sandbox;

/// Set in the processes that are members.
const IS_MEMBER: &str = "TEST_FLEET_MEMBER";

/// A process, which is killed on drop.
pub struct RustMember {
    process: Child,
    /// Standard output belongs to the test harness.
    output: BufReader<ChildStderr>,
}

impl RustMember {
    /// Starts this test program with the test of this name, which has to call [`run`].
    pub fn start(test: &str, sandbox: &Sandbox, cache: &Cache, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", test, "--nocapture"]);
        sandbox.configure(&mut command);
        command.env(IS_MEMBER, "").envs(cache.variables()).envs(variables.iter().copied());
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(process.stderr.take().unwrap());
        let mut member = Self { process, output };
        assert_eq!(member.hear(), "ready");
        member
    }

    /// Sends it the command `acquire` or `call N`: N threads call the API at once.
    pub fn tell(&mut self, command: &str) {
        writeln!(self.process.stdin.as_mut().unwrap(), "{command}").unwrap();
    }

    /// Returns its next line: a token, the status of a response, or the name of an error's status and its message.
    pub fn hear(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "the process ended: {:?}", self.process.wait());
        line.trim_end().to_owned()
    }

    pub fn pause(&self) {
        self.signal(Signal::SIGSTOP);
    }

    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.process.id().try_into().unwrap()), signal).unwrap();
    }
}

impl Drop for RustMember {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Executes the commands of standard input if this process is a member. Returns at once if it is the test itself.
pub fn run() {
    if std::env::var_os(IS_MEMBER).is_none() {
        return;
    }
    let client = Client::new(&Config::from_env().unwrap()).unwrap();
    eprintln!("ready");
    for line in std::io::stdin().lines().map(Result::unwrap) {
        match line.split_once(' ') {
            Some(("call", threads)) => call(&client, threads.parse().unwrap()),
            _ => match client.acquire() {
                Ok(token) => eprintln!("{}", token.value()),
                Err(error) => eprintln!("{:?} {error}", error.status()),
            },
        }
    }
}

fn call(client: &Client, threads: usize) {
    let variable = |name| std::env::var(name).unwrap();
    let (ca_file, url) = (variable("TANGO_CA_FILE"), format!("{}/accounts", variable("TANGO_API_URL")));
    let start = Barrier::new(threads);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let caller = Caller::new(&ca_file);
                start.wait();
                match caller.call(client, &url) {
                    Ok((status, _)) => eprintln!("{status}"),
                    Err(error) => eprintln!("{:?} {error}", error.status()),
                }
            });
        }
    });
}
