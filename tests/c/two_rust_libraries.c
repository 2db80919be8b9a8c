/* Linked statically with this library, a second one in Rust and OpenSSL's libcrypto: all three work, and both Rust
 * libraries still catch their panics. */
#define _GNU_SOURCE /* syscall */
#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

int second_library_panics(void);

static bool clock_is_broken;
static pthread_t main_thread;

/* In the place of libc's. Rust's standard library panics if the clock cannot be read. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (clock_is_broken && pthread_equal(pthread_self(), main_thread)) {
        errno = EINVAL;
        return -1;
    }
    return (int)syscall(SYS_clock_gettime, clock, now);
}

static void check_panic_of_this_library(const tango_client *client)
{
    tango_token *token = NULL;
    tango_error *error = NULL;
    clock_is_broken = true;
    tango_status status = tango_token_acquire(client, &token, &error);
    clock_is_broken = false;
    CHECK(status == TANGO_STATUS_INTERNAL);
    CHECK(strstr(tango_error_message(error), "panicked") != NULL);
    tango_error_free(error);
}

static void check_libcrypto(void)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    CHECK(EVP_Digest("abc", 3, digest, &length, EVP_sha256(), NULL) == 1);
    CHECK(length == 32 && digest[0] == 0xba && digest[31] == 0xad);
}

int main(void)
{
    main_thread = pthread_self();
    tango_client *client = client_from_env();
    CHECK(second_library_panics() == 1);
    check_panic_of_this_library(client);
    check_libcrypto();

    tango_token *token = acquire(client);
    tango_dpop_key *key = NULL;
    CHECK(tango_dpop_key_generate(TANGO_ALGORITHM_ES256, &key, NULL) == TANGO_STATUS_OK);
    CHECK(second_library_panics() == 1);
    puts(tango_token_type(token));

    tango_dpop_key_free(key);
    tango_token_free(token);
    tango_client_free(client);
    return 0;
}
