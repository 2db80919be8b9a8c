//! Random numbers that are not secrets: they spread processes over time and tell them apart.

use std::fmt::Write;

use aws_lc_rs::rand;

use crate::process::section;

/// Returns a number in `0.0..1.0` that differs from process to process.
pub(crate) fn jitter() -> f64 {
    let [a, b, c, d, ..] = random().to_le_bytes();
    f64::from(u32::from_le_bytes([a, b, c, d])) / (f64::from(u32::MAX) + 1.0)
}

/// Returns a random number, or a constant that makes `jitter` 0.5 in a child whose generator is locked.
pub(crate) fn random() -> u64 {
    #[cfg(test)]
    if let Some(number) = seeded::next() {
        return number;
    }
    let mut bytes = [0; 8];
    if fill(&mut bytes) { u64::from_le_bytes(bytes) } else { u64::from(u32::MAX / 2) }
}

/// Returns a name that no other process and no other call returns: the process id and 128 random bits.
pub(crate) fn unique_name() -> String {
    let mut bytes = [0_u8; 16];
    // Where the generator is locked, the process id still distinguishes the processes of this machine.
    fill(&mut bytes);
    let mut name = format!("{}-", std::process::id());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    name
}

/// Returns false if the generator is locked. Where the system denies random numbers, aws-lc aborts the process.
fn fill(bytes: &mut [u8]) -> bool {
    section::enter().is_ok_and(|_section| rand::fill(bytes).is_ok())
}

/// Repeatable numbers for a test that runs on one thread.
#[cfg(test)]
pub(crate) mod seeded {
    use std::cell::Cell;

    thread_local! {
        static STATE: Cell<Option<u64>> = const { Cell::new(None) };
    }

    /// Makes all further numbers on this thread depend on `seed` alone; on `None` they are random again.
    pub fn seed(seed: Option<u64>) {
        STATE.set(seed);
    }

    /// The generator `SplitMix64`.
    pub(super) fn next() -> Option<u64> {
        let state = STATE.get()?.wrapping_add(0x9e37_79b9_7f4a_7c15);
        STATE.set(Some(state));
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Some(mixed ^ (mixed >> 31))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_is_at_least_zero_and_less_than_one() {
        assert!((0..1_000).all(|_| (0.0..1.0).contains(&jitter())));
    }

    #[test]
    fn unique_names_differ() {
        assert_ne!(unique_name(), unique_name());
    }
}
