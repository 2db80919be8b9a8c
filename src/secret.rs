//! Keeping secrets out of everything a person may read.

use secrecy::{ExposeSecret, SecretString};
use url::form_urlencoded;
use zeroize::Zeroizing;

/// The longest text of a server that is kept.
const LONGEST_TEXT: usize = 512;
/// Shorter secrets are not searched for: they would blank out half of every message.
const SHORTEST_SECRET: usize = 4;

/// Takes a text that came from a server to one that may be shown: without secrets, control characters and excess.
pub(crate) struct Redactor {
    /// Each secret as it is, form-encoded and as a JSON string, the ways in which a server may echo it.
    spellings: Vec<SecretString>,
}

impl Redactor {
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a SecretString>) -> Self {
        let mut spellings = Vec::new();
        for secret in secrets.into_iter().map(ExposeSecret::expose_secret) {
            if secret.len() >= SHORTEST_SECRET {
                let encoded: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
                // A string always has a JSON form, in quotes.
                let json = Zeroizing::new(serde_json::to_string(secret).unwrap_or_default());
                let escaped = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap_or(secret);
                spellings.push(SecretString::from(secret));
                spellings.push(SecretString::from(encoded.replace('+', "%20")));
                spellings.push(SecretString::from(encoded));
                spellings.push(SecretString::from(escaped));
            }
        }
        // The longest first: a spelling may be part of another.
        spellings.sort_by_key(|spelling| std::cmp::Reverse(spelling.expose_secret().len()));
        Self { spellings }
    }

    /// Redacts before it shortens, so that no half of a secret is left at the end.
    pub fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for spelling in &self.spellings {
            if text.contains(spelling.expose_secret()) {
                text = text.replace(spelling.expose_secret(), "[redacted]");
            }
        }
        let visible: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let mut words = visible.trim().to_owned();
        if words.len() > LONGEST_TEXT {
            words.truncate(words.floor_char_boundary(LONGEST_TEXT));
            words.push('…');
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn redactor(secret: &str) -> Redactor {
        Redactor::new(&[SecretString::from(secret)])
    }

    #[test]
    fn secrets_go_in_every_spelling() {
        let redactor = redactor("p+ä \"&");
        for echo in ["p+ä \"&", "p%2B%C3%A4+%22%26", "p%2B%C3%A4%20%22%26", "p+ä \\\"&"] {
            assert_eq!(redactor.clean(&format!("bad value {echo}!")), "bad value [redacted]!");
        }
    }

    #[test]
    fn texts_are_shown_on_one_line_and_shortened() {
        let redactor = redactor("secret");
        assert_eq!(redactor.clean(" two\r\nlines\0 \u{1b}[31m "), "two  lines   [31m");
        let long = redactor.clean(&"ä".repeat(1_000));
        assert_eq!(long.chars().count(), LONGEST_TEXT / 2 + 1);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn a_secret_across_the_cut_leaves_no_half_behind() {
        let text = format!("{}{}", "x".repeat(LONGEST_TEXT - 4), "secret-secret");
        assert!(!redactor("secret-secret").clean(&text).contains("sec"));
    }

    proptest! {
        #[test]
        fn no_text_keeps_the_secret(before in ".{0,40}", secret in "[a-zA-Z0-9+&=%\" ü]{8,30}", after in ".{0,40}") {
            let cleaned = redactor(&secret).clean(&format!("{before}{secret}{after}"));
            prop_assert!(!cleaned.contains(&secret));
            prop_assert!(!cleaned.contains(char::is_control));
        }
    }
}
