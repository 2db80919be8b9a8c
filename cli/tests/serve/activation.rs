//! Socket activation: the test is the parent that opened the socket, as systemd would be.

use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::http::Address;
use crate::process::{bearer_file, command, runtime_directory};
use crate::support::World;

/// Starts a server with this socket as descriptor 3 (`sd_listen_fds`).
fn activated(world: &World, socket: impl Into<OwnedFd>) -> Child {
    started(world, r#"exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$0" "$@""#, socket, Stdio::null())
}

/// Starts a server with these sockets as descriptors 3 and 4.
fn activated_twice(world: &World, first: impl Into<OwnedFd>, second: impl Into<OwnedFd>) -> Child {
    let script = r#"exec 3<&0 4>&1 </dev/null >&2; export LISTEN_FDS=2 LISTEN_PID=$$; exec "$0" "$@""#;
    started(world, script, first, second.into().into())
}

fn started(world: &World, script: &str, stdin: impl Into<OwnedFd>, stdout: Stdio) -> Child {
    let server = command(world, &[]);
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).stdin(stdin.into()).stdout(stdout);
    shell.arg(server.get_program()).args(server.get_args());
    for (name, value) in server.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.spawn().unwrap()
}

fn terminate(mut server: Child) {
    kill(Pid::from_raw(server.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    assert_eq!(server.wait().unwrap().code(), Some(0));
}

#[test]
fn unix_socket_of_the_parent_is_served_and_stays_when_the_server_ends() {
    let world = World::new("serve-activated", &[]);
    let path = runtime_directory(&world).join("activated.sock");
    let _ = fs::remove_file(&path);
    let socket = UnixListener::bind(&path).unwrap();
    let address = Address::Socket(path.clone());
    // Its connection waits in the queue of the socket until the server runs.
    let early = {
        let address = address.clone();
        std::thread::spawn(move || address.get("/token", &[]))
    };
    let server = activated(&world, socket.try_clone().unwrap());
    assert_eq!(early.join().unwrap().status(), 200);
    terminate(server);
    assert!(path.exists(), "it belongs to the parent");
    let server = activated(&world, socket);
    assert_eq!((address.get("/token", &[]).status(), world.sandbox.token_requests()), (200, 1));
    terminate(server);
}

#[test]
fn port_of_the_parent_needs_the_bearer() {
    let world = World::new("serve-activated-port", &[]);
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = Address::Port(socket.local_addr().unwrap().port());
    let server = activated(&world, socket);
    assert_eq!(address.get("/token", &[]).status(), 401);
    let bearer = fs::read_to_string(bearer_file(&world)).unwrap();
    let right = format!("Authorization: Bearer {}", bearer.trim_end());
    assert_eq!(address.get("/token", &[&right]).status(), 200);
    terminate(server);
    assert!(!bearer_file(&world).exists());
}

#[test]
fn two_ports_of_the_parent_have_one_bearer() {
    let world = World::new("serve-activated-ports", &[]);
    let sockets = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let addresses = sockets.each_ref().map(|socket| Address::Port(socket.local_addr().unwrap().port()));
    let [first, second] = sockets;
    let server = activated_twice(&world, first, second);
    // It serves, so the bearer is written.
    assert_eq!(addresses.each_ref().map(|address| address.get("/token", &[]).status()), [401, 401]);
    let bearer = fs::read_to_string(bearer_file(&world)).unwrap();
    let right = format!("Authorization: Bearer {}", bearer.trim_end());
    assert_eq!(addresses.each_ref().map(|address| address.get("/token", &[&right]).status()), [200, 200]);
    terminate(server);
    assert!(!bearer_file(&world).exists());
}

#[test]
fn socket_that_does_not_listen_is_refused() {
    let world = World::new("serve-activated-wrong", &[]);
    let (end, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    let refused = activated(&world, end).wait_with_output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
}
