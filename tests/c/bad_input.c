/* Calls every function with NULL for each pointer, with strings that are not UTF-8 and with numbers outside its enum:
 * each call returns a status and a message, and changes nothing. */
#include <limits.h>

#include "check.h"

static const char NOT_UTF8[] = "caf\xe9";

/* The call failed with INVALID_ARGUMENT, and its message names the argument. */
static void is_invalid(tango_status status, tango_error *error, const char *argument)
{
    CHECK(status == TANGO_STATUS_INVALID_ARGUMENT);
    CHECK(tango_error_status(error) == status);
    CHECK(strncmp(tango_error_message(error), argument, strlen(argument)) == 0);
    CHECK(tango_error_http_status(error) == 0 && tango_error_retry_after_seconds(error) == -1);
    tango_error_free(error);
}

#define INVALID(argument, function, ...)                                                                               \
    do {                                                                                                               \
        tango_error *error = NULL;                                                                                     \
        tango_status status = function(__VA_ARGS__, &error);                                                           \
        is_invalid(status, error, argument);                                                                           \
        CHECK(function(__VA_ARGS__, NULL) == TANGO_STATUS_INVALID_ARGUMENT);                                           \
    } while (0)

#define STRING_SETTER(function, argument)                                                                              \
    do {                                                                                                               \
        INVALID("config", function, NULL, "string");                                                                   \
        INVALID(argument, function, config, NULL);                                                                     \
        INVALID(argument, function, config, NOT_UTF8);                                                                 \
        CHECK(function(config, "string", NULL) == TANGO_STATUS_OK);                                                    \
    } while (0)

static void done(void *user_data, tango_token *token, tango_error *error)
{
    (void)user_data;
    (void)token;
    (void)error;
    CHECK(!"`done` of a request that did not start must not be called");
}

static void setters(tango_config *config)
{
    INVALID("config", tango_config_load_env, NULL);
    INVALID("config", tango_config_set_environment, NULL, TANGO_ENVIRONMENT_SANDBOX);
    static const int32_t unknown[] = {0, 3, -1, INT_MAX, INT_MIN};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        INVALID("environment", tango_config_set_environment, config, unknown[i]);
    STRING_SETTER(tango_config_set_token_url, "token_url");
    STRING_SETTER(tango_config_set_client_id, "client_id");
    STRING_SETTER(tango_config_set_client_secret, "client_secret");
    STRING_SETTER(tango_config_set_username, "username");
    STRING_SETTER(tango_config_set_password, "password");
    STRING_SETTER(tango_config_set_audience, "audience");
    STRING_SETTER(tango_config_set_scope, "scope");
    STRING_SETTER(tango_config_set_ca_file, "path");
    STRING_SETTER(tango_config_set_proxy, "proxy");
    STRING_SETTER(tango_config_set_user_agent, "user_agent");
    STRING_SETTER(tango_config_set_api_url, "api_url");
    STRING_SETTER(tango_config_allow_origin, "url");
    STRING_SETTER(tango_config_set_dpop_key_file, "path");
    INVALID("config", tango_config_set_dpop, NULL, TANGO_DPOP_MODE_OFF);
    INVALID("mode", tango_config_set_dpop, config, -1);
    INVALID("mode", tango_config_set_dpop, config, 3);
    INVALID("config", tango_config_set_dpop_key, NULL, NULL);
    INVALID("key", tango_config_set_dpop_key, config, NULL);
    INVALID("config", tango_config_set_connect_timeout_ms, NULL, 1);
    INVALID("config", tango_config_set_attempt_timeout_ms, NULL, 1);
    INVALID("config", tango_config_set_total_timeout_ms, NULL, 1);
    INVALID("config", tango_config_set_allow_plain_http, NULL, 1);
    INVALID("allowed", tango_config_set_allow_plain_http, config, 2);
    INVALID("allowed", tango_config_set_allow_plain_http, config, -1);
    STRING_SETTER(tango_config_set_cache, "cache");
    STRING_SETTER(tango_config_set_cache_ca_file, "path");
    INVALID("config", tango_config_set_allow_fetch_without_cache, NULL, 1);
    INVALID("allowed", tango_config_set_allow_fetch_without_cache, config, 2);
    INVALID("config", tango_config_set_cache_callbacks, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    INVALID("load", tango_config_set_cache_callbacks, config, NULL, NULL, NULL, NULL, NULL, NULL);
}

static void calls(tango_config *config)
{
    tango_client *client = (tango_client *)config;
    INVALID("config", tango_client_new, NULL, &client);
    CHECK(client == (tango_client *)config && "an out-parameter is written on success only");
    INVALID("client", tango_client_new, config, NULL);

    tango_error *error = NULL;
    CHECK(tango_client_new(config, &client, &error) == TANGO_STATUS_INVALID_CONFIGURATION);
    CHECK(strstr(tango_error_message(error), "token_url") != NULL);
    tango_error_free(error);

    tango_token *token = NULL;
    tango_request *request = NULL;
    client = client_from_env();
    INVALID("client", tango_token_acquire, NULL, &token);
    INVALID("token", tango_token_acquire, client, NULL);
    INVALID("client", tango_client_invalidate, NULL, token);
    INVALID("token", tango_client_invalidate, client, NULL);
    INVALID("client", tango_client_set_credentials, NULL, "a", "b", "c", "d");
    INVALID("client_secret", tango_client_set_credentials, client, "a", NULL, NULL, NULL);
    INVALID("username", tango_client_set_credentials, client, NULL, NULL, NULL, "d");
    INVALID("client_id is empty", tango_client_set_credentials, client, "", "b", NULL, NULL);
    INVALID("password", tango_client_set_credentials, client, NULL, NULL, "c", NOT_UTF8);
    INVALID("client", tango_token_acquire_start, NULL, done, NULL, &request);
    INVALID("done", tango_token_acquire_start, client, NULL, NULL, &request);
    tango_authorization *authorization = NULL;
    int32_t verdict = 0;
    INVALID("client", tango_client_authorize, NULL, "GET", "https://h/", &authorization);
    INVALID("method", tango_client_authorize, client, NULL, "https://h/", &authorization);
    INVALID("method", tango_client_authorize, client, NOT_UTF8, "https://h/", &authorization);
    INVALID("url", tango_client_authorize, client, "GET", NULL, &authorization);
    INVALID("url", tango_client_authorize, client, "GET", NOT_UTF8, &authorization);
    INVALID("url", tango_client_authorize, client, "GET", "https://other.example/", &authorization);
    INVALID("authorization", tango_client_authorize, client, "GET", "https://h/", NULL);
    INVALID("client", tango_client_try_authorize, NULL, "GET", "https://h/", &authorization);
    INVALID("method", tango_client_try_authorize, client, NULL, "https://h/", &authorization);
    INVALID("url", tango_client_try_authorize, client, "GET", NOT_UTF8, &authorization);
    INVALID("url", tango_client_try_authorize, client, "GET", "https://other.example/", &authorization);
    INVALID("authorization", tango_client_try_authorize, client, "GET", "https://h/", NULL);
    INVALID("rejected", tango_client_authorize_again, client, NULL, &authorization);
    INVALID("client", tango_client_observe, NULL, authorization, 200, NULL, NULL, NULL, &verdict);
    INVALID("authorization", tango_client_observe, client, NULL, 200, NULL, NULL, NULL, &verdict);
    CHECK(authorization == NULL && verdict == 0);
    INVALID("max_level", tango_log_set_callback, 0, NULL, NULL);
    INVALID("max_level", tango_log_set_callback, 6, NULL, NULL);
    INVALID("max_level", tango_log_set_record_callback, TANGO_LOG_LEVEL_OFF, NULL, NULL);
    INVALID("level", tango_log_to_stderr, 6, TANGO_LOG_FORMAT_TEXT);
    INVALID("format", tango_log_to_stderr, TANGO_LOG_LEVEL_INFO, 0);
    CHECK(tango_log_set_callback(TANGO_LOG_LEVEL_INFO, NULL, NULL, NULL) == TANGO_STATUS_OK);
    CHECK(token == NULL && request == NULL);
    tango_client_free(client);
}

static void dpop(void)
{
    tango_dpop_key *key = NULL;
    tango_dpop_proof *proof = NULL;
    static const int32_t unknown[] = {0, 6, -1, INT_MAX, INT_MIN};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        INVALID("algorithm", tango_dpop_key_generate, unknown[i], &key);
    INVALID("key", tango_dpop_key_generate, TANGO_ALGORITHM_ES256, NULL);
    INVALID("pem", tango_dpop_key_from_pem, NULL, 0, &key);
    INVALID("pem", tango_dpop_key_from_pem, NOT_UTF8, 0, &key);
    INVALID("algorithm", tango_dpop_key_from_pem, "", 6, &key);
    INVALID("key", tango_dpop_key_from_pem, "", 0, NULL);
    INVALID("jwk", tango_dpop_key_from_jwk, NULL, &key);
    INVALID("jwk", tango_dpop_key_from_jwk, NOT_UTF8, &key);
    INVALID("path", tango_dpop_key_from_file, NULL, &key);
    INVALID("sign", tango_dpop_key_from_signer, TANGO_ALGORITHM_ES256, "{}", NULL, NULL, NULL, &key);
    CHECK(tango_dpop_key_from_jwk("{}", &key, NULL) == TANGO_STATUS_KEY_REJECTED && key == NULL);

    CHECK(tango_dpop_key_generate(TANGO_ALGORITHM_ES256, &key, NULL) == TANGO_STATUS_OK);
    INVALID("key", tango_dpop_proof_new, NULL, "GET", "https://h/", NULL, NULL, &proof);
    INVALID("method", tango_dpop_proof_new, key, NULL, "https://h/", NULL, NULL, &proof);
    INVALID("method", tango_dpop_proof_new, key, "G T", "https://h/", NULL, NULL, &proof);
    INVALID("url", tango_dpop_proof_new, key, "GET", NULL, NULL, NULL, &proof);
    INVALID("url", tango_dpop_proof_new, key, "GET", "/no/host", NULL, NULL, &proof);
    INVALID("access_token", tango_dpop_proof_new, key, "GET", "https://h/", NOT_UTF8, NULL, &proof);
    INVALID("nonce", tango_dpop_proof_new, key, "GET", "https://h/", NULL, "\r\n", &proof);
    INVALID("proof", tango_dpop_proof_new, key, "GET", "https://h/", NULL, NULL, NULL);
    INVALID("pem", tango_dpop_key_to_pem, key, NULL);
    const char *pem = NULL;
    INVALID("key", tango_dpop_key_to_pem, NULL, &pem);
    CHECK(proof == NULL && pem == NULL);
    tango_dpop_key_free(key);
}

static void null_objects(void)
{
    CHECK(tango_authorization_value(NULL) == NULL);
    CHECK(tango_authorization_dpop(NULL) == NULL);
    tango_authorization_free(NULL);
    CHECK(tango_dpop_key_clone(NULL) == NULL);
    CHECK(tango_token_dpop_key(NULL) == NULL);
    CHECK(tango_dpop_key_algorithm(NULL) == 0);
    CHECK(tango_dpop_key_public_jwk(NULL) == NULL);
    CHECK(tango_dpop_key_thumbprint(NULL) == NULL);
    CHECK(tango_dpop_proof_value(NULL) == NULL);
    tango_dpop_key_free(NULL);
    tango_dpop_proof_free(NULL);
    CHECK(tango_client_clone(NULL) == NULL);
    CHECK(tango_token_clone(NULL) == NULL);
    CHECK(tango_token_value(NULL) == NULL);
    CHECK(tango_token_type(NULL) == NULL);
    CHECK(tango_token_scope(NULL) == NULL);
    CHECK(tango_token_expires_in_seconds(NULL) == 0);
    CHECK(tango_error_status(NULL) == TANGO_STATUS_OK);
    CHECK(tango_error_message(NULL) == NULL);
    CHECK(tango_error_http_status(NULL) == 0);
    CHECK(tango_error_oauth_error(NULL) == NULL);
    CHECK(tango_error_oauth_error_description(NULL) == NULL);
    CHECK(tango_error_i18n_key(NULL) == NULL);
    CHECK(tango_error_server_message(NULL) == NULL);
    CHECK(tango_error_request_id(NULL) == NULL);
    CHECK(tango_error_retry_after_seconds(NULL) == -1);
    tango_request_cancel(NULL);
    tango_config_free(NULL);
    tango_client_free(NULL);
    tango_token_free(NULL);
    tango_request_free(NULL);
    tango_error_free(NULL);
}

static void names(void)
{
    CHECK(strcmp(tango_status_name(TANGO_STATUS_OK), "TANGO_STATUS_OK") == 0);
    CHECK(strcmp(tango_status_name(TANGO_STATUS_INTERNAL), "TANGO_STATUS_INTERNAL") == 0);
    for (int32_t status = TANGO_STATUS_OK; status <= TANGO_STATUS_CACHE_UNAVAILABLE; status++)
        CHECK(tango_status_name(status) != NULL);
    CHECK(tango_status_name(-1) == NULL && tango_status_name(TANGO_STATUS_CACHE_UNAVAILABLE + 1) == NULL);
    CHECK(tango_abi_version() == TANGO_ABI_VERSION);
    CHECK(strlen(tango_version()) > 0);
}

int main(void)
{
    tango_config *config = tango_config_new();
    setters(config);
    calls(config);
    tango_config_free(config);
    dpop();
    null_objects();
    names();
    puts("every bad input is an invalid argument");
    return 0;
}
