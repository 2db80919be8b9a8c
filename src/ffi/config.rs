//! `tango_config`: the configuration of a client.

use std::time::Duration;

use libc::c_char;

use super::dpop_key::KeyObject;
use super::error::ErrorObject;
use super::{free, guard, invalid, required, string};
use crate::config::Config;
use crate::error::{Error, Status};

/// Returns an empty configuration, which the caller frees with `tango_config_free`. Never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tango_config_new() -> Box<Config> {
    Box::default()
}

/// Frees the configuration. Clients made from it stay valid. Accepts NULL.
#[unsafe(no_mangle)]
pub extern "C" fn tango_config_free(config: Option<Box<Config>>) {
    free(config);
}

/// Reads the options that the program does not set from the `TANGO_*` environment variables.
///
/// The description of each setter names its variable; an empty variable counts as one that is not set. What a setter
/// sets wins, whether it is called before or after this function. Options are independent of each other: TOKEN_URL
/// still overrides the address of an environment that the program sets. Another call reads all variables again and
/// forgets what the last one read. INVALID_CONFIGURATION names a variable that cannot be understood; then nothing
/// changes.
///
/// If TANGO_PROFILE is set, it also reads that section of the configuration file, for options that neither the program
/// nor a variable sets. A profile can name a command that returns credentials, and that has a minute.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tango_config_load_env(config: Option<&mut Config>, error: *mut *mut ErrorObject) -> Status {
    guard(error, || required(config, "config")?.load_env())
}

pub(super) mod setters;

/// Sets an option to a string.
///
/// # Safety
/// `value` is NULL or NUL-terminated.
unsafe fn set(
    config: Option<&mut Config>,
    name: &str,
    value: *const c_char,
    error: *mut *mut ErrorObject,
    apply: impl for<'a> FnOnce(&'a mut Config, &str) -> &'a mut Config,
) -> Status {
    guard(error, || {
        // SAFETY: this function's own contract.
        apply(required(config, "config")?, unsafe { string(value, name) }?);
        Ok(())
    })
}

/// Sets an option to the value of an enumeration that C passes as a number.
fn set_number<T: TryFrom<i32, Error = i32>>(
    config: Option<&mut Config>,
    name: &str,
    number: i32,
    error: *mut *mut ErrorObject,
    apply: impl FnOnce(&mut Config, T) -> &mut Config,
) -> Status {
    guard(error, || {
        let config = required(config, "config")?;
        let known = T::try_from(number);
        apply(config, known.map_err(|number| invalid(name, &format!("{number} is not known")))?);
        Ok(())
    })
}

fn set_flag(
    config: Option<&mut Config>,
    name: &str,
    number: i32,
    error: *mut *mut ErrorObject,
    apply: impl FnOnce(&mut Config, bool) -> &mut Config,
) -> Status {
    guard(error, || {
        apply(required(config, "config")?, flag(number, name)?);
        Ok(())
    })
}

fn flag(number: i32, name: &str) -> Result<bool, Error> {
    match number {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(invalid(name, "is neither 0 nor 1")),
    }
}

fn set_timeout(
    config: Option<&mut Config>,
    timeout_ms: u32,
    error: *mut *mut ErrorObject,
    apply: impl FnOnce(&mut Config, Duration) -> &mut Config,
) -> Status {
    guard(error, || {
        apply(required(config, "config")?, Duration::from_millis(timeout_ms.into()));
        Ok(())
    })
}

fn set_key(config: Option<&mut Config>, key: Option<&KeyObject>, error: *mut *mut ErrorObject) -> Status {
    guard(error, || {
        required(config, "config")?.dpop_key(required(key, "key")?.key.clone());
        Ok(())
    })
}
