//! `tango_dpop_proof`: a proof for one request.

use std::ptr;

use libc::c_char;

use super::dpop_key::KeyObject;
use super::error::ErrorObject;
use super::{Out, free, guard, optional_string, required, string};
use crate::error::Status;

/// A DPoP proof (RFC 9449 section 4): a JWT that is valid for one request.
pub struct Proof(String);

/// Makes a proof for one request with this HTTP method, exactly as it is sent, to this URL. Every request needs a new
/// proof, also one that is sent again.
///
/// `access_token` is the token that the request presents, or NULL for a token request. `nonce` is the last `DPoP-Nonce`
/// of this server, or NULL if it sent none. The caller owns `*proof` and frees it with `tango_dpop_proof_free`.
/// INVALID_ARGUMENT for any other NULL and for a value that a proof cannot contain; SIGNING_FAILED if the key makes no
/// signature.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_dpop_proof_new(
    key: Option<&KeyObject>,
    method: *const c_char,
    url: *const c_char,
    access_token: *const c_char,
    nonce: *const c_char,
    proof: *mut *mut Proof,
    error: *mut *mut ErrorObject,
) -> Status {
    guard(error, || {
        // SAFETY: the header's contract for out-parameters and strings.
        let (out, method, url, access_token, nonce) = unsafe {
            (
                Out::new(proof, "proof")?,
                string(method, "method")?,
                string(url, "url")?,
                optional_string(access_token, "access_token")?,
                optional_string(nonce, "nonce")?,
            )
        };
        let mut value = required(key, "key")?.key.proof(method, url, access_token, nonce)?;
        value.push('\0');
        out.give(Box::into_raw(Box::new(Proof(value))));
        Ok(())
    })
}

/// Returns the value of the `DPoP` header. Borrowed from the proof; NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tango_dpop_proof_value(proof: Option<&Proof>) -> *const c_char {
    proof.map_or(ptr::null(), |proof| proof.0.as_ptr().cast())
}

/// Frees the proof and the string borrowed from it. Accepts NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tango_dpop_proof_free(proof: Option<Box<Proof>>) {
    free(proof);
}
