//! Safe functions over system calls of Windows.
#![allow(unsafe_code)]

pub(crate) mod access;
pub(crate) mod clock;
pub(crate) mod module;
