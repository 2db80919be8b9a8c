//! The DLL, or the program, that contains this code.

use std::ffi::c_void;
use std::{mem, ptr};

use windows_sys::Win32::Foundation::HMODULE;
use windows_sys::Win32::System::LibraryLoader::{
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN,
    GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT, GetModuleHandleExW, GetModuleHandleW, GetProcAddress,
};
use windows_sys::core::{PCSTR, PCWSTR, s, w};

/// Keeps the DLL loaded until the process ends: `FreeLibrary` would unload it under the threads that run its code.
pub(crate) fn pin() {
    handle(GET_MODULE_HANDLE_EX_FLAG_PIN);
}

/// Calls `work` when the program ends by `exit` or by the end of `main`, while its threads still run.
///
/// A DLL's own `atexit` runs too late for that: in `ExitProcess`, which has ended all other threads by then. So a DLL
/// registers the handler with the C runtime that the program uses: that of Windows 10, or the older `msvcrt`. A program
/// that uses neither, such as one in Go or .NET, ends without a call of `work`.
pub(crate) fn at_exit(work: extern "C" fn()) {
    // SAFETY: the handle of the program itself needs no name.
    let program = unsafe { GetModuleHandleW(ptr::null()) };
    if handle(GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT) == program {
        // SAFETY: the handler needs nothing that may be gone when it runs.
        unsafe { libc::atexit(work) };
        return;
    }
    for (runtime, register) in [(w!("ucrtbase.dll"), s!("_crt_atexit")), (w!("msvcrt.dll"), s!("_onexit"))] {
        register_with(runtime, register, work);
    }
}

/// Registers `work` with one C runtime, if that is loaded. Both functions take the handler as their one argument. The
/// handler of `_onexit` returns a number, which the runtime ignores.
fn register_with(runtime: PCWSTR, register: PCSTR, work: extern "C" fn()) {
    // SAFETY: both names end with a NUL.
    let function = unsafe {
        let runtime = GetModuleHandleW(runtime);
        if runtime.is_null() { None } else { GetProcAddress(runtime, register) }
    };
    if let Some(function) = function {
        // SAFETY: both functions have this type, except that one returns a number; the result is not used. This DLL
        // stays loaded (`pin`).
        unsafe {
            let register: extern "C" fn(extern "C" fn()) -> *mut c_void = mem::transmute(function);
            register(work);
        }
    }
}

/// Returns the handle of the DLL, or of the program, that contains this code.
fn handle(flags: u32) -> HMODULE {
    let mut module = ptr::null_mut();
    // SAFETY: with this flag the name is an address inside the module, and nothing is read there.
    unsafe {
        GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | flags, &raw const ADDRESS, &raw mut module);
    }
    module
}

/// Has an address inside this module, of the type of a name.
static ADDRESS: u16 = 0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_of_a_program_is_in_the_program() {
        // SAFETY: as in `at_exit`.
        let program = unsafe { GetModuleHandleW(ptr::null()) };
        assert!(!program.is_null());
        assert_eq!(handle(GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT), program);
        pin();
    }
}
