// C++20: a thread that waits for a token stops waiting when a stop is requested.
#include <stop_token>
#include <thread>

#include <tango_token.hpp>

#include "check.hpp"

int main()
{
    const tango::client client(tango::config().load_env());
    gate("hold");
    tango_status status = TANGO_STATUS_OK;
    std::jthread waiting([&](std::stop_token stop) {
        const auto token = tango::try_acquire(client, std::move(stop));
        status = token ? TANGO_STATUS_OK : token.error().status();
    });
    // The client connects because the thread waits.
    gate("wait for a connection");
    waiting.request_stop();
    waiting.join();
    CHECK(status == TANGO_STATUS_CANCELLED);

    std::stop_source stopped;
    stopped.request_stop();
    try {
        tango::acquire(client, stopped.get_token());
        FAIL("an acquire that was stopped before it began returned a token");
    } catch (const tango::error &error) {
        CHECK(error.status() == TANGO_STATUS_CANCELLED);
    }
    gate("release");
    CHECK(tango::acquire(client, std::stop_token()));
    std::puts("stopped");
}
