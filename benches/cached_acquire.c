/* Measures a call that is served from memory, acquire and free, try_acquire and free, on one to eight threads. */
#include <pthread.h>
#include <time.h>

#include "../tests/c/check.h"

enum { CALLS = 5000000, MOST_THREADS = 8 };

static tango_client *client;
static pthread_barrier_t start;
static tango_status (*taking)(const tango_client *, tango_token **, tango_error **);

static double now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void *call(void *ns_per_call)
{
    pthread_barrier_wait(&start);
    double begin = now_ns();
    for (int i = 0; i < CALLS; i++) {
        tango_token *token = NULL;
        if (taking(client, &token, NULL) != TANGO_STATUS_OK)
            abort();
        tango_token_free(token);
    }
    *(double *)ns_per_call = (now_ns() - begin) / CALLS;
    return NULL;
}

/* Returns the mean time of a call over all threads, including the time that a thread waits for a processor. */
static double measure(int threads)
{
    pthread_t handles[MOST_THREADS];
    double ns[MOST_THREADS], sum = 0;
    pthread_barrier_init(&start, NULL, (unsigned)threads);
    for (int i = 0; i < threads; i++)
        CHECK(pthread_create(&handles[i], NULL, call, &ns[i]) == 0);
    for (int i = 0; i < threads; i++) {
        CHECK(pthread_join(handles[i], NULL) == 0);
        sum += ns[i];
    }
    pthread_barrier_destroy(&start);
    return sum / threads;
}

int main(void)
{
    client = client_from_env();
    tango_token_free(acquire(client));
    for (int threads = 1; threads <= MOST_THREADS; threads *= 2) {
        taking = tango_token_acquire;
        printf("acquire %d %.1f\n", threads, measure(threads));
        taking = tango_token_try_acquire;
        printf("try_acquire %d %.1f\n", threads, measure(threads));
    }
    tango_client_free(client);
    return 0;
}
