// Reads paths of the Tango API, one a line, gets all of them at once, and writes one line for each. `ping` brings
// `pong` at once, whatever the service waits for.
//
// One thread does everything. The TANGO_* environment variables configure the client.
#include <cstdlib>
#include <iostream>

#include <unistd.h>

#include "event_loop.hpp"

/// One API call: from the line that asks for it to the line that tells how it ended.
struct call {
    std::string path, url;
    tango::authorization authorization;
};

class service {
public:
    service(event_loop &loop, std::string api_url)
        : loop_(loop), api_url_(std::move(api_url)), client_(configuration())
    {
    }

    void run()
    {
        loop_.read_from(STDIN_FILENO, [this] { return read_input(); });
        // `done` of each acquire uses this object, so the service ends only after all of them were called.
        loop_.run([this] { return input_ended_ && pending_ == 0; });
    }

private:
    event_loop &loop_;
    std::string api_url_;
    tango::client client_;
    const char *ca_file_ = std::getenv("TANGO_CA_FILE");
    std::string input_;
    bool input_ended_ = false;
    int pending_ = 0;

    static tango::config configuration()
    {
        tango::config config;
        config.load_env();
        return config;
    }

    bool read_input()
    {
        char bytes[4096];
        const ssize_t count = read(STDIN_FILENO, bytes, sizeof bytes);
        if (count <= 0) {
            input_ended_ = true;
            return false;
        }
        input_.append(bytes, static_cast<std::size_t>(count));
        for (std::size_t end = input_.find('\n'); end != input_.npos; end = input_.find('\n')) {
            const std::string line = input_.substr(0, end);
            input_.erase(0, end + 1);
            if (line == "ping")
                std::cout << "pong" << std::endl;
            else
                begin(line);
        }
        return true;
    }

    void begin(const std::string &path)
    {
        pending_++;
        auto one = std::make_shared<call>();
        one->path = path;
        one->url = api_url_ + path;
        // Refuses a URL that may get no token, before one is requested; and finds the token of later calls in memory.
        tango::result<tango::authorization> held = client_.try_authorize_held("GET", one->url);
        if (!held)
            fail(*one, held.error().what());
        else if (held->native() != nullptr)
            send(one, std::move(held));
        else
            when_a_token_is_held(one, [this, one] { send(one, client_.try_authorize("GET", one->url)); });
    }

    /// Continues on the loop's thread. All calls that wait share one token request.
    void when_a_token_is_held(const std::shared_ptr<call> &one, std::function<void()> next)
    {
        // On the library's callback thread, where nothing may wait: it only posts.
        auto done = [this, one, next = std::move(next)](tango::result<tango::token> token) {
            if (token)
                loop_.post(next);
            else
                loop_.post([this, one, reason = std::string(token.error().what())] { fail(*one, reason); });
        };
        // Destroying the request that this returns does not cancel it.
        if (auto started = client_.try_acquire_start(std::move(done)); !started)
            fail(*one, started.error().what());
    }

    void send(const std::shared_ptr<call> &one, tango::result<tango::authorization> authorization)
    {
        if (!authorization)
            return fail(*one, authorization.error().what());
        one->authorization = *std::move(authorization);
        std::vector<std::string> headers{"Authorization: " + std::string(one->authorization.value())};
        if (const auto proof = one->authorization.dpop())
            headers.push_back("DPoP: " + std::string(*proof));
        auto request = std::make_unique<transfer>(one->url, headers, ca_file_);
        transfer &response = *request;
        request->done = [this, one, &response](CURLcode code) { receive(one, response, code); };
        loop_.start(std::move(request));
    }

    void receive(const std::shared_ptr<call> &one, const transfer &response, CURLcode code)
    {
        if (code != CURLE_OK)
            return fail(*one, curl_easy_strerror(code));
        const auto verdict = client_.try_observe(one->authorization, response.head);
        if (!verdict)
            return fail(*one, verdict.error().what());
        if (*verdict == TANGO_VERDICT_DONE)
            return end(*one, std::to_string(response.head.http_status),
                       std::to_string(response.body.size()) + " bytes");
        // Usually a new nonce, and the token is held. If the API refused the token, authorize_again would wait for the
        // next one: so an acquire comes first.
        const auto held = client_.try_acquire_held();
        if (held && held->native() != nullptr)
            send(one, client_.try_authorize_again(one->authorization));
        else
            when_a_token_is_held(one, [this, one] { send(one, client_.try_authorize_again(one->authorization)); });
    }

    void fail(const call &one, const std::string &reason) { end(one, "failed", reason); }

    void end(const call &one, const std::string &outcome, const std::string &details)
    {
        pending_--;
        std::cout << outcome << ' ' << one.path << ' ' << details << std::endl;
    }
};

int main()
{
    const char *const api_url = std::getenv("TANGO_API_URL");
    if (api_url == nullptr) {
        std::cerr << "TANGO_API_URL is not set\n";
        return 2;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    try {
        event_loop loop;
        service(loop, api_url).run();
        return 0;
    } catch (const std::exception &error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
