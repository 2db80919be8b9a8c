/* One process of a fleet. Its argument is the number of threads. It executes one command per line of its standard
 * input, and prints one line of tab-separated fields for each:
 *
 *     acquire     all threads acquire at once; prints the status and the token, or the status, the seconds to wait and
 *                 the message
 *     authorize   makes the headers of an API request; prints the status, the Authorization header and the proof
 *     serve       makes each thread acquire repeatedly from now on
 *     rest        stops that; prints how many tokens the threads got, and each status that they got instead
 *     fork        forks a child that only waits for the end of the input; the child prints
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

enum { MOST_THREADS = 64, STATUSES = 64 };

struct thread {
    pthread_t id;
    tango_token *token;
    tango_error *error;
};

static tango_client *client;
static struct thread threads[MOST_THREADS];
static int thread_count;
static pthread_barrier_t start;
static atomic_bool resting;
static atomic_long served;
static atomic_bool failed_with[STATUSES];

static void print_error(const tango_error *error)
{
    printf("%s\t%" PRId64 "\t%s\n", tango_status_name(tango_error_status(error)),
           tango_error_retry_after_seconds(error), tango_error_message(error));
}

static void run_threads(void *(*body)(void *))
{
    CHECK(pthread_barrier_init(&start, NULL, (unsigned)thread_count) == 0);
    for (int i = 0; i < thread_count; i++)
        CHECK(pthread_create(&threads[i].id, NULL, body, &threads[i]) == 0);
}

static void join_threads(void)
{
    for (int i = 0; i < thread_count; i++)
        CHECK(pthread_join(threads[i].id, NULL) == 0);
    CHECK(pthread_barrier_destroy(&start) == 0);
}

static void *acquire_once(void *argument)
{
    struct thread *thread = argument;
    pthread_barrier_wait(&start);
    tango_status status = tango_token_acquire(client, &thread->token, &thread->error);
    CHECK((status == TANGO_STATUS_OK) == (thread->token != NULL) && status == tango_error_status(thread->error));
    return NULL;
}

static void acquire_at_once(void)
{
    const tango_error *failure = NULL;
    run_threads(acquire_once);
    join_threads();
    for (int i = 0; i < thread_count; i++)
        if (threads[i].error != NULL)
            failure = threads[i].error;
    if (failure != NULL) {
        print_error(failure);
    } else {
        const char *value = tango_token_value(threads[0].token);
        for (int i = 0; i < thread_count; i++)
            CHECK(strcmp(tango_token_value(threads[i].token), value) == 0);
        printf("TANGO_STATUS_OK\t%s\n", value);
    }
    for (int i = 0; i < thread_count; i++) {
        tango_token_free(threads[i].token);
        tango_error_free(threads[i].error);
        threads[i].token = NULL;
        threads[i].error = NULL;
    }
}

static void authorize(void)
{
    char url[300];
    tango_authorization *authorization = NULL;
    tango_error *error = NULL;
    CHECK(snprintf(url, sizeof url, "%s/accounts", getenv("TANGO_API_URL")) < (int)sizeof url);
    if (tango_client_authorize(client, "GET", url, &authorization, &error) == TANGO_STATUS_OK) {
        const char *proof = tango_authorization_dpop(authorization);
        printf("TANGO_STATUS_OK\t%s\t%s\n", tango_authorization_value(authorization), proof != NULL ? proof : "");
    } else {
        print_error(error);
    }
    tango_authorization_free(authorization);
    tango_error_free(error);
}

static void *acquire_until_rest(void *unused)
{
    const struct timespec millisecond = {0, 1000000};
    (void)unused;
    pthread_barrier_wait(&start);
    while (!resting) {
        tango_token *token = NULL;
        tango_status status = tango_token_acquire(client, &token, NULL);
        CHECK(status < STATUSES);
        if (status == TANGO_STATUS_OK) {
            CHECK(strlen(tango_token_value(token)) > 0);
            served++;
        } else {
            failed_with[status] = true;
        }
        tango_token_free(token);
        nanosleep(&millisecond, NULL);
    }
    return NULL;
}

static void serve(void)
{
    resting = false;
    served = 0;
    for (int status = 0; status < STATUSES; status++)
        failed_with[status] = false;
    run_threads(acquire_until_rest);
    puts("serving");
}

static void rest(void)
{
    resting = true;
    join_threads();
    printf("%ld", served);
    for (int status = 0; status < STATUSES; status++)
        if (failed_with[status])
            printf("\t%s", tango_status_name(status));
    puts("");
}

static void fork_a_child(void)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        char byte;
        puts("forked");
        fflush(stdout);
        while (read(STDIN_FILENO, &byte, 1) > 0) {
        }
        _exit(0);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *word;
        void (*action)(void);
    } actions[] = {
        {"acquire\n", acquire_at_once}, {"authorize\n", authorize}, {"serve\n", serve},
        {"rest\n", rest},               {"fork\n", fork_a_child},
    };
    CHECK(argc == 2);
    thread_count = atoi(argv[1]);
    CHECK(thread_count > 0 && thread_count <= MOST_THREADS);
    client = client_from_env();
    puts("ready");
    fflush(stdout);
    for (char line[32]; fgets(line, sizeof line, stdin) != NULL;) {
        size_t i = 0;
        while (i < sizeof actions / sizeof *actions && strcmp(line, actions[i].word) != 0)
            i++;
        CHECK(i < sizeof actions / sizeof *actions);
        actions[i].action();
        fflush(stdout);
    }
    tango_client_free(client);
    return 0;
}
