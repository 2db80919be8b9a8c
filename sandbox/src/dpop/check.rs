//! The checks of a proof, each with its result, so that a person sees all of them and not only the first that failed.

use std::borrow::Cow;

use super::proof_error::ProofError;

/// A check, in the order in which a server makes them: the first that fails decides on the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    OneProof,
    Jwt,
    Typ,
    Crit,
    Alg,
    PrivateKey,
    Key,
    Signature,
    Claims,
    Htm,
    Htu,
    Jti,
    Nonce,
    Iat,
    Ath,
    Binding,
}

impl Check {
    /// Every check in order.
    pub const ALL: [Self; 16] = [
        Self::OneProof,
        Self::Jwt,
        Self::Typ,
        Self::Crit,
        Self::Alg,
        Self::PrivateKey,
        Self::Key,
        Self::Signature,
        Self::Claims,
        Self::Htm,
        Self::Htu,
        Self::Jti,
        Self::Nonce,
        Self::Iat,
        Self::Ath,
        Self::Binding,
    ];

    /// Returns a short name, which is that of the parameter or claim where there is one.
    pub fn name(self) -> &'static str {
        match self {
            Self::OneProof => "one proof",
            Self::Jwt => "JWT",
            Self::Typ => "typ",
            Self::Crit => "crit",
            Self::Alg => "alg",
            Self::PrivateKey => "no private key",
            Self::Key => "jwk",
            Self::Signature => "signature",
            Self::Claims => "claims",
            Self::Htm => "htm",
            Self::Htu => "htu",
            Self::Jti => "jti",
            Self::Nonce => "nonce",
            Self::Iat => "iat",
            Self::Ath => "ath",
            Self::Binding => "binding",
        }
    }

    /// Returns what is true of a proof that passes.
    pub fn requirement(self) -> &'static str {
        match self {
            Self::OneProof => "The request has one DPoP header",
            Self::Jwt => "The header is one well-formed JWT",
            Self::Typ => "typ is dpop+jwt",
            Self::Crit => "No extension is critical",
            Self::Alg => "alg is an asymmetric signature algorithm that the server accepts",
            Self::PrivateKey => "jwk holds no private key",
            Self::Key => "jwk is a public key of the kind that alg requires",
            Self::Signature => "The signature verifies with jwk",
            Self::Claims => "jti, htm, htu and iat are there, and each claim has the right type",
            Self::Htm => "htm is the method of the request",
            Self::Htu => "htu is the URI of the request, without query and fragment",
            Self::Jti => "jti was not used before",
            Self::Nonce => "nonce is a current one of this server",
            Self::Iat => "iat is within 60 s of the server's clock",
            Self::Ath => "ath is the hash of the access token",
            Self::Binding => "The access token is bound to the key of the proof",
        }
    }

    /// Returns the RFC that requires it, the section, and the number of the item in the list of RFC 9449 section 4.3.
    pub fn source(self) -> Source {
        let item = |item| Source { rfc: 9449, section: "4.3", item: Some(item) };
        match self {
            Self::OneProof => item("1"),
            Self::Jwt => item("2"),
            Self::Claims => item("3"),
            Self::Typ => item("4"),
            Self::Alg => item("5"),
            Self::Signature => item("6"),
            Self::PrivateKey => item("7"),
            Self::Htm => item("8"),
            Self::Htu => item("9"),
            Self::Nonce => item("10"),
            Self::Iat => item("11"),
            Self::Ath => item("12a"),
            Self::Binding => item("12b"),
            Self::Jti => Source { rfc: 9449, section: "11.1", item: None },
            Self::Key => Source { rfc: 9449, section: "4.2", item: None },
            Self::Crit => Source { rfc: 7515, section: "4.1.11", item: None },
        }
    }
}

/// Where a check is required.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    pub rfc: u16,
    pub section: &'static str,
    pub item: Option<&'static str>,
}

/// The result of one check. A reason does not repeat any part of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    Failed(Cow<'static, str>),
    /// The check does not apply, or needs something that another check found missing.
    Skipped(&'static str),
}

/// The results of the checks of one proof, in order.
#[derive(Clone, Debug, Default)]
pub struct Examination {
    results: Vec<(Check, Outcome)>,
    /// RFC 7638 thumbprint of the key in the proof, if that is a key.
    pub thumbprint: Option<String>,
}

impl Examination {
    /// Records the result of the next check.
    pub fn record(&mut self, check: Check, outcome: Outcome) {
        self.results.push((check, outcome));
    }

    /// Records a check that fails with this reason unless it passed.
    pub fn require(&mut self, check: Check, passed: bool, otherwise: impl Into<Cow<'static, str>>) {
        self.record(check, if passed { Outcome::Passed } else { Outcome::Failed(otherwise.into()) });
    }

    /// Records every check that has no result yet as skipped.
    pub fn skip_the_rest(&mut self, why: &'static str) {
        for check in &Check::ALL[self.results.len()..] {
            self.results.push((*check, Outcome::Skipped(why)));
        }
    }

    /// Returns the checks and their results, in order.
    pub fn results(&self) -> &[(Check, Outcome)] {
        &self.results
    }

    /// Returns whether a check failed.
    pub fn has_failed(&self) -> bool {
        self.results.iter().any(|(_, outcome)| matches!(outcome, Outcome::Failed(_)))
    }

    /// Returns the thumbprint of the key, or the error of the first check that failed.
    pub fn verdict(self) -> Result<String, ProofError> {
        for (check, outcome) in self.results {
            if let Outcome::Failed(reason) = outcome {
                return Err(match check {
                    Check::Nonce => ProofError::UseNonce(reason),
                    Check::Binding => ProofError::OtherKey,
                    _ => ProofError::Invalid(reason),
                });
            }
        }
        self.thumbprint.ok_or(ProofError::invalid("the proof has no key"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_failure_decides_on_the_error() {
        let mut examination = Examination { thumbprint: Some("key".into()), ..Examination::default() };
        examination.require(Check::OneProof, true, "");
        assert_eq!(examination.clone().verdict(), Ok("key".into()));
        examination.require(Check::Nonce, false, "a nonce is required");
        examination.require(Check::Iat, false, "too old");
        assert_eq!(examination.verdict(), Err(ProofError::UseNonce("a nonce is required".into())));
    }

    #[test]
    fn remaining_checks_are_skipped_in_order() {
        let mut examination = Examination::default();
        examination.require(Check::OneProof, true, "");
        examination.require(Check::Jwt, false, "the proof is not a JWT");
        examination.skip_the_rest("there is no JWT");
        assert!(examination.results().iter().map(|(check, _)| *check).eq(Check::ALL));
    }

    #[test]
    fn list_of_the_rfc_is_covered_once() {
        let mut items: Vec<_> = Check::ALL.iter().filter_map(|check| check.source().item).collect();
        items.sort_by_key(|item| (item.trim_end_matches(char::is_alphabetic).parse::<u8>().unwrap(), *item));
        assert_eq!(items, ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12a", "12b"]);
    }
}
