//! `tango_client`: one set of credentials and its current token.

use libc::c_char;

use super::error::ErrorObject;
use super::{Out, exit, fork, free, guard, log, optional_string, required};
use crate::client::Client;
use crate::config::{Config, Credentials};
use crate::error::{Error, Status};
use crate::token::{Replica, Token};

/// Makes a client from a configuration, which is copied. It reads the CA and key files that the configuration names; it
/// starts no thread and sends nothing.
///
/// Make one client for each set of credentials and share it between threads. The caller owns `*client` and frees it
/// with `tango_client_free`. INVALID_ARGUMENT for NULL; INVALID_CONFIGURATION names every setting that is missing or
/// wrong.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_client_new(
    config: Option<&Config>,
    client: *mut *mut Client,
    error: *mut *mut ErrorObject,
) -> Status {
    guard(error, || {
        // SAFETY: the header's contract for out-parameters.
        let out = unsafe { Out::new(client, "client") }?;
        fork::watch();
        exit::wait_at_exit();
        log::follow_variables();
        out.give(Box::into_raw(Box::new(Client::new(required(config, "config")?)?)));
        Ok(())
    })
}

/// Returns another handle of the same client, which the caller frees with `tango_client_free`. NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tango_client_clone(client: Option<&Client>) -> Option<Box<Client>> {
    client.map(|client| Box::new(client.clone()))
}

/// Frees this handle. Tokens, pending requests and other handles of the client stay valid. Accepts NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tango_client_free(client: Option<Box<Client>>) {
    free(client);
}

/// Replaces the credentials of the client: the client ID and secret, the service account, or both. The strings are
/// copied.
///
/// The held token is served until a token for the new credentials arrives; the next acquire starts to fetch one in the
/// background. A change of a secret or a password alone needs no new token. NULL for both strings of a pair leaves that
/// pair as it is. INVALID_ARGUMENT if only one string of a pair is NULL, a string is empty, or `client` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_client_set_credentials(
    client: Option<&Client>,
    client_id: *const c_char,
    client_secret: *const c_char,
    username: *const c_char,
    password: *const c_char,
    error: *mut *mut ErrorObject,
) -> Status {
    guard(error, || {
        let client = required(client, "client")?;
        // SAFETY: the header's contract for strings.
        let (id, secret, name, password) = unsafe {
            (
                optional_string(client_id, "client_id")?,
                optional_string(client_secret, "client_secret")?,
                optional_string(username, "username")?,
                optional_string(password, "password")?,
            )
        };
        let mut credentials = Credentials::new();
        if let Some((id, secret)) = pair(id, "client_id", secret, "client_secret")? {
            credentials = credentials.client(id, secret);
        }
        if let Some((name, password)) = pair(name, "username", password, "password")? {
            credentials = credentials.service_account(name, password);
        }
        client.set_credentials(&credentials)
    })
}

/// Both strings of a pair, or none of them.
fn pair<'a>(
    identity: Option<&'a str>,
    identity_argument: &str,
    secret: Option<&'a str>,
    secret_argument: &str,
) -> Result<Option<(&'a str, &'a str)>, Error> {
    match (identity, secret) {
        (None, None) => Ok(None),
        (identity, secret) => Ok(Some((required(identity, identity_argument)?, required(secret, secret_argument)?))),
    }
}

/// Marks `token` as suspect, because an API rejected it with 401 and `invalid_token`.
///
/// The next acquire requests one replacement, for all processes that share a cache. While there can be none, because
/// the daily limit refuses it or the token is itself a replacement, the suspect token is served again: an API can
/// reject a good token. Does nothing if the client already holds a newer token. `token` stays the caller's.
/// INVALID_ARGUMENT for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_client_invalidate(
    client: Option<&Client>,
    token: *const Replica,
    error: *mut *mut ErrorObject,
) -> Status {
    guard(error, || {
        let client = required(client, "client")?;
        // SAFETY: by the header's contract NULL, or a token of this library that was not freed.
        let token = required(unsafe { super::token::cloned(token) }, "token")?;
        client.invalidate(&Token::from_replica(token));
        Ok(())
    })
}
