/* Loads the library from several threads at once, unloads it, uses it again, and loads a second copy beside it.
 *
 *     hostile_loading LIBRARY COPY */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>

#include "check.h"

#define FUNCTIONS(X)                                                                                                   \
    X(tango_config_new) X(tango_config_load_env) X(tango_config_free) X(tango_client_new) X(tango_client_free)         \
    X(tango_token_acquire) X(tango_token_free) X(tango_log_set_callback) X(tango_token_value)

struct library {
#define FIELD(name) __typeof__(name) *name;
    FUNCTIONS(FIELD)
    void *handle;
    atomic_int lines;
};

enum { THREADS = 8 };

static pthread_barrier_t ready;

static void load(struct library *library, const char *path)
{
    library->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library->handle == NULL)
        fprintf(stderr, "%s\n", dlerror());
    CHECK(library->handle != NULL);
#define FIND(name) *(void **)&library->name = dlsym(library->handle, #name);
    FUNCTIONS(FIND)
    CHECK(library->tango_token_value != NULL);
}

static void get_token(struct library *library)
{
    tango_config *config = library->tango_config_new();
    tango_client *client = NULL;
    tango_token *token = NULL;
    CHECK(library->tango_config_load_env(config, NULL) == TANGO_STATUS_OK);
    CHECK(library->tango_client_new(config, &client, NULL) == TANGO_STATUS_OK);
    CHECK(library->tango_token_acquire(client, &token, NULL) == TANGO_STATUS_OK);
    CHECK(strlen(library->tango_token_value(token)) > 0);
    library->tango_token_free(token);
    library->tango_client_free(client);
    library->tango_config_free(config);
}

static void *load_and_use(void *path)
{
    struct library library = {0};
    pthread_barrier_wait(&ready);
    load(&library, path);
    get_token(&library);
    CHECK(dlclose(library.handle) == 0);
    /* Its threads run its code, so it stays. */
    get_token(&library);
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
        get_token(&both[i]);
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
