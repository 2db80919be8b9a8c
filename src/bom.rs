//! The byte order mark that some editors and tools write before UTF-8.

/// Returns the content without a byte order mark. RFC 8259 section 8.1 allows readers of JSON to ignore one, and PEM
/// (RFC 7468) may follow any text.
pub(crate) fn without_bom(content: &[u8]) -> &[u8] {
    content.strip_prefix("\u{feff}".as_bytes()).unwrap_or(content)
}
