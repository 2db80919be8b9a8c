/* Records the locks of pthread that this library and its cryptography hold, and creates children while threads do all
 * kinds of work. No child may inherit a lock that is held, or a pthread_once whose function is running. Both last longer
 * here, so that a fork does not miss them.
 *
 *     fork_locks CHILDREN */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>

#include "children.h"

enum { SLOTS = 256, THREADS_OF_EACH = 2 };

/* The locks that are held: which, by which thread, and from where it was taken. */
static struct {
    _Atomic(void *) lock;
    pthread_t thread;
    void *caller;
} held[SLOTS];
static atomic_long taken;
static __thread void (*once_function)(void);
static __thread pthread_once_t *running_once;

static void note_lock(void *lock, void *caller)
{
    void *nothing;
    taken++;
    for (int i = 0; i < SLOTS; i++) {
        nothing = NULL;
        if (atomic_compare_exchange_strong(&held[i].lock, &nothing, lock)) {
            held[i].thread = pthread_self();
            held[i].caller = caller;
            break;
        }
    }
    sched_yield();
}

static void note_unlock(void *lock)
{
    for (int i = 0; i < SLOTS; i++)
        if (held[i].lock == lock && pthread_equal(held[i].thread, pthread_self())) {
            held[i].lock = NULL;
            break;
        }
}

#define REAL(name)                                                                                                     \
    static __typeof__(name) *real;                                                                                     \
    if (real == NULL)                                                                                                  \
        *(void **)&real = dlsym(RTLD_NEXT, #name);

/* In the place of the C library's, for everything that calls them but itself. */
#define LOCK(name, type)                                                                                               \
    int name(type *lock)                                                                                               \
    {                                                                                                                  \
        REAL(name)                                                                                                     \
        int result = real(lock);                                                                                       \
        note_lock(lock, __builtin_return_address(0));                                                                  \
        return result;                                                                                                 \
    }
#define UNLOCK(name, type)                                                                                             \
    int name(type *lock)                                                                                               \
    {                                                                                                                  \
        REAL(name)                                                                                                     \
        note_unlock(lock);                                                                                             \
        return real(lock);                                                                                             \
    }
LOCK(pthread_mutex_lock, pthread_mutex_t)
UNLOCK(pthread_mutex_unlock, pthread_mutex_t)
LOCK(pthread_rwlock_rdlock, pthread_rwlock_t)
LOCK(pthread_rwlock_wrlock, pthread_rwlock_t)
UNLOCK(pthread_rwlock_unlock, pthread_rwlock_t)

static void run_slowly(void)
{
    void (*function)(void) = once_function;
    pthread_once_t *once = running_once;
    note_lock(once, *(void **)&function);
    usleep(5000);
    function();
    note_unlock(once);
}

/* That it is called is no matter, once its function has run. */
int pthread_once(pthread_once_t *once, void (*function)(void))
{
    REAL(pthread_once)
    running_once = once;
    once_function = function;
    return real(once, run_slowly);
}

static atomic_int stop;
static tango_client *client;

static void prove(void)
{
    static const tango_algorithm algorithms[] = {TANGO_ALGORITHM_ES256, TANGO_ALGORITHM_ES384, TANGO_ALGORITHM_EDDSA,
                                                 TANGO_ALGORITHM_RS256};
    static atomic_uint next;
    tango_dpop_key *key = NULL;
    unsigned number = next++;
    /* A key of RSA takes long. */
    tango_algorithm algorithm = algorithms[number % 3 + (number % 100 == 0)];
    CHECK(tango_dpop_key_generate(algorithm, &key, NULL) == TANGO_STATUS_OK);
    for (int i = 0; i < 3; i++) {
        tango_dpop_proof *proof = NULL;
        CHECK(tango_dpop_proof_new(key, "GET", "https://api.example/", "token", NULL, &proof, NULL) ==
              TANGO_STATUS_OK);
        tango_dpop_proof_free(proof);
    }
    const char *pem = NULL;
    CHECK(tango_dpop_key_to_pem(key, &pem, NULL) == TANGO_STATUS_OK);
    tango_dpop_key *copy = NULL;
    CHECK(tango_dpop_key_from_pem(pem, algorithm, &copy, NULL) == TANGO_STATUS_OK);
    tango_dpop_key_free(copy);
    CHECK(tango_dpop_key_from_pem("not a key", algorithm, &copy, NULL) != TANGO_STATUS_OK);
    tango_dpop_key_free(key);
}

static void authorize(void)
{
    tango_authorization *authorization = NULL;
    CHECK(tango_client_authorize(client, "GET", getenv("TANGO_API_URL"), &authorization, NULL) == TANGO_STATUS_OK);
    tango_authorization_free(authorization);
}

static void fetch(void)
{
    tango_client *own = client_from_env();
    tango_token *token = acquire(own);
    CHECK(tango_client_invalidate(own, token, NULL) == TANGO_STATUS_OK);
    tango_token_free(token);
    tango_token_free(acquire(own));
    tango_client_free(own);
}

static void *prove_once(void *unused)
{
    prove();
    return unused;
}

/* The first random number of a thread, and its end. */
static void start_and_end(void)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, prove_once, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

static void (*const works[])(void) = {prove, authorize, fetch, start_and_end};
enum { WORKS = sizeof works / sizeof *works };

static void *keep_busy(void *number)
{
    while (!stop)
        works[(size_t)number]();
    return NULL;
}

static int inherited_locks(void)
{
    int count = 0;
    for (int i = 0; i < SLOTS; i++)
        if (held[i].lock != NULL) {
            Dl_info in = {0};
            dladdr(held[i].caller, &in);
            fprintf(stderr, "a lock is held that was taken at %s + %#tx\n", in.dli_fname,
                    (char *)held[i].caller - (char *)in.dli_fbase);
            count++;
        }
    return count;
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    int children = atoi(argv[1]);
    pthread_t threads[WORKS * THREADS_OF_EACH];
    client = client_from_env();
    for (size_t i = 0; i < WORKS * THREADS_OF_EACH; i++)
        CHECK(pthread_create(&threads[i], NULL, keep_busy, (void *)(i % WORKS)) == 0);
    for (int i = 0; i < children; i++) {
        pid_t child = create_child("fork");
        if (child == 0)
            _exit(inherited_locks() != 0);
        CHECK(!has_hung(child));
        usleep((useconds_t)(i * 37 % 1500));
    }
    stop = 1;
    for (size_t i = 0; i < WORKS * THREADS_OF_EACH; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    tango_client_free(client);
    /* They are seen at all. */
    CHECK(taken > children);
    printf("%d children inherited none of %ld locks\n", children, (long)taken);
    return 0;
}
