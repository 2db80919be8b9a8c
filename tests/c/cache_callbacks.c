/* A shared cache of the program's own: two clients share one token through it, and its data is released once. */
#include <pthread.h>
#include <time.h>

#include "check.h"

enum { ENTRIES = 8, LARGEST = 8192 };

struct entry {
    char name[128];
    unsigned char value[LARGEST];
    size_t length;
};

/* A database, as far as the library needs one: values by name, and locks by name and owner. */
struct database {
    pthread_mutex_t mutex;
    struct entry entries[ENTRIES];
    char owner[128];
    int is_broken, released;
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
    int is_anothers = database->owner[0] != '\0' && strcmp(database->owner, owner) != 0;
    if (!is_anothers)
        snprintf(database->owner, sizeof database->owner, "%s", owner);
    pthread_mutex_unlock(&database->mutex);
    return is_anothers;
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
    pthread_mutex_lock(&database->mutex);
    database->released++;
    pthread_mutex_unlock(&database->mutex);
}

static int released(struct database *database)
{
    pthread_mutex_lock(&database->mutex);
    int times = database->released;
    pthread_mutex_unlock(&database->mutex);
    return times;
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

static void *acquire_of_its_own(void *database)
{
    tango_client *client = client_of(database);
    tango_token *token = acquire(client);
    tango_client_free(client);
    return token;
}

static int holds(const struct entry *entry, const char *text)
{
    size_t length = strlen(text);
    for (size_t i = 0; i + length <= entry->length; i++)
        if (memcmp(entry->value + i, text, length) == 0)
            return 1;
    return 0;
}

int main(void)
{
    static struct database database;
    pthread_mutex_init(&database.mutex, NULL);

    /* One after the other, each with nothing but the cache. */
    tango_token *first = acquire_of_its_own(&database);
    tango_token *second = acquire_of_its_own(&database);
    CHECK(strcmp(tango_token_value(first), tango_token_value(second)) == 0);
    CHECK(tango_token_expires_in_seconds(second) > 86000);
    for (int i = 0; i < ENTRIES; i++)
        CHECK(!holds(&database.entries[i], tango_token_value(first)));

    /* What goes wrong there is told, and not taken for an empty cache. */
    database.is_broken = 1;
    tango_client *client = client_of(&database);
    tango_error *error = NULL;
    tango_token *none = NULL;
    CHECK(tango_token_acquire(client, &none, &error) == TANGO_STATUS_CACHE_UNAVAILABLE);
    CHECK(strstr(tango_error_message(error), "load returned 5") != NULL);
    CHECK(tango_error_retry_after_seconds(error) >= 1);
    tango_error_free(error);
    tango_client_free(client);

    /* Each client released it, as soon as the library's thread was done with it. */
    for (int i = 0; i < 1000 && released(&database) < 3; i++)
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    CHECK(released(&database) == 3);

    tango_token_free(first);
    tango_token_free(second);
    pthread_mutex_destroy(&database.mutex);
    puts("one token through the program's own cache");
    return 0;
}
