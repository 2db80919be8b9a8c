//! The sockets that the server listens on: one that systemd opened, a Unix socket, or a port of loopback.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use super::Place;
use super::bearer::Bearer;
use super::guard::Guard;
#[cfg(unix)]
use super::unix_socket::{self, SocketFile};
use crate::failure::Failure;

/// The bytes from and to a caller.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

pub enum Sockets {
    Tcp(tokio::net::TcpListener),
    #[cfg(unix)]
    Unix(tokio::net::UnixListener),
}

impl Sockets {
    pub async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // Each response is one small write, which Nagle's algorithm would only delay.
                let _ = stream.set_nodelay(true);
                Ok(Box::new(stream))
            }
            #[cfg(unix)]
            Self::Unix(listener) => listener.accept().await.map(|(stream, _)| Box::new(stream) as Box<dyn Stream>),
        }
    }
}

/// A socket, who may call on it, and its name for a person.
pub struct Listener {
    sockets: Sockets,
    guard: Guard,
    name: String,
    #[cfg(unix)]
    file: Option<SocketFile>,
}

/// What is removed when the server ends.
#[cfg(unix)]
pub type Files = Option<SocketFile>;
#[cfg(not(unix))]
pub type Files = ();

impl Listener {
    /// Returns the sockets that systemd passed, or else opens the one that the command line names.
    pub fn open_all(place: &Place) -> Result<Vec<Self>, Failure> {
        #[cfg(unix)]
        {
            let passed = Self::passed(place)?;
            if !passed.is_empty() {
                return Ok(passed);
            }
        }
        Self::open(place).map(|listener| vec![listener])
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn into_parts(self) -> (Sockets, Guard, Files) {
        #[cfg(unix)]
        return (self.sockets, self.guard, self.file);
        #[cfg(not(unix))]
        return (self.sockets, self.guard, ());
    }

    /// Returns the sockets of `LISTEN_FDS` (`sd_listen_fds`), whose unit decides about their permissions.
    #[cfg(unix)]
    fn passed(place: &Place) -> Result<Vec<Self>, Failure> {
        let mut passed = listenfd::ListenFd::from_env();
        let mut listeners = Vec::new();
        let mut bearer = None;
        for index in 0..passed.len() {
            let refused = |error: io::Error| Failure::new(format!("socket {index} of LISTEN_FDS: {error}"));
            if let Ok(Some(unix)) = passed.take_unix_listener(index) {
                unix_socket::check_listens(&unix).map_err(refused)?;
                listeners.push(Self::unix(unix, "serving on a socket of systemd".into(), None).map_err(refused)?);
            } else if let Some(tcp) = passed.take_tcp_listener(index).map_err(refused)? {
                unix_socket::check_listens(&tcp).map_err(refused)?;
                listeners.push(Self::tcp(tcp, place, &mut bearer)?);
            }
        }
        Ok(listeners)
    }

    fn open(place: &Place) -> Result<Self, Failure> {
        if let Some(address) = place.listen {
            check_loopback(address)?;
            let failed = |error| Failure::new(format!("cannot listen on {address}: {error}"));
            return Self::tcp(TcpListener::bind(address).map_err(failed)?, place, &mut None);
        }
        #[cfg(unix)]
        {
            let path = place.socket.clone().map_or_else(|| runtime_file("serve.sock", "--socket"), Ok)?;
            let (socket, file) = unix_socket::open(&path)?;
            let name = format!("serving on {}", path.display());
            Self::unix(socket, name, Some(file)).map_err(|error| Failure::new(format!("{}: {error}", path.display())))
        }
        #[cfg(not(unix))]
        return Err(Failure::usage("name a loopback address with --listen, such as 127.0.0.1:8731"));
    }

    #[cfg(unix)]
    fn unix(socket: std::os::unix::net::UnixListener, name: String, file: Files) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let sockets = Sockets::Unix(tokio::net::UnixListener::from_std(socket)?);
        Ok(Self { sockets, guard: Guard::of_socket(), name, file })
    }

    /// All ports have one bearer, which the first one makes: there is one file for it.
    fn tcp(socket: TcpListener, place: &Place, bearer: &mut Option<Arc<Bearer>>) -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::new(format!("cannot listen: {error}"));
        let address = socket.local_addr().map_err(failed)?;
        check_loopback(address)?;
        socket.set_nonblocking(true).map_err(failed)?;
        let sockets = Sockets::Tcp(tokio::net::TcpListener::from_std(socket).map_err(failed)?);
        let bearer = if let Some(bearer) = bearer {
            bearer
        } else {
            let path = place.bearer_file.clone();
            let path = path.map_or_else(|| runtime_file("serve.bearer", "--bearer-file"), Ok)?;
            bearer.insert(Arc::new(Bearer::create(path)?))
        };
        let name = format!("serving on http://{address} for callers with the bearer in {}", bearer.path().display());
        let guard = Guard::of_port(address, Arc::clone(bearer));
        Ok(Self {
            sockets,
            guard,
            name,
            #[cfg(unix)]
            file: None,
        })
    }
}

fn check_loopback(address: SocketAddr) -> Result<(), Failure> {
    if address.ip().is_loopback() {
        return Ok(());
    }
    Err(Failure::usage(format!("{address} is no loopback address; tokens do not leave this machine without TLS")))
}

/// Returns a file in the directory that the system has for sockets of this user, and makes the directory.
fn runtime_file(name: &str, flag: &str) -> Result<PathBuf, Failure> {
    let home = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = home.ok_or_else(|| Failure::usage(format!("XDG_RUNTIME_DIR is not set; name a file with {flag}")))?;
    let directory = home.join("tango-token");
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .recursive(true)
        .create(&directory)
        .map_err(|error| Failure::new(format!("cannot create {}: {error}", directory.display())))?;
    #[cfg(unix)]
    unix_socket::check_directory(&directory)?;
    Ok(directory.join(name))
}
