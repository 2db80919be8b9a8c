//! The keywords of `Client` as a configuration of the core.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use tango_token::Config;

use crate::errors::OrRaise;
use crate::keywords::Keywords;
use crate::options;

/// Makes a configuration of these keywords.
pub fn from_keywords(py: Python<'_>, load_env: bool, keywords: Option<Bound<'_, PyDict>>) -> PyResult<Config> {
    let mut config = Config::new();
    if let Some(keywords) = keywords.map(Keywords) {
        options::set(&mut config, &keywords)?;
        keywords.end()?;
    }
    if load_env {
        config.load_env().or_raise(py)?;
    }
    Ok(config)
}
