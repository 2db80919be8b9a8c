//! Whether a string reveals a secret, by code that the library does not share.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Fails if one of the strings contains a secret, in one of the spellings that a person or a simple program reads.
pub fn check_hidden<'a>(secrets: &[&str], strings: impl IntoIterator<Item = &'a str>) {
    for string in strings {
        for secret in secrets {
            assert!(!reveals(string, secret), "{secret} is in {string:?}");
        }
    }
}

fn reveals(string: &str, secret: &str) -> bool {
    let lower = string.to_lowercase();
    let contains = |spelling: &str| lower.contains(&spelling.to_lowercase());
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    contains(secret)
        || percent_decoded(&lower).contains(&secret.to_lowercase())
        || contains(&hex)
        || string.contains(&STANDARD_NO_PAD.encode(secret))
        || string.contains(&URL_SAFE_NO_PAD.encode(secret))
}

fn percent_decoded(string: &str) -> String {
    let form = format!("x={}", string.replace('&', "%26").replace('+', "%2B"));
    url::form_urlencoded::parse(form.as_bytes()).next().map_or_else(String::new, |(_, value)| value.into_owned())
}
