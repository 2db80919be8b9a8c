//! Systems without real-time signals.

use nix::sys::signal::SigSet;

pub(super) fn without_handled(set: SigSet) -> SigSet {
    set
}
