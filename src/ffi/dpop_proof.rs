//! `tango_dpop_proof`: a proof for one request.

use std::ptr;

use libc::c_char;

use super::dpop_key::KeyObject;
use super::error::ErrorObject;
use super::{Out, end, guard, optional_text, required, text};
use crate::error::Status;

/// A DPoP proof (RFC 9449 section 4): a JWT for one request and no other.
pub struct Proof(String);

/// Makes a proof for one request: the method as it is sent, and the URL that it goes to.
///
/// `access_token` is the token that the request presents, NULL for a token request; `nonce` is the `DPoP-Nonce` that
/// this server gave last, NULL if it gave none. Every request, a repeated one too, needs a proof of its own. The caller
/// owns `*proof` and ends it with `tango_dpop_proof_free`. INVALID_ARGUMENT for what no proof can hold, SIGNING_FAILED
/// where the key made no signature.
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
        // SAFETY: the header's contract for out-parameters and texts.
        let (out, method, url, access_token, nonce) = unsafe {
            (
                Out::new(proof, "proof")?,
                text(method, "method")?,
                text(url, "url")?,
                optional_text(access_token, "access_token")?,
                optional_text(nonce, "nonce")?,
            )
        };
        let mut value = required(key, "key")?.key.proof(method, url, access_token, nonce)?;
        value.push('\0');
        out.give(Box::into_raw(Box::new(Proof(value))));
        Ok(())
    })
}

/// The value of the `DPoP` header. Borrowed from the proof; NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tango_dpop_proof_value(proof: Option<&Proof>) -> *const c_char {
    proof.map_or(ptr::null(), |proof| proof.0.as_ptr().cast())
}

/// Ends the proof. NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn tango_dpop_proof_free(proof: Option<Box<Proof>>) {
    end(proof);
}
