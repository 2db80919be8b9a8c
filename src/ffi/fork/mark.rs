//! A mark that the system wipes in each child.

use std::ptr;
use std::sync::atomic::AtomicU32;

/// Returns a number that the system zeroes in each child, also in one that was created by `clone` (Linux 4.14).
pub(super) fn wiped_on_fork() -> Option<&'static AtomicU32> {
    const NO_ADVICE: i32 = -1;
    // SAFETY: a new mapping, which is never unmapped if its number is used. A page is aligned for it.
    unsafe {
        let size = usize::try_from(libc::sysconf(libc::_SC_PAGESIZE)).ok()?;
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        let page = libc::mmap(ptr::null_mut(), size, access, kind, -1, 0);
        if page == libc::MAP_FAILED {
            return None;
        }
        // Some emulators accept every advice and follow none.
        let refuses = libc::madvise(page, size, NO_ADVICE) != 0;
        if !refuses || libc::madvise(page, size, libc::MADV_WIPEONFORK) != 0 {
            libc::munmap(page, size);
            return None;
        }
        Some(AtomicU32::from_ptr(page.cast()))
    }
}
