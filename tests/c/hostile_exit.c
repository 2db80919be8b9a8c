/* Ends in one of many ways, while a request is in flight, and uses the library before main and after it:
 *
 *     hostile_exit WAY */
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <unistd.h>

#include "check.h"

static const char *way;
static tango_client *client;

static int is(const char *name)
{
    return strcmp(way, name) == 0;
}

static void done(void *user_data, tango_token *token, tango_error *error)
{
    (void)user_data;
    tango_token_free(token);
    tango_error_free(error);
    if (is("exit in done"))
        exit(0);
}

static void logged(void *user_data, int32_t level, const char *message)
{
    (void)user_data, (void)level, (void)message;
    exit(0);
}

static void start(void)
{
    CHECK(tango_token_acquire_start(client, done, NULL, NULL, NULL) == TANGO_STATUS_OK);
}

static void *end_process(void *unused)
{
    (void)unused;
    exit(0);
}

static void *end_later(void *unused)
{
    (void)unused;
    tango_token_free(acquire(client));
    exit(0);
}

/* Registered before the library's own handler, so it runs after it. */
static void at_exit(void)
{
    if (!is("atexit"))
        return;
    tango_client *late = client_from_env();
    tango_token_free(acquire(late));
    tango_token_free(acquire(client));
    tango_client_free(late);
    tango_client_free(client);
    fputs("a token after main\n", stderr);
}

__attribute__((constructor)) static void before_main(void)
{
    if (getenv("HOSTILE_BEFORE_MAIN") != NULL) {
        tango_client *early = client_from_env();
        tango_token_free(acquire(early));
        tango_client_free(early);
        fputs("a token before main\n", stderr);
    }
}

int main(int argc, char **argv)
{
    pthread_t thread;
    CHECK(argc == 2);
    way = argv[1];
    atexit(at_exit);
    client = client_from_env();
    if (is("exit in log"))
        tango_log_set_callback(TANGO_LOG_LEVEL_TRACE, logged, NULL, NULL);
    start();
    usleep(50000);
    if (is("_exit"))
        _exit(0);
    if (is("quick_exit"))
        quick_exit(0);
    if (is("abort"))
        abort();
    if (is("exit"))
        exit(0);
    for (int i = 0; i < 8 && is("exit of many threads"); i++)
        pthread_create(&thread, NULL, end_process, NULL);
    if (is("pthread_exit of main"))
        pthread_create(&thread, NULL, end_later, NULL);
    if (strstr(way, "exit ") != NULL)
        pthread_exit(NULL);
    return 0;
}
