/* The functions of one copy of the library, for programs that load several copies. */
#ifndef TANGO_TEST_FUNCTIONS_H
#define TANGO_TEST_FUNCTIONS_H

#include <dlfcn.h>
#include <stdatomic.h>

#include "check.h"

#define FUNCTIONS(X)                                                                                                   \
    X(tango_config_new) X(tango_config_load_env) X(tango_config_free) X(tango_client_new) X(tango_client_free)         \
    X(tango_client_invalidate) X(tango_token_acquire) X(tango_token_free) X(tango_token_value)                         \
    X(tango_log_set_callback) X(tango_dpop_key_generate) X(tango_dpop_key_free) X(tango_dpop_proof_new)                \
    X(tango_dpop_proof_free) X(tango_error_message) X(tango_error_free)

struct library {
#define FIELD(name) __typeof__(name) *name;
    FUNCTIONS(FIELD)
    void *handle;
    atomic_int lines;
};

/* Finds the functions of the library that `handle` belongs to. */
static inline void find_functions(struct library *library)
{
#define FIND(name) CHECK((*(void **)&library->name = dlsym(library->handle, #name)) != NULL);
    FUNCTIONS(FIND)
}

static inline void get_token_of(struct library *library)
{
    tango_config *config = library->tango_config_new();
    tango_client *client = NULL;
    tango_token *token = NULL;
    tango_error *error = NULL;
    CHECK(library->tango_config_load_env(config, NULL) == TANGO_STATUS_OK);
    CHECK(library->tango_client_new(config, &client, NULL) == TANGO_STATUS_OK);
    if (library->tango_token_acquire(client, &token, &error) != TANGO_STATUS_OK) {
        fprintf(stderr, "no token: %s\n", library->tango_error_message(error));
        exit(1);
    }
    CHECK(strlen(library->tango_token_value(token)) > 0);
    library->tango_token_free(token);
    library->tango_client_free(client);
    library->tango_config_free(config);
}

#endif
