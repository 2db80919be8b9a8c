//! Strings that end with a NUL, so that C can borrow them.

/// Returns the string without its NUL. `string` must end with one.
pub(crate) fn without_nul(string: &str) -> &str {
    &string[..string.len() - 1]
}
