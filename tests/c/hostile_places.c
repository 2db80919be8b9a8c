/* Acquires tokens where a daemon may find itself:
 *
 *     hostile_places unlinked | chroot DIRECTORY | closed | written
 *
 * The working directory is removed; the root is an empty directory; the standard streams are closed, so that sockets of
 * the library get their numbers; and the program writes to them nevertheless. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "check.h"

static atomic_int stop;

static tango_status acquire_status(const tango_client *client, const char *expected)
{
    tango_token *token = NULL;
    tango_error *error = NULL;
    tango_status status = tango_token_acquire(client, &token, &error);
    CHECK(status == TANGO_STATUS_OK ? token != NULL : strlen(tango_error_message(error)) > 10);
    if (expected != NULL && strstr(tango_error_message(error), expected) == NULL) {
        fprintf(stderr, "%s: %s\n", tango_status_name(status), tango_error_message(error));
        exit(1);
    }
    tango_token_free(token);
    tango_error_free(error);
    return status;
}

static void acquire_another(tango_client *client)
{
    tango_token *token = acquire(client);
    CHECK(tango_client_invalidate(client, token, NULL) == TANGO_STATUS_OK);
    tango_token_free(token);
    tango_token_free(acquire(client));
}

static void unlinked(void)
{
    char directory[] = "/tmp/hostile-places-XXXXXX";
    CHECK(mkdtemp(directory) != NULL && chdir(directory) == 0 && rmdir(directory) == 0);
    tango_client *client = client_from_env();
    acquire_another(client);
    tango_client_free(client);
}

static void in_empty_root(const char *root)
{
    tango_client *client = client_from_env(), *fresh = client_from_env();
    tango_token *token = acquire(client);
    CHECK(chroot(root) == 0 || (unshare(CLONE_NEWUSER) == 0 && chroot(root) == 0));
    CHECK(chdir("/") == 0);
    tango_token *held = acquire(client);
    CHECK(strcmp(tango_token_value(held), tango_token_value(token)) == 0);
    tango_token_free(held);
    /* The authorities are read for each connection. */
    CHECK(acquire_status(fresh, "TANGO_CA_FILE") == TANGO_STATUS_INVALID_CONFIGURATION);
    CHECK(tango_client_invalidate(client, token, NULL) == TANGO_STATUS_OK);
    /* By the connection that is kept, or the token that was held. */
    tango_token_free(acquire(client));
    tango_token_free(token);
    tango_client_free(fresh);
    tango_client_free(client);
}

static void *write_to_closed(void *unused)
{
    while (!stop) {
        for (int stream = 1; stream <= 2; stream++)
            if (write(stream, "lines of the program\n", 21) < 0)
                usleep(50);
        usleep(100);
    }
    return unused;
}

/* Each call ends, with a token if nobody writes. */
static void with_closed_streams(int is_written)
{
    pthread_t writer;
    signal(SIGPIPE, SIG_IGN); /* what the program itself writes may find no reader */
    if (is_written) {
        /* With its thread started, the library's next descriptors are connections. */
        tango_client *client = client_from_env();
        tango_token_free(acquire(client));
        tango_client_free(client);
    }
    for (int stream = is_written; stream <= 2; stream++)
        CHECK(close(stream) == 0);
    if (is_written)
        CHECK(pthread_create(&writer, NULL, write_to_closed, NULL) == 0);
    int tokens = 0, rounds = is_written ? 30 : 200;
    for (int round = 0; round < rounds; round++) {
        tango_client *client = client_from_env();
        tokens += acquire_status(client, NULL) == TANGO_STATUS_OK;
        tango_client_free(client);
    }
    CHECK(is_written || tokens == rounds);
    stop = 1;
    if (is_written)
        CHECK(pthread_join(writer, NULL) == 0);
    tango_client *client = client_from_env();
    acquire_another(client);
    tango_client_free(client);
}

int main(int argc, char **argv)
{
    CHECK(argc >= 2);
    /* Errors and the result have to be seen. */
    int output = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 100);
    CHECK(output >= 100);
    if (strcmp(argv[1], "unlinked") == 0)
        unlinked();
    else if (strcmp(argv[1], "chroot") == 0)
        in_empty_root(argv[2]);
    else
        with_closed_streams(strcmp(argv[1], "written") == 0);
    CHECK(write(output, "it worked\n", 10) == 10);
    return 0;
}
