//! A Redis server for one test, which ends with the test and keeps nothing.

use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use std::io::{Read, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use redis::{Client, Connection, FromRedisValue};

use super::fleet::wait_until;
use super::fresh_directory;

/// The permissions that a fleet needs, as Redis ACL rules.
const RIGHTS: &str = "+eval +get +set +del +time";
/// The additional permissions that a fleet needs in a cluster.
const RIGHTS_IN_A_CLUSTER: &str = "+cluster|slots +ping";

pub struct Redis {
    process: Option<Child>,
    directory: PathBuf,
    port: u16,
    access: Access,
}

/// How a fleet connects.
enum Access {
    Plain,
    /// As a user with a password, on the keys of one prefix.
    User,
    /// As a user with only the permissions that a fleet needs, on the keys of one prefix.
    Cluster,
    /// Over TLS on this port, as a user with only the permissions that a fleet needs, on the keys of one prefix.
    Tls(u16),
}

/// A password that has to be escaped in a URL, and its escaped form.
pub const PASSWORD: (&str, &str) = ("p@ss/w0rd-of-the-fleet", "p%40ss%2Fw0rd-of-the-fleet");
const ADMINISTRATOR: &str = "the-administrators";

impl Redis {
    pub fn start() -> Self {
        Self::start_on_free_ports(|_| (Access::Plain, String::new()))
    }

    /// Starts with a user who may only use the keys of this prefix.
    pub fn start_with_a_user(prefix: &str) -> Self {
        Self::start_on_free_ports(|_| (Access::User, user(prefix, RIGHTS)))
    }

    /// Starts with TLS and a user who may only use the keys of this prefix.
    pub fn start_with_tls_and_a_user(prefix: &str) -> Self {
        Self::start_on_free_ports(|directory| {
            make_certificates(directory);
            let port = free_port();
            let settings = format!(
                "tls-port {port}\ntls-cert-file server.pem\ntls-key-file server.key\ntls-ca-cert-file ca.pem\n\
                 tls-auth-clients no\nrequirepass {ADMINISTRATOR}\n\
                 {}",
                user(prefix, RIGHTS)
            );
            (Access::Tls(port), settings)
        })
    }

    /// Starts a cluster of three servers with a user who may only use the keys of this prefix.
    pub fn start_cluster(prefix: &str) -> [Self; 3] {
        let user = user(prefix, &format!("{RIGHTS} {RIGHTS_IN_A_CLUSTER}"));
        let nodes = [(); 3].map(|()| {
            Self::start_on_free_ports(|_| {
                (Access::Cluster, format!("cluster-enabled yes\ncluster-port {}\n{user}", free_port()))
            })
        });
        let addresses = nodes.each_ref().map(|node| format!("127.0.0.1:{}", node.port));
        for (node, (first, last)) in nodes.iter().zip([(0, 5461), (5462, 10922), (10923, 16383)]) {
            node.command::<()>(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]);
            node.meet(&nodes[0]);
        }
        for node in &nodes {
            wait_until(&format!("the cluster of {addresses:?} is complete"), || {
                let info: String = node.command(&["CLUSTER", "INFO"]);
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
            });
        }
        nodes
    }

    fn meet(&self, other: &Self) {
        let bus = other.command::<Vec<String>>(&["CONFIG", "GET", "cluster-port"]).remove(1);
        self.command::<()>(&["CLUSTER", "MEET", "127.0.0.1", &other.port.to_string(), &bus]);
    }

    /// Tries again with other ports if another process takes a free port first.
    fn start_on_free_ports(settings: impl Fn(&Path) -> (Access, String)) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        for _ in 0..10 {
            let number = NUMBER.fetch_add(1, Relaxed);
            let directory = fresh_directory(&format!("redis-{}-{number}", std::process::id()));
            let (access, settings) = settings(&directory);
            let mut redis = Self { process: None, directory, port: free_port(), access };
            let mut file = format!("bind 127.0.0.1\nport {}\nsave \"\"\nappendonly no\n", redis.port);
            write!(file, "dir {}\n{settings}", redis.directory.display()).unwrap();
            fs::write(redis.directory.join("redis.conf"), file).unwrap();
            if redis.runs() {
                return redis;
            }
        }
        panic!("redis-server does not start");
    }

    fn runs(&mut self) -> bool {
        let mut command = Command::new("redis-server");
        command.arg("redis.conf").current_dir(&self.directory).stdin(Stdio::null()).stdout(Stdio::null());
        let process = self.process.insert(command.spawn().unwrap());
        let mut has_ended = false;
        wait_until("redis-server responds", || {
            has_ended = process.try_wait().unwrap().is_some();
            has_ended || administrator(self.port, &self.access).is_ok()
        });
        !has_ended
    }

    pub fn variables(&self, prefix: &str) -> Vec<(&'static str, String)> {
        let url = match self.access {
            Access::Plain => format!("redis://127.0.0.1:{}?prefix={prefix}", self.port),
            Access::User => format!("redis://fleet:{}@127.0.0.1:{}?prefix={prefix}", PASSWORD.1, self.port),
            Access::Cluster => {
                format!("redis://fleet:{}@127.0.0.1:{}?cluster=true&prefix={prefix}", PASSWORD.1, self.port)
            }
            Access::Tls(port) => format!("rediss://fleet:{}@localhost:{port}/0?prefix={prefix}", PASSWORD.1),
        };
        let authority = self.directory.join("ca.pem");
        let trusted = authority.exists().then(|| ("TANGO_CACHE_CA_FILE", authority.display().to_string()));
        [("TANGO_CACHE", url)].into_iter().chain(trusted).collect()
    }

    /// Executes a command as administrator.
    pub fn command<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let mut connection = administrator(self.port, &self.access).unwrap();
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query(&mut connection).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// Returns the keys that begin with this prefix.
    pub fn keys(&self, prefix: &str) -> Vec<String> {
        self.command(&["KEYS", &format!("{prefix}*")])
    }

    pub fn entry(&self, prefix: &str, kind: &str) -> Option<Vec<u8>> {
        let key = self.keys(prefix).into_iter().find(|key| key.ends_with(kind))?;
        self.command(&["GET", &key])
    }

    /// Returns the time until the lock expires; `None` if nobody holds it.
    pub fn lock_expires_in(&self, prefix: &str) -> Option<Duration> {
        let lock = self.keys(prefix).into_iter().find(|key| key.ends_with("lock"))?;
        let left: i64 = self.command(&["PTTL", &lock]);
        assert_ne!(left, -1, "a lock that never expires");
        u64::try_from(left).ok().map(Duration::from_millis)
    }

    /// Returns the commands that the server denied to a user.
    pub fn denied_commands(&self) -> Vec<String> {
        let log: Vec<HashMap<String, redis::Value>> = self.command(&["ACL", "LOG"]);
        log.into_iter().map(|mut entry| redis::from_redis_value(entry.remove("object").unwrap()).unwrap()).collect()
    }

    pub fn flush(&self) {
        self.command::<()>(&["FLUSHALL"]);
    }

    /// Blocks all writes for a minute.
    pub fn slow_down(&self) {
        self.command::<()>(&["CLIENT", "PAUSE", "60000", "WRITE"]);
    }

    pub fn speed_up(&self) {
        self.command::<()>(&["CLIENT", "UNPAUSE"]);
    }

    /// Refuses all writes, as a server does whose replicas are missing.
    pub fn refuse_writes(&self) {
        self.command::<()>(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
    }

    pub fn accept_writes(&self) {
        self.command::<()>(&["CONFIG", "SET", "min-replicas-to-write", "0"]);
    }

    pub fn proxy(&self) -> RedisProxy {
        RedisProxy::start(self.port)
    }

    /// Suspends the server: its port accepts connections, but it does not respond.
    pub fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
    }

    pub fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        let id = self.process.as_ref().unwrap().id();
        kill(Pid::from_raw(id.try_into().unwrap()), signal).unwrap();
    }

    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts the server again on the same port, empty.
    pub fn start_again(&mut self) {
        self.stop();
        assert!(self.runs(), "the port is taken");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// A proxy before a server, which drops connections and loses responses.
pub struct RedisProxy {
    port: u16,
    faults: Arc<Faults>,
}

#[derive(Default)]
struct Faults {
    connections_to_drop: AtomicU32,
    /// From the request that contains this string on, a connection transfers no response.
    lost: Mutex<Option<&'static str>>,
}

impl RedisProxy {
    /// Its threads wait for connections until the test process ends.
    fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, faults) = (listener.local_addr().unwrap().port(), Arc::new(Faults::default()));
        let shared = Arc::clone(&faults);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let to_drop = &shared.connections_to_drop;
                if to_drop.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_err() {
                    let faults = Arc::clone(&shared);
                    thread::spawn(move || transfer(&client, server, &faults));
                }
            }
        });
        Self { port, faults }
    }

    pub fn url(&self, prefix: &str) -> String {
        format!("redis://127.0.0.1:{}?prefix={prefix}", self.port)
    }

    /// Closes the next connections as soon as they are there.
    pub fn drop_connections(&self, count: u32) {
        self.faults.connections_to_drop.store(count, Relaxed);
    }

    pub fn lose_responses_to(&self, part_of_request: &'static str) {
        *self.faults.lost.lock().unwrap() = Some(part_of_request);
    }

    /// Ends all faults. A connection that has lost a response stays without one.
    pub fn heal(&self) {
        *self.faults.lost.lock().unwrap() = None;
    }
}

fn transfer(client: &TcpStream, port: u16, faults: &Faults) {
    let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let is_mute = AtomicBool::new(false);
    let pipe = |mut from: &TcpStream, mut to: &TcpStream, is_response: bool| {
        let mut buffer = [0; 16 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let bytes = &buffer[..length];
            let lost = *faults.lost.lock().unwrap();
            if !is_response
                && lost.is_some_and(|part| bytes.windows(part.len()).any(|window| window == part.as_bytes()))
            {
                is_mute.store(true, Relaxed);
            }
            if !(is_response && is_mute.load(Relaxed)) && to.write_all(bytes).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    };
    thread::scope(|scope| {
        scope.spawn(|| pipe(client, &server, false));
        pipe(&server, client, true);
    });
}

/// Returns a line of redis.conf that defines the user of a fleet.
fn user(prefix: &str, rights: &str) -> String {
    format!("user fleet on >{} resetkeys ~{prefix}* resetchannels -@all {rights}\n", PASSWORD.0)
}

fn administrator(port: u16, access: &Access) -> redis::RedisResult<Connection> {
    let password = if matches!(access, Access::Tls(_)) { format!(":{ADMINISTRATOR}@") } else { String::new() };
    let client = Client::open(format!("redis://{password}127.0.0.1:{port}"))?;
    client.get_connection_with_timeout(Duration::from_secs(10))
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Writes an authority and a certificate for `localhost`.
fn make_certificates(directory: &Path) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(["localhost".into()]).unwrap().signed_by(&key, &authority).unwrap();
    for (name, pem) in [("ca.pem", authority.pem()), ("server.pem", server.pem()), ("server.key", key.serialize_pem())]
    {
        fs::write(directory.join(name), pem).unwrap();
    }
}
