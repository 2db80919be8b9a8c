// Calls the API with a Bearer token, in the fewest possible steps.
//
//     bearer URL
//
// The configuration comes from the TANGO_* environment variables.
#include <iostream>

#include "http.hpp"

int main(int argc, char **argv)
{
    if (argc != 2) {
        std::cerr << "usage: bearer URL\n";
        return 2;
    }
    try {
        const tango::client client(tango::config().load_env());
        const tango::token token = client.acquire();
        std::cerr << token.type() << " token, good for " << token.expires_in().count() << " s\n";
        const auto response = http::get(argv[1], {"Authorization: Bearer " + std::string(token.value())});
        std::cerr << response.head.http_status << '\n';
        std::cout << response.body << '\n';
        return response.head.http_status == 200 ? 0 : 1;
    } catch (const std::exception &error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
