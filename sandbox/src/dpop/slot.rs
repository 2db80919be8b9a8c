//! A place in a request where the check of its proof leaves the results for the inspector.

use std::sync::{Arc, OnceLock};

use super::check::Examination;

/// An extension of a request. Its copies share one place, because an extractor gets a copy of the request.
#[derive(Clone, Default)]
pub struct ProofSlot(Arc<OnceLock<Examination>>);

impl ProofSlot {
    /// Stores the results. A request is checked once, so later results are dropped.
    pub fn fill(&self, examination: Examination) {
        let _ = self.0.set(examination);
    }

    /// Returns the results, if the server came as far as the proof.
    pub fn examination(&self) -> Option<&Examination> {
        self.0.get()
    }
}
