// Static and thread_local objects use the library in their destructors, on the main thread and on another: after main, and
// after the thread's other variables are gone.
#include <iostream>
#include <thread>

#include <tango_token.hpp>

static int32_t cannot_sign(void *, const uint8_t *, size_t, uint8_t *, size_t *)
{
    tango_callback_fail("it is over");
    return 1;
}

struct late_user {
    explicit late_user(const char *where) : name(where) {}
    late_user(const late_user &) = delete;
    late_user &operator=(const late_user &) = delete;

    ~late_user()
    {
        const tango::token token = client.acquire();
        const auto key = tango::dpop_key::generate(TANGO_ALGORITHM_ES256);
        tango_dpop_key *made = nullptr;
        const tango_status status =
            tango_dpop_key_from_signer(TANGO_ALGORITHM_ES256, std::string(key.public_jwk()).c_str(), cannot_sign,
                                       nullptr, nullptr, &made, nullptr);
        if (status != TANGO_STATUS_SIGNING_FAILED || token.value().empty())
            std::abort();
        tango::client(tango::config().load_env()).acquire();
        std::cerr << name << '\n';
    }

    const char *name;
    tango::client client{tango::config().load_env()};
};

static late_user of_the_process("static");
thread_local late_user of_the_thread("thread_local");

int main()
{
    of_the_process.client.acquire();
    of_the_thread.client.acquire();
    std::thread([] { of_the_thread.client.acquire(); }).join();
}
