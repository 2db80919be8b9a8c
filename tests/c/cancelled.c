/* A caller cancels again and again while a request is under way: each cancelled request is gone at once, and the last caller
 * still gets the token of that one request. */
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>

#include "check.h"

enum { REQUESTS = 50000, ROUND = 1000, MOST_PAGES = 2048 };

static sem_t ended;
static atomic_int cancelled;

static void done(void *unused, tango_token *token, tango_error *error)
{
    (void)unused;
    CHECK(token == NULL);
    cancelled += tango_error_status(error) == TANGO_STATUS_CANCELLED;
    tango_error_free(error);
    sem_post(&ended);
}

/* The pages of memory in use. */
static long pages(void)
{
    long size, resident;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL && fscanf(file, "%ld %ld", &size, &resident) == 2);
    fclose(file);
    return resident;
}

static void cancel_round(const tango_client *client)
{
    static tango_request *requests[ROUND];
    for (int i = 0; i < ROUND; i++)
        CHECK(tango_token_acquire_start(client, done, NULL, &requests[i], NULL) == TANGO_STATUS_OK);
    /* So that they wait already. */
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    for (int i = 0; i < ROUND; i++) {
        tango_request_cancel(requests[i]);
        tango_request_free(requests[i]);
    }
    for (int i = 0; i < ROUND; i++)
        CHECK(sem_wait(&ended) == 0);
}

int main(void)
{
    CHECK(sem_init(&ended, 0, 0) == 0);
    tango_client *client = client_from_env();
    cancel_round(client);
    long before = pages();
    for (int i = ROUND; i < REQUESTS; i += ROUND)
        cancel_round(client);
    CHECK(cancelled == REQUESTS);
    CHECK(pages() - before < MOST_PAGES);
    tango_token_free(acquire(client));
    tango_client_free(client);
    puts("nothing was left behind");
    return 0;
}
