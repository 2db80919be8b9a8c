// Ten thousand asynchronous acquires, through callbacks and through futures, a quarter of them cancelled: each ends
// exactly once, and nothing of them is left.
#include <atomic>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include <tango_token.hpp>

#include "check.hpp"

constexpr int REQUESTS = 10000;

/// How many callbacks exist: one for each acquire that has not ended.
static std::atomic<int> alive{0};
static std::atomic<int> ended{0};

/// How an acquire ended, and how often.
struct ending {
    std::atomic<int> times{0};
    std::atomic<tango_status> status{TANGO_STATUS_OK};
};

/// A callback that can be moved only, counts itself, and says when all have been called.
class counted {
public:
    counted(ending &into, std::promise<void> &all) : into_(&into), all_(&all), marker_(new int(++alive)) {}

    void operator()(tango::result<tango::token> outcome)
    {
        CHECK(!outcome || outcome->type() == "Bearer");
        into_->status = outcome ? TANGO_STATUS_OK : outcome.error().status();
        into_->times++;
        if (++ended == REQUESTS / 2)
            all_->set_value();
    }

private:
    struct leaving {
        void operator()(int *marker) const
        {
            delete marker;
            alive--;
        }
    };

    ending *into_;
    std::promise<void> *all_;
    std::unique_ptr<int, leaving> marker_;
};

/// Every second one through a callback, the others through futures of both kinds; every fourth of each is cancelled.
static void each_ends_once(const tango::client &client)
{
    std::vector<ending> endings(REQUESTS / 2);
    std::vector<std::future<tango::token>> futures;
    std::vector<std::future<tango::result<tango::token>>> results;
    std::promise<void> all;
    for (int i = 0; i < REQUESTS / 2; i++) {
        tango::request called = client.acquire_start(counted(endings[static_cast<std::size_t>(i)], all));
        tango::request waited_for;
        if (i % 8 < 4)
            futures.push_back(client.acquire_async(waited_for));
        else
            results.push_back(client.try_acquire_async(waited_for));
        CHECK(called && waited_for);
        // The server takes its time, so that every cancellation comes before the token. The objects end here.
        if (i % 4 == 0) {
            called.cancel();
            waited_for.cancel();
            waited_for.cancel();
        }
    }
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
        const auto outcome = result.get();
        count(outcome ? TANGO_STATUS_OK : outcome.error().status());
    }
    all.get_future().wait();
    for (std::size_t i = 0; i < endings.size(); i++) {
        CHECK(endings[i].times == 1);
        CHECK((endings[i].status == TANGO_STATUS_CANCELLED) == (i % 4 == 0));
        count(endings[i].status);
    }
    CHECK(cancelled == REQUESTS / 4 && granted == REQUESTS - REQUESTS / 4);
}

/// A callback ends a moment after it was called.
static void nothing_is_left()
{
    for (int waited_ms = 0; alive != 0 && waited_ms < 5000; waited_ms++)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    CHECK(alive == 0);
}

int main()
{
    const tango::client client(tango::config().load_env());
    each_ends_once(client);
    nothing_is_left();
    std::puts("each acquire ended once");
}
