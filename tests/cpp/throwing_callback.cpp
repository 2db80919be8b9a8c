// An exception that leaves the callback of an acquire must not reach C: it ends the program.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <thread>

#include <tango_token.hpp>

int main()
{
    std::set_terminate([] {
        std::puts("terminated");
        std::fflush(stdout);
        std::_Exit(3);
    });
    const tango::client client(tango::config().load_env());
    client.acquire_start([](tango::result<tango::token>) { throw std::logic_error("from a callback"); });
    std::this_thread::sleep_for(std::chrono::seconds(30));
}
