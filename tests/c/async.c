/* Starts many asynchronous requests and cancels a quarter of them: `done` is called once for each, on the library's
 * thread. Then checks what a callback may and may not do. */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "check.h"

enum { REQUESTS = 1000 };

struct outcome {
    atomic_int times;
    atomic_int status;
    pthread_t thread;
};

static sem_t done;

static void record(void *user_data, tango_token *token, tango_error *error)
{
    struct outcome *outcome = user_data;
    CHECK((token == NULL) != (error == NULL));
    outcome->thread = pthread_self();
    outcome->status = tango_error_status(error);
    outcome->times++;
    tango_token_free(token);
    tango_error_free(error);
    sem_post(&done);
}

static void each_request_completes_once(const tango_client *client)
{
    static struct outcome outcomes[REQUESTS];
    static tango_request *requests[REQUESTS];
    for (int i = 0; i < REQUESTS; i++)
        CHECK(tango_token_acquire_start(client, record, &outcomes[i], &requests[i], NULL) == TANGO_STATUS_OK);
    for (int i = 0; i < REQUESTS; i += 4) {
        tango_request_cancel(requests[i]);
        tango_request_cancel(requests[i]);
    }
    /* Half of the handles are freed while their requests are in flight. */
    for (int i = 0; i < REQUESTS; i += 2)
        tango_request_free(requests[i]);
    /* Every cancellation came before the token. */
    gate("release");
    for (int i = 0; i < REQUESTS; i++)
        CHECK(sem_wait(&done) == 0);
    for (int i = 0; i < REQUESTS; i++) {
        CHECK(outcomes[i].times == 1);
        CHECK(!pthread_equal(outcomes[i].thread, pthread_self()));
        CHECK(outcomes[i].status == (i % 4 == 0 ? TANGO_STATUS_CANCELLED : TANGO_STATUS_OK));
        if (i % 2 == 1) {
            tango_request_cancel(requests[i]);
            tango_request_free(requests[i]);
        }
    }
}

struct nested {
    tango_client *client;
    tango_status blocking;
    struct outcome again;
};

/* Inside a callback, a blocking call that finds a token works, and one that would wait for this very thread fails. */
static void acquire_inside(void *user_data, tango_token *token, tango_error *error)
{
    struct nested *nested = user_data;
    CHECK(error == NULL);
    tango_token *held = acquire(nested->client);
    CHECK(strcmp(tango_token_value(held), tango_token_value(token)) == 0);
    tango_token_free(held);
    CHECK(tango_client_invalidate(nested->client, token, NULL) == TANGO_STATUS_OK);
    tango_token_free(token);

    nested->blocking = tango_token_acquire(nested->client, &token, NULL);
    CHECK(tango_token_acquire_start(nested->client, record, &nested->again, NULL, NULL) == TANGO_STATUS_OK);
    CHECK(nested->again.times == 0 && "`done` is never called inline");
    tango_client_free(nested->client);
    sem_post(&done);
}

static void callback_may_call_the_library(const tango_client *client)
{
    struct nested nested = {.client = tango_client_clone(client)};
    CHECK(tango_token_acquire_start(client, acquire_inside, &nested, NULL, NULL) == TANGO_STATUS_OK);
    CHECK(sem_wait(&done) == 0 && sem_wait(&done) == 0);
    CHECK(nested.blocking == TANGO_STATUS_WOULD_BLOCK);
    CHECK(nested.again.times == 1 && nested.again.status == TANGO_STATUS_OK);
}

int main(void)
{
    tango_client *client = client_from_env();
    CHECK(sem_init(&done, 0, 0) == 0);
    gate("hold");
    each_request_completes_once(client);
    callback_may_call_the_library(client);
    tango_client_free(client);
    puts("each request completed once");
    return 0;
}
