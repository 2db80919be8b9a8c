/* Counts the threads and sockets of this process before and after its first token. */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <unistd.h>

#include "check.h"

static int threads(void)
{
    int count = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(tasks);
    return count;
}

static int sockets(void)
{
    int count = 0;
    for (int descriptor = 0; descriptor < 1024; descriptor++) {
        char path[64], target[64] = "";
        snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
        if (readlink(path, target, sizeof target - 1) > 0)
            count += strncmp(target, "socket:", 7) == 0;
    }
    return count;
}

int main(void)
{
    int inherited = sockets();
    tango_client *client = client_from_env();
    printf("client: %d threads, %d sockets\n", threads(), sockets() - inherited);
    tango_token *token = acquire(client);
    /* The thread that resolved the host name ends after a few idle milliseconds. */
    for (int waited_ms = 0; threads() > 2 && waited_ms < 5000; waited_ms += 10)
        usleep(10000);
    printf("token: %d threads\n", threads());
    tango_token_free(token);
    tango_client_free(client);
    return 0;
}
