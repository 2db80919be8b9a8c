//! The problems of a configuration, so that one error names everything that has to be changed.

use crate::error::{Error, Status};

/// The problems found so far.
#[derive(Default)]
pub(super) struct Problems(Vec<String>);

impl Problems {
    pub fn note<T>(&mut self, result: Result<T, String>) -> Option<T> {
        result.map_err(|problem| self.0.push(problem)).ok()
    }

    pub fn require<T: Clone>(&mut self, name: &str, value: Option<&T>, is_empty: impl Fn(&T) -> bool) -> Option<T> {
        let found = value.filter(|value| !is_empty(value)).cloned();
        self.note(found.ok_or_else(|| format!("{name} is missing")))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    pub fn into_error(self) -> Error {
        Error::new(Status::InvalidConfiguration, format!("the configuration cannot be used: {}", self.0.join("; ")))
    }
}
