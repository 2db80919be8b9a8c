/* The program closes every descriptor that it does not know, as a careless daemon does: between two requests, and while one is
 * under way. Each call ends within its deadline, the next one gets a token, and nothing touches the files that the program
 * opens afterwards under the numbers of the closed ones. */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

/* The total timeout of the test's environment, and what a slow machine may add. */
enum { TIMEOUT_S = 6, SLOW_S = 10, PIPES = 64 };

static int pipes[PIPES][2];

static double now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* Closes everything but the standard streams, and takes the numbers for other files of the program. */
static void close_all(void)
{
    for (int descriptor = 3; descriptor < 1024; descriptor++)
        close(descriptor);
    for (int i = 0; i < PIPES; i++)
        CHECK(pipe(pipes[i]) == 0);
}

/* Each pipe still leads to its other end, and holds what the program wrote and nothing else. */
static void check_own_files(void)
{
    for (int i = 0; i < PIPES; i++) {
        char byte = 'x', bytes[2];
        CHECK(write(pipes[i][1], &byte, 1) == 1);
        CHECK(read(pipes[i][0], bytes, 2) == 1 && bytes[0] == 'x');
        CHECK(close(pipes[i][0]) == 0 && close(pipes[i][1]) == 0);
    }
}

struct waiting {
    const tango_client *client;
    tango_status status;
    double seconds;
    atomic_int times;
    sem_t ended;
};

static void *wait_blocking(void *argument)
{
    struct waiting *waiting = argument;
    double start = now_s();
    tango_token *token = NULL;
    waiting->status = tango_token_acquire(waiting->client, &token, NULL);
    waiting->seconds = now_s() - start;
    tango_token_free(token);
    return NULL;
}

static void done(void *user_data, tango_token *token, tango_error *error)
{
    struct waiting *waiting = user_data;
    waiting->status = tango_error_status(error);
    waiting->times++;
    tango_token_free(token);
    tango_error_free(error);
    sem_post(&waiting->ended);
}

/* Also the connection that the client keeps for the next request is gone. */
static void between_requests(void)
{
    tango_client *client = client_from_env(), *next = client_from_env();
    tango_token *token = acquire(client);
    close_all();
    double start = now_s();
    CHECK(tango_client_invalidate(client, token, NULL) == TANGO_STATUS_OK);
    tango_token_free(token);
    token = acquire(client);
    tango_token_free(token);
    tango_token_free(acquire(next));
    CHECK(now_s() - start < TIMEOUT_S);
    check_own_files();
    tango_client_free(client);
    tango_client_free(next);
}

/* Nobody calls any more: what is freed leaves the program's files alone. */
static void before_the_client_is_freed(void)
{
    tango_client *client = client_from_env();
    tango_token_free(acquire(client));
    close_all();
    tango_client_free(client);
    check_own_files();
}

/* With `is_noticed` another call notices at once; without, the deadlines of those who wait have to. */
static void while_a_request_is_under_way(int is_noticed)
{
    tango_client *client = client_from_env(), *other = client_from_env();
    struct waiting blocking = {.client = client}, asynchronous = {.client = client};
    CHECK(sem_init(&asynchronous.ended, 0, 0) == 0);
    double start = now_s();
    CHECK(tango_token_acquire_start(client, done, &asynchronous, NULL, NULL) == TANGO_STATUS_OK);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, wait_blocking, &blocking) == 0);
    sleep_ms(300);
    close_all();
    if (is_noticed)
        tango_token_free(acquire(other));
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(sem_wait(&asynchronous.ended) == 0);
    CHECK(now_s() - start < TIMEOUT_S + SLOW_S && blocking.seconds < TIMEOUT_S + SLOW_S);
    CHECK(blocking.status == TANGO_STATUS_OK && asynchronous.status == TANGO_STATUS_OK && asynchronous.times == 1);
    check_own_files();
    tango_client_free(client);
    tango_client_free(other);
}

static sem_t is_loading, may_return;

/* The first call returns when it is told to. */
static int32_t load(void *user_data, const char *name, uint8_t *value, size_t *value_length)
{
    static atomic_int calls;
    (void)user_data, (void)name, (void)value, (void)value_length;
    if (calls++ == 0) {
        sem_post(&is_loading);
        CHECK(sem_wait(&may_return) == 0);
    }
    return 1;
}

static int32_t save(void *user_data, const char *name, const uint8_t *value, size_t value_length, uint64_t keep_ms)
{
    (void)user_data, (void)name, (void)value, (void)value_length, (void)keep_ms;
    return 1;
}

static int32_t lock(void *user_data, const char *name, const char *owner, uint64_t lease_ms)
{
    (void)user_data, (void)name, (void)owner, (void)lease_ms;
    return 1;
}

static int32_t unlock(void *user_data, const char *name, const char *owner)
{
    (void)user_data, (void)name, (void)owner;
    return 1;
}

/* The result of the callback is the first thing that would wake the thread whose descriptors are gone. */
static void while_a_callback_runs(void)
{
    struct waiting waiting = {0};
    tango_config *config = tango_config_new();
    tango_client *client = NULL;
    CHECK(sem_init(&waiting.ended, 0, 0) == 0 && sem_init(&is_loading, 0, 0) == 0 && sem_init(&may_return, 0, 0) == 0);
    CHECK(tango_config_load_env(config, NULL) == TANGO_STATUS_OK);
    CHECK(tango_config_set_allow_fetch_without_cache(config, 1, NULL) == TANGO_STATUS_OK);
    CHECK(tango_config_set_cache_callbacks(config, load, save, lock, unlock, NULL, NULL, NULL) == TANGO_STATUS_OK);
    CHECK(tango_client_new(config, &client, NULL) == TANGO_STATUS_OK);
    tango_config_free(config);
    CHECK(tango_token_acquire_start(client, done, &waiting, NULL, NULL) == TANGO_STATUS_OK);
    CHECK(sem_wait(&is_loading) == 0);
    close_all();
    sem_post(&may_return);
    CHECK(sem_wait(&waiting.ended) == 0 && waiting.status == TANGO_STATUS_OK);
    check_own_files();
    tango_client_free(client);
}

int main(void)
{
    while_a_callback_runs();
    between_requests();
    while_a_request_is_under_way(1);
    while_a_request_is_under_way(0);
    before_the_client_is_freed();
    puts("each call got its token");
    return 0;
}
