/* Asks for the held token, and for headers with it, without waiting: none at first, then those of the token that an
 * acquire or this call itself has started. */
#include <semaphore.h>
#include <stdbool.h>
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

static bool has_headers(const tango_client *client)
{
    tango_authorization *authorization = NULL;
    CHECK(tango_client_try_authorize(client, "GET", getenv("TANGO_API_URL"), &authorization, NULL) == TANGO_STATUS_OK);
    bool made = authorization != NULL;
    CHECK(!made || strncmp(tango_authorization_value(authorization), "Bearer ", 7) == 0);
    tango_authorization_free(authorization);
    return made;
}

static void foreign_origin_is_refused(const tango_client *client)
{
    tango_authorization *authorization = NULL;
    CHECK(tango_client_try_authorize(client, "GET", "https://other.example/", &authorization, NULL) ==
          TANGO_STATUS_INVALID_ARGUMENT);
    CHECK(authorization == NULL);
}

int main(void)
{
    CHECK(sem_init(&ended, 0, 0) == 0);
    tango_client *client = client_from_env();
    foreign_origin_is_refused(client);
    CHECK(held(client) == NULL && !has_headers(client));
    CHECK(tango_token_acquire_start(client, done, NULL, NULL, NULL) == TANGO_STATUS_OK);
    CHECK(sem_wait(&ended) == 0);
    foreign_origin_is_refused(client);
    CHECK(has_headers(client));
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
