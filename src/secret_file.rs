//! Reads files that hold a secret.

use std::fs::File;
use std::io::{self, Read};

use zeroize::Zeroizing;

/// Returns the content of a file, or `None` if it is longer than `max_length`.
pub(crate) fn read(file: File, max_length: usize) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    // The whole capacity at once: a vector that grows leaves copies of the secret in freed memory.
    let mut content = Zeroizing::new(Vec::with_capacity(max_length + 1));
    file.take(max_length as u64 + 1).read_to_end(&mut content)?;
    Ok((content.len() <= max_length).then_some(content))
}
