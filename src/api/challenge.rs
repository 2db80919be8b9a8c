//! `WWW-Authenticate` (RFC 9110 section 11.6.1): the reason why an API rejects a token or a proof.
//!
//! Gateways send headers that are not valid: without commas, with too many of them, with quotes inside of quotes. A
//! parser of valid headers rejects these as a whole, so this one reads on as far as it can tell what is meant. It looks
//! at each byte a few times at most, whatever the header is.

mod cursor;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod scheme;

use cursor::{Cursor, Value};
use scheme::Scheme;

/// The part of a header that is read, in bytes. Servers and proxies accept less for all headers together.
const MAX_LENGTH: usize = 64 * 1024;

/// The reason of a 401 response, with the error codes of RFC 6750 section 3.1 and RFC 9449 section 7.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub error: String,
    pub description: Option<String>,
}

/// The content of the challenges of a response, in all of its headers, joined by commas.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Challenges {
    /// The refusal in the first DPoP challenge with an error, else in the first Bearer challenge with one. Other
    /// schemes are ignored.
    pub refusal: Option<Refusal>,
    /// Whether all of the header is valid.
    pub is_valid: bool,
}

impl Challenges {
    pub fn read(www_authenticate: &str) -> Self {
        let header = &www_authenticate[..www_authenticate.floor_char_boundary(MAX_LENGTH)];
        let mut reader = Reader { is_valid: header.len() == www_authenticate.len(), ..Reader::default() };
        reader.read(&mut Cursor::new(header));
        Self { refusal: reader.dpop.or(reader.bearer), is_valid: reader.is_valid }
    }
}

/// The challenge that is being read.
#[derive(Default)]
struct Challenge {
    scheme: Scheme,
    error: Option<String>,
    description: Option<String>,
    /// Two values of `error`, of which none can be believed (RFC 9110 section 11.2).
    is_contradictory: bool,
    /// Nothing has followed the scheme yet, so a word can be its token68.
    is_new: bool,
}

#[derive(Default)]
struct Reader {
    challenge: Option<Challenge>,
    dpop: Option<Refusal>,
    bearer: Option<Refusal>,
    is_valid: bool,
}

impl Reader {
    fn read(&mut self, cursor: &mut Cursor<'_>) {
        let mut after_comma = true;
        loop {
            after_comma |= cursor.skip_commas();
            let word = cursor.word();
            if word.is_empty() {
                if !cursor.skip_stray() {
                    break;
                }
                self.is_valid = false;
            } else if cursor.skip_equals() {
                let is_first = self.challenge.as_ref().is_some_and(|challenge| challenge.is_new);
                self.is_valid &= after_comma || is_first;
                self.parameter(word, cursor.value());
            } else if after_comma || (Scheme::of(word) != Scheme::Other && cursor.is_before_parameter()) {
                self.is_valid &= after_comma;
                self.start(word);
            } else {
                self.token68();
            }
            after_comma = false;
        }
        self.is_valid &= cursor.is_valid();
        self.finish();
    }

    fn start(&mut self, scheme: &str) {
        self.finish();
        self.challenge = Some(Challenge { scheme: Scheme::of(scheme), is_new: true, ..Challenge::default() });
    }

    fn token68(&mut self) {
        match &mut self.challenge {
            Some(challenge) if challenge.is_new => challenge.is_new = false,
            _ => self.is_valid = false,
        }
    }

    /// Adds a parameter. A value without its closing quote may be cut off, which an error code must not be.
    fn parameter(&mut self, name: &str, value: Value) {
        let Some(challenge) = &mut self.challenge else {
            self.is_valid = false;
            return;
        };
        challenge.is_new = false;
        if name.eq_ignore_ascii_case("error") && value.is_complete && !value.text.is_empty() {
            challenge.is_contradictory |= challenge.error.as_ref().is_some_and(|error| *error != value.text);
            challenge.error = Some(value.text);
        } else if name.eq_ignore_ascii_case("error_description") {
            challenge.description.get_or_insert(value.text);
        }
    }

    fn finish(&mut self) {
        let Some(challenge) = self.challenge.take() else { return };
        self.is_valid &= !challenge.is_contradictory;
        let place = match challenge.scheme {
            Scheme::Dpop => &mut self.dpop,
            Scheme::Bearer => &mut self.bearer,
            Scheme::Other => return,
        };
        let error = challenge.error.filter(|_| !challenge.is_contradictory && place.is_none());
        if let Some(error) = error {
            *place = Some(Refusal { error, description: challenge.description });
        }
    }
}

#[cfg(test)]
#[path = "challenge_tests.rs"]
mod tests;
