/* 64 threads acquire from an empty client at once. Then they clone and free handles in every order. */
#include <pthread.h>

#include "check.h"

enum { THREADS = 64 };

static pthread_barrier_t start;
static tango_client *client;

static void *acquire_at_once(void *unused)
{
    (void)unused;
    pthread_barrier_wait(&start);
    return acquire(client);
}

static void *free_clones(void *token)
{
    for (int i = 0; i < 100; i++) {
        tango_token *first = tango_token_clone(token), *second = tango_token_clone(first);
        tango_token_free(first);
        CHECK(strlen(tango_token_value(second)) > 0);
        tango_token_free(second);
    }
    tango_token_free(token);
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    tango_token *tokens[THREADS];
    client = client_from_env();
    pthread_barrier_init(&start, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, acquire_at_once, NULL) == 0);
    for (int i = 0; i < THREADS; i++) {
        void *token;
        CHECK(pthread_join(threads[i], &token) == 0);
        tokens[i] = token;
        CHECK(strcmp(tango_token_value(tokens[i]), tango_token_value(tokens[0])) == 0);
        CHECK(strcmp(tango_token_type(tokens[i]), "Bearer") == 0);
        CHECK(strcmp(tango_token_scope(tokens[i]), "raas.all") == 0);
        CHECK(tango_token_expires_in_seconds(tokens[i]) > 86000);
    }

    tango_client *clone = tango_client_clone(client);
    tango_client_free(client);
    tango_token *late = acquire(clone);
    CHECK(strcmp(tango_token_value(late), tango_token_value(tokens[0])) == 0);
    tango_client_free(clone);
    tango_token_free(late);

    /* The client is freed; its token stays valid. */
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, free_clones, tokens[(i * 7) % THREADS]) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    pthread_barrier_destroy(&start);
    puts("one token for all");
    return 0;
}
