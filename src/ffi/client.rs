//! `tango_client`: one set of credentials and its current token.

use super::error::ErrorObject;
use super::{Out, end, fork, guard, required};
use crate::client::Client;
use crate::config::Config;
use crate::error::Status;
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

/// Drops the client's token if it is this one, because an API refused it with 401 and `invalid_token`.
///
/// The next acquire fetches another, which the server's daily limit may refuse: call it for that refusal only. Does
/// nothing if the client holds a newer token already. The caller still owns `token`.
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
