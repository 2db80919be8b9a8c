/* No thread can be started for a while: calls fail at once and say why, and work as soon as there are threads again. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>

#include "check.h"

static atomic_int is_refused;
static sem_t ended;

/* Takes the place of the C library's, for this library as well. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
    static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    return is_refused ? EAGAIN : real(thread, attributes, start, argument);
}

static void done(void *status, tango_token *token, tango_error *error)
{
    *(tango_status *)status = tango_error_status(error);
    tango_token_free(token);
    tango_error_free(error);
    sem_post(&ended);
}

static tango_status acquired(const tango_client *client)
{
    tango_token *token = NULL;
    tango_error *error = NULL;
    tango_status status = tango_token_acquire(client, &token, &error);
    CHECK((status == TANGO_STATUS_OK) == (token != NULL));
    tango_token_free(token);
    tango_error_free(error);
    return status;
}

/* The library's own thread cannot be started. */
static void before_the_first_call(const tango_client *client)
{
    tango_status never = -1;
    tango_token *token = NULL;
    is_refused = 1;
    CHECK(acquired(client) == TANGO_STATUS_INTERNAL);
    CHECK(tango_token_acquire_start(client, done, &never, NULL, NULL) == TANGO_STATUS_INTERNAL);
    CHECK(tango_token_try_acquire(client, &token, NULL) == TANGO_STATUS_OK && token == NULL);
    is_refused = 0;
    CHECK(acquired(client) == TANGO_STATUS_OK);
    CHECK(never == (tango_status)-1);
}

/* The library's threads run, and the one that would resolve the server's name cannot be started. */
static void after_the_first_call(const tango_client *client)
{
    tango_status ended_with = -1;
    CHECK(tango_token_acquire_start(client, done, &ended_with, NULL, NULL) == TANGO_STATUS_OK);
    CHECK(sem_wait(&ended) == 0 && ended_with == TANGO_STATUS_OK);
    tango_client *next = client_from_env();
    is_refused = 1;
    CHECK(acquired(next) == TANGO_STATUS_CONNECT_FAILED);
    CHECK(tango_token_acquire_start(next, done, &ended_with, NULL, NULL) == TANGO_STATUS_OK);
    CHECK(sem_wait(&ended) == 0 && ended_with == TANGO_STATUS_CONNECT_FAILED);
    is_refused = 0;
    for (int tries = 0; acquired(next) != TANGO_STATUS_OK; tries++) {
        CHECK(tries < 600);
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    tango_client_free(next);
}

int main(void)
{
    CHECK(sem_init(&ended, 0, 0) == 0);
    tango_client *client = client_from_env();
    before_the_first_call(client);
    after_the_first_call(client);
    tango_client_free(client);
    puts("it worked again");
    return 0;
}
