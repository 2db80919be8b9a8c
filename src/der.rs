//! The elements of DER (X.690).

pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// A tag and a content.
pub(crate) type Element<'a> = (u8, &'a [u8]);

/// Returns all elements of a sequence, or `None` if they are damaged.
pub(crate) fn elements(mut content: &[u8]) -> Option<Vec<Element<'_>>> {
    let mut elements = Vec::new();
    while !content.is_empty() {
        let (tag, element, rest) = split_first(content)?;
        elements.push((tag, element));
        content = rest;
    }
    Some(elements)
}

/// Splits off the first element: its tag, its content, and what follows it.
pub(crate) fn split_first(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [tag, first, rest @ ..] = der else { return None };
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
            (bytes.iter().fold(0, |length, &byte| length << 8 | usize::from(byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}
