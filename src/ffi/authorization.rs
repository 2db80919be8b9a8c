//! `tango_authorization`: the headers of one API request, and what the client learns from its response.

use std::ptr;

use libc::c_char;

use super::error::ErrorObject;
use super::{Out, free, guard, invalid, required, server_string, string};
use crate::client::{Authorization, Client, Observation, Verdict};
use crate::error::Status;

/// Makes the headers for one request to the API: acquires a token if none is held, and signs a proof if the token is
/// bound to a key.
///
/// `method` is the HTTP method exactly as it is sent, and `url` the URL that the request goes to. Waits for at most the
/// total timeout. The caller owns `*authorization` and frees it with `tango_authorization_free`. INVALID_ARGUMENT for
/// NULL, for an invalid method or URL, and for a URL whose origin is neither the API's nor allowed by the
/// configuration, so that no token reaches the wrong host by mistake; SIGNING_FAILED if the key makes no signature;
/// otherwise the errors of `tango_token_acquire`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_client_authorize(
    client: Option<&Client>,
    method: *const c_char,
    url: *const c_char,
    authorization: *mut *mut Authorization,
    error: *mut *mut ErrorObject,
) -> Status {
    guard(error, || {
        // SAFETY: the header's contract for out-parameters and strings.
        let (out, method, url) =
            unsafe { (Out::new(authorization, "authorization")?, string(method, "method")?, string(url, "url")?) };
        out.give(Box::into_raw(Box::new(required(client, "client")?.authorize(method, url)?)));
        Ok(())
    })
}

/// Makes the headers for one request to the API with the token that the client holds, or writes NULL if it holds none,
/// and waits for no token. This is the fast path of asynchronous callers, which start an acquire if `*authorization` is
/// NULL.
///
/// Method and URL are checked before anything else, and a refresh that is due is started as by
/// `tango_token_try_acquire`. A token that is bound to a key is signed for on this thread. The caller owns
/// `*authorization` and frees it with `tango_authorization_free`. INVALID_ARGUMENT for the same arguments as with
/// `tango_client_authorize`; SIGNING_FAILED if the key makes no signature.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_client_try_authorize(
    client: Option<&Client>,
    method: *const c_char,
    url: *const c_char,
    authorization: *mut *mut Authorization,
    error: *mut *mut ErrorObject,
) -> Status {
    guard(error, || {
        // SAFETY: the header's contract for out-parameters and strings.
        let (out, method, url) =
            unsafe { (Out::new(authorization, "authorization")?, string(method, "method")?, string(url, "url")?) };
        let made = required(client, "client")?.try_authorize(method, url)?;
        out.give(made.map_or(ptr::null_mut(), |made| Box::into_raw(Box::new(made))));
        Ok(())
    })
}

/// Makes the headers for sending the same request once more, after `TANGO_VERDICT_RETRY`.
///
/// The caller owns `*authorization` and frees it with `tango_authorization_free`; `rejected`, the authorization that
/// the API rejected, stays the caller's. INVALID_ARGUMENT for NULL; otherwise the errors of `tango_client_authorize`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_client_authorize_again(
    client: Option<&Client>,
    rejected: Option<&Authorization>,
    authorization: *mut *mut Authorization,
    error: *mut *mut ErrorObject,
) -> Status {
    guard(error, || {
        // SAFETY: the header's contract for out-parameters.
        let out = unsafe { Out::new(authorization, "authorization") }?;
        let rejected = required(rejected, "rejected")?;
        out.give(Box::into_raw(Box::new(required(client, "client")?.authorize_again(rejected)?)));
        Ok(())
    })
}

/// Learns from the API's response, and writes to `*verdict`, a `tango_verdict`, whether to send the request once more.
///
/// Call it for every response, also for a successful one, and go on while the verdict is RETRY: that ends, usually after
/// one retry, and after a few if other requests use up the API's nonces meanwhile. `dpop_nonce`, `www_authenticate`
/// (several headers joined by `, `; what follows 64 KiB is not read) and `date` are the response headers of these names,
/// or NULL for a header that the response does not have; all arguments stay the caller's. The verdict on any other
/// `http_status` than 401 is DONE, also on one that HTTP does not have. PROOF_REFUSED and TOKEN_REFUSED mean that sending
/// the request again would not help, and the message says why. INVALID_ARGUMENT for any other NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_client_observe(
    client: Option<&Client>,
    authorization: Option<&Authorization>,
    http_status: i32,
    dpop_nonce: *const c_char,
    www_authenticate: *const c_char,
    date: *const c_char,
    verdict: *mut i32,
    error: *mut *mut ErrorObject,
) -> Status {
    guard(error, || {
        let (client, authorization) = (required(client, "client")?, required(authorization, "authorization")?);
        // SAFETY: the header's contract for strings.
        let (dpop_nonce, www_authenticate, date) =
            unsafe { (server_string(dpop_nonce), server_string(www_authenticate), server_string(date)) };
        let response = Observation {
            http_status: u16::try_from(http_status).unwrap_or_default(),
            dpop_nonce: dpop_nonce.as_deref(),
            www_authenticate: www_authenticate.as_deref(),
            date: date.as_deref(),
        };
        if verdict.is_null() {
            return Err(invalid("verdict", "is NULL"));
        }
        let observed: Verdict = client.observe(authorization, &response)?;
        // SAFETY: not NULL, so by the header's contract a number may be written there.
        unsafe { verdict.write(observed as i32) };
        Ok(())
    })
}

/// Returns the value of the `Authorization` header, which is a secret. Borrowed from the authorization; NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tango_authorization_value(authorization: Option<&Authorization>) -> *const c_char {
    authorization.map_or(ptr::null(), |authorization| authorization.authorization_with_nul().as_ptr().cast())
}

/// Returns the value of the `DPoP` header. Borrowed from the authorization; NULL for a Bearer token and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tango_authorization_dpop(authorization: Option<&Authorization>) -> *const c_char {
    let proof = authorization.and_then(Authorization::dpop_with_nul);
    proof.map_or(ptr::null(), |proof| proof.as_ptr().cast())
}

/// Frees the authorization and the strings borrowed from it. Accepts NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tango_authorization_free(authorization: Option<Box<Authorization>>) {
    free(authorization);
}
