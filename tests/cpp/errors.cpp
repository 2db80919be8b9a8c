// Prints every field of an error twice: as it is thrown, and as a result holds it. Both are copies that outlive
// everything else.
#include <iostream>
#include <string>

#include <tango_token.hpp>

#include "check.hpp"

static_assert(std::is_nothrow_copy_constructible_v<tango::error> && std::is_nothrow_copy_assignable_v<tango::error>);

static void print(const char *name, const std::optional<std::string> &value)
{
    std::cout << name << '=' << value.value_or("(none)") << '\n';
}

static void print(const tango::error &error)
{
    const auto http_status = error.http_status();
    const auto retry_after = error.retry_after();
    print("status", std::string(tango::status_name(error.status())));
    print("message", std::string(error.what()));
    print("http_status", http_status ? std::optional(std::to_string(*http_status)) : std::nullopt);
    print("oauth_error", error.oauth_error());
    print("oauth_error_description", error.oauth_error_description());
    print("i18n_key", error.i18n_key());
    print("server_message", error.server_message());
    print("request_id", error.request_id());
    print("retry_after", retry_after ? std::optional(std::to_string(retry_after->count())) : std::nullopt);
}

static tango::error thrown()
{
    try {
        tango::client(tango::config().load_env()).acquire();
    } catch (const std::runtime_error &error) {
        return dynamic_cast<const tango::error &>(error);
    }
    FAIL("nothing was thrown");
}

static tango::error returned()
{
    const auto client = tango::client::try_make(tango::config().load_env());
    CHECK(client.has_value() && client);
    const auto token = client->try_acquire();
    CHECK(!token);
    try {
        token.value();
        FAIL("a failed result has no value");
    } catch (const tango::error &error) {
        CHECK(error.status() == token.error().status());
    }
    return token.error();
}

int main()
{
    print(thrown());
    print(returned());

    tango::error own(TANGO_STATUS_TIMED_OUT, "made by the program");
    own = tango::error(own);
    CHECK(own.status() == TANGO_STATUS_TIMED_OUT && !own.http_status() && !own.server_message());
    const tango::error none(nullptr);
    CHECK(none.status() == TANGO_STATUS_OK && std::string_view(none.what()).empty() && !none.retry_after());
}
