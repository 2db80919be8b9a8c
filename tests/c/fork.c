/* Forks children while other threads of the parent fetch, wait, log and make clients. Each child works, with the client
 * it inherited and with a new one, and the parent keeps working. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { THREADS = 4, CHILDREN = 40, CHILD_SECONDS = 60 };

static tango_client *shared;
static atomic_int stop;

static void ignore_log(void *user_data, int32_t level, const char *message)
{
    (void)user_data;
    (void)level;
    (void)message;
}

/* Keeps every lock of the library in use. */
static void *keep_busy(void *unused)
{
    (void)unused;
    while (!stop) {
        tango_token *token = acquire(shared);
        CHECK(tango_client_invalidate(shared, token, NULL) == TANGO_STATUS_OK);
        tango_token_free(token);
        tango_client *own = client_from_env();
        tango_token_free(acquire(own));
        tango_client_free(own);
    }
    return NULL;
}

static void work_in_child(void)
{
    /* Kills a child that hangs; its parent then reports it. */
    alarm(CHILD_SECONDS);
    tango_token *token = acquire(shared);
    CHECK(tango_client_invalidate(shared, token, NULL) == TANGO_STATUS_OK);
    tango_token_free(token);
    tango_token_free(acquire(shared));
    tango_client_free(shared);
    tango_client *own = client_from_env();
    tango_token_free(acquire(own));
    tango_client_free(own);
}

int main(void)
{
    pthread_t threads[THREADS];
    CHECK(tango_log_set_callback(TANGO_LOG_LEVEL_TRACE, ignore_log, NULL, NULL) == TANGO_STATUS_OK);
    shared = client_from_env();
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, keep_busy, NULL) == 0);
    for (int i = 0; i < CHILDREN; i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            work_in_child();
            _exit(0);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    stop = 1;
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    tango_token_free(acquire(shared));
    tango_client_free(shared);
    puts("every child worked");
    return 0;
}
