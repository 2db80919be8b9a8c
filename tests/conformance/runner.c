/* The runner of C: executes the calls that it reads, one per line, and prints each outcome as JSON. See README.md. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tango_token.h>

enum { FIELDS = 6, LONGEST_LINE = 65536 };

static tango_client *client;
static tango_token *last_token;
static tango_authorization *last_authorization;

static void print_string(const char *name, const char *value, const char *end)
{
    printf("\"%s\": ", name);
    if (value == NULL) {
        printf("null%s", end);
        return;
    }
    putchar('"');
    for (const unsigned char *at = (const unsigned char *)value; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            printf("\\%c", *at);
        else if (*at < 0x20)
            printf("\\u%04x", *at);
        else
            putchar(*at);
    }
    printf("\"%s", end);
}

static void print_number(const char *name, int64_t number, int64_t none, const char *end)
{
    if (number == none)
        printf("\"%s\": null%s", name, end);
    else
        printf("\"%s\": %" PRId64 "%s", name, number, end);
}

static void print_error(tango_error *error)
{
    printf("{\"error\": {");
    print_string("status", tango_status_name(tango_error_status(error)), ", ");
    print_string("message", tango_error_message(error), ", ");
    print_number("http_status", tango_error_http_status(error), 0, ", ");
    print_string("oauth_error", tango_error_oauth_error(error), ", ");
    print_string("oauth_error_description", tango_error_oauth_error_description(error), ", ");
    print_string("i18n_key", tango_error_i18n_key(error), ", ");
    print_string("server_message", tango_error_server_message(error), ", ");
    print_string("request_id", tango_error_request_id(error), ", ");
    print_number("retry_after_seconds", tango_error_retry_after_seconds(error), -1, "}}\n");
    tango_error_free(error);
}

/* Takes a pointer to the error, because C may evaluate the arguments before the call that writes it. */
static void print_done(tango_status status, tango_error **error)
{
    if (status == TANGO_STATUS_OK)
        puts("{\"done\": true}");
    else
        print_error(*error);
}

static void print_token(tango_token *token, tango_error *error)
{
    if (token == NULL) {
        print_error(error);
        return;
    }
    printf("{\"token\": {");
    print_string("value", tango_token_value(token), ", ");
    print_string("type", tango_token_type(token), ", ");
    print_string("scope", tango_token_scope(token), ", ");
    print_number("expires_in_seconds", tango_token_expires_in_seconds(token), -1, "}}\n");
    tango_token_free(last_token);
    last_token = token;
}

static void print_authorization(tango_authorization *authorization, tango_error *error)
{
    if (authorization == NULL) {
        print_error(error);
        return;
    }
    printf("{\"authorization\": {");
    print_string("value", tango_authorization_value(authorization), ", ");
    print_string("dpop", tango_authorization_dpop(authorization), "}}\n");
    tango_authorization_free(last_authorization);
    last_authorization = authorization;
}

static void acquire(void)
{
    tango_token *token = NULL;
    tango_error *error = NULL;
    tango_token_acquire(client, &token, &error);
    print_token(token, error);
}

/* The outcome of an asynchronous call, once it is done. */
struct outcome {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int is_done;
    tango_token *token;
    tango_error *error;
};

static void done(void *user_data, tango_token *token, tango_error *error)
{
    struct outcome *outcome = user_data;
    pthread_mutex_lock(&outcome->mutex);
    outcome->token = token;
    outcome->error = error;
    outcome->is_done = 1;
    pthread_cond_signal(&outcome->changed);
    pthread_mutex_unlock(&outcome->mutex);
}

static void acquire_async(void)
{
    struct outcome outcome = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, NULL, NULL};
    tango_error *error = NULL;
    if (tango_token_acquire_start(client, done, &outcome, NULL, &error) != TANGO_STATUS_OK) {
        print_error(error);
        return;
    }
    pthread_mutex_lock(&outcome.mutex);
    while (!outcome.is_done)
        pthread_cond_wait(&outcome.changed, &outcome.mutex);
    pthread_mutex_unlock(&outcome.mutex);
    print_token(outcome.token, outcome.error);
}

static void authorize(const char *method, const char *url)
{
    tango_authorization *authorization = NULL;
    tango_error *error = NULL;
    tango_client_authorize(client, method, url, &authorization, &error);
    print_authorization(authorization, error);
}

static void authorize_again(void)
{
    tango_authorization *authorization = NULL;
    tango_error *error = NULL;
    tango_client_authorize_again(client, last_authorization, &authorization, &error);
    print_authorization(authorization, error);
}

static void observe(char *const *fields)
{
    int32_t verdict = 0;
    tango_error *error = NULL;
    int32_t http_status = (int32_t)strtol(fields[1], NULL, 10);
    if (tango_client_observe(client, last_authorization, http_status, fields[2], fields[3], fields[4], &verdict,
                             &error) != TANGO_STATUS_OK)
        print_error(error);
    else
        printf("{\"verdict\": \"%s\"}\n", verdict == TANGO_VERDICT_RETRY ? "retry" : "done");
}

/* Splits a line at its tabs; an empty or missing field is NULL. */
static void split(char *line, char *fields[FIELDS])
{
    line[strcspn(line, "\n")] = '\0';
    for (int i = 0; i < FIELDS; i++) {
        char *tab = line == NULL ? NULL : strchr(line, '\t');
        if (tab != NULL)
            *tab = '\0';
        fields[i] = line == NULL || *line == '\0' ? NULL : line;
        line = tab == NULL ? NULL : tab + 1;
    }
}

static int run(char *const *fields)
{
    tango_error *error = NULL;
    if (fields[0] == NULL)
        return 0;
    if (strcmp(fields[0], "acquire") == 0)
        acquire();
    else if (strcmp(fields[0], "acquire_async") == 0)
        acquire_async();
    else if (strcmp(fields[0], "authorize") == 0)
        authorize(fields[1], fields[2]);
    else if (strcmp(fields[0], "authorize_again") == 0)
        authorize_again();
    else if (strcmp(fields[0], "observe") == 0 && fields[1] != NULL)
        observe(fields);
    else if (strcmp(fields[0], "invalidate") == 0)
        print_done(tango_client_invalidate(client, last_token, &error), &error);
    else if (strcmp(fields[0], "set_credentials") == 0)
        print_done(tango_client_set_credentials(client, fields[1], fields[2], fields[3], fields[4], &error), &error);
    else
        return 0;
    return 1;
}

/* Configures the client as one argument says: `load_env`, or NAME=VALUE for an option that is set in code. */
static tango_status configure(tango_config *config, const char *argument, tango_error **error)
{
    static const struct {
        const char *name;
        tango_status (*set)(tango_config *, const char *, tango_error **);
    } strings[] = {
        {"audience=", tango_config_set_audience},
        {"user_agent=", tango_config_set_user_agent},
        {"allowed_origins=", tango_config_allow_origin},
    };
    if (strcmp(argument, "load_env") == 0)
        return tango_config_load_env(config, error);
    if (strcmp(argument, "allow_plain_http=true") == 0)
        return tango_config_set_allow_plain_http(config, 1, error);
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        if (strncmp(argument, strings[i].name, strlen(strings[i].name)) == 0)
            return strings[i].set(config, argument + strlen(strings[i].name), error);
    fprintf(stderr, "unknown option: %s\n", argument);
    exit(1);
}

int main(int argc, char **argv)
{
    static char line[LONGEST_LINE];
    tango_config *config = tango_config_new();
    tango_error *error = NULL;
    tango_status status = TANGO_STATUS_OK;
    for (int i = 1; i < argc && status == TANGO_STATUS_OK; i++)
        status = configure(config, argv[i], &error);
    if (status != TANGO_STATUS_OK || tango_client_new(config, &client, &error) != TANGO_STATUS_OK) {
        print_error(error);
        tango_config_free(config);
        return 0;
    }
    tango_config_free(config);
    puts("{\"client\": true}");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *fields[FIELDS];
        split(line, fields);
        if (!run(fields)) {
            fprintf(stderr, "unknown call\n");
            return 1;
        }
        fflush(stdout);
    }
    tango_authorization_free(last_authorization);
    tango_token_free(last_token);
    tango_client_free(client);
    return 0;
}
