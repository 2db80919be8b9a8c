//! Accepts connections, with or without TLS, and serves HTTP/1.1 on them.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::connection_fault::ConnectionFault;
use crate::fault::Interruption;
use crate::log;

const MAX_CONNECTIONS: usize = 2_000;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Also ends idle connections. Longer than clients usually keep theirs, so that the server is not the first to close.
const HEADER_TIMEOUT: Duration = Duration::from_secs(120);
/// Also limits the head of a request.
const MAX_BUFFER_BYTES: usize = 64 * 1024;
/// Keeps a process that is out of file descriptors from spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How connections become secure.
#[derive(Clone)]
pub struct Acceptors {
    pub usual: TlsAcceptor,
    /// Requires a certificate of the client.
    pub strict: TlsAcceptor,
}

/// Serves until the runtime ends, and calls `opened` for each connection, which may return a fault. Beyond the limit,
/// connections wait in the queue of the operating system.
pub async fn serve(
    tcp: TcpListener,
    tls: Option<Acceptors>,
    router: Router,
    opened: impl Fn() -> Option<ConnectionFault>,
) {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
        let Ok((stream, _)) = tcp.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let fault = opened();
        let (tls, router) = (tls.clone(), router.clone());
        tokio::spawn(async move {
            connection(stream, tls, fault, router).await;
            drop(permit);
        });
    }
}

async fn connection(mut stream: TcpStream, tls: Option<Acceptors>, fault: Option<ConnectionFault>, router: Router) {
    // Each response is one small write, which Nagle's algorithm would only delay.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else {
        return http(stream, router).await;
    };
    let acceptor = match fault {
        None => tls.usual,
        Some(ConnectionFault::ClientCertificate) => tls.strict,
        Some(ConnectionFault::Raw(bytes)) => {
            // A connection that fails was ended by its client.
            let _ = timeout(HANDSHAKE_TIMEOUT, stream.read(&mut [0; 4096])).await;
            let _ = send(&mut stream, &bytes, false).await;
            return;
        }
    };
    match timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
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
            // An error ends hyper's work on the connection without a byte being sent.
            match response.extensions().get::<Interruption>() {
                Some(interruption) => Err(interruption.clone()),
                None => Ok(response),
            }
        }
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_BUFFER_BYTES)
        // The server's clock can be wrong on purpose, and a scripted response can lack the date.
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service);
    // A connection that fails was ended by its client, or by a fault on purpose.
    let Err(error) = (&mut connection).await else { return };
    let interruption = error.source().and_then(|cause| cause.downcast_ref());
    if let Some(Interruption::Raw { bytes, stays_open }) = interruption {
        let _ = send(&mut connection.into_parts().io.into_inner(), bytes, *stays_open).await;
    }
}

/// Sends bytes as they are. The connection ends with the stream, or when the client goes away.
async fn send(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), bytes: &[u8], stays_open: bool) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await?;
    if !stays_open {
        stream.shutdown().await?;
    }
    while stream.read(&mut [0; 4096]).await? > 0 {}
    Ok(())
}
