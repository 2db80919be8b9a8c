//! How the values of flags are read, and which are refused. `options.rs` has the flags.

use std::ffi::OsString;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use tango_token::{DpopMode, Environment};

use crate::failure::Failure;
use crate::options::SECRETS;

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

/// Refuses a secret on the command line, and says where to put it.
// Not flags that are hidden: shells would complete them.
pub fn refuse_secrets(arguments: impl Iterator<Item = OsString>) -> Result<(), Failure> {
    for argument in arguments.take_while(|argument| argument != "--") {
        let argument = argument.to_string_lossy();
        let name = argument.split_once('=').map_or(&*argument, |(name, _)| name);
        if let Some((flag, variable)) = SECRETS.into_iter().find(|(flag, _)| *flag == name) {
            return Err(Failure::usage(format!(
                "there is no flag {flag}, because other users of the machine can read the command line; use {flag}-file \
                 FILE, {flag}-file - for standard input, or the variable {variable} or {variable}_FILE"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_is_refused_before_the_arguments_of_a_command() {
        let refuse = |arguments: &[&str]| refuse_secrets(arguments.iter().map(OsString::from));
        for arguments in [["token", "--password", "hunter2"], ["token", "-v", "--password=hunter2"]] {
            let failure = refuse(&arguments).unwrap_err().to_string();
            assert!(failure.contains("--password-file") && !failure.contains("hunter2"), "{failure}");
        }
        assert!(refuse(&["exec", "--password-file", "-", "--", "mysql", "--password"]).is_ok());
    }

    #[test]
    fn url_with_credentials_is_refused_without_being_repeated() {
        for url in ["http://name:hunter2@proxy:3128", "rediss://:hunter2@cache", "redis://a redis://name:hunter2@b"] {
            let failure = without_password("--cache", "TANGO_CACHE", url).unwrap_err().to_string();
            assert!(failure.contains("TANGO_CACHE") && !failure.contains("hunter2"), "{failure}");
        }
        assert!(without_password("--cache", "TANGO_CACHE", "file:/var/cache/tango").is_ok());
    }
}
