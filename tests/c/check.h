/* Helpers of the test programs: a check that reports its line, a client from the environment, and a gate. */
#ifndef TANGO_TEST_CHECK_H
#define TANGO_TEST_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tango_token.h>

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);                                  \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

static inline tango_client *client_from_env(void)
{
    tango_config *config = tango_config_new();
    tango_client *client = NULL;
    tango_error *error = NULL;
    if (tango_config_load_env(config, &error) != TANGO_STATUS_OK ||
        tango_client_new(config, &client, &error) != TANGO_STATUS_OK) {
        fprintf(stderr, "no client: %s\n", tango_error_message(error));
        exit(1);
    }
    tango_config_free(config);
    return client;
}

static inline tango_token *acquire(const tango_client *client)
{
    tango_token *token = NULL;
    tango_error *error = NULL;
    if (tango_token_acquire(client, &token, &error) != TANGO_STATUS_OK) {
        fprintf(stderr, "no token: %s\n", tango_error_message(error));
        exit(1);
    }
    return token;
}

/* `hold` stops all requests on their way to the server until `release`: see Program::run_at_gate. */
static inline void gate(const char *command)
{
    char line[16];
    printf("gate %s\n", command);
    fflush(stdout);
    CHECK(fgets(line, sizeof line, stdin) != NULL);
}

#endif
