//! Reads the body of a response, as much of it as arrives, and removes its compression.

use std::io::Read;
use std::time::Duration;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use reqwest::Response;
use reqwest::header::{CONTENT_ENCODING, HeaderMap};
use serde::de::IgnoredAny;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::deadline;

/// A response of a token endpoint has a few hundred bytes. A longer one comes from another server.
pub(super) const MAX_LENGTH: usize = 64 * 1024;
/// A body that is complete JSON, but shorter than announced, is used after this long without another byte.
const STALL: Duration = Duration::from_secs(1);
/// No server applies more codings, and each of them costs a pass over the body.
const MAX_CODINGS: usize = 8;
/// The first bytes of each gzip file (RFC 1952 section 2.3.1), which begin no text.
const GZIP_MAGIC: [u8; 3] = [0x1f, 0x8b, 0x08];

/// The part of a body that arrived, and what ended it.
pub(super) struct PartialBody {
    pub bytes: Zeroizing<Vec<u8>>,
    pub end: End,
}

pub(super) enum End {
    /// The end that the response announced.
    Complete,
    TooLong,
    Broken(reqwest::Error),
    TimedOut,
}

/// The coding of a body that this library does not decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Undecodable {
    Brotli,
    Zstandard,
    Compress,
    Unknown,
}

impl Undecodable {
    /// Returns what is wrong with the response, as the end of a sentence.
    pub fn problem(self) -> &'static str {
        match self {
            Self::Brotli => "is compressed with br, although the request asked for no compression",
            Self::Zstandard => "is compressed with zstd, although the request asked for no compression",
            Self::Compress => "is compressed with compress, although the request asked for no compression",
            Self::Unknown => "has an unknown Content-Encoding, although the request asked for none",
        }
    }
}

/// Reads the body to its end, so that the connection can be used for the next request.
pub(super) async fn read(response: &mut Response, deadline: Instant) -> PartialBody {
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    let end = loop {
        let pause = deadline.min(Instant::now() + STALL);
        match deadline::until(pause, response.chunk()).await {
            Some(Ok(Some(chunk))) => {
                let room = MAX_LENGTH - bytes.len();
                bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if chunk.len() > room {
                    break End::TooLong;
                }
            }
            Some(Ok(None)) => break End::Complete,
            Some(Err(error)) => break End::Broken(error),
            None if Instant::now() >= deadline || is_json_object(&bytes) => break End::TimedOut,
            None => {}
        }
    };
    PartialBody { bytes, end }
}

/// Reads the beginning of a body that ends with its connection.
pub(super) async fn read_beginning(response: &mut Response, deadline: Instant) -> Vec<u8> {
    match deadline::until(deadline, response.chunk()).await {
        Some(Ok(Some(chunk))) => chunk[..chunk.len().min(1024)].to_vec(),
        _ => Vec::new(),
    }
}

/// Returns whether these bytes are a whole JSON object, so that nothing of it is missing.
fn is_json_object(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(bytes).is_ok()
}

/// Removes the codings of `Content-Encoding` (RFC 9110 section 8.4), although the request asked for none: gateways
/// compress nevertheless. Some name a coding and remove it, and some do not name it, so the bytes decide about gzip.
/// What can be decoded of a damaged body is returned, and at most one byte more than [`MAX_LENGTH`].
pub(super) fn decode(mut bytes: Zeroizing<Vec<u8>>, headers: &HeaderMap) -> Result<Zeroizing<Vec<u8>>, Undecodable> {
    let named = headers.get_all(CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let codings: Vec<_> = named.flat_map(|value| value.split(',')).map(|coding| coding.trim().to_lowercase()).collect();
    if codings.len() > MAX_CODINGS && !is_text(&bytes) {
        return Err(Undecodable::Unknown);
    }
    for coding in codings.iter().rev() {
        bytes = match coding.as_str() {
            // Decoded below.
            "" | "identity" | "gzip" | "x-gzip" => bytes,
            // Nothing is left to be removed.
            _ if is_text(&bytes) => break,
            // RFC 9110 means the format of zlib, and some servers send the bare stream.
            "deflate" => match decoded(ZlibDecoder::new(&bytes[..])) {
                nothing if nothing.is_empty() => decoded(DeflateDecoder::new(&bytes[..])),
                decoded => decoded,
            },
            "br" => return Err(Undecodable::Brotli),
            "zstd" => return Err(Undecodable::Zstandard),
            "compress" | "x-compress" => return Err(Undecodable::Compress),
            _ => return Err(Undecodable::Unknown),
        };
        bytes = without_gzip(bytes);
    }
    Ok(without_gzip(bytes))
}

fn without_gzip(bytes: Zeroizing<Vec<u8>>) -> Zeroizing<Vec<u8>> {
    if bytes.starts_with(&GZIP_MAGIC) { decoded(MultiGzDecoder::new(&bytes[..])) } else { bytes }
}

fn decoded(decoder: impl Read) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    // After an error, `bytes` has everything before the damage.
    let _ = decoder.take(MAX_LENGTH as u64 + 1).read_to_end(&mut bytes);
    bytes
}

fn is_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| !text.contains(|c: char| c.is_control() && !c.is_ascii_whitespace()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    const JSON: &[u8] = br#"{"access_token":"token-1"}"#;

    fn headers(codings: &[&str]) -> HeaderMap {
        codings.iter().map(|coding| (CONTENT_ENCODING, coding.parse().unwrap())).collect()
    }

    fn decode_as(codings: &[&str], bytes: &[u8]) -> Result<Vec<u8>, Undecodable> {
        decode(Zeroizing::new(bytes.to_vec()), &headers(codings)).map(|bytes| bytes.to_vec())
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn deflate(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn gzip_and_deflate_are_decoded_however_they_are_named() {
        for (codings, bytes) in [
            (&["gzip"][..], gzip(JSON)),
            (&["X-GZIP"], gzip(JSON)),
            (&[], gzip(JSON)),
            (&["identity"], gzip(JSON)),
            (&["gzip, gzip"], gzip(&gzip(JSON))),
            (&["deflate", "gzip"], gzip(&zlib(JSON))),
            (&["gzip, deflate"], deflate(&gzip(JSON))),
            (&["deflate"], zlib(JSON)),
            (&["deflate"], deflate(JSON)),
            (&["identity"], JSON.to_vec()),
        ] {
            assert_eq!(decode_as(codings, &bytes).unwrap(), JSON, "{codings:?}");
        }
    }

    #[test]
    fn coding_that_a_gateway_removed_is_not_removed_again() {
        for coding in ["gzip", "deflate", "br", "zstd", "compress", "aes128gcm"] {
            assert_eq!(decode_as(&[coding], JSON).unwrap(), JSON, "{coding}");
        }
    }

    #[test]
    fn other_codings_are_named() {
        let noise = [0x0b, 0x0d, 0x80, 0x7b, 0x22, 0xff];
        for (coding, named) in [
            ("br", Undecodable::Brotli),
            ("zstd", Undecodable::Zstandard),
            ("compress", Undecodable::Compress),
            ("noise", Undecodable::Unknown),
        ] {
            assert_eq!(decode_as(&[coding], &noise), Err(named));
        }
    }

    #[test]
    fn many_codings_are_not_applied_one_after_another() {
        let many = ["deflate"; MAX_CODINGS + 1].join(",");
        let nested = (0..=MAX_CODINGS).fold(JSON.to_vec(), |bytes, _| zlib(&bytes));
        assert_eq!(decode_as(&[&many], &nested), Err(Undecodable::Unknown));
        assert_eq!(decode_as(&[&"x,".repeat(30_000)], JSON).unwrap(), JSON, "a text has none");
    }

    #[test]
    fn damaged_body_is_decoded_as_far_as_it_arrived() {
        let mut text = b"Client x has exceeded the daily rate limit. ".to_vec();
        text.extend((0..4_000_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()));
        let whole = gzip(&text);
        let part = decode_as(&["gzip"], &whole[..whole.len() / 2]).unwrap();
        assert!(part.starts_with(b"Client x has exceeded the daily rate limit. "));
    }

    #[test]
    fn decoded_length_is_bounded() {
        let bomb = gzip(&vec![b' '; 50_000_000]);
        assert!(bomb.len() < MAX_LENGTH);
        assert_eq!(decode_as(&["gzip"], &bomb).unwrap().len(), MAX_LENGTH + 1);
    }
}
