/* Helpers of the programs that create children: how a child is created, and how it ended. */
#ifndef TANGO_TEST_CHILDREN_H
#define TANGO_TEST_CHILDREN_H

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

/* Kills a child that hangs; its parent then reports it. */
enum { CHILD_SECONDS = 20, MOST_ATTEMPTS = 4 };

/* `fork` calls the handlers of pthread_atfork; `_Fork` and the system call do not. */
static inline pid_t create_child(const char *how)
{
    pid_t child;
    if (strcmp(how, "fork") == 0)
        child = fork();
    else if (strcmp(how, "_Fork") == 0)
        child = _Fork();
    else
        child = (pid_t)syscall(SYS_clone, SIGCHLD | (strcmp(how, "namespace") == 0 ? CLONE_NEWPID : 0), 0, 0, 0, 0);
    CHECK(child >= 0);
    if (child == 0)
        alarm(CHILD_SECONDS);
    return child;
}

/* Returns 1 if the child hung. Any other end but a good one is an error. */
static inline int has_hung(pid_t child)
{
    int status;
    while (waitpid(child, &status, 0) != child)
        CHECK(errno == EINTR);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        return 1;
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return 0;
}

/* Gets a token. On a busy machine a cache or a server can fail to answer in time, once; for a process that inherited a
 * lock it always does. */
static inline tango_status acquire_patiently(const tango_client *client, tango_token **token, tango_error **error)
{
    tango_status status = tango_token_acquire(client, token, error);
    for (int i = 1; i < MOST_ATTEMPTS; i++) {
        if (status != TANGO_STATUS_CACHE_UNAVAILABLE && status != TANGO_STATUS_TIMED_OUT)
            break;
        if (error != NULL)
            tango_error_free(*error);
        status = tango_token_acquire(client, token, error);
    }
    return status;
}

#endif
