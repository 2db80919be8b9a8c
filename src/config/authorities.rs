//! The certificate authorities of a connection: those of its option, or the system's.

use std::env;
use std::path::Path;

use super::characters;
use crate::trust::Trust;

/// Returns the authorities in the file of the option that errors call `label`, or those of the system. Without TLS no
/// certificates are looked for.
pub(super) fn resolve(label: &'static str, file: Option<&Path>, has_tls: bool) -> Result<Trust, String> {
    match file {
        Some(path) => {
            characters::path(path).map_err(|problem| format!("{label} {problem}"))?;
            Trust::file(label, path)
        }
        None if has_tls => Trust::system(|name| env::var_os(name)),
        None => Ok(Trust::System),
    }
}
