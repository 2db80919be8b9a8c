/* Ends by a return from main while its token request is at the server; any line on its input tells that it has arrived.
 * With an argument it acquires a token and prints that it has one. */
#include "check.h"

static void ignore(void *user_data, tango_token *token, tango_error *error)
{
    (void)user_data;
    tango_error_free(error);
    tango_token_free(token);
}

int main(int argc, char **argv)
{
    /* Reachable until the end, as a leak checker wants it: the request outlives `main`. */
    static tango_client *client;
    (void)argv;
    client = client_from_env();
    if (argc > 1) {
        tango_token_free(acquire(client));
        tango_client_free(client);
        puts("a token");
        return 0;
    }
    CHECK(tango_token_acquire_start(client, ignore, NULL, NULL, NULL) == TANGO_STATUS_OK);
    CHECK(getchar() != EOF);
    return 0;
}
