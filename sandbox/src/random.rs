//! Random identifiers and keys.

/// Returns `N` random bytes.
///
/// # Panics
/// If the operating system has no random numbers, without which the server cannot work.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system gives random numbers");
    bytes
}

/// Returns 128 random bits in hexadecimal.
pub fn id() -> String {
    format!("{:032x}", u128::from_be_bytes(bytes()))
}
