// Measures an acquire that finds its token in memory, through C++ and through C in turn, in nanoseconds. Checks that
// the header allocates nothing for it.
#include <chrono>
#include <new>

#include <tango_token.hpp>

#include "check.hpp"

/// Counts allocations of this program. The library has its own allocator.
static std::size_t allocations = 0;

void *operator new(std::size_t size)
{
    allocations++;
    if (void *memory = std::malloc(size))
        return memory;
    throw std::bad_alloc();
}

void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, std::size_t) noexcept { std::free(memory); }

static void through_cpp(const tango::client &client)
{
    const tango::token token = client.acquire();
    CHECK(token);
}

static void through_a_result(const tango::client &client)
{
    const auto token = client.try_acquire();
    CHECK(token);
}

static void through_c(const tango::client &client)
{
    tango_token *token = nullptr;
    CHECK(tango_token_acquire(client.native(), &token, nullptr) == TANGO_STATUS_OK);
    tango_token_free(token);
}

template <class Call>
static double best_ns(Call call)
{
    constexpr int CALLS = 200000, ROUNDS = 15;
    double best = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        const auto start = std::chrono::steady_clock::now();
        for (int i = 0; i < CALLS; i++)
            call();
        const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
        best = std::min(best, took.count() / CALLS);
    }
    return best;
}

int main()
{
    const tango::client client(tango::config().load_env());
    through_cpp(client);
    const std::size_t before = allocations;
    for (int i = 0; i < 1000; i++) {
        through_cpp(client);
        through_a_result(client);
    }
    CHECK(allocations == before);

    std::printf("c %.1f\n", best_ns([&] { through_c(client); }));
    std::printf("c++ %.1f\n", best_ns([&] { through_cpp(client); }));
    std::printf("c++ result %.1f\n", best_ns([&] { through_a_result(client); }));
}
