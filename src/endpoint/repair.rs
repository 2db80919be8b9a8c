//! Makes JSON of almost JSON: what a template, a string concatenation or a proxy that cuts a body leaves of it.

use serde_json::Value;

/// Returns a text that begins with an object or an array as JSON, as far as it can be told what was meant:
///
/// - a bare word that is no JSON value (`NaN`, `1e999`, `0086400`, `+5`) becomes a string;
/// - in strings, control characters become blanks, half a surrogate pair U+FFFD, and an unknown escape its characters;
/// - comments, and commas before a closing bracket, are left out;
/// - a value that was cut off, or a key without its value, is left out, and what is open is closed: a part of a token
///   is no token.
///
/// The result is not JSON if anything else is wrong with the text. It is at most three times as long as the text, for
/// which its memory is allocated at once: a string that grows leaves copies of the token behind.
pub(super) fn repaired(text: &str) -> String {
    let mut repair = Repair { json: String::with_capacity(3 * text.len() + 1), open: String::new(), complete: (0, 0) };
    let mut rest = text;
    while let Some(next) = repair.step(rest) {
        rest = next;
    }
    repair.close()
}

struct Repair {
    json: String,
    /// The brackets that close what is open, the innermost last.
    open: String,
    /// The length of `json` after the last complete value or opening bracket, and how much was open there.
    complete: (usize, usize),
}

impl Repair {
    /// Copies the next token. Returns the rest of the text, or `None` at the end of the value or of the text.
    fn step<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        let first = text.chars().next()?;
        let rest = &text[first.len_utf8()..];
        match first {
            '"' => return self.string(rest),
            '{' | '[' => {
                self.open.push(if first == '{' { '}' } else { ']' });
                self.json.push(first);
                self.note_complete();
            }
            '}' | ']' => {
                self.drop_comma();
                self.json.push(self.open.pop()?);
                self.note_complete();
                return Some(rest).filter(|_| !self.open.is_empty());
            }
            ',' | ':' => self.json.push(first),
            '/' if rest.starts_with('/') => return rest.find('\n').map(|end| &rest[end..]),
            '/' if rest.starts_with('*') => return rest[1..].find("*/").map(|end| &rest[end + 3..]),
            c if is_blank(c) => {}
            _ => return self.word(text),
        }
        Some(rest)
    }

    /// Copies a string whose opening quote has been read.
    fn string<'a>(&mut self, mut text: &'a str) -> Option<&'a str> {
        let is_key = self.expects_key();
        self.json.push('"');
        loop {
            let first = text.chars().next()?;
            let mut length = first.len_utf8();
            match first {
                '"' => break,
                '\\' => length = self.escape(text)?,
                c if c.is_control() => self.json.push(' '),
                c => self.json.push(c),
            }
            text = &text[length..];
        }
        self.json.push('"');
        if !is_key {
            self.note_complete();
        }
        Some(&text[1..])
    }

    /// Copies the escape sequence that a text begins with, and returns its length.
    fn escape(&mut self, text: &str) -> Option<usize> {
        match *text.as_bytes().get(1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {
                self.json.push_str(&text[..2]);
                Some(2)
            }
            b'u' => match (utf16_escape(text), text.get(6..).and_then(utf16_escape)) {
                (Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => {
                    self.json.push_str(&text[..12]);
                    Some(12)
                }
                (Some(0xd800..0xe000), _) => {
                    self.json.push(char::REPLACEMENT_CHARACTER);
                    Some(6)
                }
                (Some(_), _) => {
                    self.json.push_str(&text[..6]);
                    Some(6)
                }
                (None, _) => self.literal_backslash(),
            },
            _ => self.literal_backslash(),
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "all arms of `escape` return what this returns")]
    fn literal_backslash(&mut self) -> Option<usize> {
        self.json.push_str(r"\\");
        Some(1)
    }

    /// Copies a number or another bare word, as a string if it is no JSON.
    fn word<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        // A word at the end may be the beginning of another one.
        let end = text.find(|c| is_blank(c) || "{}[],:\"/".contains(c)).filter(|&end| end > 0)?;
        let (word, is_key) = (&text[..end], self.expects_key());
        if !self.json.ends_with(['{', '[', ',', ':']) {
            // Two words are not one, and no JSON.
            self.json.push(' ');
        }
        if serde_json::from_str::<Value>(word).is_ok() {
            self.json.push_str(word);
        } else {
            self.json.push('"');
            word.chars().for_each(|c| self.json.push(if c == '\\' { '/' } else { c }));
            self.json.push('"');
        }
        if !is_key {
            self.note_complete();
        }
        Some(&text[end..])
    }

    fn expects_key(&self) -> bool {
        self.open.ends_with('}') && self.json.ends_with(['{', ','])
    }

    fn note_complete(&mut self) {
        self.complete = (self.json.len(), self.open.len());
    }

    fn drop_comma(&mut self) {
        if self.json.ends_with(',') {
            self.json.pop();
        }
    }

    /// Leaves out what is incomplete, and closes what is open.
    fn close(mut self) -> String {
        let (length, depth) = self.complete;
        self.json.truncate(length);
        self.open.truncate(depth);
        self.json.extend(self.open.chars().rev());
        self.json
    }
}

/// Returns whether a character separates words: blanks, and control characters, which JSON does not have outside of
/// strings.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

/// Returns the code unit of the escape sequence `\uXXXX` that a text begins with.
fn utf16_escape(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn value(text: &str) -> Option<Value> {
        serde_json::from_str(&repaired(text)).ok()
    }

    #[test]
    fn words_that_are_no_values_become_strings() {
        let words = "{a: NaN, \"b\": -Infinity, \"c\": 0086400, \"d\": 1e999, \"e\": 1, \"f\": true, \"g\": null}";
        let expected =
            json!({"a": "NaN", "b": "-Infinity", "c": "0086400", "d": "1e999", "e": 1, "f": true, "g": null});
        assert_eq!(value(words), Some(expected));
    }

    #[test]
    fn strings_keep_what_can_be_read_of_them() {
        for (text, expected) in [
            ("[\"a\nb\"]", "a b"),
            (r#"["C:\x\u12"]"#, r"C:\x\u12"),
            (r#"["half \ud83d"]"#, "half \u{fffd}"),
            (r#"["half \udd11 \ud83d\u0041"]"#, "half \u{fffd} \u{fffd}A"),
            (r#"["\ud83d\udd11 \"q\" \\ \/ é"]"#, "\u{1f511} \"q\" \\ / é"),
        ] {
            assert_eq!(value(text), Some(json!([expected])), "{text}");
        }
    }

    #[test]
    fn comments_and_superfluous_commas_are_left_out() {
        let text = "{ // one\n \"a\": 1, /* two, \"b\": 2 */ \"c\": [1, 2,], \"d\": \"//\",\n}";
        assert_eq!(value(text), Some(json!({"a": 1, "c": [1, 2], "d": "//"})));
    }

    #[test]
    fn value_that_was_cut_off_is_left_out() {
        for (text, expected) in [
            (r#"{"a": "x", "b": "tok"#, json!({"a": "x"})),
            (r#"{"a": "x", "b": "tok\"#, json!({"a": "x"})),
            (r#"{"a": "x", "b": 864"#, json!({"a": "x"})),
            (r#"{"a": "x", "b": "#, json!({"a": "x"})),
            (r#"{"a": "x", "b"#, json!({"a": "x"})),
            (r#"{"a": "x", "b""#, json!({"a": "x"})),
            (r#"{"a": "x", /* b"#, json!({"a": "x"})),
            (r#"{"a": "x", "b": {"c": [1, "d"#, json!({"a": "x", "b": {"c": [1]}})),
            ("{", json!({})),
        ] {
            assert_eq!(value(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn other_defects_are_not_guessed_at() {
        for text in ["{1 2}", r#"{"a" "b"}"#, r#"{"a": "b" "c": "d"}"#, "[1 2]", "{:}", "[,1]"] {
            assert_eq!(value(text), None, "{text}");
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[ -~\\x00\\n\\\\\"é🔑/]{0,12}".prop_map(Value::from),
            Just(Value::Null),
        ];
        scalar.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z\"\\\\]{0,4}", inner, 0..4)
                    .prop_map(|fields| fields.into_iter().collect::<Value>()),
            ]
        })
    }

    /// Returns whether each string of `part` is at the same place in `whole`.
    fn is_part(part: &Value, whole: &Value) -> bool {
        match (part, whole) {
            (Value::Object(part), Value::Object(whole)) => {
                part.iter().all(|(name, value)| whole.get(name).is_some_and(|whole| is_part(value, whole)))
            }
            (Value::Array(part), Value::Array(whole)) => {
                part.len() <= whole.len() && part.iter().zip(whole).all(|(part, whole)| is_part(part, whole))
            }
            _ => part == whole,
        }
    }

    proptest! {
        #[test]
        fn json_keeps_its_meaning(json in any_json()) {
            let object = json!({"value": json});
            prop_assert_eq!(value(&object.to_string()), Some(object));
        }

        #[test]
        fn json_that_is_cut_off_anywhere_keeps_complete_values_only(json in any_json(), at: prop::sample::Index) {
            let whole = json!({"value": json});
            let text = whole.to_string();
            let cut = text.floor_char_boundary(at.index(text.len())).max(1);
            let part = value(&text[..cut]).unwrap();
            prop_assert!(is_part(&part, &whole), "{} of {}", part, whole);
        }

        #[test]
        fn no_text_panics_or_outgrows_the_first_allocation(text in "[{\\[]([{}\\[\\],:\"\\\\/*u0-9dDn\n é]|.){0,60}") {
            let json = repaired(&text);
            prop_assert!(json.len() <= 3 * text.len() + 1, "{}", json);
        }
    }
}
