//! The meaning of a response that brings no token.

use std::borrow::Cow;

use crate::error::Status;
use crate::failure_kind::FailureKind;

/// The meaning of a response, in the parts of its message.
pub(super) struct Meaning {
    pub status: Status,
    pub kind: FailureKind,
    /// The beginning of the message: what happened. The first `the server` in it is replaced by the server's name.
    pub happened: Cow<'static, str>,
    /// The end of the message: what to do. Empty if there is nothing to do but wait.
    pub advice: &'static str,
}
