//! JSON as servers and proxies send it.

use serde_json::{Deserializer, Value};
use zeroize::Zeroizing;

use super::repair;

/// Returns whether a character can surround a value, as in the bodies of some servers: blanks, the NUL that ends a
/// string of C, a second byte order mark.
fn is_padding(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\0' | '\u{feff}')
}

/// A JSON object or array at the beginning of a text.
pub(super) struct Document {
    pub value: Value,
    /// The text is no JSON (RFC 8259): it has a defect, was cut off, or goes on after its value.
    pub is_defective: bool,
}

/// Reads the JSON object or array that a text begins with. `None` if it begins with something else, or its defects
/// leave open what was meant.
///
/// A token that a server spells badly was granted nevertheless, and is the only one of the day. So what follows the
/// value is ignored, and a value with defects is repaired.
pub(super) fn read(text: &str) -> Option<Document> {
    let text = text.trim_start_matches(is_padding);
    if !text.starts_with(['{', '[']) {
        return None;
    }
    let (value, is_defective) = match first_value(text) {
        Some((value, end)) => (value, !text[end..].trim_start_matches(is_padding).is_empty()),
        None => (first_value(&Zeroizing::new(repair::repaired(text)))?.0, true),
    };
    Some(Document { value, is_defective })
}

/// Returns the first value, and where it ends.
fn first_value(json: &str) -> Option<(Value, usize)> {
    let mut values = Deserializer::from_str(json).into_iter();
    let value = values.next()?.ok()?;
    Some((value, values.byte_offset()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(text: &str) -> Option<Value> {
        read(text).map(|document| document.value)
    }

    #[test]
    fn padding_is_no_defect() {
        for text in [r#"{"a": 1}"#, "\r\n {\"a\": 1}\n\0\0", "\u{feff}{\"a\": 1} \u{feff}"] {
            let document = read(text).unwrap();
            assert_eq!((document.value, document.is_defective), (json!({"a": 1}), false), "{text:?}");
        }
    }

    #[test]
    fn text_after_the_value_is_ignored() {
        for rest in ["x", "{\"a\": 2}", "<!-- took 3 ms -->", "]"] {
            let document = read(&format!("{{\"a\": 1}}\n{rest}")).unwrap();
            assert_eq!((document.value, document.is_defective), (json!({"a": 1}), true), "{rest}");
        }
    }

    #[test]
    fn other_strings_are_no_document() {
        for text in ["", " ", "\0", "Unauthorized", "<html>", "5", "\"x\"", "null", "a{}", "{1 2}", "[1 2]", ")]}'{}"] {
            assert_eq!(value(text), None, "{text:?}");
        }
    }
}
