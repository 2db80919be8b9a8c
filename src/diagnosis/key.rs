//! The key that tokens are bound to.

use super::{Check, CheckOutcome, capitalized};
use crate::config::Config;
use crate::dpop::{DpopKey, DpopMode, key_file_warning};

const NAME: &str = "key";

pub(super) fn check(config: &Config) -> Check {
    let (mode, file) = config.key_settings();
    let path = match (mode, file) {
        (DpopMode::Off, None) => return Check::skipped(NAME, "DPoP is off"),
        (_, None) => return Check::ok(NAME, "no file: the program has a key, or each client generates one of ES256"),
        (_, Some(path)) => path,
    };
    let key = match DpopKey::from_file(&path) {
        Ok(key) => key,
        Err(error) => {
            let message = error.message();
            // The messages begin with the path, and say what to do after a semicolon or in place of what is wrong.
            let advice = message.split_once("; ").map_or(message, |(_, advice)| advice).to_owned();
            let what = message.split_once("; ").map_or(message, |(what, _)| what);
            return Check { advice: vec![advice], ..Check::new(NAME, CheckOutcome::Failure, what) };
        }
    };
    let check = Check::ok(NAME, format!("{} holds a key of {}", path.display(), key.algorithm().name()))
        .detail("thumbprint", key.thumbprint());
    let check = match key_file_warning(&path) {
        Some(problem) => check.warn(capitalized(&problem)),
        None => check,
    };
    if mode == DpopMode::Off {
        return check.warn("Set dpop to `required` or `optional`: the key is not used while it is off");
    }
    check
}
