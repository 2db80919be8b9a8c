//! The options of the core as keywords of Python.
//!
//! Made from src/config/options.toml by scripts/interface: do not edit, run `make header`.

use pyo3::prelude::*;
use tango_token::Config;

use crate::keywords::Keywords;

/// Sets each option that is among the keywords.
pub fn set(config: &mut Config, keywords: &Keywords<'_>) -> PyResult<()> {
    if let Some(keyword) = keywords.take("environment")? {
        config.environment(keyword.parse()?);
    }
    if let Some(keyword) = keywords.take("token_url")? {
        config.token_url(keyword.string()?);
    }
    if let Some(keyword) = keywords.take("client_id")? {
        config.client_id(keyword.string()?);
    }
    if let Some(keyword) = keywords.take("client_secret")? {
        config.client_secret(keyword.string()?);
    }
    if let Some(keyword) = keywords.take("username")? {
        config.username(keyword.string()?);
    }
    if let Some(keyword) = keywords.take("password")? {
        config.password(keyword.string()?);
    }
    if let Some(keyword) = keywords.take("audience")? {
        config.audience(keyword.string()?);
    }
    if let Some(keyword) = keywords.take("scope")? {
        config.scope(keyword.string()?);
    }
    if let Some(keyword) = keywords.take("ca_file")? {
        config.ca_file(keyword.path()?);
    }
    if let Some(keyword) = keywords.take("proxy")? {
        config.proxy(keyword.string()?);
    }
    if let Some(keyword) = keywords.take("user_agent")? {
        config.user_agent(keyword.string()?);
    }
    if let Some(keyword) = keywords.take("connect_timeout")? {
        config.connect_timeout(keyword.timeout()?);
    }
    if let Some(keyword) = keywords.take("attempt_timeout")? {
        config.attempt_timeout(keyword.timeout()?);
    }
    if let Some(keyword) = keywords.take("total_timeout")? {
        config.total_timeout(keyword.timeout()?);
    }
    if let Some(keyword) = keywords.take("allow_plain_http")? {
        config.allow_plain_http(keyword.flag()?);
    }
    if let Some(keyword) = keywords.take("api_url")? {
        config.api_url(keyword.string()?);
    }
    if let Some(keyword) = keywords.take("allowed_origins")? {
        for url in keyword.strings()? {
            config.allow_origin(url);
        }
    }
    if let Some(keyword) = keywords.take("dpop")? {
        config.dpop(keyword.parse()?);
    }
    if let Some(keyword) = keywords.take("dpop_key_file")? {
        config.dpop_key_file(keyword.path()?);
    }
    if let Some(keyword) = keywords.take("dpop_key")? {
        config.dpop_key(keyword.key()?);
    }
    if let Some(keyword) = keywords.take("cache")? {
        config.cache(keyword.string()?);
    }
    if let Some(keyword) = keywords.take("cache_ca_file")? {
        config.cache_ca_file(keyword.path()?);
    }
    if let Some(keyword) = keywords.take("allow_fetch_without_cache")? {
        config.allow_fetch_without_cache(keyword.flag()?);
    }

    Ok(())
}
