//! Keeps secrets out of messages and logs.
//!
//! A server can repeat a secret in another spelling than the one it got: percent-encoded, as HTML or JSON, in base64,
//! in other case, broken into lines. So a string is decoded in rounds, and each reading of it is compared with each
//! secret. A string that repeats a secret is dropped as a whole: what is left around a secret that was cut out can
//! still contain a part of it, or show its length.
//!
//! Only strings from outside pass here, and nearly all belong to an error, so this may take its time. That is bounded:
//! it grows linearly with the string.

mod decode;
mod needles;

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::visible;
use needles::Needles;

/// Takes the place of a string that repeats a secret.
pub(crate) const HIDDEN: &str = "[not shown, because it contains a secret]";
/// The maximum length, in bytes, of a string that is shown.
const MAX_LENGTH: usize = 512;
/// The maximum length, in bytes, of a string that is examined. What follows it is not shown either.
const MAX_EXAMINED: usize = 64 * 1024;
/// Escapes inside of escapes are decoded so many times. A string with more levels is not shown.
const MAX_ROUNDS: usize = 4;
/// Base64 inside of base64 is decoded so many times.
const MAX_DEPTH: usize = 2;
/// The readings of a string have together at most so many times its length. A string with more is not shown.
const MAX_WORK: usize = 64;

/// Makes strings from servers safe to show: hides those that repeat a secret, removes invisible characters, and
/// shortens the rest.
#[derive(Clone)]
pub(crate) struct Redactor {
    secrets: Vec<SecretString>,
}

impl Redactor {
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a SecretString>) -> Self {
        Self { secrets: secrets.into_iter().cloned().collect() }
    }

    /// Adds a secret, such as the token that a request was sent with.
    pub fn with(mut self, secret: &str) -> Self {
        self.secrets.push(secret.into());
        self
    }

    /// Returns the string in one line as a person may see it, or [`HIDDEN`].
    pub fn clean(&self, string: &str) -> String {
        let text = &string[..string.floor_char_boundary(MAX_EXAMINED)];
        let mut cleaned = visible::text(text).trim().to_owned();
        // What is shown is searched as well: characters that separate the parts of a secret can have become blanks.
        if self.finds_secret_in(text) || (cleaned != text && self.finds_secret_in(&cleaned)) {
            return HIDDEN.into();
        }
        if cleaned.len() > MAX_LENGTH {
            cleaned.truncate(cleaned.floor_char_boundary(MAX_LENGTH));
            cleaned.push('…');
        }
        cleaned
    }

    /// Returns whether the string repeats a secret in any spelling, contains a token of anybody (a signed one, or one in a
    /// field with its name), or has too many levels of escapes to be sure.
    pub fn finds_secret_in(&self, text: &str) -> bool {
        Examination::new(&self.secrets, text.len()).finds(text, 0)
    }
}

/// The search for secrets in one string, and how much of it is done.
struct Examination {
    needles: Needles,
    /// The number of bytes of readings that may still be compared.
    left: usize,
}

impl Examination {
    fn new(secrets: &[SecretString], length: usize) -> Self {
        let needles = Needles::new(secrets.iter().map(ExposeSecret::expose_secret));
        Self { needles, left: MAX_WORK * length.max(1024) }
    }

    fn finds(&mut self, text: &str, depth: usize) -> bool {
        let mut reading = text.to_owned();
        for _ in 0..=MAX_ROUNDS {
            let Some(left) = self.left.checked_sub(reading.len()) else { return true };
            self.left = left;
            if self.is_in(&reading, depth > 0) || (depth < MAX_DEPTH && self.finds_in_base64(&reading, depth)) {
                return true;
            }
            match decode::unescaped(&reading) {
                Some(decoded) => reading = decoded,
                None => return false,
            }
        }
        true
    }

    /// Searches a string as it is, and as a person would see it: without characters that hide a part of a name.
    fn is_in(&self, reading: &str, is_decoded: bool) -> bool {
        let seen = Zeroizing::new(visible::text(reading));
        self.needles.are_in(reading, is_decoded) || (*seen != reading && self.needles.are_in(&seen, is_decoded))
    }

    /// Base64 is read at each of its alignments, because it can follow other letters, and secrets other bytes.
    fn finds_in_base64(&mut self, text: &str, depth: usize) -> bool {
        let mut readings = (0..4).map(|skipped| decode::base64(text, skipped, true));
        readings.any(|reading| !reading.is_empty() && self.finds(&reading, depth + 1)) || {
            let reading = decode::base64(text, 0, false);
            !reading.is_empty() && self.finds(&reading, depth + 1)
        }
    }
}

#[cfg(test)]
#[path = "secret_tests.rs"]
mod tests;
