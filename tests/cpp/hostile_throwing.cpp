// A C callback throws, or ends its thread: the process ends, and says why, instead of going on with half a call.
//
//     hostile_throwing done|log|load|sign|release|exit
#include <pthread.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <string>
#include <thread>

#include <tango_token.h>

static std::string way;

static void leave(const char *callback)
{
    if (way == "exit" && callback == std::string("done"))
        pthread_exit(nullptr);
    if (way == callback)
        throw std::runtime_error(callback);
}

static void done(void *, tango_token *token, tango_error *error)
{
    tango_token_free(token);
    tango_error_free(error);
    leave("done");
}

static void logged(void *, int32_t, const char *)
{
    leave("log");
}

static int32_t load(void *, const char *, uint8_t *, size_t *length)
{
    *length = 0;
    leave("load");
    return 0;
}

static int32_t save(void *, const char *, const uint8_t *, size_t, uint64_t)
{
    return 0;
}

static int32_t lock(void *, const char *, const char *, uint64_t)
{
    return 0;
}

static int32_t unlock(void *, const char *, const char *)
{
    return 0;
}

static int32_t sign(void *, const uint8_t *, size_t, uint8_t *, size_t *)
{
    leave("sign");
    return 1;
}

static void release(void *)
{
    leave("release");
}

int main(int, char **argv)
{
    way = argv[1];
    tango_config *config = tango_config_new();
    tango_client *client = nullptr;
    tango_dpop_key *key = nullptr, *signer = nullptr;
    tango_log_set_callback(TANGO_LOG_LEVEL_TRACE, logged, nullptr, nullptr);
    tango_config_load_env(config, nullptr);
    tango_config_set_cache_callbacks(config, load, save, lock, unlock, nullptr, nullptr, nullptr);
    if (tango_client_new(config, &client, nullptr) != TANGO_STATUS_OK)
        return 1;
    tango_dpop_key_generate(TANGO_ALGORITHM_ES256, &key, nullptr);
    // These run on this thread, where an exception could reach its handler below.
    try {
        tango_dpop_key_from_signer(TANGO_ALGORITHM_ES256, tango_dpop_key_public_jwk(key), sign, release, nullptr,
                                   &signer, nullptr);
    } catch (const std::exception &) {
        std::cerr << "the exception passed through the library\n";
    }
    tango_token_acquire_start(client, done, nullptr, nullptr, nullptr);
    std::this_thread::sleep_for(std::chrono::seconds(20));
    std::cerr << "nothing happened\n";
}
