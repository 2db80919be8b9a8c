/* Many asynchronous requests, a quarter of them cancelled: each ends exactly once, on the library's thread, after its
 * start has returned. And what a callback may and may not do. */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "check.h"

enum { REQUESTS = 1000 };

struct ending {
    atomic_int times;
    atomic_int status;
    pthread_t thread;
};

static sem_t ended;

static void count(void *user_data, tango_token *token, tango_error *error)
{
    struct ending *ending = user_data;
    CHECK((token == NULL) != (error == NULL));
    ending->thread = pthread_self();
    ending->status = tango_error_status(error);
    ending->times++;
    tango_token_free(token);
    tango_error_free(error);
    sem_post(&ended);
}

static void each_ends_once(const tango_client *client)
{
    static struct ending endings[REQUESTS];
    static tango_request *requests[REQUESTS];
    for (int i = 0; i < REQUESTS; i++)
        CHECK(tango_token_acquire_start(client, count, &endings[i], &requests[i], NULL) == TANGO_STATUS_OK);
    for (int i = 0; i < REQUESTS; i += 4) {
        tango_request_cancel(requests[i]);
        tango_request_cancel(requests[i]);
    }
    /* Half of the handles go before their requests have ended. */
    for (int i = 0; i < REQUESTS; i += 2)
        tango_request_free(requests[i]);
    for (int i = 0; i < REQUESTS; i++)
        CHECK(sem_wait(&ended) == 0);
    int cancelled = 0;
    for (int i = 0; i < REQUESTS; i++) {
        CHECK(endings[i].times == 1);
        CHECK(!pthread_equal(endings[i].thread, pthread_self()));
        CHECK(endings[i].status == TANGO_STATUS_OK || endings[i].status == TANGO_STATUS_CANCELLED);
        CHECK(endings[i].status == TANGO_STATUS_OK || i % 4 == 0);
        cancelled += endings[i].status == TANGO_STATUS_CANCELLED;
        if (i % 2 == 1) {
            tango_request_cancel(requests[i]);
            tango_request_free(requests[i]);
        }
    }
    /* The server takes its time, so that every cancellation comes before the token. */
    CHECK(cancelled == REQUESTS / 4);
}

struct nested {
    tango_client *client;
    tango_status blocking;
    struct ending again;
};

/* A blocking call with a token at hand works; one that would wait for this very thread is refused. */
static void call_back_in(void *user_data, tango_token *token, tango_error *error)
{
    struct nested *nested = user_data;
    CHECK(error == NULL);
    tango_token *held = acquire(nested->client);
    CHECK(strcmp(tango_token_value(held), tango_token_value(token)) == 0);
    tango_token_free(held);
    CHECK(tango_client_invalidate(nested->client, token, NULL) == TANGO_STATUS_OK);
    tango_token_free(token);

    nested->blocking = tango_token_acquire(nested->client, &token, NULL);
    CHECK(tango_token_acquire_start(nested->client, count, &nested->again, NULL, NULL) == TANGO_STATUS_OK);
    CHECK(nested->again.times == 0 && "never inline");
    tango_client_free(nested->client);
    sem_post(&ended);
}

static void a_callback_may_call(const tango_client *client)
{
    struct nested nested = {.client = tango_client_clone(client)};
    CHECK(tango_token_acquire_start(client, call_back_in, &nested, NULL, NULL) == TANGO_STATUS_OK);
    CHECK(sem_wait(&ended) == 0 && sem_wait(&ended) == 0);
    CHECK(nested.blocking == TANGO_STATUS_WOULD_BLOCK);
    CHECK(nested.again.times == 1 && nested.again.status == TANGO_STATUS_OK);
}

int main(void)
{
    tango_client *client = client_from_env();
    CHECK(sem_init(&ended, 0, 0) == 0);
    each_ends_once(client);
    a_callback_may_call(client);
    tango_client_free(client);
    puts("each request ended once");
    return 0;
}
