// Handles are moved, cloned and freed in every order; an object without one is what NULL is in C.
#include <cstring>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include <tango_token.hpp>

#include "check.hpp"

template <class Object>
constexpr bool is_owned_once = !std::is_copy_constructible_v<Object> && !std::is_copy_assignable_v<Object> &&
                               std::is_nothrow_move_constructible_v<Object> &&
                               std::is_nothrow_move_assignable_v<Object>;

static_assert(is_owned_once<tango::client> && is_owned_once<tango::token> && is_owned_once<tango::authorization>);
static_assert(is_owned_once<tango::dpop_key> && is_owned_once<tango::dpop_proof> && is_owned_once<tango::request>);
static_assert(!std::is_copy_constructible_v<tango::config> && std::is_nothrow_move_constructible_v<tango::config>);
static_assert(!std::is_copy_constructible_v<tango::result<tango::token>>);
static_assert(std::is_nothrow_move_constructible_v<tango::result<tango::token>>);
static_assert(sizeof(tango::token) == sizeof(tango_token *), "a handle and nothing else");

template <class Call>
static std::string refused(Call call)
{
    try {
        call();
    } catch (const tango::error &error) {
        CHECK(error.status() == TANGO_STATUS_INVALID_ARGUMENT);
        CHECK(!error.http_status() && !error.retry_after() && !error.oauth_error());
        return error.what();
    }
    FAIL("nothing was thrown");
}

static void moves_and_clones()
{
    tango::client first(tango::config().load_env());
    tango::client second = first.clone();
    tango::token token = second.acquire();
    tango::token again = first.acquire();
    CHECK(token.value() == again.value() && !token.value().empty());
    CHECK(token.value().data()[token.value().size()] == '\0');
    CHECK(token.type() == "Bearer" && token.scope() == "raas.all" && !token.dpop_key());
    CHECK(token.expires_in() > std::chrono::hours(23) && token.expires_in() <= std::chrono::hours(24));

    const std::string value(token.value());
    tango::token moved = std::move(token);
    again = std::move(moved);
    tango::token kept = again.clone();
    first = std::move(second);
    first = tango::client();
    CHECK(kept.value() == value && again.value() == value && "a token stays when its client is gone");

    std::vector<std::thread> threads;
    for (int i = 0; i < 8; i++)
        threads.emplace_back([token = kept.clone(), &value] {
            for (int round = 0; round < 100; round++)
                CHECK(token.clone().value() == value);
        });
    kept = tango::token();
    for (std::thread &thread : threads)
        thread.join();
}

static void handles_cross_to_c_and_back()
{
    tango::client client(tango::config().load_env());
    tango_token *raw = nullptr;
    CHECK(tango_token_acquire(client.native(), &raw, nullptr) == TANGO_STATUS_OK);
    tango::token taken(raw);
    CHECK(taken.native() == raw && taken.value() == tango_token_value(raw));
    tango_token_free(taken.release());
    CHECK(!taken && taken.value().empty() && taken.value().data() == nullptr);
}

static void an_object_without_a_handle_is_null()
{
    tango::client client(tango::config().load_env());
    const tango::client moved = std::move(client);
    CHECK(!client && moved);
    CHECK(refused([&] { client.acquire(); }) == "client is NULL");
    CHECK(refused([&] { client.authorize("GET", "https://h/"); }) == "client is NULL");
    CHECK(refused([&] { client.acquire_start([](tango::result<tango::token>) { std::abort(); }); }) == "client is NULL");
    CHECK(refused([&] { client.acquire_async().get(); }) == "client is NULL");
    CHECK(refused([&] { moved.invalidate(tango::token()); }) == "token is NULL");
    CHECK(refused([&] { moved.authorize_again(tango::authorization()); }) == "refused is NULL");
    CHECK(refused([&] { moved.observe(tango::authorization(), {}); }) == "authorization is NULL");
    CHECK(!client.clone() && !tango::token().clone() && !tango::dpop_key().clone());
    CHECK(tango::token().expires_in() == std::chrono::seconds(0) && !tango::token().dpop_key());
    CHECK(tango::authorization().value().empty() && !tango::authorization().dpop());
    CHECK(tango::dpop_key().thumbprint().empty() && tango::dpop_proof().value().empty());
    tango::request().cancel();

    tango::config config;
    tango::config taken = std::move(config);
    CHECK(config.set_scope("s").failure() && !taken.set_scope("s").failure());
    CHECK(std::strcmp(config.failure()->what(), "config is NULL") == 0);
}

static void a_text_that_holds_nul_is_refused()
{
    using namespace std::string_view_literals;
    const tango::client client(tango::config().load_env());
    CHECK(refused([&] { client.authorize("GET"sv, "https://h/\0x"sv); }) == "url holds a NUL, which would end it");
    tango::credentials rotated;
    rotated.username = "user";
    rotated.password = "pass\0word"sv;
    CHECK(refused([&] { client.set_credentials(rotated); }) == "password holds a NUL, which would end it");
    tango::signer never = [](std::string_view) -> std::optional<std::vector<std::uint8_t>> { std::abort(); };
    CHECK(refused([&] { tango::dpop_key::from_signer(TANGO_ALGORITHM_ES256, "{}\0"sv, never); }) ==
          "public_jwk holds a NUL, which would end it");
    // A view need not end with NUL, and what is behind it is not read.
    CHECK(!tango::config().set_cache("memory and more"sv.substr(0, 6)).failure());
}

static void the_first_mistake_is_told_when_a_client_is_made()
{
    tango::config config;
    config.load_env()
        .set_environment(static_cast<tango_environment>(9))
        .set_client_id("caf\xe9")
        .set_dpop(TANGO_DPOP_MODE_OFF);
    CHECK(refused([&] { tango::client client(config); }).find("environment") == 0);
    CHECK(refused([&] { tango::client client(tango::config().set_client_id("caf\xe9")); }) == "client_id is not UTF-8");
    CHECK(refused([&] { tango::client client(tango::config().set_shared_cache(nullptr)); }) == "cache is null");

    for (auto timeout : {std::chrono::milliseconds(-1), std::chrono::milliseconds::max()}) {
        auto made = tango::client::try_make(tango::config().load_env().set_total_timeout(timeout));
        CHECK(!made && made.error().status() == TANGO_STATUS_INVALID_CONFIGURATION);
        CHECK(std::strstr(made.error().what(), "total_timeout") != nullptr);
    }
    try {
        tango::client client{tango::config()};
        FAIL("an empty configuration makes no client");
    } catch (const std::runtime_error &error) {
        CHECK(std::strstr(error.what(), "token_url") != nullptr && std::strstr(error.what(), "password") != nullptr);
    }
}

/// Each setter reaches the setting of its name: what is wrong with the value is told of that one.
static void every_setter_sets()
{
    const auto complaint = [](tango::config &config) {
        const auto made = tango::client::try_make(config);
        return made ? std::string() : std::string(made.error().what());
    };
    const auto names = [&](const char *setting, tango::config &config) {
        if (complaint(config).find(setting) == std::string::npos)
            std::fprintf(stderr, "%s: %s\n", setting, complaint(config).c_str());
        return complaint(config).find(setting) != std::string::npos;
    };
    const auto env = [] { return std::move(tango::config().load_env()); };
    using std::chrono::milliseconds;
    CHECK(names("token_url", env().set_token_url("gopher://h/")));
    CHECK(names("client_id", env().set_client_id("")));
    CHECK(names("client_secret", env().set_client_secret("")));
    CHECK(names("username", env().set_username("")));
    CHECK(names("password", env().set_password("")));
    CHECK(tango::client(env().set_audience("5min")).acquire().expires_in() <= std::chrono::minutes(5));
    CHECK(tango::client(env().set_scope("raas.other")).try_acquire().error().status() == TANGO_STATUS_REQUEST_REFUSED);
    CHECK(names("/no/such/ca.pem", env().set_ca_file("/no/such/ca.pem")));
    CHECK(names("proxy", env().set_proxy("gopher://h/")));
    CHECK(names("user_agent", env().set_user_agent("a\nb")));
    CHECK(names("connect_timeout", env().set_connect_timeout(milliseconds(0))));
    CHECK(names("attempt_timeout", env().set_attempt_timeout(std::chrono::hours(1))));
    CHECK(names("api_url", env().set_api_url("gopher://h/")));
    CHECK(names("origin", env().allow_origin("gopher://h/")));
    CHECK(names("/no/such/key.pem", env().set_dpop(TANGO_DPOP_MODE_REQUIRED).set_dpop_key_file("/no/such/key.pem")));
    CHECK(names("cache", env().set_cache("memcached://h")));
    CHECK(names("/no/such/ca2.pem", env().set_cache("rediss://h").set_cache_ca_file("/no/such/ca2.pem")));
    CHECK(names("https", env().set_token_url("http://tango.example/oauth/token").set_allow_plain_http(false)));
    CHECK(complaint(env().set_token_url("http://tango.example/oauth/token").set_allow_plain_http(true)).empty());
    CHECK(!env().set_cache_fetch_anyway(true).set_environment(TANGO_ENVIRONMENT_SANDBOX).failure());
}

static void the_library_tells_its_version()
{
    CHECK(tango::version() == tango_version() && tango::abi_version() == TANGO_ABI_VERSION);
    CHECK(tango::status_name(TANGO_STATUS_QUOTA_REFUSED) == "TANGO_STATUS_QUOTA_REFUSED");
    CHECK(tango::status_name(static_cast<tango_status>(999)).empty());
}

int main()
{
    moves_and_clones();
    handles_cross_to_c_and_back();
    an_object_without_a_handle_is_null();
    a_text_that_holds_nul_is_refused();
    the_first_mistake_is_told_when_a_client_is_made();
    every_setter_sets();
    the_library_tells_its_version();
    std::puts("every handle was freed once");
}
