// Calls the API once for each URL, with a token that is bound to a key (RFC 9449). TANGO_DPOP=off or optional makes it
// work with Bearer tokens as well.
//
//     dpop URL...
//
// The configuration comes from the TANGO_* environment variables.
#include <cstdlib>
#include <iostream>

#include "http.hpp"

static std::vector<std::string> headers(const tango::authorization &authorization)
{
    std::vector<std::string> headers{"Authorization: " + std::string(authorization.value())};
    if (const auto proof = authorization.dpop())
        headers.push_back("DPoP: " + std::string(*proof));
    return headers;
}

/// Sends a request, and again while that can help. Observes every response, because each can bring a new nonce.
static http::response get(const tango::client &client, const std::string &url)
{
    tango::authorization authorization = client.authorize("GET", url);
    for (;;) {
        http::response response = http::get(url, headers(authorization));
        // observe() stops asking after a few retries, and throws if retrying would not help.
        if (client.observe(authorization, response.head) == TANGO_VERDICT_DONE)
            return response;
        std::cerr << response.head.http_status << ", once more\n";
        authorization = client.authorize_again(authorization);
    }
}

static void explain(const tango::error &error)
{
    std::cerr << tango::status_name(error.status()) << "\n  " << error.what() << '\n';
    if (error.request_id())
        std::cerr << "  request ID for Tango's support: " << *error.request_id() << '\n';
    if (error.retry_after())
        std::cerr << "  try again in " << error.retry_after()->count() << " s\n";
}

int main(int argc, char **argv)
{
    try {
        tango::config config;
        config.load_env();
        // A setter would win over the environment, so this program sets its default only where TANGO_DPOP is unset.
        if (std::getenv("TANGO_DPOP") == nullptr)
            config.set_dpop(TANGO_DPOP_MODE_REQUIRED);
        const tango::client client(config);
        for (int i = 1; i < argc; i++) {
            const auto response = get(client, argv[i]);
            std::cerr << response.head.http_status << '\n';
            std::cout << response.body << '\n';
        }
        return 0;
    } catch (const tango::error &error) {
        explain(error);
    } catch (const std::exception &error) {
        std::cerr << error.what() << '\n';
    }
    return 1;
}
