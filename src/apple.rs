//! Safe functions over system calls of Apple's systems.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::{mem, ptr};

/// Returns the ID of this boot.
pub(crate) fn boot_session() -> Option<String> {
    // A UUID and a NUL.
    let mut id = [0_u8; 64];
    let mut length = id.len();
    let name = c"kern.bootsessionuuid".as_ptr();
    // SAFETY: the name ends with a NUL, and the system writes at most `length` bytes.
    let failed = unsafe { libc::sysctlbyname(name, id.as_mut_ptr().cast(), &raw mut length, ptr::null_mut(), 0) };
    let id = CStr::from_bytes_until_nul(&id).ok()?.to_str().ok()?;
    (failed == 0 && !id.is_empty()).then(|| id.to_owned())
}

/// Keeps the library that contains this code loaded until the process ends: its thread runs this code.
pub(crate) fn pin() {
    // SAFETY: `Dl_info` is plain data, which `dladdr` fills in for an address of this library. The name that it returns
    // ends with a NUL and stays valid while the library is loaded. `RTLD_NOLOAD` loads nothing.
    unsafe {
        let mut info: libc::Dl_info = mem::zeroed();
        if libc::dladdr(pin as *const libc::c_void, &raw mut info) != 0 && !info.dli_fname.is_null() {
            libc::dlopen(info.dli_fname, libc::RTLD_LAZY | libc::RTLD_NOLOAD | libc::RTLD_NODELETE);
        }
    }
}
