//! Fork detection where there is no fork.

/// Does nothing: a process of Windows is never forked. The C interface calls this for the first client or key.
pub fn watch() {}
