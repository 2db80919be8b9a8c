#include "header.h"

#include <stdio.h>

int64_t authorization_header(const tango_client *client, char *header, size_t size)
{
    tango_token *token = NULL;
    tango_error *error = NULL;
    int64_t result = -1;

    if (tango_token_acquire(client, &token, &error) == TANGO_STATUS_OK) {
        snprintf(header, size, "Authorization: %s %s", tango_token_type(token), tango_token_value(token));
        result = 0;
    } else if (tango_error_retry_after_seconds(error) > 0) {
        result = tango_error_retry_after_seconds(error);
    }
    tango_token_free(token);
    tango_error_free(error);
    return result;
}
