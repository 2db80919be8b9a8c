/* cc -I include header.c header_test.c, without -ltango_token */
#include <assert.h>
#include <string.h>

#include "header.h"

/* The library, as far as the tested code uses it. */
struct tango_token { const char *value; };
struct tango_error { int64_t retry_after_seconds; };

static struct tango_token held = {"fake-token-1"};
static struct tango_error *failure;
static int in_use; /* objects that were not freed */

tango_status tango_token_acquire(const tango_client *client, tango_token **token, tango_error **error)
{
    (void)client;
    in_use++;
    *token = failure ? NULL : &held;
    *error = failure;
    return failure ? TANGO_STATUS_QUOTA_REFUSED : TANGO_STATUS_OK;
}
const char *tango_token_type(const tango_token *token) { return token ? "Bearer" : NULL; }
const char *tango_token_value(const tango_token *token) { return token ? token->value : NULL; }
int64_t tango_error_retry_after_seconds(const tango_error *error) { return error ? error->retry_after_seconds : -1; }
void tango_token_free(tango_token *token) { in_use -= token != NULL; }
void tango_error_free(tango_error *error) { in_use -= error != NULL; }

int main(void)
{
    char header[64] = "";
    struct tango_error daily_limit = {3 * 60 * 60};

    assert(authorization_header(NULL, header, sizeof header) == 0);
    assert(strcmp(header, "Authorization: Bearer fake-token-1") == 0);
    failure = &daily_limit;
    assert(authorization_header(NULL, header, sizeof header) == 3 * 60 * 60);
    assert(in_use == 0);
    return 0;
}
