//! `tango_client`: one set of credentials and its current token.

use libc::c_char;

use super::error::ErrorObject;
use super::{Out, end, fork, guard, optional_text, required};
use crate::client::Client;
use crate::config::{Config, Credentials};
use crate::error::{Error, Status};
use crate::token::{Replica, Token};

/// Makes a client from a configuration, which is copied. Reads the CA file; starts no thread and sends nothing.
///
/// Make one for each set of credentials and share it between threads. The caller owns `*client` and ends it with
/// `tango_client_free`. INVALID_CONFIGURATION names everything that is missing or wrong.
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
        out.give(Box::into_raw(Box::new(Client::new(required(config, "config")?)?)));
        Ok(())
    })
}

/// Another handle of the same client, with a `tango_client_free` of its own. NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tango_client_clone(client: Option<&Client>) -> Option<Box<Client>> {
    client.map(|client| Box::new(client.clone()))
}

/// Ends this handle. Tokens, requests under way and other handles stay as they are. NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn tango_client_free(client: Option<Box<Client>>) {
    end(client);
}

/// Uses other credentials from now on: a new client id and secret, another service account, or both. Copied; NULL for a
/// pair leaves it as it is, and NULL for one of a pair is INVALID_ARGUMENT.
///
/// The token that is held goes on being served until there is one for the new credentials; the next acquire starts to
/// fetch it behind that one. A changed password alone is used for the next fetch and needs no new token.
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
        // SAFETY: the header's contract for texts.
        let (id, secret, name, password) = unsafe {
            (
                optional_text(client_id, "client_id")?,
                optional_text(client_secret, "client_secret")?,
                optional_text(username, "username")?,
                optional_text(password, "password")?,
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

fn pair<'a>(
    name: Option<&'a str>,
    called: &str,
    secret: Option<&'a str>,
    secret_called: &str,
) -> Result<Option<(&'a str, &'a str)>, Error> {
    match (name, secret) {
        (None, None) => Ok(None),
        (name, secret) => Ok(Some((required(name, called)?, required(secret, secret_called)?))),
    }
}

/// Drops the client's token if it is this one, because an API refused it with 401 and `invalid_token`.
///
/// A shared cache that still holds that very token loses it as well, in the background. The next acquire fetches another,
/// which the server's daily limit may refuse: call it for that refusal only. Does nothing if the client holds a newer token
/// already. The caller still owns `token`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_client_invalidate(
    client: Option<&Client>,
    token: *const Replica,
    error: *mut *mut ErrorObject,
) -> Status {
    guard(error, || {
        let client = required(client, "client")?;
        // SAFETY: NULL or a token of this library that was not freed, by the header's contract.
        let token = required(unsafe { super::token::cloned(token) }, "token")?;
        client.invalidate(&Token::from_replica(token));
        Ok(())
    })
}
