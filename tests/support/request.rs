//! Reads requests of HTTP as a server does.

use std::io::BufRead;

/// Reads a request with a `content-length`. Returns `None` if there is none.
pub fn read(reader: &mut impl BufRead) -> Option<()> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())?;
    reader.read_exact(&mut vec![0; length]).ok()
}
