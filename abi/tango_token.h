#ifndef TANGO_TOKEN_H
#define TANGO_TOKEN_H 
#include <stddef.h>
#include <stdint.h>
#define TANGO_ABI_VERSION 1
enum tango_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif
 {
    TANGO_STATUS_OK = 0,
    TANGO_STATUS_INVALID_ARGUMENT = 1,
    TANGO_STATUS_INVALID_CONFIGURATION = 2,
    TANGO_STATUS_CONNECT_FAILED = 3,
    TANGO_STATUS_TLS_FAILED = 4,
    TANGO_STATUS_TIMED_OUT = 5,
    TANGO_STATUS_CONNECTION_LOST = 6,
    TANGO_STATUS_CREDENTIALS_REFUSED = 7,
    TANGO_STATUS_QUOTA_REFUSED = 8,
    TANGO_STATUS_REQUEST_REFUSED = 9,
    TANGO_STATUS_RATE_LIMITED = 10,
    TANGO_STATUS_SERVER_ERROR = 11,
    TANGO_STATUS_UNEXPECTED_RESPONSE = 12,
    TANGO_STATUS_MALFORMED_RESPONSE = 13,
    TANGO_STATUS_CANCELLED = 14,
    TANGO_STATUS_WOULD_BLOCK = 15,
    TANGO_STATUS_INTERNAL = 16,
    TANGO_STATUS_KEY_REJECTED = 17,
    TANGO_STATUS_SIGNING_FAILED = 18,
    TANGO_STATUS_PROOF_REFUSED = 19,
    TANGO_STATUS_DOWNGRADED = 20,
    TANGO_STATUS_TOKEN_REFUSED = 21,
    TANGO_STATUS_CACHE_UNAVAILABLE = 22,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum tango_status tango_status;
#else
typedef int32_t tango_status;
#endif
#endif
enum tango_algorithm
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif
 {
    TANGO_ALGORITHM_ES256 = 1,
    TANGO_ALGORITHM_ES384 = 2,
    TANGO_ALGORITHM_EDDSA = 3,
    TANGO_ALGORITHM_RS256 = 4,
    TANGO_ALGORITHM_PS256 = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum tango_algorithm tango_algorithm;
#else
typedef int32_t tango_algorithm;
#endif
#endif
enum tango_dpop_mode
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif
 {
    TANGO_DPOP_MODE_OFF = 0,
    TANGO_DPOP_MODE_OPTIONAL = 1,
    TANGO_DPOP_MODE_REQUIRED = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum tango_dpop_mode tango_dpop_mode;
#else
typedef int32_t tango_dpop_mode;
#endif
#endif
enum tango_verdict
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif
 {
    TANGO_VERDICT_DONE = 1,
    TANGO_VERDICT_RETRY = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum tango_verdict tango_verdict;
#else
typedef int32_t tango_verdict;
#endif
#endif
enum tango_environment
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif
 {
    TANGO_ENVIRONMENT_SANDBOX = 1,
    TANGO_ENVIRONMENT_PRODUCTION = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum tango_environment tango_environment;
#else
typedef int32_t tango_environment;
#endif
#endif
enum tango_log_level
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif
 {
    TANGO_LOG_LEVEL_ERROR = 1,
    TANGO_LOG_LEVEL_WARN = 2,
    TANGO_LOG_LEVEL_INFO = 3,
    TANGO_LOG_LEVEL_DEBUG = 4,
    TANGO_LOG_LEVEL_TRACE = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum tango_log_level tango_log_level;
#else
typedef int32_t tango_log_level;
#endif
#endif
typedef struct tango_authorization tango_authorization;
typedef struct tango_client tango_client;
typedef struct tango_config tango_config;
typedef struct tango_error tango_error;
typedef struct tango_dpop_key tango_dpop_key;
typedef struct tango_dpop_proof tango_dpop_proof;
typedef struct tango_token tango_token;
typedef struct tango_request tango_request;
typedef int32_t (*tango_cache_load)(void *user_data, const char *name, uint8_t *value, size_t *value_length);
typedef int32_t (*tango_cache_save)(void *user_data,
                                    const char *name,
                                    const uint8_t *value,
                                    size_t value_length,
                                    uint64_t keep_ms);
typedef int32_t (*tango_cache_lock)(void *user_data, const char *name, const char *owner, uint64_t lease_ms);
typedef int32_t (*tango_cache_unlock)(void *user_data, const char *name, const char *owner);
typedef void (*tango_cache_release)(void *user_data);
typedef int32_t (*tango_dpop_sign)(void *user_data,
                                   const uint8_t *message,
                                   size_t message_length,
                                   uint8_t *signature,
                                   size_t *signature_length);
typedef void (*tango_dpop_release)(void *user_data);
typedef void (*tango_log_callback)(void *user_data, int32_t level, const char *message);
typedef void (*tango_acquire_done)(void *user_data, tango_token *token, tango_error *error);
#ifdef __cplusplus
extern "C" {
#endif
tango_status tango_client_authorize(const tango_client *client,
                                    const char *method,
                                    const char *url,
                                    tango_authorization **authorization,
                                    tango_error **error);
tango_status tango_client_authorize_again(const tango_client *client,
                                          const tango_authorization *rejected,
                                          tango_authorization **authorization,
                                          tango_error **error);
tango_status tango_client_observe(const tango_client *client,
                                  const tango_authorization *authorization,
                                  int32_t http_status,
                                  const char *dpop_nonce,
                                  const char *www_authenticate,
                                  const char *date,
                                  int32_t *verdict,
                                  tango_error **error);
const char *tango_authorization_value(const tango_authorization *authorization);
const char *tango_authorization_dpop(const tango_authorization *authorization);
void tango_authorization_free(tango_authorization *authorization);
tango_status tango_config_set_cache_callbacks(tango_config *config,
                                              tango_cache_load load,
                                              tango_cache_save save,
                                              tango_cache_lock lock,
                                              tango_cache_unlock unlock,
                                              tango_cache_release release,
                                              void *user_data,
                                              tango_error **error);
void tango_callback_fail(const char *reason);
tango_status tango_client_new(const tango_config *config, tango_client **client, tango_error **error);
tango_client *tango_client_clone(const tango_client *client);
void tango_client_free(tango_client *client);
tango_status tango_client_set_credentials(const tango_client *client,
                                          const char *client_id,
                                          const char *client_secret,
                                          const char *username,
                                          const char *password,
                                          tango_error **error);
tango_status tango_client_invalidate(const tango_client *client, const tango_token *token, tango_error **error);
tango_config *tango_config_new(void);
void tango_config_free(tango_config *config);
tango_status tango_config_load_env(tango_config *config, tango_error **error);
tango_status tango_config_set_environment(tango_config *config, int32_t environment, tango_error **error);
tango_status tango_config_set_token_url(tango_config *config, const char *token_url, tango_error **error);
tango_status tango_config_set_client_id(tango_config *config, const char *client_id, tango_error **error);
tango_status tango_config_set_client_secret(tango_config *config, const char *client_secret, tango_error **error);
tango_status tango_config_set_username(tango_config *config, const char *username, tango_error **error);
tango_status tango_config_set_password(tango_config *config, const char *password, tango_error **error);
tango_status tango_config_set_audience(tango_config *config, const char *audience, tango_error **error);
tango_status tango_config_set_scope(tango_config *config, const char *scope, tango_error **error);
tango_status tango_config_set_ca_file(tango_config *config, const char *path, tango_error **error);
tango_status tango_config_set_proxy(tango_config *config, const char *proxy, tango_error **error);
tango_status tango_config_set_user_agent(tango_config *config, const char *user_agent, tango_error **error);
tango_status tango_config_set_connect_timeout_ms(tango_config *config, uint32_t timeout_ms, tango_error **error);
tango_status tango_config_set_attempt_timeout_ms(tango_config *config, uint32_t timeout_ms, tango_error **error);
tango_status tango_config_set_total_timeout_ms(tango_config *config, uint32_t timeout_ms, tango_error **error);
tango_status tango_config_set_allow_plain_http(tango_config *config, int32_t allowed, tango_error **error);
tango_status tango_config_set_api_url(tango_config *config, const char *api_url, tango_error **error);
tango_status tango_config_allow_origin(tango_config *config, const char *url, tango_error **error);
tango_status tango_config_set_dpop(tango_config *config, int32_t mode, tango_error **error);
tango_status tango_config_set_dpop_key_file(tango_config *config, const char *path, tango_error **error);
tango_status tango_config_set_dpop_key(tango_config *config, const tango_dpop_key *key, tango_error **error);
tango_status tango_config_set_cache(tango_config *config, const char *cache, tango_error **error);
tango_status tango_config_set_cache_ca_file(tango_config *config, const char *path, tango_error **error);
tango_status tango_config_set_allow_fetch_without_cache(tango_config *config, int32_t allowed, tango_error **error);
tango_status tango_dpop_key_generate(int32_t algorithm, tango_dpop_key **key, tango_error **error);
tango_status tango_dpop_key_from_pem(const char *pem, int32_t algorithm, tango_dpop_key **key, tango_error **error);
tango_status tango_dpop_key_from_jwk(const char *jwk, tango_dpop_key **key, tango_error **error);
tango_status tango_dpop_key_from_file(const char *path, tango_dpop_key **key, tango_error **error);
tango_status tango_dpop_key_from_signer(int32_t algorithm,
                                        const char *public_jwk,
                                        tango_dpop_sign sign,
                                        tango_dpop_release release,
                                        void *user_data,
                                        tango_dpop_key **key,
                                        tango_error **error);
tango_dpop_key *tango_dpop_key_clone(const tango_dpop_key *key);
int32_t tango_dpop_key_algorithm(const tango_dpop_key *key);
const char *tango_dpop_key_public_jwk(const tango_dpop_key *key);
const char *tango_dpop_key_thumbprint(const tango_dpop_key *key);
tango_status tango_dpop_key_to_pem(const tango_dpop_key *key, const char **pem, tango_error **error);
void tango_dpop_key_free(tango_dpop_key *key);
tango_status tango_dpop_proof_new(const tango_dpop_key *key,
                                  const char *method,
                                  const char *url,
                                  const char *access_token,
                                  const char *nonce,
                                  tango_dpop_proof **proof,
                                  tango_error **error);
const char *tango_dpop_proof_value(const tango_dpop_proof *proof);
void tango_dpop_proof_free(tango_dpop_proof *proof);
tango_status tango_error_status(const tango_error *error);
const char *tango_error_message(const tango_error *error);
int32_t tango_error_http_status(const tango_error *error);
const char *tango_error_oauth_error(const tango_error *error);
const char *tango_error_oauth_error_description(const tango_error *error);
const char *tango_error_i18n_key(const tango_error *error);
const char *tango_error_server_message(const tango_error *error);
const char *tango_error_request_id(const tango_error *error);
int64_t tango_error_retry_after_seconds(const tango_error *error);
void tango_error_free(tango_error *error);
tango_status tango_log_set_callback(int32_t max_level,
                                    tango_log_callback callback,
                                    void *user_data,
                                    tango_error **error);
tango_status tango_token_acquire_start(const tango_client *client,
                                       tango_acquire_done done,
                                       void *user_data,
                                       tango_request **request,
                                       tango_error **error);
void tango_request_cancel(const tango_request *request);
void tango_request_free(tango_request *request);
tango_status tango_token_acquire(const tango_client *client, tango_token **token, tango_error **error);
tango_status tango_token_try_acquire(const tango_client *client, tango_token **token, tango_error **error);
tango_token *tango_token_clone(const tango_token *token);
const char *tango_token_value(const tango_token *token);
const char *tango_token_type(const tango_token *token);
tango_dpop_key *tango_token_dpop_key(const tango_token *token);
const char *tango_token_scope(const tango_token *token);
int64_t tango_token_expires_in_seconds(const tango_token *token);
void tango_token_free(tango_token *token);
const char *tango_version(void);
int32_t tango_abi_version(void);
const char *tango_status_name(int32_t status);
#ifdef __cplusplus
}
#endif
#endif
