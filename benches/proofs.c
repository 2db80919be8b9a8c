/* Makes proofs with `ath` through the C interface: `proofs COUNT THREADS` prints nanoseconds per proof and thread. */
#include <pthread.h>
#include <time.h>

#include "../tests/c/check.h"

enum { MOST_THREADS = 8 };

static tango_dpop_key *key;
static pthread_barrier_t start;
static long count;
static char token[301];

static double now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void *prove(void *ns_per_proof)
{
    pthread_barrier_wait(&start);
    double begin = now_ns();
    for (long i = 0; i < count; i++) {
        tango_dpop_proof *proof = NULL;
        if (tango_dpop_proof_new(key, "GET", "https://integration-api.tangocard.com/raas/v2/orders", token, NULL, &proof,
                                 NULL) != TANGO_STATUS_OK)
            abort();
        tango_dpop_proof_free(proof);
    }
    *(double *)ns_per_proof = (now_ns() - begin) / (double)count;
    return NULL;
}

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    count = atol(argv[1]);
    int threads = atoi(argv[2]);
    CHECK(count > 0 && threads > 0 && threads <= MOST_THREADS);
    pthread_t handles[MOST_THREADS];
    double ns[MOST_THREADS], sum = 0;
    memset(token, 'a', sizeof token - 1);
    CHECK(tango_dpop_key_generate(TANGO_ALGORITHM_ES256, &key, NULL) == TANGO_STATUS_OK);
    pthread_barrier_init(&start, NULL, (unsigned)threads);
    for (int i = 0; i < threads; i++)
        CHECK(pthread_create(&handles[i], NULL, prove, &ns[i]) == 0);
    for (int i = 0; i < threads; i++) {
        CHECK(pthread_join(handles[i], NULL) == 0);
        sum += ns[i];
    }
    tango_dpop_key_free(key);
    printf("%.0f\n", sum / threads);
    return 0;
}
