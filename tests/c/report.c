/* Acquires one token and prints every field of the outcome, and the log, for a test to compare. */
#include <inttypes.h>

#include "check.h"

static void print_log(void *user_data, int32_t level, const char *message)
{
    (void)user_data;
    printf("log=%" PRId32 " %s\n", level, message);
}

static void print(const char *name, const char *value)
{
    if (value != NULL)
        printf("%s=%s\n", name, value);
}

int main(void)
{
    tango_config *config = tango_config_new();
    tango_client *client = NULL;
    tango_token *token = NULL;
    tango_error *error = NULL;
    CHECK(tango_log_set_callback(TANGO_LOG_LEVEL_TRACE, print_log, NULL, NULL) == TANGO_STATUS_OK);
    tango_status status = tango_config_load_env(config, &error);
    if (status == TANGO_STATUS_OK)
        status = tango_client_new(config, &client, &error);
    if (status == TANGO_STATUS_OK)
        status = tango_token_acquire(client, &token, &error);
    CHECK(status == tango_error_status(error));
    CHECK((status == TANGO_STATUS_OK) == (token != NULL));

    print("status", tango_status_name(status));
    print("message", tango_error_message(error));
    print("oauth_error", tango_error_oauth_error(error));
    print("oauth_error_description", tango_error_oauth_error_description(error));
    print("i18n_key", tango_error_i18n_key(error));
    print("server_message", tango_error_server_message(error));
    print("request_id", tango_error_request_id(error));
    printf("http_status=%" PRId32 "\n", tango_error_http_status(error));
    printf("retry_after_seconds=%" PRId64 "\n", tango_error_retry_after_seconds(error));
    print("token_type", tango_token_type(token));
    print("scope", tango_token_scope(token));
    printf("expires_in_seconds=%" PRId64 "\n", tango_token_expires_in_seconds(token));

    tango_token_free(token);
    tango_error_free(error);
    tango_client_free(client);
    tango_config_free(config);
    return 0;
}
