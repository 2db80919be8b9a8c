// The log goes to the function that was set last, up to its level, and nowhere after it was removed.
#include <chrono>
#include <mutex>
#include <string>
#include <vector>

#include <tango_token.hpp>

#include "check.hpp"

/// Collects lines from any thread.
class lines {
public:
    tango::log_callback writer()
    {
        return [this](tango_log_level level, std::string_view message) {
            CHECK(level >= TANGO_LOG_LEVEL_ERROR && level <= TANGO_LOG_LEVEL_INFO && !message.empty());
            const std::lock_guard guard(mutex_);
            lines_.emplace_back(message);
        };
    }

    std::size_t count(std::string_view part)
    {
        const std::lock_guard guard(mutex_);
        std::size_t found = 0;
        for (const std::string &line : lines_)
            found += line.find(part) != std::string::npos;
        return found;
    }

private:
    std::mutex mutex_;
    std::vector<std::string> lines_;
};

static void acquire_another(const tango::client &client)
{
    client.invalidate(client.acquire());
    client.acquire();
}

/// Records have message and fields apart, and replace the lines.
static void get_records(lines &earlier)
{
    static std::mutex mutex;
    static std::size_t responses = 0;
    const std::size_t before = earlier.count("");
    tango::set_log_records(TANGO_LOG_LEVEL_TRACE, [](const tango::log_record &record) {
        const std::lock_guard guard(mutex);
        const auto age = std::chrono::system_clock::now() - record.time;
        CHECK(age < std::chrono::hours(1) && record.target.substr(0, 11) == "tango_token");
        if (record.message != "the token endpoint responded")
            return;
        CHECK(record.level == TANGO_LOG_LEVEL_DEBUG && record.fields.size() >= 3);
        for (const auto &[name, value, type] : record.fields) {
            responses += name == "http_status" && value == "200" && type == TANGO_LOG_TYPE_INTEGER;
            CHECK(name != "client" || (!value.empty() && type == TANGO_LOG_TYPE_STRING));
        }
    });
    tango::client(tango::config().load_env()).acquire();
    tango::set_log_records(TANGO_LOG_LEVEL_TRACE, nullptr);
    CHECK(responses >= 1 && earlier.count("") == before);
    CHECK(tango::try_log_to_stderr(TANGO_LOG_LEVEL_OFF));
    const auto unknown = tango::try_log_to_stderr(TANGO_LOG_LEVEL_INFO, static_cast<tango_log_format>(9));
    CHECK(!unknown && unknown.error().status() == TANGO_STATUS_INVALID_ARGUMENT);
}

int main()
{
    static lines first, second;
    const tango::client client(tango::config().load_env());
    tango::set_log(TANGO_LOG_LEVEL_INFO, first.writer());
    acquire_another(client);
    // Replacing or removing a function waits for the lines that it is to get.
    tango::set_log(TANGO_LOG_LEVEL_INFO, second.writer());
    const std::size_t before = first.count("token");
    CHECK(before >= 2);

    acquire_another(client);
    tango::set_log(TANGO_LOG_LEVEL_INFO, nullptr);
    CHECK(first.count("token") == before && second.count("token") >= 1);
    const std::size_t then = second.count("");

    acquire_another(client);
    CHECK(second.count("") == then);

    const auto unknown = tango::try_set_log(static_cast<tango_log_level>(9), first.writer());
    CHECK(!unknown && unknown.error().status() == TANGO_STATUS_INVALID_ARGUMENT);
    get_records(second);
    std::puts("each line went to the current function");
}
