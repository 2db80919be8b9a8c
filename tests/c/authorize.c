/* The headers of API requests, and what the client learns from made-up responses. */
#include "check.h"

#define USE_NONCE "DPoP error=\"use_dpop_nonce\", error_description=\"a nonce is needed\""

static tango_client *client;

static tango_authorization *authorize(const char *url)
{
    tango_authorization *authorization = NULL;
    tango_error *error = NULL;
    if (tango_client_authorize(client, "GET", url, &authorization, &error) != TANGO_STATUS_OK) {
        fprintf(stderr, "%s\n", tango_error_message(error));
        exit(1);
    }
    CHECK(strncmp(tango_authorization_value(authorization), "DPoP ey", 7) == 0);
    CHECK(strncmp(tango_authorization_dpop(authorization), "ey", 2) == 0);
    return authorization;
}

static int32_t observe(const tango_authorization *authorization, int32_t http_status, const char *nonce,
                       const char *challenge)
{
    int32_t verdict = 0;
    CHECK(tango_client_observe(client, authorization, http_status, nonce, challenge, NULL, &verdict, NULL) ==
          TANGO_STATUS_OK);
    return verdict;
}

static void observe_fails(const tango_authorization *authorization, const char *nonce, const char *challenge,
                          tango_status expected)
{
    int32_t verdict = 0;
    tango_error *error = NULL;
    CHECK(tango_client_observe(client, authorization, 401, nonce, challenge, NULL, &verdict, &error) == expected);
    CHECK(verdict == 0 && tango_error_status(error) == expected && tango_error_http_status(error) == 401);
    tango_error_free(error);
}

int main(void)
{
    tango_config *config = tango_config_new();
    CHECK(tango_config_load_env(config, NULL) == TANGO_STATUS_OK);
    CHECK(tango_config_set_dpop(config, TANGO_DPOP_MODE_REQUIRED, NULL) == TANGO_STATUS_OK);
    CHECK(tango_client_new(config, &client, NULL) == TANGO_STATUS_OK);
    tango_config_free(config);

    char url[300];
    CHECK(snprintf(url, sizeof url, "%s/accounts", getenv("TANGO_API_URL")) < (int)sizeof url);
    tango_authorization *first = authorize(url), *again = NULL;
    CHECK(observe(first, 401, "a-nonce", USE_NONCE) == TANGO_VERDICT_RETRY);
    CHECK(tango_client_authorize_again(client, first, &again, NULL) == TANGO_STATUS_OK);
    CHECK(strcmp(tango_authorization_dpop(first), tango_authorization_dpop(again)) != 0);
    CHECK(observe(again, 200, NULL, NULL) == TANGO_VERDICT_DONE);
    observe_fails(again, "another", USE_NONCE, TANGO_STATUS_PROOF_REFUSED);
    observe_fails(first, NULL, "Bearer", TANGO_STATUS_TOKEN_REFUSED);
    CHECK(observe(first, 99, NULL, USE_NONCE) == TANGO_VERDICT_DONE);
    CHECK(observe(first, INT32_MIN, NULL, USE_NONCE) == TANGO_VERDICT_DONE);
    CHECK(tango_client_observe(client, first, 200, NULL, NULL, NULL, NULL, NULL) == TANGO_STATUS_INVALID_ARGUMENT);

    tango_token *token = acquire(client);
    tango_dpop_key *key = tango_token_dpop_key(token);
    CHECK(key != NULL && tango_dpop_key_algorithm(key) == TANGO_ALGORITHM_ES256);
    tango_dpop_key_free(key);
    tango_token_free(token);
    tango_client_free(client);
    tango_authorization_free(again);
    tango_authorization_free(first);
    puts("the headers follow the responses");
    return 0;
}
