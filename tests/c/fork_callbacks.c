/* Forks from inside callbacks: of a signer, of a custom cache, of the log, and of an asynchronous acquire. Each child
 * makes proofs, in the thread of the callback and in a new one, while threads of the parent do the same.
 *
 *     fork_callbacks CHILDREN */
#include <pthread.h>
#include <stdatomic.h>

#include "children.h"

enum { THREADS = 4 };

static tango_dpop_key *key;
static atomic_int stop, in_signer, in_cache, in_log, in_done, wanted;

static void *prove(void *with)
{
    tango_dpop_proof *proof = NULL;
    CHECK(tango_dpop_proof_new(with, "GET", "https://api.example/", NULL, NULL, &proof, NULL) == TANGO_STATUS_OK);
    tango_dpop_proof_free(proof);
    return NULL;
}

static void fork_here(atomic_int *forked)
{
    if (*forked >= wanted)
        return;
    ++*forked;
    pid_t child = create_child("fork");
    if (child == 0) {
        pthread_t thread;
        prove(key);
        CHECK(pthread_create(&thread, NULL, prove, key) == 0 && pthread_join(thread, NULL) == 0);
        _exit(0);
    }
    CHECK(!has_hung(child));
}

/* The signature of the message with which the library tries a signer, by the key of RFC 8037 appendix A. */
static const uint8_t signature_of_trial[64] = {
    0xa1, 0x26, 0x6e, 0xb7, 0x24, 0x02, 0x46, 0x0a, 0x90, 0x20, 0xe9, 0x5a, 0xd0, 0x5d, 0x7e, 0x49,
    0xbc, 0xf7, 0xff, 0xc0, 0x9e, 0x5f, 0x0b, 0x48, 0x38, 0x85, 0xed, 0xa4, 0x67, 0xfb, 0x9b, 0x98,
    0x85, 0xb2, 0xde, 0xf9, 0x80, 0xa4, 0x57, 0x83, 0x5d, 0x04, 0xb3, 0x4d, 0x78, 0x70, 0xfc, 0x1f,
    0x56, 0x4b, 0xeb, 0x84, 0x4a, 0xcb, 0xba, 0x7b, 0x52, 0xc1, 0x05, 0xf3, 0xc5, 0x04, 0x0e, 0x07,
};
static const char public_jwk[] =
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";

static int32_t sign(void *user_data, const uint8_t *message, size_t length, uint8_t *signature, size_t *written)
{
    (void)user_data;
    (void)message;
    (void)length;
    fork_here(&in_signer);
    memcpy(signature, signature_of_trial, sizeof signature_of_trial);
    *written = sizeof signature_of_trial;
    return 0;
}

/* A cache that always fails, without which a token is requested nevertheless. */
static int32_t load(void *user_data, const char *name, uint8_t *value, size_t *length)
{
    (void)user_data;
    (void)name;
    (void)value;
    (void)length;
    fork_here(&in_cache);
    return 1;
}

static int32_t save(void *user_data, const char *name, const uint8_t *value, size_t length, uint64_t keep_ms)
{
    (void)user_data;
    (void)name;
    (void)value;
    (void)length;
    (void)keep_ms;
    return 0;
}

static int32_t lock(void *user_data, const char *name, const char *owner, uint64_t lease_ms)
{
    (void)user_data;
    (void)name;
    (void)owner;
    (void)lease_ms;
    return 2;
}

static int32_t unlock(void *user_data, const char *name, const char *owner)
{
    (void)user_data;
    (void)name;
    (void)owner;
    return 0;
}

static void log_line(void *user_data, int32_t level, const char *message)
{
    (void)user_data;
    (void)level;
    (void)message;
    fork_here(&in_log);
}

static void done(void *finished, tango_token *token, tango_error *error)
{
    if (error != NULL)
        fprintf(stderr, "%s\n", tango_error_message(error));
    CHECK(token != NULL && error == NULL);
    fork_here(&in_done);
    tango_token_free(token);
    *(atomic_int *)finished = 1;
}

static tango_client *client_with_cache(void)
{
    tango_config *config = tango_config_new();
    tango_client *client = NULL;
    CHECK(tango_config_load_env(config, NULL) == TANGO_STATUS_OK);
    CHECK(tango_config_set_cache_callbacks(config, load, save, lock, unlock, NULL, NULL, NULL) == TANGO_STATUS_OK);
    CHECK(tango_config_set_allow_fetch_without_cache(config, 1, NULL) == TANGO_STATUS_OK);
    CHECK(tango_client_new(config, &client, NULL) == TANGO_STATUS_OK);
    tango_config_free(config);
    return client;
}

static void acquire_asynchronously(const tango_client *client)
{
    atomic_int finished = 0;
    CHECK(tango_token_acquire_start(client, done, &finished, NULL, NULL) == TANGO_STATUS_OK);
    while (!finished)
        usleep(100);
}

static void *keep_busy(void *unused)
{
    while (!stop)
        prove(key);
    return unused;
}

int main(int count, char **arguments)
{
    pthread_t threads[THREADS];
    tango_dpop_key *signer_key;
    CHECK(count == 2);
    CHECK(tango_dpop_key_generate(TANGO_ALGORITHM_ES256, &key, NULL) == TANGO_STATUS_OK);
    CHECK(tango_dpop_key_from_signer(TANGO_ALGORITHM_EDDSA, public_jwk, sign, NULL, NULL, &signer_key, NULL) ==
          TANGO_STATUS_OK);
    CHECK(tango_log_set_callback(TANGO_LOG_LEVEL_TRACE, log_line, NULL, NULL) == TANGO_STATUS_OK);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, keep_busy, NULL) == 0);
    wanted = atoi(arguments[1]);
    while (in_signer < wanted)
        prove(signer_key);
    while (in_cache < wanted || in_log < wanted || in_done < wanted) {
        tango_client *client = client_with_cache();
        acquire_asynchronously(client);
        tango_client_free(client);
    }
    stop = 1;
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    tango_dpop_key_free(signer_key);
    tango_dpop_key_free(key);
    puts("each child of a signer, a cache, a log and a completion worked");
    return 0;
}
