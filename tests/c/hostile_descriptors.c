/* No descriptor can be opened for a while: calls fail before their deadline and say why, and work afterwards. */
#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static struct rlimit all;

/* Leaves `room` descriptors. */
static void limit(int room)
{
    int next = open("/dev/null", O_RDONLY);
    CHECK(next >= 0 && close(next) == 0);
    struct rlimit limit = {.rlim_cur = (rlim_t)(next + room), .rlim_max = all.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

static void lift(void)
{
    CHECK(setrlimit(RLIMIT_NOFILE, &all) == 0);
}

/* Any status but a success, with a reason. */
static void fails(tango_status status, tango_error *error)
{
    CHECK(status == TANGO_STATUS_INTERNAL || status == TANGO_STATUS_CONNECT_FAILED ||
          status == TANGO_STATUS_INVALID_CONFIGURATION || status == TANGO_STATUS_KEY_REJECTED ||
          status == TANGO_STATUS_CACHE_UNAVAILABLE || status == TANGO_STATUS_TLS_FAILED);
    CHECK(strlen(tango_error_message(error)) > 10);
    if (getenv("HOSTILE_SHOW") != NULL)
        fprintf(stderr, "%s: %s\n", tango_status_name(status), tango_error_message(error));
    tango_error_free(error);
}

int main(void)
{
    int failures = 0;
    CHECK(getrlimit(RLIMIT_NOFILE, &all) == 0);
    /* From none at all to enough: the first call starts the thread, resolves, connects, and reads certificates. */
    for (int room = 0; room < 12; room++) {
        tango_client *client = client_from_env();
        tango_token *token = NULL;
        tango_error *error = NULL;
        limit(room);
        tango_status status = tango_token_acquire(client, &token, &error);
        if (status != TANGO_STATUS_OK) {
            fails(status, error);
            failures++;
        }
        tango_token_free(token);
        tango_client *next = NULL;
        tango_config *config = tango_config_new();
        CHECK(tango_config_load_env(config, NULL) == TANGO_STATUS_OK);
        error = NULL;
        status = tango_client_new(config, &next, &error);
        if (status != TANGO_STATUS_OK)
            fails(status, error);
        tango_client_free(next);
        tango_config_free(config);
        lift();
        for (int tries = 0; (status = tango_token_acquire(client, &token, NULL)) != TANGO_STATUS_OK; tries++) {
            CHECK(tries < 200);
            nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
        }
        tango_token_free(token);
        tango_client_free(client);
    }
    CHECK(failures > 0);
    printf("every call without descriptors failed with a reason, and worked afterwards\n");
    return 0;
}
