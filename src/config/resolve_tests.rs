use super::*;
use crate::config::Config;
use crate::store::Names;

fn complete() -> Config {
    let mut config = Config::new();
    config.environment(Environment::Sandbox).client_id("id").client_secret("secret");
    config.username("name").password("password");
    config
}

fn problem(change: impl FnOnce(&mut Config) -> &mut Config) -> String {
    let mut config = complete();
    change(&mut config);
    let error = config.resolve().err().expect("this configuration must be refused");
    assert_eq!(error.status(), Status::InvalidConfiguration);
    error.message().trim_start_matches("the configuration cannot be used: ").to_owned()
}

#[test]
fn unset_options_take_their_defaults() {
    let settings = complete().resolve().unwrap();
    assert_eq!(settings.token_url.as_str(), "https://sandbox-auth.tangocard.com/oauth/token");
    assert_eq!((settings.request.scope.as_str(), settings.request.audience.as_str()), ("raas.all", AUDIENCES[0].1[0]));
    assert_eq!(settings.transport.user_agent, concat!("tango-token/", env!("CARGO_PKG_VERSION")));

    let production = complete().environment(Environment::Production).resolve().unwrap();
    assert_eq!(production.token_url.as_str(), "https://auth.tangocard.com/oauth/token");
}

#[test]
fn settings_that_want_the_same_token_share_a_cache_key() {
    let key = |change: fn(&mut Config) -> &mut Config| {
        let mut config = complete();
        change(&mut config);
        let names = Names::of(&config.resolve().unwrap().identity());
        names.key(names.reads()[0]).to_owned()
    };
    let default = key(|config| config);
    assert_eq!(key(|config| config.audience("24h").scope("raas.all")), default);
    assert_eq!(key(|config| config.password("another")), default);
    assert_ne!(key(|config| config.audience("5min")), default);
    assert_ne!(key(|config| config.environment(Environment::Production)), default);
    let optional = key(|config| config.dpop(DpopMode::Optional));
    assert_ne!(optional, default);
    assert_eq!(optional, key(|config| config.dpop(DpopMode::Required)), "a client that becomes strict keeps its token");
}

#[test]
fn set_options_override_their_defaults() {
    let mut config = complete();
    config.token_url("https://other.example/token?tenant=1").audience("urn:other").scope("raas.some");
    let settings = config.resolve().unwrap();
    assert_eq!(settings.token_url.as_str(), "https://other.example/token?tenant=1");
    assert_eq!((settings.request.scope.as_str(), settings.request.audience.as_str()), ("raas.some", "urn:other"));
}

#[test]
fn audience_is_sent_as_written_and_has_its_documented_lifetime() {
    for (written, sent, seconds) in [
        ("24h", "https://api.tangocard.com/", 86_400),
        ("https://api.tangocard.com/", "https://api.tangocard.com/", 86_400),
        ("https://api.tangocard.com", "https://api.tangocard.com", 86_400),
        ("5min", "api.bhn.com/fiveminute", 300),
        ("api.bhn.com/fiveminute", "api.bhn.com/fiveminute", 300),
        ("tango-api.bhn.com/fiveminute", "tango-api.bhn.com/fiveminute", 300),
        (" Any thing ", " Any thing ", 300),
    ] {
        let quota = if written.contains("5min") || written.contains("five") { Quota::Unknown } else { Quota::Daily };
        assert_eq!(resolve_audience(Some(written)), (sent.into(), Duration::from_secs(seconds), quota));
    }
}

#[test]
fn one_error_names_every_missing_option() {
    let error = Config::new().resolve().err().unwrap();
    for name in ["environment", "token_url", "client_id", "client_secret", "username", "password"] {
        assert!(error.message().contains(name), "{name} is not in: {error}");
    }
    assert_eq!(problem(|config| config.password("")), "password is missing");
}

#[test]
fn plain_http_is_refused_except_for_loopback() {
    for url in ["http://127.0.0.1:1/t", "http://localhost/t", "http://[::1]:2/t"] {
        assert!(complete().token_url(url).resolve().is_ok(), "{url}");
    }
    for url in ["http://tango.example/t", "http://10.0.0.1/t", "http://localhost.example/t", "http://a.localhost/t"] {
        assert!(problem(|config| config.token_url(url)).contains("https"), "{url}");
        assert!(complete().token_url(url).allow_plain_http(true).resolve().is_ok(), "{url}");
    }
}

#[test]
fn plain_http_to_loopback_ignores_the_proxy() {
    let mut config = complete();
    config.token_url("http://127.0.0.1:1/t");
    assert!(config.resolve().unwrap().transport.proxy.is_none(), "not even the system's");
    config.proxy("http://proxy.example:8080");
    assert!(config.resolve().is_err());
    assert!(config.allow_plain_http(true).resolve().is_ok());
}

#[test]
fn error_names_the_option_with_a_bad_value() {
    for (change, part) in [
        ((|config| config.token_url("no url")) as fn(&mut Config) -> &mut Config, "token_url"),
        (|config| config.token_url("ftp://host/"), "token_url"),
        (|config| config.token_url("https://me:pw@host/"), "token_url"),
        (|config| config.token_url("https://host/#part"), "token_url"),
        (|config| config.ca_file("/does/not/exist.pem"), "ca_file /does/not/exist.pem"),
        (|config| config.ca_file("Cargo.toml"), "ca_file Cargo.toml"),
        (|config| config.proxy("ftp://host"), "proxy"),
        (|config| config.proxy("host:8080"), "proxy"),
        (|config| config.user_agent("two\nlines"), "user_agent"),
        (|config| config.connect_timeout(Duration::ZERO), "connect_timeout"),
        (|config| config.attempt_timeout(Duration::from_secs(601)), "attempt_timeout"),
        (|config| config.total_timeout(Duration::MAX), "total_timeout"),
        (|config| config.dpop(DpopMode::Optional).dpop_key_file("/no/key"), "dpop_key: /no/key"),
    ] {
        let message = problem(change);
        assert!(message.starts_with(part), "{message} does not start with {part}");
    }
}

#[test]
fn debug_output_contains_no_secret() {
    let mut config = complete();
    config.client_secret("hush-1").password("hush-2").proxy("http://user:hush-3@proxy");
    config.token_url("https://me:hush-4@host/?key=hush-5");
    assert!(!format!("{config:?}").contains("hush"));
}

#[test]
fn password_of_the_proxy_is_hidden_as_it_is_and_as_in_the_url() {
    let mut config = complete();
    config.proxy("http://me:p%40ss%20w%C3%B6rd-1@proxy.example:3128");
    let redactor = config.resolve().unwrap().redactor();
    for text in ["p@ss wörd-1", "p%40ss%20w%C3%B6rd-1", "p%40ss+w%c3%b6rd-1", "http://me:p@ss%20wörd-1@proxy.example"]
    {
        assert_eq!(redactor.clean(&format!("407 from the proxy for {text}")), crate::secret::HIDDEN, "{text}");
    }
    assert_eq!(redactor.clean("407 from the proxy for me"), "407 from the proxy for me");
}
