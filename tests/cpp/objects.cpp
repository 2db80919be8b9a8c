// Handles are moved, cloned and freed in every order. An object without a handle behaves like NULL in C.
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
static_assert(sizeof(tango::token) == sizeof(tango_token *), "an object is a handle and nothing else");
static_assert(std::is_nothrow_default_constructible_v<tango::client>);
static_assert(std::is_nothrow_default_constructible_v<tango::dpop_proof>);

// A temporary object lends no string.
#define LENDS(name)                                                                                                    \
    template <class Object, class = void>                                                                              \
    constexpr bool name##_is_lent = false;                                                                             \
    template <class Object>                                                                                            \
    constexpr bool name##_is_lent<Object, std::void_t<decltype(std::declval<Object>().name())>> = true
LENDS(value);
LENDS(type);
LENDS(scope);
LENDS(dpop);
LENDS(thumbprint);
LENDS(public_jwk);
LENDS(to_pem);
LENDS(try_to_pem);
LENDS(request_id);
LENDS(server_message);
LENDS(i18n_key);
LENDS(oauth_error);
LENDS(oauth_error_description);
#define LENT_BY_LVALUES_ONLY(object, name) static_assert(name##_is_lent<const object &> && !name##_is_lent<object>)
LENT_BY_LVALUES_ONLY(tango::token, value);
LENT_BY_LVALUES_ONLY(tango::token, type);
LENT_BY_LVALUES_ONLY(tango::token, scope);
LENT_BY_LVALUES_ONLY(tango::authorization, value);
LENT_BY_LVALUES_ONLY(tango::authorization, dpop);
LENT_BY_LVALUES_ONLY(tango::dpop_proof, value);
LENT_BY_LVALUES_ONLY(tango::dpop_key, thumbprint);
LENT_BY_LVALUES_ONLY(tango::dpop_key, public_jwk);
LENT_BY_LVALUES_ONLY(tango::dpop_key, to_pem);
LENT_BY_LVALUES_ONLY(tango::dpop_key, try_to_pem);
LENT_BY_LVALUES_ONLY(tango::error, request_id);
LENT_BY_LVALUES_ONLY(tango::error, server_message);
LENT_BY_LVALUES_ONLY(tango::error, i18n_key);
LENT_BY_LVALUES_ONLY(tango::error, oauth_error);
LENT_BY_LVALUES_ONLY(tango::error, oauth_error_description);

// A temporary result moves its value or error out.
using token_result = tango::result<tango::token>;
static_assert(std::is_same_v<decltype(std::declval<token_result>().value()), tango::token>);
static_assert(std::is_same_v<decltype(*std::declval<token_result>()), tango::token>);
static_assert(std::is_same_v<decltype(std::declval<token_result>().error()), tango::error>);
static_assert(std::is_same_v<decltype(std::declval<tango::result<void>>().error()), tango::error>);
static_assert(std::is_same_v<decltype(std::declval<tango::config>().failure()), std::optional<tango::error>>);

// Credentials are borrowed until the call, so a temporary string is rejected.
static_assert(std::is_constructible_v<tango::optional_string, const char *>);
static_assert(std::is_constructible_v<tango::optional_string, const std::string &>);
static_assert(!std::is_constructible_v<tango::optional_string, std::string>);
static_assert(!std::is_assignable_v<tango::optional_string &, const std::string>);

template <class Call>
static std::string rejected(Call call)
{
    try {
        static_cast<void>(call());
    } catch (const tango::error &error) {
        CHECK(error.status() == TANGO_STATUS_INVALID_ARGUMENT);
        CHECK(!error.http_status() && !error.retry_after() && !error.oauth_error());
        return error.what();
    }
    FAIL("nothing was thrown");
}

static void tokens_are_moved_and_cloned()
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
    CHECK(kept.value() == value && again.value() == value && "a token outlives its client");

    std::vector<std::thread> threads;
    for (int i = 0; i < 8; i++)
        threads.emplace_back([token = kept.clone(), &value] {
            for (int round = 0; round < 100; round++) {
                const tango::token clone = token.clone();
                CHECK(clone.value() == value);
            }
        });
    kept = tango::token();
    for (std::thread &thread : threads)
        thread.join();
}

/// Assigning an object to itself changes nothing.
static void self_move_and_swap_keep_the_object()
{
    tango::client client(tango::config().load_env());
    tango_client *const native = client.native();
    tango::client &same = client;
    client = std::move(same);
    CHECK(client.native() == native && client.acquire());
    tango::client other;
    std::swap(client, other);
    CHECK(!client && other.native() == native);

    tango::config config;
    config.set_environment(static_cast<tango_environment>(9));
    tango::config &same_config = config;
    config = std::move(same_config);
    CHECK(config && config.failure()->status() == TANGO_STATUS_INVALID_ARGUMENT);
    // A chain on a temporary object can be stored, with its first error.
    const auto unknown = static_cast<tango_environment>(9);
    const auto chained = tango::config().set_scope("s").set_environment(unknown).set_scope("t");
    CHECK(chained && chained.failure()->status() == TANGO_STATUS_INVALID_ARGUMENT);
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

static void object_without_handle_behaves_like_null()
{
    tango::client client(tango::config().load_env());
    const tango::client moved = std::move(client);
    CHECK(!client && moved);
    CHECK(rejected([&] { client.acquire(); }) == "client is NULL");
    CHECK(rejected([&] { return client.authorize("GET", "https://h/"); }) == "client is NULL");
    const auto never = [](tango::result<tango::token>) { std::abort(); };
    CHECK(rejected([&] { client.acquire_start(never); }) == "client is NULL");
    CHECK(rejected([&] { client.acquire_async().get(); }) == "client is NULL");
    CHECK(rejected([&] { moved.invalidate(tango::token()); }) == "token is NULL");
    CHECK(rejected([&] { return moved.authorize_again(tango::authorization()); }) == "rejected is NULL");
    CHECK(rejected([&] { return moved.observe(tango::authorization(), {}); }) == "authorization is NULL");
    CHECK(!client.clone() && !tango::token().clone() && !tango::dpop_key().clone());
    CHECK(tango::token().expires_in() == std::chrono::seconds(0) && !tango::token().dpop_key());
    const tango::authorization authorization;
    const tango::dpop_key key;
    const tango::dpop_proof proof;
    CHECK(authorization.value().empty() && !authorization.dpop() && proof.value().empty());
    CHECK(key.thumbprint().empty() && key.public_jwk().empty() && key.algorithm() == 0);
    CHECK(rejected([&] { return key.to_pem(); }) == "key is NULL");
    tango::request().cancel();

    tango::config config;
    tango::config taken = std::move(config);
    CHECK(config.set_scope("s").failure() && !taken.set_scope("s").failure());
    CHECK(std::strcmp(config.failure()->what(), "config is NULL") == 0);
}

static void string_that_contains_nul_is_invalid()
{
    using namespace std::string_view_literals;
    const tango::client client(tango::config().load_env());
    const auto cut = "https://h/\0x"sv;
    CHECK(rejected([&] { return client.authorize("GET", cut); }) == "url contains a NUL, which would end the string");
    tango::credentials rotated;
    rotated.username = "user";
    rotated.password = "pass\0word"sv;
    CHECK(rejected([&] { client.set_credentials(rotated); }) == "password contains a NUL, which would end the string");
    tango::signer never = [](std::string_view) -> std::optional<std::vector<std::uint8_t>> { std::abort(); };
    CHECK(rejected([&] { tango::dpop_key::from_signer(TANGO_ALGORITHM_ES256, "{}\0"sv, never); }) ==
          "public_jwk contains a NUL, which would end the string");
    // The message about an invalid secret does not contain it.
    const std::string bad = rejected([&] { tango::client made(tango::config().set_password("hunter2\xe9")); });
    CHECK(bad == "password is not UTF-8");
    // NULL means absent, and half of a pair is not enough.
    rotated.password = nullptr;
    CHECK(rejected([&] { client.set_credentials(rotated); }).find("password") != std::string::npos);
    // A view need not be NUL-terminated; bytes after its end are not read.
    CHECK(!tango::config().set_cache("memory and more"sv.substr(0, 6)).failure());
}

static void first_invalid_setting_is_reported_when_a_client_is_made()
{
    tango::config config;
    config.load_env()
        .set_environment(static_cast<tango_environment>(9))
        .set_client_id("caf\xe9")
        .set_dpop(TANGO_DPOP_MODE_OFF);
    CHECK(rejected([&] { tango::client client(config); }).find("environment") == 0);
    CHECK(rejected([&] { tango::client made(tango::config().set_client_id("caf\xe9")); }) == "client_id is not UTF-8");
    CHECK(rejected([&] { tango::client client(tango::config().set_shared_cache(nullptr)); }) == "cache is NULL");

    using namespace std::chrono;
    const auto is_out_of_range = [](auto timeout) {
        const auto made = tango::client::try_make(tango::config().load_env().set_total_timeout(timeout));
        CHECK(made || made.error().status() == TANGO_STATUS_INVALID_CONFIGURATION);
        CHECK(made || std::strstr(made.error().what(), "total_timeout") != nullptr);
        return !made;
    };
    CHECK(is_out_of_range(milliseconds(-1)) && is_out_of_range(milliseconds::max()) && is_out_of_range(0ns));
    CHECK(is_out_of_range(hours::max()) && is_out_of_range(hours::min()) && is_out_of_range(microseconds(499)));
    CHECK(is_out_of_range(duration<double>(std::numeric_limits<double>::infinity())));
    CHECK(is_out_of_range(duration<double>(std::numeric_limits<double>::quiet_NaN())));
    CHECK(is_out_of_range(600001ms) && !is_out_of_range(10min) && !is_out_of_range(1ms) && !is_out_of_range(0.57s));
    try {
        tango::client client{tango::config()};
        FAIL("an empty configuration makes no client");
    } catch (const std::runtime_error &error) {
        CHECK(std::strstr(error.what(), "token_url") != nullptr && std::strstr(error.what(), "password") != nullptr);
    }
}

/// Each setter sets the option of its name: the error about an invalid value names that option.
static void every_setter_sets_its_option()
{
    const auto complaint = [](const tango::config &config) {
        const auto made = tango::client::try_make(config);
        return made ? std::string() : std::string(made.error().what());
    };
    const auto names = [&](const char *setting, const tango::config &config) {
        if (complaint(config).find(setting) == std::string::npos)
            std::fprintf(stderr, "%s: %s\n", setting, complaint(config).c_str());
        return complaint(config).find(setting) != std::string::npos;
    };
    const auto env = [] { return tango::config().load_env(); };
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
    CHECK(!env().set_allow_fetch_without_cache(true).set_environment(TANGO_ENVIRONMENT_SANDBOX).failure());
}

/// Any number from C can be added to any clock.
static void durations_cannot_overflow_a_clock()
{
    using tango::detail::time_of;
    using namespace std::chrono;
    CHECK(time_of<seconds>(std::int64_t{86399}) == 86399s && time_of<milliseconds>(std::uint64_t{1}) == 1ms);
    const auto now = system_clock::now();
    CHECK(now + time_of<seconds>(std::numeric_limits<std::int64_t>::max()) > now + hours(24 * 365 * 99));
    CHECK(now + time_of<milliseconds>(std::numeric_limits<std::uint64_t>::max()) > now + hours(24 * 365 * 99));
}

static void version_and_status_names_come_from_the_library()
{
    CHECK(tango::version() == tango_version() && tango::abi_version() == TANGO_ABI_VERSION);
    CHECK(tango::status_name(TANGO_STATUS_QUOTA_REFUSED) == "TANGO_STATUS_QUOTA_REFUSED");
    CHECK(tango::status_name(static_cast<tango_status>(999)).empty());
}

int main()
{
    tokens_are_moved_and_cloned();
    self_move_and_swap_keep_the_object();
    handles_cross_to_c_and_back();
    object_without_handle_behaves_like_null();
    string_that_contains_nul_is_invalid();
    first_invalid_setting_is_reported_when_a_client_is_made();
    every_setter_sets_its_option();
    durations_cannot_overflow_a_clock();
    version_and_status_names_come_from_the_library();
    std::puts("every handle was freed once");
}
