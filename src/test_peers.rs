//! Servers for tests: each handles a connection as its test says, with or without TLS.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};

/// A server that handles each connection as a test says.
pub struct Peer {
    pub port: u16,
    connections: Arc<AtomicUsize>,
}

impl Peer {
    /// Its threads wait for connections until the test process ends.
    pub fn start(handle: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, connections) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
        let (handle, counter) = (Arc::new(handle), Arc::clone(&connections));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                counter.fetch_add(1, SeqCst);
                let handle = Arc::clone(&handle);
                thread::spawn(move || handle(stream));
            }
        });
        Self { port, connections }
    }

    /// Sends these bytes in response to a request, and closes the connection.
    pub fn sending(response: impl Into<Vec<u8>>) -> Self {
        let response = response.into();
        Self::start(move |mut stream| {
            read_request(&mut stream);
            stream.write_all(&response).unwrap();
        })
    }

    /// The same with TLS, until the handshake fails.
    pub fn secured(
        config: Arc<ServerConfig>,
        handle: impl Fn(StreamOwned<ServerConnection, TcpStream>) + Send + Sync + 'static,
    ) -> Self {
        Self::start(move |stream| handle(StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream)))
    }

    pub fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }
}

/// Returns the head and the form of a token request, as far as they arrive.
pub fn read_request(stream: &mut impl Read) -> String {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !String::from_utf8_lossy(&request).contains("grant_type=password") {
        match stream.read(&mut buffer) {
            Ok(length @ 1..) => request.extend_from_slice(&buffer[..length]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&request).into_owned()
}

/// An authority, and the server certificates that it issues.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    pub ca_file: PathBuf,
}

impl Authority {
    pub fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, SeqCst);
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        // Of two authorities with one name, only the first would be tried.
        params.distinguished_name.push(DnType::CommonName, format!("authority {number}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let name = format!("tango-token-wire-{}-{number}.pem", std::process::id());
        let ca_file = std::env::temp_dir().join(name);
        fs::write(&ca_file, issuer.pem()).unwrap();
        Self { issuer, ca_file }
    }

    /// Returns a server that presents a certificate for `localhost`, with one change.
    pub fn server(&self, change: impl FnOnce(&mut CertificateParams)) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".into()]).unwrap();
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        Arc::new(builder.with_single_cert(vec![certificate.der().clone()], private(&key)).unwrap())
    }

    /// Returns a server that requires a certificate of the client.
    pub fn strict_server(&self, version: &'static SupportedProtocolVersion) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(["localhost".into()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        let mut clients = RootCertStore::empty();
        clients.add(CertificateDer::from(self.issuer.der().to_vec())).unwrap();
        let provider = Arc::new(default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(clients), Arc::clone(&provider)).build();
        let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
        let builder = builder.with_client_cert_verifier(verifier.unwrap());
        Arc::new(builder.with_single_cert(vec![certificate.der().clone()], private(&key)).unwrap())
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.ca_file);
    }
}

fn private(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(key.serialize_der()).into()
}
