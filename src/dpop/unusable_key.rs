//! Says what an input without a usable private key is, and which command converts it. No message repeats the input.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::der::{DerDocument, KeyKind};
use super::jwk::wrong_rsa_length;
use crate::bom::without_bom;

/// The command that makes a key for proofs.
const MAKE_ONE: &str = "make one: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem";

/// An input as messages call it.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    /// `the file` or `the string`.
    pub subject: &'static str,
    /// The name in commands, quoted for a shell.
    pub name: &'a str,
}

impl Source<'static> {
    pub const STRING: Self = Self { subject: "the string", name: "key.pem" };
}

/// Returns a sentence on an input in which no PEM block of a private key can be read.
pub(super) fn describe(content: &[u8], source: Source) -> String {
    let Source { subject, name } = source;
    let text = without_bom(content).trim_ascii();
    let predicate = match text {
        [] => "is empty".into(),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, ..] | [_, 0, ..] => {
            format!("is in UTF-16, and PEM is ASCII; convert it: iconv -f UTF-16 -t UTF-8 {name} > converted.pem")
        }
        [b'{', ..] => "holds JSON, and not PEM; a JWK is read by another function".into(),
        [0x30, ..] if DerDocument::read(content) != DerDocument::Unknown => {
            describe_der(DerDocument::read(content), name)
        }
        _ if contains(text, "-----BEGIN ") => describe_pem(text, name),
        _ => describe_text(text, name),
    };
    format!("{subject} {predicate}")
}

/// Returns a sentence on a private key in PEM that cannot be used.
pub(super) fn describe_key(der: &[u8]) -> String {
    let problem = match DerDocument::read(der) {
        DerDocument::PrivateKey(kind) => describe_kind(kind),
        _ => "is damaged, or of an algorithm that is not known".into(),
    };
    format!("the private key {problem}; {MAKE_ONE}")
}

fn describe_kind(kind: KeyKind) -> String {
    match kind {
        KeyKind::Rsa { modulus } => describe_rsa(modulus),
        KeyKind::RsaPss { parameters, pkcs1 } => match DerDocument::read(pkcs1) {
            DerDocument::PrivateKey(KeyKind::Rsa { modulus }) if KeyKind::allows_ps256(parameters) => {
                describe_rsa(modulus)
            }
            _ => "is an RSA-PSS key for other parameters than those of PS256 (SHA-256 and 32 bytes of salt)".into(),
        },
        KeyKind::Ec { curve: Some(curve @ ("P-256" | "P-384")) } => format!("is a damaged EC key on the curve {curve}"),
        KeyKind::Ec { curve: Some(curve) } => {
            format!("is an EC key on the curve {curve}, and proofs are signed with P-256 or P-384")
        }
        KeyKind::Ec { curve: None } => "is an EC key on a curve without a known name; proofs use P-256 or P-384".into(),
        KeyKind::Other("Ed25519") => "is a damaged Ed25519 key".into(),
        KeyKind::Other(name) => format!("is a key for {name}, which is not an algorithm of proofs here"),
        KeyKind::Unknown => "is damaged, or of an algorithm that is not known".into(),
    }
}

fn describe_rsa(modulus: &[u8]) -> String {
    wrong_rsa_length(modulus).unwrap_or_else(|| "is an RSA key whose numbers do not belong together".into())
}

fn describe_der(document: DerDocument, name: &str) -> String {
    match document {
        DerDocument::PrivateKey(_) => format!(
            "holds a private key in DER; convert it to PEM: openssl pkey -inform DER -in {name} -out converted.pem"
        ),
        DerDocument::EncryptedPrivateKey => format!(
            "holds an encrypted private key in DER; decrypt it: openssl pkcs8 -inform DER -in {name} -out converted.pem"
        ),
        DerDocument::Pkcs12 => format!(
            "is a PKCS#12 file; take the private key out: openssl pkcs12 -in {name} -nocerts -nodes -out converted.pem"
        ),
        DerDocument::PublicKey => "holds no private key, only a public key".into(),
        DerDocument::Certificate => "holds no private key, only a certificate".into(),
        DerDocument::Unknown => "holds neither PEM nor a JWK".into(),
    }
}

fn describe_pem(text: &[u8], name: &str) -> String {
    let holds = |label: &str| contains(text, &format!("-----BEGIN {label}-----"));
    if contains(text, r"\n") {
        format!(r#"has \n written out instead of line breaks; convert it: printf '%b' "$(cat {name})" > converted.pem"#)
    } else if holds("ENCRYPTED PRIVATE KEY") || contains(text, "Proc-Type: 4,ENCRYPTED") {
        format!("holds an encrypted private key; decrypt it: openssl pkey -in {name} -out converted.pem")
    } else if holds("OPENSSH PRIVATE KEY") {
        describe_openssh(text, name)
    } else if ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"].into_iter().any(holds) {
        "holds a private key in PEM that is damaged: its END line is missing, or its lines are not base64".into()
    } else if holds("CERTIFICATE") {
        "holds no private key, only a certificate".into()
    } else if ["PUBLIC KEY", "RSA PUBLIC KEY"].into_iter().any(holds) {
        "holds no private key, only a public key".into()
    } else {
        format!("holds no private key in PEM of which proofs can be made; {MAKE_ONE}")
    }
}

/// ssh-keygen writes RSA and EC keys as PKCS#8, but leaves Ed25519 keys as they are.
fn describe_openssh(text: &[u8], name: &str) -> String {
    let body = text.split(|&byte| byte == b'\n').filter(|line| !line.starts_with(b"-")).flat_map(<[u8]>::trim_ascii);
    let body: Vec<u8> = body.copied().collect();
    // The public key stands in the first part, unencrypted; a whole number of base64 groups is decoded.
    let start = body.get(..300).unwrap_or(&body[..body.len() / 4 * 4]);
    if STANDARD.decode(start).is_ok_and(|start| contains(&start, "ssh-ed25519")) {
        format!("holds an Ed25519 key in OpenSSH's own format, which ssh-keygen cannot convert; {MAKE_ONE}")
    } else {
        format!(
            "holds a private key in OpenSSH's own format; convert a copy of it: \
             cp {name} converted.pem && ssh-keygen -p -m PKCS8 -N '' -f converted.pem"
        )
    }
}

fn describe_text(text: &[u8], name: &str) -> String {
    let is_base64 = text.iter().all(|&byte| byte.is_ascii_alphanumeric() || b"+/=\r\n ".contains(&byte));
    if is_base64 && text.starts_with(b"LS0tLS1CRUdJTi") {
        format!("holds PEM in base64; decode it: base64 -d {name} > converted.pem")
    } else if is_base64 && text.starts_with(b"M") {
        format!(
            "holds base64 without the BEGIN and END lines of PEM; convert it: \
             base64 -d {name} | openssl pkey -inform DER -out converted.pem"
        )
    } else if text.starts_with(b"ssh-") || text.starts_with(b"ecdsa-sha2-") {
        "holds no private key, only a public key of OpenSSH".into()
    } else {
        "holds neither PEM nor a JWK".into()
    }
}

fn contains(text: &[u8], part: &str) -> bool {
    text.windows(part.len()).any(|window| window == part.as_bytes())
}
