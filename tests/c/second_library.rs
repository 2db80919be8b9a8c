//! A second static library in Rust, for tests/c/two_rust_libraries.c: with threads, thread-local values and a panic of
//! its own copy of the standard library.

use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::catch_unwind;
use std::thread;

thread_local! {
    static WORDS: RefCell<HashMap<String, usize>> = RefCell::default();
}

/// Counts a word on another thread, which then panics. Returns how often it counted it, or 0 if nothing was caught.
#[no_mangle]
pub extern "C" fn second_library_panics() -> i32 {
    let panicked = thread::spawn(|| {
        WORDS.with_borrow_mut(|words| *words.entry("panic".to_owned()).or_default() += 1);
        let counted = WORDS.with_borrow(|words| words["panic"]);
        let caught = catch_unwind(|| panic!("{counted}")).unwrap_err();
        panic!("{}", caught.downcast_ref::<String>().unwrap());
    });
    let Err(reason) = panicked.join() else { return 0 };
    reason.downcast_ref::<String>().and_then(|counted| counted.parse().ok()).unwrap_or(0)
}
