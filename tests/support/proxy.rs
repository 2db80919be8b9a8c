//! An HTTP proxy that knows one method, CONNECT (RFC 9110 section 9.3.6). It records its requests, and is a gate that a
//! test can close. Instead of making tunnels it can respond to everything in one way.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

pub struct ConnectProxy {
    port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// What it responds to each request before it closes the connection, if it makes no tunnels.
    response: Option<&'static [u8]>,
    heads: Mutex<Vec<String>>,
    is_held: Mutex<bool>,
    released: Condvar,
}

impl ConnectProxy {
    /// Its threads wait for connections until the test process ends.
    pub fn start() -> Self {
        Self::with(State::default())
    }

    /// One that responds to each request with these bytes.
    pub fn responding(response: &'static [u8]) -> Self {
        Self::with(State { response: Some(response), ..State::default() })
    }

    fn with(state: State) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(state);
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&shared);
                thread::spawn(move || tunnel(&client, &state));
            }
        });
        Self { port, state }
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn url(&self, username: &str, password: &str) -> String {
        format!("http://{username}:{password}@{}", self.address())
    }

    /// The heads of the requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.state.heads.lock().unwrap().clone()
    }

    /// Keeps everything that clients send from the server, until `release`.
    pub fn hold(&self) {
        *self.state.is_held.lock().unwrap() = true;
    }

    pub fn release(&self) {
        *self.state.is_held.lock().unwrap() = false;
        self.state.released.notify_all();
    }
}

impl State {
    fn wait_for_release(&self) {
        let _held = self.released.wait_while(self.is_held.lock().unwrap(), |is_held| *is_held).unwrap();
    }
}

fn tunnel(client: &TcpStream, state: &State) -> io::Result<()> {
    let mut head = String::new();
    let mut reader = BufReader::new(client);
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head)? > 0 {}
    state.heads.lock().unwrap().push(head.clone());
    if let Some(response) = state.response {
        { client }.write_all(response)?;
        // Closed before the client has closed its end, what it sent since would reset the connection.
        return reader.read_to_end(&mut Vec::new()).map(drop);
    }
    // The sandbox listens on one address only.
    let target =
        head.split(' ').nth(1).unwrap_or_default().replace("localhost", "127.0.0.1").replace("[::1]", "127.0.0.1");
    let server = TcpStream::connect(target)?;
    { client }.write_all(b"HTTP/1.1 200 Connected\r\n\r\n")?;
    thread::scope(|scope| {
        scope.spawn(|| forward(&mut reader, &server, || state.wait_for_release()));
        forward(&mut { &server }, client, || ());
    });
    Ok(())
}

fn forward(from: &mut dyn Read, mut to: &TcpStream, before_each_write: impl Fn()) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        before_each_write();
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
