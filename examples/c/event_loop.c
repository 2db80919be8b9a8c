/* Acquires a token without blocking, in a program whose main thread runs an event loop: poll and a pipe.
 *
 * The callback runs on the library's thread, where it must not wait: it only passes the outcome to the loop through the
 * pipe. The configuration comes from the TANGO_* environment variables. */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include <tango_token.h>

struct outcome {
    tango_token *token;
    tango_error *error;
};

static void done(void *user_data, tango_token *token, tango_error *error)
{
    const int *pipe_end = user_data;
    struct outcome outcome = {token, error};
    /* A write of this size to a pipe is atomic, and the loop reads it before it closes its end. */
    if (write(*pipe_end, &outcome, sizeof outcome) != sizeof outcome) {
        tango_token_free(token);
        tango_error_free(error);
    }
}

static int report(const char *what, tango_error *error)
{
    fprintf(stderr, "%s: %s\n  %s\n", what, tango_status_name(tango_error_status(error)), tango_error_message(error));
    tango_error_free(error);
    return 1;
}

static int finish(struct outcome outcome)
{
    if (outcome.error != NULL)
        return report("no token", outcome.error);
    printf("%s token, good for %" PRId64 " s\n", tango_token_type(outcome.token),
           tango_token_expires_in_seconds(outcome.token));
    tango_token_free(outcome.token);
    return 0;
}

static int run(const tango_client *client)
{
    int ends[2];
    if (pipe(ends) != 0)
        return 1;
    tango_request *request = NULL;
    tango_error *error = NULL;
    if (tango_token_acquire_start(client, done, &ends[1], &request, &error) != TANGO_STATUS_OK)
        return report("cannot start a request", error);

    struct outcome outcome;
    struct pollfd readable = {.fd = ends[0], .events = POLLIN};
    int ticks = 0;
    while (poll(&readable, 1, 1000) == 0)
        /* The loop could do other work here. It gives up after ten idle seconds. */
        if (++ticks == 10)
            tango_request_cancel(request);
    if (read(ends[0], &outcome, sizeof outcome) != sizeof outcome)
        return 1;
    tango_request_free(request);
    close(ends[0]);
    close(ends[1]);
    return finish(outcome);
}

int main(void)
{
    tango_config *config = tango_config_new();
    tango_client *client = NULL;
    tango_error *error = NULL;
    int result;
    if (tango_config_load_env(config, &error) != TANGO_STATUS_OK ||
        tango_client_new(config, &client, &error) != TANGO_STATUS_OK)
        result = report("cannot start", error);
    else
        result = run(client);
    tango_client_free(client);
    tango_config_free(config);
    return result;
}
