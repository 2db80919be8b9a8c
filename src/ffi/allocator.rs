//! An allocator that zeroises what it frees.
//!
//! Secrets pass through many buffers on their way: those of the HTTP client, of TLS, of the parsers and of the cache.
//! Zeroising each at its source would depend on every version of every dependency. Freed memory is where all of them
//! end.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;
use std::slice;

use zeroize::optimization_barrier;

/// The allocator of the system, which zeroises memory before it is freed or moved.
///
/// The C library and the Python package use it. A Rust program chooses its own allocator, and can choose this one, so
/// that no copy of a token or a password stays behind in freed memory:
///
/// ```
/// #[global_allocator]
/// static ALLOCATOR: tango_token::ZeroizingAllocator = tango_token::ZeroizingAllocator;
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ZeroizingAllocator;

#[cfg(feature = "zeroizing-allocator")]
#[global_allocator]
static ALLOCATOR: ZeroizingAllocator = ZeroizingAllocator;

// SAFETY: each block comes from `System` and goes back to it with the layout that it was allocated with. Memory is
// written only while this allocator owns it: after the caller gave it back.
unsafe impl GlobalAlloc for ZeroizingAllocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's own contract.
        unsafe { System.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's own contract.
        unsafe { System.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller gives back a block of this layout, which nothing uses any more.
        unsafe {
            zeroize(block, layout.size());
            System.dealloc(block, layout);
        }
    }

    /// Always moves the block: the system's `realloc` would free the old one as it is.
    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller guarantees that the new size is valid with this alignment, that the block has this layout,
        // and that it gives the block back if this succeeds.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(new_size, layout.align()));
            if !moved.is_null() {
                ptr::copy_nonoverlapping(block, moved, layout.size().min(new_size));
                self.dealloc(block, layout);
            }
            moved
        }
    }
}

/// Writes zeros, also where the compiler knows that the memory is freed next.
///
/// # Safety
/// The block may be written, and nothing else uses it.
#[inline]
unsafe fn zeroize(block: *mut u8, size: usize) {
    // SAFETY: this function's own contract. The slice is made after all of it is initialised.
    unsafe {
        block.write_bytes(0, size);
        optimization_barrier(slice::from_raw_parts(block, size));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_keeps_its_content_and_its_alignment_when_it_grows_and_shrinks() {
        for align in [1, 8, 16, 64, 4096] {
            let layout = Layout::from_size_align(100, align).unwrap();
            // SAFETY: each block is used with the layout that it was allocated with.
            unsafe {
                let block = ZeroizingAllocator.alloc_zeroed(layout);
                block.write_bytes(7, 50);
                let grown = ZeroizingAllocator.realloc(block, layout, 10_000);
                let layout = Layout::from_size_align(10_000, align).unwrap();
                let shrunk = ZeroizingAllocator.realloc(grown, layout, 60);
                assert_eq!(shrunk.addr() % align, 0);
                assert_eq!(slice::from_raw_parts(shrunk, 60), [[7; 50].as_slice(), &[0; 10]].concat());
                ZeroizingAllocator.dealloc(shrunk, Layout::from_size_align(60, align).unwrap());
            }
        }
    }

    #[test]
    fn block_is_zeroised() {
        let mut block = [7; 100];
        // SAFETY: the block belongs to this test.
        unsafe { zeroize(block.as_mut_ptr(), block.len()) };
        assert_eq!(block, [0; 100]);
    }
}
