//! The calls that an input consists of, and the objects that they share.

use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr;
use std::sync::{Arc, Condvar, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use arbitrary::Arbitrary;
use tango_token::Status;

use crate::abi::*;
use crate::callbacks::{self, Behaviour, PUBLIC_JWK, Started};
use crate::handle::Slots;
use crate::server;

/// A call. Numbers choose objects, strings and options among those that there are.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Call {
    ConfigNew { config: u8, path: u8, dpop: u8 },
    ConfigString { config: u8, option: u8, string: u8 },
    ConfigNumber { config: u8, option: u8, number: i8 },
    ConfigTimeout { config: u8, option: u8, timeout: u8 },
    ConfigTokenUrl { config: u8, path: u8 },
    ConfigKey { config: u8, key: u8 },
    ConfigLoadEnv { config: u8 },
    ConfigCallbacks { config: u8, how: u8 },
    ClientNew { config: u8, client: u8 },
    ClientClone { client: u8, to: u8 },
    ClientCredentials { client: u8, strings: [u8; 4] },
    ClientInvalidate { client: u8, token: u8 },
    Acquire { client: u8, token: u8 },
    TryAcquire { client: u8, token: u8 },
    AcquireStart { client: u8, slot: u8, how: u8 },
    RequestCancel { request: u8 },
    Authorize { client: u8, method: u8, url: u8, authorization: u8 },
    AuthorizeAgain { client: u8, authorization: u8, to: u8 },
    Observe { client: u8, authorization: u8, status: u8, strings: [u8; 3] },
    ReadAuthorization { authorization: u8 },
    TokenClone { token: u8, to: u8 },
    TokenKey { token: u8, key: u8 },
    ReadToken { token: u8 },
    KeyGenerate { algorithm: i8, key: u8 },
    KeyFromString { from: u8, string: u8, algorithm: i8, key: u8 },
    KeyFromSigner { how: u8, string: u8, key: u8 },
    KeyClone { key: u8, to: u8 },
    ReadKey { key: u8 },
    Proof { key: u8, strings: [u8; 4], proof: u8 },
    ReadProof { proof: u8 },
    ReadError { error: u8 },
    Log { level: i8, is_on: bool },
    Names { number: i8 },
    Free { object: u8, slot: u8 },
    Stats { client: u8, stats: u8 },
    ReadStats { stats: u8, string: u8, index: u8 },
}

/// Strings for each argument; the first is NULL. None names a host but this one.
static STRINGS: LazyLock<Vec<Option<CString>>> = LazyLock::new(|| {
    let port = *server::PORT;
    let url = |path: &str| format!("http://127.0.0.1:{port}/{path}");
    let long = "x".repeat(100_000);
    let simple = "\nGET\nPOST\nclient-1\ns3cret\nme@example.com\nnone\nsystem\nmemory\n24h\n5min\nraas.all\n\
        nonce-3\n{}\nhttps://api.example\nhttps://api.example/orders?x=1#y\nhttps://other.example/\n\
        /does/not/exist\nredis://127.0.0.1:1\nhttp://127.0.0.1:1\nSat, 28 Nov 2026 12:30:00 GMT";
    let others = [
        "a b\nc",
        "ü\u{202e}€",
        r#"DPoP error="use_dpop_nonce", error_description="nonce""#,
        r#"Bearer error="invalid_token""#,
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        &long,
        include_str!("key.pem"),
        include_str!("key.jwk"),
    ];
    let strings = simple.lines().chain(others);
    let invalid = CString::new(*b"\xff\xfe").expect("no NUL");
    let strings = strings.map(String::from).chain([url("orders")]);
    let strings = strings.map(|string| Some(CString::new(string).expect("no NUL")));
    [None].into_iter().chain(strings).chain([Some(invalid)]).collect()
});

fn string(choice: u8) -> *const c_char {
    STRINGS[usize::from(choice) % STRINGS.len()].as_ref().map_or(ptr::null(), |string| string.as_ptr())
}

type SetString = unsafe extern "C" fn(*mut Config, *const c_char, *mut *mut Error) -> i32;
type SetNumber = unsafe extern "C" fn(*mut Config, i32, *mut *mut Error) -> i32;
type SetTimeout = unsafe extern "C" fn(*mut Config, u32, *mut *mut Error) -> i32;

const SET_STRING: [SetString; 13] = [
    tango_config_set_client_id,
    tango_config_set_client_secret,
    tango_config_set_username,
    tango_config_set_password,
    tango_config_set_audience,
    tango_config_set_scope,
    tango_config_set_ca_file,
    tango_config_set_proxy,
    tango_config_set_user_agent,
    tango_config_set_api_url,
    tango_config_allow_origin,
    tango_config_set_dpop_key_file,
    tango_config_set_cache_ca_file,
];
const SET_NUMBER: [SetNumber; 4] = [
    tango_config_set_environment,
    tango_config_set_allow_plain_http,
    tango_config_set_dpop,
    tango_config_set_allow_fetch_without_cache,
];
const SET_TIMEOUT: [SetTimeout; 3] =
    [tango_config_set_connect_timeout_ms, tango_config_set_attempt_timeout_ms, tango_config_set_total_timeout_ms];
/// No call waits longer than these, which are valid or not.
const TIMEOUTS_MS: [u32; 6] = [0, 1, 20, 100, 200, u32::MAX];
const CACHES: [&CStr; 4] = [c"memory", c"redis://127.0.0.1:1", c"rediss://:password@127.0.0.1:1", c"file:relative"];
const STATUSES: [i32; 8] = [200, 401, 403, 429, 500, 0, -1, 70_000];

/// The objects of one input.
#[derive(Default)]
pub struct Session {
    configs: Slots<Config>,
    pub clients: Slots<Client>,
    keys: Slots<DpopKey>,
    proofs: Slots<DpopProof>,
    pub tokens: Slots<Token>,
    authorizations: Slots<Authorization>,
    pub requests: Slots<Request>,
    pub errors: Slots<Error>,
    stats: Slots<Stats>,
    /// The number of asynchronous calls whose `done` has not run yet.
    pending: Mutex<usize>,
    is_over: Condvar,
}

impl Session {
    /// Waits until `done` has run for each asynchronous call.
    pub fn wait(&self) {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let (pending, _) = self
            .is_over
            .wait_timeout_while(pending, Duration::from_secs(20), |pending| *pending > 0)
            .unwrap_or_else(PoisonError::into_inner);
        assert_eq!(*pending, 0, "`done` runs for each call that was started");
    }

    pub fn ended(&self) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        *pending = pending.checked_sub(1).expect("`done` runs once");
        self.is_over.notify_all();
    }

    /// Makes a call that can fail, and keeps its error. It has one exactly if it failed.
    fn fallible(&self, slot: u8, call: impl FnOnce(*mut *mut Error) -> i32) -> bool {
        let mut error = ptr::null_mut();
        // Every fourth caller is not interested.
        let is_wanted = slot % 4 != 3;
        let status = call(if is_wanted { &raw mut error } else { ptr::null_mut() });
        assert_ne!(status, Status::Internal as i32);
        assert_eq!(error.is_null(), status == 0 || !is_wanted, "{status}");
        if !error.is_null() {
            // SAFETY: the call has just made it.
            assert_eq!(unsafe { tango_error_status(error) }, status);
            self.errors.put(slot, error);
        }
        status == 0
    }

    pub fn client_call(&self, client: u8, call: impl FnOnce(*mut Client, *mut *mut Error) -> i32) -> bool {
        self.clients.with(client, |handle| self.fallible(client, |error| call(handle, error)))
    }

    /// Makes a call with a new object, which it gives out exactly if it succeeds.
    fn make<T: crate::handle::Object>(
        &self,
        slots: &Slots<T>,
        slot: u8,
        call: impl FnOnce(*mut *mut T, *mut *mut Error) -> i32,
    ) {
        let mut object = ptr::null_mut();
        // An out-parameter can be NULL, which is an error.
        let place = if slot == u8::MAX { ptr::null_mut() } else { &raw mut object };
        let is_made = self.fallible(slot, |error| call(place, error));
        assert!(is_made || object.is_null());
        slots.put(slot, object);
    }

    /// Makes one call. Each handle lives for as long, or is NULL; each string is NULL or ends with a NUL.
    #[expect(clippy::too_many_lines, reason = "one arm for each call")]
    pub unsafe fn run(self: &Arc<Self>, call: Call) {
        // SAFETY: as above.
        unsafe {
            match call {
                Call::ConfigNew { config, path, dpop } => {
                    let object = tango_config_new();
                    usable(object, path, dpop);
                    self.configs.put(config, object);
                }
                Call::ConfigString { config, option, string: choice } => {
                    let set = SET_STRING[usize::from(option) % SET_STRING.len()];
                    self.config_call(config, |config, error| set(config, string(choice), error));
                }
                Call::ConfigNumber { config, option, number } => {
                    let set = SET_NUMBER[usize::from(option) % SET_NUMBER.len()];
                    self.config_call(config, |config, error| set(config, number.into(), error));
                }
                Call::ConfigTimeout { config, option, timeout } => {
                    let set = SET_TIMEOUT[usize::from(option) % SET_TIMEOUT.len()];
                    let timeout = TIMEOUTS_MS[usize::from(timeout) % TIMEOUTS_MS.len()];
                    self.config_call(config, |config, error| set(config, timeout, error));
                }
                Call::ConfigTokenUrl { config, path } => {
                    let url = token_url(path);
                    self.config_call(config, |config, error| tango_config_set_token_url(config, url.as_ptr(), error));
                    let cache = CACHES[usize::from(path) % CACHES.len()].as_ptr();
                    self.config_call(config, |config, error| tango_config_set_cache(config, cache, error));
                }
                Call::ConfigKey { config, key } => self.keys.with(key, |key| {
                    self.config_call(config, |config, error| tango_config_set_dpop_key(config, key, error));
                }),
                Call::ConfigLoadEnv { config } => {
                    self.config_call(config, |config, error| tango_config_load_env(config, error));
                }
                Call::ConfigCallbacks { config, how } => self.config_call(config, |config, error| {
                    let load: Option<CacheLoad> = Some(callbacks::load as CacheLoad).filter(|_| how != u8::MAX);
                    let (save, lock, unlock) = (callbacks::save, callbacks::lock, callbacks::unlock);
                    let data = Behaviour::new(how);
                    tango_config_set_cache_callbacks(
                        config,
                        load,
                        Some(save),
                        Some(lock),
                        Some(unlock),
                        Some(callbacks::release),
                        data,
                        error,
                    )
                }),
                Call::ClientNew { config, client } => self.configs.alone(config, |config| {
                    self.make(&self.clients, client, |out, error| tango_client_new(config, out, error));
                }),
                Call::ClientClone { client, to } => {
                    let clone = self.clients.with(client, |client| tango_client_clone(client));
                    self.clients.put(to, clone);
                }
                Call::ClientCredentials { client, strings } => {
                    let [id, secret, name, password] = strings.map(string);
                    self.client_call(client, |client, error| {
                        tango_client_set_credentials(client, id, secret, name, password, error)
                    });
                }
                Call::ClientInvalidate { client, token } => self.tokens.with(token, |token| {
                    self.client_call(client, |client, error| tango_client_invalidate(client, token, error));
                }),
                Call::Acquire { client, token } => self.clients.with(client, |client| {
                    self.make(&self.tokens, token, |out, error| tango_token_acquire(client, out, error));
                }),
                Call::TryAcquire { client, token } => self.clients.with(client, |client| {
                    self.make(&self.tokens, token, |out, error| tango_token_try_acquire(client, out, error));
                }),
                Call::AcquireStart { client, slot, how } => self.start(client, slot, how),
                Call::RequestCancel { request } => {
                    self.requests.with(request, |request| tango_request_cancel(request));
                }
                Call::Authorize { client, method, url, authorization } => self.clients.with(client, |client| {
                    let (method, url) = (string(method), string(url));
                    self.make(&self.authorizations, authorization, |out, error| {
                        tango_client_try_authorize(client, method, url, out, error)
                    });
                    self.make(&self.authorizations, authorization, |out, error| {
                        tango_client_authorize(client, method, url, out, error)
                    });
                }),
                Call::AuthorizeAgain { client, authorization, to } => self.authorizations.with(authorization, |one| {
                    self.clients.with(client, |client| {
                        self.make(&self.authorizations, to, |out, error| {
                            tango_client_authorize_again(client, one, out, error)
                        });
                    });
                }),
                Call::Observe { client, authorization, status, strings } => {
                    let status = STATUSES[usize::from(status) % STATUSES.len()];
                    let [nonce, challenge, date] = strings.map(string);
                    self.authorizations.with(authorization, |authorization| {
                        self.client_call(client, |client, error| {
                            let mut verdict = 0;
                            let out = &raw mut verdict;
                            let observed =
                                tango_client_observe(client, authorization, status, nonce, challenge, date, out, error);
                            assert_eq!(observed == 0, matches!(verdict, 1 | 2), "{verdict}");
                            observed
                        });
                    });
                }
                Call::ReadAuthorization { authorization } => self.authorizations.with(authorization, |one| {
                    let value = read(tango_authorization_value(one));
                    assert!(one.is_null() || value > "Bearer ".len());
                    read(tango_authorization_dpop(one));
                }),
                Call::TokenClone { token, to } => {
                    let clone = self.tokens.with(token, |token| tango_token_clone(token));
                    self.tokens.put(to, clone);
                }
                Call::TokenKey { token, key } => {
                    let object = self.tokens.with(token, |token| tango_token_dpop_key(token));
                    self.keys.put(key, object);
                }
                Call::ReadToken { token } => self.tokens.with(token, |token| {
                    let strings = [tango_token_value(token), tango_token_type(token), tango_token_scope(token)];
                    assert!(strings.into_iter().all(|string| token.is_null() || read(string) > 0));
                    assert!((0..=86_400).contains(&tango_token_expires_in_seconds(token)));
                }),
                // RSA keys take seconds.
                Call::KeyGenerate { algorithm, key } => self.make(&self.keys, key, |out, error| {
                    let algorithm = i32::from(algorithm);
                    tango_dpop_key_generate(if matches!(algorithm, 4 | 5) { 1 } else { algorithm }, out, error)
                }),
                Call::KeyFromString { from, string: choice, algorithm, key } => {
                    self.make(&self.keys, key, |out, error| match from % 3 {
                        0 => tango_dpop_key_from_pem(string(choice), algorithm.into(), out, error),
                        1 => tango_dpop_key_from_jwk(string(choice), out, error),
                        _ => tango_dpop_key_from_file(string(choice), out, error),
                    });
                }
                Call::KeyFromSigner { how, string: choice, key } => self.make(&self.keys, key, |out, error| {
                    let public = if choice == 0 { PUBLIC_JWK.as_ptr() } else { string(choice) };
                    let sign = Some(callbacks::sign as DpopSign).filter(|_| how != u8::MAX);
                    let data = Behaviour::new(how);
                    tango_dpop_key_from_signer(1, public, sign, Some(callbacks::release), data, out, error)
                }),
                Call::KeyClone { key, to } => {
                    let clone = self.keys.with(key, |key| tango_dpop_key_clone(key));
                    self.keys.put(to, clone);
                }
                Call::ReadKey { key } => self.keys.with(key, |object| {
                    assert!((0..=5).contains(&tango_dpop_key_algorithm(object)));
                    read(tango_dpop_key_public_jwk(object));
                    read(tango_dpop_key_thumbprint(object));
                    let mut pem = ptr::null();
                    if self.fallible(key, |error| tango_dpop_key_to_pem(object, &raw mut pem, error)) {
                        assert!(read(pem) > 0);
                    }
                }),
                Call::Proof { key, strings, proof } => {
                    let [method, url, token, nonce] = strings.map(string);
                    self.keys.with(key, |key| {
                        self.make(&self.proofs, proof, |out, error| {
                            tango_dpop_proof_new(key, method, url, token, nonce, out, error)
                        });
                    });
                }
                Call::ReadProof { proof } => self.proofs.with(proof, |proof| {
                    let length = read(tango_dpop_proof_value(proof));
                    assert!(proof.is_null() || length > 100);
                }),
                Call::ReadError { error } => self.errors.with(error, |error| read_error(error)),
                Call::Log { level, is_on } => self.log(level.into(), is_on),
                Call::Names { number } => {
                    assert!(read(tango_version()) > 0 && tango_abi_version() > 0);
                    read(tango_status_name(number.into()));
                    tango_callback_fail(string(number.unsigned_abs()));
                }
                Call::Free { object, slot } => self.free(object, slot),
                Call::Stats { client, stats } => self.clients.with(client, |client| {
                    self.make(&self.stats, stats, |out, error| tango_client_stats(client, out, error));
                }),
                Call::ReadStats { stats, string: choice, index } => self.stats.with(stats, |stats| {
                    tango_stats_value(stats, string(choice));
                    read_stats(stats, index.into());
                }),
            }
        }
    }

    /// The sign of a level also chooses the function, so that older inputs mean the same calls.
    fn log(&self, level: i32, is_on: bool) {
        let (line, record) = (callbacks::log as LogCallback, callbacks::log_record as LogRecordCallback);
        // SAFETY: the callbacks have the types in the header, and need no data.
        unsafe {
            match level {
                ..-64 => {
                    let record = Some(record).filter(|_| is_on);
                    self.fallible(0, |error| {
                        tango_log_set_record_callback(level + 128, record, ptr::null_mut(), error)
                    });
                }
                // Without the levels that would write to the fuzzer's own stderr.
                -64..0 => {
                    self.fallible(0, |error| tango_log_to_stderr((level + 4).min(0), is_on.into(), error));
                }
                _ => {
                    let line = Some(line).filter(|_| is_on);
                    self.fallible(0, |error| tango_log_set_callback(level, line, ptr::null_mut(), error));
                }
            }
        }
    }

    fn config_call(&self, config: u8, call: impl FnOnce(*mut Config, *mut *mut Error) -> i32) {
        self.configs.alone(config, |handle| self.fallible(config, |error| call(handle, error)));
    }

    unsafe fn start(self: &Arc<Self>, client: u8, slot: u8, how: u8) {
        *self.pending.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        let started = Box::new(Started { session: Arc::clone(self), slot, how });
        let data = Box::into_raw(started).cast::<c_void>();
        let done = Some(callbacks::done as AcquireDone).filter(|_| how != u8::MAX);
        let mut request = ptr::null_mut();
        let place = if how % 8 == 7 { ptr::null_mut() } else { &raw mut request };
        // SAFETY: the handle lives for this call, or is NULL.
        let is_started = self.client_call(client, |client, error| unsafe {
            tango_token_acquire_start(client, done, data, place, error)
        });
        self.requests.put(slot, request);
        if !is_started {
            // SAFETY: `done` does not run, so that the data is still this function's.
            drop(unsafe { Box::from_raw(data.cast::<Started>()) });
            self.ended();
        }
    }

    fn free(&self, object: u8, slot: u8) {
        match object % 9 {
            0 => self.configs.put(slot, ptr::null_mut()),
            1 => self.clients.put(slot, ptr::null_mut()),
            2 => self.keys.put(slot, ptr::null_mut()),
            3 => self.proofs.put(slot, ptr::null_mut()),
            4 => self.tokens.put(slot, ptr::null_mut()),
            5 => self.authorizations.put(slot, ptr::null_mut()),
            6 => self.requests.put(slot, ptr::null_mut()),
            7 => self.stats.put(slot, ptr::null_mut()),
            _ => self.errors.put(slot, ptr::null_mut()),
        }
    }
}

/// Reads everything at one place of a snapshot, which exists if the index is small enough.
unsafe fn read_stats(stats: *mut Stats, index: usize) {
    // SAFETY: the object lives for as long as the call, or is NULL.
    unsafe {
        let has_value = index < tango_stats_count(stats);
        assert_eq!(read(tango_stats_name(stats, index)) > 0, has_value);
        assert_eq!(read(tango_stats_prometheus_name(stats, index)) > 0, has_value);
        assert_eq!(read(tango_stats_unit(stats, index)) > 0, has_value);
        assert_eq!(read(tango_stats_description(stats, index)) > 0, has_value);
        assert_eq!(tango_stats_kind(stats, index) > 0, has_value);
        assert_eq!(tango_stats_value_at(stats, index).is_nan(), !has_value);
        for position in 0..3 {
            let has_name = read(tango_stats_attribute_name(stats, index, position)) > 0;
            assert_eq!(read(tango_stats_attribute_value(stats, index, position)) > 0, has_name);
        }
        let buckets = tango_stats_bucket_count(stats, index);
        for bucket in 0..=buckets {
            assert_eq!(tango_stats_bucket_bound(stats, index, bucket).is_nan(), bucket == buckets);
            tango_stats_bucket_measurements(stats, index, bucket);
        }
    }
}

fn token_url(path: u8) -> CString {
    let path = server::PATHS[usize::from(path) % server::PATHS.len()];
    CString::new(format!("http://127.0.0.1:{}/{path}", *server::PORT)).expect("no NUL")
}

/// Gives a configuration everything that a client needs.
unsafe fn usable(config: *mut Config, path: u8, dpop: u8) {
    let error = ptr::null_mut();
    // SAFETY: the configuration is new, and each string ends with a NUL.
    let statuses = unsafe {
        [
            tango_config_set_token_url(config, token_url(path).as_ptr(), error),
            tango_config_set_api_url(config, c"https://api.example".as_ptr(), error),
            tango_config_set_client_id(config, c"client-1".as_ptr(), error),
            tango_config_set_client_secret(config, c"the secret of client-1".as_ptr(), error),
            tango_config_set_username(config, c"me@example.com".as_ptr(), error),
            tango_config_set_password(config, c"the password of me".as_ptr(), error),
            tango_config_set_proxy(config, c"none".as_ptr(), error),
            tango_config_set_dpop(config, i32::from(dpop % 3), error),
            tango_config_set_total_timeout_ms(config, 200, error),
        ]
    };
    assert_eq!(statuses, [0; 9]);
}

/// Reads a borrowed string to its end, and returns its length; 0 for NULL.
unsafe fn read(string: *const c_char) -> usize {
    if string.is_null() {
        return 0;
    }
    // SAFETY: it is borrowed from an object that lives, or static.
    let string = unsafe { CStr::from_ptr(string) };
    string.to_str().expect("strings are UTF-8").len()
}

unsafe fn read_error(error: *mut Error) {
    // SAFETY: the handle lives for this call, or is NULL.
    unsafe {
        let status = tango_error_status(error);
        assert_eq!(status == 0, error.is_null());
        assert!(error.is_null() || read(tango_status_name(status)) > 0);
        assert!(error.is_null() || read(tango_error_message(error)) > 0);
        for string in [
            tango_error_oauth_error(error),
            tango_error_oauth_error_description(error),
            tango_error_i18n_key(error),
            tango_error_server_message(error),
            tango_error_request_id(error),
        ] {
            read(string);
        }
        let http = tango_error_http_status(error);
        assert!(http == 0 || (200..1000).contains(&http));
        assert!(tango_error_retry_after_seconds(error) >= -1);
    }
}
