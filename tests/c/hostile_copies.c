/* Three copies of the library in one process, used by threads at once: linked statically, shared, and from another
 * file. Children that are forked meanwhile use all of them.
 *
 *     hostile_copies LIBRARY COPY CHILDREN */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "functions.h"

enum { COPIES = 3, THREADS_OF_EACH = 3, CHILD_SECONDS = 40 };

static struct library copies[COPIES];
static tango_dpop_key *keys[COPIES];
static atomic_int stop;

static void load(char **paths)
{
#define OWN(name) copies[0].name = name;
    FUNCTIONS(OWN)
    for (int i = 1; i < COPIES; i++) {
        copies[i].handle = dlopen(paths[i], RTLD_NOW | RTLD_LOCAL);
        if (copies[i].handle == NULL)
            fprintf(stderr, "%s\n", dlerror());
        CHECK(copies[i].handle != NULL);
        find_functions(&copies[i]);
        for (int before = 0; before < i; before++)
            CHECK(copies[i].tango_token_acquire != copies[before].tango_token_acquire);
    }
}

static void prove(int copy)
{
    tango_dpop_proof *proof = NULL;
    CHECK(copies[copy].tango_dpop_proof_new(keys[copy], "GET", "https://api.example/", NULL, NULL, &proof, NULL) ==
          TANGO_STATUS_OK);
    copies[copy].tango_dpop_proof_free(proof);
}

static void *keep_busy(void *copy)
{
    for (int round = 0; !stop; round++) {
        prove((int)(size_t)copy);
        if (round % 100 == 0)
            get_token_of(&copies[(size_t)copy]);
    }
    return NULL;
}

static void logged(void *lines, int32_t level, const char *message)
{
    CHECK(level > 0 && message != NULL);
    *(atomic_int *)lines += 1;
}

/* Each copy has its own receiver, and gives its lines to no other. */
static void check_logs(void)
{
    for (int i = 0; i < COPIES; i++) {
        int32_t level = TANGO_LOG_LEVEL_DEBUG;
        CHECK(copies[i].tango_log_set_callback(level, logged, &copies[i].lines, NULL) == TANGO_STATUS_OK);
    }
    for (int i = 0; i < COPIES; i++) {
        int others = copies[(i + 1) % COPIES].lines;
        get_token_of(&copies[i]);
        CHECK(copies[i].tango_log_set_callback(TANGO_LOG_LEVEL_DEBUG, NULL, NULL, NULL) == TANGO_STATUS_OK);
        CHECK(copies[i].lines > 0 && copies[(i + 1) % COPIES].lines == others);
    }
}

static void check_child(void)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(CHILD_SECONDS);
        for (int i = 0; i < COPIES; i++) {
            prove(i);
            get_token_of(&copies[i]);
        }
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

int main(int argc, char **argv)
{
    pthread_t threads[COPIES * THREADS_OF_EACH];
    CHECK(argc == 4);
    load(argv);
    check_logs();
    for (int i = 0; i < COPIES; i++)
        CHECK(copies[i].tango_dpop_key_generate(TANGO_ALGORITHM_ES256, &keys[i], NULL) == TANGO_STATUS_OK);
    for (int i = 0; i < COPIES * THREADS_OF_EACH; i++)
        CHECK(pthread_create(&threads[i], NULL, keep_busy, (void *)(size_t)(i % COPIES)) == 0);
    for (int left = atoi(argv[3]); left > 0; left--)
        check_child();
    stop = 1;
    for (int i = 0; i < COPIES * THREADS_OF_EACH; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    for (int i = 0; i < COPIES; i++)
        copies[i].tango_dpop_key_free(keys[i]);
    printf("%d copies were used at once, and no child of %s hung\n", COPIES, argv[3]);
    return 0;
}
