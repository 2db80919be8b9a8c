/* Records the locks of pthread that this library and its cryptography hold, and creates children while threads do all
 * kinds of work. No child may inherit a lock that is held, or a pthread_once whose function is running.
 *
 *     fork_locks CHILDREN */
#include "children.h"
#include "locks.h"

enum { THREADS_OF_EACH = 2 };

static atomic_int stop;
static tango_client *client;

static void prove(void)
{
    static const tango_algorithm algorithms[] = {TANGO_ALGORITHM_ES256, TANGO_ALGORITHM_ES384, TANGO_ALGORITHM_EDDSA};
    static atomic_uint next;
    tango_dpop_key *key = NULL;
    unsigned number = next++;
    /* Few RSA keys: each takes long. */
    tango_algorithm algorithm = number % 100 == 99 ? TANGO_ALGORITHM_RS256 : algorithms[number % 3];
    CHECK(tango_dpop_key_generate(algorithm, &key, NULL) == TANGO_STATUS_OK);
    for (int i = 0; i < 3; i++) {
        tango_dpop_proof *proof = NULL;
        CHECK(tango_dpop_proof_new(key, "GET", "https://api.example/", "token", NULL, &proof, NULL) ==
              TANGO_STATUS_OK);
        tango_dpop_proof_free(proof);
    }
    const char *pem = NULL;
    CHECK(tango_dpop_key_to_pem(key, &pem, NULL) == TANGO_STATUS_OK);
    tango_dpop_key *copy = NULL;
    CHECK(tango_dpop_key_from_pem(pem, algorithm, &copy, NULL) == TANGO_STATUS_OK);
    tango_dpop_key_free(copy);
    CHECK(tango_dpop_key_from_pem("not a key", algorithm, &copy, NULL) != TANGO_STATUS_OK);
    tango_dpop_key_free(key);
}

static void authorize(void)
{
    tango_authorization *authorization = NULL;
    CHECK(tango_client_authorize(client, "GET", getenv("TANGO_API_URL"), &authorization, NULL) == TANGO_STATUS_OK);
    tango_authorization_free(authorization);
}

static void acquire_or_fail(const tango_client *own, tango_token **token)
{
    tango_error *error = NULL;
    if (acquire_patiently(own, token, &error) != TANGO_STATUS_OK)
        fprintf(stderr, "%s\n", tango_error_message(error));
    CHECK(error == NULL);
}

static void fetch(void)
{
    tango_client *own = client_from_env();
    tango_token *token = NULL;
    acquire_or_fail(own, &token);
    CHECK(tango_client_invalidate(own, token, NULL) == TANGO_STATUS_OK);
    tango_token_free(token);
    acquire_or_fail(own, &token);
    tango_token_free(token);
    tango_client_free(own);
}

static void *prove_once(void *unused)
{
    prove();
    return unused;
}

/* The first random number of a thread, and its end. */
static void start_and_end(void)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, prove_once, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

static void (*const works[])(void) = {prove, authorize, fetch, start_and_end};
enum { WORKS = sizeof works / sizeof *works };

static void *keep_busy(void *number)
{
    while (!stop)
        works[(size_t)number]();
    return NULL;
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    int children = atoi(argv[1]);
    pthread_t threads[WORKS * THREADS_OF_EACH];
    client = client_from_env();
    for (size_t i = 0; i < WORKS * THREADS_OF_EACH; i++)
        CHECK(pthread_create(&threads[i], NULL, keep_busy, (void *)(i % WORKS)) == 0);
    for (int i = 0; i < children; i++) {
        pid_t child = create_child("fork");
        if (child == 0)
            _exit(inherited_locks("libtango_token") != 0);
        CHECK(!has_hung(child));
        usleep((useconds_t)(i * 37 % 1500));
    }
    stop = 1;
    for (size_t i = 0; i < WORKS * THREADS_OF_EACH; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    tango_client_free(client);
    /* They are seen at all. */
    CHECK(taken > children);
    printf("%d children inherited none of %ld locks\n", children, (long)taken);
    return 0;
}
