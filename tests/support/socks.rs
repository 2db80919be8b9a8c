//! A SOCKS5 proxy (RFC 1928) that accepts one user name and password (RFC 1929), or anyone without, and records the hosts
//! that clients name. It can respond to everything with one code.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

pub struct SocksProxy {
    port: u16,
    hosts: Arc<Mutex<Vec<String>>>,
}

/// What the proxy does.
#[derive(Clone, Copy)]
pub struct Manner {
    /// The user name and the password that it wants.
    pub credentials: Option<(&'static str, &'static str)>,
    /// The code of its replies (RFC 1928 section 6); with 0 it makes the connection.
    pub reply: u8,
}

impl SocksProxy {
    /// Its threads wait for connections until the test process ends.
    pub fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let hosts = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&hosts);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let hosts = Arc::clone(&shared);
                thread::spawn(move || serve(client, manner, &hosts));
            }
        });
        Self { port, hosts }
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The hosts of the requests so far; an address of IPv6 is in brackets.
    pub fn hosts(&self) -> Vec<String> {
        self.hosts.lock().unwrap().clone()
    }
}

fn serve(mut client: TcpStream, manner: Manner, hosts: &Mutex<Vec<String>>) -> io::Result<()> {
    let [_, methods] = read(&mut client)?;
    let mut offered = vec![0; methods.into()];
    client.read_exact(&mut offered)?;
    let method = if manner.credentials.is_some() { 2 } else { 0 };
    if !offered.contains(&method) {
        return client.write_all(&[5, 0xff]);
    }
    client.write_all(&[5, method])?;
    if let Some((username, password)) = manner.credentials {
        let [_] = read(&mut client)?;
        let is_right = string(&mut client)? == username && string(&mut client)? == password;
        client.write_all(&[1, u8::from(!is_right)])?;
        if !is_right {
            return Ok(());
        }
    }
    let [_, _, _, kind] = read(&mut client)?;
    let host = match kind {
        1 => Ipv4Addr::from(read::<4>(&mut client)?).to_string(),
        4 => format!("[{}]", Ipv6Addr::from(read::<16>(&mut client)?)),
        _ => string(&mut client)?,
    };
    let port = u16::from_be_bytes(read(&mut client)?);
    hosts.lock().unwrap().push(host);
    client.write_all(&[5, manner.reply, 0, 1, 127, 0, 0, 1, 0, 1])?;
    if manner.reply != 0 {
        return Ok(());
    }
    // The sandbox listens on one address only.
    let server = TcpStream::connect(("127.0.0.1", port))?;
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || io::copy(&mut from_client, &mut to_server));
    io::copy(&mut { &server }, &mut client).map(drop)
}

fn read<const LENGTH: usize>(client: &mut TcpStream) -> io::Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    client.read_exact(&mut bytes).map(|()| bytes)
}

fn string(client: &mut TcpStream) -> io::Result<String> {
    let [length] = read(client)?;
    let mut bytes = vec![0; length.into()];
    client.read_exact(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
