// An exception that leaves a callback must not reach C: it ends the program with its message.
//
//     throwing_callback acquire|log
#include <chrono>
#include <stdexcept>
#include <string_view>
#include <thread>

#include <tango_token.hpp>

int main(int, char **argv)
{
    const tango::client client(tango::config().load_env());
    const auto log = [](tango_log_level, std::string_view) { throw std::logic_error("thrown by the log"); };
    if (argv[1] == std::string_view("log")) {
        tango::set_log(TANGO_LOG_LEVEL_TRACE, log);
        client.acquire();
    } else {
        client.acquire_start([](tango::result<tango::token>) { throw std::logic_error("thrown by the callback"); });
    }
    // The exception ends the program long before this.
    std::this_thread::sleep_for(std::chrono::seconds(30));
}
