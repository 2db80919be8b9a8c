//! Reads the values of environment variables.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::Address;
use crate::input_file::{self, Expected, MAX_SECRET_LENGTH, Pipe};

/// What options are read from: the environment, or something that has a value for each variable as well.
pub(super) trait Source {
    fn value(&self, variable: &str) -> Option<OsString>;

    /// Returns what errors call the variable.
    fn label(&self, variable: &str) -> String;
}

/// The environment.
impl<F: Fn(&str) -> Option<OsString>> Source for F {
    fn value(&self, variable: &str) -> Option<OsString> {
        self(variable)
    }

    fn label(&self, variable: &str) -> String {
        variable.into()
    }
}

/// The type that the value of a key has in a configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueType {
    String,
    /// A string; a relative path begins at the directory of that file.
    Path,
    /// One string, or an array of them.
    Strings,
    Boolean,
    /// A number of milliseconds.
    Integer,
}

/// Returns the key of a profile that stands for a variable.
pub(super) fn key(variable: &str) -> String {
    variable.strip_prefix("TANGO_").unwrap_or(variable).to_ascii_lowercase()
}

/// Reads the variable `name`, if it is set and not empty. The error of `parse` says what the value must be.
///
/// No error repeats the value: a secret may have been put into the wrong variable.
pub(super) fn read<T>(
    source: &impl Source,
    name: &str,
    parse: impl FnOnce(&str) -> Result<T, &'static str>,
) -> Result<Option<T>, String> {
    let invalid = |expected| format!("{} must be {expected}", source.label(name));
    match source.value(name).filter(|value| !value.is_empty()) {
        None => Ok(None),
        Some(value) => {
            let value = Zeroizing::new(value.into_encoded_bytes());
            parse(str::from_utf8(&value).map_err(|_| invalid("UTF-8"))?).map(Some).map_err(invalid)
        }
    }
}

const SECRET: Expected = Expected {
    max_length: MAX_SECRET_LENGTH,
    too_long: "the file is longer than 64 KiB and therefore no secret",
    check: |_, _| Ok(()),
    pipe: Pipe::Allowed,
};

/// Reads a secret from the variable `name`, or from the file that the variable `name_FILE` names: its content, without
/// one line break at its end.
pub(super) fn secret(source: &impl Source, name: &str) -> Result<Option<SecretString>, String> {
    let file_variable = format!("{name}_FILE");
    let (value, path) = (read(source, name, string)?, source.value(&file_variable).filter(|path| !path.is_empty()));
    let Some(path) = path.map(PathBuf::from) else { return Ok(value) };
    let (name, file_variable) = (source.label(name), source.label(&file_variable));
    if value.is_some() {
        return Err(format!("{name} and {file_variable} are both set; unset one of them"));
    }
    read_secret(&path).map(Some).map_err(|problem| format!("{file_variable} {}: {problem}", path.display()))
}

fn read_secret(path: &Path) -> Result<SecretString, String> {
    let content = input_file::read(path, SECRET)?;
    let text = str::from_utf8(&content).map_err(|_| "the file is not UTF-8")?;
    let text = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    if text.is_empty() { Err("the file is empty".into()) } else { Ok(text.into()) }
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of the other parsers")]
pub(super) fn string<T: for<'a> From<&'a str>>(value: &str) -> Result<T, &'static str> {
    Ok(value.into())
}

pub(super) fn milliseconds(value: &str) -> Result<Duration, &'static str> {
    u64::from_str(value).map(Duration::from_millis).map_err(|_| "a whole number of milliseconds")
}

/// Reads origins that are separated by blanks or commas, which no origin contains.
#[expect(clippy::unnecessary_wraps, reason = "the shape of the other parsers")]
pub(super) fn addresses(value: &str) -> Result<Vec<Address>, &'static str> {
    let entries = value.split(|c: char| c.is_ascii_whitespace() || c == ',').filter(|entry| !entry.is_empty());
    Ok(entries.map(Address::from).collect())
}

pub(super) fn flag(value: &str) -> Result<bool, &'static str> {
    match value {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err("`true` or `false`"),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::config::options::Options;
    use crate::config::{CacheSource, Config, Environment, KeySource};
    use crate::dpop::{DpopKey, DpopMode};
    use crate::error::{Error, Status};

    const EVERY_OPTION: [(&str, &str); 22] = [
        ("TANGO_ENVIRONMENT", "production"),
        ("TANGO_TOKEN_URL", "https://host/token"),
        ("TANGO_CLIENT_ID", "id"),
        ("TANGO_CLIENT_SECRET", "s'cret"),
        ("TANGO_USERNAME", "name"),
        ("TANGO_PASSWORD", "p€ss"),
        ("TANGO_AUDIENCE", "5min"),
        ("TANGO_SCOPE", "raas.some"),
        ("TANGO_CA_FILE", "/ca.pem"),
        ("TANGO_PROXY", "none"),
        ("TANGO_USER_AGENT", "agent/1"),
        ("TANGO_CONNECT_TIMEOUT_MS", "1"),
        ("TANGO_ATTEMPT_TIMEOUT_MS", "2"),
        ("TANGO_TOTAL_TIMEOUT_MS", "3"),
        ("TANGO_ALLOW_PLAIN_HTTP", "true"),
        ("TANGO_API_URL", "https://api.example"),
        ("TANGO_ALLOWED_ORIGINS", "https://a.example https://b.example"),
        ("TANGO_DPOP", "required"),
        ("TANGO_DPOP_KEY_FILE", "/key.pem"),
        ("TANGO_CACHE", "rediss://cache.example"),
        ("TANGO_CACHE_CA_FILE", "/cache.pem"),
        ("TANGO_ALLOW_FETCH_WITHOUT_CACHE", "true"),
    ];

    fn load(config: &mut Config, variables: &[(&str, &str)]) -> Result<(), Error> {
        config.load(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()))
    }

    fn problem(error: &Error) -> &str {
        error.message().trim_start_matches("the configuration cannot be used: ")
    }

    fn effective(config: &Config) -> Options {
        config.effective()
    }

    fn assert_every_variable_is_loaded(options: Options) {
        assert_eq!(options.environment, Some(Environment::Production));
        assert_eq!(options.client_secret.unwrap().expose_secret(), "s'cret");
        assert_eq!(options.password.unwrap().expose_secret(), "p€ss");
        assert_eq!(options.proxy.unwrap().expose_secret(), "none");
        assert_eq!(options.token_url.unwrap().0, "https://host/token");
        assert_eq!(options.api_url.unwrap().0, "https://api.example");
        let strings = [options.client_id, options.username, options.audience, options.scope, options.user_agent];
        assert_eq!(strings.map(Option::unwrap), ["id", "name", "5min", "raas.some", "agent/1"]);
        let timeouts = [options.connect_timeout, options.attempt_timeout, options.total_timeout];
        assert_eq!(timeouts.map(Option::unwrap), [1, 2, 3].map(Duration::from_millis));
        let files = [options.ca_file.unwrap(), options.cache_ca_file.unwrap()];
        assert_eq!(files.each_ref().map(|path| path.to_str().unwrap()), ["/ca.pem", "/cache.pem"]);
        let origins: Vec<_> = options.allowed_origins.unwrap().into_iter().map(|origin| origin.0).collect();
        assert_eq!(origins, ["https://a.example", "https://b.example"]);
        assert_eq!(options.dpop, Some(DpopMode::Required));
        assert!(matches!(options.dpop_key, Some(KeySource::File(path)) if path.to_str() == Some("/key.pem")));
        let Some(CacheSource::Named(cache)) = options.cache else { panic!("a cache with a name") };
        assert_eq!(cache.expose_secret(), "rediss://cache.example");
        assert_eq!((options.allow_plain_http, options.allow_fetch_without_cache), (Some(true), Some(true)));
    }

    /// Sets every option, each to another value than `EVERY_OPTION`.
    fn set_every_option(config: &mut Config) {
        config.environment(Environment::Sandbox).token_url("https://code/token").api_url("https://api.code");
        config.client_id("a").client_secret("b").username("c").password("d");
        config.audience("24h").scope("raas.code").user_agent("code/1").proxy("system");
        config.ca_file("/code.pem").cache("memory").cache_ca_file("/code-cache.pem").allow_origin("https://c.example");
        config.connect_timeout(Duration::from_secs(1)).attempt_timeout(Duration::from_secs(2));
        config.total_timeout(Duration::from_secs(3)).allow_plain_http(false).allow_fetch_without_cache(false);
        config.dpop(DpopMode::Off).dpop_key_file("/code.key");
    }

    #[test]
    fn every_option_has_a_variable() {
        let mut config = Config::new();
        load(&mut config, &EVERY_OPTION).unwrap();
        assert_every_variable_is_loaded(effective(&config));
    }

    #[test]
    fn option_set_in_code_wins_over_its_variable_in_any_order() {
        let (mut code, mut before, mut after) = (Config::new(), Config::new(), Config::new());
        set_every_option(&mut code);
        set_every_option(&mut before);
        load(&mut before, &EVERY_OPTION).unwrap();
        load(&mut after, &EVERY_OPTION).unwrap();
        set_every_option(&mut after);
        let expected = printed(&effective(&code));
        assert_eq!([printed(&effective(&before)), printed(&effective(&after))], [expected.clone(), expected]);
    }

    /// The options with their secrets, which `Debug` hides.
    fn printed(options: &Options) -> String {
        let secrets = [&options.client_secret, &options.password, &options.proxy]
            .map(|secret| secret.as_ref().map(|secret| secret.expose_secret().to_owned()));
        let cache = match &options.cache {
            Some(CacheSource::Named(name)) => name.expose_secret(),
            _ => "",
        };
        format!("{options:?} {secrets:?} {cache}")
    }

    /// Makes a file with this content and loads the two variables of a secret.
    fn load_secret(name: &str, file: &str, content: Option<&[u8]>, value: &str) -> Result<Option<String>, Error> {
        let path = std::env::temp_dir().join(format!("tango-secret-{}-{file}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        content.inspect(|content| std::fs::write(&path, content).unwrap());
        let mut config = Config::new();
        let file_variable = format!("{name}_FILE");
        let loaded = load(&mut config, &[(name, value), (&file_variable, path.to_str().unwrap())]);
        let _ = std::fs::remove_file(&path);
        let options = loaded.map(|()| effective(&config)).map_err(|error| {
            assert!(error.message().contains(&file_variable), "{error}");
            assert_eq!(error.message().contains(path.to_str().unwrap()), value.is_empty(), "{error}");
            error
        })?;
        let secret = if name == "TANGO_PASSWORD" { options.password } else { options.client_secret };
        Ok(secret.map(|secret| secret.expose_secret().to_owned()))
    }

    #[test]
    fn secret_is_read_from_a_file_without_one_line_break_at_its_end() {
        for name in ["TANGO_CLIENT_SECRET", "TANGO_PASSWORD"] {
            for (content, expected) in [
                ("s€cret", "s€cret"),
                ("secret\n", "secret"),
                ("secret\r\n", "secret"),
                ("a\n\n", "a\n"),
                (" a ", " a "),
            ] {
                let secret = load_secret(name, "good", Some(content.as_bytes()), "").unwrap();
                assert_eq!(secret.as_deref(), Some(expected), "{content:?}");
            }
        }
    }

    #[test]
    fn file_of_a_secret_that_cannot_be_used_is_named_and_not_repeated() {
        let long = vec![b'x'; 64 * 1024 + 1];
        let missing = crate::causes::reason(&std::fs::read("no such file").unwrap_err());
        for name in ["TANGO_CLIENT_SECRET", "TANGO_PASSWORD"] {
            for (file, content, problem) in [
                ("missing", None, &*missing),
                ("empty", Some(&b""[..]), "the file is empty"),
                ("line-break", Some(b"\n"), "the file is empty"),
                ("long", Some(&long), "longer than 64 KiB"),
                ("latin-1", Some(b"s\xe9cret"), "the file is not UTF-8"),
            ] {
                let error = load_secret(name, file, content, "").unwrap_err();
                assert_eq!(error.status(), Status::InvalidConfiguration);
                assert!(error.message().contains(problem) && !error.message().contains("cret\u{fffd}"), "{error}");
            }
        }
    }

    #[test]
    fn secret_in_a_variable_and_in_a_file_is_an_error_that_names_both() {
        let error = load_secret("TANGO_PASSWORD", "both", Some(b"one"), "another").unwrap_err();
        assert_eq!(problem(&error), "TANGO_PASSWORD and TANGO_PASSWORD_FILE are both set; unset one of them");
    }

    #[test]
    fn key_in_code_wins_over_the_key_file_of_the_environment() {
        let mut config = Config::new();
        config.dpop_key(DpopKey::generate(crate::dpop::Algorithm::Es256).unwrap());
        load(&mut config, &EVERY_OPTION).unwrap();
        assert!(matches!(effective(&config).dpop_key, Some(KeySource::Given(_))));
    }

    #[test]
    fn unset_or_empty_variable_leaves_an_option_unset() {
        let mut config = Config::new();
        load(&mut config, &[("TANGO_CLIENT_ID", "")]).unwrap();
        assert_eq!(effective(&config).client_id, None);
    }

    #[test]
    fn loading_again_forgets_what_was_loaded_and_keeps_what_was_set() {
        let mut config = Config::new();
        config.scope("raas.code");
        load(&mut config, &[("TANGO_CLIENT_ID", "first"), ("TANGO_USERNAME", "name")]).unwrap();
        load(&mut config, &[("TANGO_CLIENT_ID", "second"), ("TANGO_SCOPE", "raas.env")]).unwrap();
        let options = effective(&config);
        assert_eq!(options.client_id.as_deref(), Some("second"));
        assert_eq!(options.username, None);
        assert_eq!(options.scope.as_deref(), Some("raas.code"));
    }

    #[test]
    fn bad_value_names_its_variable_is_not_repeated_and_changes_nothing() {
        for (name, expected) in [
            ("TANGO_ENVIRONMENT", "`sandbox` or `production`"),
            ("TANGO_TOTAL_TIMEOUT_MS", "a whole number of milliseconds"),
            ("TANGO_ALLOW_PLAIN_HTTP", "`true` or `false`"),
            ("TANGO_DPOP", "`off`, `optional` or `required`"),
        ] {
            let mut config = Config::new();
            load(&mut config, &[("TANGO_CLIENT_ID", "kept")]).unwrap();
            let error = load(&mut config, &[("TANGO_CLIENT_ID", "id"), (name, "hunter2")]).unwrap_err();
            assert_eq!(error.status(), Status::InvalidConfiguration);
            assert_eq!(problem(&error), format!("{name} must be {expected}"));
            assert_eq!(effective(&config).client_id.as_deref(), Some("kept"));
        }
    }

    #[test]
    fn one_error_names_every_variable_whose_value_cannot_be_read() {
        let wrong = [("TANGO_ENVIRONMENT", "prod"), ("TANGO_TOTAL_TIMEOUT_MS", "5s"), ("TANGO_DPOP", "on")];
        let error = load(&mut Config::new(), &wrong).unwrap_err();
        for (name, _) in wrong {
            assert!(error.message().contains(&format!("{name} must be")), "{name} is not in: {error}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn variable_that_is_not_utf_8_is_named() {
        use std::os::unix::ffi::OsStringExt;
        let mut config = Config::new();
        let bytes = |name: &str| (name == "TANGO_PASSWORD").then(|| OsString::from_vec(vec![0xff]));
        assert_eq!(problem(&config.load(bytes).unwrap_err()), "TANGO_PASSWORD must be UTF-8");
    }

    #[test]
    fn name_of_an_enumeration_is_read_in_any_case() {
        assert_eq!("SandBox".parse(), Ok(Environment::Sandbox));
        assert_eq!("Required".parse(), Ok(DpopMode::Required));
        assert_eq!("es256".parse(), Ok(crate::dpop::Algorithm::Es256));
        assert!("".parse::<Environment>().is_err());
    }
}
