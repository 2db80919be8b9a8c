// One GET request with libcurl, which is all the HTTP that the examples need.
#ifndef EXAMPLES_HTTP_HPP
#define EXAMPLES_HTTP_HPP

#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <curl/curl.h>

#include <tango_token.hpp>

namespace http {

/// The response of an API: the status and headers that the library observes, and the body.
struct response {
    tango::response head;
    std::string body;
};

// No exception may reach libcurl, which is C, so running out of memory ends the program.
inline std::size_t take_body(char *bytes, std::size_t size, std::size_t count, void *response) noexcept
{
    static_cast<http::response *>(response)->body.append(bytes, size * count);
    return size * count;
}

inline std::size_t take_header(char *bytes, std::size_t size, std::size_t count, void *response) noexcept
{
    const std::string_view line(bytes, size * count);
    // A response of a proxy, or an informational one (1xx), can come before the final response.
    if (line.substr(0, 5) == "HTTP/")
        static_cast<http::response *>(response)->head = {};
    const std::size_t colon = line.find(':');
    const std::size_t begin = line.find_first_not_of(" \t", colon == line.npos ? colon : colon + 1);
    const std::size_t end = line.find_last_not_of("\r\n \t");
    if (colon != line.npos && begin <= end)
        static_cast<http::response *>(response)->head.add_header(line.substr(0, colon),
                                                                 line.substr(begin, end - begin + 1));
    return size * count;
}

/// Sends the request. Follows no redirect, because a token and its proof are for one URL.
inline response get(const std::string &url, const std::vector<std::string> &headers)
{
    const std::unique_ptr<CURL, void (*)(CURL *)> curl(curl_easy_init(), curl_easy_cleanup);
    std::unique_ptr<curl_slist, void (*)(curl_slist *)> list(nullptr, curl_slist_free_all);
    for (const std::string &header : headers) {
        curl_slist *const longer = curl_slist_append(list.get(), header.c_str());
        if (longer == nullptr)
            throw std::bad_alloc();
        static_cast<void>(list.release());
        list.reset(longer);
    }
    if (curl == nullptr)
        throw std::runtime_error("libcurl does not start");
    response response;
    curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, list.get());
    curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, 30000L);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &response);
    curl_easy_setopt(curl.get(), CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl.get(), CURLOPT_HEADERDATA, &response);
    // The library uses TANGO_CA_FILE for the token endpoint only. libcurl has to be told for the API.
    if (const char *ca_file = std::getenv("TANGO_CA_FILE"))
        curl_easy_setopt(curl.get(), CURLOPT_CAINFO, ca_file);
    if (const CURLcode code = curl_easy_perform(curl.get()); code != CURLE_OK)
        throw std::runtime_error(url + ": " + curl_easy_strerror(code));
    long http_status = 0;
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &http_status);
    response.head.http_status = static_cast<int>(http_status);
    return response;
}

} // namespace http

#endif
