//! The options of the core as keywords of Python.
//!
//! Made from src/config/options.toml by scripts/interface: do not edit, run `make header`.

use std::path::PathBuf;

use pyo3::prelude::*;
use tango_token::Config;

use crate::config::{extract, extract_name, extract_timeout, unknown};
use crate::dpop::PyDpopKey;

/// Sets the option `name`.
pub fn set(config: &mut Config, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
    match name {
        "environment" => config.environment(extract_name(name, value)?),
        "token_url" => config.token_url(extract::<String>(name, value)?),
        "client_id" => config.client_id(extract::<String>(name, value)?),
        "client_secret" => config.client_secret(extract::<String>(name, value)?),
        "username" => config.username(extract::<String>(name, value)?),
        "password" => config.password(extract::<String>(name, value)?),
        "audience" => config.audience(extract::<String>(name, value)?),
        "scope" => config.scope(extract::<String>(name, value)?),
        "ca_file" => config.ca_file(extract::<PathBuf>(name, value)?),
        "proxy" => config.proxy(extract::<String>(name, value)?),
        "user_agent" => config.user_agent(extract::<String>(name, value)?),
        "connect_timeout" => config.connect_timeout(extract_timeout(name, value)?),
        "attempt_timeout" => config.attempt_timeout(extract_timeout(name, value)?),
        "total_timeout" => config.total_timeout(extract_timeout(name, value)?),
        "allow_plain_http" => config.allow_plain_http(extract::<bool>(name, value)?),
        "api_url" => config.api_url(extract::<String>(name, value)?),
        "allowed_origins" => {
            extract::<Vec<String>>(name, value)?.into_iter().fold(config, |config, url| config.allow_origin(url))
        }
        "dpop" => config.dpop(extract_name(name, value)?),
        "dpop_key" => config.dpop_key(extract::<PyDpopKey>(name, value)?.0),
        "dpop_key_file" => config.dpop_key_file(extract::<PathBuf>(name, value)?),
        "cache" => config.cache(extract::<String>(name, value)?),
        "cache_ca_file" => config.cache_ca_file(extract::<PathBuf>(name, value)?),
        "allow_fetch_without_cache" => config.allow_fetch_without_cache(extract::<bool>(name, value)?),
        _ => return Err(unknown(name)),
    };
    Ok(())
}
