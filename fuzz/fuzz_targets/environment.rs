//! All `TANGO_*` variables, read and checked as `Config::from_env` and a client do. No error, no log line and no
//! `Debug` repeats a secret, and what is accepted keeps the rules of the configuration.
//!
//! A line of the input is a variable, as `env` prints it. A variable that names a file has the content of the file,
//! with `|` for its line breaks.
#![no_main]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use support::log;
use tango_token::fuzzing::{Resolved, hidden, load, resolve};
use tango_token::{Config, Error};

const FILES: [&str; 5] =
    ["TANGO_CLIENT_SECRET_FILE", "TANGO_PASSWORD_FILE", "TANGO_CA_FILE", "TANGO_CACHE_CA_FILE", "TANGO_DPOP_KEY_FILE"];
const SECRETS: [&str; 4] = ["TANGO_CLIENT_SECRET", "TANGO_PASSWORD", "TANGO_CLIENT_SECRET_FILE", "TANGO_PASSWORD_FILE"];
/// Shorter secrets occur in messages by chance.
const MIN_SECRET: usize = 16;

thread_local!(static DIRECTORY: Directory = Directory::new());

fuzz_target!(|text: &str| {
    let variables: BTreeMap<_, _> = text.lines().filter_map(|line| line.split_once('=')).collect();
    log::take();
    let lookup = |name: &str| {
        let value = variables.get(name)?;
        let is_file = FILES.contains(&name) && !value.is_empty();
        Some(if is_file { DIRECTORY.with(|directory| directory.file(name, value)) } else { (*value).into() })
    };
    let (shown, accepted) = match load(lookup) {
        Ok(config) => resolved(&config, &variables),
        Err(error) => (error.message().to_owned(), None),
    };
    let shown = format!("{shown}\n{}", log::take());
    for secret in secrets(&variables) {
        assert!(!shown.contains(secret), "{secret:?} is in {shown}");
    }
    accepted.iter().for_each(|accepted| check(accepted, &variables));
});

/// Returns everything that is shown of a configuration, and what was accepted.
fn resolved(config: &Config, variables: &BTreeMap<&str, &str>) -> (String, Option<Resolved>) {
    let secret = secrets(variables).into_iter().next().unwrap_or_default();
    match resolve(config, &format!("invalid secret {secret}")) {
        Ok(accepted) => (format!("{config:?} {accepted:?}"), Some(accepted)),
        Err(error) => (format!("{config:?} {}", whole(&error)), None),
    }
}

fn whole(error: &Error) -> &str {
    assert!(error.message().starts_with("the configuration cannot be used: "));
    error.message()
}

/// Returns the secrets that nothing else in the input repeats.
fn secrets<'a>(variables: &BTreeMap<&str, &'a str>) -> Vec<&'a str> {
    let named = SECRETS.iter().filter_map(|name| variables.get(name).copied());
    let urls = ["TANGO_CACHE", "TANGO_PROXY"].iter().filter_map(|name| password(variables.get(name)?));
    let is_alone = |secret: &&str| variables.values().map(|value| value.matches(secret).count()).sum::<usize>() == 1;
    let is_distinctive = |secret: &&str| {
        secret.len() >= MIN_SECRET
            && secret.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && secret.bytes().any(|byte| byte.is_ascii_digit())
    };
    named.chain(urls).filter(is_distinctive).filter(is_alone).collect()
}

fn password(url: &str) -> Option<&str> {
    url.split_once("://")?.1.split(['/', '?', '#']).next()?.rsplit_once('@')?.0.split_once(':').map(|(_, word)| word)
}

fn check(accepted: &Resolved, variables: &BTreeMap<&str, &str>) {
    let allows_http = matches!(variables.get("TANGO_ALLOW_PLAIN_HTTP"), Some(&("true" | "1")));
    for url in [&accepted.token_url].into_iter().chain(&accepted.api_urls) {
        let host = url.host_str().expect("a URL with a host");
        let is_loopback = host == "localhost" || host.starts_with("127.") || host == "[::1]";
        assert!(url.scheme() == "https" || (url.scheme() == "http" && (allows_http || is_loopback)), "{url}");
        assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none(), "{url}");
    }
    assert!(accepted.timeouts.iter().all(|timeout| !timeout.is_zero() && *timeout <= Duration::from_secs(600)));
    assert!(!accepted.documented_lifetime.is_zero());
    if !secrets(variables).is_empty() {
        assert_eq!(accepted.redacted, hidden());
    }
}

/// A directory for files, removed at the end.
struct Directory {
    path: PathBuf,
    last: RefCell<BTreeMap<String, String>>,
}

impl Directory {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("tango-fuzz-{}", std::process::id()));
        fs::create_dir_all(&path).expect("the directory for temporary files can be used");
        Self { path, last: RefCell::default() }
    }

    fn file(&self, name: &str, content: &str) -> OsString {
        let path = self.path.join(name);
        let last = self.last.borrow_mut().insert(name.to_owned(), content.to_owned());
        if last.as_deref() != Some(content) {
            fs::write(&path, content.replace('|', "\n")).expect("the directory can be written");
        }
        path.into()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}
