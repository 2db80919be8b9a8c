//! Refusals that concern DPoP (RFC 9449): which setting or clock to look at.

use super::meaning::Meaning;
use super::received::{Received, RequestContext};
use crate::dpop::NonceHeader;
use crate::error::{ServerResponse, Status};
use crate::failure_kind::FailureKind;

/// Requires a proof with the nonce of this response (RFC 9449 section 8).
const USE_DPOP_NONCE: &str = "use_dpop_nonce";
/// Words with which servers say that the time of a proof is wrong: "DPoP proof is not active" (Keycloak), "iat is not
/// recent enough" (oidc-provider).
const WORDS_OF_TIME: [&str; 14] = [
    "active", "age", "clock", "early", "exp", "expired", "fresh", "future", "iat", "old", "past", "recent", "skew",
    "time",
];
/// Words with which servers say that they got no proof: "DPoP proof is missing" (Keycloak).
const WORDS_OF_ABSENCE: [&str; 6] = ["absent", "expected", "missing", "needed", "provided", "required"];

/// The advice about a server that asks for nonces in a way that nobody can follow.
const REPORT: &str = "give the request ID to the operator of the server";

/// Returns whether a refusal is about the proof. Some servers say so in the description of `invalid_request` only.
pub(super) fn is_about_proofs(said: &ServerResponse) -> bool {
    sentences(said).any(|text| text.to_ascii_lowercase().contains("dpop"))
}

/// Returns the meaning of such a refusal.
pub(super) fn meaning(response: &Received<'_>, said: &ServerResponse, context: &RequestContext<'_>) -> Meaning {
    let wants_nonce = said.oauth_error.as_deref() == Some(USE_DPOP_NONCE);
    let kind = if wants_nonce { FailureKind::NonceWanted } else { FailureKind::Refused };
    let (happened, advice) = match context.binding {
        None => ("the server wants a DPoP proof, and dpop is `off`", "set dpop to `optional` or `required`"),
        Some(_) if wants_nonce => {
            let problem = NonceHeader::of(response.headers).problem();
            let happened = format!("the server requires a nonce in the DPoP proof, and sent {problem}");
            return Meaning { status: Status::ProofRefused, kind, happened: happened.into(), advice: REPORT };
        }
        Some(_) if says(said, &WORDS_OF_TIME) => {
            ("the server refuses the time of the DPoP proof", "set the clock of this machine")
        }
        Some(_) if says(said, &WORDS_OF_ABSENCE) => {
            ("the server got no DPoP proof, although one was sent", "check whether a proxy removes the header DPoP")
        }
        Some(_) => ("the server refuses the DPoP proof", "check the dpop setting and the clock of this machine"),
    };
    Meaning { status: Status::ProofRefused, kind, happened: happened.into(), advice }
}

fn says(said: &ServerResponse, words: &[&str]) -> bool {
    let mut said = sentences(said).flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    said.any(|word| words.iter().any(|known| word.eq_ignore_ascii_case(known)))
}

fn sentences(said: &ServerResponse) -> impl Iterator<Item = &str> {
    let sentences = [&said.oauth_error, &said.oauth_error_description, &said.i18n_key, &said.server_message];
    sentences.into_iter().flatten().map(String::as_str)
}
