//! `tango_dpop_key`: the key that tokens are bound to.

use std::ffi::c_void;
use std::ptr;

use libc::c_char;
use once_cell::sync::OnceCell;
use secrecy::{ExposeSecret, SecretString};

use super::error::ErrorObject;
use super::{Out, fork, free, guard, invalid, log, required, string};
use crate::dpop::{Algorithm, DpopKey, SignerError};
use crate::error::{Error, Status};

/// A key pair for DPoP proofs (RFC 9449). A private key in this process is wiped from memory with its last handle.
pub struct KeyObject {
    pub(super) key: DpopKey,
    /// Set by the first `tango_dpop_key_to_pem`, because the string is borrowed from this object.
    pem: OnceCell<SecretString>,
}

/// Signs a message with a private key that this process does not hold. `*signature_length` is the size of `signature`
/// in bytes, at least 1,024; the function sets it to the length of what it wrote: `R || S` or DER for ECDSA, otherwise
/// the format of RFC 7518. Returns 0, or any other number on failure. Called on any thread, several at once; it must
/// neither throw nor longjmp.
pub type DpopSign = Option<
    unsafe extern "C-unwind" fn(
        user_data: *mut c_void,
        message: *const u8,
        message_length: usize,
        signature: *mut u8,
        signature_length: *mut usize,
    ) -> i32,
>;

/// Frees the `user_data` of a signer. Called exactly once, on any thread.
pub type DpopRelease = Option<unsafe extern "C-unwind" fn(user_data: *mut c_void)>;

/// Generates a key; `algorithm` is a `tango_algorithm`. The caller owns `*key` and frees it with `tango_dpop_key_free`.
/// INVALID_ARGUMENT for NULL and for an unknown algorithm; INTERNAL if the machine is out of memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_dpop_key_generate(
    algorithm: i32,
    key: *mut *mut KeyObject,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for out-parameters.
    unsafe { make(key, error, || DpopKey::generate(known_algorithm(algorithm)?)) }
}

/// Reads an unencrypted private key in PEM: PKCS#8, SEC1 or PKCS#1. `algorithm` is a `tango_algorithm`, or 0 for the
/// one that fits the key (PS256 for RSA).
///
/// The caller owns `*key` and frees it with `tango_dpop_key_free`. INVALID_ARGUMENT for NULL and for an unknown
/// algorithm; KEY_REJECTED says what the string holds instead of such a key, and which command converts it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_dpop_key_from_pem(
    pem: *const c_char,
    algorithm: i32,
    key: *mut *mut KeyObject,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for strings and out-parameters.
    unsafe {
        make(key, error, || {
            let algorithm = if algorithm == 0 { None } else { Some(known_algorithm(algorithm)?) };
            DpopKey::from_pem(string(pem, "pem")?, algorithm)
        })
    }
}

/// Reads a private key as a JWK (RFC 7517), whose `alg` member, if it has one, chooses the algorithm, or as a JWK Set
/// with one key. An RSA key needs `n`, `e` and `d` only.
///
/// The caller owns `*key` and frees it with `tango_dpop_key_free`. INVALID_ARGUMENT for NULL; KEY_REJECTED says what is
/// wrong with the key.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_dpop_key_from_jwk(
    jwk: *const c_char,
    key: *mut *mut KeyObject,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for strings and out-parameters.
    unsafe { make(key, error, || DpopKey::from_jwk(string(jwk, "jwk")?)) }
}

/// Reads a private key from a file, in PEM or as a JWK. Refuses a file that every user of the machine can write to, and
/// warns in the log of one that every user can read.
///
/// The caller owns `*key` and frees it with `tango_dpop_key_free`. INVALID_ARGUMENT for NULL; KEY_REJECTED names the
/// file and says what is wrong with it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_dpop_key_from_file(
    path: *const c_char,
    key: *mut *mut KeyObject,
    error: *mut *mut ErrorObject,
) -> Status {
    // SAFETY: the header's contract for strings and out-parameters.
    unsafe { make(key, error, || DpopKey::from_file(string(path, "path")?)) }
}

/// Makes a key whose private part this process does not hold: it stays in an HSM, a TPM or a key service, and `sign`
/// signs with it.
///
/// `public_jwk` is the public key as a JWK. `sign` is called once here, to check its signature with `public_jwk`, and
/// then once for each proof. The library takes over `user_data`: `release`, which may be NULL, frees it once the last
/// handle is freed and no proof is being signed, or at once if this call fails. The caller owns `*key` and frees it
/// with `tango_dpop_key_free`. INVALID_ARGUMENT for any other NULL and for an unknown algorithm; KEY_REJECTED if
/// `public_jwk` cannot be used or does not fit the signature; SIGNING_FAILED if `sign` fails.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_dpop_key_from_signer(
    algorithm: i32,
    public_jwk: *const c_char,
    sign: DpopSign,
    release: DpopRelease,
    user_data: *mut c_void,
    key: *mut *mut KeyObject,
    error: *mut *mut ErrorObject,
) -> Status {
    // Owned before anything can fail, so that the data is released exactly once.
    let signer = CallbackSigner { sign, release, user_data };
    // SAFETY: the header's contract for strings and out-parameters.
    unsafe {
        make(key, error, move || {
            required(signer.sign, "sign")?;
            let public_jwk = string(public_jwk, "public_jwk")?;
            DpopKey::from_signer(known_algorithm(algorithm)?, public_jwk, move |message| signer.signature(message))
        })
    }
}

/// Returns another handle of the same key, which the caller frees with `tango_dpop_key_free`. NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tango_dpop_key_clone(key: Option<&KeyObject>) -> Option<Box<KeyObject>> {
    key.map(|object| Box::new(KeyObject::new(object.key.clone())))
}

/// Returns the algorithm of the key's signatures, a `tango_algorithm`; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tango_dpop_key_algorithm(key: Option<&KeyObject>) -> i32 {
    key.map_or(0, |object| object.key.algorithm() as i32)
}

/// Returns the public key as a JWK with its required members only. Borrowed from the key; NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tango_dpop_key_public_jwk(key: Option<&KeyObject>) -> *const c_char {
    key.map_or(ptr::null(), |object| object.key.public_jwk_with_nul().as_ptr().cast())
}

/// Returns the JWK thumbprint (RFC 7638), which is the `jkt` that tokens are bound to. Borrowed from the key; NULL for
/// NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tango_dpop_key_thumbprint(key: Option<&KeyObject>) -> *const c_char {
    key.map_or(ptr::null(), |object| object.key.thumbprint_with_nul().as_ptr().cast())
}

/// Writes the private key to `*pem`, as PKCS#8 in PEM: a secret. Borrowed from the key and wiped from memory with it.
/// INVALID_ARGUMENT for NULL; KEY_REJECTED for a key made from a signer, whose private part this process does not hold.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_dpop_key_to_pem(
    key: Option<&KeyObject>,
    pem: *mut *const c_char,
    error: *mut *mut ErrorObject,
) -> Status {
    guard(error, || {
        let object = required(key, "key")?;
        // SAFETY: the header's contract for out-parameters; const and mutable pointers have one layout.
        let out = unsafe { Out::new(pem.cast::<*mut c_char>(), "pem") }?;
        let pem = object.pem.get_or_try_init(|| object.key.to_pem().map(|pem| with_nul(&pem)))?;
        out.give(pem.expose_secret().as_ptr().cast::<c_char>().cast_mut());
        Ok(())
    })
}

/// Frees this handle and the strings borrowed from it. Clients and proofs made with the key stay valid. Accepts NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tango_dpop_key_free(key: Option<Box<KeyObject>>) {
    free(key);
}

impl KeyObject {
    pub(super) fn new(key: DpopKey) -> Self {
        Self { key, pem: OnceCell::new() }
    }
}

/// # Safety
/// `key` is NULL or may be written.
unsafe fn make(
    key: *mut *mut KeyObject,
    error: *mut *mut ErrorObject,
    work: impl FnOnce() -> Result<DpopKey, Error>,
) -> Status {
    guard(error, || {
        // SAFETY: this function's own contract.
        let out = unsafe { Out::new(key, "key") }?;
        fork::watch();
        log::follow_variables();
        out.give(Box::into_raw(Box::new(KeyObject::new(work()?))));
        Ok(())
    })
}

fn known_algorithm(algorithm: i32) -> Result<Algorithm, Error> {
    Algorithm::try_from(algorithm).map_err(|number| invalid("algorithm", &format!("{number} is not known")))
}

/// Allocates the whole string first: one that grows leaves copies of the secret in freed memory.
fn with_nul(secret: &SecretString) -> SecretString {
    let secret = secret.expose_secret();
    let mut terminated = String::with_capacity(secret.len() + 1);
    terminated.push_str(secret);
    terminated.push('\0');
    terminated.into()
}

/// The caller's signing function and its data, which is released on drop.
struct CallbackSigner {
    sign: DpopSign,
    release: DpopRelease,
    user_data: *mut c_void,
}

// SAFETY: the header says that both functions run on any thread; the library only passes `user_data` on.
unsafe impl Send for CallbackSigner {}
// SAFETY: as above; the header also says that several threads call `sign` at once.
unsafe impl Sync for CallbackSigner {}

impl CallbackSigner {
    fn signature(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        /// An RSA signature of 8,192 bits.
        const LONGEST: usize = 1024;
        let sign = self.sign.ok_or_else(|| SignerError("it is NULL".into()))?;
        let mut signature = vec![0; LONGEST];
        let mut length = LONGEST;
        // SAFETY: the caller gave this function, of the type in the header; both buffers outlive the call and have the
        // lengths that it is told.
        let (code, reason) = super::callback::call(|| unsafe {
            sign(self.user_data, message.as_ptr(), message.len(), signature.as_mut_ptr(), &raw mut length)
        });
        if code != 0 {
            return Err(SignerError(reason.unwrap_or_else(|| format!("it returned {code}"))));
        }
        if length > LONGEST {
            return Err(SignerError(format!("it set a length of {length} bytes, more than its buffer holds")));
        }
        signature.truncate(length);
        Ok(signature)
    }
}

impl Drop for CallbackSigner {
    fn drop(&mut self) {
        super::release(self.release, self.user_data);
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::CString;
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    use super::*;

    /// Stands for an HSM: holds a key of which the library sees only the public part.
    struct Module {
        key: DpopKey,
        code: i32,
        released: AtomicU32,
    }

    unsafe extern "C-unwind" fn sign(
        module: *mut c_void,
        message: *const u8,
        length: usize,
        into: *mut u8,
        room: *mut usize,
    ) -> i32 {
        // SAFETY: the test's module outlives the key; the library passes buffers and their lengths.
        unsafe {
            let module = &*module.cast::<Module>();
            let message = std::slice::from_raw_parts(message, length);
            let signature = module.key.sign_for_test(message);
            assert!(*room >= signature.len());
            into.copy_from_nonoverlapping(signature.as_ptr(), signature.len());
            *room = signature.len();
            module.code
        }
    }

    unsafe extern "C-unwind" fn release(module: *mut c_void) {
        // SAFETY: as above.
        unsafe { &*module.cast::<Module>() }.released.fetch_add(1, SeqCst);
    }

    fn from_signer(module: &Module) -> (Status, *mut KeyObject) {
        let jwk = CString::new(module.key.public_jwk()).unwrap();
        let mut key = ptr::null_mut();
        let data = (&raw const *module).cast_mut().cast();
        let algorithm = Algorithm::Es256 as i32;
        // SAFETY: the strings and places are this function's own.
        let status = unsafe {
            tango_dpop_key_from_signer(
                algorithm,
                jwk.as_ptr(),
                Some(sign),
                Some(release),
                data,
                &raw mut key,
                ptr::null_mut(),
            )
        };
        (status, key)
    }

    #[test]
    fn signer_is_released_once_when_the_last_handle_is_freed() {
        let module = Module { key: DpopKey::generate(Algorithm::Es256).unwrap(), code: 0, released: AtomicU32::new(0) };
        let (status, key) = from_signer(&module);
        assert_eq!(status, Status::Ok);
        // SAFETY: the key was just made and is freed once.
        let key = unsafe { Box::from_raw(key) };
        let clone = tango_dpop_key_clone(Some(&key));
        assert!(key.key.proof("GET", "https://host.example/", None, None).is_ok());
        tango_dpop_key_free(Some(key));
        assert_eq!(module.released.load(SeqCst), 0);
        tango_dpop_key_free(clone);
        assert_eq!(module.released.load(SeqCst), 1);
    }

    #[test]
    fn signer_that_fails_is_released_at_once() {
        let module = Module { key: DpopKey::generate(Algorithm::Es256).unwrap(), code: 7, released: AtomicU32::new(0) };
        let (status, key) = from_signer(&module);
        assert_eq!((status, key), (Status::SigningFailed, ptr::null_mut()));
        assert_eq!(module.released.load(SeqCst), 1);
    }
}
