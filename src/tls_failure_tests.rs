use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{CertRevocationListError, ContentType, HandshakeType, InconsistentKeys, OtherError, PeerMisbehaved};

use super::*;

const SETTING_NAMES: SettingNames = SettingNames { ca_file: "ca_file", address: "token_url" };

fn other(error: VerificationError) -> Error {
    CertificateError::Other(OtherError(Arc::new(error))).into()
}

/// 27 November 2026, 12:30, and a number of days.
fn day(number: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(1_795_782_600 + number * 86_400))
}

fn for_other_names(presented: &[&str]) -> CertificateError {
    CertificateError::NotValidForNameContext {
        expected: ServerName::try_from("auth.example").unwrap(),
        presented: presented.iter().map(|&name| name.into()).collect(),
    }
}

#[test]
fn certificates_are_explained_with_dates_names_and_the_setting() {
    let rows: [(Error, &[&str]); 14] = [
        (
            CertificateError::ExpiredContext { time: day(10), not_after: day(0) }.into(),
            &["expired on 27 Nov 2026 12:30 UTC", "shows 7 Dec 2026 12:30 UTC"],
        ),
        (
            CertificateError::NotValidYetContext { time: day(0), not_before: day(10) }.into(),
            &["not valid before 7 Dec 2026 12:30 UTC", "shows 27 Nov 2026 12:30 UTC"],
        ),
        (CertificateError::Expired.into(), &["has expired"]),
        (CertificateError::NotValidYet.into(), &["not valid yet", "clock"]),
        (CertificateError::UnknownIssuer.into(), &["not trusted here, or by the server itself", "ca_file"]),
        (CertificateError::BadSignature.into(), &["not signed by the authority that it names", "ca_file"]),
        (
            for_other_names(&["DnsName(\"a.example\")", "IpAddress(192.0.2.1)"]).into(),
            &["is for a.example, 192.0.2.1, and not for auth.example", "token_url"],
        ),
        (for_other_names(&[]).into(), &["is for no host at all"]),
        (for_other_names(&["DnsName(\"a\")"; 7]).into(), &["is for a, a, a, a, a and 2 more"]),
        (CertificateError::InvalidPurpose.into(), &["not made for servers"]),
        (other(VerificationError::CaUsedAsEndEntity), &["certificate of an authority as its own", "CA:FALSE"]),
        (other(VerificationError::EndEntityUsedAsCa), &["not one of an authority", "CA:TRUE"]),
        (other(VerificationError::UnsupportedCertVersion), &["X.509 version before 3", "subjectAltName"]),
        (other(VerificationError::NameConstraintViolation), &["was not allowed to do so"]),
    ];
    for (error, parts) in rows {
        let shown = explain(&error, &SETTING_NAMES);
        assert!(parts.iter().all(|part| shown.contains(part)), "{shown}");
    }
}

#[test]
fn peers_without_tls_or_with_another_version_are_told_apart() {
    let rows: [(Error, &str); 10] = [
        (InvalidMessage::InvalidContentType.into(), "is not TLS"),
        (InvalidMessage::MissingKeyExchange.into(), "breaks the rules of TLS"),
        (PeerMisbehaved::TooManyEmptyFragments.into(), "breaks the rules of TLS"),
        (PeerIncompatible::ServerDoesNotSupportTls12Or13.into(), "neither TLS 1.2 nor 1.3"),
        (PeerIncompatible::NoCipherSuitesInCommon.into(), "no secure algorithm in common"),
        (Error::AlertReceived(AlertDescription::ProtocolVersion), "protocol_version: it speaks neither"),
        (Error::AlertReceived(AlertDescription::HandshakeFailure), "handshake_failure: it has no secure algorithm"),
        (Error::AlertReceived(AlertDescription::CertificateRequired), "requires a certificate of the client"),
        (Error::AlertReceived(AlertDescription::UnrecognisedName), "check the host in token_url"),
        (Error::AlertReceived(AlertDescription::Unknown(200)), "with alert 200: "),
    ];
    for (error, part) in rows {
        let shown = explain(&error, &SETTING_NAMES);
        assert!(shown.contains(part), "{shown}");
    }
}

fn each_alert() -> impl Iterator<Item = Error> {
    (0..=u8::MAX).map(|number| Error::AlertReceived(AlertDescription::from(number)))
}

fn each_certificate_error() -> Vec<CertificateError> {
    use CertificateError as Certificate;
    vec![
        Certificate::BadEncoding,
        Certificate::Expired,
        Certificate::ExpiredContext { time: day(1), not_after: day(0) },
        Certificate::NotValidYet,
        Certificate::NotValidYetContext { time: day(0), not_before: day(1) },
        Certificate::Revoked,
        Certificate::UnhandledCriticalExtension,
        Certificate::UnknownIssuer,
        Certificate::UnknownRevocationStatus,
        Certificate::ExpiredRevocationList,
        Certificate::ExpiredRevocationListContext { time: day(1), next_update: day(0) },
        Certificate::BadSignature,
        #[allow(deprecated)]
        Certificate::UnsupportedSignatureAlgorithm,
        Certificate::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id: vec![42, 134],
            supported_algorithms: Vec::new(),
        },
        Certificate::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id: vec![42, 134],
            public_key_algorithm_id: vec![42, 134],
        },
        Certificate::NotValidForName,
        for_other_names(&["DnsName(\"a.example\")"]),
        Certificate::InvalidPurpose,
        Certificate::InvalidOcspResponse,
        Certificate::ApplicationVerificationFailure,
        Certificate::Other(OtherError(Arc::new(std::fmt::Error))),
    ]
}

fn each_verification_error() -> Vec<VerificationError> {
    use VerificationError as Verification;
    vec![
        Verification::BadDer,
        Verification::BadDerTime,
        Verification::CaUsedAsEndEntity,
        Verification::EmptyEkuExtension,
        Verification::EndEntityUsedAsCa,
        Verification::ExtensionValueInvalid,
        Verification::InvalidCertValidity,
        Verification::InvalidNetworkMaskConstraint,
        Verification::InvalidSerialNumber,
        Verification::MalformedDnsIdentifier,
        Verification::MalformedExtensions,
        Verification::MalformedNameConstraint,
        Verification::MaximumNameConstraintComparisonsExceeded,
        Verification::MaximumPathBuildCallsExceeded,
        Verification::MaximumPathDepthExceeded,
        Verification::MaximumSignatureChecksExceeded,
        Verification::NameConstraintViolation,
        Verification::PathLenConstraintViolated,
        Verification::SignatureAlgorithmMismatch,
        Verification::UnsupportedCertVersion,
        Verification::UnsupportedCriticalExtension,
        Verification::UnsupportedNameType,
    ]
}

fn each_other_error() -> Vec<Error> {
    vec![
        Error::InappropriateMessage { expect_types: Vec::new(), got_type: ContentType::ApplicationData },
        Error::InappropriateHandshakeMessage { expect_types: Vec::new(), got_type: HandshakeType::ClientHello },
        InvalidMessage::InvalidContentType.into(),
        InvalidMessage::UnknownProtocolVersion.into(),
        InvalidMessage::MissingData("Random").into(),
        Error::NoCertificatesPresented,
        Error::UnsupportedNameType,
        Error::DecryptError,
        Error::EncryptError,
        PeerIncompatible::NoKxGroupsInCommon.into(),
        PeerIncompatible::ServerRejectedEncryptedClientHello(None).into(),
        PeerMisbehaved::TooManyEmptyFragments.into(),
        CertRevocationListError::ParseError.into(),
        Error::General("a_debug_text".into()),
        Error::FailedToGetCurrentTime,
        Error::FailedToGetRandomBytes,
        Error::HandshakeNotComplete,
        Error::PeerSentOversizedRecord,
        Error::NoApplicationProtocol,
        Error::BadMaxFragmentSize,
        Error::InconsistentKeys(InconsistentKeys::Unknown),
        Error::Other(OtherError(Arc::new(std::fmt::Error))),
    ]
}

/// Names of Rust and numbers of seconds are for the developers of the library.
#[test]
fn no_explanation_has_a_name_of_rust_or_lacks_advice() {
    let certificates = each_certificate_error().into_iter().map(Error::from);
    let verifications = each_verification_error().into_iter().map(other);
    for error in each_alert().chain(certificates).chain(verifications).chain(each_other_error()) {
        let shown = explain(&error, &SETTING_NAMES);
        let advice = shown.split_once("; ").or_else(|| shown.split_once(": ")).map(|(_, advice)| advice);
        assert!(advice.is_some_and(|advice| advice.len() > 5), "{shown}");
        let is_of_rust = |word: &str| {
            let uppercase = word.bytes().filter(u8::is_ascii_uppercase).count();
            word.starts_with(char::is_uppercase) && uppercase > 1 && word.contains(char::is_lowercase)
        };
        assert!(!shown.split_whitespace().any(is_of_rust), "{shown}");
        assert!(!shown.contains("UNIX") && !shown.contains("a_debug_text") && !shown.contains('{'), "{shown}");
    }
}
