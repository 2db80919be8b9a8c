/* Preloaded into a program of another language: ends each child that inherits a lock which code of the Python package
 * holds, with the reason. */
#include "locks.h"

static void in_child(void)
{
    if (inherited_locks("tango_token") != 0)
        _exit(97);
}

__attribute__((constructor)) static void watch(void)
{
    pthread_atfork(NULL, NULL, in_child);
}
