//! Demonstrating Proof of Possession (RFC 9449): the key that a token is bound to, and the proofs made with it.

mod algorithm;
mod htu;
mod jwk;
mod key;
mod mode;
mod nonce;
mod proof;
mod signer;

pub use algorithm::Algorithm;
pub use key::DpopKey;
pub(crate) use mode::Binding;
pub use mode::DpopMode;
pub(crate) use nonce::Nonce;
pub use signer::SignerError;
