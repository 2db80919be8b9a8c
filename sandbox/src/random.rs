//! Random identifiers and keys.

/// `N` random bytes.
///
/// # Panics
/// When the operating system has no random numbers: nothing here could go on.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system gives random numbers");
    bytes
}

/// 128 random bits in hexadecimal.
pub fn id() -> String {
    format!("{:032x}", u128::from_be_bytes(bytes()))
}
