//! The role of a thread, which decides whether a call may block on it.

use std::cell::Cell;

/// The code that a thread runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Code of the program, on its own threads.
    Program,
    /// Tasks of the library, on the thread that callers wait for.
    Runtime,
    /// A callback. A blocking call of this library inside it could wait for itself.
    Callbacks,
}

thread_local! {
    static ROLE: Cell<Role> = const { Cell::new(Role::Program) };
}

impl Role {
    pub fn of_this_thread() -> Self {
        ROLE.get()
    }
}

/// Runs `work` in another role on this thread.
pub(crate) fn with_role<T>(role: Role, work: impl FnOnce() -> T) -> T {
    /// Resets the role also after a panic, because the thread may be used again.
    struct Reset(Role);
    impl Drop for Reset {
        fn drop(&mut self) {
            ROLE.set(self.0);
        }
    }
    let _reset = Reset(ROLE.replace(role));
    work()
}
