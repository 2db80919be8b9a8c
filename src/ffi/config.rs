//! `tango_config`: everything a program says once.

use std::time::Duration;

use libc::c_char;

use super::dpop_key::KeyObject;
use super::error::ErrorObject;
use super::{free, guard, invalid, required, string};
use crate::config::{Config, Environment};
use crate::dpop::DpopMode;
use crate::error::{Error, Status};

/// An empty configuration. The caller owns it and ends it with `tango_config_free`. Never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tango_config_new() -> Box<Config> {
    Box::default()
}

/// Ends the configuration; clients made from it stay. NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn tango_config_free(config: Option<Box<Config>>) {
    free(config);
}

/// Overrides what was set so far with each `TANGO_*` environment variable that is set and not empty: ENVIRONMENT
/// (`sandbox` or `production`), TOKEN_URL, CLIENT_ID, CLIENT_SECRET, USERNAME, PASSWORD, AUDIENCE, SCOPE, CA_FILE, PROXY,
/// USER_AGENT, CONNECT_TIMEOUT_MS, ATTEMPT_TIMEOUT_MS, TOTAL_TIMEOUT_MS, ALLOW_PLAIN_HTTP (`true` or `false`), DPOP (`off`,
/// `optional` or `required`), DPOP_KEY_FILE, API_URL, ALLOWED_ORIGINS (URLs, separated by spaces), CACHE, CACHE_CA_FILE,
/// ALLOW_FETCH_WITHOUT_CACHE (`true` or `false`).
/// INVALID_CONFIGURATION names a variable that cannot be understood, and then nothing was changed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_load_env(config: Option<&mut Config>, error: *mut *mut ErrorObject) -> Status {
    guard(error, || required(config, "config")?.load_env())
}

/// Which of Tango's environments to use, a `tango_environment`. INVALID_ARGUMENT for any other number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_environment(
    config: Option<&mut Config>,
    environment: i32,
    error: *mut *mut ErrorObject,
) -> Status {
    guard(error, || {
        let config = required(config, "config")?;
        let known = Environment::try_from(environment);
        config.environment(known.map_err(|number| invalid("environment", &format!("{number} is not known")))?);
        Ok(())
    })
}

/// The token endpoint as an absolute URL, instead of the environment's. HTTPS, except for loopback hosts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_token_url(
    config: Option<&mut Config>,
    token_url: *const c_char,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for texts.
    unsafe { set(config, "token_url", token_url, error, |config, value| config.token_url(value)) }
}

/// The client ID from the Tango portal. Copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_client_id(
    config: Option<&mut Config>,
    client_id: *const c_char,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for texts.
    unsafe { set(config, "client_id", client_id, error, |config, value| config.client_id(value)) }
}

/// The client secret that belongs to the client ID. Copied, and zeroised when no longer needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_client_secret(
    config: Option<&mut Config>,
    client_secret: *const c_char,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for texts.
    unsafe { set(config, "client_secret", client_secret, error, |config, value| config.client_secret(value)) }
}

/// The service account's user name. Copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_username(
    config: Option<&mut Config>,
    username: *const c_char,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for texts.
    unsafe { set(config, "username", username, error, |config, value| config.username(value)) }
}

/// The service account's password. Copied, and zeroised when no longer needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_password(
    config: Option<&mut Config>,
    password: *const c_char,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for texts.
    unsafe { set(config, "password", password, error, |config, value| config.password(value)) }
}

/// `24h` (the default) or `5min` for a token of that life, or any other audience, sent exactly as written. Copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_audience(
    config: Option<&mut Config>,
    audience: *const c_char,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for texts.
    unsafe { set(config, "audience", audience, error, |config, value| config.audience(value)) }
}

/// The scope to ask for, instead of `raas.all`. Copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_scope(
    config: Option<&mut Config>,
    scope: *const c_char,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for texts.
    unsafe { set(config, "scope", scope, error, |config, value| config.scope(value)) }
}

/// A PEM file of the certification authorities to trust instead of the system's. Read by `tango_client_new`. Copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_ca_file(
    config: Option<&mut Config>,
    path: *const c_char,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for texts.
    unsafe { set(config, "path", path, error, |config, value| config.ca_file(value)) }
}

/// `system` (the default: `HTTPS_PROXY`, `NO_PROXY` and the like), `none`, or the URL of an HTTP or SOCKS proxy. Copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_proxy(
    config: Option<&mut Config>,
    proxy: *const c_char,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for texts.
    unsafe { set(config, "proxy", proxy, error, |config, value| config.proxy(value)) }
}

/// The `User-Agent` to send, instead of `tango-token/VERSION`. Copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_user_agent(
    config: Option<&mut Config>,
    user_agent: *const c_char,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for texts.
    unsafe { set(config, "user_agent", user_agent, error, |config, value| config.user_agent(value)) }
}

/// How long one connection may take to be ready, TLS included, in milliseconds: 1 to 600,000, which `tango_client_new`
/// checks; 5,000 unless set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_connect_timeout_ms(
    config: Option<&mut Config>,
    timeout_ms: u32,
    error: *mut *mut ErrorObject,
) -> Status {
    change(config, error, |config| config.connect_timeout(Duration::from_millis(timeout_ms.into())))
}

/// How long one request may take, answer included, in milliseconds: 1 to 600,000, which `tango_client_new`
/// checks; 10,000 unless set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_attempt_timeout_ms(
    config: Option<&mut Config>,
    timeout_ms: u32,
    error: *mut *mut ErrorObject,
) -> Status {
    change(config, error, |config| config.attempt_timeout(Duration::from_millis(timeout_ms.into())))
}

/// How long a caller may wait, retries included, in milliseconds: 1 to 600,000, which `tango_client_new` checks;
/// 30,000 unless set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_total_timeout_ms(
    config: Option<&mut Config>,
    timeout_ms: u32,
    error: *mut *mut ErrorObject,
) -> Status {
    change(config, error, |config| config.total_timeout(Duration::from_millis(timeout_ms.into())))
}

/// 1 allows a token URL without TLS on a host that is not loopback: secrets then cross the network readable. 0 does
/// not. INVALID_ARGUMENT for any other number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_allow_plain_http(
    config: Option<&mut Config>,
    allowed: i32,
    error: *mut *mut ErrorObject,
) -> Status {
    guard(error, || {
        required(config, "config")?.allow_plain_http(flag(allowed, "allowed")?);
        Ok(())
    })
}

/// The API that tokens are for, instead of the environment's. `tango_client_authorize` makes headers for its origin
/// only. Copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_api_url(
    config: Option<&mut Config>,
    api_url: *const c_char,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for texts.
    unsafe { set(config, "api_url", api_url, error, |config, value| config.api_url(value)) }
}

/// Another origin that may get tokens, as a URL of it. Can be called several times. Copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_allow_origin(
    config: Option<&mut Config>,
    url: *const c_char,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for texts.
    unsafe { set(config, "url", url, error, |config, value| config.allow_origin(value)) }
}

/// Whether tokens are bound to a key (RFC 9449), a `tango_dpop_mode`; not unless set. INVALID_ARGUMENT for any other
/// number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_dpop(
    config: Option<&mut Config>,
    mode: i32,
    error: *mut *mut ErrorObject,
) -> Status {
    guard(error, || {
        let config = required(config, "config")?;
        let known = DpopMode::try_from(mode);
        config.dpop(known.map_err(|number| invalid("mode", &format!("{number} is not known")))?);
        Ok(())
    })
}

/// The key that tokens are bound to. Where none is given, each client makes an ES256 key of its own. The caller still
/// owns `key`, and may free it at once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_dpop_key(
    config: Option<&mut Config>,
    key: Option<&KeyObject>,
    error: *mut *mut ErrorObject,
) -> Status {
    guard(error, || {
        required(config, "config")?.dpop_key(required(key, "key")?.key.clone());
        Ok(())
    })
}

/// The same from a file, in PEM or as a JWK. Read by `tango_client_new`. Copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_dpop_key_file(
    config: Option<&mut Config>,
    path: *const c_char,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for texts.
    unsafe { set(config, "path", path, error, |config, value| config.dpop_key_file(value)) }
}

/// Where the token outlives the process and is shared: `memory` (the default: nowhere), `file` (a folder in the user's
/// cache directory), `file:/another/folder`, or `redis://` or `rediss://[user:password@]host[:port][/db]`. With
/// `?cluster=true` the server is a node of a cluster, of which further ones may follow after spaces; with `?prefix=` keys
/// begin with another text than `tango-token:`. Checked by `tango_client_new`. Copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_cache(
    config: Option<&mut Config>,
    cache: *const c_char,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for texts.
    unsafe { set(config, "cache", cache, error, |config, value| config.cache(value)) }
}

/// A PEM file of the certification authorities to trust for `rediss://` instead of the system's. Read by
/// `tango_client_new`. Copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_cache_ca_file(
    config: Option<&mut Config>,
    path: *const c_char,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for texts.
    unsafe { set(config, "path", path, error, |config, value| config.cache_ca_file(value)) }
}

/// 1 fetches a token past a cache that cannot be used, instead of CACHE_UNAVAILABLE: each process that does so asks for one
/// of its own, which the server's daily limit may refuse. 0 does not. INVALID_ARGUMENT for any other number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_allow_fetch_without_cache(
    config: Option<&mut Config>,
    anyway: i32,
    error: *mut *mut ErrorObject,
) -> Status {
    guard(error, || {
        required(config, "config")?.allow_fetch_without_cache(flag(anyway, "anyway")?);
        Ok(())
    })
}

fn flag(number: i32, name: &str) -> Result<bool, Error> {
    match number {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(invalid(name, "is neither 0 nor 1")),
    }
}

/// # Safety
/// `value` is NULL or NUL-terminated.
unsafe fn set(
    config: Option<&mut Config>,
    name: &str,
    value: *const c_char,
    error: *mut *mut ErrorObject,
    apply: impl for<'a> FnOnce(&'a mut Config, &str) -> &'a mut Config,
) -> Status {
    guard(error, || {
        // SAFETY: this function's own contract.
        apply(required(config, "config")?, unsafe { string(value, name) }?);
        Ok(())
    })
}

fn change(
    config: Option<&mut Config>,
    error: *mut *mut ErrorObject,
    apply: impl FnOnce(&mut Config) -> &mut Config,
) -> Status {
    guard(error, || {
        apply(required(config, "config")?);
        Ok(())
    })
}
