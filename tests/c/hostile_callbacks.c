/* Callbacks free the objects that they belong to, and call the library again: each call gives a status, each callback runs
 * once, and each `user_data` is released once. */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "check.h"

enum { ROUNDS = 10 };

struct round {
    tango_config *config;
    tango_client *client, *empty, *clone;
    tango_request *request;
    tango_dpop_key *key;
    atomic_int loads;
    /* The content of the cache: the names and values of a record and a ledger, and the owner of the lock. */
    pthread_mutex_t mutex;
    char owner[256], names[4][256];
    uint8_t values[4][128 * 1024];
    size_t lengths[4];
};

static sem_t ended, released;
static atomic_int lines, blocked;

/* Blocking calls that would have to wait: a status, and no token. Each client requests a token behind its call. */
static void would_block(void)
{
    tango_client *client = client_from_env(), *other = client_from_env();
    tango_token *token = NULL;
    tango_authorization *authorization = NULL;
    CHECK(tango_token_acquire(client, &token, NULL) == TANGO_STATUS_WOULD_BLOCK && token == NULL);
    CHECK(tango_client_authorize(other, "GET", getenv("TANGO_API_URL"), &authorization, NULL) ==
          TANGO_STATUS_WOULD_BLOCK);
    CHECK(authorization == NULL);
    tango_client_free(client);
    tango_client_free(other);
    blocked++;
}

static void done_again(void *client, tango_token *token, tango_error *error)
{
    CHECK(token != NULL && error == NULL);
    tango_client_free(client);
    tango_token_free(token);
    sem_post(&ended);
}

/* The number of the entry with this name, or of a new one. */
static int entry(struct round *round, const char *name)
{
    int i = 0;
    while (round->names[i][0] != '\0' && strcmp(round->names[i], name) != 0)
        CHECK(++i < 4);
    snprintf(round->names[i], sizeof round->names[i], "%s", name);
    return i;
}

static int32_t load(void *user_data, const char *name, uint8_t *value, size_t *length)
{
    struct round *round = user_data;
    pthread_mutex_lock(&round->mutex);
    int i = entry(round, name);
    *length = round->lengths[i];
    memcpy(value, round->values[i], *length);
    pthread_mutex_unlock(&round->mutex);
    if (round->loads++ == 0) {
        would_block();
        tango_client_free(round->clone);
        tango_config_free(round->config);
    }
    return 0;
}

static int32_t save(void *user_data, const char *name, const uint8_t *value, size_t length, uint64_t keep_ms)
{
    struct round *round = user_data;
    (void)keep_ms;
    pthread_mutex_lock(&round->mutex);
    int i = entry(round, name);
    round->lengths[i] = length;
    if (value != NULL)
        memcpy(round->values[i], value, length);
    pthread_mutex_unlock(&round->mutex);
    return 0;
}

static int32_t lock(void *user_data, const char *name, const char *owner, uint64_t lease_ms)
{
    struct round *round = user_data;
    (void)name, (void)lease_ms;
    pthread_mutex_lock(&round->mutex);
    int is_held = round->owner[0] != '\0' && strcmp(round->owner, owner) != 0;
    if (!is_held)
        snprintf(round->owner, sizeof round->owner, "%s", owner);
    pthread_mutex_unlock(&round->mutex);
    return is_held;
}

static int32_t unlock(void *user_data, const char *name, const char *owner)
{
    struct round *round = user_data;
    (void)name;
    pthread_mutex_lock(&round->mutex);
    if (strcmp(round->owner, owner) == 0)
        round->owner[0] = '\0';
    pthread_mutex_unlock(&round->mutex);
    return 0;
}

static void release(void *user_data)
{
    struct round *round = user_data;
    tango_dpop_key_free(round->key);
    round->key = NULL;
    sem_post(&released);
}

static void logged(void *user_data, int32_t level, const char *message)
{
    (void)level, (void)message;
    /* Replaces itself, while a line is handled. */
    CHECK(tango_log_set_callback(TANGO_LOG_LEVEL_TRACE, logged, user_data, NULL) == TANGO_STATUS_OK);
    lines++;
}

static void done(void *user_data, tango_token *token, tango_error *error)
{
    struct round *round = user_data;
    tango_authorization *authorization = NULL;
    CHECK(token != NULL && error == NULL);
    tango_request_cancel(round->request);
    tango_request_free(round->request);
    would_block();
    CHECK(tango_client_authorize(round->client, "GET", getenv("TANGO_API_URL"), &authorization, NULL) ==
          TANGO_STATUS_OK);
    CHECK(tango_client_invalidate(round->client, token, NULL) == TANGO_STATUS_OK);
    CHECK(tango_client_set_credentials(round->client, getenv("TANGO_CLIENT_ID"), getenv("TANGO_CLIENT_SECRET"), NULL,
                                       NULL, NULL) == TANGO_STATUS_OK);
    CHECK(tango_token_acquire_start(round->empty, done_again, round->empty, NULL, NULL) == TANGO_STATUS_OK);
    tango_client_free(round->client);
    tango_token_free(token);
    tango_authorization_free(authorization);
    sem_post(&ended);
}

static void play(struct round *round)
{
    pthread_mutex_init(&round->mutex, NULL);
    round->empty = client_from_env();
    round->config = tango_config_new();
    CHECK(tango_dpop_key_generate(TANGO_ALGORITHM_ES256, &round->key, NULL) == TANGO_STATUS_OK);
    CHECK(tango_config_load_env(round->config, NULL) == TANGO_STATUS_OK);
    CHECK(tango_config_set_cache_callbacks(round->config, load, save, lock, unlock, release, round, NULL) ==
          TANGO_STATUS_OK);
    CHECK(tango_client_new(round->config, &round->client, NULL) == TANGO_STATUS_OK);
    round->clone = tango_client_clone(round->client);
    CHECK(tango_token_acquire_start(round->client, done, round, &round->request, NULL) == TANGO_STATUS_OK);
    CHECK(sem_wait(&ended) == 0 && sem_wait(&ended) == 0 && sem_wait(&released) == 0);
    CHECK(round->key == NULL && round->loads > 0);
}

int main(void)
{
    static struct round rounds[ROUNDS];
    CHECK(sem_init(&ended, 0, 0) == 0 && sem_init(&released, 0, 0) == 0);
    CHECK(tango_log_set_callback(TANGO_LOG_LEVEL_TRACE, logged, NULL, NULL) == TANGO_STATUS_OK);
    for (int i = 0; i < ROUNDS; i++)
        play(&rounds[i]);
    tango_log_set_callback(TANGO_LOG_LEVEL_TRACE, NULL, NULL, NULL);
    CHECK(lines > 0 && blocked == 2 * ROUNDS && sem_trywait(&released) != 0 && sem_trywait(&ended) != 0);
    printf("%d rounds of callbacks that free and call again, none hung\n", ROUNDS);
    return 0;
}
