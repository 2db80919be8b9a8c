/* Functions of the C library that Miri does not have, for code that only passes through them. Signals are never sent to
 * the interpreted program, it never forks, and Miri ends it without handlers. */
#include <pthread.h>
#include <signal.h>
#include <string.h>

int pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    (void)prepare, (void)parent, (void)child;
    return 0;
}

int atexit(void (*handler)(void))
{
    (void)handler;
    return 0;
}

int sigemptyset(sigset_t *set)
{
    memset(set, 0, sizeof *set);
    return 0;
}

int sigaddset(sigset_t *set, int signal)
{
    (void)set, (void)signal;
    return 0;
}

int pthread_sigmask(int how, const sigset_t *set, sigset_t *before)
{
    (void)how, (void)set;
    if (before != NULL)
        memset(before, 0, sizeof *before);
    return 0;
}

int pthread_setcancelstate(int state, int *before)
{
    (void)state;
    if (before != NULL)
        *before = PTHREAD_CANCEL_ENABLE;
    return 0;
}

/* No advice can be followed. */
int madvise(void *memory, size_t size, int advice)
{
    (void)memory, (void)size, (void)advice;
    return -1;
}

size_t strnlen(const char *string, size_t max)
{
    size_t length = 0;
    while (length < max && string[length] != '\0')
        length++;
    return length;
}
