//! Texts that end with a NUL, so that C borrows them as they are.

/// The text as Rust sees it. `text` must end with its NUL.
pub(crate) fn without_nul(text: &str) -> &str {
    &text[..text.len() - 1]
}
