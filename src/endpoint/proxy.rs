//! Tunnels through a proxy: those of HTTP (RFC 9110 section 9.3.6) and of SOCKS5 (RFC 1928).

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{HOST, HeaderValue, PROXY_AUTHORIZATION, USER_AGENT};
use http::{Method, Request, Uri};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use secrecy::ExposeSecret;
use tokio::task::JoinHandle;
use tokio_socks::tcp::Socks5Stream;
use tokio_socks::{Error as SocksError, TargetAddr};
use zeroize::Zeroizing;

use super::dialer::{BadConfiguration, BoxError, Dialer, Io, authority, host, port};
use super::proxy_failure::Reason;
use crate::causes::causes;
use crate::config::{Protocol, ProxyCredentials, ProxyServer};

/// Opens a connection to the proxy and has it make a tunnel. There is none to a server without TLS, whose requests an
/// HTTP proxy forwards.
pub(super) async fn connect(
    dialer: &Dialer,
    proxy: &ProxyServer,
    target: &Uri,
    user_agent: &HeaderValue,
) -> Result<Box<dyn Io>, Reason> {
    let scheme = if proxy.protocol == Protocol::Https { "https" } else { "http" };
    let address: Uri = format!("{scheme}://{proxy}").parse().map_err(|error| Reason::Unreachable(Box::new(error)))?;
    let mut io = dialer.open(&address).await.map_err(Reason::Unreachable)?;
    if !proxy.protocol.is_http() {
        let target = address_of(target, dialer, proxy.protocol).await.map_err(Reason::Unresolved)?;
        return socks(io, proxy, target).await;
    }
    if proxy.protocol == Protocol::Https {
        io = dialer.secure(io, &address).await.map_err(insecure)?;
    }
    if target.scheme_str() == Some("https") { tunnel(io, proxy, target, user_agent).await } else { Ok(io) }
}

/// Returns the reason why a TLS handshake with the proxy failed.
fn insecure(error: BoxError) -> Reason {
    if causes(&*error).any(|cause| cause.is::<rustls::Error>() || cause.is::<BadConfiguration>()) {
        Reason::Untrusted(error)
    } else {
        Reason::Broken(error)
    }
}

/// Returns the header with which a client authenticates to an HTTP proxy, if it has credentials.
pub(super) fn authorization(proxy: &ProxyServer) -> Option<HeaderValue> {
    let credentials = proxy.credentials.as_ref().filter(|_| proxy.protocol.is_http())?;
    let pair = Zeroizing::new(format!("{}:{}", credentials.username, credentials.password.expose_secret()));
    let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    let mut value = HeaderValue::from_str(&value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Sends CONNECT. The HTTP client's own tunnel would not tell the status that the proxy responds with.
async fn tunnel(
    io: Box<dyn Io>,
    proxy: &ProxyServer,
    target: &Uri,
    user_agent: &HeaderValue,
) -> Result<Box<dyn Io>, Reason> {
    let broken = |error: hyper::Error| {
        if error.is_parse() { Reason::NoProxy("HTTP") } else { Reason::Broken(error.into()) }
    };
    let authority = authority(target);
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.method_mut() = Method::CONNECT;
    *request.uri_mut() = authority.parse().map_err(|error| Reason::Broken(Box::new(error)))?;
    let headers = request.headers_mut();
    headers.insert(HOST, HeaderValue::try_from(authority).map_err(|error| Reason::Broken(Box::new(error)))?);
    headers.insert(USER_AGENT, user_agent.clone());
    if let Some(authorization) = authorization(proxy) {
        headers.insert(PROXY_AUTHORIZATION, authorization);
    }
    let mut client = http1::Builder::new();
    client.ignore_invalid_headers_in_responses(true);
    let (mut sender, connection) = client.handshake(TokioIo::new(io)).await.map_err(broken)?;
    let _driver = Driver(tokio::spawn(async move { drop(connection.with_upgrades().await) }));
    let response = sender.send_request(request).await.map_err(broken)?;
    match response.status() {
        status if status.is_success() => {
            let upgraded = hyper::upgrade::on(response).await.map_err(broken)?;
            Ok(Box::new(TokioIo::new(upgraded)))
        }
        status => Err(Reason::of_status(status)),
    }
}

/// The task that transfers the bytes of CONNECT. It ends with the attempt.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Returns the server as SOCKS names it: an address, or a host name for the proxy to resolve.
async fn address_of(target: &Uri, dialer: &Dialer, protocol: Protocol) -> Result<TargetAddr<'static>, BoxError> {
    let (host, port) = (host(target), port(target));
    if protocol == Protocol::Socks5h && host.parse::<IpAddr>().is_err() {
        return Ok(TargetAddr::Domain(host.to_owned().into(), port));
    }
    let addresses = dialer.resolver.addresses(host, port).await?;
    addresses.first().map(|&address| TargetAddr::Ip(address)).ok_or_else(|| "the host name has no address".into())
}

async fn socks(io: Box<dyn Io>, proxy: &ProxyServer, target: TargetAddr<'_>) -> Result<Box<dyn Io>, Reason> {
    let connected = match &proxy.credentials {
        None => Socks5Stream::connect_with_socket(io, target).await,
        Some(ProxyCredentials { username, password, .. }) => {
            Socks5Stream::connect_with_password_and_socket(io, target, username, password.expose_secret()).await
        }
    };
    connected.map(Socks5Stream::into_inner).map_err(|error| match error {
        SocksError::Io(error) => Reason::Broken(error.into()),
        SocksError::PasswordAuthFailure(_)
        | SocksError::NoAcceptableAuthMethods
        | SocksError::AuthorizationRequired => Reason::Unauthorized("SOCKS5".into()),
        SocksError::ConnectionNotAllowedByRuleset
        | SocksError::CommandNotSupported
        | SocksError::AddressTypeNotSupported => Reason::Refused(error.to_string()),
        SocksError::GeneralSocksServerFailure
        | SocksError::NetworkUnreachable
        | SocksError::HostUnreachable
        | SocksError::ConnectionRefused
        | SocksError::TtlExpired => Reason::NoRoute(error.to_string()),
        _ => Reason::NoProxy("SOCKS5"),
    })
}
