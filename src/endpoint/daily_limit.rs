//! The refusal by the daily limit. Tango documents its words, not its format, so they are looked for wherever a
//! response can have them.

use super::markup;
use crate::visible;

/// The part of the refusal that does not name the client (Tango's documentation of the daily limit).
const WORDS: &str = "exceeded the daily rate limit";
/// How often an error can be wrapped in another: a page that shows JSON, JSON in a string of JSON.
const MAX_LAYERS: usize = 3;

/// Returns whether a body has the words of the refusal: as text, or in JSON, XML or HTML, in either case, across lines.
///
/// Without it, the request would be repeated, and the server asked again and again until the limit resets.
pub(super) fn is_in(text: &str) -> bool {
    let mut text = visible::text(text);
    for _ in 0..=MAX_LAYERS {
        if plain_words(&text).contains(WORDS) {
            return true;
        }
        let unwrapped = markup::text(&without_escapes(&text));
        if unwrapped == text {
            return false;
        }
        text = visible::text(&unwrapped);
    }
    false
}

/// Returns a text in lower case, in which a single blank is between words and nothing else.
fn plain_words(text: &str) -> String {
    let mut words = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() {
            words.push(c.to_ascii_lowercase());
        } else if !words.ends_with(' ') {
            words.push(' ');
        }
    }
    words
}

/// Decodes the escape sequences of JSON strings, wherever they are.
fn without_escapes(text: &str) -> String {
    let (mut decoded, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(start) = rest.find('\\') {
        decoded.push_str(&rest[..start]);
        rest = &rest[start + 1..];
        let Some(escaped) = rest.chars().next() else { break };
        let code = rest.get(1..5).filter(|_| escaped == 'u').and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let (c, length) = match (escaped, code) {
            (_, Some(code)) => (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 5),
            ('n' | 'r' | 't' | 'b' | 'f', None) => (' ', 1),
            (other, None) => (other, other.len_utf8()),
        };
        decoded.push(c);
        rest = &rest[length..];
    }
    decoded + rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_found_in_every_format() {
        for body in [
            "Client sandbox abc-1 has exceeded the daily rate limit",
            "EXCEEDED THE DAILY RATE LIMIT.",
            "has exceeded\r\n  the daily\trate\u{a0}limit",
            "has exceeded the daily\u{200b} rate\u{2028}limit",
            r#"{"message": "x has exceeded\u0020the\u0020daily\n rate limit"}"#,
            r#"{"message": "{\"error\": \"exceeded\\u0020the daily\\nrate limit\"}"}"#,
            r#"{"errors": [{"message": "x has exceeded the daily \"rate\" limit"}]}"#,
            "<p>x has <b>exceeded</b> the&nbsp;daily&#32;rate<br/>limit</p>",
            "<pre>{&quot;message&quot;:&quot;exceeded\\u0020the daily rate limit&quot;}</pre>",
            "<fault>exceeded the &amp;#100;aily rate limit</fault>",
            "exceeded-the_daily+rate+limit",
        ] {
            assert!(is_in(body), "{body}");
        }
    }

    #[test]
    fn other_words_are_not_the_limit() {
        for body in ["", "rate limit", "exceeded the rate limit", "exceeded the daily rate", r"\", r"\u", r"\u00", "<&"]
        {
            assert!(!is_in(body), "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_search_panic(text in "([\\\\u0-9é<>&;#x\"a ]|.){0,80}") {
            is_in(&text);
        }
    }
}
