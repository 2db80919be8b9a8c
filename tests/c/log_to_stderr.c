/* Logs, as the arguments say, one after the other: to stderr, by the variable TANGO_LOG or by a call, to a callback, in
 * children, and in a moment many lines. tests/log_to_stderr.rs reads what arrives. */
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static tango_client *client;

static void print_line(void *user_data, int32_t level, const char *message)
{
    (void)user_data;
    printf("%d %s\n", (int)level, message);
}

static void print_string(const char *string)
{
    putchar('"');
    for (; *string != '\0'; string++)
        printf((unsigned char)*string < ' ' || *string == '"' || *string == '\\' ? "\\u%04x" : "%c", *string);
    putchar('"');
}

/* Prints a record as JSON. */
static void print_record(void *user_data, int32_t level, int64_t unix_ms, const char *target, const char *message,
                         size_t count, const char *const *names, const char *const *values, const int32_t *types)
{
    CHECK(user_data == &client);
    printf("{\"level\": %d, \"unix_ms\": %lld, \"target\": ", (int)level, (long long)unix_ms);
    print_string(target);
    printf(", \"message\": ");
    print_string(message);
    for (size_t i = 0; i < count; i++) {
        printf(", ");
        print_string(names[i]);
        printf(": ");
        if (types[i] == TANGO_LOG_TYPE_STRING)
            print_string(values[i]);
        else
            printf("%s", values[i]);
    }
    printf("}\n");
}

static void acquire_once(void)
{
    if (client == NULL)
        client = client_from_env();
    tango_token_free(acquire(client));
}

/* An API rejects the token, then accepts it: two lines each time, and no request. */
static void log_many_lines(void)
{
    tango_authorization *sent = NULL;
    int32_t verdict;
    acquire_once();
    CHECK(tango_client_authorize(client, "GET", getenv("TANGO_API_URL"), &sent, NULL) == TANGO_STATUS_OK);
    for (int i = 0; i < 2000; i++) {
        tango_token *token = acquire(client);
        CHECK(tango_client_invalidate(client, token, NULL) == TANGO_STATUS_OK);
        tango_token_free(token);
        CHECK(tango_client_observe(client, sent, 200, NULL, NULL, NULL, &verdict, NULL) == TANGO_STATUS_OK);
    }
    tango_authorization_free(sent);
}

/* The child, with a client of its own, and a child of the child. */
static void log_in_children(void)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        pid_t grandchild = fork();
        CHECK(grandchild >= 0);
        tango_client *own = client_from_env();
        tango_token_free(acquire(own));
        tango_client_free(own);
        CHECK(grandchild == 0 || waitpid(grandchild, NULL, 0) == grandchild);
        exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

/* Closes stderr, and opens a file, which gets its number: for appending, as logs are, or as any other file. */
static void replace_stderr(const char *path, int flags)
{
    CHECK(close(2) == 0);
    CHECK(open(path, O_WRONLY | O_CREAT | flags, 0600) == 2);
}

static void run(const char *step)
{
    int level, format;
    char path[1024];
    if (strcmp(step, "acquire") == 0)
        acquire_once();
    else if (strcmp(step, "fork") == 0)
        log_in_children();
    else if (sscanf(step, "file:%1000s", path) == 1)
        replace_stderr(path, 0);
    else if (sscanf(step, "append:%1000s", path) == 1)
        replace_stderr(path, O_APPEND);
    else if (strcmp(step, "many") == 0)
        log_many_lines();
    else if (sscanf(step, "stderr:%d:%d", &level, &format) == 2)
        CHECK(tango_log_to_stderr(level, format, NULL) == TANGO_STATUS_OK);
    else if (sscanf(step, "callback:%d", &level) == 1)
        CHECK(tango_log_set_callback(level, print_line, NULL, NULL) == TANGO_STATUS_OK);
    else if (sscanf(step, "records:%d", &level) == 1)
        CHECK(tango_log_set_record_callback(level, print_record, &client, NULL) == TANGO_STATUS_OK);
    else if (strcmp(step, "no-callback") == 0)
        CHECK(tango_log_set_callback(TANGO_LOG_LEVEL_ERROR, NULL, NULL, NULL) == TANGO_STATUS_OK);
    else if (strcmp(step, "done") == 0)
        puts("done"), fflush(stdout);
    else
        CHECK(!"a known step");
}

int main(int count, char **steps)
{
    for (int i = 1; i < count; i++)
        run(steps[i]);
    tango_client_free(client);
    return 0;
}
