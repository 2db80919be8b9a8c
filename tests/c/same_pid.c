/* A child with the process ID of its parent: each is the first process of its own PID namespace, as in containers. The
 * child must not use the connections and locks of its parent. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static int exit_code_of(pid_t child)
{
    int status;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static void acquire_another(tango_client *client)
{
    tango_token *token = acquire(client);
    CHECK(tango_client_invalidate(client, token, NULL) == TANGO_STATUS_OK);
    tango_token_free(token);
    tango_token_free(acquire(client));
}

static int work_as_first_process(void)
{
    CHECK(getpid() == 1);
    alarm(60);
    tango_client *client = client_from_env();
    acquire_another(client);
    CHECK(unshare(CLONE_NEWPID) == 0);
    pid_t child = fork();
    if (child == 0) {
        CHECK(getpid() == 1);
        alarm(30);
        acquire_another(client);
        _exit(0);
    }
    int code = exit_code_of(child);
    acquire_another(client);
    tango_client_free(client);
    return code;
}

int main(void)
{
    if (unshare(CLONE_NEWPID) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0) {
        fprintf(stderr, "this machine allows no PID namespaces: %s\n", strerror(errno));
        return 1;
    }
    pid_t child = fork();
    if (child == 0)
        _exit(work_as_first_process());
    CHECK(exit_code_of(child) == 0);
    puts("the child with its parent's process ID worked");
    return 0;
}
