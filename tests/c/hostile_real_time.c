/* Real-time signals, which the program blocks on its only thread: to keep handlers out of a critical section, and to wait
 * for them. Threads of the library do not take them. Those that run callbacks leave only those open that have a handler. */
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "check.h"

enum { SIGNALS = 100 };

static atomic_int handled, is_critical, handled_in_critical;
static int handled_signal, awaited_signal;
static sem_t called;

static void handle(int signal)
{
    (void)signal;
    handled++;
    handled_in_critical += is_critical;
}

static void block(int signal, sigset_t *before)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    CHECK(pthread_sigmask(SIG_BLOCK, &set, before) == 0);
}

static void keep_out_of_critical_sections(void)
{
    sigset_t before;
    for (int i = 0; i < SIGNALS; i++) {
        block(handled_signal, &before);
        is_critical = 1;
        kill(getpid(), handled_signal);
        usleep(1000);
        is_critical = 0;
        CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    }
    CHECK(handled == SIGNALS && handled_in_critical == 0);
}

static void wait_for_them(void)
{
    sigset_t set;
    struct signalfd_siginfo received;
    block(awaited_signal, NULL);
    sigemptyset(&set);
    sigaddset(&set, awaited_signal);
    int descriptor = signalfd(-1, &set, SFD_CLOEXEC);
    CHECK(descriptor >= 0);
    for (int i = 0; i < SIGNALS; i++) {
        kill(getpid(), awaited_signal);
        CHECK(read(descriptor, &received, sizeof received) == sizeof received);
        CHECK((int)received.ssi_signo == awaited_signal);
    }
    close(descriptor);
}

static void done(void *user_data, tango_token *token, tango_error *error)
{
    sigset_t blocked;
    (void)user_data;
    CHECK(error == NULL && pthread_sigmask(SIG_BLOCK, NULL, &blocked) == 0);
    CHECK(sigismember(&blocked, handled_signal) == 0 && sigismember(&blocked, awaited_signal) == 1);
    tango_token_free(token);
    sem_post(&called);
}

int main(void)
{
    handled_signal = SIGRTMIN, awaited_signal = SIGRTMIN + 3;
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    CHECK(sigaction(handled_signal, &action, NULL) == 0 && sem_init(&called, 0, 0) == 0);
    tango_client *client = client_from_env();
    tango_token_free(acquire(client));
    keep_out_of_critical_sections();
    wait_for_them();
    CHECK(tango_token_acquire_start(client, done, NULL, NULL, NULL) == TANGO_STATUS_OK);
    CHECK(sem_wait(&called) == 0);
    wait_for_them();
    tango_client_free(client);
    puts("real-time signals reached the program alone");
    return 0;
}
