//! The text of a body, in whichever encoding of Unicode it came.

use zeroize::Zeroizing;

const BYTE_ORDER_MARK: char = '\u{feff}';
/// The most bytes of UTF-8 that a byte of the body can become: an invalid one is replaced by U+FFFD.
const MAX_GROWTH: usize = 3;

/// Returns the text of a body without its byte order mark. What is not valid is replaced, so that one bad character in
/// a field that nobody reads does not cost the token.
pub(super) fn decode(body: &[u8]) -> Zeroizing<String> {
    match body {
        // Without a mark the first two characters tell it: they are ASCII (RFC 4627 section 3).
        [0xff, 0xfe, ..] | [1..=0xff, 0, 1..=0xff, 0, ..] => utf16(body, u16::from_le_bytes),
        [0xfe, 0xff, ..] | [0, 1..=0xff, 0, 1..=0xff, ..] => utf16(body, u16::from_be_bytes),
        _ => utf8(body),
    }
}

fn utf8(body: &[u8]) -> Zeroizing<String> {
    let mut text = with_capacity(body);
    for chunk in body.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    without_mark(text)
}

fn utf16(body: &[u8], unit: fn([u8; 2]) -> u16) -> Zeroizing<String> {
    let mut text = with_capacity(body);
    let (units, _) = body.as_chunks();
    text.extend(char::decode_utf16(units.iter().copied().map(unit)).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
    without_mark(text)
}

/// Allocated once: a string that grows leaves copies of the token behind.
fn with_capacity(body: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(String::with_capacity(MAX_GROWTH * body.len()))
}

fn without_mark(mut text: Zeroizing<String>) -> Zeroizing<String> {
    if text.starts_with(BYTE_ORDER_MARK) {
        text.drain(..BYTE_ORDER_MARK.len_utf8());
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn utf16_of(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn every_encoding_of_unicode_is_read() {
        let text = r#"{"ä": "🔑"}"#;
        let with_mark = format!("\u{feff}{text}");
        for body in [
            text.into(),
            with_mark.clone().into_bytes(),
            utf16_of(text, u16::to_le_bytes),
            utf16_of(text, u16::to_be_bytes),
            utf16_of(&with_mark, u16::to_le_bytes),
            utf16_of(&with_mark, u16::to_be_bytes),
        ] {
            assert_eq!(*decode(&body), text, "{body:?}");
        }
    }

    #[test]
    fn invalid_bytes_are_replaced() {
        assert_eq!(*decode(b"a\xe9 \xf0\x9f ok"), "a\u{fffd} \u{fffd} ok");
        assert_eq!(*decode(b"\xff\xfea\0\x3d\xd8b\0c"), "a\u{fffd}b", "a lone surrogate, and half a unit");
        for short in [&b""[..], b"\0", b"a\0", b"\xef\xbb\xbf", b"\xff\xfe"] {
            decode(short);
        }
    }

    proptest! {
        #[test]
        fn text_never_outgrows_its_first_allocation(body in prop::collection::vec(any::<u8>(), 1..200)) {
            prop_assert!(decode(&body).len() <= MAX_GROWTH * body.len());
        }
    }
}
