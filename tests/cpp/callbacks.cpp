// A callback is called once and destroyed once, whatever is destroyed before it.
#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <thread>

#include <tango_token.hpp>

#include "check.hpp"

/// Owned by a callback and watched by the test.
using owned = std::shared_ptr<int>;

static void is_released(const owned &watched)
{
    // A callback is destroyed shortly after it was called.
    for (int waited_ms = 0; watched.use_count() > 1 && waited_ms < 5000; waited_ms++)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    CHECK(watched.use_count() == 1);
}

static tango::client new_client() { return tango::client(tango::config().load_env()); }

/// Inside a callback, a call that would wait fails, and one that need not wait works.
static void callback_may_call_the_library(const tango::client &client)
{
    std::promise<tango_status> blocking;
    client.acquire_start([&, held = client.clone()](tango::result<tango::token> outcome) {
        const tango::token same = held.acquire();
        CHECK(same.value() == outcome->value());
        held.invalidate(*outcome);
        const auto token = held.try_acquire();
        blocking.set_value(token ? TANGO_STATUS_OK : token.error().status());
    });
    CHECK(blocking.get_future().get() == TANGO_STATUS_WOULD_BLOCK);
    CHECK(client.acquire_async().get());
}

static void future_may_be_dropped(const tango::client &client)
{
    static_cast<void>(client.acquire_async());
    CHECK(client.try_acquire_async().get());
}

/// An acquire in flight needs neither the client nor the request object.
static void client_may_be_destroyed_before_its_callback()
{
    const auto watched = std::make_shared<int>();
    std::promise<bool> granted;
    gate("hold");
    {
        const tango::client client = new_client();
        client.acquire_start([&granted, watched](tango::result<tango::token> outcome) {
            granted.set_value(outcome.has_value());
        });
    }
    gate("release");
    CHECK(granted.get_future().get());
    is_released(watched);
    // The same with a future.
    CHECK(new_client().acquire_async().get());
}

/// A callback that owns the last client and the request destroys both, on the library's thread.
static void callback_may_destroy_its_client_and_request()
{
    struct everything {
        std::optional<tango::client> client;
        std::optional<tango::request> request;
        std::promise<void> is_complete;
    };
    const auto watched = std::make_shared<int>();
    std::promise<std::string> value;
    {
        auto all = std::make_shared<everything>();
        all->client = new_client();
        auto complete = all->is_complete.get_future().share();
        const auto done = [all, watched, &value, complete](tango::result<tango::token> outcome) {
            // Only waits for the assignment of the request below.
            complete.wait();
            all->client.reset();
            all->request->cancel();
            all->request.reset();
            value.set_value(std::string(outcome->value()));
        };
        all->request = all->client->acquire_start(done);
        all->is_complete.set_value();
    }
    CHECK(!value.get_future().get().empty());
    is_released(watched);
}

/// A callback of an acquire that cannot start is destroyed at once.
static void callback_of_failed_start_is_destroyed_at_once()
{
    const auto watched = std::make_shared<int>();
    const auto never = [watched](tango::result<tango::token>) { std::abort(); };
    const auto not_started = tango::client().try_acquire_start(never);
    CHECK(!not_started && watched.use_count() == 2 && "owned here and by `never`");

    const tango::client client = new_client();
    const auto error_of = [&](auto done) {
        const auto started = client.try_acquire_start(done);
        CHECK(!started && started.error().status() == TANGO_STATUS_INVALID_ARGUMENT);
        return std::string(started.error().what());
    };
    CHECK(error_of(std::function<void(tango::result<tango::token>)>()) == "done is NULL");
    CHECK(error_of(static_cast<void (*)(tango::result<tango::token>)>(nullptr)) == "done is NULL");
    CHECK(error_of(static_cast<void (*)(tango::result<tango::token>) noexcept>(nullptr)) == "done is NULL");
}

static void cancelled_future_throws()
{
    const tango::client client = new_client();
    const auto status_of = [](auto future) {
        try {
            return future.get() ? TANGO_STATUS_OK : TANGO_STATUS_INTERNAL;
        } catch (const tango::error &error) {
            return error.status();
        }
    };
    gate("hold");
    tango::request first, second;
    auto kept = client.acquire_async(first);
    auto cancelled = client.acquire_async(second);
    second.cancel();
    CHECK(status_of(std::move(cancelled)) == TANGO_STATUS_CANCELLED);

    // A start that fails empties the request object, so that no earlier request is cancelled by mistake.
    CHECK(status_of(tango::client().acquire_async(first)) == TANGO_STATUS_INVALID_ARGUMENT && !first);
    first.cancel();
    gate("release");
    CHECK(status_of(std::move(kept)) == TANGO_STATUS_OK);
}

int main()
{
    const tango::client client = new_client();
    callback_may_call_the_library(client);
    future_may_be_dropped(client);
    client_may_be_destroyed_before_its_callback();
    callback_may_destroy_its_client_and_request();
    callback_of_failed_start_is_destroyed_at_once();
    cancelled_future_throws();
    std::puts("each callback was destroyed once");
}
