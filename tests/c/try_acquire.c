/* Asks for the held token without waiting: none at first, then the one that an acquire or this call itself has started. */
#include <semaphore.h>
#include <time.h>

#include "check.h"

static sem_t ended;

static void done(void *unused, tango_token *token, tango_error *error)
{
    (void)unused;
    CHECK(error == NULL);
    tango_token_free(token);
    sem_post(&ended);
}

static tango_token *held(const tango_client *client)
{
    tango_token *token = NULL;
    CHECK(tango_token_try_acquire(client, &token, NULL) == TANGO_STATUS_OK);
    return token;
}

int main(void)
{
    CHECK(sem_init(&ended, 0, 0) == 0);
    tango_client *client = client_from_env();
    CHECK(held(client) == NULL);
    CHECK(tango_token_acquire_start(client, done, NULL, NULL, NULL) == TANGO_STATUS_OK);
    CHECK(sem_wait(&ended) == 0);
    tango_token *token = held(client), *same = acquire(client);
    CHECK(token != NULL && strcmp(tango_token_value(token), tango_token_value(same)) == 0);

    CHECK(tango_client_invalidate(client, token, NULL) == TANGO_STATUS_OK);
    tango_token *next = held(client);
    for (int waited_ms = 0; next == NULL && waited_ms < 20000; waited_ms += 10) {
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        next = held(client);
    }
    CHECK(next != NULL && strcmp(tango_token_value(token), tango_token_value(next)) != 0);
    tango_token_free(token);
    tango_token_free(same);
    tango_token_free(next);

    tango_error *error = NULL;
    CHECK(tango_token_try_acquire(NULL, &token, &error) == TANGO_STATUS_INVALID_ARGUMENT);
    CHECK(strstr(tango_error_message(error), "client") != NULL);
    tango_error_free(error);
    CHECK(tango_token_try_acquire(client, NULL, NULL) == TANGO_STATUS_INVALID_ARGUMENT);
    tango_client_free(client);
    puts("the held token, without waiting");
    return 0;
}
