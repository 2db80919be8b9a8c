// A program without exceptions and without run-time type information: every call returns a result.
#include <future>
#include <string>

#include <tango_token.hpp>

#include "check.hpp"

#ifdef __cpp_exceptions
#error "to be compiled with -fno-exceptions"
#endif

static tango::client client_or_exit(const tango::config &config)
{
    auto client = tango::client::try_make(config);
    if (!client) {
        std::fprintf(stderr, "%s\n", client.error().what());
        std::exit(1);
    }
    return *std::move(client);
}

static void failures_are_results()
{
    const auto client = tango::client::try_make(tango::config().set_scope("x"));
    CHECK(!client && client.error().status() == TANGO_STATUS_INVALID_CONFIGURATION);
    const auto token = tango::client().try_acquire();
    CHECK(!token.has_value() && std::string(token.error().what()) == "client is NULL");
    const auto later = tango::client().try_acquire_async().get();
    CHECK(!later && later.error().status() == TANGO_STATUS_INVALID_ARGUMENT);
    const auto key = tango::dpop_key::try_from_pem("no key");
    CHECK(!key && key.error().status() == TANGO_STATUS_KEY_REJECTED);
}

static void headers_follow_the_responses(const tango::client &client, const std::string &url)
{
    const auto first = client.try_authorize("GET", url);
    CHECK(first && first->dpop());
    tango::response challenge;
    challenge.http_status = 401;
    challenge.add_header("DPoP-Nonce", "n-1");
    challenge.add_header("WWW-Authenticate", "DPoP error=\"use_dpop_nonce\"");
    CHECK(client.try_observe(*first, challenge).value() == TANGO_VERDICT_RETRY);
    const auto again = client.try_authorize_again(*first);
    CHECK(again && again->dpop() != first->dpop());
    const auto failure = client.try_observe(*again, challenge);
    CHECK(!failure && failure.error().status() == TANGO_STATUS_PROOF_REFUSED);
    CHECK(failure.error().http_status() == 401);
}

int main()
{
    failures_are_results();
    CHECK(tango::try_set_log(TANGO_LOG_LEVEL_INFO, nullptr));
    const tango::client client = client_or_exit(tango::config().load_env().set_dpop(TANGO_DPOP_MODE_REQUIRED));

    std::promise<tango::result<tango::token>> outcome;
    const auto request =
        client.try_acquire_start([&](tango::result<tango::token> token) { outcome.set_value(std::move(token)); });
    CHECK(request);
    const auto first = outcome.get_future().get();
    const auto second = client.try_acquire();
    CHECK(first && second && first->value() == second->value());
    CHECK(second->dpop_key().algorithm() == TANGO_ALGORITHM_ES256);

    headers_follow_the_responses(client, std::string(std::getenv("TANGO_API_URL")) + "/accounts");
    CHECK(client.try_set_credentials({}));
    CHECK(client.try_invalidate(*second));
    std::puts("every call returned a result");
}
