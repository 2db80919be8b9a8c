//! Tokens that an API rejected and has not accepted since, shared by the fleet.
//!
//! An API can reject a good token: a hiccup, a wrong clock, a filter on addresses. So a rejected token is not dropped,
//! which would cost the fleet its token of the day. It is *suspect*: one replacement is requested, and the suspect is
//! served again while there can be none.

use crate::token::TokenHash;

/// The number of suspects that are remembered. Each of them cost a token.
const MAX_SUSPECTS: usize = 8;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Suspects {
    /// The latest first.
    known: Vec<Suspect>,
    /// Suspects that were accepted again, which the shared cache does not know yet.
    cleared: Vec<TokenHash>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Suspect {
    hash: TokenHash,
    is_written: bool,
}

impl Suspects {
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    pub fn contains(&self, hash: TokenHash) -> bool {
        self.known.iter().any(|suspect| suspect.hash == hash)
    }

    /// The hashes, the latest first.
    pub fn hashes(&self) -> Vec<TokenHash> {
        self.known.iter().map(|suspect| suspect.hash).collect()
    }

    /// Records that an API rejected this token.
    pub fn add(&mut self, hash: TokenHash) {
        self.cleared.retain(|cleared| *cleared != hash);
        if !self.contains(hash) {
            self.known.insert(0, Suspect { hash, is_written: false });
            self.known.truncate(MAX_SUSPECTS);
        }
    }

    /// Records that an API accepted this token, or that the server granted it again. Returns whether it was suspect.
    pub fn clear(&mut self, hash: TokenHash) -> bool {
        let was_suspect = self.contains(hash);
        if was_suspect {
            self.known.retain(|suspect| suspect.hash != hash);
            self.cleared.push(hash);
        }
        was_suspect
    }

    /// Takes over what the shared cache knows, but for what this process has found out since. `None` is a cache that
    /// lost its ledger, or never had one.
    pub fn merge(&mut self, shared: Option<&[TokenHash]>) {
        let Some(shared) = shared else {
            self.known.iter_mut().for_each(|suspect| suspect.is_written = false);
            self.cleared.clear();
            return;
        };
        self.cleared.retain(|cleared| shared.contains(cleared));
        self.known.retain(|suspect| !suspect.is_written);
        for &hash in shared.iter().filter(|hash| !self.cleared.contains(hash)) {
            match self.known.iter_mut().find(|suspect| suspect.hash == hash) {
                Some(suspect) => suspect.is_written = true,
                None => self.known.push(Suspect { hash, is_written: true }),
            }
        }
        self.known.truncate(MAX_SUSPECTS);
    }

    /// Returns whether the shared cache does not know yet what this process has found out.
    pub fn has_unwritten(&self) -> bool {
        !self.cleared.is_empty() || self.known.iter().any(|suspect| !suspect.is_written)
    }

    pub fn note_written(&mut self) {
        self.known.iter_mut().for_each(|suspect| suspect.is_written = true);
        self.cleared.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: u8) -> TokenHash {
        TokenHash::of(&format!("token-{number}"))
    }

    /// What another process reads after this one has written.
    fn written(suspects: &mut Suspects) -> Vec<TokenHash> {
        suspects.note_written();
        suspects.hashes()
    }

    #[test]
    fn suspects_spread_over_the_fleet_and_so_does_their_rehabilitation() {
        let (mut one, mut other) = (Suspects::default(), Suspects::default());
        one.add(hash(1));
        assert!(one.has_unwritten());
        let shared = written(&mut one);
        other.merge(Some(&shared));
        assert!(other.contains(hash(1)) && !other.has_unwritten());

        assert!(other.clear(hash(1)) && other.has_unwritten());
        other.merge(Some(&shared));
        assert!(!other.contains(hash(1)), "what was found out since is not taken back");
        let shared = written(&mut other);
        one.merge(Some(&shared));
        assert!(one.is_empty() && !one.has_unwritten());
    }

    #[test]
    fn suspect_that_is_not_written_yet_survives_a_sync() {
        let mut suspects = Suspects::default();
        suspects.add(hash(1));
        suspects.merge(Some(&[hash(2)]));
        assert_eq!(suspects.hashes(), [hash(1), hash(2)]);
        assert!(suspects.has_unwritten());
    }

    #[test]
    fn cache_that_lost_its_ledger_is_told_again() {
        let mut suspects = Suspects::default();
        suspects.add(hash(1));
        suspects.note_written();
        suspects.merge(None);
        assert!(suspects.contains(hash(1)) && suspects.has_unwritten());
    }

    #[test]
    fn token_that_was_never_suspect_clears_nothing() {
        let mut suspects = Suspects::default();
        assert!(!suspects.clear(hash(1)) && !suspects.has_unwritten());
    }

    #[test]
    fn only_the_latest_suspects_are_remembered() {
        let mut suspects = Suspects::default();
        (0..20).for_each(|number| suspects.add(hash(number)));
        assert_eq!(suspects.hashes().len(), MAX_SUSPECTS);
        assert!(suspects.contains(hash(19)) && !suspects.contains(hash(0)));
    }
}
