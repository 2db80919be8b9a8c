use std::fmt::Debug;
use std::path::Path;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::*;
use crate::causes;
use crate::config::Config;
use crate::dpop::DpopMode;
use crate::error::Status;
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
        ("Any thing", "Any thing", 300),
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
fn missing_option_is_named_by_its_variable_where_the_environment_was_read() {
    let mut config = Config::new();
    config.password("").load(|name| (name == "TANGO_USERNAME").then(|| "name".into())).unwrap();
    assert_eq!(
        config.resolve().err().unwrap().message(),
        "the configuration cannot be used: set TANGO_ENVIRONMENT (`sandbox` or `production`) or TANGO_TOKEN_URL; \
         TANGO_CLIENT_ID is missing; TANGO_CLIENT_SECRET is missing; password is missing"
    );
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
        (
            (|config| config.token_url("host/token")) as fn(&mut Config) -> &mut Config,
            "token_url is not an absolute URL: it does",
        ),
        (|config| config.token_url("ftp://host/"), "token_url"),
        (|config| config.token_url("https://me:pw@host/"), "token_url"),
        (|config| config.token_url("https://host/#part"), "token_url"),
        (|config| config.ca_file("/does/not/exist.pem"), "ca_file /does/not/exist.pem"),
        (|config| config.ca_file("Cargo.toml"), "ca_file Cargo.toml"),
        (|config| config.proxy("ftp://host"), "proxy"),
        (|config| config.proxy("host:8080"), "proxy"),
        (|config| config.user_agent("two\nlines"), "user_agent"),
        (|config| config.user_agent("ünï"), "user_agent has a character that is not ASCII"),
        (|config| config.client_id("hush\n"), "client_id ends with a line break"),
        (|config| config.client_id("ünï"), "client_id has a character that is not ASCII"),
        (|config| config.client_secret("hush\r\n"), "client_secret ends with a line break"),
        (|config| config.username("hush "), "username begins or ends with a blank"),
        (|config| config.password("hu\0sh"), "password has a control character"),
        (|config| config.audience("hush "), "audience begins or ends with a blank"),
        (|config| config.scope("hush  hush"), "scope must be scope tokens"),
        (|config| config.token_url("https://hush.example/\n"), "token_url ends with a line break"),
        (|config| config.api_url("https://hush.example\\hush"), "api_url has a blank, a backslash"),
        (|config| config.proxy("http://hush:1 "), "proxy begins or ends with a blank"),
        (|config| config.cache("file\n"), "cache ends with a line break"),
        (|config| config.ca_file("/hush\n"), "ca_file ends with a line break"),
        (|config| config.cache("rediss://h").cache_ca_file("/hu\nsh"), "cache_ca_file has a control character"),
        (|config| config.dpop(DpopMode::Optional).dpop_key_file("/hush\n"), "dpop_key_file ends with a line break"),
        (|config| config.dpop_key_file("/key.pem"), "dpop_key_file is set and dpop is not"),
        (|config| config.connect_timeout(Duration::ZERO), "connect_timeout"),
        (|config| config.attempt_timeout(Duration::from_secs(601)), "attempt_timeout"),
        (|config| config.total_timeout(Duration::MAX), "total_timeout"),
        (|config| config.dpop(DpopMode::Optional).dpop_key_file("/no/key"), "dpop_key_file: /no/key"),
    ] {
        let message = problem(change);
        assert!(message.starts_with(part), "{message} does not start with {part}");
        assert!(!message.contains("hush"), "{message}");
    }
}

#[test]
fn error_names_the_variable_of_a_bad_value() {
    for (variable, value) in [
        ("TANGO_TOKEN_URL", "https://hush.example/\n"),
        ("TANGO_CLIENT_ID", "hush\n"),
        ("TANGO_CLIENT_SECRET", "hush\n"),
        ("TANGO_USERNAME", "hush\n"),
        ("TANGO_PASSWORD", "hush\n"),
        ("TANGO_AUDIENCE", "hush\n"),
        ("TANGO_SCOPE", "hush\n"),
        ("TANGO_CA_FILE", "/hush\n"),
        ("TANGO_PROXY", "http://hush\n"),
        ("TANGO_USER_AGENT", "hush\n"),
        ("TANGO_API_URL", "https://hush.example\n"),
        ("TANGO_ALLOWED_ORIGINS", "https://hush.example/hush"),
        ("TANGO_CACHE", "file:/hush\n"),
        ("TANGO_CONNECT_TIMEOUT_MS", "999999999"),
    ] {
        let mut config = Config::new();
        let complete = [
            ("TANGO_ENVIRONMENT", "sandbox"),
            ("TANGO_CLIENT_ID", "id"),
            ("TANGO_CLIENT_SECRET", "secret"),
            ("TANGO_USERNAME", "name"),
            ("TANGO_PASSWORD", "password"),
        ];
        config
            .load(|name| {
                let variables = [(variable, value)].into_iter().chain(complete);
                variables.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
            })
            .unwrap();
        let message = config.resolve().err().unwrap().message().to_owned();
        let named = [variable, "TANGO_"].map(|name| message.matches(name).count());
        assert!(named == [1, 1] && !message.contains("hush"), "{variable}: {message}");
        config.client_id("id").client_secret("secret").username("name").password("password").cache("memory");
        config.token_url("https://a.example").api_url("https://a.example").audience("a").scope("a").user_agent("a");
        config.proxy("none").connect_timeout(Duration::from_secs(1)).allow_origin("https://a.example");
        assert!(config.resolve().is_ok() || variable == "TANGO_CA_FILE", "a value that is not used is not checked");
    }
}

#[test]
fn origin_that_is_none_is_refused_by_its_position() {
    for origin in [
        "https://*.example",
        "https://a.example/path",
        "https://a.example/?query",
        "https://a.example/#fragment",
        "https://me@a.example",
        "https://a.example.",
        "https:a.example",
        "https://a.example,https://b.example",
        "http://a.example",
        "a.example",
        "null",
        "*",
        "",
    ] {
        let message = problem(|config| config.allow_origin("https://first.example").allow_origin(origin));
        assert!(message.starts_with("entry 2 of allowed_origins "), "{message}");
        assert!(origin.len() < 5 || !message.contains("a.example"), "{message}");
    }
    let mut config = complete();
    config.allow_origin("https://a.example").allow_origin("https://b.example:8443/").allow_origin("http://[::1]:1");
    assert_eq!(config.resolve().unwrap().api_urls.len(), 4);
}

/// Collects the log lines of this thread.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Subscriber for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

impl Visit for Lines {
    fn record_debug(&mut self, _: &Field, message: &dyn Debug) {
        self.0.lock().unwrap().push(format!("{message:?}"));
    }
}

/// Returns whether the client would have a key, and the lines that making it logs.
fn logged(mode: DpopMode, key_file: &Path) -> (bool, Vec<String>) {
    let mut config = complete();
    config.dpop(mode).dpop_key_file(key_file);
    let lines = Lines::default();
    let settings = tracing::subscriber::with_default(lines.clone(), || config.resolve().unwrap());
    (settings.binding.is_some(), std::mem::take(&mut *lines.0.lock().unwrap()))
}

#[test]
fn key_of_a_client_without_dpop_is_warned_of() {
    let (has_key, lines) = logged(DpopMode::Off, "no-key".as_ref());
    assert!(!has_key, "switching DPoP off works whatever became of the key");
    let missing = causes::reason(&std::fs::read("no-key").unwrap_err());
    let problem = format!("otherwise it would be refused: dpop_key_file: no-key: {missing}");
    assert_eq!(lines, [format!("dpop_key_file is not used, because DPoP is off; {problem}")]);
}

#[cfg(unix)]
mod key_file_permissions {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::dpop::{Algorithm, DpopKey};

    #[test]
    fn key_file_that_others_can_read_is_warned_of() {
        let key = DpopKey::generate(Algorithm::Es256).unwrap().to_pem().unwrap();
        let path = std::env::temp_dir().join(format!("tango-key-{}.pem", std::process::id()));
        fs::write(&path, key.expose_secret()).unwrap();
        for (mode, warning) in [
            (0o600, None),
            (0o640, None),
            (0o644, Some("every user of this machine can read the DPoP key file ")),
            (0o660, Some("its group can change the DPoP key file ")),
        ] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let (has_key, lines) = logged(DpopMode::Required, &path);
            assert!(has_key);
            assert_eq!(lines.len(), usize::from(warning.is_some()), "{lines:?}");
            assert!(lines.iter().all(|line| line.starts_with(warning.unwrap())), "{lines:?}");
        }
        fs::remove_file(path).unwrap();
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
