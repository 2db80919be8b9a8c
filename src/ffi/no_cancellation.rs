//! Threads of Windows, which cannot be cancelled.

pub(super) struct Uncancellable;

impl Uncancellable {
    pub fn enter() -> Self {
        Self
    }
}
