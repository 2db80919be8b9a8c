//! A running server, and how it starts and ends.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::http::Address;
use crate::support::{World, end};

/// A server, which is killed with its test.
pub struct Server {
    pub child: Child,
    pub address: Address,
}

impl Server {
    /// Starts one on a Unix socket.
    pub fn start(world: &World) -> Self {
        let path = socket(world);
        Self::started(&mut command(world, &[]), |_| Address::Socket(path))
    }

    /// Starts one on a port of loopback.
    pub fn start_on_a_port(world: &World) -> Self {
        Self::started(&mut command(world, &["--listen", "127.0.0.1:0"]), |line| {
            let address = line.split_whitespace().find_map(|word| word.strip_prefix("http://127.0.0.1:")).unwrap();
            Address::Port(address.parse().unwrap())
        })
    }

    pub fn started(command: &mut Command, address: impl FnOnce(&str) -> Address) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("serving on "), "{line:?} {:?}", child.try_wait());
        Self { address: address(&line), child }
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// Waits for its end, and returns its exit status.
    pub fn ended(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn command(world: &World, options: &[&str]) -> Command {
    let mut command = world.command(&[&["serve"], options].concat());
    command.env("XDG_RUNTIME_DIR", runtime_directory(world));
    command
}

/// A short path: that of a socket has at most a hundred bytes.
pub fn runtime_directory(world: &World) -> PathBuf {
    let inode = fs::metadata(&*world.home).unwrap().ino();
    let path = std::env::temp_dir().join(format!("tango-serve-{inode}"));
    fs::create_dir_all(&path).unwrap();
    path
}

pub fn socket(world: &World) -> PathBuf {
    runtime_directory(world).join("tango-token/serve.sock")
}

pub fn bearer_file(world: &World) -> PathBuf {
    runtime_directory(world).join("tango-token/serve.bearer")
}

fn mode(path: &std::path::Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn socket_is_private_from_the_start_and_removed_at_the_end() {
    let world = World::new("serve-socket", &[]);
    let mut server = Server::start(&world);
    let path = socket(&world);
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    server.signal(Signal::SIGTERM);
    assert_eq!((server.ended(), path.exists()), (Some(0), false));
}

#[test]
fn socket_of_a_dead_server_is_replaced_and_that_of_a_live_one_is_not() {
    let world = World::new("serve-stale", &[]);
    let mut dead = Server::start(&world);
    dead.signal(Signal::SIGKILL);
    dead.ended();
    assert!(socket(&world).exists());
    let live = Server::start(&world);
    let message = end(&mut command(&world, &[])).failure(1);
    assert!(message.contains("another server runs on"), "{message}");
    assert_eq!(live.address.get("/healthz", &[]).status(), 200);

    let file = world.home.write("a-file", "of somebody");
    let message = end(&mut command(&world, &["--socket", file.to_str().unwrap()])).failure(1);
    assert!(message.contains("is no socket"), "{message}");
    assert_eq!(fs::read_to_string(file).unwrap(), "of somebody");
}

/// A server of another program, which has no lock file.
#[test]
fn socket_of_another_program_is_not_replaced() {
    let world = World::new("serve-foreign", &[]);
    let path = runtime_directory(&world).join("foreign.sock");
    let _ = fs::remove_file(&path);
    let _foreign = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let message = end(&mut command(&world, &["--socket", path.to_str().unwrap()])).failure(1);
    assert!(message.contains("another server runs on"), "{message}");
}

/// It could be read long after the server has ended.
#[test]
#[cfg(target_os = "linux")]
fn crash_leaves_no_copy_of_the_memory() {
    let world = World::new("serve-core", &[]);
    let server = command(&world, &[]);
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"ulimit -c "$(ulimit -H -c)"; exec "$0" "$@""#]).arg(server.get_program());
    shell.args(server.get_args()).current_dir(&*world.home);
    shell.envs(server.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let path = socket(&world);
    let mut server = Server::started(&mut shell, |_| Address::Socket(path));
    assert_eq!(server.address.get("/token", &[]).status(), 200);
    // Unlike SIGQUIT, no shell ignores it in what it starts in the background.
    server.signal(Signal::SIGABRT);
    let status = server.child.wait().unwrap();
    assert_eq!((status.signal(), status.core_dumped()), (Some(Signal::SIGABRT as i32), false));
}

#[test]
fn link_in_place_of_the_lock_is_not_followed() {
    let world = World::new("serve-link", &[]);
    let (path, target) = (runtime_directory(&world).join("link.sock"), world.home.join("target"));
    let lock = path.with_extension("sock.lock");
    let _ = fs::remove_file(&lock);
    std::os::unix::fs::symlink(&target, &lock).unwrap();
    let message = end(&mut command(&world, &["--socket", path.to_str().unwrap()])).failure(1);
    assert!(message.contains("cannot open"), "{message}");
    assert!(!target.exists());
}

#[test]
fn directory_that_others_can_write_to_is_refused() {
    let world = World::new("serve-shared", &[]);
    // Not the directory of other tests, which lasts.
    let directory = world.home.join("tango-token");
    fs::create_dir_all(&directory).unwrap();
    fs::set_permissions(&directory, PermissionsExt::from_mode(0o777)).unwrap();
    for options in [&[][..], &["--listen", "127.0.0.1:0"]] {
        let message = end(command(&world, options).env("XDG_RUNTIME_DIR", &*world.home)).failure(1);
        assert!(message.contains("others can write to it"), "{message}");
    }
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
}

#[test]
fn address_that_other_machines_can_reach_is_refused() {
    let world = World::new("serve-public", &[]);
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8731"] {
        let message = end(&mut command(&world, &["--listen", address])).failure(2);
        assert!(message.contains("no loopback address"), "{message}");
    }
}

#[test]
fn termination_waits_for_callers_and_accepts_no_others() {
    let world = World::new("serve-terminate", &[]);
    world.sandbox.hold();
    let mut server = Server::start(&world);
    // They must not delay the end.
    let half_open = [(); 3].map(|()| {
        let mut stream = server.address.connect();
        stream.write_all(b"GET /token HT").unwrap();
        stream
    });
    let address = server.address.clone();
    let caller = thread::spawn(move || address.get("/token", &[]));
    world.sandbox.wait_for("token_requests", 1);
    server.signal(Signal::SIGTERM);
    crate::support::fleet::wait_until("no connection is accepted", || server.address.try_connect().is_err());
    assert!(server.child.try_wait().unwrap().is_none(), "a caller waits");
    world.sandbox.release();
    assert_eq!(caller.join().unwrap().status(), 200);
    assert_eq!((server.ended(), socket(&world).exists()), (Some(0), false));
    drop(half_open);
}

#[test]
fn second_signal_ends_the_server_at_once() {
    let world = World::new("serve-twice", &[]);
    world.sandbox.hold();
    let mut server = Server::start(&world);
    let address = server.address.clone();
    let caller = thread::spawn(move || address.connect().write_all(b"GET /token HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    caller.join().unwrap().unwrap();
    world.sandbox.wait_for("token_requests", 1);
    server.signal(Signal::SIGTERM);
    crate::support::fleet::wait_until("no connection is accepted", || server.address.try_connect().is_err());
    server.signal(Signal::SIGINT);
    // The process itself still waits for the request, so that the token of the day is not lost.
    world.sandbox.release();
    assert_eq!(server.ended(), Some(0));
}
