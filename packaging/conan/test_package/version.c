/* Creates a client without credentials, which the library refuses: its code runs. */
#include <stdio.h>
#include <string.h>

#include "tango_token.h"

int main(void) {
    tango_config *config = tango_config_new();
    tango_client *client = NULL;
    tango_error *error = NULL;
    tango_status status = tango_client_new(config, &client, &error);
    int is_expected = status == TANGO_STATUS_INVALID_CONFIGURATION && tango_abi_version() == TANGO_ABI_VERSION;
    printf("tango-token %s: %s\n", tango_version(), error == NULL ? "no error" : tango_error_message(error));
    tango_error_free(error);
    tango_client_free(client);
    tango_config_free(config);
    return is_expected ? 0 : 1;
}
