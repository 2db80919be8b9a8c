//! The steps of a connection to the token endpoint, one by one, for the diagnosis. What is sent cannot issue a token.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use http::Uri;
use reqwest::header::DATE;
use reqwest::{Method, StatusCode, Version};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, DistinguishedName, SignatureScheme};
use tokio::time::Instant;

use super::dialer::{BoxError, Dialer, Io, authority, host, port};
use super::http_client::HttpClient;
use super::proxy;
use super::proxy_failure::ProxyFailure;
use super::{response_body, transport};
use crate::certificate::Certificate;
use crate::config::{Protocol, ProxyServer, Settings};
use crate::deadline;
use crate::error::Error;
use crate::read_budget::ReadBudget;
use crate::secret::Redactor;

/// The way to a token endpoint.
pub(crate) struct Probe {
    settings: Settings,
    target: Uri,
    dialer: Dialer,
    http: HttpClient,
    redactor: Redactor,
}

/// A connection before its TLS handshake.
pub(crate) struct Opened(Box<dyn Io>);

/// What a TLS handshake agreed on.
pub(crate) struct Negotiated {
    /// As `TLSv1_3`.
    pub protocol: String,
    pub cipher_suite: String,
}

/// The head of a response.
pub(crate) struct Head {
    pub status: StatusCode,
    pub date: Option<String>,
}

impl Probe {
    /// Opens no connection and reads no file.
    pub fn new(settings: &Settings) -> Result<Self, http::uri::InvalidUri> {
        let transport = &settings.transport;
        Ok(Self {
            target: settings.token_url.as_str().parse()?,
            dialer: Dialer::new(transport.trust.clone(), transport.connect_timeout, ReadBudget::new()),
            http: HttpClient::new(settings),
            redactor: settings.redactor(),
            settings: settings.clone(),
        })
    }

    fn proxy(&self) -> Option<&ProxyServer> {
        self.settings.transport.proxy.as_ref()
    }

    /// Returns the host and the port that this machine connects to.
    pub fn peer(&self) -> (String, u16) {
        match self.proxy() {
            Some(proxy) => (proxy.host.trim_matches(['[', ']']).to_owned(), proxy.port),
            None => (host(&self.target).to_owned(), port(&self.target)),
        }
    }

    /// Returns whether the proxy, and not this machine, resolves the name of the server.
    pub fn leaves_name_to_proxy(&self) -> bool {
        self.proxy().is_some_and(|proxy| proxy.protocol != Protocol::Socks5)
    }

    /// Returns the server as messages name it.
    pub fn server(&self) -> String {
        authority(&self.target)
    }

    pub fn has_tls(&self) -> bool {
        self.target.scheme_str() == Some("https")
    }

    /// Resolves the name of the host that this machine connects to.
    pub async fn resolve(&self) -> Result<Vec<SocketAddr>, Error> {
        let (host, port) = self.peer();
        let found =
            deadline::within(self.settings.transport.connect_timeout, self.dialer.resolver.addresses(&host, port));
        match found.await {
            Some(Ok(addresses)) => Ok(addresses),
            Some(Err(error)) => Err(self.error(&error)),
            None => Err(self.http.timed_out(false).error),
        }
    }

    /// Opens a connection to the server, through the proxy if there is one.
    pub async fn connect(&self) -> Result<Opened, Error> {
        let opening = async {
            let Some(proxy) = self.proxy() else { return self.dialer.open(&self.target).await };
            let user_agent = &self.settings.transport.user_agent;
            let opened = proxy::connect(&self.dialer, proxy, &self.target, user_agent).await;
            opened.map_err(|reason| Box::new(ProxyFailure::new(proxy, self.server(), reason)) as BoxError)
        };
        match deadline::within(self.settings.transport.connect_timeout, opening).await {
            Some(Ok(io)) => Ok(Opened(io)),
            Some(Err(error)) => Err(self.error(&*error)),
            None => Err(self.http.timed_out(false).error),
        }
    }

    /// Makes the TLS handshake. Also returns the certificates that the server presents, its own first, whether they are
    /// trusted or not.
    pub async fn secure(&self, Opened(io): Opened) -> (Vec<Certificate>, Result<Negotiated, Error>) {
        let presented = Presented::default();
        let watch = {
            let presented = presented.clone();
            move |verifier| Arc::new(Watched { verifier, presented }) as Arc<dyn ServerCertVerifier>
        };
        let handshake = self.dialer.secure_watched(io, &self.target, watch);
        let negotiated = match deadline::within(self.settings.transport.connect_timeout, handshake).await {
            Some(Ok(stream)) => {
                let (_, session) = stream.get_ref();
                let name = |value: Option<String>| value.unwrap_or_default();
                Ok(Negotiated {
                    protocol: name(session.protocol_version().map(|version| format!("{version:?}"))),
                    cipher_suite: name(session.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()))),
                })
            }
            Some(Err(error)) => Err(self.error(&*error)),
            None => Err(self.http.timed_out(false).error),
        };
        (presented.take(), negotiated)
    }

    /// Sends a GET request without credentials. A token endpoint issues tokens in response to POST alone (RFC 6749
    /// section 3.2).
    pub async fn head(&self) -> Result<Head, Error> {
        let deadline = Instant::now() + self.settings.transport.attempt_timeout;
        let response = deadline::until(deadline, self.http.send(self.http.request(Method::GET))).await;
        let response = response.ok_or_else(|| self.http.timed_out(false).error)?;
        let mut response = response.map_err(|error| self.error(&*error))?;
        if let Some(failure) = self.http.refused_by_proxy(&response, &self.redactor) {
            return Err(failure.error);
        }
        if response.version() == Version::HTTP_09 {
            let beginning = response_body::read_beginning(&mut response, deadline).await;
            return Err(transport::not_http(&beginning, &self.settings.token_url, &self.redactor).error);
        }
        let date = response.headers().get(DATE).and_then(|date| date.to_str().ok()).map(str::to_owned);
        Ok(Head { status: response.status(), date })
    }

    /// Returns the error that a client would report. Nothing was sent that matters.
    fn error(&self, error: &(dyn std::error::Error + 'static)) -> Error {
        self.http.failure(error, false, &self.redactor).error
    }
}

/// The certificates that a server presents.
#[derive(Clone, Debug, Default)]
struct Presented(Arc<Mutex<Vec<Certificate>>>);

impl Presented {
    fn set(&self, certificates: Vec<Certificate>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = certificates;
    }

    fn take(&self) -> Vec<Certificate> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A verifier that notes what is presented, and leaves the decision to the one that clients use.
#[derive(Debug)]
struct Watched {
    verifier: Arc<dyn ServerCertVerifier>,
    presented: Presented,
}

impl ServerCertVerifier for Watched {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let all = [end_entity].into_iter().chain(intermediates);
        self.presented.set(all.filter_map(|certificate| Certificate::read(certificate)).collect());
        self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        self.verifier.requires_raw_public_keys()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        self.verifier.root_hint_subjects()
    }
}
