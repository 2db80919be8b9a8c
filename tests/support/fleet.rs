//! Processes of a fleet, each of which runs tests/c/fleet.c and executes the commands of the test.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::programs::{Program, Under};
use super::redis::{Redis, RedisProxy};
use super::sandbox::Sandbox;

/// The cache that a fleet shares.
pub enum Cache<'a> {
    Directory(PathBuf),
    /// A server and the prefix of the keys.
    Redis(&'a Redis, &'a str),
    /// The same, reached through a proxy that can fail.
    RedisThrough(&'a Redis, &'a RedisProxy, &'a str),
    /// None.
    Memory,
}

impl Cache<'_> {
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Directory(directory) => vec![("TANGO_CACHE", format!("file:{}", directory.display()))],
            Self::Redis(redis, prefix) => redis.variables(prefix),
            Self::RedisThrough(_, proxy, prefix) => vec![("TANGO_CACHE", proxy.url(prefix))],
            Self::Memory => vec![("TANGO_CACHE", "memory".into())],
        }
    }

    /// Returns the value whose name ends in `kind`.
    pub fn entry(&self, kind: &str) -> Option<Vec<u8>> {
        match self {
            Self::Directory(directory) => super::entry(directory, kind).map(|path| fs::read(path).unwrap()),
            Self::Redis(redis, prefix) | Self::RedisThrough(redis, _, prefix) => redis.entry(prefix, kind),
            Self::Memory => None,
        }
    }

    pub fn ledger(&self) -> Value {
        serde_json::from_slice(&self.entry("ledger").unwrap()).unwrap()
    }

    /// Waits until a process has taken the lock.
    pub fn wait_for_a_holder(&self) {
        wait_until("a process takes the lock", || match self {
            Self::Directory(directory) => super::entry(directory, "lock").is_some(),
            Self::Redis(redis, prefix) | Self::RedisThrough(redis, _, prefix) => !redis.keys(prefix).is_empty(),
            Self::Memory => true,
        });
    }

    /// Returns whether the lock is free, or expires within the lease.
    pub fn lock_is_free_within(&self, lease: Duration) -> bool {
        match self {
            Self::Directory(directory) => {
                File::open(super::entry(directory, "lock").unwrap()).unwrap().try_lock().is_ok()
            }
            Self::Redis(redis, prefix) | Self::RedisThrough(redis, _, prefix) => {
                redis.lock_expires_in(prefix).is_none_or(|left| left <= lease)
            }
            Self::Memory => true,
        }
    }
}

/// Starts processes that share a cache.
pub struct Fleet<'a> {
    sandbox: &'a Sandbox,
    variables: Vec<(&'static str, String)>,
    threads: u32,
}

impl<'a> Fleet<'a> {
    pub fn new(sandbox: &'a Sandbox, cache: &Cache) -> Self {
        Self { sandbox, variables: cache.variables(), threads: 1 }
    }

    pub fn threads(self, threads: u32) -> Self {
        Self { threads, ..self }
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// Starts one more process, which makes its client and then waits for commands.
    pub fn start(&self) -> Member {
        let mut command = Program::build("tests/c/fleet.c", Under::Nothing).command(self.sandbox);
        command.arg(self.threads.to_string()).envs(self.variables.iter().map(|(name, value)| (name, value)));
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = process.stdin.take();
        let output = BufReader::new(process.stdout.take().unwrap());
        let mut member = Member { process, input, output };
        assert_eq!(member.hear(), ["ready"]);
        member
    }

    pub fn start_many(&self, count: usize) -> Vec<Member> {
        (0..count).map(|_| self.start()).collect()
    }
}

/// A process of a fleet, which is killed on drop.
pub struct Member {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

/// The error that a caller got instead of a token.
#[derive(Debug)]
pub struct Refused {
    pub status: String,
    pub retry_after_seconds: i64,
    pub message: String,
}

impl Member {
    /// Sends it a command.
    pub fn tell(&mut self, command: &str) {
        writeln!(self.input.as_mut().unwrap(), "{command}").unwrap();
    }

    /// Returns the fields of its next line.
    pub fn hear(&mut self) -> Vec<String> {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "the process ended: {:?}", self.process.wait());
        line.trim_end_matches('\n').split('\t').map(str::to_owned).collect()
    }

    /// Returns the outcome of an `acquire` command.
    pub fn outcome(&mut self) -> Result<String, Refused> {
        match <[String; 2]>::try_from(self.hear()) {
            Ok([status, token]) => {
                assert_eq!(status, "TANGO_STATUS_OK");
                Ok(token)
            }
            Err(fields) => {
                let [status, retry_after, message] = fields.try_into().unwrap();
                Err(Refused { status, retry_after_seconds: retry_after.parse().unwrap(), message })
            }
        }
    }

    pub fn acquire(&mut self) -> Result<String, Refused> {
        self.tell("acquire");
        self.outcome()
    }

    /// Acquires until there is a token. Only this status may come instead.
    pub fn acquire_eventually(&mut self, allowed: &str) -> String {
        let mut token = None;
        wait_until("there is a token", || {
            token = self.acquire().inspect_err(|refused| assert_eq!(refused.status, allowed, "{refused:?}")).ok();
            token.is_some()
        });
        token.unwrap()
    }

    /// Returns the headers of an API request: `Authorization`, and `DPoP` if there is a proof.
    pub fn authorize(&mut self) -> (String, Option<String>) {
        self.tell("authorize");
        let [status, authorization, proof] = self.hear().try_into().unwrap();
        assert_eq!(status, "TANGO_STATUS_OK");
        (authorization, Some(proof).filter(|proof| !proof.is_empty()))
    }

    pub fn serve(&mut self) {
        self.tell("serve");
        assert_eq!(self.hear(), ["serving"]);
    }

    /// Stops serving. Returns how many tokens its threads got, and each status that they got instead.
    pub fn rest(&mut self) -> (u64, Vec<String>) {
        self.tell("rest");
        let mut fields = self.hear();
        (fields.remove(0).parse().unwrap(), fields)
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

    /// Kills it (SIGKILL). Its input stays open for the children that it forked.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Closes its input and checks that it exits with success.
    pub fn end(mut self) {
        drop(self.input.take());
        let status = self.process.wait().unwrap();
        assert!(status.success(), "{status}");
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // Both do nothing if it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Polls until a condition holds, for at most a minute.
pub fn wait_until(what: &str, mut is_true: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_true() {
        assert!(Instant::now() < deadline, "timed out waiting until {what}");
        thread::sleep(Duration::from_millis(2));
    }
}
