//! The chain of causes of an error of a library.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

/// Returns the chain of sources of an error, including those wrapped in an `io::Error` or an `Arc`, from the outermost
/// to the innermost.
pub(crate) fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| {
        if let Some(shared) = error.downcast_ref::<Arc<dyn StdError + Send + Sync>>() {
            return Some(&**shared as &(dyn StdError + 'static));
        }
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        wrapped.map(|inner| inner as &(dyn StdError + 'static)).or_else(|| error.source())
    })
}

pub(crate) fn innermost<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    causes(error).last().unwrap_or(error)
}

/// Returns the first cause of this type.
pub(crate) fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// Returns why a connection could not be made, or broke, without the number that the system gives the reason.
pub(crate) fn reason(error: &(dyn StdError + 'static)) -> String {
    let kind = causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).last().map(io::Error::kind);
    let known = match kind {
        Some(io::ErrorKind::ConnectionRefused) => "connection refused",
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe) => {
            "connection reset"
        }
        Some(io::ErrorKind::UnexpectedEof) => "connection closed too early",
        _ => "",
    };
    if !known.is_empty() {
        return known.into();
    }
    let innermost = innermost(error).to_string();
    // `No route to host (os error 113)`, and on Windows `The system cannot find the file specified. (os error 2)`
    innermost.split(" (os error ").next().unwrap_or_default().trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cause_within_an_io_error_within_an_arc_is_found() {
        let tls = io::Error::new(io::ErrorKind::InvalidData, rustls::Error::DecryptError);
        let redis = redis::RedisError::from(tls);
        assert_eq!(find::<rustls::Error>(&redis), Some(&rustls::Error::DecryptError));
        assert_eq!(innermost(&redis).to_string(), rustls::Error::DecryptError.to_string());
    }

    #[test]
    fn reason_has_no_number_of_the_system() {
        for (kind, shown) in [
            (io::ErrorKind::ConnectionRefused, "connection refused"),
            (io::ErrorKind::ConnectionReset, "connection reset"),
        ] {
            assert_eq!(reason(&io::Error::from(kind)), shown);
        }
        let missing = std::fs::read("no such file").unwrap_err();
        assert!(missing.to_string().contains("(os error 2)"), "{missing}");
        let reason = reason(&missing);
        assert!(missing.to_string().starts_with(&reason) && !reason.contains("error") && !reason.ends_with(['.', ' ']));
    }
}
