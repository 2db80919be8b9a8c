// One program of two translation units, with and without exceptions: each reports errors in its own way.
#include <tango_token.hpp>

#include "check.hpp"

/// Defined in two_modes_without.cpp.
tango_token *acquire_without_exceptions(const tango_client *client);
tango_status status_without_exceptions(const tango_client *client);

int main()
{
    const tango::client client(tango::config().load_env());
    const tango::token token(acquire_without_exceptions(client.native()));
    const tango::token same = client.acquire();
    CHECK(token.value() == same.value());

    CHECK(status_without_exceptions(nullptr) == TANGO_STATUS_INVALID_ARGUMENT);
    try {
        tango::client().acquire();
        FAIL("nothing was thrown");
    } catch (const tango::error &error) {
        CHECK(error.status() == TANGO_STATUS_INVALID_ARGUMENT);
    }
    std::puts("each in its own way");
}
