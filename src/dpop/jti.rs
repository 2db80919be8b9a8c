//! `jti`: the unique ID of each proof (RFC 9449 section 4.2).

use std::cell::RefCell;

use aws_lc_rs::rand;

use crate::error::{Error, Status};
use crate::process::{ProcessId, section};

/// 128 random bits; RFC 9449 requires at least 96.
pub(super) const JTI_BYTES: usize = 16;
/// The random generator takes about as long for this many IDs as for one, a notable fraction of a signature.
const BATCH: usize = 32;

/// Unused random bytes. A forked child inherits a copy, which it must not use.
struct Pool {
    bytes: [[u8; JTI_BYTES]; BATCH],
    left: usize,
    process: Option<ProcessId>,
}

/// Returns the bytes of a unique `jti`.
pub(super) fn draw() -> Result<[u8; JTI_BYTES], Error> {
    thread_local!(static POOL: RefCell<Pool> = const {
        RefCell::new(Pool { bytes: [[0; JTI_BYTES]; BATCH], left: 0, process: None })
    });
    POOL.with_borrow_mut(|pool| {
        if pool.left == 0 || !pool.process.is_some_and(ProcessId::is_current) {
            let _section = section::enter()?;
            let fill = rand::fill(pool.bytes.as_flattened_mut());
            // Not because the system denies random numbers: aws-lc aborts the process then.
            fill.map_err(|_| Error::new(Status::Internal, "the random number generator failed"))?;
            (pool.left, pool.process) = (BATCH, Some(ProcessId::current()));
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
    fn ids_of_all_threads_differ() {
        let draw_many = || (0..5 * BATCH).map(|_| draw().unwrap()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| thread::spawn(draw_many)).collect();
        let drawn: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(drawn.iter().collect::<HashSet<_>>().len(), 4 * 5 * BATCH);
    }
}
