/* Makes and frees 1,000 clients again and again from one configuration, which is changed and freed meanwhile: no thread, no
 * descriptor and no memory is left, and each client keeps the configuration that it was made with. */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <malloc.h>

#include "check.h"

enum { CLIENTS = 1000, MOST_KIB = 4096 };

static int entries(const char *directory)
{
    int count = 0;
    DIR *all = opendir(directory);
    CHECK(all != NULL);
    for (struct dirent *entry; (entry = readdir(all)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(all);
    return count;
}

/* Changes the configuration before each client, and frees the clients in another order. */
static void make_and_free(tango_config *config)
{
    static tango_client *clients[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        char id[32];
        snprintf(id, sizeof id, "client-%d", i);
        CHECK(tango_config_set_client_id(config, id, NULL) == TANGO_STATUS_OK);
        CHECK(tango_client_new(config, &clients[i], NULL) == TANGO_STATUS_OK);
    }
    for (int i = 0; i < CLIENTS; i++)
        tango_client_free(clients[(i * 7) % CLIENTS]);
}

/* A client is not changed by what happens to its configuration and to the environment. */
static void keeps_its_configuration(void)
{
    tango_config *config = tango_config_new();
    tango_client *client = NULL, *wrong = NULL;
    tango_token *token = NULL;
    CHECK(tango_config_load_env(config, NULL) == TANGO_STATUS_OK);
    CHECK(tango_client_new(config, &client, NULL) == TANGO_STATUS_OK);
    CHECK(tango_config_set_password(config, "another", NULL) == TANGO_STATUS_OK);
    CHECK(tango_client_new(config, &wrong, NULL) == TANGO_STATUS_OK);
    tango_config_free(config);
    setenv("TANGO_PASSWORD", "a third", 1);
    tango_token_free(acquire(client));
    CHECK(tango_token_acquire(wrong, &token, NULL) == TANGO_STATUS_CREDENTIALS_REFUSED && token == NULL);
    tango_client_free(client);
    tango_client_free(wrong);
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 100;
    tango_config *config = tango_config_new();
    CHECK(tango_config_load_env(config, NULL) == TANGO_STATUS_OK);
    make_and_free(config);
    malloc_trim(0);
    int threads = entries("/proc/self/task"), descriptors = entries("/proc/self/fd");
    size_t bytes = mallinfo2().uordblks;
    for (int i = 0; i < rounds; i++) {
        make_and_free(config);
        CHECK(entries("/proc/self/task") == threads && entries("/proc/self/fd") == descriptors);
    }
#ifndef __SANITIZE_ADDRESS__
    CHECK(mallinfo2().uordblks < bytes + MOST_KIB * (size_t)1024);
#endif
    (void)bytes;
    keeps_its_configuration();
    tango_config_free(config);
    printf("%d rounds of %d clients left nothing behind\n", rounds, CLIENTS);
    return 0;
}
