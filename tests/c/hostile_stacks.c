/* Each kind of call, on a thread with the least stack that the header promises to need. */
#include <pthread.h>

#include "check.h"

enum { STACK_BYTES = 64 * 1024 };

static tango_client *client;

static void make_a_client(void)
{
    tango_client_free(client_from_env());
}

static void acquire_a_token(void)
{
    tango_token_free(acquire(client));
}

static void acquire_a_new_token(void)
{
    tango_client *own = client_from_env();
    tango_token_free(acquire(own));
    tango_client_free(own);
}

static void try_to_acquire(void)
{
    tango_token *token = NULL;
    CHECK(tango_token_try_acquire(client, &token, NULL) == TANGO_STATUS_OK);
    tango_token_free(token);
}

static void authorize_and_observe(void)
{
    tango_authorization *authorization = NULL;
    int32_t verdict;
    CHECK(tango_client_authorize(client, "GET", getenv("TANGO_API_URL"), &authorization, NULL) == TANGO_STATUS_OK);
    tango_error *error = NULL;
    const char *challenge = "Bearer error=\"invalid_request\"";
    tango_status status =
        tango_client_observe(client, authorization, 401, NULL, challenge, NULL, &verdict, &error);
    CHECK(status != TANGO_STATUS_INVALID_ARGUMENT && status != TANGO_STATUS_INTERNAL);
    tango_error_free(error);
    tango_authorization_free(authorization);
}

static void refuse(void)
{
    tango_authorization *authorization = NULL;
    tango_error *error = NULL;
    CHECK(tango_client_authorize(client, "GET", "https://other.example/", &authorization, &error) != TANGO_STATUS_OK);
    tango_error_free(error);
}

static void use_a_key(tango_algorithm algorithm)
{
    tango_dpop_key *key = NULL, *copy = NULL;
    tango_dpop_proof *proof = NULL;
    const char *pem = NULL;
    CHECK(tango_dpop_key_generate(algorithm, &key, NULL) == TANGO_STATUS_OK);
    CHECK(tango_dpop_proof_new(key, "GET", "https://api.example/", "token", NULL, &proof, NULL) == TANGO_STATUS_OK);
    CHECK(tango_dpop_key_to_pem(key, &pem, NULL) == TANGO_STATUS_OK);
    CHECK(tango_dpop_key_from_pem(pem, algorithm, &copy, NULL) == TANGO_STATUS_OK);
    tango_dpop_proof_free(proof);
    tango_dpop_key_free(copy);
    tango_dpop_key_free(key);
}

static void use_a_p256_key(void)
{
    use_a_key(TANGO_ALGORITHM_ES256);
}

static void use_an_ed25519_key(void)
{
    use_a_key(TANGO_ALGORITHM_EDDSA);
}

static void use_an_rsa_key(void)
{
    use_a_key(TANGO_ALGORITHM_RS256);
}

static void (*const calls[])(void) = {make_a_client,   acquire_a_token,       acquire_a_new_token,
                                      try_to_acquire,  authorize_and_observe, refuse,
                                      use_a_p256_key,  use_an_ed25519_key,    use_an_rsa_key};
enum { CALLS = sizeof calls / sizeof *calls };

static void *run(void *number)
{
    calls[(size_t)number]();
    return NULL;
}

int main(void)
{
    pthread_attr_t attributes;
    CHECK(pthread_attr_init(&attributes) == 0 && pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0);
    client = client_from_env();
    tango_token_free(acquire(client));
    for (size_t i = 0; i < CALLS; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, &attributes, run, (void *)i) == 0 && pthread_join(thread, NULL) == 0);
    }
    tango_client_free(client);
    printf("%d kinds of calls needed at most %d KiB of stack\n", CALLS, STACK_BYTES / 1024);
    return 0;
}
