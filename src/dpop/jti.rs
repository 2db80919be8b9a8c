//! `jti`: what makes each proof the only one of its kind (RFC 9449 section 4.2).

use std::cell::RefCell;

use aws_lc_rs::rand;

use crate::error::{Error, Status};
use crate::process::ProcessId;

/// At least 96 random bits are asked for; these are 128.
pub(super) const JTI_BYTES: usize = 16;
/// The generator takes about as long for this many as for one, and that is a notable part of a signature.
const AT_ONCE: usize = 32;

/// Random numbers that were drawn and not yet used. A forked child has a copy of them, and must not use it.
struct Pool {
    bytes: [[u8; JTI_BYTES]; AT_ONCE],
    left: usize,
    process: Option<ProcessId>,
}

/// The bytes of a `jti` that no other proof has.
pub(super) fn draw() -> Result<[u8; JTI_BYTES], Error> {
    thread_local!(static POOL: RefCell<Pool> = const {
        RefCell::new(Pool { bytes: [[0; JTI_BYTES]; AT_ONCE], left: 0, process: None })
    });
    POOL.with_borrow_mut(|pool| {
        if pool.left == 0 || !pool.process.is_some_and(ProcessId::is_current) {
            let fill = rand::fill(pool.bytes.as_flattened_mut());
            fill.map_err(|_| Error::new(Status::Internal, "the system gave no random numbers"))?;
            (pool.left, pool.process) = (AT_ONCE, Some(ProcessId::current()));
        }
        pool.left -= 1;
        Ok(pool.bytes[pool.left])
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::thread;

    use super::*;

    #[test]
    fn no_two_are_the_same_on_any_thread() {
        let draw_many = || (0..5 * AT_ONCE).map(|_| draw().unwrap()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| thread::spawn(draw_many)).collect();
        let drawn: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(drawn.iter().collect::<HashSet<_>>().len(), 4 * 5 * AT_ONCE);
    }
}
