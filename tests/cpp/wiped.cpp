// The header wipes its copies of secrets before it frees their memory.
#include <malloc.h>

#include <cstring>
#include <new>
#include <string_view>

#include <tango_token.hpp>

#include "check.hpp"

constexpr std::string_view SECRET = "a-secret-that-is-too-long-to-be-kept-inside-of-a-std::string";

static int freed = 0;
static int freed_with_secret = 0;

/// Allocates for this program and the header. The library has its own allocator.
void *operator new(std::size_t size)
{
    if (void *memory = std::calloc(1, size))
        return memory;
    throw std::bad_alloc();
}

static void inspect_and_free(void *memory)
{
    if (memory == nullptr)
        return;
    freed++;
    const std::string_view bytes(static_cast<const char *>(memory), malloc_usable_size(memory));
    freed_with_secret += bytes.find(SECRET.substr(8)) != bytes.npos;
    std::free(memory);
}

void operator delete(void *memory) noexcept { inspect_and_free(memory); }
void operator delete(void *memory, std::size_t) noexcept { inspect_and_free(memory); }

int main()
{
    {
        // Shows that a copy that is not wiped is found.
        const std::string kept(SECRET);
    }
    CHECK(freed == 1 && freed_with_secret == 1);

    const tango::client client(tango::config().load_env().set_client_secret(SECRET).set_password(SECRET));
    CHECK(client.try_set_credentials({"id", SECRET, "name", SECRET}));
    CHECK(!tango::dpop_key::try_from_pem(SECRET) && !tango::dpop_key::try_from_jwk(SECRET));
    const auto key = tango::dpop_key::generate(TANGO_ALGORITHM_EDDSA);
    CHECK(tango::dpop_proof::try_make(key, "GET", "https://api.example/", SECRET));
    CHECK(freed > 10 && freed_with_secret == 1);
    std::puts("every copy was wiped");
}
