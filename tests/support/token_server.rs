//! A token endpoint of plain HTTP that responds to each request as its test says. It is its own proxy, and can stand
//! behind TLS.

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::request;

#[derive(Clone)]
pub struct TokenServer {
    pub address: SocketAddr,
    /// The whole response. With `None` there is none.
    response: Arc<Mutex<Option<String>>>,
}

impl TokenServer {
    /// Its threads wait for connections until the test process ends.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self { address: listener.local_addr().unwrap(), response: Arc::default() };
        let responses = Arc::clone(&server.response);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let responses = Arc::clone(&responses);
                thread::spawn(move || while respond(&stream, &responses).is_some() {});
            }
        });
        server
    }

    pub fn respond_with(&self, status: &str, body: &str) {
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}", body.len());
        *self.response.lock().unwrap() = Some(format!("{head}\r\n\r\n{body}"));
    }

    pub fn hang(&self) {
        *self.response.lock().unwrap() = None;
    }
}

fn respond(stream: &TcpStream, response: &Mutex<Option<String>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    request::read(&mut reader)?;
    let response = response.lock().unwrap().clone();
    match response {
        Some(response) => { stream }.write_all(response.as_bytes()).ok(),
        // Until the client has closed its end.
        None => reader.read_to_end(&mut Vec::new()).ok().and(None),
    }
}
