/* Loads and unloads the library again and again: before its first thread FreeLibrary may unload it, and after that it
 * stays, because its threads run its code. Then the process ends while they run. */
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

#include <tango_token.h>

enum { ROUNDS = 1000 };

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);                                  \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

/* Declares a variable that points to a function of the library. */
#define FUNCTION(library, name) __typeof__(&name) name##_ = (__typeof__(&name))(void (*)(void))GetProcAddress(library, #name)

static HMODULE load(void)
{
    HMODULE library = LoadLibraryW(L"tango_token.dll");
    CHECK(library != NULL);
    return library;
}

static void use(HMODULE library)
{
    FUNCTION(library, tango_config_new);
    FUNCTION(library, tango_config_load_env);
    FUNCTION(library, tango_config_free);
    FUNCTION(library, tango_client_new);
    FUNCTION(library, tango_client_free);
    FUNCTION(library, tango_token_acquire);
    FUNCTION(library, tango_token_free);
    tango_config *config = tango_config_new_();
    tango_client *client = NULL;
    tango_token *token = NULL;
    CHECK(tango_config_load_env_(config, NULL) == TANGO_STATUS_OK);
    CHECK(tango_client_new_(config, &client, NULL) == TANGO_STATUS_OK);
    CHECK(tango_token_acquire_(client, &token, NULL) == TANGO_STATUS_OK);
    tango_token_free_(token);
    tango_client_free_(client);
    tango_config_free_(config);
}

int main(void)
{
    for (int round = 0; round < ROUNDS; round++) {
        HMODULE library = load();
        FUNCTION(library, tango_abi_version);
        CHECK(tango_abi_version_() == TANGO_ABI_VERSION);
        CHECK(FreeLibrary(library));
    }
    CHECK(GetModuleHandleW(L"tango_token.dll") == NULL && "nothing runs yet, so it was unloaded");

    for (int round = 0; round < ROUNDS; round++) {
        HMODULE library = load();
        if (round % 100 == 0)
            use(library);
        CHECK(FreeLibrary(library));
        CHECK(GetModuleHandleW(L"tango_token.dll") == library && "its threads run");
    }
    /* The threads of the library go on in code that must be there. */
    Sleep(100);
    puts("loaded and unloaded");
    return 0;
}
