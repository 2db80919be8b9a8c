/* Threads of the program end inside of calls: pthread_cancel takes effect after the call, whose result is whole, and other
 * threads go on. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "check.h"

enum { MAKERS = 200 };

static tango_client *client;
static atomic_int is_inside;

struct outcome {
    tango_token *token;
    tango_client *client;
};

/* Never returns: `pause` is a point at which a thread is cancelled. */
static void *wait_for_the_end(void)
{
    while (pause() != 0)
        continue;
    return NULL;
}

static void *wait_for_token(void *outcome)
{
    is_inside = 1;
    tango_token_acquire(client, &((struct outcome *)outcome)->token, NULL);
    return wait_for_the_end();
}

/* Reads files, in calls of the C library at which a thread can be cancelled. */
static void *make_client(void *outcome)
{
    tango_config *config = tango_config_new();
    tango_config_load_env(config, NULL);
    is_inside = 1;
    tango_client_new(config, &((struct outcome *)outcome)->client, NULL);
    tango_config_free(config);
    return wait_for_the_end();
}

static struct outcome cancel_inside(void *(*call)(void *))
{
    pthread_t thread;
    void *result;
    struct outcome outcome = {0};
    is_inside = 0;
    CHECK(pthread_create(&thread, NULL, call, &outcome) == 0);
    while (!is_inside)
        usleep(10);
    CHECK(pthread_cancel(thread) == 0);
    CHECK(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
    return outcome;
}

static void *leave(void *token)
{
    *(tango_token **)token = acquire(client);
    pthread_exit(NULL);
}

int main(void)
{
    client = client_from_env();
    struct outcome outcome = cancel_inside(wait_for_token);
    CHECK(outcome.token != NULL);
    tango_token_free(outcome.token);
    for (int i = 0; i < MAKERS; i++) {
        outcome = cancel_inside(make_client);
        CHECK(outcome.client != NULL);
        tango_client_free(outcome.client);
    }
    pthread_t thread;
    tango_token *token = NULL;
    CHECK(pthread_create(&thread, NULL, leave, &token) == 0 && pthread_join(thread, NULL) == 0);
    CHECK(token != NULL);
    tango_token_free(token);
    tango_token_free(acquire(client));
    tango_client_free(client);
    printf("%d threads were cancelled inside of calls, and each call was completed\n", MAKERS + 1);
    return 0;
}
