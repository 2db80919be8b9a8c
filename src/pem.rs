//! PEM (RFC 7468) as people keep it: after a byte order mark, indented, with the line breaks of any system.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use zeroize::Zeroizing;

use crate::bom::without_bom;

const DASHES: &[u8] = b"-----";
const MARKERS: [&[u8]; 2] = [b"-----BEGIN ", b"-----END "];

/// Returns PEM in the strict form of RFC 7468: without blanks around and between its characters, and with line breaks
/// around BEGIN and END. YAML and environment variables change those; section 2 advises parsers to accept that. Byte
/// order marks are removed, which also stand between files that were joined.
pub(crate) fn normalized(content: &[u8]) -> Zeroizing<Vec<u8>> {
    // The largest capacity at once: a vector that grows leaves copies of a private key in freed memory.
    let mut lines = Zeroizing::new(Vec::with_capacity(content.len() + content.len() / 4 + 2));
    for line in content.split(|&byte| byte == b'\n' || byte == b'\r') {
        push_line(without_bom(line.trim_ascii()), &mut lines);
    }
    lines
}

fn push_line(mut line: &[u8], lines: &mut Vec<u8>) {
    while let Some(start) = MARKERS.into_iter().filter_map(|marker| find(line, marker)).min()
        && let Some(name) = find(&line[start + DASHES.len()..], DASHES)
    {
        let end = start + DASHES.len() + name + DASHES.len();
        push_words(&line[..start], lines);
        lines.extend_from_slice(&line[start..end]);
        lines.push(b'\n');
        line = &line[end..];
    }
    push_words(line, lines);
}

fn push_words(words: &[u8], lines: &mut Vec<u8>) {
    for word in words.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()) {
        lines.extend_from_slice(word);
        lines.push(b'\n');
    }
}

fn find(content: &[u8], part: &[u8]) -> Option<usize> {
    content.windows(part.len()).position(|window| window == part)
}

/// Returns the certificates in PEM. The error is a predicate, such as `is empty`, and repeats nothing.
pub(crate) fn certificates(content: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&normalized(content)).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err(reason(content)),
        Ok(certificates) => Ok(certificates),
        Err(_) => Err("is not a file of PEM certificates: one of its blocks is damaged or has no end"),
    }
}

/// Returns what a file without certificates in PEM is.
fn reason(content: &[u8]) -> &'static str {
    let contains = |label: &str| find(content, label.as_bytes()).is_some();
    match content {
        [] => "is empty",
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            "is in UTF-16, and PEM is ASCII; convert it: iconv -f UTF-16 -t UTF-8 FILE > ca.pem"
        }
        [0x30, 0x80..=0x84, ..] => "is in DER; convert it to PEM: openssl x509 -inform DER -in FILE -out ca.pem",
        _ if contains("-----BEGIN TRUSTED CERTIFICATE-----") => {
            "holds no PEM certificate, but one in OpenSSL's own form; convert it: openssl x509 -in FILE -out ca.pem"
        }
        _ if contains("-----BEGIN PKCS7-----") => {
            "holds no PEM certificate, but PKCS#7; convert it: openssl pkcs7 -in FILE -print_certs -out ca.pem"
        }
        _ if contains("PRIVATE KEY-----") => "holds a private key, and no PEM certificate",
        _ => "holds no PEM certificate",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = "-----BEGIN CERTIFICATE-----\nAAEC\nAwQF\n-----END CERTIFICATE-----\n";

    #[test]
    fn certificate_is_read_however_its_lines_begin_and_end() {
        for content in [
            PEM.to_owned(),
            format!("\u{feff}{PEM}"),
            format!("a comment\n\u{feff}{PEM}"),
            PEM.replace('\n', "\r\n"),
            PEM.replace('\n', "\n    ").replacen('-', "  -", 1),
            PEM.replace('\n', " \t\n"),
            PEM.replace('\n', " "),
            format!("a: {}", PEM.replace('\n', "")),
            PEM.trim_end().to_owned(),
        ] {
            assert_eq!(certificates(content.as_bytes()).unwrap()[0].as_ref(), [0, 1, 2, 3, 4, 5], "{content:?}");
        }
        let joined = format!("{PEM}\u{feff}{} {PEM}", PEM.trim_end());
        assert_eq!(certificates(joined.as_bytes()).unwrap().len(), 3);
    }

    #[test]
    fn content_without_certificates_is_told_by_its_kind() {
        let utf_16: Vec<u8> = "\u{feff}-----BEGIN".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (content, reason) in [
            (&b""[..], "is empty"),
            (&utf_16, "UTF-16"),
            (b"\x30\x82\x01\x00", "openssl x509 -inform DER"),
            (b"-----BEGIN TRUSTED CERTIFICATE-----\nAAEC\n-----END TRUSTED CERTIFICATE-----\n", "OpenSSL's own"),
            (b"-----BEGIN PKCS7-----\nAAEC\n-----END PKCS7-----\n", "openssl pkcs7"),
            (b"hello", "holds no PEM certificate"),
            (b"-----BEGIN CERTIFICATE-----\nAAEC\n", "no end"),
            (b"-----BEGIN CERTIFICATE-----\n???\n-----END CERTIFICATE-----\n", "damaged"),
        ] {
            let problem = certificates(content).unwrap_err();
            assert!(problem.contains(reason), "{problem} does not contain {reason}");
        }
    }
}
