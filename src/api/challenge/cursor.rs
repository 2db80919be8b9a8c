//! A place in a `WWW-Authenticate` header, and the parts that can follow it.

#[cfg(any(test, fuzzing))]
use std::cell::Cell;

use super::scheme::Scheme;

/// The value of a parameter.
pub(super) struct Value {
    pub text: String,
    /// Whether a quoted value has its closing quote.
    pub is_complete: bool,
}

pub(super) struct Cursor<'a> {
    header: &'a str,
    at: usize,
    is_valid: bool,
    /// No single quote after this place closes a value, which was found out once.
    has_no_closing_apostrophe: bool,
    /// How often a byte was looked at.
    #[cfg(any(test, fuzzing))]
    pub steps: Cell<usize>,
}

impl<'a> Cursor<'a> {
    pub fn new(header: &'a str) -> Self {
        Self {
            header,
            at: 0,
            is_valid: true,
            has_no_closing_apostrophe: false,
            #[cfg(any(test, fuzzing))]
            steps: Cell::new(0),
        }
    }

    /// Returns whether all that was read is valid by itself.
    pub fn is_valid(&self) -> bool {
        self.is_valid
    }

    /// Skips blanks and commas. Returns whether there was a comma: between the elements of a list there may be several
    /// (RFC 9110 section 5.6.1.2). Some servers write a semicolon instead.
    pub fn skip_commas(&mut self) -> bool {
        let (start, end) = (self.at, self.skip_while(self.at, |byte| is_blank(byte) || is_comma(byte)));
        self.at = end;
        self.is_valid &= !self.header[start..end].contains(';');
        self.header[start..end].contains([',', ';'])
    }

    /// Returns what stands before the next blank, comma, equals sign or quotation mark.
    pub fn word(&mut self) -> &'a str {
        let (start, end) = (self.at, self.end_of_word(self.at, b'"'));
        self.at = end;
        let word = &self.header[start..end];
        self.is_valid &= word.bytes().all(|byte| is_token(byte) || byte == b'/');
        word
    }

    /// Skips a part of the header that is neither a word nor a comma. Returns false at the end of the header.
    pub fn skip_stray(&mut self) -> bool {
        match self.byte(self.at) {
            None => return false,
            Some(b'"') => drop(self.quoted(b'"')),
            Some(_) => self.at += 1,
        }
        true
    }

    /// Skips the equals sign after the name of a parameter, with the blanks around it, and further ones, which fill up
    /// a token68. Without one nothing is skipped.
    pub fn skip_equals(&mut self) -> bool {
        let start = self.skip_while(self.at, is_blank);
        if self.byte(start) != Some(b'=') {
            return false;
        }
        let end = self.skip_while(start, |byte| byte == b'=');
        self.at = self.skip_while(end, is_blank);
        true
    }

    /// Returns the value that follows the equals sign; an empty one if there is none.
    pub fn value(&mut self) -> Value {
        match self.byte(self.at) {
            Some(b'"') => self.quoted(b'"'),
            Some(b'\'') if self.has_closing_apostrophe() => self.quoted(b'\''),
            _ => {
                let start = self.at;
                self.at = self.skip_while(start, |byte| !is_blank(byte) && !is_comma(byte));
                let value = &self.header[start..self.at];
                self.is_valid &= value.bytes().all(is_token);
                Value { text: value.trim_matches('"').into(), is_complete: true }
            }
        }
    }

    /// Returns whether a parameter comes next, after a blank.
    pub fn is_before_parameter(&self) -> bool {
        self.byte(self.at).is_some_and(is_blank) && self.is_parameter(self.skip_while(self.at, is_blank), b'"')
    }

    /// Reads a quoted string (RFC 9110 section 5.6.4). A quotation mark inside of it that is not escaped belongs to the
    /// value: it closes the string only where something follows that can.
    fn quoted(&mut self, quote: u8) -> Value {
        let mut text = String::new();
        self.at += 1;
        loop {
            let start = self.at;
            self.at = self.skip_while(start, |byte| byte != quote && byte != b'\\');
            text.push_str(&self.header[start..self.at]);
            match self.byte(self.at) {
                None => {
                    self.is_valid = false;
                    return Value { text, is_complete: false };
                }
                Some(b'\\') => {
                    let escaped = self.header[self.at + 1..].chars().next();
                    text.extend(escaped);
                    self.at += 1 + escaped.map_or(0, char::len_utf8);
                }
                Some(_) if self.closes(self.at, quote) => {
                    self.at += 1;
                    return Value { text, is_complete: true };
                }
                Some(_) => {
                    self.is_valid = false;
                    text.push(quote.into());
                    self.at += 1;
                }
            }
        }
    }

    /// Single quotes are no quotes of HTTP, but a part of the value. Some servers enclose values in them all the same.
    fn has_closing_apostrophe(&mut self) -> bool {
        if self.has_no_closing_apostrophe {
            return false;
        }
        let mut quotes = self.header[self.at + 1..].match_indices('\'').map(|(offset, _)| self.at + 1 + offset);
        let is_found = quotes.any(|at| self.closes(at, b'\''));
        self.has_no_closing_apostrophe = !is_found;
        is_found
    }

    /// Returns whether a quotation mark can close a value: whether the end of the header, a comma and then the next
    /// parameter or challenge, or a parameter whose comma is missing follows. It looks at nothing beyond the next mark
    /// of this kind, so each byte is looked at for one of them alone.
    fn closes(&self, at: usize, quote: u8) -> bool {
        let next = self.skip_while(at + 1, is_blank);
        match self.byte(next) {
            None => true,
            Some(byte) if is_comma(byte) => {
                let next = self.skip_while(next, |byte| is_blank(byte) || is_comma(byte));
                self.byte(next).is_none() || self.is_element(next, quote)
            }
            Some(_) if next > at + 1 => self.is_parameter(next, quote) || self.is_known_challenge(next, quote),
            Some(_) => {
                let end = self.end_of_token(next, quote);
                end > next && self.byte(end) == Some(b'=') && self.byte(end + 1) == Some(quote)
            }
        }
    }

    fn is_parameter(&self, start: usize, quote: u8) -> bool {
        let end = self.end_of_token(start, quote);
        end > start && self.byte(self.skip_while(end, is_blank)) == Some(b'=')
    }

    /// Returns whether a challenge of a scheme that matters here starts, with a parameter.
    fn is_known_challenge(&self, start: usize, quote: u8) -> bool {
        let end = self.end_of_token(start, quote);
        let next = self.skip_while(end, is_blank);
        Scheme::of(&self.header[start..end]) != Scheme::Other && self.is_parameter(next, quote)
    }

    /// Returns whether a parameter starts here, or a challenge: a scheme alone, or one with a token68 or a parameter.
    fn is_element(&self, start: usize, quote: u8) -> bool {
        let end = self.end_of_token(start, quote);
        let next = self.skip_while(end, is_blank);
        let ends = |at| self.byte(at).is_none_or(is_comma);
        if end == start || ends(next) || self.byte(next) == Some(b'=') {
            return end > start;
        }
        let word_end = self.end_of_word(next, quote);
        let after = self.skip_while(word_end, is_blank);
        next > end && (ends(after) || self.byte(after) == Some(b'='))
    }

    fn end_of_token(&self, start: usize, quote: u8) -> usize {
        self.skip_while(start, |byte| is_token(byte) && byte != quote)
    }

    fn end_of_word(&self, start: usize, quote: u8) -> usize {
        self.skip_while(start, |byte| !is_blank(byte) && !is_comma(byte) && byte != b'=' && byte != quote)
    }

    fn skip_while(&self, start: usize, is_skipped: impl Fn(u8) -> bool) -> usize {
        let mut at = start;
        while self.byte(at).is_some_and(&is_skipped) {
            at += 1;
        }
        at
    }

    fn byte(&self, at: usize) -> Option<u8> {
        #[cfg(any(test, fuzzing))]
        self.steps.set(self.steps.get() + 1);
        self.header.as_bytes().get(at).copied()
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn is_comma(byte: u8) -> bool {
    matches!(byte, b',' | b';')
}

/// Returns whether a byte belongs to a token (RFC 9110 section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
