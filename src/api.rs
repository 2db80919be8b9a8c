//! The APIs that tokens are for: the origins that may get a token, and the nonce and clock of each server.

pub(crate) mod challenge;
mod origin;

pub(crate) use challenge::{Challenges, Refusal};
pub(crate) use origin::{Origin, Origins};
