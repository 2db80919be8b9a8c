/* A log callback and a `done` hang. Requests are sent and deadlines are kept all the same, and the log delays no
 * `done`; lines that wait for the log are bounded, in order, and those that were dropped are counted. */
#include <semaphore.h>
#include <stdatomic.h>

#include "check.h"

/* Two lines each, one more than wait. */
enum { PAIRS = 600, MOST_LINES = 1000 };

static sem_t logging, go_on, ended;
static atomic_int lines, out_of_order, reported;

/* A rejection and its end take turns, until the line that counts the dropped ones. */
static void hang_and_count(void *unused, int32_t level, const char *message)
{
    (void)unused;
    (void)level;
    if (lines == 0) {
        sem_post(&logging);
        CHECK(sem_wait(&go_on) == 0);
    }
    int dropped = 0;
    if (sscanf(message, "%d log lines were dropped", &dropped) == 1)
        reported += dropped;
    else if (reported == 0)
        out_of_order += (strstr(message, "accepted") != NULL) != (lines % 2 == 1);
    lines++;
}

static void complete(void *unused, tango_token *token, tango_error *error)
{
    (void)unused;
    CHECK(error == NULL);
    tango_token_free(token);
    sem_post(&ended);
}

static void hang(void *unused, tango_token *token, tango_error *error)
{
    (void)unused;
    CHECK(error == NULL);
    tango_token_free(token);
    sem_post(&logging);
    CHECK(sem_wait(&go_on) == 0);
    sem_post(&ended);
}

/* An API rejects the token, then accepts it: two lines, and no request. */
static void log_two_lines(const tango_client *client, const tango_authorization *sent)
{
    int32_t verdict;
    tango_token *token = acquire(client);
    CHECK(tango_client_invalidate(client, token, NULL) == TANGO_STATUS_OK);
    tango_token_free(token);
    CHECK(tango_client_observe(client, sent, 200, NULL, NULL, NULL, &verdict, NULL) == TANGO_STATUS_OK);
}

static void a_log_that_hangs(const tango_client *client)
{
    tango_authorization *sent = NULL;
    CHECK(tango_client_authorize(client, "GET", getenv("TANGO_API_URL"), &sent, NULL) == TANGO_STATUS_OK);
    CHECK(tango_log_set_callback(TANGO_LOG_LEVEL_INFO, hang_and_count, NULL, NULL) == TANGO_STATUS_OK);
    log_two_lines(client, sent);
    CHECK(sem_wait(&logging) == 0);
    CHECK(tango_token_acquire_start(client, complete, NULL, NULL, NULL) == TANGO_STATUS_OK);
    CHECK(sem_wait(&ended) == 0);
    for (int i = 1; i < PAIRS; i++)
        log_two_lines(client, sent);
    CHECK(sem_post(&go_on) == 0);
    /* Hands over what waits; a line after that tells what was dropped. */
    CHECK(tango_log_set_callback(TANGO_LOG_LEVEL_INFO, hang_and_count, NULL, NULL) == TANGO_STATUS_OK);
    log_two_lines(client, sent);
    tango_authorization_free(sent);
    CHECK(tango_log_set_callback(TANGO_LOG_LEVEL_INFO, NULL, NULL, NULL) == TANGO_STATUS_OK);
    /* The first line was being handled, a thousand waited. */
    CHECK(out_of_order == 0 && reported == 2 * PAIRS - MOST_LINES - 1);
    CHECK(lines == MOST_LINES + 1 + 1 + 2);
}

static void a_done_that_hangs(const tango_client *client)
{
    CHECK(tango_token_acquire_start(client, hang, NULL, NULL, NULL) == TANGO_STATUS_OK);
    CHECK(sem_wait(&logging) == 0);
    /* Another request, asynchronous and blocking, while the first callback has not returned. */
    tango_client *other = client_from_env();
    CHECK(tango_token_acquire_start(other, hang, NULL, NULL, NULL) == TANGO_STATUS_OK);
    tango_token_free(acquire(other));
    tango_client_free(other);
    for (int i = 0; i < 2; i++)
        CHECK(sem_post(&go_on) == 0 && sem_wait(&ended) == 0);
}

int main(void)
{
    CHECK(sem_init(&logging, 0, 0) == 0 && sem_init(&go_on, 0, 0) == 0 && sem_init(&ended, 0, 0) == 0);
    tango_client *client = client_from_env();
    a_log_that_hangs(client);
    a_done_that_hangs(client);
    tango_client_free(client);
    puts("nothing waited for a callback");
    return 0;
}
