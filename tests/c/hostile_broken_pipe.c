/* The server closes the connection in the middle of each request, while SIGPIPE has its default action, which ends the
 * process: calls fail with a status. */
#include <signal.h>

#include "check.h"

int main(void)
{
    struct sigaction action;
    tango_client *client = client_from_env();
    tango_token *token = NULL;
    tango_error *error = NULL;
    tango_status status = tango_token_acquire(client, &token, &error);
    CHECK(status != TANGO_STATUS_OK && tango_error_message(error) != NULL);
    CHECK(sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
    printf("%s\n", tango_status_name(status));
    tango_error_free(error);
    tango_client_free(client);
    return 0;
}
