/* Creates children while threads of the parent do one kind of work all the time. Each child does the same work, in its
 * own thread and in a new one, and ends in turn by exit and _exit.
 *
 *     fork_busy WORK fork|_Fork|clone CHILDREN THREADS [FORKING_THREADS]
 *
 * Prints how many children hung; that is an error only for `fork`. A child that was created without fork may also be
 * told that it inherited a lock. */
#include <pthread.h>
#include <stdatomic.h>

#include "children.h"

enum { MOST_THREADS = 64 };

static const char *work_name, *how;
static tango_dpop_key *key, *rsa_key;
static tango_client *client;
static atomic_int stop, hung, refused, children_left;
static __thread int is_in_child;

/* A child that was created without fork may be refused, and then ends. */
static void check_call(tango_status status, tango_error **error)
{
    if (status == TANGO_STATUS_OK)
        return;
    const char *message = tango_error_message(*error);
    if (is_in_child && strcmp(how, "fork") != 0 && strstr(message, "create it with fork") != NULL)
        _exit(77);
    fprintf(stderr, "%s: %s\n", work_name, message);
    abort();
}

static void prove_with(const tango_dpop_key *with)
{
    tango_dpop_proof *proof = NULL;
    tango_error *error = NULL;
    check_call(tango_dpop_proof_new(with, "GET", "https://api.example/", NULL, NULL, &proof, &error), &error);
    tango_dpop_proof_free(proof);
}

static void prove(void)
{
    prove_with(key);
}

static void prove_with_rsa(void)
{
    prove_with(rsa_key);
}

static void generate(void)
{
    tango_dpop_key *own = NULL;
    tango_error *error = NULL;
    check_call(tango_dpop_key_generate(TANGO_ALGORITHM_ES384, &own, &error), &error);
    prove_with(own);
    tango_dpop_key_free(own);
}

static void authorize(void)
{
    tango_authorization *authorization = NULL;
    tango_error *error = NULL;
    check_call(tango_client_authorize(client, "GET", getenv("TANGO_API_URL"), &authorization, &error), &error);
    tango_authorization_free(authorization);
}

/* A token request each time, on a connection of its own. */
static void fetch(void)
{
    tango_client *own = client_from_env();
    tango_token *token = NULL;
    tango_error *error = NULL;
    check_call(acquire_patiently(own, &token, &error), &error);
    CHECK(tango_client_invalidate(own, token, NULL) == TANGO_STATUS_OK);
    tango_token_free(token);
    check_call(acquire_patiently(own, &token, &error), &error);
    tango_token_free(token);
    tango_client_free(own);
}

static void *prove_once(void *unused)
{
    (void)unused;
    prove();
    return NULL;
}

static void *prove_once_in_child(void *unused)
{
    is_in_child = 1;
    return prove_once(unused);
}

/* A thread draws its first random number and ends. */
static void start_and_end(void)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, is_in_child ? prove_once_in_child : prove_once, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

static void (*work)(void);

static void use_in_child(int is_last_way)
{
    is_in_child = 1;
    work();
    prove();
    start_and_end();
    if (is_last_way)
        exit(0);
    _exit(0);
}

static void create_and_await_child(int number)
{
    pid_t child = create_child(how);
    if (child == 0)
        /* Without fork, the C library's own locks make exit unsafe. */
        use_in_child(number % 2 == 0 && strcmp(how, "fork") == 0);
    int status;
    while (waitpid(child, &status, 0) != child)
        CHECK(errno == EINTR);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        hung++;
    else if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        refused++;
    else if (status != 0) {
        fprintf(stderr, "a child ended with the wait status %d\n", status);
        exit(1);
    }
}

static void *keep_busy(void *unused)
{
    (void)unused;
    while (!stop)
        work();
    return NULL;
}

static void *create_children(void *unused)
{
    (void)unused;
    int number;
    while ((number = children_left--) > 0)
        create_and_await_child(number);
    return NULL;
}

int main(int count, char **arguments)
{
    static const struct {
        const char *name;
        void (*work)(void);
    } kinds[] = {{"proofs", prove},        {"rsa", prove_with_rsa},     {"keys", generate},
                 {"authorize", authorize}, {"fetch", fetch},            {"threads", start_and_end}};
    CHECK(count >= 5);
    work_name = arguments[1];
    how = arguments[2];
    children_left = atoi(arguments[3]);
    int children = children_left, threads = atoi(arguments[4]), forking = count > 5 ? atoi(arguments[5]) : 1;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, work_name) == 0)
            work = kinds[i].work;
    CHECK(work != NULL && threads <= MOST_THREADS && forking <= MOST_THREADS);
    CHECK(tango_dpop_key_generate(TANGO_ALGORITHM_ES256, &key, NULL) == TANGO_STATUS_OK);
    if (work == prove_with_rsa)
        CHECK(tango_dpop_key_generate(TANGO_ALGORITHM_RS256, &rsa_key, NULL) == TANGO_STATUS_OK);
    if (work == authorize)
        client = client_from_env();
    pthread_t busy[MOST_THREADS], forks[MOST_THREADS];
    for (int i = 0; i < threads; i++)
        CHECK(pthread_create(&busy[i], NULL, keep_busy, NULL) == 0);
    for (int i = 0; i < forking; i++)
        CHECK(pthread_create(&forks[i], NULL, create_children, NULL) == 0);
    for (int i = 0; i < forking; i++)
        CHECK(pthread_join(forks[i], NULL) == 0);
    stop = 1;
    for (int i = 0; i < threads; i++)
        CHECK(pthread_join(busy[i], NULL) == 0);
    printf("%d children, %d hung, %d refused\n", children, hung, refused);
    return hung > 0 && strcmp(how, "fork") == 0;
}
