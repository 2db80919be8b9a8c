//! Demonstrating Proof of Possession (RFC 9449): the key that a token is bound to, and the proofs that it signs.

mod algorithm;
mod ath;
mod der;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod htu;
mod jti;
mod jwk;
mod key;
mod key_file;
mod mode;
mod natural;
mod nonce;
mod private_der;
mod private_jwk;
mod proof;
mod rsa_primes;
mod server_clock;
mod signer;
mod unusable_key;

pub use algorithm::Algorithm;
pub(crate) use htu::target;
pub use key::DpopKey;
pub(crate) use key_file::warning as key_file_warning;
pub(crate) use mode::Binding;
pub use mode::DpopMode;
pub(crate) use nonce::{Nonce, NonceHeader, is_nonce};
pub(crate) use proof::check_method;
pub(crate) use server_clock::ServerClock;
pub use signer::SignerError;
