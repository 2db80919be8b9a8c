//! The setters of `tango_config`, one for each option.
//!
//! Made from src/config/options.toml by scripts/interface: do not edit, run `make header`.

use libc::c_char;

use super::{set, set_flag, set_key, set_number, set_timeout};
use crate::config::Config;
use crate::error::Status;
use crate::ffi::dpop_key::KeyObject;
use crate::ffi::error::ErrorObject;

/// Tango's environment. Required unless `token_url` is set. A `tango_environment`; any other number is
/// INVALID_ARGUMENT.
///
/// Variable: `TANGO_ENVIRONMENT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_environment(
    config: Option<&mut Config>,
    environment: i32,
    error: *mut *mut ErrorObject,
) -> Status {
    set_number(config, "environment", environment, error, Config::environment)
}

/// The token endpoint (RFC 6749 section 3.2) as an absolute URL. HTTPS, except for loopback hosts. Copied.
///
/// Default: that of the environment. Variable: `TANGO_TOKEN_URL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_token_url(
    config: Option<&mut Config>,
    token_url: *const c_char,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for strings.
    unsafe { set(config, "token_url", token_url, error, |config, value| config.token_url(value)) }
}

/// The client ID, from the Tango portal under OAuth client credentials. Required. Copied.
///
/// Variable: `TANGO_CLIENT_ID`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_client_id(
    config: Option<&mut Config>,
    client_id: *const c_char,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for strings.
    unsafe { set(config, "client_id", client_id, error, |config, value| config.client_id(value)) }
}

/// The client secret that belongs to the client ID. Required. Copied, and zeroised when no longer needed.
///
/// Variable: `TANGO_CLIENT_SECRET`, or `TANGO_CLIENT_SECRET_FILE` for a file that holds the value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_client_secret(
    config: Option<&mut Config>,
    client_secret: *const c_char,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for strings.
    unsafe { set(config, "client_secret", client_secret, error, |config, value| config.client_secret(value)) }
}

/// The user name of the service account, from the Tango portal under OAuth service accounts. Required. Copied.
///
/// Variable: `TANGO_USERNAME`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_username(
    config: Option<&mut Config>,
    username: *const c_char,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for strings.
    unsafe { set(config, "username", username, error, |config, value| config.username(value)) }
}

/// The password of the service account. Required. Copied, and zeroised when no longer needed.
///
/// Variable: `TANGO_PASSWORD`, or `TANGO_PASSWORD_FILE` for a file that holds the value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_password(
    config: Option<&mut Config>,
    password: *const c_char,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for strings.
    unsafe { set(config, "password", password, error, |config, value| config.password(value)) }
}

/// The audience: `24h` or `5min` for a token of that lifetime; any other audience is sent exactly as written. Copied.
///
/// Default: `24h`. Variable: `TANGO_AUDIENCE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_audience(
    config: Option<&mut Config>,
    audience: *const c_char,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for strings.
    unsafe { set(config, "audience", audience, error, |config, value| config.audience(value)) }
}

/// The scope to request (RFC 6749 section 3.3). Copied.
///
/// Default: `raas.all`. Variable: `TANGO_SCOPE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_scope(
    config: Option<&mut Config>,
    scope: *const c_char,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for strings.
    unsafe { set(config, "scope", scope, error, |config, value| config.scope(value)) }
}

/// A PEM file of the certificate authorities to trust for the token endpoint. The HTTP client that calls the API has a
/// setting of its own. Checked by `tango_client_new`, and read for each connection. Copied.
///
/// Default: the system's certificates. Variable: `TANGO_CA_FILE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_ca_file(
    config: Option<&mut Config>,
    path: *const c_char,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for strings.
    unsafe { set(config, "path", path, error, |config, value| config.ca_file(value)) }
}

/// `system` (`HTTPS_PROXY`, `NO_PROXY` and the like), `none`, or the URL of an HTTP or SOCKS5 proxy, which can contain
/// a user name and a password. Copied, and zeroised when no longer needed.
///
/// Default: `system`. Variable: `TANGO_PROXY`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_proxy(
    config: Option<&mut Config>,
    proxy: *const c_char,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for strings.
    unsafe { set(config, "proxy", proxy, error, |config, value| config.proxy(value)) }
}

/// The `User-Agent` header to send, in ASCII. Copied.
///
/// Default: `tango-token/VERSION`. Variable: `TANGO_USER_AGENT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_user_agent(
    config: Option<&mut Config>,
    user_agent: *const c_char,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for strings.
    unsafe { set(config, "user_agent", user_agent, error, |config, value| config.user_agent(value)) }
}

/// The time limit for one connection to be established, TLS included. In milliseconds: 1 to 600,000, which
/// `tango_client_new` checks.
///
/// Default: 5,000. Variable: `TANGO_CONNECT_TIMEOUT_MS`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_connect_timeout_ms(
    config: Option<&mut Config>,
    timeout_ms: u32,
    error: *mut *mut ErrorObject,
) -> Status {
    set_timeout(config, timeout_ms, error, Config::connect_timeout)
}

/// The time limit for one request, response included. In milliseconds: 1 to 600,000, which `tango_client_new` checks.
///
/// Default: 10,000. Variable: `TANGO_ATTEMPT_TIMEOUT_MS`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_attempt_timeout_ms(
    config: Option<&mut Config>,
    timeout_ms: u32,
    error: *mut *mut ErrorObject,
) -> Status {
    set_timeout(config, timeout_ms, error, Config::attempt_timeout)
}

/// The time limit for one call, retries included. In milliseconds: 1 to 600,000, which `tango_client_new` checks.
///
/// Default: 30,000. Variable: `TANGO_TOTAL_TIMEOUT_MS`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_total_timeout_ms(
    config: Option<&mut Config>,
    timeout_ms: u32,
    error: *mut *mut ErrorObject,
) -> Status {
    set_timeout(config, timeout_ms, error, Config::total_timeout)
}

/// Allows URLs without TLS on hosts that are not loopback. Secrets then cross the network unencrypted. 1 for yes, 0 for
/// no; any other number is INVALID_ARGUMENT.
///
/// Default: no. Variable: `TANGO_ALLOW_PLAIN_HTTP`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_allow_plain_http(
    config: Option<&mut Config>,
    allowed: i32,
    error: *mut *mut ErrorObject,
) -> Status {
    set_flag(config, "allowed", allowed, error, Config::allow_plain_http)
}

/// The API that tokens are for, as an absolute URL. Headers are made for its origin only. Copied.
///
/// Default: that of the environment. Variable: `TANGO_API_URL`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_api_url(
    config: Option<&mut Config>,
    api_url: *const c_char,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for strings.
    unsafe { set(config, "api_url", api_url, error, |config, value| config.api_url(value)) }
}

/// Allows another origin, such as `https://api.example`, to receive tokens. Can be called several times. Origins that
/// are allowed in code replace those of the variable. Copied.
///
/// Variable: `TANGO_ALLOWED_ORIGINS`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_allow_origin(
    config: Option<&mut Config>,
    url: *const c_char,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for strings.
    unsafe { set(config, "url", url, error, |config, value| config.allow_origin(value)) }
}

/// Whether tokens are bound to a key (RFC 9449). A `tango_dpop_mode`; any other number is INVALID_ARGUMENT.
///
/// Default: `off`. Variable: `TANGO_DPOP`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_dpop(
    config: Option<&mut Config>,
    mode: i32,
    error: *mut *mut ErrorObject,
) -> Status {
    set_number(config, "mode", mode, error, Config::dpop)
}

/// A file with the key to which tokens are bound, in PEM or as a JWK. `dpop` has to be set as well. A file that every
/// user of the machine can write to is refused; one that every user can read causes a warning in the log. Read by
/// `tango_client_new`. Copied.
///
/// Default: each client generates an ES256 key. Variable: `TANGO_DPOP_KEY_FILE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_dpop_key_file(
    config: Option<&mut Config>,
    path: *const c_char,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for strings.
    unsafe { set(config, "path", path, error, |config, value| config.dpop_key_file(value)) }
}

/// The key to which tokens are bound, instead of `dpop_key_file`. `dpop` has to be set as well. The caller still owns
/// `key`, and may free it at once.
///
/// Default: each client generates an ES256 key.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_dpop_key(
    config: Option<&mut Config>,
    key: Option<&KeyObject>,
    error: *mut *mut ErrorObject,
) -> Status {
    set_key(config, key, error)
}

/// Where the token outlives the process and is shared: `memory` (nowhere), `file` (a directory in the user's cache
/// directory), `file:/another/directory`, or the URL of a Redis server, `redis://` or
/// `rediss://[user:password@]host[:port][/db]`. With `?cluster=true` the server is a node of a cluster, and the URLs of
/// further nodes can follow after spaces; with `?prefix=` keys begin with another string than `tango-token:`. Checked
/// by `tango_client_new`. Copied.
///
/// Default: `memory`. Variable: `TANGO_CACHE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_cache(
    config: Option<&mut Config>,
    cache: *const c_char,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for strings.
    unsafe { set(config, "cache", cache, error, |config, value| config.cache(value)) }
}

/// A PEM file of the certificate authorities to trust for a `rediss://` cache. Checked by `tango_client_new`, and read
/// for each connection. Copied.
///
/// Default: the system's certificates. Variable: `TANGO_CACHE_CA_FILE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_cache_ca_file(
    config: Option<&mut Config>,
    path: *const c_char,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for strings.
    unsafe { set(config, "path", path, error, |config, value| config.cache_ca_file(value)) }
}

/// Requests a token even if the cache cannot be used, instead of failing with CACHE_UNAVAILABLE. Each process then
/// requests a token of its own, which the server's daily limit may refuse. 1 for yes, 0 for no; any other number is
/// INVALID_ARGUMENT.
///
/// Default: no. Variable: `TANGO_ALLOW_FETCH_WITHOUT_CACHE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_set_allow_fetch_without_cache(
    config: Option<&mut Config>,
    allowed: i32,
    error: *mut *mut ErrorObject,
) -> Status {
    set_flag(config, "allowed", allowed, error, Config::allow_fetch_without_cache)
}
