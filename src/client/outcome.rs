//! What a refresh gives to its waiters.

use std::sync::Arc;

use crate::config::Settings;
use crate::error::Error;
use crate::token::HeldToken;

/// The end of a refresh, for everybody who waited for it.
#[derive(Clone)]
pub(super) enum Outcome {
    /// A token that was just granted. It is served even if it has expired meanwhile, but not if an API rejected it.
    Granted(Arc<HeldToken>),
    /// A token that is served whatever has become of it, because there is no other.
    Only(Arc<HeldToken>),
    /// A token that was held or found in the cache. It is served unless it has to be replaced by now.
    Found(Arc<HeldToken>),
    /// Nothing was sent, or it failed.
    Failed { error: Error, settings: Arc<Settings> },
    /// It ended for callers who do not wait: its time was over while another process held the lock, or its credentials
    /// were replaced.
    Unfinished,
}
