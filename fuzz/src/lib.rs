//! What the targets share: the form of their inputs, and what no message may contain.

pub mod endpoint;
pub mod http_message;
pub mod keys;
pub mod log;
pub mod reveal;

use tango_token::Error;

/// The longest message of an error. Its parts from a server have 512 bytes each, and the rest is the library's.
const MAX_MESSAGE: usize = 4096;
/// The longest string from a server: 512 bytes and an ellipsis, or two of them with a colon.
const MAX_FIELD: usize = 2 * 515 + 2;

/// Checks that an error is one line of limited length, in all of its parts.
pub fn check_error(error: &Error) {
    assert!(!error.message().is_empty() && error.message().len() <= MAX_MESSAGE, "{}", error.message());
    for string in strings(error) {
        assert!(!string.contains(char::is_control), "{string:?}");
    }
    for field in fields(error) {
        assert!(!field.is_empty() && field.len() <= MAX_FIELD, "{field}");
    }
}

/// Returns the message of an error, and what the server said.
pub fn strings(error: &Error) -> Vec<&str> {
    [error.message()].into_iter().chain(fields(error)).collect()
}

fn fields(error: &Error) -> impl Iterator<Item = &str> {
    let fields = [
        error.oauth_error(),
        error.oauth_error_description(),
        error.i18n_key(),
        error.server_message(),
        error.request_id(),
    ];
    fields.into_iter().flatten()
}

/// Returns the first line of an input, and the rest.
pub fn line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}
