//! Keeps secrets out of messages and logs.

use secrecy::{ExposeSecret, SecretString};
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::visible;

/// The maximum length, in bytes, of a string from a server that is kept.
const MAX_LENGTH: usize = 512;
/// Shorter secrets are not redacted: they would occur by chance in ordinary messages.
const MIN_SECRET_LENGTH: usize = 4;

/// Makes strings from servers safe to show: removes secrets and invisible characters, and shortens them.
pub(crate) struct Redactor {
    /// Each secret in the forms in which a server may repeat it: literal, form-encoded and as a JSON string.
    forms: Vec<SecretString>,
}

impl Redactor {
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a SecretString>) -> Self {
        let mut forms = Vec::new();
        for secret in secrets.into_iter().map(ExposeSecret::expose_secret) {
            if secret.len() >= MIN_SECRET_LENGTH {
                let encoded: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
                // A string can always be written as JSON, in quotes.
                let json = Zeroizing::new(serde_json::to_string(secret).unwrap_or_default());
                let escaped = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap_or(secret);
                forms.push(SecretString::from(secret));
                forms.push(SecretString::from(encoded.replace('+', "%20")));
                forms.push(SecretString::from(encoded));
                forms.push(SecretString::from(escaped));
            }
        }
        // The longest form comes first, because one form may be part of another.
        forms.sort_by_key(|form| std::cmp::Reverse(form.expose_secret().len()));
        Self { forms }
    }

    /// Redacts before it shortens, so that no part of a secret remains at the end.
    pub fn clean(&self, string: &str) -> String {
        let mut string = string.to_owned();
        for form in &self.forms {
            if string.contains(form.expose_secret()) {
                string = string.replace(form.expose_secret(), "[redacted]");
            }
        }
        let mut cleaned = visible::text(&string).trim().to_owned();
        if cleaned.len() > MAX_LENGTH {
            cleaned.truncate(cleaned.floor_char_boundary(MAX_LENGTH));
            cleaned.push('…');
        }
        cleaned
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
    fn secret_is_removed_in_every_form() {
        let redactor = redactor("p+ä \"&");
        for echo in ["p+ä \"&", "p%2B%C3%A4+%22%26", "p%2B%C3%A4%20%22%26", "p+ä \\\"&"] {
            assert_eq!(redactor.clean(&format!("bad value {echo}!")), "bad value [redacted]!");
        }
    }

    #[test]
    fn strings_are_reduced_to_one_line_and_shortened() {
        let redactor = redactor("secret");
        assert_eq!(redactor.clean(" two\r\nlines\0 \u{1b}[31m "), "two  lines   [31m");
        let long = redactor.clean(&"ä".repeat(1_000));
        assert_eq!(long.chars().count(), MAX_LENGTH / 2 + 1);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn secret_across_the_cut_leaves_no_part_behind() {
        let string = format!("{}{}", "x".repeat(MAX_LENGTH - 4), "secret-secret");
        assert!(!redactor("secret-secret").clean(&string).contains("sec"));
    }

    proptest! {
        #[test]
        fn no_string_keeps_the_secret(before in ".{0,40}", secret in "[a-zA-Z0-9+&=%\" ü]{8,30}", after in ".{0,40}") {
            let cleaned = redactor(&secret).clean(&format!("{before}{secret}{after}"));
            prop_assert!(!cleaned.contains(&secret));
            prop_assert!(!cleaned.contains(char::is_control));
        }
    }
}
