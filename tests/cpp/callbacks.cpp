// The life of a callback: called once, ended once, wherever the objects around it end first.
#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <thread>

#include <tango_token.hpp>

#include "check.hpp"

/// Something of a callback's own, that can be watched from outside.
using owned = std::shared_ptr<int>;

static void is_let_go(const owned &watched)
{
    // A callback ends a moment after it was called.
    for (int waited_ms = 0; watched.use_count() > 1 && waited_ms < 5000; waited_ms++)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    CHECK(watched.use_count() == 1);
}

static tango::client another_client() { return tango::client(tango::config().load_env()); }

/// In a callback a call that would wait is refused, and one that need not is made.
static void a_callback_may_call(const tango::client &client)
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

/// Nobody needs to look at a future.
static void a_future_may_be_dropped(const tango::client &client)
{
    static_cast<void>(client.acquire_async());
    CHECK(client.try_acquire_async().get());
}

/// What is under way needs neither the client nor the request.
static void a_client_may_end_before_its_callback()
{
    const auto watched = std::make_shared<int>();
    std::promise<bool> granted;
    {
        const tango::client client = another_client();
        client.acquire_start([&granted, watched](tango::result<tango::token> outcome) {
            granted.set_value(outcome.has_value());
        });
    }
    CHECK(granted.get_future().get());
    is_let_go(watched);
    // A future as well.
    CHECK(another_client().acquire_async().get());
}

/// The last client and the request end on the library's thread, inside of the callback that owns them.
static void a_callback_may_end_everything()
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
        all->client = another_client();
        auto complete = all->is_complete.get_future().share();
        const auto done = [all, watched, &value, complete](tango::result<tango::token> outcome) {
            // Made long before there is a token; the wait is for the assignment alone.
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
    is_let_go(watched);
}

/// One that is never called ends at once, where it was made.
static void what_cannot_start_ends_at_once()
{
    const auto watched = std::make_shared<int>();
    const auto never = [watched](tango::result<tango::token>) { std::abort(); };
    const auto not_started = tango::client().try_acquire_start(never);
    CHECK(!not_started && watched.use_count() == 2 && "here and in `never`");

    const tango::client client = another_client();
    const auto refusal = [&](auto done) {
        const auto started = client.try_acquire_start(done);
        CHECK(!started && started.error().status() == TANGO_STATUS_INVALID_ARGUMENT);
        return std::string(started.error().what());
    };
    CHECK(refusal(std::function<void(tango::result<tango::token>)>()) == "done is NULL");
    CHECK(refusal(static_cast<void (*)(tango::result<tango::token>)>(nullptr)) == "done is NULL");
    CHECK(refusal(static_cast<void (*)(tango::result<tango::token>) noexcept>(nullptr)) == "done is NULL");
}

static void a_cancelled_future_says_so(const tango::client &client)
{
    const auto status_of = [](auto future) {
        try {
            return future.get() ? TANGO_STATUS_OK : TANGO_STATUS_INTERNAL;
        } catch (const tango::error &error) {
            return error.status();
        }
    };
    client.invalidate(client.acquire());
    tango::request first, second;
    auto kept = client.acquire_async(first);
    auto given_up = client.acquire_async(second);
    second.cancel();
    CHECK(status_of(std::move(given_up)) == TANGO_STATUS_CANCELLED);

    // A start that fails leaves no earlier request behind, which would be cancelled by mistake.
    CHECK(status_of(tango::client().acquire_async(first)) == TANGO_STATUS_INVALID_ARGUMENT && !first);
    first.cancel();
    CHECK(status_of(std::move(kept)) == TANGO_STATUS_OK);
}

int main()
{
    const tango::client client = another_client();
    a_callback_may_call(client);
    a_future_may_be_dropped(client);
    a_client_may_end_before_its_callback();
    a_callback_may_end_everything();
    what_cannot_start_ends_at_once();
    a_cancelled_future_says_so(client);
    std::puts("each callback ended once");
}
