//! An HTTP proxy that knows one method, CONNECT (RFC 9110 section 9.3.6), and remembers what it was asked.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

pub struct ConnectProxy {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl ConnectProxy {
    /// Its threads wait for connections until the test process ends.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let seen = Arc::clone(&seen);
                thread::spawn(move || tunnel(&client, &seen));
            }
        });
        Self { port, heads }
    }

    pub fn url(&self, username: &str, password: &str) -> String {
        format!("http://{username}:{password}@127.0.0.1:{}", self.port)
    }

    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

fn tunnel(client: &TcpStream, seen: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut head = String::new();
    let mut reader = BufReader::new(client);
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head)? > 0 {}
    seen.lock().unwrap().push(head.clone());
    let target = head.split(' ').nth(1).unwrap_or_default().replace("localhost", "127.0.0.1");
    let server = TcpStream::connect(target)?;
    { client }.write_all(b"HTTP/1.1 200 Connected\r\n\r\n")?;
    thread::scope(|scope| {
        scope.spawn(|| copy(&mut reader, &server));
        copy(&mut { &server }, client);
    });
    Ok(())
}

fn copy(from: &mut dyn io::Read, mut to: &TcpStream) {
    let _ = io::copy(from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}
