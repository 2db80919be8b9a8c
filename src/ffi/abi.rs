//! Shared with build.rs, which makes the library's SONAME from it.

/// Grows when a program that was built against an older header could break. New functions do not change it.
pub const TANGO_ABI_VERSION: i32 = 1;
