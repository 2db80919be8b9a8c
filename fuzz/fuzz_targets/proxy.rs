//! The proxy variables of the environment. Nothing that is shown contains the password, and the crate `url` finds the
//! same host and port.
//!
//! The first line of the input is the URL of the token endpoint, and each other line a variable.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use support::{line, log};
use tango_token::fuzzing::{is_excepted, proxy};
use url::Url;

fuzz_target!(|text: &str| {
    let (target, variables) = line(text);
    let Ok(target) = Url::parse(target) else { return };
    if !matches!(target.scheme(), "http" | "https") {
        return;
    }
    let variables: BTreeMap<_, _> = variables.lines().filter_map(|line| line.split_once('=')).collect();
    // A password that is also in another place, such as a user name, may be shown there.
    let is_once = |password: &&str| text.matches(password).count() == 1;
    let passwords: Vec<_> = variables.values().filter_map(|value| password(value)).filter(is_once).collect();
    let shown = match proxy(|name| variables.get(name).map(Into::into), &target) {
        Ok(Some(proxy)) => {
            let is_same = |value: &&str| {
                let value = value.trim();
                let url = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
                Url::parse(&url).is_ok_and(|url| url.host_str() == Some(&proxy.host))
            };
            assert!(variables.values().any(|value| is_same(&value)), "{proxy:?}");
            assert!(proxy.port != 0 || variables.values().any(|value| value.contains(":0")));
            proxy.shown
        }
        Ok(None) => String::new(),
        Err(problem) => {
            assert!(problem.len() <= 500 && !problem.contains(char::is_control), "{problem}");
            problem
        }
    };
    let shown = format!("{shown} {}", log::take());
    assert!(passwords.iter().all(|password| !shown.contains(password)), "{shown}");
    check_exceptions(&variables, &target);
});

fn check_exceptions(variables: &BTreeMap<&str, &str>, target: &Url) {
    assert_eq!(is_excepted("*", target), Ok(true));
    let host = target.host_str().expect("a URL with a host");
    let port = target.port_or_known_default().expect("a URL with a port");
    // Other hosts are none that a proxy can be asked for.
    if host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.[]:".contains(&byte)) && !host.ends_with('.') {
        assert_eq!(is_excepted(host, target), Ok(true), "{host}");
        assert_eq!(is_excepted(&format!("other.example, {host}:{port}"), target), Ok(true), "{host}:{port}");
        assert_eq!(is_excepted(&format!("{host}:{}", port ^ 1), target), Ok(false), "{host}");
    }
    if let Some(list) = variables.get("NO_PROXY") {
        // More entries never take an exception away.
        let (alone, more) = (is_excepted(list, target), is_excepted(&format!("{list},other.example"), target));
        assert!(alone != Ok(true) || more == Ok(true));
    }
}

/// Returns a password that is too long to be in a message by chance.
fn password(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let (credentials, host) = rest.split(['/', '?', '#']).next()?.rsplit_once('@')?;
    let password = credentials.split_once(':')?.1;
    let is_usual = password.len() >= 16 && password.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_usual && !host.contains(password) && password.contains(|c: char| c.is_ascii_digit())).then_some(password)
}
