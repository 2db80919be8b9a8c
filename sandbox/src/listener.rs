//! Accepts connections, with or without TLS, and serves HTTP/1.1 on them.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::fault::CloseConnection;
use crate::log;

const MAX_CONNECTIONS: usize = 2_000;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Also ends idle connections. Longer than clients usually keep theirs, so that the server is not the first to close.
const HEADER_TIMEOUT: Duration = Duration::from_secs(120);
/// Also limits the head of a request.
const MAX_BUFFER_BYTES: usize = 64 * 1024;
/// Keeps a process that is out of file descriptors from spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until the runtime ends, and calls `opened` for each connection. Beyond the limit, connections wait in the
/// queue of the operating system.
pub async fn serve(tcp: TcpListener, tls: Option<TlsAcceptor>, router: Router, opened: impl Fn()) {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
        let Ok((stream, _)) = tcp.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        opened();
        let (tls, router) = (tls.clone(), router.clone());
        tokio::spawn(async move {
            connection(stream, tls, router).await;
            drop(permit);
        });
    }
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, router: Router) {
    // Each response is one small write, which Nagle's algorithm would only delay.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else {
        return http(stream, router).await;
    };
    match timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
        Ok(Ok(stream)) => http(stream, router).await,
        Ok(Err(error)) => log::event(&format!("TLS handshake failed: {error}")),
        Err(_) => log::event("TLS handshake failed: timed out"),
    }
}

async fn http(stream: impl AsyncRead + AsyncWrite + Unpin, router: Router) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |request| {
        let response = router.call(request);
        async move {
            let Ok(response) = response.await;
            // An error makes hyper close the connection without sending a byte.
            match response.extensions().get::<CloseConnection>() {
                Some(_) => Err(io::Error::from(io::ErrorKind::ConnectionAborted)),
                None => Ok(response),
            }
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_BUFFER_BYTES)
        // The server's clock can be wrong on purpose, and a scripted response can lack the date.
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service);
    // A connection that fails was ended by its client, or by a fault on purpose.
    let _ = served.await;
}
