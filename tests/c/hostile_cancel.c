/* Many threads cancel the same requests at the same instant, while they start, end and are delivered: `done` is called once
 * for each, and the handles are freed afterwards by yet other threads. */
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "check.h"

enum { ROUNDS = 40, REQUESTS = 100, THREADS = 8 };

static tango_client *client;
static tango_request *requests[REQUESTS];
static atomic_int ended[REQUESTS], tokens, cancellations;
static pthread_barrier_t started, cancelled;

static void done(void *count, tango_token *token, tango_error *error)
{
    CHECK((token == NULL) == (error != NULL));
    CHECK(token != NULL || tango_error_status(error) == TANGO_STATUS_CANCELLED);
    *(token != NULL ? &tokens : &cancellations) += 1;
    tango_token_free(token);
    tango_error_free(error);
    *(atomic_int *)count += 1;
}

static void *cancel(void *number)
{
    int first = (int)(size_t)number;
    for (int round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&started);
        for (int i = 0; i < REQUESTS; i++)
            tango_request_cancel(requests[(i + first * 7) % REQUESTS]);
        pthread_barrier_wait(&cancelled);
        for (int i = first; i < REQUESTS; i += THREADS)
            tango_request_free(requests[i]);
        pthread_barrier_wait(&cancelled);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    client = client_from_env();
    pthread_barrier_init(&started, NULL, THREADS + 1);
    pthread_barrier_init(&cancelled, NULL, THREADS + 1);
    for (size_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, cancel, (void *)i) == 0);
    for (int round = 0; round < ROUNDS; round++) {
        /* The second half of the rounds finds a token. */
        if (round == ROUNDS / 2)
            tango_token_free(acquire(client));
        for (int i = 0; i < REQUESTS; i++)
            CHECK(tango_token_acquire_start(client, done, &ended[i], &requests[i], NULL) == TANGO_STATUS_OK);
        pthread_barrier_wait(&started);
        pthread_barrier_wait(&cancelled);
        pthread_barrier_wait(&cancelled);
        while (tokens + cancellations < (round + 1) * REQUESTS)
            usleep(200);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < REQUESTS; i++)
        CHECK(ended[i] == ROUNDS);
    CHECK(cancellations > 0 && tokens > 0);
    tango_client_free(client);
    printf("%d requests cancelled by %d threads at once, each completed once\n", ROUNDS * REQUESTS, THREADS);
    return 0;
}
