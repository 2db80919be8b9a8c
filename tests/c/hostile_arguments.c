/* Calls each function of the header with every argument that a caller can get wrong, one at a time and all at once: NULL,
 * numbers outside the enum, strings that are not UTF-8, empty, full of control characters, or 100 MB long. The calls are
 * made from include/tango_token.json by tests/hostile.rs, so a new function is covered without being added. */
#include <math.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"

enum { LONG = 100 * 1000 * 1000, MOST_MEMORY_KIB = 32 * 1024 };
enum expected { INVALID, FINE, ANY };

#define UNTOUCHED ((void *)0x5a5a5a5a)

static const char NOT_UTF8[] = "caf\xe9", CONTROL[] = "\x01\x1b[2J\n\x7f", EMPTY[] = "";
static char *longest;
static const char *url, *pem, *jwk;
static tango_config *config, *loaded;
static tango_client *client;
static tango_token *token;
static tango_dpop_key *key;
static tango_authorization *authorization;
static tango_stats *stats;
/* The places of the out-parameter and the error of a call. */
static void *place;
static tango_error *error;
static int calls, starts, ends, releases_due;
static volatile int releases;

static void done(void *user_data, tango_token *got, tango_error *failure)
{
    (void)user_data;
    tango_token_free(got);
    tango_error_free(failure);
    __atomic_add_fetch(&ends, 1, __ATOMIC_SEQ_CST);
}

static void logged(void *user_data, int32_t level, const char *message)
{
    (void)user_data;
    CHECK(level >= 1 && message != NULL);
}

static void record_logged(void *user_data, int32_t level, int64_t unix_ms, const char *target, const char *message,
                          size_t count, const char *const *names, const char *const *values, const int32_t *types)
{
    (void)user_data;
    CHECK(level >= 1 && unix_ms > 0 && target != NULL && message != NULL);
    for (size_t i = 0; i < count; i++)
        CHECK(strlen(names[i]) > 0 && values[i] != NULL && types[i] >= 1);
}

static int32_t cache_load(void *user_data, const char *name, uint8_t *value, size_t *length)
{
    (void)user_data, (void)name, (void)value, (void)length;
    return 7;
}

static int32_t cache_save(void *user_data, const char *name, const uint8_t *value, size_t length, uint64_t keep_ms)
{
    (void)user_data, (void)name, (void)value, (void)length, (void)keep_ms;
    return 7;
}

static int32_t cache_lock(void *user_data, const char *name, const char *owner, uint64_t lease_ms)
{
    (void)user_data, (void)name, (void)owner, (void)lease_ms;
    return 7;
}

static int32_t cache_unlock(void *user_data, const char *name, const char *owner)
{
    (void)user_data, (void)name, (void)owner;
    return 7;
}

static int32_t sign(void *user_data, const uint8_t *message, size_t length, uint8_t *signature, size_t *room)
{
    (void)user_data, (void)message, (void)length, (void)signature, (void)room;
    return 7;
}

static void released(void *user_data)
{
    (void)user_data;
    releases++;
}

static void before(void)
{
    calls++;
    place = UNTOUCHED;
    error = UNTOUCHED;
}

/* `argument` is the one that is wrong, or "" if all are. */
static void after(const char *call, const char *argument, enum expected expected, tango_status status, int has_error)
{
    int failed = status != TANGO_STATUS_OK;
    int is_expected = expected == ANY || (expected == FINE) == !failed;
    if (failed && has_error) {
        const char *message = error == UNTOUCHED ? "" : tango_error_message(error);
        is_expected &= strlen(message) > 0 && strlen(message) < 4096 && tango_error_status(error) == status;
        if (expected == INVALID)
            is_expected &= strncmp(message, argument, strlen(argument)) == 0;
        tango_error_free(error);
    } else {
        is_expected &= error == UNTOUCHED;
    }
    is_expected &= (expected != INVALID || status == TANGO_STATUS_INVALID_ARGUMENT) && status != TANGO_STATUS_INTERNAL;
    is_expected &= !failed || place == UNTOUCHED;
    if (!is_expected) {
        fprintf(stderr, "%s gives %s\n", call, tango_status_name(status));
        exit(1);
    }
}

#define CALL(argument, expected, call, has_error)                                                                      \
    do {                                                                                                               \
        before();                                                                                                      \
        after(#call, argument, expected, call, has_error);                                                             \
    } while (0)
#define FREE(type)                                                                                                     \
    do {                                                                                                               \
        if (place != UNTOUCHED)                                                                                        \
            type##_free(place);                                                                                        \
    } while (0)
#define GETTER(expected, call)                                                                                         \
    do {                                                                                                               \
        calls++;                                                                                                       \
        CHECK((call) == (expected));                                                                                   \
    } while (0)

#include "hostile_calls.h"

static void make_objects(void)
{
    url = getenv("TANGO_API_URL");
    longest = malloc(LONG + 1);
    CHECK(url != NULL && longest != NULL);
    memset(longest, 'x', LONG);
    longest[LONG] = '\0';
    config = tango_config_new();
    loaded = tango_config_new();
    CHECK(tango_config_load_env(loaded, NULL) == TANGO_STATUS_OK);
    CHECK(tango_client_new(loaded, &client, NULL) == TANGO_STATUS_OK);
    token = acquire(client);
    CHECK(tango_client_authorize(client, "GET", url, &authorization, NULL) == TANGO_STATUS_OK);
    CHECK(tango_client_stats(client, &stats, NULL) == TANGO_STATUS_OK);
    CHECK(tango_dpop_key_generate(TANGO_ALGORITHM_ES256, &key, NULL) == TANGO_STATUS_OK);
    CHECK(tango_dpop_key_to_pem(key, &pem, NULL) == TANGO_STATUS_OK);
    jwk = tango_dpop_key_public_jwk(key);
}

static void free_objects(void)
{
    tango_log_set_callback(TANGO_LOG_LEVEL_ERROR, NULL, NULL, NULL);
    tango_log_to_stderr(TANGO_LOG_LEVEL_OFF, TANGO_LOG_FORMAT_TEXT, NULL);
    while (__atomic_load_n(&ends, __ATOMIC_SEQ_CST) < starts)
        usleep(1000);
    tango_client_free(client);
    tango_token_free(token);
    tango_authorization_free(authorization);
    tango_stats_free(stats);
    tango_dpop_key_free(key);
    tango_config_free(config);
    tango_config_free(loaded);
    free(longest);
}

int main(void)
{
    struct rusage usage;
    make_objects();
    getrusage(RUSAGE_SELF, &usage);
    long before_kib = usage.ru_maxrss;
    int functions = call_all();
    getrusage(RUSAGE_SELF, &usage);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    /* The sanitizer's own memory grows as well. */
    (void)before_kib;
#else
    CHECK(usage.ru_maxrss - before_kib < MOST_MEMORY_KIB);
#endif
    free_objects();
    CHECK(releases == releases_due);
    printf("%d functions, %d calls, no crash\n", functions, calls);
    return 0;
}
