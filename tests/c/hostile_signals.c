/* A storm of signals, with and without SA_RESTART, and a process that is stopped and continued: blocking calls end with a
 * token, handlers run on threads of the program only, and no signal's disposition is changed. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { MOST_SIGNALS = 128 };

static atomic_int handled, handled_by_library, is_over;
static _Atomic pid_t program_threads[2];

static void handle(int signal)
{
    (void)signal;
    pid_t here = gettid();
    handled++;
    handled_by_library += here != program_threads[0] && here != program_threads[1];
}

static void *blast(void *target)
{
    program_threads[1] = gettid();
    while (!is_over) {
        pthread_kill(*(pthread_t *)target, SIGUSR1);
        kill(getpid(), SIGUSR2);
        usleep(200);
    }
    return NULL;
}

static void storm(int flags)
{
    pthread_t here = pthread_self(), blaster;
    struct sigaction action = {.sa_handler = handle, .sa_flags = flags};
    struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
    sigaction(SIGALRM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    is_over = program_threads[1] = 0;
    CHECK(pthread_create(&blaster, NULL, blast, &here) == 0);
    while (program_threads[1] == 0)
        usleep(100);
    CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
    for (int i = 0; i < 3; i++) {
        int before = handled;
        tango_client *client = client_from_env();
        tango_token_free(acquire(client));
        tango_authorization *authorization = NULL;
        CHECK(tango_client_authorize(client, "GET", getenv("TANGO_API_URL"), &authorization, NULL) == TANGO_STATUS_OK);
        tango_authorization_free(authorization);
        tango_client_free(client);
        CHECK(handled - before > 10);
    }
    is_over = 1;
    setitimer(ITIMER_REAL, &never, NULL);
    pthread_join(blaster, NULL);
}

/* A child stops this process while a request is in flight. */
static void stopped(void)
{
    tango_client *client = client_from_env();
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        usleep(100000);
        kill(parent, SIGSTOP);
        usleep(400000);
        kill(parent, SIGCONT);
        _exit(0);
    }
    tango_token_free(acquire(client));
    tango_client_free(client);
    /* Its exit status is there for the program, which waits for its children itself. */
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

int main(void)
{
    /* As it was inherited: nohup ignores SIGHUP. */
    static struct sigaction before[MOST_SIGNALS], now;
    for (int signal = 1; signal < SIGRTMAX; signal++)
        sigaction(signal, NULL, &before[signal]);
    program_threads[0] = gettid();
    storm(0);
    storm(SA_RESTART);
    stopped();
    for (int signal = 1; signal < SIGRTMAX; signal++) {
        int is_ours = signal == SIGALRM || signal == SIGUSR1 || signal == SIGUSR2;
        if (!is_ours && sigaction(signal, NULL, &now) == 0 && now.sa_handler != before[signal].sa_handler) {
            fprintf(stderr, "signal %d has another disposition\n", signal);
            return 1;
        }
    }
    CHECK(handled_by_library == 0);
    printf("tokens in spite of %s signals, handled by threads of the program\n", handled > 1000 ? "1,000" : "few");
    return 0;
}
