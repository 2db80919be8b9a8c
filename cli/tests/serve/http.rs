//! The smallest HTTP client, so that tests can send what no client would.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

const TIMEOUT: Duration = Duration::from_secs(30);

pub trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

/// Where a server listens.
#[derive(Clone)]
pub enum Address {
    Socket(PathBuf),
    Port(u16),
}

impl Address {
    pub fn connect(&self) -> Box<dyn Stream> {
        self.try_connect().unwrap()
    }

    pub fn try_connect(&self) -> std::io::Result<Box<dyn Stream>> {
        Ok(match self {
            Self::Socket(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(TIMEOUT))?;
                Box::new(stream)
            }
            Self::Port(port) => {
                let stream = TcpStream::connect(("127.0.0.1", *port))?;
                stream.set_read_timeout(Some(TIMEOUT))?;
                Box::new(stream)
            }
        })
    }

    fn host(&self) -> String {
        match self {
            Self::Socket(_) => "localhost".into(),
            Self::Port(port) => format!("127.0.0.1:{port}"),
        }
    }

    pub fn get(&self, path: &str, headers: &[&str]) -> Response {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\n", self.host()), headers, "")
    }

    pub fn post(&self, path: &str, body: &str) -> Response {
        let length = format!("Content-Length: {}", body.len());
        self.send(&format!("POST {path} HTTP/1.1\r\nHost: {}\r\n", self.host()), &[&length], body)
    }

    /// Sends a request that begins with `head`, and reads the response to the end of the connection. A server that
    /// refuses a long request may close the connection before all of it is sent; its response can be lost then.
    pub fn send(&self, head: &str, headers: &[&str], body: &str) -> Response {
        let mut stream = self.connect();
        let headers = headers.iter().map(|header| format!("{header}\r\n")).collect::<Vec<_>>().concat();
        let _ = stream.write_all(format!("{head}{headers}Connection: close\r\n\r\n{body}").as_bytes());
        let mut response = Vec::new();
        if let Err(error) = stream.read_to_end(&mut response) {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
        }
        Response(String::from_utf8(response).unwrap())
    }
}

#[derive(Debug)]
pub struct Response(String);

impl Response {
    /// Returns the status; 0 if the response was lost.
    pub fn status(&self) -> u16 {
        if self.0.is_empty() {
            return 0;
        }
        self.0.split(' ').nth(1).unwrap_or_else(|| panic!("{self:?}")).parse().unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let head = self.0.split("\r\n\r\n").next().unwrap();
        let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(self.0.split_once("\r\n\r\n").unwrap().1).unwrap_or_else(|_| panic!("{self:?}"))
    }
}
