// The runner of C++: executes the calls that it reads, one per line, and prints each outcome as JSON. See README.md.
#include <algorithm>
#include <array>
#include <iostream>
#include <optional>
#include <string>

#include <tango_token.hpp>

using optional_view = std::optional<std::string_view>;
using fields = std::array<optional_view, 6>;

static std::string json(optional_view value)
{
    if (!value)
        return "null";
    std::string quoted = "\"";
    for (const char letter : *value) {
        const auto code = static_cast<unsigned char>(letter);
        if (code < 0x20) {
            constexpr char HEX[] = "0123456789abcdef";
            quoted.append("\\u00").append({HEX[code >> 4], HEX[code & 15]});
            continue;
        }
        if (letter == '"' || letter == '\\')
            quoted += '\\';
        quoted += letter;
    }
    return quoted + '"';
}

template <class Number>
static std::string json_number(std::optional<Number> number)
{
    return number ? std::to_string(*number) : "null";
}

static std::string json(const tango::error &error)
{
    const auto retry_after = error.retry_after();
    const auto seconds = retry_after ? std::make_optional(retry_after->count()) : std::nullopt;
    return "{\"error\": {\"status\": " + json(optional_view(tango::status_name(error.status()))) +
           ", \"message\": " + json(optional_view(error.what())) +
           ", \"http_status\": " + json_number(error.http_status()) +
           ", \"oauth_error\": " + json(optional_view(error.oauth_error())) +
           ", \"oauth_error_description\": " + json(optional_view(error.oauth_error_description())) +
           ", \"i18n_key\": " + json(optional_view(error.i18n_key())) +
           ", \"server_message\": " + json(optional_view(error.server_message())) +
           ", \"request_id\": " + json(optional_view(error.request_id())) +
           ", \"retry_after_seconds\": " + json_number(seconds) + "}}";
}

static std::string json(const tango::token &token)
{
    return "{\"token\": {\"value\": " + json(optional_view(token.value())) +
           ", \"type\": " + json(optional_view(token.type())) +
           ", \"scope\": " + json(optional_view(token.scope())) +
           ", \"expires_in_seconds\": " + std::to_string(token.expires_in().count()) + "}}";
}

static std::string json(const tango::authorization &authorization)
{
    return "{\"authorization\": {\"value\": " + json(optional_view(authorization.value())) +
           ", \"dpop\": " + json(authorization.dpop()) + "}}";
}

class runner {
public:
    explicit runner(tango::client client) : client_(std::move(client)) {}

    std::string run(const fields &line)
    {
        const std::string_view call = *line[0];
        if (call == "acquire")
            return json(token_ = client_.acquire());
        if (call == "acquire_async")
            return json(token_ = client_.acquire_async().get());
        if (call == "authorize")
            return json(authorization_ = client_.authorize(line[1].value_or(""), line[2].value_or("")));
        if (call == "authorize_again")
            return json(authorization_ = client_.authorize_again(authorization_));
        if (call == "observe")
            return observe(line);
        if (call == "invalidate")
            client_.invalidate(token_);
        else if (call == "set_credentials")
            client_.set_credentials({line[1], line[2], line[3], line[4]});
        else
            throw std::invalid_argument("unknown call");
        return "{\"done\": true}";
    }

private:
    std::string observe(const fields &line) const
    {
        tango::response response;
        response.http_status = std::stoi(std::string(line[1].value()));
        constexpr std::array<std::string_view, 3> NAMES{"DPoP-Nonce", "WWW-Authenticate", "Date"};
        for (std::size_t i = 0; i < NAMES.size(); i++)
            if (const optional_view value = line[i + 2])
                response.add_header(NAMES[i], *value);
        const bool again = client_.observe(authorization_, response) == TANGO_VERDICT_RETRY;
        return again ? "{\"verdict\": \"retry\"}" : "{\"verdict\": \"done\"}";
    }

    tango::client client_;
    tango::token token_;
    tango::authorization authorization_;
};

/// Splits a line at its tabs; an empty or missing field has no value.
static fields split(std::string_view line)
{
    fields fields_of_line;
    for (optional_view &field : fields_of_line) {
        const std::string_view begin = line.substr(0, line.find('\t'));
        if (!begin.empty())
            field = begin;
        line.remove_prefix(std::min(line.size(), begin.size() + 1));
    }
    return fields_of_line;
}

/// Configures a client as the arguments say: `load_env`, or NAME=VALUE for an option that is set in code.
static tango::config configured(int argc, char **argv)
{
    tango::config config;
    for (int i = 1; i < argc; i++) {
        const std::string_view argument = argv[i];
        const std::string_view name = argument.substr(0, argument.find('='));
        const std::string_view value = argument.substr(std::min(argument.size(), name.size() + 1));
        if (argument == "load_env")
            config.load_env();
        else if (name == "audience")
            config.set_audience(value);
        else if (name == "user_agent")
            config.set_user_agent(value);
        else if (name == "allowed_origins")
            config.allow_origin(value);
        else if (name == "allow_plain_http")
            config.set_allow_plain_http(value == "true");
        else
            throw std::invalid_argument("unknown option");
    }
    return config;
}

static int run(int argc, char **argv)
{
    auto client = tango::client::try_make(configured(argc, argv));
    std::cout << (client ? "{\"client\": true}" : json(client.error())) << std::endl;
    if (!client)
        return 0;
    runner runner(*std::move(client));
    for (std::string line; std::getline(std::cin, line);) {
        try {
            std::cout << runner.run(split(line)) << std::endl;
        } catch (const tango::error &error) {
            std::cout << json(error) << std::endl;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    try {
        return run(argc, argv);
    } catch (const std::exception &error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
