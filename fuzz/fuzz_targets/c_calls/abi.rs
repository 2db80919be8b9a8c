//! The C interface, as a program in C sees it.

use std::ffi::{c_char, c_void};

pub type CacheLoad = unsafe extern "C" fn(*mut c_void, *const c_char, *mut u8, *mut usize) -> i32;
pub type CacheSave = unsafe extern "C" fn(*mut c_void, *const c_char, *const u8, usize, u64) -> i32;
pub type CacheLock = unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char, u64) -> i32;
pub type CacheUnlock = unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char) -> i32;
pub type CacheRelease = unsafe extern "C" fn(*mut c_void);
pub type DpopSign = unsafe extern "C" fn(*mut c_void, *const u8, usize, *mut u8, *mut usize) -> i32;
pub type DpopRelease = unsafe extern "C" fn(*mut c_void);
pub type LogCallback = unsafe extern "C" fn(*mut c_void, i32, *const c_char);
pub type LogRecordCallback = unsafe extern "C" fn(
    *mut c_void,
    i32,
    i64,
    *const c_char,
    *const c_char,
    usize,
    *const *const c_char,
    *const *const c_char,
    *const i32,
);
pub type AcquireDone = unsafe extern "C" fn(*mut c_void, *mut Token, *mut Error);

include!(concat!(env!("OUT_DIR"), "/functions.rs"));
