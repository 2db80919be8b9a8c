//! Tokens from an independent authorization server, npm's oidc-provider, over TLS.

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;
use support::api::Caller;
use support::{root, scratch};
use tango_token::{Algorithm, Client, Config, DpopKey, DpopMode, Status};

const CLIENT_SECRET: &str = "s3cret+&=% '\"~";
const PASSWORD: &str = "pässwörd+&=% €\u{1f511}";

struct Provider {
    process: Child,
    ca_file: PathBuf,
    addresses: Value,
}

impl Provider {
    fn start(options: &[&str]) -> Self {
        let certificates = certificates();
        let directory = root().join("tests/oidc-provider");
        support::npm_ci(&directory);
        let mut process = Command::new("node")
            .arg(directory.join("server.mjs"))
            .args(options)
            .args(["--cert".as_ref(), certificates.join("server.pem").as_os_str()])
            .args(["--key".as_ref(), certificates.join("server.key").as_os_str()])
            .envs([("TANGO_CLIENT_ID", "the-client"), ("TANGO_CLIENT_SECRET", CLIENT_SECRET)])
            .envs([("TANGO_USERNAME", "sérvice@example.com"), ("TANGO_PASSWORD", PASSWORD)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node, version 20.20 or later, is needed for this test");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let addresses = serde_json::from_str(&line).expect("the provider prints its addresses");
        Self { process, ca_file: certificates.join("ca.pem"), addresses }
    }

    fn address(&self, name: &str) -> &str {
        self.addresses[name].as_str().unwrap()
    }

    fn config(&self) -> Config {
        let mut config = Config::new();
        config
            .token_url(self.address("token_url"))
            .api_url(self.address("accounts_url"))
            .ca_file(&self.ca_file)
            .proxy("none");
        config.client_id("the-client").client_secret(CLIENT_SECRET);
        config.username("sérvice@example.com").password(PASSWORD);
        config
    }

    /// Returns whether the provider's own API accepts these headers.
    fn accepts(&self, authorization: &str, proof: Option<&str>) -> bool {
        Caller::new(&self.ca_file).get(self.address("accounts_url"), authorization, proof).status == 200
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Makes an authority and a certificate for localhost.
fn certificates() -> &'static Path {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let mut authority = CertificateParams::new([]).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let server = CertificateParams::new(["localhost".into()]).unwrap().signed_by(&key, &authority).unwrap();
        let directory = scratch().join(format!("oidc-provider-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("ca.pem"), authority.pem()).unwrap();
        fs::write(directory.join("server.pem"), server.pem()).unwrap();
        fs::write(directory.join("server.key"), key.serialize_pem()).unwrap();
        directory
    })
}

#[test]
fn tokens_are_read_and_accepted_by_its_api() {
    let provider = Provider::start(&[]);
    for (audience, seconds) in
        [("24h", 86_400), ("5min", 300), ("https://api.tangocard.com", 86_400), ("tango-api.bhn.com/fiveminute", 300)]
    {
        let client = Client::new(provider.config().audience(audience)).unwrap();
        let token = client.acquire().unwrap();
        assert_eq!((token.token_type(), token.scope()), ("Bearer", "raas.all"));
        let lifetime = Duration::from_secs(seconds);
        assert!(
            token.expires_in() <= lifetime && token.expires_in() > lifetime.saturating_sub(Duration::from_secs(60))
        );
        assert!(provider.accepts(&format!("Bearer {}", token.value()), None));
        assert_eq!(client.acquire().unwrap(), token, "the second is served from memory");
    }
    assert!(!provider.accepts("Bearer not.a.token", None));
}

#[test]
fn tokens_are_bound_to_the_key_and_its_api_checks_proofs() {
    let provider = Provider::start(&[]);
    for algorithm in [Algorithm::Es256, Algorithm::Eddsa] {
        let key = DpopKey::generate(algorithm).unwrap();
        let client = Client::new(provider.config().dpop(DpopMode::Required).dpop_key(key.clone())).unwrap();
        let token = client.acquire().unwrap();
        assert_eq!((token.token_type(), token.dpop_key().unwrap().thumbprint()), ("DPoP", key.thumbprint()));

        let authorization = format!("DPoP {}", token.value());
        let prove =
            |key: &DpopKey| key.proof("GET", provider.address("accounts_url"), Some(token.value()), None).unwrap();
        let proof = prove(&key);
        assert!(provider.accepts(&authorization, Some(&proof)), "{algorithm}");
        assert!(!provider.accepts(&authorization, Some(&proof)), "a proof is valid for one request");
        assert!(!provider.accepts(&authorization, None));
        assert!(!provider.accepts(&authorization, Some(&prove(&DpopKey::generate(algorithm).unwrap()))));
        assert!(!provider.accepts(&format!("Bearer {}", token.value()), None), "a bound token is not a Bearer token");
    }
}

#[test]
fn calls_succeed_when_both_servers_require_nonces() {
    let provider = Provider::start(&["--dpop", "--require-nonce"]);
    let caller = Caller::new(&provider.ca_file);
    let accounts = provider.address("accounts_url");
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Eddsa, Algorithm::Rs256, Algorithm::Ps256] {
        let key = DpopKey::generate(algorithm).unwrap();
        let client = Client::new(provider.config().dpop(DpopMode::Required).dpop_key(key)).unwrap();
        assert_eq!(caller.call(&client, accounts).unwrap(), (200, 2), "{algorithm}: challenged, and accepted");
        for _ in 0..3 {
            assert_eq!(
                caller.call(&client, accounts).unwrap(),
                (200, 1),
                "{algorithm}: each response brings the next nonce"
            );
        }
    }
    // The calls of another client make the nonces that this client knows stale.
    let idle = Client::new(provider.config().dpop(DpopMode::Required)).unwrap();
    assert_eq!(caller.call(&idle, accounts).unwrap(), (200, 2));
    let busy = Client::new(provider.config().dpop(DpopMode::Required)).unwrap();
    for _ in 0..10 {
        assert_eq!(caller.call(&busy, accounts).unwrap().0, 200);
    }
    assert_eq!(caller.call(&idle, accounts).unwrap(), (200, 2), "its nonce is stale");

    let bearer = Client::new(&provider.config()).unwrap();
    assert_eq!(caller.call(&bearer, accounts).unwrap(), (200, 1));
}

type Change = fn(&mut Config) -> &mut Config;

#[test]
fn errors_are_classified() {
    let provider = Provider::start(&[]);
    let cases: [(Change, Status, u16, &str); 4] = [
        (|config| config.client_secret("wrong"), Status::CredentialsRefused, 401, "invalid_client"),
        (|config| config.password("wrong"), Status::CredentialsRefused, 400, "invalid_grant"),
        (|config| config.scope("raas.none"), Status::RequestRefused, 400, "invalid_scope"),
        (|config| config.audience("https://unknown.example"), Status::RequestRefused, 400, "invalid_target"),
    ];
    for (change, status, http_status, code) in cases {
        let error = Client::new(change(&mut provider.config())).unwrap().acquire().unwrap_err();
        assert_eq!((error.status(), error.http_status(), error.oauth_error()), (status, Some(http_status), Some(code)));
    }
}

#[test]
fn refused_grant_is_named() {
    let provider = Provider::start(&["--no-grant"]);
    let error = Client::new(&provider.config()).unwrap().acquire().unwrap_err();
    assert_eq!((error.http_status(), error.oauth_error()), (Some(400), Some("invalid_request")), "{error}");
    assert!(error.message().contains("grant type `password`"), "{error}");
}
