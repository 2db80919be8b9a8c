//! Whether tokens are bound to a key, and to which.

use super::options::Options;
use super::origin::Origin;
use super::{KeySource, characters};
use crate::dpop::{Algorithm, Binding, DpopKey, DpopMode};

impl Options {
    /// Returns the key to which tokens are bound, or `None` if they are not.
    pub(super) fn resolve_binding(&self) -> Result<Option<Binding>, String> {
        let required = match (self.dpop, &self.dpop_key) {
            (None | Some(DpopMode::Off), None) => return Ok(None),
            (None, Some(key)) => {
                let mode = match self.origin("dpop_key") {
                    Some(Origin::Variable) => Self::variable("dpop"),
                    Some(Origin::Profile) => Self::profile_key("dpop"),
                    None => "dpop",
                };
                return Err(format!(
                    "{} is set and {mode} is not: use `required` or `optional` for bound tokens, or `off`",
                    self.key_label(key)
                ));
            }
            (Some(DpopMode::Off), Some(key)) => {
                self.warn_of_unused(key);
                return Ok(None);
            }
            (Some(mode), _) => mode == DpopMode::Required,
        };
        let key = match &self.dpop_key {
            Some(key) => self.resolve_key(key)?,
            None => DpopKey::generate(Algorithm::Es256).map_err(|error| format!("dpop_key: {error}"))?,
        };
        Ok(Some(Binding { key, required, is_configured: self.dpop_key.is_some() }))
    }

    fn resolve_key(&self, key: &KeySource) -> Result<DpopKey, String> {
        let label = self.key_label(key);
        match key {
            KeySource::Given(key) => Ok(key.clone()),
            KeySource::File(path) => {
                characters::path(path).map_err(|problem| format!("{label} {problem}"))?;
                DpopKey::from_file(path).map_err(|error| format!("{label}: {error}"))
            }
        }
    }

    /// A program that switches DPoP off, perhaps because of the key, must not fail because of it.
    fn warn_of_unused(&self, key: &KeySource) {
        let label = self.key_label(key);
        match self.resolve_key(key) {
            Ok(_) => tracing::warn!("{label} is not used, because DPoP is off"),
            Err(problem) => {
                tracing::warn!("{label} is not used, because DPoP is off; otherwise it would be refused: {problem}");
            }
        }
    }

    fn key_label(&self, key: &KeySource) -> &'static str {
        match key {
            KeySource::Given(_) => "dpop_key",
            KeySource::File(_) if self.origin("dpop_key").is_none() => "dpop_key_file",
            KeySource::File(_) => self.label("dpop_key"),
        }
    }
}
