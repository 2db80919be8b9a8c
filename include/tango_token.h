/*
 * tango-token: service-account tokens of the Tango API.
 *
 *     #include <stdio.h>
 *     #include <tango_token.h>
 *
 *     int main(void)
 *     {
 *         tango_config *config = tango_config_new();
 *         tango_client *client = NULL;
 *         tango_token *token = NULL;
 *         tango_error *error = NULL;
 *
 *         // Reads TANGO_CLIENT_ID, TANGO_CLIENT_SECRET and the other TANGO_* variables.
 *         tango_status status = tango_config_load_env(config, &error);
 *         // Make one client for each set of credentials and share it between threads.
 *         if (status == TANGO_STATUS_OK)
 *             status = tango_client_new(config, &client, &error);
 *         // The token is fetched once for all callers and refreshed before it expires.
 *         if (status == TANGO_STATUS_OK)
 *             status = tango_token_acquire(client, &token, &error);
 *         if (status == TANGO_STATUS_OK)
 *             printf("Authorization: %s %s\n", tango_token_type(token), tango_token_value(token));
 *         else
 *             fprintf(stderr, "%s: %s\n", tango_status_name(status), tango_error_message(error));
 *
 *         tango_token_free(token);
 *         tango_client_free(client);
 *         tango_config_free(config);
 *         tango_error_free(error);
 *         return status != TANGO_STATUS_OK;
 *     }
 *
 * The contract, once for all functions:
 *
 * Objects   are opaque. The caller owns every object that a _new or _clone function returns or an out-parameter
 *           receives, and frees it with the _free function of its type, which accepts NULL. Objects may be freed in any
 *           order.
 * Strings   are NUL-terminated UTF-8. Strings passed in have at most 64 KiB and are copied. Strings handed out are
 *           borrowed: they are valid until their object is freed, and the caller never frees them.
 * Errors    A function that can fail returns a tango_status and takes a place for a tango_error as its last argument,
 *           which may be NULL. It writes out-parameters on success only and the error on failure only: initialise the
 *           error to NULL, and free it. Any of these functions can return TANGO_STATUS_INTERNAL. A getter called with a
 *           NULL object returns NULL, 0 or what its description says.
 * Bad input NULL where an object or a string is required, a string that is too long or not UTF-8, and a number outside
 *           its enum give TANGO_STATUS_INVALID_ARGUMENT with a message. Enums are passed as int32_t.
 * Threads   A tango_config is for one thread at a time; any number of threads may use every other object at once. The
 *           one rule: do not free a handle while another thread uses that same handle; _clone gives each its own. Do
 *           not change the environment (setenv) while another thread loads a configuration or makes a client. The
 *           library starts one thread when a call first needs the network or the shared cache, and keeps it until the
 *           process ends; it starts a second one, for callbacks, with the first asynchronous call, and a third one
 *           with the first line for a log callback or for stderr. Further threads are short-lived: while a host name is
 *           resolved (up to 4 per client for the token server, and 4 for Redis), while a tango_dpop_sign signs a token
 *           request (up to 4 per key), while a secret or a key comes through a pipe, and while a cache in a directory
 *           or behind callbacks is in use (one per refresh; up to 8 per client where calls hang). A program may close
 *           the descriptors of the library, as daemons do: the next call starts a new thread, and calls in flight keep
 *           their deadlines. A thread needs 64 KiB of stack for a call.
 * Callbacks run while the library holds no lock: tango_acquire_done on the callback thread, tango_log_callback and
 *           tango_log_record_callback on the log thread, each one after the other, all others on any thread but that
 *           for the network. A slow one delays the callbacks after it on its thread, but no request. A callback may
 *           call every function and free every object. It must not throw, end its thread or longjmp: the first two end
 *           the process with a reason on stderr, and what the third does is undefined.
 * Signals   of the program are handled on its own threads, and interrupt no call; the library changes no disposition
 *           and raises no SIGPIPE. The exception: a real-time signal that has a handler when a thread for callbacks
 *           starts can be handled on that thread. A thread that is cancelled (pthread_cancel) inside a call completes
 *           the call first.
 * Memory    An allocation that fails ends the process (abort), also without a message where aws-lc or the C library
 *           aborts. What the library allocates for a caller or a response has a limit, except for a response of a
 *           Redis cluster.
 * Fork      A forked child may use every object. Requests in flight stay with the parent. fork() waits until no other
 *           thread draws random numbers or uses a key. _Fork() and clone() do not, so calls in such a child can fail with
 *           TANGO_STATUS_INTERNAL if threads of its parent used the library at that moment. A child that a signal
 *           handler forks may abort or hang: use it for exec alone. A child that is forked while a thread, also of the
 *           library, is inside getaddrinfo() can inherit a lock of glibc that nobody unlocks: it can then resolve no
 *           host name, and its requests fail with TANGO_STATUS_TIMED_OUT. Fork before the threads that resolve names.
 * Exit      A process that ends by exit() or a return from main while a token request is in flight waits for its token,
 *           at most for the attempt timeout and five seconds more. _exit(), quick_exit(), abort() and signals do not
 *           wait. The library can be used before main, in handlers of atexit() and in destructors. dlclose() keeps it
 *           loaded.
 * Secrets   are in no message, log line or error. The strings of tango_token_value, tango_authorization_value and
 *           tango_dpop_key_to_pem are secrets: keep them out of logs.
 * Memory    The library zeroises all memory before it frees it. Once every object is freed and the connections of its
 *           requests are closed, no copy of a secret is left on its heap. It does not change the environment, and it
 *           neither locks memory nor forbids core dumps: that is for the program (mlockall, prctl PR_SET_DUMPABLE).
 */

#ifndef TANGO_TOKEN_H
#define TANGO_TOKEN_H

/* Generated by cbindgen from src/ffi: do not edit, run `make header`. */

#include <stddef.h>
#include <stdint.h>

/**
 * Changes when a program built against an older header could break. New functions do not change it.
 */
#define TANGO_ABI_VERSION 1

/**
 * The result of a call. The numbers are part of the C ABI: a number is never reused, and never given another meaning.
 */
enum tango_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * The call succeeded.
     */
    TANGO_STATUS_OK = 0,
    /**
     * An argument is invalid: NULL, not UTF-8, a number outside its enum, or a URL whose origin may get no token.
     */
    TANGO_STATUS_INVALID_ARGUMENT = 1,
    /**
     * The configuration is incomplete or contradicts itself. The message names each setting to change.
     */
    TANGO_STATUS_INVALID_CONFIGURATION = 2,
    /**
     * No connection to the server or the proxy could be made; nothing was sent. Check host name, network and proxy.
     */
    TANGO_STATUS_CONNECT_FAILED = 3,
    /**
     * The TLS handshake failed: the certificate is not trusted, there is no common TLS version, or the server requires
     * a client certificate. The server read no request.
     */
    TANGO_STATUS_TLS_FAILED = 4,
    /**
     * A deadline passed before a token arrived. If the request had been sent, the server may have issued a token
     * anyway.
     */
    TANGO_STATUS_TIMED_OUT = 5,
    /**
     * The connection broke after the request was sent. The server may have issued a token anyway.
     */
    TANGO_STATUS_CONNECTION_LOST = 6,
    /**
     * The server does not accept the client ID, the client secret, the user name or the password, or does not let the
     * client use the password grant.
     */
    TANGO_STATUS_CREDENTIALS_REFUSED = 7,
    /**
     * The daily limit of tokens is used up. Nothing is sent before the time that the error gives: when the limit
     * resets or, if the library does not know when the last token was issued, about an hour later.
     */
    TANGO_STATUS_QUOTA_REFUSED = 8,
    /**
     * The server refuses the token request for another reason, such as an unknown audience.
     */
    TANGO_STATUS_REQUEST_REFUSED = 9,
    /**
     * The server asks the client to send fewer requests (HTTP 429, or the code `slow_down`).
     */
    TANGO_STATUS_RATE_LIMITED = 10,
    /**
     * The server or a gateway cannot serve the request now, and no retry within the call succeeded: HTTP 408, 421, 425 or
     * 5xx, or the code `temporarily_unavailable` or `server_error`.
     */
    TANGO_STATUS_SERVER_ERROR = 11,
    /**
     * The response is not that of a token endpoint: a redirect, for example, or not valid HTTP. Check the token URL.
     */
    TANGO_STATUS_UNEXPECTED_RESPONSE = 12,
    /**
     * The response reports success, but contains neither a usable token nor an error code.
     */
    TANGO_STATUS_MALFORMED_RESPONSE = 13,
    /**
     * The caller cancelled the request.
     */
    TANGO_STATUS_CANCELLED = 14,
    /**
     * The call would block inside a callback that the library waits for. Use the asynchronous call there.
     */
    TANGO_STATUS_WOULD_BLOCK = 15,
    /**
     * The library has a defect, or the machine is out of resources. Please report the message.
     */
    TANGO_STATUS_INTERNAL = 16,
    /**
     * A DPoP key cannot be used: it is not a private key, is of an unsupported kind, or does not match its public key.
     */
    TANGO_STATUS_KEY_REJECTED = 17,
    /**
     * A DPoP key could not sign. If a custom signer failed, the message contains its error.
     */
    TANGO_STATUS_SIGNING_FAILED = 18,
    /**
     * The server refuses the DPoP proof or the nonce in it, or requires a proof and got none. The message names the DPoP
     * mode, the clock, the header or the nonce.
     */
    TANGO_STATUS_PROOF_REFUSED = 19,
    /**
     * DPoP is required, but the server issued a Bearer token, which this client does not use.
     */
    TANGO_STATUS_DOWNGRADED = 20,
    /**
     * The API rejects the token, and another attempt would not change that.
     */
    TANGO_STATUS_TOKEN_REFUSED = 21,
    /**
     * The shared cache cannot be used and no token is held. None is fetched, because that could use up the daily limit
     * of all processes.
     */
    TANGO_STATUS_CACHE_UNAVAILABLE = 22,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum tango_status tango_status;
#else
typedef int32_t tango_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * A signature algorithm for proofs: one of the asymmetric algorithms of RFC 7518 section 3.1 and RFC 8037.
 */
enum tango_algorithm
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * ECDSA on P-256 with SHA-256: short, fast and widely supported. The recommended algorithm.
     */
    TANGO_ALGORITHM_ES256 = 1,
    /**
     * ECDSA on P-384 with SHA-384.
     */
    TANGO_ALGORITHM_ES384 = 2,
    /**
     * Ed25519 (RFC 8037): the fastest algorithm, if the server supports it. Proofs name it `EdDSA`; `Ed25519`, its name
     * in RFC 9864, is read as well.
     */
    TANGO_ALGORITHM_EDDSA = 3,
    /**
     * RSA PKCS#1 v1.5 with SHA-256, for keys that already exist.
     */
    TANGO_ALGORITHM_RS256 = 4,
    /**
     * RSA-PSS with SHA-256, for keys that already exist.
     */
    TANGO_ALGORITHM_PS256 = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum tango_algorithm tango_algorithm;
#else
typedef int32_t tango_algorithm;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Whether the client sends proofs, and whether it accepts only tokens that are bound to its key.
 */
enum tango_dpop_mode
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * No proof is sent; tokens are Bearer tokens.
     */
    TANGO_DPOP_MODE_OFF = 0,
    /**
     * A proof is sent. A Bearer token, from a platform without DPoP, is used as well.
     */
    TANGO_DPOP_MODE_OPTIONAL = 1,
    /**
     * A proof is sent. A Bearer token is refused as a downgrade (RFC 9449 section 5).
     */
    TANGO_DPOP_MODE_REQUIRED = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum tango_dpop_mode tango_dpop_mode;
#else
typedef int32_t tango_dpop_mode;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What to do after a response of an API. Giving up is an error, whose message says why.
 */
enum tango_verdict
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * The response is for the program: the API accepted the token and the proof, or did not check them.
     */
    TANGO_VERDICT_DONE = 1,
    /**
     * Send the request once more, with `authorize_again`: a nonce, a clock or a token was learned.
     */
    TANGO_VERDICT_RETRY = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum tango_verdict tango_verdict;
#else
typedef int32_t tango_verdict;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Tango's two environments, each with its own authorization server.
 */
enum tango_environment
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * `https://sandbox-auth.tangocard.com`, for development and tests.
     */
    TANGO_ENVIRONMENT_SANDBOX = 1,
    /**
     * `https://auth.tangocard.com`. Tango asks its clients to confirm this host before going live; `token_url`
     * overrides it.
     */
    TANGO_ENVIRONMENT_PRODUCTION = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum tango_environment tango_environment;
#else
typedef int32_t tango_environment;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * How lines of the log are written to stderr.
 */
enum tango_log_format
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * One line of text: the time in UTC, the level, the process, the message, and the fields as `name=value`.
     */
    TANGO_LOG_FORMAT_TEXT = 1,
    /**
     * One JSON object in a line, with the members `time`, `level`, `target`, `pid`, `message`, and one for each field.
     */
    TANGO_LOG_FORMAT_JSON = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum tango_log_format tango_log_format;
#else
typedef int32_t tango_log_format;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * How important a log line is.
 */
enum tango_log_level
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * No line at all.
     */
    TANGO_LOG_LEVEL_OFF = 0,
    /**
     * A problem that a person has to solve.
     */
    TANGO_LOG_LEVEL_ERROR = 1,
    /**
     * A problem that the library handles, such as a failed refresh.
     */
    TANGO_LOG_LEVEL_WARN = 2,
    /**
     * An event that happens a few times a day, such as a new token.
     */
    TANGO_LOG_LEVEL_INFO = 3,
    /**
     * Details that help to find a mistake.
     */
    TANGO_LOG_LEVEL_DEBUG = 4,
    /**
     * Everything.
     */
    TANGO_LOG_LEVEL_TRACE = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum tango_log_level tango_log_level;
#else
typedef int32_t tango_log_level;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * The type of the value of a field of the log.
 */
enum tango_log_type
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * A string.
     */
    TANGO_LOG_TYPE_STRING = 1,
    /**
     * A whole number in decimal digits, with a minus sign before a negative one.
     */
    TANGO_LOG_TYPE_INTEGER = 2,
    /**
     * `true` or `false`.
     */
    TANGO_LOG_TYPE_BOOLEAN = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum tango_log_type tango_log_type;
#else
typedef int32_t tango_log_type;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * The kind of a metric.
 */
enum tango_metric_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * A number that only grows, and is zero in a new process.
     */
    TANGO_METRIC_KIND_COUNTER = 1,
    /**
     * The value at the moment of the snapshot.
     */
    TANGO_METRIC_KIND_GAUGE = 2,
    /**
     * Measurements, counted in buckets.
     */
    TANGO_METRIC_KIND_HISTOGRAM = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum tango_metric_kind tango_metric_kind;
#else
typedef int32_t tango_metric_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * The headers of one request to an API: `Authorization`, and `DPoP` for a token that is bound to a key.
 *
 * It is good for one request. Pass it to `observe` with the response.
 */
typedef struct tango_authorization tango_authorization;

/**
 * Gets tokens for one set of credentials, and keeps the current one for every caller in the process.
 *
 * Make one and share it: it is thread-safe and a clone is the same client. A forked child can go on using it.
 */
typedef struct tango_client tango_client;

/**
 * Everything that a program says once, before it requests tokens.
 *
 * Setters only store a value; making a client checks all of them and names everything that is missing or wrong. An
 * option that the program sets wins over its environment variable, whether it is set before or after `load_env`.
 * Secrets are zeroised with the configuration and never printed.
 */
typedef struct tango_config tango_config;

/**
 * The reason why a call failed, and what to do about it. Never contains a secret.
 */
typedef struct tango_error tango_error;

/**
 * A key pair for DPoP proofs (RFC 9449). A private key in this process is wiped from memory with its last handle.
 */
typedef struct tango_dpop_key tango_dpop_key;

/**
 * A DPoP proof (RFC 9449 section 4): a JWT that is valid for one request.
 */
typedef struct tango_dpop_proof tango_dpop_proof;

/**
 * An access token of a service account (RFC 6749 section 1.4). The object stays readable until it is freed, also after
 * the token has expired.
 */
typedef struct tango_token tango_token;

/**
 * An asynchronous acquire in flight.
 */
typedef struct tango_request tango_request;

/**
 * The metrics of a client at one moment: see docs/metrics.md.
 *
 * It is a list of values. Each belongs to a metric, and most metrics with attributes have several values, such as one
 * for each outcome of a token request.
 */
typedef struct tango_stats tango_stats;

/**
 * Reads the value stored under `name`. `*value_length` is the size of `value` in bytes; the function sets it to the
 * length of what it wrote, or to 0 if nothing is stored. `user_data` and `name` stay the library's. Returns 0, or any
 * other number on failure.
 */
typedef int32_t (*tango_cache_load)(void *user_data, const char *name, uint8_t *value, size_t *value_length);

/**
 * Stores a value under `name`, atomically replacing an earlier one; a NULL `value` removes it. The value has to be
 * kept for `keep_ms` milliseconds and may be dropped after that. Returns 0, or any other number on failure.
 */
typedef int32_t (*tango_cache_save)(void *user_data,
                                    const char *name,
                                    const uint8_t *value,
                                    size_t value_length,
                                    uint64_t keep_ms);

/**
 * Takes the lock called `name` for `owner`, or extends it if `owner` holds it. Returns 0 if `owner` now holds it, 1 at
 * once if another owner does, and any other number on failure. The lock has to expire `lease_ms` milliseconds later by
 * itself, because the process of its owner may have died.
 */
typedef int32_t (*tango_cache_lock)(void *user_data, const char *name, const char *owner, uint64_t lease_ms);

/**
 * Releases the lock called `name` if `owner` holds it. Returns 0, also if `owner` does not hold it, or any other
 * number on failure.
 */
typedef int32_t (*tango_cache_unlock)(void *user_data, const char *name, const char *owner);

/**
 * Frees the `user_data` of a cache. Called exactly once, on any thread.
 */
typedef void (*tango_cache_release)(void *user_data);

/**
 * Signs a message with a private key that this process does not hold. `*signature_length` is the size of `signature`
 * in bytes, at least 1,024; the function sets it to the length of what it wrote: `R || S` or DER for ECDSA, otherwise
 * the format of RFC 7518. Returns 0, or any other number on failure. Called on any thread, several at once; it must
 * neither throw nor longjmp.
 */
typedef int32_t (*tango_dpop_sign)(void *user_data,
                                   const uint8_t *message,
                                   size_t message_length,
                                   uint8_t *signature,
                                   size_t *signature_length);

/**
 * Frees the `user_data` of a signer. Called exactly once, on any thread.
 */
typedef void (*tango_dpop_release)(void *user_data);

/**
 * Receives one line of the log: its `tango_log_level`, and a message that is borrowed until the function returns.
 * Called on the library's log thread, one line after the other; it must neither throw nor longjmp. Lines that the
 * library would log from inside it are dropped. If it is so slow that 1,000 lines wait, further lines are dropped and
 * counted, and a later line reports how many.
 */
typedef void (*tango_log_callback)(void *user_data, int32_t level, const char *message);

/**
 * Receives one line of the log with its fields apart, for programs that log structured records. `level` is a
 * `tango_log_level`, `unix_ms` the time of the line in milliseconds since 1970, `target` the part of the library, such
 * as `tango_token::endpoint`, and `message` the sentence without the fields. There are `count` fields: each has a name
 * in `names`, its value as a string in `values`, and the type of the value, a `tango_log_type`, in `types`. All of it
 * is borrowed until the function returns. The rules of `tango_log_callback` hold.
 */
typedef void (*tango_log_record_callback)(void *user_data,
                                          int32_t level,
                                          int64_t unix_ms,
                                          const char *target,
                                          const char *message,
                                          size_t count,
                                          const char *const *names,
                                          const char *const *values,
                                          const int32_t *types);

/**
 * Completes an asynchronous acquire, with a token and NULL, or with NULL and an error. The callback owns both and
 * frees them. Called exactly once, on the library's callback thread: it delays other callbacks until it returns, and
 * must neither throw nor longjmp. It may call any function of this library; a blocking acquire that would have to wait
 * returns WOULD_BLOCK.
 */
typedef void (*tango_acquire_done)(void *user_data, tango_token *token, tango_error *error);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Makes the headers for one request to the API: acquires a token if none is held, and signs a proof if the token is
 * bound to a key.
 *
 * `method` is the HTTP method exactly as it is sent, and `url` the URL that the request goes to. Waits for at most the
 * total timeout. The caller owns `*authorization` and frees it with `tango_authorization_free`. INVALID_ARGUMENT for
 * NULL, for an invalid method or URL, and for a URL whose origin is neither the API's nor allowed by the
 * configuration, so that no token reaches the wrong host by mistake; SIGNING_FAILED if the key makes no signature;
 * otherwise the errors of `tango_token_acquire`.
 */
tango_status tango_client_authorize(const tango_client *client,
                                    const char *method,
                                    const char *url,
                                    tango_authorization **authorization,
                                    tango_error **error);

/**
 * Makes the headers for one request to the API with the token that the client holds, or writes NULL if it holds none,
 * and waits for no token. This is the fast path of asynchronous callers, which start an acquire if `*authorization` is
 * NULL.
 *
 * Method and URL are checked before anything else, and a refresh that is due is started as by
 * `tango_token_try_acquire`. A token that is bound to a key is signed for on this thread. The caller owns
 * `*authorization` and frees it with `tango_authorization_free`. INVALID_ARGUMENT for the same arguments as with
 * `tango_client_authorize`; SIGNING_FAILED if the key makes no signature.
 */
tango_status tango_client_try_authorize(const tango_client *client,
                                        const char *method,
                                        const char *url,
                                        tango_authorization **authorization,
                                        tango_error **error);

/**
 * Makes the headers for sending the same request once more, after `TANGO_VERDICT_RETRY`.
 *
 * The caller owns `*authorization` and frees it with `tango_authorization_free`; `rejected`, the authorization that
 * the API rejected, stays the caller's. INVALID_ARGUMENT for NULL; otherwise the errors of `tango_client_authorize`.
 */
tango_status tango_client_authorize_again(const tango_client *client,
                                          const tango_authorization *rejected,
                                          tango_authorization **authorization,
                                          tango_error **error);

/**
 * Learns from the API's response, and writes to `*verdict`, a `tango_verdict`, whether to send the request once more.
 *
 * Call it for every response, also for a successful one, and go on while the verdict is RETRY: that ends, usually after
 * one retry, and after a few if other requests use up the API's nonces meanwhile. `dpop_nonce`, `www_authenticate`
 * (several headers joined by `, `; what follows 64 KiB is not read) and `date` are the response headers of these names,
 * or NULL for a header that the response does not have; all arguments stay the caller's. The verdict on any other
 * `http_status` than 401 is DONE, also on one that HTTP does not have. PROOF_REFUSED and TOKEN_REFUSED mean that sending
 * the request again would not help, and the message says why. INVALID_ARGUMENT for any other NULL.
 */
tango_status tango_client_observe(const tango_client *client,
                                  const tango_authorization *authorization,
                                  int32_t http_status,
                                  const char *dpop_nonce,
                                  const char *www_authenticate,
                                  const char *date,
                                  int32_t *verdict,
                                  tango_error **error);

/**
 * Returns the value of the `Authorization` header, which is a secret. Borrowed from the authorization; NULL for NULL.
 */
const char *tango_authorization_value(const tango_authorization *authorization);

/**
 * Returns the value of the `DPoP` header. Borrowed from the authorization; NULL for a Bearer token and for NULL.
 */
const char *tango_authorization_dpop(const tango_authorization *authorization);

/**
 * Frees the authorization and the strings borrowed from it. Accepts NULL.
 */
void tango_authorization_free(tango_authorization *authorization);

/**
 * Shares the token through a store of the program's choice, reached by these four functions, instead of
 * `tango_config_set_cache`.
 *
 * The library calls them on its own threads, several at once, and waits for each call for at most five seconds. Give
 * each a shorter time limit: a value that is saved late can overwrite a newer one of another process. They must
 * neither throw nor longjmp. Names consist of letters, digits, `.` and `-`. Values are sealed or hold no secret, and
 * have at most 128 KiB.
 *
 * The library takes over `user_data`: `release`, which may be NULL, frees it once no configuration, client or call
 * uses it, or at once if this call fails. INVALID_ARGUMENT if `config` or one of the four functions is NULL.
 */
tango_status tango_config_set_cache_callbacks(tango_config *config,
                                              tango_cache_load load,
                                              tango_cache_save save,
                                              tango_cache_lock lock,
                                              tango_cache_unlock unlock,
                                              tango_cache_release release,
                                              void *user_data,
                                              tango_error **error);

/**
 * Says why the callback that runs on this thread is about to fail: a function of a custom cache, or the signer of a
 * key. The error of the calls that it makes fail contains the reason, which must not contain a secret. The library
 * copies `reason`. Does nothing if `reason` is NULL, or if the callback succeeds. Invalid UTF-8 is replaced.
 */
void tango_callback_fail(const char *reason);

/**
 * Makes a client from a configuration, which is copied. It reads the CA and key files that the configuration names; it
 * starts no thread and sends nothing.
 *
 * Make one client for each set of credentials and share it between threads. The caller owns `*client` and frees it
 * with `tango_client_free`. INVALID_ARGUMENT for NULL; INVALID_CONFIGURATION names every setting that is missing or
 * wrong.
 */
tango_status tango_client_new(const tango_config *config, tango_client **client, tango_error **error);

/**
 * Returns another handle of the same client, which the caller frees with `tango_client_free`. NULL for NULL.
 */
tango_client *tango_client_clone(const tango_client *client);

/**
 * Frees this handle. Tokens, pending requests and other handles of the client stay valid. Accepts NULL.
 */
void tango_client_free(tango_client *client);

/**
 * Replaces the credentials of the client: the client ID and secret, the service account, or both. The strings are
 * copied.
 *
 * The held token is served until a token for the new credentials arrives; the next acquire starts to fetch one in the
 * background. A change of a secret or a password alone needs no new token. NULL for both strings of a pair leaves that
 * pair as it is. INVALID_ARGUMENT if only one string of a pair is NULL, a string is empty, or `client` is NULL.
 */
tango_status tango_client_set_credentials(const tango_client *client,
                                          const char *client_id,
                                          const char *client_secret,
                                          const char *username,
                                          const char *password,
                                          tango_error **error);

/**
 * Marks `token` as suspect, because an API rejected it with 401 and `invalid_token`.
 *
 * The next acquire requests one replacement, for all processes that share a cache. While there can be none, because
 * the daily limit refuses it or the token is itself a replacement, the suspect token is served again: an API can
 * reject a good token. Does nothing if the client already holds a newer token. `token` stays the caller's.
 * INVALID_ARGUMENT for NULL.
 */
tango_status tango_client_invalidate(const tango_client *client, const tango_token *token, tango_error **error);

/**
 * Returns an empty configuration, which the caller frees with `tango_config_free`. Never NULL.
 */
tango_config *tango_config_new(void);

/**
 * Frees the configuration. Clients made from it stay valid. Accepts NULL.
 */
void tango_config_free(tango_config *config);

/**
 * Reads the options that the program does not set from the `TANGO_*` environment variables.
 *
 * The description of each setter names its variable; an empty variable counts as one that is not set. What a setter
 * sets wins, whether it is called before or after this function. Options are independent of each other: TOKEN_URL
 * still overrides the address of an environment that the program sets. Another call reads all variables again and
 * forgets what the last one read. INVALID_CONFIGURATION names a variable that cannot be understood; then nothing
 * changes.
 *
 * If TANGO_PROFILE is set, it also reads that section of the configuration file, for options that neither the program
 * nor a variable sets. A profile can name a command that returns credentials, and that has a minute.
 */
tango_status tango_config_load_env(tango_config *config, tango_error **error);

/**
 * Tango's environment. Required unless `token_url` is set. A `tango_environment`; any other number is
 * INVALID_ARGUMENT.
 *
 * Variable: `TANGO_ENVIRONMENT`.
 */
tango_status tango_config_set_environment(tango_config *config, int32_t environment, tango_error **error);

/**
 * The token endpoint (RFC 6749 section 3.2) as an absolute URL. HTTPS, except for loopback hosts. Copied.
 *
 * Default: that of the environment. Variable: `TANGO_TOKEN_URL`.
 */
tango_status tango_config_set_token_url(tango_config *config, const char *token_url, tango_error **error);

/**
 * The client ID, from the Tango portal under OAuth client credentials. Required. Copied.
 *
 * Variable: `TANGO_CLIENT_ID`.
 */
tango_status tango_config_set_client_id(tango_config *config, const char *client_id, tango_error **error);

/**
 * The client secret that belongs to the client ID. Required. Copied, and zeroised when no longer needed.
 *
 * Variable: `TANGO_CLIENT_SECRET`, or `TANGO_CLIENT_SECRET_FILE` for a file that holds the value.
 */
tango_status tango_config_set_client_secret(tango_config *config, const char *client_secret, tango_error **error);

/**
 * The user name of the service account, from the Tango portal under OAuth service accounts. Required. Copied.
 *
 * Variable: `TANGO_USERNAME`.
 */
tango_status tango_config_set_username(tango_config *config, const char *username, tango_error **error);

/**
 * The password of the service account. Required. Copied, and zeroised when no longer needed.
 *
 * Variable: `TANGO_PASSWORD`, or `TANGO_PASSWORD_FILE` for a file that holds the value.
 */
tango_status tango_config_set_password(tango_config *config, const char *password, tango_error **error);

/**
 * The audience: `24h` or `5min` for a token of that lifetime; any other audience is sent exactly as written. Copied.
 *
 * Default: `24h`. Variable: `TANGO_AUDIENCE`.
 */
tango_status tango_config_set_audience(tango_config *config, const char *audience, tango_error **error);

/**
 * The scope to request (RFC 6749 section 3.3). Copied.
 *
 * Default: `raas.all`. Variable: `TANGO_SCOPE`.
 */
tango_status tango_config_set_scope(tango_config *config, const char *scope, tango_error **error);

/**
 * A PEM file of the certificate authorities to trust for the token endpoint. The HTTP client that calls the API has a
 * setting of its own. Checked by `tango_client_new`, and read for each connection. Copied.
 *
 * Default: the system's certificates. Variable: `TANGO_CA_FILE`.
 */
tango_status tango_config_set_ca_file(tango_config *config, const char *path, tango_error **error);

/**
 * `system` (`HTTPS_PROXY`, `NO_PROXY` and the like), `none`, or the URL of an HTTP or SOCKS5 proxy, which can contain
 * a user name and a password. Copied, and zeroised when no longer needed.
 *
 * Default: `system`. Variable: `TANGO_PROXY`.
 */
tango_status tango_config_set_proxy(tango_config *config, const char *proxy, tango_error **error);

/**
 * The `User-Agent` header to send, in ASCII. Copied.
 *
 * Default: `tango-token/VERSION`. Variable: `TANGO_USER_AGENT`.
 */
tango_status tango_config_set_user_agent(tango_config *config, const char *user_agent, tango_error **error);

/**
 * The time limit for one connection to be established, TLS included. In milliseconds: 1 to 600,000, which
 * `tango_client_new` checks.
 *
 * Default: 5,000. Variable: `TANGO_CONNECT_TIMEOUT_MS`.
 */
tango_status tango_config_set_connect_timeout_ms(tango_config *config, uint32_t timeout_ms, tango_error **error);

/**
 * The time limit for one request, response included. In milliseconds: 1 to 600,000, which `tango_client_new` checks.
 *
 * Default: 10,000. Variable: `TANGO_ATTEMPT_TIMEOUT_MS`.
 */
tango_status tango_config_set_attempt_timeout_ms(tango_config *config, uint32_t timeout_ms, tango_error **error);

/**
 * The time limit for one call, retries included. In milliseconds: 1 to 600,000, which `tango_client_new` checks.
 *
 * Default: 30,000. Variable: `TANGO_TOTAL_TIMEOUT_MS`.
 */
tango_status tango_config_set_total_timeout_ms(tango_config *config, uint32_t timeout_ms, tango_error **error);

/**
 * Allows URLs without TLS on hosts that are not loopback. Secrets then cross the network unencrypted. 1 for yes, 0 for
 * no; any other number is INVALID_ARGUMENT.
 *
 * Default: no. Variable: `TANGO_ALLOW_PLAIN_HTTP`.
 */
tango_status tango_config_set_allow_plain_http(tango_config *config, int32_t allowed, tango_error **error);

/**
 * The API that tokens are for, as an absolute URL. Headers are made for its origin only. Copied.
 *
 * Default: that of the environment. Variable: `TANGO_API_URL`.
 */
tango_status tango_config_set_api_url(tango_config *config, const char *api_url, tango_error **error);

/**
 * Allows another origin, such as `https://api.example`, to receive tokens. Can be called several times. Origins that
 * are allowed in code replace those of the variable. Copied.
 *
 * Variable: `TANGO_ALLOWED_ORIGINS`.
 */
tango_status tango_config_allow_origin(tango_config *config, const char *url, tango_error **error);

/**
 * Whether tokens are bound to a key (RFC 9449). A `tango_dpop_mode`; any other number is INVALID_ARGUMENT.
 *
 * Default: `off`. Variable: `TANGO_DPOP`.
 */
tango_status tango_config_set_dpop(tango_config *config, int32_t mode, tango_error **error);

/**
 * A file with the key to which tokens are bound, in PEM or as a JWK. `dpop` has to be set as well. A file that every
 * user of the machine can write to is refused; one that every user can read causes a warning in the log. Read by
 * `tango_client_new`. Copied.
 *
 * Default: each client generates an ES256 key. Variable: `TANGO_DPOP_KEY_FILE`.
 */
tango_status tango_config_set_dpop_key_file(tango_config *config, const char *path, tango_error **error);

/**
 * The key to which tokens are bound, instead of `dpop_key_file`. `dpop` has to be set as well. The caller still owns
 * `key`, and may free it at once.
 *
 * Default: each client generates an ES256 key.
 */
tango_status tango_config_set_dpop_key(tango_config *config, const tango_dpop_key *key, tango_error **error);

/**
 * Where the token outlives the process and is shared: `memory` (nowhere), `file` (a directory in the user's cache
 * directory), `file:/another/directory`, or the URL of a Redis server, `redis://` or
 * `rediss://[user:password@]host[:port][/db]`. With `?cluster=true` the server is a node of a cluster, and the URLs of
 * further nodes can follow after spaces; with `?prefix=` keys begin with another string than `tango-token:`. Checked
 * by `tango_client_new`. Copied.
 *
 * Default: `memory`. Variable: `TANGO_CACHE`.
 */
tango_status tango_config_set_cache(tango_config *config, const char *cache, tango_error **error);

/**
 * A PEM file of the certificate authorities to trust for a `rediss://` cache. Checked by `tango_client_new`, and read
 * for each connection. Copied.
 *
 * Default: the system's certificates. Variable: `TANGO_CACHE_CA_FILE`.
 */
tango_status tango_config_set_cache_ca_file(tango_config *config, const char *path, tango_error **error);

/**
 * Requests a token even if the cache cannot be used, instead of failing with CACHE_UNAVAILABLE. Each process then
 * requests a token of its own, which the server's daily limit may refuse. 1 for yes, 0 for no; any other number is
 * INVALID_ARGUMENT.
 *
 * Default: no. Variable: `TANGO_ALLOW_FETCH_WITHOUT_CACHE`.
 */
tango_status tango_config_set_allow_fetch_without_cache(tango_config *config, int32_t allowed, tango_error **error);

/**
 * Generates a key; `algorithm` is a `tango_algorithm`. The caller owns `*key` and frees it with `tango_dpop_key_free`.
 * INVALID_ARGUMENT for NULL and for an unknown algorithm; INTERNAL if the machine is out of memory.
 */
tango_status tango_dpop_key_generate(int32_t algorithm, tango_dpop_key **key, tango_error **error);

/**
 * Reads an unencrypted private key in PEM: PKCS#8, SEC1 or PKCS#1. `algorithm` is a `tango_algorithm`, or 0 for the
 * one that fits the key (PS256 for RSA).
 *
 * The caller owns `*key` and frees it with `tango_dpop_key_free`. INVALID_ARGUMENT for NULL and for an unknown
 * algorithm; KEY_REJECTED says what the string holds instead of such a key, and which command converts it.
 */
tango_status tango_dpop_key_from_pem(const char *pem, int32_t algorithm, tango_dpop_key **key, tango_error **error);

/**
 * Reads a private key as a JWK (RFC 7517), whose `alg` member, if it has one, chooses the algorithm, or as a JWK Set
 * with one key. An RSA key needs `n`, `e` and `d` only.
 *
 * The caller owns `*key` and frees it with `tango_dpop_key_free`. INVALID_ARGUMENT for NULL; KEY_REJECTED says what is
 * wrong with the key.
 */
tango_status tango_dpop_key_from_jwk(const char *jwk, tango_dpop_key **key, tango_error **error);

/**
 * Reads a private key from a file, in PEM or as a JWK. Refuses a file that every user of the machine can write to, and
 * warns in the log of one that every user can read.
 *
 * The caller owns `*key` and frees it with `tango_dpop_key_free`. INVALID_ARGUMENT for NULL; KEY_REJECTED names the
 * file and says what is wrong with it.
 */
tango_status tango_dpop_key_from_file(const char *path, tango_dpop_key **key, tango_error **error);

/**
 * Makes a key whose private part this process does not hold: it stays in an HSM, a TPM or a key service, and `sign`
 * signs with it.
 *
 * `public_jwk` is the public key as a JWK. `sign` is called once here, to check its signature with `public_jwk`, and
 * then once for each proof. The library takes over `user_data`: `release`, which may be NULL, frees it once the last
 * handle is freed and no proof is being signed, or at once if this call fails. The caller owns `*key` and frees it
 * with `tango_dpop_key_free`. INVALID_ARGUMENT for any other NULL and for an unknown algorithm; KEY_REJECTED if
 * `public_jwk` cannot be used or does not fit the signature; SIGNING_FAILED if `sign` fails.
 */
tango_status tango_dpop_key_from_signer(int32_t algorithm,
                                        const char *public_jwk,
                                        tango_dpop_sign sign,
                                        tango_dpop_release release,
                                        void *user_data,
                                        tango_dpop_key **key,
                                        tango_error **error);

/**
 * Returns another handle of the same key, which the caller frees with `tango_dpop_key_free`. NULL for NULL.
 */
tango_dpop_key *tango_dpop_key_clone(const tango_dpop_key *key);

/**
 * Returns the algorithm of the key's signatures, a `tango_algorithm`; 0 for NULL.
 */
int32_t tango_dpop_key_algorithm(const tango_dpop_key *key);

/**
 * Returns the public key as a JWK with its required members only. Borrowed from the key; NULL for NULL.
 */
const char *tango_dpop_key_public_jwk(const tango_dpop_key *key);

/**
 * Returns the JWK thumbprint (RFC 7638), which is the `jkt` that tokens are bound to. Borrowed from the key; NULL for
 * NULL.
 */
const char *tango_dpop_key_thumbprint(const tango_dpop_key *key);

/**
 * Writes the private key to `*pem`, as PKCS#8 in PEM: a secret. Borrowed from the key and wiped from memory with it.
 * INVALID_ARGUMENT for NULL; KEY_REJECTED for a key made from a signer, whose private part this process does not hold.
 */
tango_status tango_dpop_key_to_pem(const tango_dpop_key *key, const char **pem, tango_error **error);

/**
 * Frees this handle and the strings borrowed from it. Clients and proofs made with the key stay valid. Accepts NULL.
 */
void tango_dpop_key_free(tango_dpop_key *key);

/**
 * Makes a proof for one request with this HTTP method, exactly as it is sent, to this URL. Every request needs a new
 * proof, also one that is sent again.
 *
 * `access_token` is the token that the request presents, or NULL for a token request. `nonce` is the last `DPoP-Nonce`
 * of this server, or NULL if it sent none. The caller owns `*proof` and frees it with `tango_dpop_proof_free`.
 * INVALID_ARGUMENT for any other NULL and for a value that a proof cannot contain; SIGNING_FAILED if the key makes no
 * signature.
 */
tango_status tango_dpop_proof_new(const tango_dpop_key *key,
                                  const char *method,
                                  const char *url,
                                  const char *access_token,
                                  const char *nonce,
                                  tango_dpop_proof **proof,
                                  tango_error **error);

/**
 * Returns the value of the `DPoP` header. Borrowed from the proof; NULL for NULL.
 */
const char *tango_dpop_proof_value(const tango_dpop_proof *proof);

/**
 * Frees the proof and the string borrowed from it. Accepts NULL.
 */
void tango_dpop_proof_free(tango_dpop_proof *proof);

/**
 * Returns the status of the error; `TANGO_STATUS_OK` for NULL, so that a callback need not check first.
 */
tango_status tango_error_status(const tango_error *error);

/**
 * Returns one or two sentences that say what happened and what to do. Borrowed from the error; NULL for NULL.
 */
const char *tango_error_message(const tango_error *error);

/**
 * Returns the HTTP status of the server's response; 0 if none arrived, and for NULL.
 */
int32_t tango_error_http_status(const tango_error *error);

/**
 * Returns the OAuth error code (RFC 6749 section 5.2), such as `invalid_grant`, or the code that a gateway sent in its
 * place. Borrowed from the error; NULL if the server sent none, and for NULL.
 */
const char *tango_error_oauth_error(const tango_error *error);

/**
 * Returns the OAuth `error_description` (RFC 6749 section 5.2). Borrowed from the error; NULL if the server sent none,
 * and for NULL.
 */
const char *tango_error_oauth_error_description(const tango_error *error);

/**
 * Returns Tango's `i18nKey`, a stable name for the failure. Borrowed from the error; NULL if the server sent none, and
 * for NULL.
 */
const char *tango_error_i18n_key(const tango_error *error);

/**
 * Returns what else the server said: Tango's `message`, the sentence of another error in JSON or XML, or plain text.
 * Borrowed from the error; NULL if the server said nothing else, and for NULL.
 */
const char *tango_error_server_message(const tango_error *error);

/**
 * Returns the ID by which Tango's support finds the request (`X-REQUEST-ID`). Borrowed from the error; NULL if the
 * server sent none, and for NULL.
 */
const char *tango_error_request_id(const tango_error *error);

/**
 * Returns the seconds until another call makes sense; -1 if waiting does not help, as with wrong credentials, and for
 * NULL.
 */
int64_t tango_error_retry_after_seconds(const tango_error *error);

/**
 * Frees the error and the strings borrowed from it. Accepts NULL.
 */
void tango_error_free(tango_error *error);

/**
 * Sends the log of the whole process to `callback`, up to `max_level`, a `tango_log_level` that is not OFF. A NULL
 * `callback` stops it.
 *
 * No line contains a secret. `user_data` stays the caller's. The callback replaces an earlier one of either kind, and
 * the lines that it gets are not written to stderr. The function waits for at most one second until the previous
 * callback has received the lines that wait for it: stop the log before the program ends, to see the last ones. A slow
 * call of the previous callback may still be running when this function returns, so keep `user_data` valid until no
 * call can use it. INVALID_ARGUMENT for an unknown level; INVALID_CONFIGURATION if a Rust part of the program already
 * receives the log through `tracing`.
 */
tango_status tango_log_set_callback(int32_t max_level,
                                    tango_log_callback callback,
                                    void *user_data,
                                    tango_error **error);

/**
 * Does the same as `tango_log_set_callback` for a callback that gets the fields of each line apart from its message.
 *
 * INVALID_ARGUMENT for an unknown level; INVALID_CONFIGURATION if a Rust part of the program already receives the log
 * through `tracing`.
 */
tango_status tango_log_set_record_callback(int32_t max_level,
                                           tango_log_record_callback callback,
                                           void *user_data,
                                           tango_error **error);

/**
 * Writes the log of the whole process to stderr, up to `level`, a `tango_log_level`, in a `tango_log_format`. The
 * level OFF turns that off.
 *
 * Without this call the variable TANGO_LOG decides, which is read with the first client or key: `error`, `warn`,
 * `info`, `debug`, `trace` or `off`, and TANGO_LOG_FORMAT, `text` or `json`. After this call the variables have no
 * effect. Lines that a callback gets are not written. No line contains a secret. The log thread alone waits for a slow
 * stderr; a closed one is ignored. What waits is written before the process ends, and before this function turns the
 * log off, for at most a second. INVALID_ARGUMENT for an unknown level or format; INVALID_CONFIGURATION if a Rust part
 * of the program already receives the log through `tracing`.
 */
tango_status tango_log_to_stderr(int32_t level, int32_t format, tango_error **error);

/**
 * Starts to acquire a token and returns at once.
 *
 * If and only if this returns OK, `done` is called exactly once, later, on the library's callback thread, even if a
 * token is already held. `user_data` is passed to it and stays the caller's. `request` may be NULL; otherwise the
 * caller owns `*request`, and frees it with `tango_request_free` before or after `done`. INVALID_ARGUMENT if `client`
 * or `done` is NULL; INTERNAL if the callback thread cannot be started. All other errors go to `done`.
 */
tango_status tango_token_acquire_start(const tango_client *client,
                                       tango_acquire_done done,
                                       void *user_data,
                                       tango_request **request,
                                       tango_error **error);

/**
 * Cancels a request: `done` is called with CANCELLED, unless it was called before or another outcome is already on its
 * way. Other callers that wait for the same token are not affected. May be called from any thread, any number of
 * times; in a forked child it does nothing. Accepts NULL.
 */
void tango_request_cancel(const tango_request *request);

/**
 * Frees the handle and does not cancel the request: `done` is still called. Accepts NULL.
 */
void tango_request_free(tango_request *request);

/**
 * Takes a snapshot of the client's metrics: what it has done in this process, and what it holds. It sends nothing and
 * waits for nothing.
 *
 * Counters begin at zero with the client, and in a forked child. The caller owns `*stats` and frees it with
 * `tango_stats_free`; it outlives the client. INVALID_ARGUMENT for NULL.
 */
tango_status tango_client_stats(const tango_client *client, tango_stats **stats, tango_error **error);

/**
 * Returns the value of one metric by its name for OpenTelemetry or for Prometheus, such as `tango.token.requests` or
 * `tango_token_requests_total`.
 *
 * Of a metric with attributes it is the sum over them, unless the name is followed by one, as in
 * `tango_token_requests_total{outcome="issued"}`; of a histogram it is the number of measurements. NaN if this library
 * has no such metric, and for NULL.
 */
double tango_stats_value(const tango_stats *stats, const char *name);

/**
 * Returns the number of values. The functions that take an index accept those below it. 0 for NULL.
 */
size_t tango_stats_count(const tango_stats *stats);

/**
 * Returns the name of the metric for OpenTelemetry, such as `tango.token.requests`. The values of one metric follow
 * each other. Borrowed from the object; NULL for NULL and for an index that is too large.
 */
const char *tango_stats_name(const tango_stats *stats, size_t index);

/**
 * Returns the name of the metric for Prometheus, such as `tango_token_requests_total`. Borrowed from the object; NULL
 * for NULL and for an index that is too large.
 */
const char *tango_stats_prometheus_name(const tango_stats *stats, size_t index);

/**
 * Returns the kind of the metric: a `tango_metric_kind`. 0 for NULL and for an index that is too large.
 */
int32_t tango_stats_kind(const tango_stats *stats, size_t index);

/**
 * Returns the unit of the metric: `s` for seconds, or what is counted, such as `{request}`. Borrowed from the object;
 * NULL for NULL and for an index that is too large.
 */
const char *tango_stats_unit(const tango_stats *stats, size_t index);

/**
 * Returns a sentence or two about the metric. Borrowed from the object; NULL for NULL and for an index that is too
 * large.
 */
const char *tango_stats_description(const tango_stats *stats, size_t index);

/**
 * Returns the name of an attribute of this value, such as `outcome`; `position` is 0 for the first one. Borrowed from
 * the object; NULL after the last attribute, for NULL and for an index that is too large.
 */
const char *tango_stats_attribute_name(const tango_stats *stats, size_t index, size_t position);

/**
 * Returns the value of an attribute, such as `issued`. Borrowed from the object; NULL where
 * `tango_stats_attribute_name` returns it.
 */
const char *tango_stats_attribute_value(const tango_stats *stats, size_t index, size_t position);

/**
 * Returns the value at this index; for a histogram the sum of the measurements. NaN for NULL and for an index that is
 * too large.
 */
double tango_stats_value_at(const tango_stats *stats, size_t index);

/**
 * Returns the number of buckets of a histogram. 0 for other metrics, for NULL and for an index that is too large.
 */
size_t tango_stats_bucket_count(const tango_stats *stats, size_t index);

/**
 * Returns the upper bound of a bucket, in the unit of the metric: infinity for the last one. NaN where there is no
 * such bucket.
 */
double tango_stats_bucket_bound(const tango_stats *stats, size_t index, size_t bucket);

/**
 * Returns the number of measurements that do not exceed the bound of a bucket. That of the last bucket is the number
 * of all. 0 where there is no such bucket.
 */
uint64_t tango_stats_bucket_measurements(const tango_stats *stats, size_t index, size_t bucket);

/**
 * Frees the snapshot and the strings borrowed from it. Accepts NULL.
 */
void tango_stats_free(tango_stats *stats);

/**
 * Gets a valid token: the held one at once, otherwise the result of one refresh that all callers share.
 *
 * Waits for at most the total timeout. The caller owns `*token` and frees it with `tango_token_free`; it outlives the
 * client. INVALID_ARGUMENT for NULL; WOULD_BLOCK if the call would have to wait inside a callback of this library;
 * every other status of `tango_status` says why there is no token.
 */
tango_status tango_token_acquire(const tango_client *client, tango_token **token, tango_error **error);

/**
 * Gets the token that the client holds, or NULL if it holds none, and returns at once, without I/O.
 *
 * Starts a refresh that is due, or a first one, if the library's thread runs: the first acquire starts that thread.
 * This is the fast path of asynchronous callers, which start an acquire if `*token` is NULL. The caller owns `*token`
 * and frees it with `tango_token_free`. INVALID_ARGUMENT if `client` or `token` is NULL.
 */
tango_status tango_token_try_acquire(const tango_client *client, tango_token **token, tango_error **error);

/**
 * Returns another handle of the same token, which the caller frees with `tango_token_free`. NULL for NULL.
 */
tango_token *tango_token_clone(const tango_token *token);

/**
 * Returns the access token, which follows the type in an `Authorization` header: a secret. Borrowed from the token;
 * NULL for NULL.
 */
const char *tango_token_value(const tango_token *token);

/**
 * Returns the scheme of the `Authorization` header: `Bearer`, or `DPoP` for a token that needs a proof with each
 * request. Borrowed from the token; NULL for NULL.
 */
const char *tango_token_type(const tango_token *token);

/**
 * Returns another handle of the key that the token is bound to, which the caller frees with `tango_dpop_key_free`.
 * NULL for a Bearer token and for NULL.
 */
tango_dpop_key *tango_token_dpop_key(const tango_token *token);

/**
 * Returns the scope that the server granted. Borrowed from the token; NULL for NULL.
 */
const char *tango_token_scope(const tango_token *token);

/**
 * Returns the whole seconds until the token expires, from now; 0 once it has expired, and for NULL.
 */
int64_t tango_token_expires_in_seconds(const tango_token *token);

/**
 * Frees this handle and the strings borrowed from it. The token is wiped from memory with its last handle and the last
 * key that remembers it. Accepts NULL.
 */
void tango_token_free(tango_token *token);

/**
 * Returns the version of the loaded library, such as `0.1.0`. Never freed; never NULL.
 */
const char *tango_version(void);

/**
 * Returns the ABI version of the loaded library. A program that loads it by hand (`dlopen`) compares it with
 * `TANGO_ABI_VERSION`.
 */
int32_t tango_abi_version(void);

/**
 * Returns the name of a `tango_status`, such as `TANGO_STATUS_QUOTA_REFUSED`. Never freed; NULL for an unknown number.
 */
const char *tango_status_name(int32_t status);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* TANGO_TOKEN_H */
