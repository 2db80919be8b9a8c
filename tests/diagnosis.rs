//! The diagnosis finds what is broken on purpose, says what to do, and sends no token request.

mod support;

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use secrecy::ExposeSecret;
use support::disk::Disk;
use support::fresh_directory;
use support::proxy::ConnectProxy;
use support::redis::Redis;
use support::sandbox::Sandbox;
use support::tls::TlsFront;
use support::token_server::TokenServer;
use tango_token::CheckOutcome::{Failure, Ok as Fine, Skipped, Warning};
use tango_token::{Algorithm, Check, CheckOutcome, Client, Config, Diagnosis, DpopKey, DpopMode, Status};

const SECONDS_OF_A_DAY: u64 = 86_400;

/// A configuration with which nothing is wrong.
fn healthy(sandbox: &Sandbox, name: &str) -> Config {
    let mut config = sandbox.config();
    config.cache(format!("file:{}", fresh_directory(name).join("cache").display()));
    config
}

fn diagnosed(config: &Config) -> Diagnosis {
    config.diagnose().unwrap()
}

fn check<'a>(diagnosis: &'a Diagnosis, name: &str) -> &'a Check {
    diagnosis.checks.iter().find(|check| check.name == name).unwrap()
}

/// Checks the outcome of one check and a part of the advice, and returns all of them.
fn finds(config: &Config, name: &str, outcome: CheckOutcome, advice: &str) -> Diagnosis {
    let diagnosis = diagnosed(config);
    let found = check(&diagnosis, name);
    assert_eq!(found.outcome, outcome, "{diagnosis:#?}");
    let all = diagnosis.advice();
    assert!(all.iter().any(|sentence| sentence.contains(advice)), "{advice} is missing: {diagnosis:#?}");
    assert_eq!(diagnosis.has_no_failure(), outcome != Failure);
    diagnosis
}

fn assert_nothing_was_requested(sandbox: &Sandbox) {
    assert_eq!(sandbox.token_requests(), 0);
    assert!(sandbox.requests().iter().all(|request| request["method"] != "POST"), "{:?}", sandbox.requests());
}

#[test]
fn healthy_configuration_has_nothing_to_do_and_no_token_is_requested() {
    let sandbox = Sandbox::start(&[]);
    let mut config = healthy(&sandbox, "doctor-healthy");
    config.dpop(DpopMode::Optional);
    let diagnosis = diagnosed(&config);
    assert!(diagnosis.has_no_failure() && diagnosis.advice().is_empty(), "{diagnosis:#?}");
    let outcomes: Vec<_> = diagnosis.checks.iter().map(|check| (check.name, check.outcome)).collect();
    let expected = [
        ("configuration", Fine),
        ("proxy", Fine),
        ("name resolution", Fine),
        ("connection", Fine),
        ("tls", Fine),
        ("http", Fine),
        ("clock", Fine),
        ("cache", Fine),
        ("redis", Skipped),
        ("key", Fine),
        ("ledger", Fine),
    ];
    assert_eq!(outcomes, expected);
    assert!(check(&diagnosis, "tls").summary.starts_with("TLS 1.3"));
    let detail = |name, detail| {
        let details = &check(&diagnosis, name).details;
        details.iter().find(|(found, _)| found == detail).unwrap_or_else(|| panic!("{details:?}")).1.clone()
    };
    assert!(detail("tls", "authorities").ends_with("ca.pem (ca_file)"));
    assert!(detail("tls", "certificate 1").contains("valid from"));
    assert!(detail("cache", "access").ends_with("mode 0700"));
    assert!(!format!("{diagnosis:?}").contains("s3cret") && detail("configuration", "client_secret") == "[set] (code)");
    assert_nothing_was_requested(&sandbox);
    let files: Vec<_> = fs::read_dir(support::scratch().join("doctor-healthy/cache")).unwrap().collect();
    assert!(files.is_empty(), "the diagnosis removes what it wrote: {files:?}");
}

#[test]
fn missing_credential_is_found_and_the_network_is_checked_nevertheless() {
    let sandbox = Sandbox::start(&[]);
    let mut config = healthy(&sandbox, "doctor-credentials");
    config.username("");
    let diagnosis = finds(&config, "configuration", Failure, "Set username");
    assert_eq!((check(&diagnosis, "tls").outcome, check(&diagnosis, "cache").outcome), (Fine, Fine));
    assert_eq!(check(&diagnosis, "ledger").outcome, Skipped);
    config.username("name").token_url("ftp://host");
    let diagnosis = finds(&config, "configuration", Failure, "token_url must be https://");
    assert_eq!(check(&diagnosis, "proxy").outcome, Skipped);
    assert_nothing_was_requested(&sandbox);
}

#[test]
fn host_port_and_protocol_that_are_wrong_are_found() {
    let sandbox = Sandbox::start(&[]);
    let mut config = healthy(&sandbox, "doctor-address");
    config.token_url("https://no-such-host.invalid/token");
    let diagnosis = finds(&config, "name resolution", Failure, "Check the host name");
    assert_eq!(check(&diagnosis, "connection").outcome, Skipped);

    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    config.token_url(format!("https://{closed}/token"));
    let diagnosis = finds(&config, "connection", Failure, "Check the host name, the network and the proxy");
    assert!(check(&diagnosis, "connection").summary.contains("connection refused"));
    assert_eq!(check(&diagnosis, "http").outcome, Skipped);

    config.token_url(format!("https://{}/token", TokenServer::start().address));
    config.connect_timeout(Duration::from_secs(2));
    let diagnosis = diagnosed(&config);
    assert_eq!((check(&diagnosis, "connection").outcome, check(&diagnosis, "tls").outcome), (Fine, Failure));
    assert_nothing_was_requested(&sandbox);
}

#[test]
fn proxy_that_does_not_work_is_named_with_the_reason_why_it_is_used() {
    let sandbox = Sandbox::start(&[]);
    let mut config = healthy(&sandbox, "doctor-proxy");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    config.proxy(format!("http://user:hush@{closed}"));
    let diagnosis = finds(&config, "connection", Failure, "Check proxy and the network");
    assert_eq!(check(&diagnosis, "proxy").summary, format!("{closed}: proxy names it"));
    assert!(!format!("{diagnosis:?}").contains("hush"));
    let tunnel = ConnectProxy::start();
    config.proxy(tunnel.url("user", "hush"));
    assert_eq!(check(&diagnosed(&config), "tls").outcome, Fine);
    assert_nothing_was_requested(&sandbox);
}

/// Serves TLS with a certificate for 127.0.0.1 that is valid from and until a number of days from now, and redirects.
/// Returns the URL and the certificate.
fn server_with_certificate(from_days: i64, until_days: i64) -> (String, String) {
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let now = rcgen::date_time_ymd(1970, 1, 1) + std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let days = |count: i64| Duration::from_secs(count.unsigned_abs() * SECONDS_OF_A_DAY);
    let at = |count: i64| if count < 0 { now - days(count) } else { now + days(count) };
    (params.not_before, params.not_after) = (at(from_days), at(until_days));
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
    let address: SocketAddr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
            // A handshake that the client ends, or a request.
            if stream.read(&mut [0; 1000]).is_ok_and(|length| length > 0) {
                let _ = stream.write_all(b"HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n");
            }
        }
    });
    (format!("https://{address}/token"), certificate.pem())
}

#[test]
fn certificate_that_is_untrusted_expired_or_for_another_host_is_found_with_its_dates() {
    let (sandbox, other) = (Sandbox::start(&[]), Sandbox::start(&[]));
    let mut config = healthy(&sandbox, "doctor-certificates");
    config.ca_file(other.variable("TANGO_CA_FILE"));
    let diagnosis = finds(&config, "tls", Failure, "file with the certificate of that authority");
    assert!(check(&diagnosis, "tls").details.iter().any(|(name, _)| name == "certificate 1"), "{diagnosis:?}");

    let authority = fresh_directory("doctor-expired").join("ca.pem");
    for (from, until, outcome, advice) in [
        (-400, -1, Failure, "Replace it, or set the clock of this machine"),
        (1, 400, Failure, "Set the clock of this machine"),
        (-400, 5, Warning, "Replace the certificate of CN=rcgen self signed cert: it expires on"),
    ] {
        let (url, certificate) = server_with_certificate(from, until);
        fs::write(&authority, certificate).unwrap();
        config.token_url(url).ca_file(&authority);
        let diagnosis = finds(&config, "tls", outcome, advice);
        assert!(format!("{diagnosis:?}").contains("valid from"), "{diagnosis:?}");
    }
    let redirect = diagnosed(&config);
    assert_eq!(check(&redirect, "http").outcome, Warning);
    assert!(redirect.advice().iter().any(|advice| advice.contains("follows no redirects")));

    let front = TlsFront::start("doctor-name", TokenServer::start().address);
    let port = front.address().rsplit_once(':').unwrap().1.to_owned();
    config.token_url(format!("https://localhost:{port}/token")).ca_file(&front.authority);
    finds(&config, "tls", Failure, "Check the host in token_url");
    assert_nothing_was_requested(&sandbox);
}

#[test]
fn wrong_clock_is_found_with_what_the_library_does_about_it() {
    for (seconds, outcome, advice) in [
        ("600", Warning, "Set the clock of this machine, and switch on its synchronisation"),
        ("-600", Warning, "Set the clock of this machine, and switch on its synchronisation"),
        ("200000", Failure, "until then proofs (DPoP) are refused"),
    ] {
        let sandbox = Sandbox::start(&["--clock-offset-seconds", seconds]);
        let diagnosis = finds(&healthy(&sandbox, "doctor-clock"), "clock", outcome, advice);
        let (_, found) = &check(&diagnosis, "clock").details[0];
        let difference = found.parse::<i64>().unwrap() + seconds.parse::<i64>().unwrap();
        assert!(difference.abs() < 10, "{diagnosis:#?}");
        assert_nothing_was_requested(&sandbox);
    }
}

#[test]
fn directory_that_cannot_be_used_is_found() {
    let sandbox = Sandbox::start(&[]);
    let directory = fresh_directory("doctor-directory");
    let mut config = healthy(&sandbox, "doctor-unused");
    config.cache(format!("file:{}", directory.display()));
    fs::set_permissions(&directory, PermissionsExt::from_mode(0o777)).unwrap();
    finds(&config, "cache", Failure, "chmod go-w");

    let file = directory.join("file");
    fs::write(&file, "").unwrap();
    config.cache(format!("file:{}/cache", file.display()));
    finds(&config, "cache", Failure, "name another directory in cache");

    config.cache("file:relative");
    finds(&config, "cache", Failure, "must be an absolute path");

    config.cache("memory");
    finds(&config, "cache", Warning, "Set cache to `file` or to the URL of a Redis server");
    assert_nothing_was_requested(&sandbox);
}

#[test]
fn disk_that_is_full_or_read_only_is_found() {
    let sandbox = Sandbox::start(&[]);
    let mut disk = Disk::new("doctor-disk");
    let mut config = sandbox.config();
    config.cache(format!("file:{}", disk.path().join("cache").display()));
    // The disk of this test is small.
    finds(&config, "cache", Warning, "Free some space");
    disk.fill();
    finds(&config, "cache", Failure, "Give this user the right to write");
    disk.make_room();
    disk.make_read_only();
    finds(&config, "cache", Failure, "Give this user the right to write");
    assert_nothing_was_requested(&sandbox);
}

fn with_redis(sandbox: &Sandbox, redis: &Redis) -> Config {
    let mut config = sandbox.config();
    for (name, value) in redis.variables("doctor:") {
        match name {
            "TANGO_CACHE" => config.cache(value),
            _ => config.cache_ca_file(value),
        };
    }
    config
}

#[test]
fn redis_is_checked_with_the_rights_that_a_fleet_has() {
    let sandbox = Sandbox::start(&[]);
    let redis = Redis::start_with_tls_and_a_user("doctor:");
    let config = with_redis(&sandbox, &redis);
    let diagnosis = diagnosed(&config);
    let found = check(&diagnosis, "redis");
    assert_eq!(found.outcome, Fine, "{diagnosis:#?}");
    let details: Vec<_> = found.details.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    assert!(details[0].contains("of 5 times reading the entries (the user may not PING)"), "{details:?}");
    assert!(details[1..].iter().all(|detail| detail.contains("not known: the user may not")), "{details:?}");
    assert!(redis.keys("").is_empty(), "the diagnosis removes what it wrote");

    redis.command::<()>(&["ACL", "SETUSER", "fleet", "-set"]);
    let diagnosis = finds(&config, "redis", Failure, "~doctor:* -@all +eval +get +set +del +time");
    assert!(!format!("{diagnosis:?}").contains("w0rd"));
    redis.command::<()>(&["ACL", "SETUSER", "fleet", "+set", ">another", &format!("<{}", support::redis::PASSWORD.0)]);
    let diagnosis = finds(&config, "redis", Failure, "Check the user name and the password in cache");
    assert!(!format!("{diagnosis:?}").contains("w0rd"));
    assert_nothing_was_requested(&sandbox);
}

#[test]
fn redis_that_evicts_or_keeps_nothing_or_is_down_is_found() {
    let sandbox = Sandbox::start(&[]);
    let mut redis = Redis::start();
    let config = with_redis(&sandbox, &redis);
    let diagnosis = finds(&config, "redis", Warning, "Switch on persistence in Redis (appendonly yes)");
    assert!(format!("{diagnosis:?}").contains("of 5 times PING"), "{diagnosis:#?}");
    redis.command::<()>(&["CONFIG", "SET", "save", "3600 1"]);
    assert_eq!(check(&diagnosed(&config), "redis").outcome, Fine);
    redis.command::<()>(&["CONFIG", "SET", "maxmemory", "100mb"]);
    redis.command::<()>(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    finds(&config, "redis", Warning, "maxmemory-policy noeviction");
    redis.refuse_writes();
    let diagnosis = diagnosed(&config);
    assert_eq!(check(&diagnosis, "redis").outcome, Failure, "{diagnosis:#?}");
    redis.stop();
    let diagnosis = finds(&config, "redis", Failure, "Check that it runs, its address in cache, and the network");
    assert_eq!(check(&diagnosis, "ledger").outcome, Skipped);
    assert_nothing_was_requested(&sandbox);
}

fn write_key(path: &Path, content: &str, mode: u32) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn key_file_that_others_can_read_or_that_is_no_key_is_found() {
    let sandbox = Sandbox::start(&[]);
    let path = fresh_directory("doctor-key").join("key.pem");
    let key = DpopKey::generate(Algorithm::Es256).unwrap().to_pem().unwrap();
    let key = key.expose_secret();
    let mut config = healthy(&sandbox, "doctor-key-cache");
    config.dpop(DpopMode::Required).dpop_key_file(&path);
    write_key(&path, key, 0o600);
    let diagnosis = diagnosed(&config);
    assert_eq!(check(&diagnosis, "key").outcome, Fine, "{diagnosis:#?}");
    assert!(check(&diagnosis, "key").summary.ends_with("holds a key of ES256"));
    write_key(&path, key, 0o644);
    finds(&config, "key", Warning, &format!("use chmod 600 {}", path.display()));
    for (content, mode, advice) in [(key, 0o666, "use chmod 600"), ("no key", 0o600, "key"), ("", 0o600, "key")] {
        write_key(&path, content, mode);
        finds(&config, "key", Failure, advice);
    }
    config.dpop(DpopMode::Off);
    write_key(&path, key, 0o600);
    finds(&config, "key", Warning, "Set dpop to `required` or `optional`");
    assert_nothing_was_requested(&sandbox);
}

#[test]
fn cool_down_in_the_ledger_is_found_with_its_end() {
    let sandbox = Sandbox::start(&[]);
    Client::new(&healthy(&sandbox, "doctor-first")).unwrap().acquire().unwrap();
    let config = healthy(&sandbox, "doctor-second");
    assert_eq!(Client::new(&config).unwrap().acquire().unwrap_err().status(), Status::QuotaRefused);
    let requests = sandbox.token_requests();
    let diagnosis = diagnosed(&config);
    let found = check(&diagnosis, "ledger");
    assert_eq!(found.outcome, Failure, "{diagnosis:#?}");
    assert!(found.summary.starts_with("no request is sent before "), "{diagnosis:#?}");
    assert!(found.details.iter().any(|(name, _)| name == "cool-down until"), "{diagnosis:#?}");
    let first = diagnosed(&{
        let mut config = sandbox.config();
        config.cache(format!("file:{}", support::scratch().join("doctor-first/cache").display()));
        config
    });
    assert_eq!(check(&first, "ledger").summary, "the cache holds a valid token");
    assert_eq!(sandbox.token_requests(), requests);
}
