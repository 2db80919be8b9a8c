//! The text of a body: compression, encodings of Unicode, JSON with defects, HTML and XML. Nothing grows beyond the
//! space that was allocated for it, and valid JSON is read as `serde_json` reads it.
#![no_main]

use std::io::Write;
use std::sync::LazyLock;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use http::header::{CONTENT_ENCODING, HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use support::{check_error, http_message, reveal};
use tango_token::fuzzing::{
    decoded_body, decoded_text, is_daily_limit, leaf_elements, markup_text, read_json, repaired_json, unescaped,
    unreadable, visible_text,
};
use url::Url;

const MAX_LENGTH: usize = 64 * 1024;
const SECRET: &str = "s3cret+of/the&client";

static SERVER: LazyLock<Url> = LazyLock::new(|| Url::parse("https://auth.example/token").expect("a URL"));

fuzz_target!(|data: &[u8]| {
    let (_, headers, body) = http_message::read(data);
    if let Some(decoded) = decoded_body(body, &headers) {
        assert!(decoded.len() <= (MAX_LENGTH + 1).max(body.len()));
    }
    check_compression(body);
    let text = decoded_text(body);
    check_text(body, &text);
    check_json(&text);
    check_markup(&text);
    assert!(is_daily_limit(&text) || !text.contains("exceeded the daily rate limit") || text != visible_text(&text));
    let error = unreadable(body, &SERVER, SECRET);
    check_error(&error);
    reveal::check_hidden(&[SECRET], [error.message()]);
});

fn check_compression(body: &[u8]) {
    const GZIP_MAGIC: [u8; 3] = [0x1f, 0x8b, 0x08];
    let level = Compression::fast();
    let (mut gzip, mut zlib) = (GzEncoder::new(Vec::new(), level), ZlibEncoder::new(Vec::new(), level));
    let mut deflate = DeflateEncoder::new(Vec::new(), level);
    let mut write = || {
        gzip.write_all(body)?;
        zlib.write_all(body)?;
        deflate.write_all(body)
    };
    write().expect("writing to a vector cannot fail");
    if body.starts_with(&GZIP_MAGIC) || body.len() > MAX_LENGTH {
        return;
    }
    let named = |name: &'static str| HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static(name))]);
    let gzip = gzip.finish().expect("a vector");
    assert_eq!(decoded_body(&gzip, &HeaderMap::new()).as_deref(), Some(body));
    assert_eq!(decoded_body(&gzip, &named("gzip")).as_deref(), Some(body));
    assert_eq!(decoded_body(&zlib.finish().expect("a vector"), &named("deflate")).as_deref(), Some(body));
    // A bare stream has no mark: an empty one can be text, and one in a thousand begins as zlib's does.
    let deflate = deflate.finish().expect("a vector");
    let is_ambiguous = str::from_utf8(&deflate).is_ok() || u16::from_be_bytes([deflate[0], deflate[1]]) % 31 == 0;
    assert!(is_ambiguous || decoded_body(&deflate, &named("deflate")).as_deref() == Some(body));
}

fn check_text(body: &[u8], text: &str) {
    assert!(text.len() <= 3 * body.len());
    if str::from_utf8(body).is_ok_and(|text| !text.contains(['\0', '\u{feff}'])) {
        assert_eq!(text.as_bytes(), body);
    }
    let units: Vec<u16> = text.encode_utf16().collect();
    if !text.starts_with('\u{feff}') {
        for encode in [u16::to_le_bytes, u16::to_be_bytes] {
            let encoded: Vec<u8> = [0xfeff].iter().chain(&units).flat_map(|&unit| encode(unit)).collect();
            assert_eq!(decoded_text(&encoded), text);
        }
    }
}

fn check_json(text: &str) {
    let repaired = repaired_json(text);
    assert!(repaired.len() <= 3 * text.len() + 1, "{repaired}");
    let read = read_json(text);
    if let Ok(value @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
        assert_eq!(read, Some((value.clone(), false)));
        // Control characters become blanks.
        let has_control = text.contains(char::is_control);
        assert!(has_control || serde_json::from_str::<Value>(&repaired).ok() == Some(value));
    } else if let Some((value, true)) = read {
        // A number can change in its last digit when it is printed, so both sides read what was printed.
        let printed = value.to_string();
        let reread = serde_json::from_str(&printed).expect("printed by the same crate");
        assert_eq!(read_json(&printed), Some((reread, false)));
    }
}

fn check_markup(text: &str) {
    assert!(unescaped(text).len() <= text.len());
    let shown = markup_text(text);
    assert!(shown.len() <= text.len(), "{shown}");
    let leaves = leaf_elements(text);
    assert!(leaves.iter().map(|(name, content)| name.len() + content.len()).sum::<usize>() <= text.len(), "{leaves:?}");
    assert!(leaves.iter().all(|(name, content)| !name.contains(':') && !content.trim().is_empty()), "{leaves:?}");
    let visible = visible_text(text);
    assert!(visible.len() <= text.len() && !visible.contains(char::is_control));
}
