// A custom shared cache: two clients share one token through it, and it is destroyed with the last of them.
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

#include <tango_token.hpp>

#include "check.hpp"

/// The database that the library needs: values by name, and one lock with its owner.
class database : public tango::shared_cache {
public:
    enum class behaviour { works, fails, throws, returns_too_much };
    std::atomic<behaviour> behaviour{behaviour::works};

    std::int32_t load(std::string_view name, std::string &value) override
    {
        switch (behaviour) {
        case behaviour::fails:
            return 5;
        case behaviour::throws:
            throw std::runtime_error("the connection is lost");
        case behaviour::returns_too_much:
            value.assign(1 << 20, 'x');
            return 0;
        case behaviour::works:
            break;
        }
        const std::lock_guard guard(mutex_);
        value = values_[std::string(name)];
        return 0;
    }

    std::int32_t save(std::string_view name, std::optional<std::string_view> value,
                      std::chrono::milliseconds keep) override
    {
        CHECK(!value || (keep > std::chrono::seconds(1) && !value->empty()));
        const std::lock_guard guard(mutex_);
        values_[std::string(name)] = value.value_or("");
        return 0;
    }

    std::int32_t lock(std::string_view name, std::string_view owner, std::chrono::milliseconds lease) override
    {
        CHECK(name.find(".lock") != name.npos && owner.size() > 8 && lease >= std::chrono::seconds(2));
        const std::lock_guard guard(mutex_);
        if (!owner_.empty() && owner_ != owner)
            return 1;
        owner_ = owner;
        return 0;
    }

    std::int32_t unlock(std::string_view, std::string_view owner) override
    {
        const std::lock_guard guard(mutex_);
        if (owner_ == owner)
            owner_.clear();
        return 0;
    }

    bool contains(std::string_view part)
    {
        const std::lock_guard guard(mutex_);
        for (const auto &[name, value] : values_)
            if (value.find(part) != std::string::npos)
                return true;
        return false;
    }

    std::size_t entries()
    {
        const std::lock_guard guard(mutex_);
        return values_.size();
    }

private:
    std::mutex mutex_;
    std::map<std::string, std::string> values_;
    std::string owner_;
};

static tango::client client_of(const std::shared_ptr<database> &cache)
{
    return tango::client(tango::config().load_env().set_shared_cache(cache));
}

static std::string failure_of(const std::shared_ptr<database> &cache, enum database::behaviour behaviour)
{
    cache->behaviour = behaviour;
    const auto token = client_of(cache).try_acquire();
    CHECK(!token && token.error().status() == TANGO_STATUS_CACHE_UNAVAILABLE);
    CHECK(token.error().retry_after() >= std::chrono::seconds(1));
    return token.error().what();
}

int main()
{
    const auto cache = std::make_shared<database>();
    // The two clients have nothing in common but the cache.
    const tango::token first = client_of(cache).acquire();
    const tango::token second = client_of(cache).acquire();
    CHECK(first.value() == second.value() && second.expires_in() > std::chrono::hours(23));
    CHECK(cache->entries() >= 2 && !cache->contains(first.value()));

    // A failure of the cache is an error, and not taken for an empty cache.
    CHECK(failure_of(cache, database::behaviour::fails).find("load returned 5") != std::string::npos);
    CHECK(failure_of(cache, database::behaviour::throws).find("load failed: the connection is lost") != std::string::npos);
    CHECK(failure_of(cache, database::behaviour::returns_too_much).find("1048576 bytes") != std::string::npos);

    // Each client releases the cache once the library's thread has dropped it.
    for (int waited_ms = 0; cache.use_count() > 1 && waited_ms < 5000; waited_ms++)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    CHECK(cache.use_count() == 1);
    std::puts("one token through the custom cache");
}
