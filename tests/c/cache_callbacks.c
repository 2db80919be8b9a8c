/* A custom shared cache: two clients share one token through it, and each releases its data once. */
#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

#include "check.h"

enum { ENTRIES = 8, LARGEST = 8192 };

struct entry {
    char name[128];
    unsigned char value[LARGEST];
    size_t length;
};

/* The database that the library needs: values by name, and one lock with its owner. */
struct database {
    pthread_mutex_t mutex;
    struct entry entries[ENTRIES];
    char owner[128];
    int is_broken;
    sem_t released;
};

static struct entry *entry_of(struct database *database, const char *name)
{
    for (int i = 0; i < ENTRIES; i++) {
        struct entry *entry = &database->entries[i];
        if (entry->name[0] == '\0')
            snprintf(entry->name, sizeof entry->name, "%s", name);
        if (strcmp(entry->name, name) == 0)
            return entry;
    }
    return NULL;
}

static int32_t load(void *user_data, const char *name, uint8_t *value, size_t *value_length)
{
    struct database *database = user_data;
    pthread_mutex_lock(&database->mutex);
    struct entry *entry = entry_of(database, name);
    int fails = database->is_broken || entry == NULL || entry->length > *value_length;
    if (!fails) {
        memcpy(value, entry->value, entry->length);
        *value_length = entry->length;
    }
    pthread_mutex_unlock(&database->mutex);
    if (database->is_broken == 2)
        tango_callback_fail("the table does not exist");
    return fails ? 5 : 0;
}

static int32_t save(void *user_data, const char *name, const uint8_t *value, size_t value_length, uint64_t keep_ms)
{
    struct database *database = user_data;
    CHECK(value == NULL ? value_length == 0 : keep_ms > 1000 && value_length <= LARGEST);
    pthread_mutex_lock(&database->mutex);
    struct entry *entry = entry_of(database, name);
    CHECK(entry != NULL);
    if (value != NULL)
        memcpy(entry->value, value, value_length);
    entry->length = value_length;
    pthread_mutex_unlock(&database->mutex);
    return 0;
}

static int32_t lock(void *user_data, const char *name, const char *owner, uint64_t lease_ms)
{
    struct database *database = user_data;
    CHECK(strstr(name, ".lock") != NULL && strlen(owner) > 8 && lease_ms >= 2000);
    pthread_mutex_lock(&database->mutex);
    int is_held_by_another = database->owner[0] != '\0' && strcmp(database->owner, owner) != 0;
    if (!is_held_by_another)
        snprintf(database->owner, sizeof database->owner, "%s", owner);
    pthread_mutex_unlock(&database->mutex);
    return is_held_by_another;
}

static int32_t unlock(void *user_data, const char *name, const char *owner)
{
    struct database *database = user_data;
    (void)name;
    pthread_mutex_lock(&database->mutex);
    if (strcmp(database->owner, owner) == 0)
        database->owner[0] = '\0';
    pthread_mutex_unlock(&database->mutex);
    return 0;
}

static void release(void *user_data)
{
    struct database *database = user_data;
    CHECK(sem_post(&database->released) == 0);
}

static tango_client *client_of(struct database *database)
{
    tango_config *config = tango_config_new();
    tango_client *client = NULL;
    CHECK(tango_config_load_env(config, NULL) == TANGO_STATUS_OK);
    CHECK(tango_config_set_cache_callbacks(config, load, save, lock, unlock, release, database, NULL) ==
          TANGO_STATUS_OK);
    CHECK(tango_client_new(config, &client, NULL) == TANGO_STATUS_OK);
    tango_config_free(config);
    return client;
}

static tango_token *acquire_with_new_client(struct database *database)
{
    tango_client *client = client_of(database);
    tango_token *token = acquire(client);
    tango_client_free(client);
    return token;
}

static int contains(const struct entry *entry, const char *part)
{
    size_t length = strlen(part);
    for (size_t i = 0; i + length <= entry->length; i++)
        if (memcmp(entry->value + i, part, length) == 0)
            return 1;
    return 0;
}

int main(void)
{
    static struct database database;
    /* Ends the program if a release is missing. */
#ifndef _WIN32
    alarm(120);
#endif
    pthread_mutex_init(&database.mutex, NULL);
    CHECK(sem_init(&database.released, 0, 0) == 0);

    /* The two clients have nothing in common but the cache. */
    tango_token *first = acquire_with_new_client(&database);
    tango_token *second = acquire_with_new_client(&database);
    CHECK(strcmp(tango_token_value(first), tango_token_value(second)) == 0);
    CHECK(tango_token_expires_in_seconds(second) > 86000);
    for (int i = 0; i < ENTRIES; i++)
        CHECK(!contains(&database.entries[i], tango_token_value(first)));

    /* A failure of the cache is an error, and not taken for an empty cache. The error has the reason, if there is one. */
    static const char *const reasons[] = {"load returned 5", "load failed: the table does not exist"};
    for (int i = 0; i < 2; i++) {
        database.is_broken = i + 1;
        tango_client *client = client_of(&database);
        tango_error *error = NULL;
        tango_token *none = NULL;
        CHECK(tango_token_acquire(client, &none, &error) == TANGO_STATUS_CACHE_UNAVAILABLE);
        CHECK(strstr(tango_error_message(error), reasons[i]) != NULL);
        CHECK(tango_error_retry_after_seconds(error) >= 1);
        tango_error_free(error);
        tango_client_free(client);
    }

    /* Each of the four clients releases the data once the library's thread has dropped it, and none does so twice. */
    for (int i = 0; i < 4; i++)
        CHECK(sem_wait(&database.released) == 0);
    int surplus;
    CHECK(sem_getvalue(&database.released, &surplus) == 0 && surplus == 0);

    tango_token_free(first);
    tango_token_free(second);
    sem_destroy(&database.released);
    pthread_mutex_destroy(&database.mutex);
    puts("one token through the custom cache");
    return 0;
}
