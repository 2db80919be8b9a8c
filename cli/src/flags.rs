//! How the values of flags are read, and which are refused. `options.rs` has the flags.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use tango_token::{DpopMode, Environment};

use crate::failure::Failure;

pub fn environment() -> impl TypedValueParser<Value = Environment> {
    PossibleValuesParser::new(["sandbox", "production"]).try_map(|name| name.parse::<Environment>())
}

pub fn dpop_mode() -> impl TypedValueParser<Value = DpopMode> {
    PossibleValuesParser::new(["off", "optional", "required"]).try_map(|name| name.parse::<DpopMode>())
}

/// Returns the value unless it is a URL with credentials. The failure does not repeat it.
// Not a value parser: clap's errors repeat the value.
pub fn without_password<'a>(flag: &str, variable: &str, value: &'a str) -> Result<&'a str, Failure> {
    if value.contains('@') {
        return Err(Failure::usage(format!(
            "{flag} contains a user name or a password, which other users of the machine can read on the command line; \
             put the value into the variable {variable}"
        )));
    }
    Ok(value)
}

/// Refuses a secret that was given on the command line.
pub fn refuse_secret(flag: &str, variable: &str) -> Failure {
    Failure::usage(format!(
        "there is no flag {flag}, because other users of the machine can read the command line; \
         use {flag}-file FILE, {flag}-file - for standard input, or the variable {variable} or {variable}_FILE"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_with_credentials_is_refused_without_being_repeated() {
        for url in ["http://name:hunter2@proxy:3128", "rediss://:hunter2@cache", "redis://a redis://name:hunter2@b"] {
            let failure = without_password("--cache", "TANGO_CACHE", url).unwrap_err().to_string();
            assert!(failure.contains("TANGO_CACHE") && !failure.contains("hunter2"), "{failure}");
        }
        assert!(without_password("--cache", "TANGO_CACHE", "file:/var/cache/tango").is_ok());
    }
}
