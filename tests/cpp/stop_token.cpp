// C++20: a thread that waits for a token stops waiting when it is asked to stop.
#include <stop_token>
#include <thread>

#include <tango_token.hpp>

#include "check.hpp"

int main()
{
    // The server needs much longer than this test waits.
    const tango::client client(tango::config().load_env());
    tango_status status = TANGO_STATUS_OK;
    std::jthread waiting([&](std::stop_token stop) {
        const auto token = tango::try_acquire(client, std::move(stop));
        status = token ? TANGO_STATUS_OK : token.error().status();
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    waiting.request_stop();
    waiting.join();
    CHECK(status == TANGO_STATUS_CANCELLED);

    std::stop_source stopped;
    stopped.request_stop();
    try {
        tango::acquire(client, stopped.get_token());
        FAIL("one who was stopped before waits for nothing");
    } catch (const tango::error &error) {
        CHECK(error.status() == TANGO_STATUS_CANCELLED);
    }
    CHECK(tango::acquire(client, std::stop_token()));
    std::puts("stopped");
}
