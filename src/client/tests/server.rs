//! A small HTTP server that responds as a test says and records its requests.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

#[derive(Clone)]
pub enum ScriptedResponse {
    /// Bytes as they are.
    Raw(String),
    /// The connection is closed without a word.
    Close,
    /// The same, later.
    After(Duration, Box<ScriptedResponse>),
}

impl ScriptedResponse {
    pub fn json(status: u16, body: &str) -> Self {
        Self::with_type(status, "application/json", body)
    }

    pub fn text(status: u16, body: &str) -> Self {
        Self::with_type(status, "text/plain", body)
    }

    fn with_type(status: u16, content_type: &str, body: &str) -> Self {
        let length = body.len();
        Self::Raw(format!(
            "HTTP/1.1 {status} Status\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
    }
}

#[derive(Clone)]
pub struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    gate: Gate,
}

/// What a test holds and releases, so that it need not guess how long something takes.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<Held>, Condvar)>);

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Held {
    #[default]
    Nothing,
    Everything,
    /// The one with this number.
    One(usize),
}

impl Gate {
    pub fn hold(&self) {
        self.set(Held::Everything);
    }

    fn set(&self, held: Held) {
        *self.0.0.lock().unwrap() = held;
        self.0.1.notify_all();
    }

    pub fn release(&self) {
        self.set(Held::Nothing);
    }

    /// Waits while the gate is held.
    pub fn pass(&self) {
        self.pass_with(0);
    }

    fn pass_with(&self, number: usize) {
        let is_held = |held: &mut Held| *held == Held::Everything || *held == Held::One(number);
        drop(self.0.1.wait_while(self.0.0.lock().unwrap(), is_held).unwrap());
    }
}

type Script = dyn Fn(usize) -> ScriptedResponse + Send + Sync;

impl Server {
    /// Its threads wait for connections until the test process ends.
    pub fn start(respond: impl Fn(usize) -> ScriptedResponse + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let gate = Gate::default();
        let script: Arc<Script> = Arc::new(respond);
        let (heard, passed) = (Arc::clone(&requests), gate.clone());
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (heard, script, gate) = (Arc::clone(&heard), Arc::clone(&script), passed.clone());
                thread::spawn(move || serve(&stream, &heard, &gate, &*script));
            }
        });
        Self { port, requests, gate }
    }

    /// Holds back each response from now on, until `release`. Requests are counted.
    pub fn hold(&self) {
        self.gate.hold();
    }

    /// Holds back the response to the request with this number alone.
    pub fn hold_only(&self, number: usize) {
        self.gate.set(Held::One(number));
    }

    pub fn release(&self) {
        self.gate.release();
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/oauth/token", self.port)
    }

    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(stream: &TcpStream, heard: &Mutex<Vec<String>>, gate: &Gate, script: &Script) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let request = read_request(&mut reader)?;
        let number = {
            let mut heard = heard.lock().unwrap();
            heard.push(request);
            heard.len()
        };
        gate.pass_with(number);
        let mut reply = script(number);
        while let ScriptedResponse::After(pause, then) = reply {
            thread::sleep(pause);
            reply = *then;
        }
        let ScriptedResponse::Raw(bytes) = reply else { return None };
        { stream }.write_all(bytes.as_bytes()).ok()?;
    }
}

fn read_request(reader: &mut BufReader<&TcpStream>) -> Option<String> {
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        if reader.read_line(&mut request).ok()? == 0 {
            return None;
        }
    }
    let length = request.lines().find_map(|line| line.strip_prefix("content-length: "))?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    request.push_str(std::str::from_utf8(&body).ok()?);
    Some(request)
}
