//! The forms of a secret that are searched for in a string. The search depends on how distinctive the secret is.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zeroize::Zeroizing;

use super::decode::{GAP, unescaped, without_line_breaks};
use crate::visible;

/// A secret in itself can look escaped. It is compared in its first readings.
const MAX_READINGS: usize = 3;
/// A secret of two parts or more is found by each of them, so that a server that shortens it is noticed as well.
const MIN_PART: usize = 8;
const MAX_PART: usize = 16;
const MAX_PARTS: usize = 8;
/// Shorter forms would occur by chance.
const MIN_FORM: usize = 8;
/// Shorter words occur by chance in what base64 is decoded to.
const MIN_DECODED_WORD: usize = 4;
/// The shortest part of a signed token that is taken for one.
const MIN_TOKEN_PART: usize = 10;
/// The names of fields with tokens, without `_` and `-`.
const TOKEN_FIELDS: [&str; 3] = ["access", "refresh", "id"];
/// What a field with a token's name contains is taken for a token from the first length on if it has a digit, and from
/// the second on in any case: `access_token: required` contains none.
const MIN_NAMED_TOKEN: usize = 8;
const MIN_NAMED_LETTERS: usize = 20;

type Secret = Zeroizing<String>;

/// The forms of all secrets.
#[derive(Default)]
pub(super) struct Needles {
    /// In the form that `folded` gives, searched for anywhere.
    folded: Vec<Secret>,
    /// In the form that `only_ascii` gives, searched for anywhere.
    ascii: Vec<Secret>,
    /// In the form that `only_alphanumeric` gives, searched for anywhere.
    alphanumeric: Vec<Secret>,
    /// In the form that `lower_case` gives, searched for as whole words.
    words: Vec<Secret>,
    /// In the same form, searched for as whole values.
    values: Vec<Secret>,
}

/// The way in which a secret is searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Search {
    /// It is too long to occur by chance.
    Anywhere,
    /// It is short, and no ordinary word: it counts where it is not a part of a longer word.
    Word,
    /// It is an ordinary word or a number, such as `wrong` or `test`: it counts where it stands as a value alone, as in
    /// `client_secret=wrong`, `"wrong"` or `password: wrong`.
    Value,
}

impl Search {
    fn of(secret: &str) -> Self {
        let length = folded(secret).chars().count();
        let is_letters = secret.trim().chars().all(char::is_alphabetic);
        let is_digits = secret.trim().chars().all(char::is_numeric);
        match length {
            12.. => Self::Anywhere,
            8.. if !is_letters => Self::Anywhere,
            4.. if !is_letters && !is_digits => Self::Word,
            _ => Self::Value,
        }
    }
}

impl Needles {
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut needles = Self::default();
        for secret in secrets.into_iter().filter(|secret| !secret.trim().is_empty()) {
            needles.add(secret);
        }
        needles
    }

    fn add(&mut self, secret: &str) {
        let search = Search::of(secret);
        let mut reading = Some(Zeroizing::new(secret.to_owned()));
        for _ in 0..MAX_READINGS {
            let Some(current) = reading else { break };
            match search {
                Search::Anywhere => self.add_anywhere(&current),
                Search::Word => self.words.push(lower_case(current.trim())),
                Search::Value => self.values.push(lower_case(current.trim())),
            }
            self.add_binary(&current, search);
            reading = unescaped(&current).map(Zeroizing::new);
        }
    }

    fn add_anywhere(&mut self, secret: &str) {
        let form = folded(secret);
        self.folded.extend(parts(&form).map(|part| Zeroizing::new(part.to_owned())));
        self.folded.extend(Some(form).filter(|form| form.len() >= MIN_FORM));
        if !secret.is_ascii() {
            self.ascii.extend(Some(only_ascii(secret)).filter(|form| form.len() >= MIN_FORM));
        }
    }

    /// Adds hexadecimal digits, and base64 whose case was changed. Base64 that can be decoded is compared decoded.
    fn add_binary(&mut self, secret: &str, search: Search) {
        let mut hex = Zeroizing::new(String::with_capacity(2 * secret.len()));
        for byte in secret.bytes() {
            hex.extend([byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or_default()));
        }
        let mut forms = vec![only_alphanumeric(&hex)];
        if search == Search::Anywhere {
            forms.extend((0..3).map(|offset| only_alphanumeric(&base64_at(offset, secret))));
        }
        self.alphanumeric.extend(forms.into_iter().filter(|form| form.len() >= MIN_FORM));
    }

    /// Returns whether a string contains a secret as it is, or in other case or with blanks, line breaks or invisible
    /// characters in it, or if it contains a signed token or a field with a token. `is_decoded` tells that it was
    /// base64.
    pub fn are_in(&self, text: &str, is_decoded: bool) -> bool {
        let min_word = if is_decoded { MIN_DECODED_WORD } else { 1 };
        let contains = |form: fn(&str) -> Secret, needles: &[Secret]| {
            let form = if needles.is_empty() { Secret::default() } else { form(text) };
            needles.iter().any(|needle| form.contains(needle.as_str()))
        };
        let stands = |needles: &[Secret], alone: fn(&str, &str) -> bool| {
            let form = if needles.is_empty() { Secret::default() } else { lower_case(text) };
            needles.iter().any(|needle| needle.len() >= min_word && occurs(&form, needle, alone))
        };
        contains(folded, &self.folded)
            || contains(only_ascii, &self.ascii)
            || contains(only_alphanumeric, &self.alphanumeric)
            || stands(&self.words, is_word)
            || stands(&self.values, is_value)
            || contains_signed_token(text)
            || contains_named_token(text)
    }
}

/// Returns the characters that are compared: without blanks, line breaks, invisible characters, and signs that can
/// stand for a blank (`+`), a line break (`=`) or nothing (`\`), in lower case.
fn folded(text: &str) -> Secret {
    let is_compared = |&c: &char| {
        if c.is_ascii() { c.is_ascii_graphic() && !matches!(c, '+' | '=' | '\\') } else { c.is_alphanumeric() }
    };
    collect(text, visible::text(&without_line_breaks(text)).chars().filter(is_compared).flat_map(char::to_lowercase))
}

/// Returns the same as `folded` without characters that an encoding other than UTF-8 can have changed.
fn only_ascii(text: &str) -> Secret {
    collect(text, folded(text).chars().filter(char::is_ascii))
}

/// Returns letters and digits alone, without the prefix of hexadecimal numbers.
fn only_alphanumeric(text: &str) -> Secret {
    let lower = Zeroizing::new(text.to_ascii_lowercase());
    let digits = Zeroizing::new(lower.replace("0x", ""));
    collect(text, digits.chars().filter(char::is_ascii_alphanumeric))
}

fn lower_case(text: &str) -> Secret {
    let blank = |c: char| if c == '+' { ' ' } else { c };
    collect(text, text.chars().map(blank).flat_map(char::to_lowercase))
}

/// Collects without a reallocation that leaves a copy behind, in nearly all cases.
fn collect(text: &str, chars: impl Iterator<Item = char>) -> Secret {
    let mut collected = Zeroizing::new(String::with_capacity(text.len() + 16));
    collected.extend(chars);
    collected
}

/// Returns those parts of a secret that would not occur by chance. A string that repeats a quarter of the secret, and
/// 16 characters, contains one of them.
fn parts(secret: &str) -> impl Iterator<Item = &str> {
    let step = (secret.len() / MAX_PARTS).max(MIN_PART);
    let at = |index: usize| secret.floor_char_boundary(index);
    let part = move |start| &secret[at(start)..at(start + step.min(MAX_PART))];
    let is_distinctive = |part: &&str| Search::of(part) == Search::Anywhere;
    (0..secret.len()).step_by(step).take(MAX_PARTS).map(part).filter(is_distinctive)
}

/// Returns the symbols of base64 that a secret alone decides, if `offset` bytes come before it.
fn base64_at(offset: usize, secret: &str) -> Secret {
    let mut bytes = Zeroizing::new(vec![0; offset]);
    bytes.extend_from_slice(secret.as_bytes());
    let (first, end) = ((offset * 8).div_ceil(6), bytes.len() * 8 / 6);
    let encoded = Zeroizing::new(STANDARD_NO_PAD.encode(&*bytes));
    Zeroizing::new(encoded[first..end].to_owned())
}

/// Returns whether a needle occurs in a string so that what is before and after it leaves it alone.
fn occurs(text: &str, needle: &str, alone: fn(&str, &str) -> bool) -> bool {
    let mut found = text.match_indices(needle);
    !needle.is_empty() && found.any(|(at, _)| alone(&text[..at], &text[at + needle.len()..]))
}

fn is_word(before: &str, after: &str) -> bool {
    !before.ends_with(char::is_alphanumeric) && !after.starts_with(char::is_alphanumeric)
}

fn is_value(before: &str, after: &str) -> bool {
    let next = after.chars().next();
    let is_enclosed = matches!(
        (before.chars().next_back(), next),
        (Some('"'), Some('"'))
            | (Some('\''), Some('\''))
            | (Some('`'), Some('`'))
            | (Some('<'), Some('>'))
            | (Some('>'), Some('<'))
            | (Some('['), Some(']'))
    );
    let ends = match next {
        None | Some('\r' | '\n' | '&' | ';' | ',' | ')' | ']' | '}' | '>' | '<' | '"' | '\'' | '@' | GAP) => true,
        Some('.') => after[1..].chars().next().is_none_or(char::is_whitespace),
        Some(_) => after.trim_start().is_empty(),
    };
    let is_assigned = match before.trim_end_matches([' ', '\t']).chars().next_back() {
        Some('=') => !next.is_some_and(char::is_alphanumeric),
        Some(':' | GAP) => ends,
        _ => before.trim_end().is_empty() && (after.trim_start().is_empty() || next == Some(GAP)),
    };
    is_enclosed || is_assigned
}

/// Returns whether a string contains a JWT or another token in the compact form of RFC 7515 section 7.1. It may be one
/// that this client does not hold: that of another process, or one that has just been issued.
fn contains_signed_token(text: &str) -> bool {
    let is_other = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-' | '_');
    text.split(is_other).any(|word| {
        let parts: Vec<_> = word.split('.').collect();
        let is_long = |part: &&str| part.len() >= MIN_TOKEN_PART;
        let is_header = |part: &&str| part.find("eyJ").is_some_and(|at| part.len() - at >= MIN_TOKEN_PART);
        let is_token = |parts: &[&str]| is_header(&parts[0]) && parts[1..].iter().all(is_long);
        parts.windows(3).any(is_token)
    })
}

/// Returns whether a string contains the field of a token and its value, as in `"access_token": "…"`, `id_token=…` or
/// `<RefreshToken>…`. It may be a token that has just been issued, in a response that reports something else.
fn contains_named_token(text: &str) -> bool {
    let lower = Zeroizing::new(text.to_ascii_lowercase());
    lower.match_indices("token").any(|(at, name)| {
        let kind = lower[..at].strip_suffix(['_', '-']);
        // `idtoken` alone is the end of `invalidtoken`, and of nothing that is called a token.
        let is_field = TOKEN_FIELDS.iter().any(|field| kind.is_some_and(|kind| kind.ends_with(field)))
            || TOKEN_FIELDS[..2].iter().any(|field| lower[..at].ends_with(field));
        is_field && begins_with_value(&lower[at + name.len()..])
    })
}

/// Returns whether the rest of a string after the name of a field begins with a token.
fn begins_with_value(rest: &str) -> bool {
    let is_around = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '\\' | '`');
    let Some(value) = rest.trim_start_matches(is_around).strip_prefix([':', '=', '>']) else { return false };
    let value = value.trim_start_matches(is_around).as_bytes();
    let is_token = |byte: &&u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte);
    let length = value.iter().take(MIN_NAMED_LETTERS).take_while(is_token).count();
    let has_digit = value[..length].iter().any(u8::is_ascii_digit);
    length >= MIN_NAMED_LETTERS || (length >= MIN_NAMED_TOKEN && has_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_secrets_are_found_anywhere_short_ones_as_words_and_ordinary_words_as_values() {
        for (secret, search) in [
            ("hush-hush", Search::Anywhere),
            ("12345678", Search::Anywhere),
            ("correcthorsebattery", Search::Anywhere),
            ("p+ä \"&", Search::Word),
            ("pa55", Search::Word),
            ("password", Search::Value),
            ("wrong", Search::Value),
            ("1234", Search::Value),
            ("a1", Search::Value),
        ] {
            assert_eq!(Search::of(secret), search, "{secret}");
        }
    }

    /// What differs between the two encodings depends on the bytes around the secret.
    #[test]
    fn base64_of_a_secret_has_each_symbol_that_it_alone_decides() {
        for offset in 0..3 {
            let encoded = |around: u8| {
                STANDARD_NO_PAD.encode([&vec![around; offset], "the-secret".as_bytes(), &[around; 3]].concat())
            };
            let (one, other) = (encoded(0), encoded(0xff));
            let same: String = one.chars().zip(other.chars()).filter(|(a, b)| a == b).map(|(a, _)| a).collect();
            assert_eq!(*base64_at(offset, "the-secret"), same, "{offset}");
        }
    }

    #[test]
    fn parts_of_a_secret_are_few_and_no_ordinary_words() {
        for length in [16, 33, 64, 100, 2_000] {
            let secret: String = ('0'..='z').filter(char::is_ascii_alphanumeric).cycle().take(length).collect();
            assert!((1..=MAX_PARTS).contains(&parts(&secret).count()), "{length}");
        }
        assert_eq!(parts("passwordpassword").count(), 0);
        assert_eq!(parts("pass-wordpassword").count(), 1);
        assert_eq!(parts("hush-hush").count(), 1);
    }
}
