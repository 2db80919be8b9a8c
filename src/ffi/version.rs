//! The version of the library, and the names of its statuses.

use libc::c_char;

use super::abi::TANGO_ABI_VERSION;
use crate::error::Status;

/// Returns the version of the loaded library, such as `0.1.0`. Never freed; never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tango_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// Returns the ABI version of the loaded library. A program that loads it by hand (`dlopen`) compares it with
/// `TANGO_ABI_VERSION`.
#[unsafe(no_mangle)]
pub extern "C" fn tango_abi_version() -> i32 {
    TANGO_ABI_VERSION
}

/// Returns the name of a `tango_status`, such as `TANGO_STATUS_QUOTA_REFUSED`. Never freed; NULL for an unknown number.
#[unsafe(no_mangle)]
pub extern "C" fn tango_status_name(status: i32) -> *const c_char {
    let known = Status::NAMES.iter().find(|(known, _)| *known as i32 == status);
    known.map_or(std::ptr::null(), |(_, name)| name.as_ptr())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_names_and_numbers_equal_those_of_the_header() {
        let header = include_str!("../../include/tango_token.h");
        for (status, name) in Status::NAMES {
            let line = format!("{} = {},", name.to_str().unwrap(), status as i32);
            assert!(header.contains(&line), "{line}");
        }
        assert_eq!(header.matches("\n    TANGO_STATUS_").count(), Status::NAMES.len());
    }
}
