//! The reader of challenges, for the fuzz targets.

use super::{Challenges, Cursor, Reader, Refusal};

/// What a `WWW-Authenticate` header says.
#[derive(Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The error code and the description of the refusal.
    pub refusal: Option<(String, Option<String>)>,
    /// Whether all of the header is valid.
    pub is_valid: bool,
    /// How often a byte of the header was looked at.
    pub steps: usize,
}

/// Reads the header.
pub fn challenge(header: &str) -> Challenge {
    let mut cursor = Cursor::new(header);
    Reader::default().read(&mut cursor);
    let Challenges { refusal, is_valid } = Challenges::read(header);
    let refusal = refusal.map(|Refusal { error, description }| (error, description));
    Challenge { refusal, is_valid, steps: cursor.steps.get() }
}
