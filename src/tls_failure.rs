//! Failures of TLS as a person reads them: what the server sent, and which setting to look at.

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};
use webpki::Error as VerificationError;

use crate::human;

/// The most names of a certificate that a message lists.
const MAX_NAMES: usize = 5;

/// The names of the settings of a connection.
pub(crate) struct SettingNames {
    pub ca_file: &'static str,
    pub address: &'static str,
}

/// Returns what is wrong, and what to do about it: `what; what to do`.
pub(crate) fn explain(error: &Error, settings: &SettingNames) -> String {
    let SettingNames { ca_file, address } = settings;
    match error {
        Error::InvalidCertificate(error) => certificate(error, settings),
        Error::AlertReceived(alert) => refused(*alert, settings),
        Error::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion) => {
            format!("what it sent is not TLS, and may be plain HTTP or another protocol; check the port in {address}")
        }
        Error::PeerIncompatible(error) => incompatible(error),
        Error::NoCertificatesPresented => "the server sent no certificate; check its configuration".into(),
        Error::NoApplicationProtocol => {
            format!("the server offers no protocol that this library speaks; check the host and the port in {address}")
        }
        Error::UnsupportedNameType => format!("the host is no name that a certificate can have; check {address}"),
        Error::InvalidCertRevocationList(_) => {
            "the list of revoked certificates cannot be used; check the certificates of this machine".into()
        }
        Error::FailedToGetCurrentTime => "the clock of this machine cannot be read; set it".into(),
        Error::FailedToGetRandomBytes => "this machine has no random numbers; check its system".into(),
        Error::InvalidMessage(_)
        | Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. }
        | Error::PeerMisbehaved(_)
        | Error::PeerSentOversizedRecord
        | Error::DecryptError => format!(
            "what it sent breaks the rules of TLS; check the host and the port in {address}, and whether a device in \
             between changes the connection"
        ),
        _ => format!("TLS failed; check {address}, {ca_file}, and the certificates and the clock of this machine"),
    }
}

#[allow(deprecated)] // custom verifiers can still return UnsupportedSignatureAlgorithm
fn certificate(error: &CertificateError, settings: &SettingNames) -> String {
    use CertificateError as Certificate;
    let SettingNames { ca_file, address } = settings;
    match error {
        Certificate::ExpiredContext { time, not_after } => format!(
            "a certificate of the server expired on {}; replace it, or set the clock of this machine, which shows {}",
            date(*not_after),
            date(*time)
        ),
        Certificate::Expired => {
            "a certificate of the server has expired; replace it, or check the clock of this machine".into()
        }
        Certificate::NotValidYetContext { time, not_before } => format!(
            "a certificate of the server is not valid before {}; set the clock of this machine, which shows {}, or \
             wait until then",
            date(*not_before),
            date(*time)
        ),
        Certificate::NotValidYet => {
            "a certificate of the server is not valid yet; check the clock of this machine".into()
        }
        Certificate::UnknownIssuer => format!(
            "the server's certificate was issued by an authority that is not trusted here, or by the server itself; \
             {ca_file} has to name a file with the certificate of that authority"
        ),
        Certificate::BadSignature => format!(
            "the server's certificate is not signed by the authority that it names; {ca_file} may hold an earlier \
             certificate of that authority"
        ),
        Certificate::NotValidForNameContext { expected, presented } => {
            format!(
                "the server's certificate is for {}, and not for {}; check the host in {address}",
                names(presented),
                expected.to_str()
            )
        }
        Certificate::NotValidForName => {
            format!("the server's certificate is for another host; check the host in {address}")
        }
        Certificate::Revoked => "a certificate of the server was revoked; the server needs a new one".into(),
        Certificate::InvalidPurpose | Certificate::InvalidPurposeContext { .. } => {
            "the server's certificate is not made for servers; issue one with the extended key usage serverAuth".into()
        }
        Certificate::BadEncoding => "a certificate of the server is damaged; the server needs a new one".into(),
        Certificate::UnhandledCriticalExtension => extension_required(),
        Certificate::UnsupportedSignatureAlgorithm
        | Certificate::UnsupportedSignatureAlgorithmContext { .. }
        | Certificate::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "a certificate of the server is signed with an algorithm that is not supported, such as SHA-1; the server \
             needs a new one"
                .into()
        }
        Certificate::UnknownRevocationStatus
        | Certificate::ExpiredRevocationList
        | Certificate::ExpiredRevocationListContext { .. }
        | Certificate::InvalidOcspResponse => {
            "this machine cannot tell whether the server's certificate was revoked; check its revocation lists".into()
        }
        Certificate::Other(error) => match error.0.downcast_ref::<VerificationError>() {
            Some(error) => verification(error),
            None => unverifiable(),
        },
        _ => unverifiable(),
    }
}

/// Explains the errors of the verifier for which rustls has no variant.
fn verification(error: &VerificationError) -> String {
    use VerificationError as Verification;
    match error {
        Verification::CaUsedAsEndEntity => "the server uses the certificate of an authority as its own, as \
             `openssl req -x509` makes it; issue one with basicConstraints CA:FALSE"
            .into(),
        Verification::EndEntityUsedAsCa => "the server's certificate was issued by a certificate that is not one of \
             an authority; issue it with one that has basicConstraints CA:TRUE"
            .into(),
        Verification::UnsupportedCertVersion => "the server's certificate has an X.509 version before 3, which names \
             no host; issue one of version 3 with a subjectAltName"
            .into(),
        Verification::UnsupportedCriticalExtension => extension_required(),
        Verification::NameConstraintViolation | Verification::PathLenConstraintViolated => {
            "the authority that issued the server's certificate was not allowed to do so by its own certificate; the \
             server needs another one"
                .into()
        }
        Verification::MaximumNameConstraintComparisonsExceeded
        | Verification::MaximumPathBuildCallsExceeded
        | Verification::MaximumPathDepthExceeded
        | Verification::MaximumSignatureChecksExceeded => {
            "the server sent too many certificates; it should send its own and those between it and the authority"
                .into()
        }
        Verification::EmptyEkuExtension
        | Verification::ExtensionValueInvalid
        | Verification::InvalidNetworkMaskConstraint
        | Verification::InvalidSerialNumber
        | Verification::MalformedDnsIdentifier
        | Verification::MalformedExtensions
        | Verification::MalformedNameConstraint
        | Verification::SignatureAlgorithmMismatch => {
            "a certificate of the server has a field that breaks the rules of X.509; the server needs a new one".into()
        }
        _ => unverifiable(),
    }
}

fn unverifiable() -> String {
    "the server's certificate cannot be verified; check it with `openssl s_client -connect HOST:PORT -showcerts`".into()
}

fn extension_required() -> String {
    "a certificate of the server requires an extension that this library does not know; the server needs another one"
        .into()
}

fn incompatible(error: &PeerIncompatible) -> String {
    match error {
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled
        | PeerIncompatible::SupportedVersionsExtensionRequired => {
            "the server speaks neither TLS 1.2 nor 1.3, and older versions are not secure; update the server".into()
        }
        PeerIncompatible::ServerRejectedEncryptedClientHello(_) => {
            "the server rejected the encrypted host name; update the server".into()
        }
        _ => "the server and this library have no secure algorithm in common; update the server or its settings".into(),
    }
}

/// Explains a fatal alert: the server refused the handshake.
fn refused(alert: AlertDescription, settings: &SettingNames) -> String {
    use AlertDescription as Alert;
    let address = settings.address;
    let advice = match alert {
        Alert::CertificateRequired | Alert::NoCertificate => {
            "it requires a certificate of the client, and this library has none; use an address that requires none"
                .into()
        }
        Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateUnknown
        | Alert::UnknownCA
        | Alert::AccessDenied => {
            "it probably requires a certificate of the client, and this library has none; use an address that \
             requires none"
                .into()
        }
        Alert::HandshakeFailure | Alert::InsufficientSecurity => {
            "it has no secure algorithm in common with this library, or requires a certificate of the client, which \
             this library does not have; check the server's log"
                .into()
        }
        Alert::ProtocolVersion | Alert::InappropriateFallback => {
            "it speaks neither TLS 1.2 nor 1.3, and older versions are not secure; update the server".into()
        }
        Alert::UnrecognisedName => format!("it does not know this host name; check the host in {address}"),
        Alert::NoApplicationProtocol => {
            format!("it offers no protocol that this library speaks; check the host and the port in {address}")
        }
        Alert::InternalError => "it has an error of its own; try again later, or check the server's log".into(),
        Alert::UserCanceled | Alert::CloseNotify => "it gave up; try again later, or check the server's log".into(),
        _ => format!("check the server's log, and the host and the port in {address}"),
    };
    match name(alert) {
        Some(name) => format!("the server refused it with the alert {name}: {advice}"),
        None => format!("the server refused it with alert {}: {advice}", u8::from(alert)),
    }
}

/// Returns the name of an alert in RFC 8446 section 6, or in RFC 5246 section 7.2 for older ones.
fn name(alert: AlertDescription) -> Option<&'static str> {
    use AlertDescription as Alert;
    Some(match alert {
        Alert::CloseNotify => "close_notify",
        Alert::UnexpectedMessage => "unexpected_message",
        Alert::BadRecordMac => "bad_record_mac",
        Alert::DecryptionFailed => "decryption_failed",
        Alert::RecordOverflow => "record_overflow",
        Alert::DecompressionFailure => "decompression_failure",
        Alert::HandshakeFailure => "handshake_failure",
        Alert::NoCertificate => "no_certificate",
        Alert::BadCertificate => "bad_certificate",
        Alert::UnsupportedCertificate => "unsupported_certificate",
        Alert::CertificateRevoked => "certificate_revoked",
        Alert::CertificateExpired => "certificate_expired",
        Alert::CertificateUnknown => "certificate_unknown",
        Alert::IllegalParameter => "illegal_parameter",
        Alert::UnknownCA => "unknown_ca",
        Alert::AccessDenied => "access_denied",
        Alert::DecodeError => "decode_error",
        Alert::DecryptError => "decrypt_error",
        Alert::ExportRestriction => "export_restriction",
        Alert::ProtocolVersion => "protocol_version",
        Alert::InsufficientSecurity => "insufficient_security",
        Alert::InternalError => "internal_error",
        Alert::InappropriateFallback => "inappropriate_fallback",
        Alert::UserCanceled => "user_canceled",
        Alert::NoRenegotiation => "no_renegotiation",
        Alert::MissingExtension => "missing_extension",
        Alert::UnsupportedExtension => "unsupported_extension",
        Alert::CertificateUnobtainable => "certificate_unobtainable",
        Alert::UnrecognisedName => "unrecognized_name",
        Alert::BadCertificateStatusResponse => "bad_certificate_status_response",
        Alert::BadCertificateHashValue => "bad_certificate_hash_value",
        Alert::UnknownPSKIdentity => "unknown_psk_identity",
        Alert::CertificateRequired => "certificate_required",
        Alert::NoApplicationProtocol => "no_application_protocol",
        Alert::EncryptedClientHelloRequired => "ech_required",
        _ => return None,
    })
}

/// Returns the names in a certificate, which the verifier presents as `DnsName("a.example")`.
fn names(presented: &[String]) -> String {
    let plain = |name: &String| {
        let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
        inner.trim_matches('"').to_owned()
    };
    let listed: Vec<_> = presented.iter().take(MAX_NAMES).map(plain).collect();
    match presented.len() {
        0 => "no host at all".into(),
        count if count > MAX_NAMES => format!("{} and {} more", listed.join(", "), count - MAX_NAMES),
        _ => listed.join(", "),
    }
}

fn date(time: UnixTime) -> String {
    human::date(i64::try_from(time.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
#[path = "tls_failure_tests.rs"]
mod tests;
