/* Acquires a token twice: the first comes over TLS, the second from memory.
 *
 *     acquire                           describes both tokens without their secret
 *     acquire header | curl -H @- URL   prints the Authorization header for another program
 *
 * The configuration comes from the TANGO_* environment variables. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <tango_token.h>

static int report(const char *what, tango_error *error)
{
    fprintf(stderr, "%s: %s\n  %s\n", what, tango_status_name(tango_error_status(error)), tango_error_message(error));
    if (tango_error_request_id(error) != NULL)
        fprintf(stderr, "  request ID for Tango's support: %s\n", tango_error_request_id(error));
    if (tango_error_retry_after_seconds(error) >= 0)
        fprintf(stderr, "  try again in %" PRId64 " s\n", tango_error_retry_after_seconds(error));
    tango_error_free(error);
    return 1;
}

static double now_ms(void)
{
    struct timespec time;
    timespec_get(&time, TIME_UTC);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static int acquire_twice(const tango_client *client, int write_header)
{
    for (int round = 1; round <= 2; round++) {
        tango_token *token = NULL;
        tango_error *error = NULL;
        double start = now_ms();
        if (tango_token_acquire(client, &token, &error) != TANGO_STATUS_OK)
            return report("no token", error);
        fprintf(stderr, "%d. %s token for %s, good for %" PRId64 " s, in %.4f ms\n", round, tango_token_type(token),
                tango_token_scope(token), tango_token_expires_in_seconds(token), now_ms() - start);
        if (write_header && round == 2)
            printf("Authorization: %s %s\n", tango_token_type(token), tango_token_value(token));
        tango_token_free(token);
    }
    return fflush(stdout) != 0;
}

int main(int argc, char **argv)
{
    tango_config *config = tango_config_new();
    tango_client *client = NULL;
    tango_error *error = NULL;
    if (tango_config_load_env(config, &error) != TANGO_STATUS_OK ||
        tango_client_new(config, &client, &error) != TANGO_STATUS_OK) {
        tango_config_free(config);
        return report("cannot start", error);
    }
    tango_config_free(config);
    int result = acquire_twice(client, argc > 1 && strcmp(argv[1], "header") == 0);
    tango_client_free(client);
    return result;
}
