/* Loads the library from several threads at once, unloads it, uses it again, and loads a second copy beside it.
 *
 *     hostile_loading LIBRARY COPY */
#define _GNU_SOURCE
#include <pthread.h>

#include "functions.h"

enum { THREADS = 8 };

static pthread_barrier_t ready;

static void load(struct library *library, const char *path)
{
    library->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library->handle == NULL)
        fprintf(stderr, "%s\n", dlerror());
    CHECK(library->handle != NULL);
    find_functions(library);
}

static void *load_and_use(void *path)
{
    struct library library = {0};
    pthread_barrier_wait(&ready);
    load(&library, path);
    get_token_of(&library);
    CHECK(dlclose(library.handle) == 0);
    /* Its threads run its code, so it stays. */
    get_token_of(&library);
    return NULL;
}

static void logged(void *lines, int32_t level, const char *message)
{
    CHECK(level > 0 && message != NULL);
    *(atomic_int *)lines += 1;
}

static void two_copies(const char *path, const char *copy)
{
    static struct library both[2];
    load(&both[0], path);
    load(&both[1], copy);
    CHECK(both[0].tango_token_acquire != both[1].tango_token_acquire);
    for (int i = 0; i < 2; i++)
        CHECK(both[i].tango_log_set_callback(TANGO_LOG_LEVEL_DEBUG, logged, &both[i].lines, NULL) == TANGO_STATUS_OK);
    for (int i = 0; i < 2; i++)
        get_token_of(&both[i]);
    for (int i = 0; i < 2; i++) {
        CHECK(both[i].tango_log_set_callback(TANGO_LOG_LEVEL_DEBUG, NULL, NULL, NULL) == TANGO_STATUS_OK);
        CHECK(both[i].lines > 0);
    }
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    CHECK(argc == 3);
    pthread_barrier_init(&ready, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, load_and_use, argv[1]) == 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    two_copies(argv[1], argv[2]);
    printf("loaded by %d threads, closed and used again, and two copies at once\n", THREADS);
    return 0;
}
