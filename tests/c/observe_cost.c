/* Passes long headers to tango_client_observe. Under callgrind, each call leaves a file with the number of its
 * instructions. */
#include <valgrind/callgrind.h>

#include "check.h"

/* The lengths of each header. */
static const size_t LENGTHS[] = {16 * 1024, 64 * 1024};

static const struct header {
    const char *name;
    /* What the header begins with, and what it repeats. */
    const char *beginning, *repeated;
} HEADERS[] = {
    {"challenge", "", ", "},
    {"challenge", "", "Bearer "},
    {"challenge", "Bearer ", "a=\"b\","},
    {"challenge", "Bearer error=\"", "\\\""},
    {"challenge", "Bearer error=\"", "a\" b=\""},
    {"challenge", "Bearer error='", "'"},
    {"challenge", "Bearer ", "\t="},
    {"challenge", "Bearer error_description=\"", "%25"},
    {"challenge", "Bearer error_description=\"", "&amp;"},
    {"challenge", "Bearer error_description=\"", "\\\\u005c"},
    {"challenge", "Bearer error_description=\"", "QUJD"},
    {"challenge", "", "Bearer error=\"invalid_token\", DPoP error=\"x\", "},
    {"nonce", "", "n"},
    {"date", "", "Sun, 06 Nov 1994 "},
    {"date", "", "9"},
};

static char *header_of(const struct header *header, size_t length)
{
    char *value = malloc(length + 1);
    CHECK(value != NULL);
    size_t end = strlen(header->beginning), repeated = strlen(header->repeated);
    memcpy(value, header->beginning, end);
    for (; end < length; end++)
        value[end] = header->repeated[(end - strlen(header->beginning)) % repeated];
    value[length] = '\0';
    return value;
}

int main(void)
{
    tango_client *client = client_from_env();
    tango_authorization *authorization = NULL;
    char url[300], label[300];
    CHECK(snprintf(url, sizeof url, "%s/accounts", getenv("TANGO_API_URL")) < (int)sizeof url);
    CHECK(tango_client_authorize(client, "GET", url, &authorization, NULL) == TANGO_STATUS_OK);
    for (size_t i = 0; i < sizeof HEADERS / sizeof *HEADERS; i++) {
        for (size_t j = 0; j < sizeof LENGTHS / sizeof *LENGTHS; j++) {
            char *value = header_of(&HEADERS[i], LENGTHS[j]);
            const char *name = HEADERS[i].name;
            int32_t verdict = 0;
            (void)tango_client_observe(client, authorization, 401, strcmp(name, "nonce") == 0 ? value : NULL,
                                       strcmp(name, "challenge") == 0 ? value : NULL,
                                       strcmp(name, "date") == 0 ? value : NULL, &verdict, NULL);
            CHECK(snprintf(label, sizeof label, "header %zu length %zu", i, LENGTHS[j]) < (int)sizeof label);
            CALLGRIND_DUMP_STATS_AT(label);
            free(value);
        }
    }
    tango_authorization_free(authorization);
    tango_client_free(client);
    return 0;
}
