//! Decodes the spellings in which a string can repeat a secret.

use std::borrow::Cow;

/// The names of ASCII characters in HTML. Other names stand for characters that no comparison depends on.
const REFERENCES: &[(&str, char)] = &[
    ("amp", '&'),
    ("AMP", '&'),
    ("lt", '<'),
    ("LT", '<'),
    ("gt", '>'),
    ("GT", '>'),
    ("quot", '"'),
    ("QUOT", '"'),
    ("apos", '\''),
    ("nbsp", ' '),
    ("Tab", '\t'),
    ("NewLine", '\n'),
    ("excl", '!'),
    ("num", '#'),
    ("dollar", '$'),
    ("percnt", '%'),
    ("lpar", '('),
    ("rpar", ')'),
    ("ast", '*'),
    ("midast", '*'),
    ("plus", '+'),
    ("comma", ','),
    ("period", '.'),
    ("sol", '/'),
    ("colon", ':'),
    ("semi", ';'),
    ("equals", '='),
    ("quest", '?'),
    ("commat", '@'),
    ("lsqb", '['),
    ("lbrack", '['),
    ("bsol", '\\'),
    ("rsqb", ']'),
    ("rbrack", ']'),
    ("Hat", '^'),
    ("lowbar", '_'),
    ("UnderBar", '_'),
    ("grave", '`'),
    ("DiacriticalGrave", '`'),
    ("lcub", '{'),
    ("lbrace", '{'),
    ("verbar", '|'),
    ("vert", '|'),
    ("VerticalLine", '|'),
    ("rcub", '}'),
    ("rbrace", '}'),
];
/// The longest reference is `&DiacriticalGrave;`. A number can have more zeros than it needs.
const MAX_REFERENCE: usize = 20;
/// Shorter runs of base64 are ordinary words, unless they are the whole secret.
const MIN_JOINED_RUN: usize = 10;
const MIN_RUN: usize = 2;
/// Stands between the parts of a decoded string that did not belong together, and for bytes that are no text.
pub(super) const GAP: char = '\u{fffd}';

/// Decodes one level of escapes: percent-encoding, references of HTML, escapes of JSON and of programming languages.
/// Returns `None` if there are none.
pub(super) fn unescaped(text: &str) -> Option<String> {
    let mut decoded = String::with_capacity(text.len());
    let (mut rest, mut is_changed) = (text, false);
    while let Some(at) = rest.find(['%', '&', '\\']) {
        decoded.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = match rest.as_bytes()[0] {
            b'&' => reference(rest, &mut decoded),
            _ => bytes(rest, &mut decoded)
                .or_else(|| code_unit(rest, &mut decoded))
                .or_else(|| other(rest, &mut decoded)),
        };
        is_changed |= length.is_some();
        let length = length.unwrap_or_else(|| {
            decoded.push_str(&rest[..1]);
            1
        });
        rest = &rest[length..];
    }
    decoded.push_str(rest);
    is_changed.then_some(decoded)
}

/// Decodes a run of escaped bytes, `%XX`, `\xXX` or `\OOO`, and returns its length. The bytes are read as UTF-8 where
/// they are that, else as Latin-1.
fn bytes(text: &str, decoded: &mut String) -> Option<usize> {
    let (mut run, mut at) = (Vec::new(), 0);
    while let Some((byte, length)) = byte(&text.as_bytes()[at..]) {
        run.push(byte);
        at += length;
    }
    for chunk in run.utf8_chunks() {
        decoded.push_str(chunk.valid());
        decoded.extend(chunk.invalid().iter().map(|&byte| char::from(byte)));
    }
    (at > 0).then_some(at)
}

fn byte(text: &[u8]) -> Option<(u8, usize)> {
    let (digits, radix, length) = match text {
        [b'%', digits @ ..] => (digits.get(..2)?, 16, 3),
        [b'\\', b'x' | b'X', digits @ ..] => (digits.get(..2)?, 16, 4),
        [b'\\', digits @ ..] => (digits.get(..3)?, 8, 4),
        _ => return None,
    };
    Some((number(digits, radix)?.try_into().ok()?, length))
}

/// Decodes `\uXXXX`, two of them that are one character, `\u{X}`, or `%uXXXX`, and returns the length.
fn code_unit(text: &str, decoded: &mut String) -> Option<usize> {
    let unit = |text: &str| {
        let [b'\\' | b'%', b'u' | b'U', digits @ ..] = text.as_bytes() else { return None };
        number(digits.get(..4)?, 16)
    };
    if let Some(braced) = text.strip_prefix("\\u{") {
        let end = braced.bytes().take(MAX_REFERENCE).position(|byte| byte == b'}')?;
        decoded.push(char::from_u32(number(&braced.as_bytes()[..end], 16)?).unwrap_or(GAP));
        return Some(end + 4);
    }
    let first = unit(text)?;
    let second = unit(&text[6..]).filter(|second| (0xd800..0xdc00).contains(&first) && second & 0xfc00 == 0xdc00);
    let (code, length) = match second {
        Some(second) => (0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00), 12),
        None => (first, 6),
    };
    decoded.push(char::from_u32(code).unwrap_or(GAP));
    Some(length)
}

/// Decodes a backslash before any other character, and returns the length.
fn other(text: &str, decoded: &mut String) -> Option<usize> {
    let escaped = text.strip_prefix('\\')?.chars().next()?;
    decoded.push(match escaped {
        'n' | 'r' => '\n',
        't' | 'b' | 'f' | 'v' | '0' => ' ',
        other => other,
    });
    Some(1 + escaped.len_utf8())
}

/// Decodes a reference of HTML, and returns its length. Numbers need no semicolon.
fn reference(text: &str, decoded: &mut String) -> Option<usize> {
    let start = &text.as_bytes()[..text.len().min(MAX_REFERENCE)];
    if let [b'&', b'#', digits @ ..] = start {
        let (prefix, radix, digits) = match digits {
            [b'x' | b'X', digits @ ..] => (3, 16, digits),
            digits => (2, 10, digits),
        };
        let length = digits.iter().take_while(|&&digit| char::from(digit).is_digit(radix)).count();
        decoded.push(char::from_u32(number(&digits[..length], radix)?).unwrap_or(GAP));
        return Some(prefix + length + usize::from(digits.get(length) == Some(&b';')));
    }
    let end = start.iter().position(|&byte| byte == b';')?;
    let name = &text[1..end];
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let known = REFERENCES.iter().find(|(known, _)| *known == name).map(|&(_, character)| character);
    decoded.push(known.or(is_name.then_some(GAP))?);
    Some(end + 1)
}

/// Removes the line breaks of HTML, which can stand in a string that is not escaped.
pub(super) fn without_line_breaks(text: &str) -> Cow<'_, str> {
    let is_break = |tag: &str| {
        let name = tag.trim_end_matches(|c: char| c == '/' || c.is_ascii_whitespace());
        ["br", "wbr"].iter().any(|known| name.eq_ignore_ascii_case(known))
    };
    let tag = |text: &str| {
        let end = text.bytes().take(MAX_REFERENCE).position(|byte| byte == b'>')?;
        is_break(&text[..end]).then_some(end + 1)
    };
    if !text.contains('<') {
        return text.into();
    }
    let mut parts = text.split('<');
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match tag(part) {
            Some(length) => kept.push_str(&part[length..]),
            None => kept.extend(["<", part]),
        }
    }
    kept.into()
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let digits = str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
    u32::from_str_radix(digits, radix).ok()
}

/// Decodes each run of base64 in a string, of either alphabet, without its first symbols. With `joins` a run goes on
/// after blanks and line breaks.
pub(super) fn base64(text: &str, skipped: usize, joins: bool) -> String {
    let min_run = if joins { MIN_JOINED_RUN } else { MIN_RUN };
    let (mut decoded, mut run) = (String::new(), Vec::new());
    for byte in text.bytes().chain([b'=']) {
        match symbol(byte) {
            Some(symbol) => run.push(symbol),
            None if joins && byte.is_ascii_whitespace() => {}
            None => {
                if run.len() >= min_run + skipped {
                    push_text(&mut decoded, &bytes_of(&run[skipped..]));
                }
                run.clear();
            }
        }
    }
    decoded
}

fn symbol(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

fn bytes_of(symbols: &[u8]) -> Vec<u8> {
    let decode = |group: &[u8]| {
        let bits = group.iter().fold(0_u32, |bits, &symbol| bits * 64 + u32::from(symbol)) << (6 * (4 - group.len()));
        bits.to_be_bytes().into_iter().skip(1).take(group.len() * 6 / 8)
    };
    symbols.chunks(4).flat_map(decode).collect()
}

fn push_text(text: &mut String, bytes: &[u8]) {
    text.push(GAP);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() && !text.ends_with(GAP) {
            text.push(GAP);
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_kind_of_escape_is_decoded() {
        for (escaped, plain) in [
            ("%41%c3%A4%e4z", "Aääz"),
            ("%u0041\\u00e4\\u{1f511}\\ud83d\\udd11", "Aä🔑🔑"),
            ("\\u0041\\udd11 \\ud83d\\u0041", "A\u{fffd} \u{fffd}A"),
            ("\\x41\\101\\xc3\\xa4", "AAä"),
            ("\\\"\\/\\\\a\\n", "\"/\\a\n"),
            ("&#65;&#x41;&#0065&amp;&quot;&lowbar;", "AAA&\"_"),
            ("a&uuml;b", "a\u{fffd}b"),
        ] {
            assert_eq!(unescaped(escaped).as_deref(), Some(plain), "{escaped}");
        }
        for plain in ["", "100 % & more", "a < b > c", "%zz %4", "&;&unknown", "\\", "100%"] {
            assert_eq!(unescaped(plain), None, "{plain}");
        }
    }

    #[test]
    fn line_breaks_of_html_are_removed() {
        assert_eq!(without_line_breaks("<br>a<br/>b<BR />c<wbr>d<b>e<<br"), "abcd<b>e<<br");
    }

    #[test]
    fn run_of_base64_has_ten_symbols_besides_those_that_are_skipped() {
        for (length, skipped, is_decoded) in [(9, 0, false), (10, 0, true), (11, 2, false), (12, 2, true)] {
            let decoded = base64(&"QUJD".repeat(3)[..length], skipped, true);
            assert_eq!(!decoded.is_empty(), is_decoded, "{length} symbols, {skipped} skipped");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_one_gap() {
        assert_eq!(base64(&STANDARD.encode(b"ab\xff\xffcd"), 0, false), format!("{GAP}ab{GAP}cd"));
    }

    proptest! {
        #[test]
        fn no_text_makes_a_decoder_panic(text in ".{0,40}|[%&\\\\<#xu{};0-9a-f>br/]{0,60}", skipped in 0_usize..4) {
            let decoded = unescaped(&text);
            prop_assert!(decoded.is_none_or(|decoded| decoded.len() <= text.len()));
            base64(&text, skipped, true);
            without_line_breaks(&text);
        }

        #[test]
        fn base64_is_decoded_as_by_the_library(plain in "[ -~]{2,40}") {
            for encoded in [STANDARD.encode(&plain), URL_SAFE_NO_PAD.encode(&plain)] {
                prop_assert_eq!(base64(&encoded, 0, false), format!("{GAP}{plain}"));
            }
        }
    }
}
