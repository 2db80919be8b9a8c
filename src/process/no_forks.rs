//! Processes of Windows, which are never forked.

use std::ops::Deref;

/// Identifies a process: there is only one that can use a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProcessId;

impl ProcessId {
    pub fn current() -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "the signature of Unix")]
    pub fn is_current(self) -> bool {
        true
    }
}

pub(crate) fn forks() -> u32 {
    0
}

/// A locked file. No child has a copy of it: Rust's standard library opens files so that none is inherited.
pub(crate) struct CloseOnFork<F>(F);

impl<F> CloseOnFork<F> {
    pub fn new(file: F) -> Self {
        Self(file)
    }
}

impl<F> Deref for CloseOnFork<F> {
    type Target = F;

    fn deref(&self) -> &F {
        &self.0
    }
}

/// Sections, which nothing interrupts here.
pub(crate) mod section {
    use std::convert::Infallible;

    use crate::error::Error;

    pub(crate) struct Section;

    /// No lock of the generator is ever inherited.
    pub(crate) type GeneratorLocked = Infallible;

    impl From<GeneratorLocked> for Error {
        fn from(never: GeneratorLocked) -> Self {
            match never {}
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "the signature of Unix")]
    pub(crate) fn enter() -> Result<Section, GeneratorLocked> {
        Ok(Section)
    }
}
