//! Handles that several threads share: the last one to let go of a handle frees it, on whichever thread that is.

use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::abi::{
    Authorization, Client, Config, DpopKey, DpopProof, Error, Request, Stats, Token, tango_authorization_free,
    tango_client_free, tango_config_free, tango_dpop_key_free, tango_dpop_proof_free, tango_error_free,
    tango_request_free, tango_stats_free, tango_token_free,
};

/// A type of object, and its `_free` function.
pub trait Object: Sized {
    const FREE: unsafe extern "C" fn(*mut Self);
}

macro_rules! objects {
    ($($object:ident: $free:ident),* $(,)?) => {
        $(impl Object for $object {
            const FREE: unsafe extern "C" fn(*mut Self) = $free;
        })*
    };
}

objects! {
    Authorization: tango_authorization_free,
    Client: tango_client_free,
    Config: tango_config_free,
    DpopKey: tango_dpop_key_free,
    DpopProof: tango_dpop_proof_free,
    Error: tango_error_free,
    Request: tango_request_free,
    Stats: tango_stats_free,
    Token: tango_token_free,
}

/// An object that is freed once.
pub struct Handle<T: Object>(*mut T);

// SAFETY: objects can be used and freed on any thread.
unsafe impl<T: Object> Send for Handle<T> {}
// SAFETY: as above; a configuration is used under a lock.
unsafe impl<T: Object> Sync for Handle<T> {}

impl<T: Object> Drop for Handle<T> {
    fn drop(&mut self) {
        // SAFETY: this owns the object, or it is NULL.
        unsafe { T::FREE(self.0) };
    }
}

const SLOTS: usize = 3;

/// The objects of a type that calls can choose among. An empty place stands for NULL.
pub struct Slots<T: Object>([Mutex<Option<Arc<Handle<T>>>>; SLOTS]);

impl<T: Object> Default for Slots<T> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::new(None)))
    }
}

impl<T: Object> Slots<T> {
    /// Takes over an object. The one in its place is freed, unless another thread uses it.
    pub fn put(&self, slot: u8, object: *mut T) {
        let handle = Some(Arc::new(Handle(object))).filter(|_| !object.is_null());
        let replaced = std::mem::replace(&mut *self.place(slot), handle);
        drop(replaced);
    }

    /// Runs a call with an object, which lives for as long.
    pub fn with<R>(&self, slot: u8, call: impl FnOnce(*mut T) -> R) -> R {
        let handle = self.place(slot).clone();
        call(handle.as_ref().map_or(ptr::null_mut(), |handle| handle.0))
    }

    /// Runs a call that nobody else may make with the same object at once.
    pub fn alone<R>(&self, slot: u8, call: impl FnOnce(*mut T) -> R) -> R {
        let handle = self.place(slot);
        call(handle.as_ref().map_or(ptr::null_mut(), |handle| handle.0))
    }

    fn place(&self, slot: u8) -> std::sync::MutexGuard<'_, Option<Arc<Handle<T>>>> {
        self.0[usize::from(slot) % SLOTS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
