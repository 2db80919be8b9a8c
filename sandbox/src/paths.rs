//! The paths of the TLS listener. They stand here because routes, counters, proofs and variables all need them.

/// The token endpoint.
pub const TOKEN: &str = "/oauth/token";
/// Prefix of every path of the API.
pub const API: &str = "/raas/v2";
