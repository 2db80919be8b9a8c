// Calls the API with tokens that are bound to a key (RFC 9449), once for each URL. With Bearer tokens it works as well:
// TANGO_DPOP=off, or a platform that is not enabled for DPoP.
//
//     dpop URL...
//
// Who asks and where is read from the TANGO_* environment variables.
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

/// Sends a request, and once more where that helps. Every answer is observed: each can bring the next nonce.
static http::response get(const tango::client &client, const std::string &url)
{
    tango::authorization authorization = client.authorize("GET", url);
    for (;;) {
        http::response response = http::get(url, headers(authorization));
        // A second retry is never advised, and where not even one helps this throws.
        if (client.observe(authorization, response.answer) == TANGO_VERDICT_DONE)
            return response;
        std::cerr << response.answer.http_status << ", once more\n";
        authorization = client.authorize_again(authorization);
    }
}

static void explain(const tango::error &error)
{
    std::cerr << tango::status_name(error.status()) << "\n  " << error.what() << '\n';
    if (error.request_id())
        std::cerr << "  request id for Tango's support: " << *error.request_id() << '\n';
    if (error.retry_after())
        std::cerr << "  try again in " << error.retry_after()->count() << " s\n";
}

int main(int argc, char **argv)
{
    try {
        tango::config config;
        config.load_env();
        // What is set in code wins over the environment, so the default of this program is set only without a variable.
        if (std::getenv("TANGO_DPOP") == nullptr)
            config.set_dpop(TANGO_DPOP_MODE_REQUIRED);
        const tango::client client(config);
        for (int i = 1; i < argc; i++) {
            const auto response = get(client, argv[i]);
            std::cerr << response.answer.http_status << '\n';
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
