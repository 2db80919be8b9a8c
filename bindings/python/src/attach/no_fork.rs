//! Windows has no `os.fork`, and Python there no hooks of it.

use pyo3::prelude::*;

#[expect(clippy::unnecessary_wraps, reason = "the signature of Unix")]
pub(super) fn register(_: Python<'_>) -> PyResult<()> {
    Ok(())
}
