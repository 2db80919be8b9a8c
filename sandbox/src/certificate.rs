//! A certificate authority and a server certificate, new at each start. Their private keys stay in memory.

use std::error::Error;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::{WantsServerCert, WebPkiClientVerifier};
use rustls::{ConfigBuilder, RootCertStore, ServerConfig};
use time::{Duration, OffsetDateTime};

use crate::random;

/// Names that the server certificate always carries.
const LOOPBACK_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// Longer than any job runs, and short enough for platforms that refuse long-lived server certificates.
const VALID_DAYS: i64 = 90;

/// The certificate and key of the TLS listener, and the authority that its clients have to trust.
pub struct TlsIdentity {
    pub ca_pem: String,
    pub server_config: ServerConfig,
    /// The same for connections whose clients need a certificate, which none can have.
    pub strict_config: ServerConfig,
}

/// Makes a new authority and a certificate for the loopback names and `host`.
pub fn generate(host: &str) -> Result<TlsIdentity, Box<dyn Error>> {
    let ca = CertifiedIssuer::self_signed(ca_params()?, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let leaf = leaf_params(host)?.signed_by(&key, &ca)?;

    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = || ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let mut clients = RootCertStore::empty();
    clients.add(ca.der().clone())?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(clients), Arc::clone(&provider)).build()?;
    let configured = |builder: ConfigBuilder<ServerConfig, WantsServerCert>| {
        let private_key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        let mut config = builder.with_single_cert(vec![leaf.der().clone()], private_key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok::<_, rustls::Error>(config)
    };
    Ok(TlsIdentity {
        ca_pem: ca.pem(),
        server_config: configured(builder()?.with_no_client_auth())?,
        strict_config: configured(builder()?.with_client_cert_verifier(verifier))?,
    })
}

fn ca_params() -> Result<CertificateParams, rcgen::Error> {
    // A unique name: of two authorities with the same name, some verifiers try only the first.
    let mut params = params(Vec::new(), format!("tango-sandbox CA {}", random::id()))?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn leaf_params(host: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut names: Vec<String> = LOOPBACK_NAMES.map(String::from).into();
    if !LOOPBACK_NAMES.contains(&host) {
        names.push(host.into());
    }
    let mut params = params(names, "tango-sandbox".into())?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn params(names: Vec<String>, common_name: String) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let now = OffsetDateTime::now_utc();
    params.not_before = now - Duration::DAY;
    params.not_after = now + Duration::days(VALID_DAYS);
    Ok(params)
}
