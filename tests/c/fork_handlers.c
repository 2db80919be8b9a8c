/* The program has fork handlers of its own, which it registers in main, before it uses the library, or before the library
 * is initialised.
 *
 *     fork_handlers main|early mutex|calls|request */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "children.h"

/* Less than a thread waits for a fork, and more than a fork takes on a busy machine. */
static const double SHORT_SECONDS = 1.5;
enum { FORKS = 100, THREADS = 2 };

static const char *way;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static tango_client *client;
static atomic_int stop, completed;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* What enters the fork gate several times. */
static void use_the_library(void)
{
    double start = now();
    tango_dpop_key *key = NULL;
    CHECK(tango_dpop_key_generate(TANGO_ALGORITHM_ES256, &key, NULL) == TANGO_STATUS_OK);
    tango_dpop_key_free(key);
    CHECK(now() - start < SHORT_SECONDS);
}

static void done(void *user_data, tango_token *token, tango_error *error)
{
    (void)user_data;
    CHECK(error == NULL);
    tango_token_free(token);
    completed++;
}

static void prepare(void)
{
    if (strcmp(way, "mutex") == 0)
        pthread_mutex_lock(&mutex);
    if (strcmp(way, "calls") == 0)
        use_the_library();
}

static void in_parent(void)
{
    if (strcmp(way, "mutex") == 0)
        pthread_mutex_unlock(&mutex);
    if (strcmp(way, "calls") == 0)
        use_the_library();
}

static void in_child(void)
{
    in_parent();
    if (strcmp(way, "request") == 0)
        CHECK(tango_token_acquire_start(client, done, NULL, NULL, NULL) == TANGO_STATUS_OK);
}

static void register_early(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "early") == 0)
        CHECK(pthread_atfork(prepare, in_parent, in_child) == 0);
}

/* Called before the library is initialised. */
__attribute__((section(".preinit_array"), used)) static void (*const early)(int, char **) = register_early;

static void *call_with_the_mutex(void *unused)
{
    while (!stop) {
        tango_authorization *authorization = NULL;
        pthread_mutex_lock(&mutex);
        CHECK(tango_client_authorize(client, "GET", getenv("TANGO_API_URL"), &authorization, NULL) == TANGO_STATUS_OK);
        pthread_mutex_unlock(&mutex);
        tango_authorization_free(authorization);
        sched_yield();
    }
    return unused;
}

/* A mutex that the handlers protect, and that threads hold while they call the library. */
static void fork_while_the_mutex_is_used(void)
{
    pthread_t threads[THREADS];
    double worst = 0;
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, call_with_the_mutex, NULL) == 0);
    for (int i = 0; i < FORKS; i++) {
        double start = now();
        pid_t child = create_child("fork");
        if (child == 0)
            _exit(0);
        double seconds = now() - start;
        worst = seconds > worst ? seconds : worst;
        CHECK(!has_hung(child));
        usleep(2000);
    }
    stop = 1;
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    fprintf(stderr, "the longest fork took %.3f s\n", worst);
    CHECK(worst < SHORT_SECONDS);
}

static void fork_and_use(void)
{
    pid_t child = create_child("fork");
    if (child == 0) {
        for (int i = 0; strcmp(way, "request") == 0 && !completed; i++) {
            CHECK(i < CHILD_SECONDS * 50);
            usleep(10000);
        }
        use_the_library();
        tango_token_free(acquire(client));
        _exit(0);
    }
    CHECK(!has_hung(child));
}

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    way = argv[2];
    if (strcmp(argv[1], "main") == 0)
        CHECK(pthread_atfork(prepare, in_parent, in_child) == 0);
    client = client_from_env();
    if (strcmp(way, "mutex") == 0)
        fork_while_the_mutex_is_used();
    else
        fork_and_use();
    puts("no handler and no child waited");
    return 0;
}
