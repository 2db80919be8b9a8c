// The copies of secrets that the header makes for C hold nothing any more when their memory is given back.
#include <malloc.h>

#include <cstring>
#include <new>
#include <string_view>

#include <tango_token.hpp>

#include "check.hpp"

constexpr std::string_view SECRET = "a-secret-that-is-too-long-to-be-kept-inside-of-a-std::string";

static int given_back = 0;
static int with_the_secret = 0;

/// Memory of this program and of the header; the library has its own allocator.
void *operator new(std::size_t size)
{
    if (void *memory = std::calloc(1, size))
        return memory;
    throw std::bad_alloc();
}

static void give_back(void *memory)
{
    if (memory == nullptr)
        return;
    given_back++;
    const std::string_view bytes(static_cast<const char *>(memory), malloc_usable_size(memory));
    with_the_secret += bytes.find(SECRET.substr(8)) != bytes.npos;
    std::free(memory);
}

void operator delete(void *memory) noexcept { give_back(memory); }
void operator delete(void *memory, std::size_t) noexcept { give_back(memory); }

int main()
{
    {
        // So that what is looked for can be found.
        const std::string kept(SECRET);
    }
    CHECK(given_back == 1 && with_the_secret == 1);

    const tango::client client(tango::config().load_env().set_client_secret(SECRET).set_password(SECRET));
    CHECK(client.try_set_credentials({"id", SECRET, "name", SECRET}));
    CHECK(!tango::dpop_key::try_from_pem(SECRET) && !tango::dpop_key::try_from_jwk(SECRET));
    const auto key = tango::dpop_key::generate(TANGO_ALGORITHM_EDDSA);
    CHECK(tango::dpop_proof::try_make(key, "GET", "https://api.example/", SECRET));
    CHECK(given_back > 10 && with_the_secret == 1);
    std::puts("nothing was left");
}
