/* A daemon closes every descriptor that it does not know, while a refresh has locked a file of the cache. Files that it opens
 * afterwards under the same numbers stay open in its children. */
#include <fcntl.h>

#include "children.h"

enum { FILES = 40, MOST_DESCRIPTORS = 1024 };

static void done(void *user_data, tango_token *token, tango_error *error)
{
    (void)user_data;
    tango_token_free(token);
    tango_error_free(error);
}

/* Whether a file of the cache's directory is open. */
static int has_locked_file(void)
{
    const char *directory = strchr(getenv("TANGO_CACHE"), ':') + 1;
    for (int descriptor = 3; descriptor < FILES; descriptor++) {
        char name[64], file[512] = "";
        snprintf(name, sizeof name, "/proc/self/fd/%d", descriptor);
        if (readlink(name, file, sizeof file - 1) > 0 && strncmp(file, directory, strlen(directory)) == 0)
            return 1;
    }
    return 0;
}

int main(void)
{
    int files[FILES];
    tango_client *client = client_from_env();
    CHECK(tango_token_acquire_start(client, done, NULL, NULL, NULL) == TANGO_STATUS_OK);
    while (!has_locked_file())
        usleep(10000);
    usleep(100000);
    for (int descriptor = 3; descriptor < MOST_DESCRIPTORS; descriptor++)
        close(descriptor);
    for (int i = 0; i < FILES; i++)
        CHECK((files[i] = open("/dev/null", O_RDWR | O_CLOEXEC)) >= 0);
    for (int child_number = 0; child_number < 2; child_number++) {
        pid_t child = create_child("fork");
        if (child == 0) {
            for (int i = 0; i < FILES; i++)
                CHECK(fcntl(files[i], F_GETFD) >= 0);
            _exit(0);
        }
        CHECK(!has_hung(child));
    }
    tango_token_free(acquire(client));
    for (int i = 0; i < FILES; i++)
        CHECK(fcntl(files[i], F_GETFD) >= 0);
    puts("no child lost a file");
    return 0;
}
