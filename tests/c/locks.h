/* Records the locks of pthread that are held, in the place of the C library's functions, for everything that calls them
 * but the C library itself. Each is held a little longer than usual, so that a fork does not miss it. */
#ifndef TANGO_TEST_LOCKS_H
#define TANGO_TEST_LOCKS_H

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SLOTS = 256 };

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

/* In a child: reports each lock that was taken by code of a file whose name contains this, and returns their number. */
static int inherited_locks(const char *of)
{
    int count = 0;
    for (int i = 0; i < SLOTS; i++)
        if (held[i].lock != NULL) {
            Dl_info in = {0};
            if (dladdr(held[i].caller, &in) == 0 || strstr(in.dli_fname, of) == NULL)
                continue;
            fprintf(stderr, "a lock is held that was taken at %s + %#tx\n", in.dli_fname,
                    (char *)held[i].caller - (char *)in.dli_fbase);
            count++;
        }
    return count;
}

#endif
