/* Acquires a token under a limit of the system, and again without it. Prints both outcomes:
 *
 *     hostile_limits memory KIB | processes COUNT | descriptors COUNT | file BYTES
 *
 * The number is added to what is in use now; for `file` it is the largest size of a file. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static long address_space(void)
{
    long pages;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL && fscanf(file, "%ld", &pages) == 1);
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

/* The kernel applies RLIMIT_NPROC neither to root nor to a process with one of two capabilities, so root gives these up.
 * It counts all threads of a user, so anybody else becomes the first one of a new user namespace. */
static void be_limited(void)
{
    enum { NOBODY_ELSE = 987654 };
    if (getuid() != 0) {
        CHECK(unshare(CLONE_NEWUSER) == 0);
        return;
    }
    CHECK(syscall(SYS_setresuid, NOBODY_ELSE, 0, 0) == 0);
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    CHECK(syscall(SYS_capget, &header, data) == 0);
    data[0].effective &= ~(1U << CAP_SYS_RESOURCE | 1U << CAP_SYS_ADMIN);
    CHECK(syscall(SYS_capset, &header, data) == 0);
}

static void set(int resource, rlim_t soft)
{
    struct rlimit limit;
    CHECK(getrlimit(resource, &limit) == 0);
    limit.rlim_cur = soft < limit.rlim_max ? soft : limit.rlim_max;
    CHECK(setrlimit(resource, &limit) == 0);
}

static tango_status try_to_acquire(const tango_client *client)
{
    tango_token *token = NULL;
    tango_error *error = NULL;
    tango_status status = tango_token_acquire(client, &token, &error);
    if (status == TANGO_STATUS_OK)
        printf("token %s\n", tango_token_value(token));
    else {
        CHECK(strlen(tango_error_message(error)) > 10);
        printf("%s %s\n", tango_status_name(status), tango_error_message(error));
    }
    tango_token_free(token);
    tango_error_free(error);
    return status;
}

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    rlim_t value = strtoul(argv[2], NULL, 10);
    /* Its buffer is there before memory is short. */
    setvbuf(stdout, (char[4096]){0}, _IOLBF, 4096);
    tango_client *client = client_from_env();
    int resource = RLIMIT_FSIZE;
    if (strcmp(argv[1], "memory") == 0) {
        resource = RLIMIT_AS;
        value = value * 1024 + (rlim_t)address_space();
    } else if (strcmp(argv[1], "processes") == 0) {
        resource = RLIMIT_NPROC;
        be_limited();
        value += 1;
    } else if (strcmp(argv[1], "descriptors") == 0) {
        resource = RLIMIT_NOFILE;
        int next = open("/dev/null", O_RDONLY);
        CHECK(next >= 0 && close(next) == 0);
        value += (rlim_t)next;
    }
    set(resource, value);
    try_to_acquire(client);
    set(resource, RLIM_INFINITY);
    for (int tries = 0; try_to_acquire(client) != TANGO_STATUS_OK; tries++) {
        CHECK(tries < 100);
        nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    }
    tango_client_free(client);
    return 0;
}
