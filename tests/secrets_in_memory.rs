//! After everything is freed, no secret is in the memory of a C program: not on the heap, nor in the data or on a stack
//! of any thread. Each scenario is a process that uses the installed library, whose memory the test reads.

mod support;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rustls::version::{TLS12, TLS13};
use secrecy::ExposeSecret;
use support::fleet::{Cache, wait_until};
use support::memory::{Search, Secrets, search, summary, wait_until_idle, wait_until_threads_rest};
use support::programs::{Source, Under};
use support::proxy::ConnectProxy;
use support::redis::{PASSWORD as REDIS_PASSWORD, Redis};
use support::socks::{Manner, SocksProxy};
use support::tls::TlsFront;
use support::token_server::TokenServer;
use support::{fresh_directory, private_key};
use tango_token::{Algorithm, DpopKey};

// A character that forms escape is in every eleven, so that no fragment is the same in two spellings.
const CLIENT_SECRET: &str = "Vq7+Zk2x&mZ9=pL4wRb8%sT1nJ6c/Yd3hG0u";
const PASSWORD: &str = "hY5&tQ1r+Wc8=Nf2sKx%7gB4v/Ej9zM6p?La0";
const NEXT_CLIENT_SECRET: &str = "Uo3=Bi6y+Ck1&Xr9dTz%4wP7m/Fa2eS5j?Hn8";
const NEXT_PASSWORD: &str = "Gs8%Dv2q=Lm5+Tk0iRh&6cJ3k/Zy7uA1b?Wx4";
const PROXY_PASSWORD: &str = "Nb4+Xe9w=Qy1&Ug6oSf%3lC8t/Ih5rK2a?Pj7";

fn access_token(number: usize) -> String {
    // As long as a signed token, and without a part that occurs in another place.
    (0..24).map(|part| URL_SAFE_NO_PAD.encode(hmac_of(&format!("token {number}, part {part}")))).collect()
}

fn hmac_of(message: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"for tokens of a test");
    hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
}

/// How the program reaches the token endpoint.
#[derive(Clone, Copy, PartialEq)]
enum Transport {
    Http,
    Tls12,
    Tls13,
}

#[derive(Clone, Copy, PartialEq)]
enum Through {
    Nothing,
    HttpProxy,
    SocksProxy,
}

#[derive(Clone, Copy)]
enum Kept {
    Memory,
    Directory,
    Redis,
    RedisWithTls,
}

/// Where the program gets its secrets from.
#[derive(Clone, Copy, PartialEq)]
enum Origin {
    Environment,
    Files,
    Setters,
}

#[derive(Clone, Copy)]
enum Key {
    None,
    Generated,
    Pem(Algorithm),
    Jwk(Algorithm),
    File(Algorithm),
}

/// What becomes of the token requests.
#[derive(Clone, Copy, PartialEq)]
enum Outcome {
    Token,
    /// The server refuses, and repeats all secrets.
    Refused,
    TimedOut,
    /// A token, then other credentials and another token.
    Rotated,
    /// A token that the API rejects, so that it is replaced.
    Rejected,
}

#[derive(Clone, Copy)]
struct Scenario {
    name: &'static str,
    transport: Transport,
    through: Through,
    kept: Kept,
    source: Origin,
    key: Key,
    outcome: Outcome,
}

const PLAIN: Scenario = Scenario {
    name: "http",
    transport: Transport::Http,
    through: Through::Nothing,
    kept: Kept::Memory,
    source: Origin::Setters,
    key: Key::None,
    outcome: Outcome::Token,
};

const SCENARIOS: &[Scenario] = &[
    PLAIN,
    Scenario { name: "environment", source: Origin::Environment, ..PLAIN },
    Scenario { name: "files", source: Origin::Files, transport: Transport::Tls13, ..PLAIN },
    Scenario { name: "TLS 1.2", transport: Transport::Tls12, ..PLAIN },
    Scenario { name: "TLS 1.3", transport: Transport::Tls13, ..PLAIN },
    Scenario { name: "refused", transport: Transport::Tls13, outcome: Outcome::Refused, ..PLAIN },
    Scenario { name: "refused over http", source: Origin::Environment, outcome: Outcome::Refused, ..PLAIN },
    Scenario { name: "timed out", transport: Transport::Tls13, outcome: Outcome::TimedOut, ..PLAIN },
    Scenario { name: "timed out over http", source: Origin::Files, outcome: Outcome::TimedOut, ..PLAIN },
    Scenario { name: "rotated", transport: Transport::Tls12, outcome: Outcome::Rotated, ..PLAIN },
    Scenario { name: "rotated, in Redis", kept: Kept::Redis, outcome: Outcome::Rotated, ..PLAIN },
    Scenario { name: "rejected, in a directory", kept: Kept::Directory, outcome: Outcome::Rejected, ..PLAIN },
    Scenario { name: "forwarding proxy", through: Through::HttpProxy, ..PLAIN },
    Scenario { name: "tunnel", transport: Transport::Tls13, through: Through::HttpProxy, ..PLAIN },
    Scenario {
        name: "tunnel, timed out",
        transport: Transport::Tls12,
        through: Through::HttpProxy,
        source: Origin::Environment,
        outcome: Outcome::TimedOut,
        ..PLAIN
    },
    Scenario { name: "SOCKS", transport: Transport::Tls12, through: Through::SocksProxy, ..PLAIN },
    Scenario { name: "directory", kept: Kept::Directory, source: Origin::Environment, ..PLAIN },
    Scenario { name: "Redis", kept: Kept::Redis, source: Origin::Environment, ..PLAIN },
    Scenario { name: "Redis over TLS", kept: Kept::RedisWithTls, transport: Transport::Tls13, ..PLAIN },
    Scenario { name: "Redis, refused", kept: Kept::RedisWithTls, outcome: Outcome::Refused, ..PLAIN },
    Scenario { name: "generated key", key: Key::Generated, transport: Transport::Tls13, ..PLAIN },
    Scenario { name: "generated key, in a directory", key: Key::Generated, kept: Kept::Directory, ..PLAIN },
    Scenario { name: "generated key, in Redis", key: Key::Generated, kept: Kept::RedisWithTls, ..PLAIN },
    Scenario { name: "ES256 in PEM", key: Key::Pem(Algorithm::Es256), ..PLAIN },
    Scenario { name: "ES384 in PEM", key: Key::Pem(Algorithm::Es384), ..PLAIN },
    Scenario { name: "EdDSA in PEM", key: Key::Pem(Algorithm::Eddsa), ..PLAIN },
    Scenario { name: "RSA in PEM", key: Key::Pem(Algorithm::Ps256), ..PLAIN },
    Scenario { name: "ES256 in a JWK", key: Key::Jwk(Algorithm::Es256), ..PLAIN },
    Scenario { name: "EdDSA in a JWK", key: Key::Jwk(Algorithm::Eddsa), ..PLAIN },
    Scenario { name: "RSA in a JWK", key: Key::Jwk(Algorithm::Rs256), ..PLAIN },
    Scenario { name: "ES256 in a file", key: Key::File(Algorithm::Es256), ..PLAIN },
    Scenario { name: "RSA in a file", key: Key::File(Algorithm::Rs256), ..PLAIN },
];

/// A program that waits for commands.
struct Running {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Running {
    fn start(variables: &[(&str, String)]) -> Self {
        // Bound at once: the dynamic linker would save registers on the stack, and in them what was read last.
        let program = Source::new("tests/c/secrets_in_memory.c").libraries(&["-Wl,-z,now"]).build(Under::Nothing);
        let mut command = Command::new(program.executable());
        command.env_clear().envs(variables.iter().map(|(name, value)| (name, value)));
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Self { process, input, output }
    }

    /// Executes a command, and returns what the program wrote before the status.
    fn tell(&mut self, command: &str, arguments: &[&str]) -> Result<String, String> {
        let mut words = command.to_owned();
        for argument in arguments {
            let digits = argument.bytes().flat_map(|byte| [byte >> 4, byte & 15]);
            words.push(' ');
            words.extend(digits.map(|digit| char::from_digit(digit.into(), 16).unwrap()));
        }
        writeln!(self.input, "{words}").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        let (written, status) = line.trim_end().split_once("TANGO_STATUS_").expect("a status");
        if status == "OK" { Ok(written.trim_end().to_owned()) } else { Err(status.to_owned()) }
    }

    fn succeed(&mut self, command: &str, arguments: &[&str]) -> String {
        self.tell(command, arguments).unwrap_or_else(|status| panic!("{command}: {status}"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The servers of one scenario, and what the program is to know of them.
struct Stage {
    server: TokenServer,
    variables: Vec<(&'static str, String)>,
    secrets: Secrets,
    directory: PathBuf,
    redis: Option<Redis>,
}

impl Stage {
    fn new(scenario: &Scenario) -> Self {
        let directory = fresh_directory(&format!("secrets-{}", scenario.name.replace([' ', ','], "-")));
        let mut stage = Self {
            server: TokenServer::start(),
            variables: vec![
                ("TANGO_CLIENT_ID", "client".into()),
                ("TANGO_USERNAME", "service".into()),
                ("TANGO_API_URL", "https://api.example".into()),
            ],
            secrets: Secrets::default(),
            directory,
            redis: None,
        };
        stage.secrets.add("client secret", CLIENT_SECRET);
        stage.secrets.add("password", PASSWORD);
        stage.put(scenario.source, "client_secret", CLIENT_SECRET);
        stage.put(scenario.source, "password", PASSWORD);
        stage.reach(scenario);
        stage.keep(scenario);
        if scenario.outcome == Outcome::TimedOut {
            stage.set("TANGO_ATTEMPT_TIMEOUT_MS", "300");
            stage.set("TANGO_TOTAL_TIMEOUT_MS", "500");
        }
        stage
    }

    fn set(&mut self, name: &'static str, value: &str) {
        self.variables.push((name, value.to_owned()));
    }

    /// Puts a secret where the program reads it by itself.
    fn put(&mut self, source: Origin, option: &str, value: &str) {
        let names = |option| match option {
            "client_secret" => ("TANGO_CLIENT_SECRET", "TANGO_CLIENT_SECRET_FILE"),
            _ => ("TANGO_PASSWORD", "TANGO_PASSWORD_FILE"),
        };
        match source {
            Origin::Environment => self.set(names(option).0, value),
            Origin::Files => {
                let file = self.directory.join(option);
                std::fs::write(&file, format!("{value}\n")).unwrap();
                self.set(names(option).1, file.to_str().unwrap());
            }
            Origin::Setters => {}
        }
    }

    fn reach(&mut self, scenario: &Scenario) {
        let version = match scenario.transport {
            Transport::Http => None,
            Transport::Tls12 => Some(&TLS12),
            Transport::Tls13 => Some(&TLS13),
        };
        let mut origin = format!("http://{}", self.server.address);
        if let Some(version) = version {
            let front = TlsFront::start_with(scenario.name, self.server.address, &[version]);
            origin = format!("https://{}", front.address());
            self.set("TANGO_CA_FILE", front.authority.to_str().unwrap());
        }
        self.set("TANGO_TOKEN_URL", &format!("{origin}/oauth/token"));
        let credentials =
            format!("me:{}", url::form_urlencoded::byte_serialize(PROXY_PASSWORD.as_bytes()).collect::<String>());
        let proxy = match scenario.through {
            Through::Nothing => "none".into(),
            Through::HttpProxy if scenario.transport == Transport::Http => {
                self.set("TANGO_ALLOW_PLAIN_HTTP", "true");
                format!("http://{credentials}@{}", self.server.address)
            }
            Through::HttpProxy => format!("http://{credentials}@{}", ConnectProxy::start().address()),
            Through::SocksProxy => {
                let proxy = SocksProxy::start(Manner { credentials: Some(("me", PROXY_PASSWORD)), reply: 0 });
                format!("socks5h://{credentials}@{}", proxy.address())
            }
        };
        if scenario.through != Through::Nothing {
            self.secrets.add("proxy password", PROXY_PASSWORD);
            self.secrets.add_bytes("credentials of the proxy", format!("me:{PROXY_PASSWORD}").as_bytes());
        }
        self.variables.push(("TANGO_PROXY", proxy));
    }

    fn keep(&mut self, scenario: &Scenario) {
        let redis = match scenario.kept {
            Kept::Memory => return,
            Kept::Directory => {
                std::fs::create_dir(self.cache_directory()).unwrap();
                self.variables.extend(Cache::Directory(self.cache_directory()).variables());
                return;
            }
            Kept::Redis => Redis::start_with_a_user("secrets:"),
            Kept::RedisWithTls => Redis::start_with_tls_and_a_user("secrets:"),
        };
        self.variables.extend(redis.variables("secrets:"));
        self.secrets.add("Redis password", REDIS_PASSWORD.0);
        self.redis = Some(redis);
    }

    fn cache_directory(&self) -> PathBuf {
        self.directory.join("cache")
    }

    /// Prepares the server for the next request, which gets this token.
    fn issue(&mut self, scenario: &Scenario, number: usize) {
        let token = access_token(number);
        let kind = if matches!(scenario.key, Key::None) { "Bearer" } else { "DPoP" };
        let body =
            format!(r#"{{"access_token":"{token}","token_type":"{kind}","expires_in":3600,"scope":"raas.all"}}"#);
        self.secrets.add_bytes("token", token.as_bytes());
        match scenario.outcome {
            Outcome::Refused => {
                let body = format!(
                    r#"{{"error":"invalid_client","error_description":"{CLIENT_SECRET} {} {PASSWORD}"}}"#,
                    STANDARD.encode(CLIENT_SECRET)
                );
                self.server.respond_with("401 Unauthorized", &body);
            }
            Outcome::TimedOut => self.server.hang(),
            _ => self.server.respond_with("200 OK", &body),
        }
    }

    fn add_key(&mut self, pem: &str, algorithm: Algorithm) {
        for (name, number) in private_key::numbers(pem, algorithm) {
            self.secrets.add_number(&format!("{name} of the private key"), &number);
        }
    }

    /// Adds the key of each record in the cache, and what it is derived from.
    fn add_cache_keys(&mut self) {
        let entries: Vec<String> = if let Some(redis) = &self.redis {
            redis.keys("secrets:")
        } else {
            let files = std::fs::read_dir(self.cache_directory()).into_iter().flatten();
            files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
        };
        // The name ends with the key of the record, the id of the secret, and the kind of the entry.
        for key in entries.iter().filter(|entry| entry.ends_with("record")).map(|entry| entry.rsplit(['.', ':']).nth(2))
        {
            let key = key.unwrap();
            for secret in [CLIENT_SECRET, NEXT_CLIENT_SECRET] {
                let salt = b"tango-token cache 1";
                let mut derived = [0; 32];
                let parts = [b"record", key.as_bytes()];
                let prk = Salt::new(HKDF_SHA256, salt).extract(secret.as_bytes());
                prk.expand(&parts, Length(32)).unwrap().fill(&mut derived).unwrap();
                self.secrets.add_bytes("cache key", &derived);
                let prk = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, salt), secret.as_bytes());
                self.secrets.add_bytes("secret of the cache keys", prk.as_ref());
            }
        }
    }
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// Makes a key, and gives it to the program in the way of the scenario.
fn give_key(running: &mut Running, stage: &mut Stage, key: Key) {
    let (Key::Pem(algorithm) | Key::Jwk(algorithm) | Key::File(algorithm)) = key else { return };
    let made = DpopKey::generate(algorithm).unwrap();
    let pem = made.to_pem().unwrap();
    let pem = pem.expose_secret();
    stage.add_key(pem, algorithm);
    match key {
        Key::Jwk(_) => running.succeed("key jwk", &[&private_key::jwk(pem, algorithm, made.public_jwk())]),
        Key::File(_) => {
            let file = stage.directory.join("key.pem");
            std::fs::write(&file, pem).unwrap();
            running.succeed("key file", &[file.to_str().unwrap()])
        }
        _ => running.succeed("key pem", &[pem]),
    };
}

/// Plays a scenario, and returns the search while everything is held, and the one after everything was freed.
fn play(scenario: &Scenario) -> (Search, Search, Secrets) {
    let mut stage = Stage::new(scenario);
    if !matches!(scenario.key, Key::None) {
        stage.set("TANGO_DPOP", "required");
    }
    let mut later = Vec::new();
    if scenario.source == Origin::Setters {
        // Through setters too: the proxy and the cache have passwords.
        later = stage.variables.extract_if(.., |(name, _)| matches!(*name, "TANGO_PROXY" | "TANGO_CACHE")).collect();
    }
    let mut running = Running::start(&stage.variables);
    running.succeed("config", &[]);
    if scenario.source == Origin::Setters {
        running.succeed("set client_secret", &[CLIENT_SECRET]);
        running.succeed("set password", &[PASSWORD]);
    }
    for (name, value) in later {
        running.succeed(if name == "TANGO_PROXY" { "set proxy" } else { "set cache" }, &[&value]);
    }
    give_key(&mut running, &mut stage, scenario.key);
    running.succeed("client", &[]);
    stage.issue(scenario, 1);
    let outcome = running.tell("acquire", &[]);
    match scenario.outcome {
        Outcome::Refused => assert!(outcome.unwrap_err().starts_with("CREDENTIALS_REFUSED"), "{}", scenario.name),
        Outcome::TimedOut => assert!(outcome.unwrap_err().starts_with("TIMED_OUT"), "{}", scenario.name),
        _ => {
            assert_eq!(outcome.unwrap_or_else(|status| panic!("{}: {status}", scenario.name)), access_token(1));
            use_token(scenario, &mut stage, &mut running);
        }
    }
    stage.add_cache_keys();
    running.succeed("forget", &[]);
    wait_until_threads_rest(running.process.id());
    let held = search(running.process.id(), &stage.secrets);
    running.succeed("free", &[]);
    wait_until_idle(running.process.id());
    let freed = search(running.process.id(), &stage.secrets);
    (held, freed, stage.secrets)
}

fn use_token(scenario: &Scenario, stage: &mut Stage, running: &mut Running) {
    running.succeed("authorize", &[]);
    match scenario.key {
        Key::None => {}
        Key::Generated => {
            let pem = running.succeed("pem", &[]).replace('|', "\n");
            stage.add_key(&pem, Algorithm::Es256);
        }
        _ => {
            running.succeed("prove", &[]);
            running.succeed("pem", &[]);
        }
    }
    stage.issue(scenario, 2);
    match scenario.outcome {
        Outcome::Rotated => {
            stage.secrets.add("client secret", NEXT_CLIENT_SECRET);
            stage.secrets.add("password", NEXT_PASSWORD);
            running.succeed("credentials", &[NEXT_CLIENT_SECRET, NEXT_PASSWORD]);
        }
        Outcome::Rejected => {}
        _ => return,
    }
    running.succeed("invalidate", &[]);
    wait_until(scenario.name, || running.succeed("acquire", &[]) == access_token(2));
}

#[test]
fn no_secret_is_left_in_memory_after_everything_is_freed() {
    let (mut mappings, mut bytes, mut found, mut kinds) = (0, 0, 0, BTreeSet::new());
    for scenario in SCENARIOS {
        let (held, freed, secrets) = play(scenario);
        let is_held = |kind: &str| held.copies.iter().any(|copy| copy.kind == kind);
        assert!(is_held("client secret") && is_held("password"), "{}: what is held is found", scenario.name);
        assert_eq!(is_held("token"), !matches!(scenario.outcome, Outcome::Refused | Outcome::TimedOut));
        println!("{}: {} copies while held, {} after", scenario.name, held.copies.len(), freed.copies.len());
        print!("{}", summary(&freed.copies));
        mappings += freed.mappings;
        bytes += freed.bytes;
        found += freed.copies.len();
        kinds.extend(secrets.kinds().map(str::to_owned));
    }
    println!(
        "Figure: {} processes, {mappings} mappings of {} MB searched for {} kinds of secrets: {found} copies",
        SCENARIOS.len(),
        bytes / 1_000_000,
        kinds.len()
    );
    assert_eq!(found, 0, "copies of secrets in freed memory");
}

/// Shows that the search finds what is there, wherever it is and however it is written.
#[test]
fn planted_copies_are_found() {
    let mut secrets = Secrets::default();
    secrets.add("client secret", CLIENT_SECRET);
    secrets.add("password", PASSWORD);
    let base64 = STANDARD.encode(format!("me:{PASSWORD}"));
    let form: String = url::form_urlencoded::byte_serialize(PASSWORD.as_bytes()).collect();
    for (copy, kind) in [
        (CLIENT_SECRET, "client secret"),
        (&CLIENT_SECRET[5..20], "client secret"),
        (&form, "password in a form"),
        (&base64, "password in base64"),
    ] {
        for place in ["heap", "data", "thread"] {
            let mut running = Running::start(&[]);
            assert!(search(running.process.id(), &secrets).copies.is_empty());
            running.succeed(&format!("plant {place}"), &[copy]);
            let found = search(running.process.id(), &secrets).copies;
            let kinds: BTreeSet<_> = found.iter().map(|copy| copy.kind.as_str()).collect();
            assert!(kinds.contains(kind), "{kind} in the {place}: {kinds:?}");
        }
    }
}
