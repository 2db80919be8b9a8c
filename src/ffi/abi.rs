//! The ABI version, shared with build.rs, which makes the library's SONAME from it.

/// Changes when a program built against an older header could break. New functions do not change it.
pub const TANGO_ABI_VERSION: i32 = 1;
