//! The addresses of Redis servers and clusters. No password is shown, and each that is sent is known to the redactor.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tango_token::fuzzing::{RedisServers, redacted, redis_servers};
use url::Url;

fuzz_target!(|address: &str| {
    let servers = match redis_servers(address) {
        Ok(servers) => servers,
        Err(problem) => {
            assert!(!problem.is_empty() && problem.len() <= 100);
            return;
        }
    };
    let RedisServers { shown, count, passwords, sent_password, has_tls, prefix } = servers;
    let urls: Vec<_> = address.split_ascii_whitespace().map(|url| Url::parse(url).expect("a URL")).collect();
    assert_eq!(count, urls.len());
    assert!(urls.iter().all(|url| url.has_host() && (url.scheme() == "rediss") == has_tls));
    assert!(!prefix.contains(['{', '}']));
    if let Some(sent) = sent_password {
        assert!(passwords.contains(&sent), "{sent:?} is none of {passwords:?}");
    }
    let hosts: String = urls.iter().filter_map(Url::host_str).collect();
    // Of a password without letters too little is compared to find it anywhere.
    let is_distinctive = |password: &&String| {
        password.chars().filter(char::is_ascii_alphanumeric).count() >= 12 && !hosts.contains(*password)
    };
    for password in passwords.iter().filter(is_distinctive) {
        assert!(!shown.contains(password.as_str()), "{shown}");
        let shown = redacted(&[password], &format!("WRONGPASS for {password} at {hosts}"));
        assert!(!shown.contains(password.as_str()), "{shown}");
    }
});
