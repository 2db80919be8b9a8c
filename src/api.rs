//! What is known of the APIs that tokens are for: where they may be sent, and what each server wants in a proof.

mod challenge;
mod origin;

pub(crate) use challenge::{Refusal, refusal};
pub(crate) use origin::{Origin, Origins};
