//! What this library is, and the names of its statuses.

use std::ffi::CStr;

use libc::c_char;

use super::abi::TANGO_ABI_VERSION;
use crate::error::Status;

/// The version of the library that is loaded, such as `0.1.0`. Static.
#[unsafe(no_mangle)]
pub extern "C" fn tango_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The ABI version of the library that is loaded; compare it with `TANGO_ABI_VERSION` after loading it by hand.
#[unsafe(no_mangle)]
pub extern "C" fn tango_abi_version() -> i32 {
    TANGO_ABI_VERSION
}

/// The name of a `tango_status`, such as `TANGO_STATUS_QUOTA_REFUSED`. Static; NULL for a number that is none.
#[unsafe(no_mangle)]
pub extern "C" fn tango_status_name(status: i32) -> *const c_char {
    let known = NAMES.iter().find(|(known, _)| *known as i32 == status);
    known.map_or(std::ptr::null(), |(_, name)| name.as_ptr())
}

const NAMES: [(Status, &CStr); 22] = [
    (Status::Ok, c"TANGO_STATUS_OK"),
    (Status::InvalidArgument, c"TANGO_STATUS_INVALID_ARGUMENT"),
    (Status::InvalidConfiguration, c"TANGO_STATUS_INVALID_CONFIGURATION"),
    (Status::ConnectFailed, c"TANGO_STATUS_CONNECT_FAILED"),
    (Status::TlsFailed, c"TANGO_STATUS_TLS_FAILED"),
    (Status::TimedOut, c"TANGO_STATUS_TIMED_OUT"),
    (Status::ConnectionLost, c"TANGO_STATUS_CONNECTION_LOST"),
    (Status::CredentialsRefused, c"TANGO_STATUS_CREDENTIALS_REFUSED"),
    (Status::QuotaRefused, c"TANGO_STATUS_QUOTA_REFUSED"),
    (Status::RequestRefused, c"TANGO_STATUS_REQUEST_REFUSED"),
    (Status::RateLimited, c"TANGO_STATUS_RATE_LIMITED"),
    (Status::ServerError, c"TANGO_STATUS_SERVER_ERROR"),
    (Status::UnexpectedAnswer, c"TANGO_STATUS_UNEXPECTED_ANSWER"),
    (Status::MalformedAnswer, c"TANGO_STATUS_MALFORMED_ANSWER"),
    (Status::Cancelled, c"TANGO_STATUS_CANCELLED"),
    (Status::WouldBlock, c"TANGO_STATUS_WOULD_BLOCK"),
    (Status::Internal, c"TANGO_STATUS_INTERNAL"),
    (Status::KeyRejected, c"TANGO_STATUS_KEY_REJECTED"),
    (Status::SigningFailed, c"TANGO_STATUS_SIGNING_FAILED"),
    (Status::ProofRefused, c"TANGO_STATUS_PROOF_REFUSED"),
    (Status::Downgraded, c"TANGO_STATUS_DOWNGRADED"),
    (Status::TokenRefused, c"TANGO_STATUS_TOKEN_REFUSED"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_and_numbers_are_those_of_the_header_and_none_is_left_out() {
        let header = include_str!("../../include/tango_token.h");
        for (status, name) in NAMES {
            let line = format!("{} = {},", name.to_str().unwrap(), status as i32);
            assert!(header.contains(&line), "{line}");
        }
        assert_eq!(header.matches("\n    TANGO_STATUS_").count(), NAMES.len());
    }
}
