// Ten thousand asynchronous acquires, through callbacks and through futures, of which a quarter is cancelled: each
// completes exactly once, and every callback is destroyed.
#include <atomic>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include <tango_token.hpp>

#include "check.hpp"

constexpr int REQUESTS = 10000;

/// The number of callbacks that exist: one for each acquire in flight.
static std::atomic<int> alive{0};
static std::atomic<int> completed{0};

/// The outcome of an acquire, and how often it was reported.
struct outcome {
    std::atomic<int> times{0};
    std::atomic<tango_status> status{TANGO_STATUS_OK};
};

/// A move-only callback that counts itself, and signals when all have been called.
class counted {
public:
    counted(outcome &into, std::promise<void> &all) : into_(&into), all_(&all), marker_(new int(++alive)) {}

    void operator()(tango::result<tango::token> token)
    {
        CHECK(!token || token->type() == "Bearer");
        into_->status = token ? TANGO_STATUS_OK : token.error().status();
        into_->times++;
        if (++completed == REQUESTS / 2)
            all_->set_value();
    }

private:
    struct deleter {
        void operator()(int *marker) const
        {
            delete marker;
            alive--;
        }
    };

    outcome *into_;
    std::promise<void> *all_;
    std::unique_ptr<int, deleter> marker_;
};

/// Half of the acquires use callbacks, the others futures of both kinds. Every fourth of each is cancelled.
static void each_acquire_completes_once(const tango::client &client)
{
    std::vector<outcome> outcomes(REQUESTS / 2);
    std::vector<std::future<tango::token>> futures;
    std::vector<std::future<tango::result<tango::token>>> results;
    std::promise<void> all;
    gate("hold");
    for (int i = 0; i < REQUESTS / 2; i++) {
        tango::request called = client.acquire_start(counted(outcomes[static_cast<std::size_t>(i)], all));
        tango::request awaited;
        if (i % 8 < 4)
            futures.push_back(client.acquire_async(awaited));
        else
            results.push_back(client.try_acquire_async(awaited));
        CHECK(called && awaited);
        // Both objects are destroyed here.
        if (i % 4 == 0) {
            called.cancel();
            awaited.cancel();
            awaited.cancel();
        }
    }
    // Every cancellation came before the token.
    gate("release");
    int cancelled = 0, granted = 0;
    const auto count = [&](tango_status status) {
        CHECK(status == TANGO_STATUS_OK || status == TANGO_STATUS_CANCELLED);
        (status == TANGO_STATUS_OK ? granted : cancelled)++;
    };
    for (auto &future : futures)
        try {
            const tango::token token = future.get();
            CHECK(token.type() == "Bearer");
            count(TANGO_STATUS_OK);
        } catch (const tango::error &error) {
            count(error.status());
        }
    for (auto &result : results) {
        const auto token = result.get();
        count(token ? TANGO_STATUS_OK : token.error().status());
    }
    all.get_future().wait();
    for (std::size_t i = 0; i < outcomes.size(); i++) {
        CHECK(outcomes[i].times == 1);
        CHECK((outcomes[i].status == TANGO_STATUS_CANCELLED) == (i % 4 == 0));
        count(outcomes[i].status);
    }
    CHECK(cancelled == REQUESTS / 4 && granted == REQUESTS - REQUESTS / 4);
}

/// A callback is destroyed shortly after it was called.
static void every_callback_is_destroyed()
{
    for (int waited_ms = 0; alive != 0 && waited_ms < 5000; waited_ms++)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    CHECK(alive == 0);
}

int main()
{
    const tango::client client(tango::config().load_env());
    each_acquire_completes_once(client);
    every_callback_is_destroyed();
    std::puts("each acquire completed once");
}
