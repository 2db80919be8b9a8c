// An event loop on libcurl's multi interface: transfers, one descriptor to read, and work that other threads post.
#ifndef RECIPE_EVENT_LOOP_HPP
#define RECIPE_EVENT_LOOP_HPP

#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <curl/curl.h>

#include <tango_token.hpp>

/// One GET request. Follows no redirect, because a token and its proof are for one URL.
class transfer {
public:
    tango::response head;
    std::string body;
    std::function<void(CURLcode)> done;

    transfer(const std::string &url, const std::vector<std::string> &headers, const char *ca_file)
        : easy_(curl_easy_init(), curl_easy_cleanup), headers_(nullptr, curl_slist_free_all)
    {
        if (easy_ == nullptr)
            throw std::runtime_error("libcurl does not start");
        for (const std::string &header : headers) {
            curl_slist *const longer = curl_slist_append(headers_.get(), header.c_str());
            if (longer == nullptr)
                throw std::bad_alloc();
            static_cast<void>(headers_.release());
            headers_.reset(longer);
        }
        curl_easy_setopt(easy(), CURLOPT_URL, url.c_str());
        curl_easy_setopt(easy(), CURLOPT_HTTPHEADER, headers_.get());
        curl_easy_setopt(easy(), CURLOPT_TIMEOUT_MS, 30000L);
        curl_easy_setopt(easy(), CURLOPT_WRITEFUNCTION, take_body);
        curl_easy_setopt(easy(), CURLOPT_WRITEDATA, this);
        curl_easy_setopt(easy(), CURLOPT_HEADERFUNCTION, take_header);
        curl_easy_setopt(easy(), CURLOPT_HEADERDATA, this);
        if (ca_file != nullptr)
            curl_easy_setopt(easy(), CURLOPT_CAINFO, ca_file);
    }

    CURL *easy() const noexcept { return easy_.get(); }

    void finish(CURLcode code)
    {
        long http_status = 0;
        curl_easy_getinfo(easy(), CURLINFO_RESPONSE_CODE, &http_status);
        head.http_status = static_cast<int>(http_status);
        done(code);
    }

private:
    std::unique_ptr<CURL, void (*)(CURL *)> easy_;
    std::unique_ptr<curl_slist, void (*)(curl_slist *)> headers_;

    // No exception may reach libcurl, which is C, so running out of memory ends the program.
    static std::size_t take_body(char *bytes, std::size_t size, std::size_t count, void *self) noexcept
    {
        static_cast<transfer *>(self)->body.append(bytes, size * count);
        return size * count;
    }

    static std::size_t take_header(char *bytes, std::size_t size, std::size_t count, void *self) noexcept
    {
        const std::string_view line(bytes, size * count);
        tango::response &head = static_cast<transfer *>(self)->head;
        // A response of a proxy, or an informational one (1xx), can come before the final response.
        if (line.substr(0, 5) == "HTTP/")
            head = {};
        const std::size_t colon = line.find(':');
        const std::size_t begin = line.find_first_not_of(" \t", colon == line.npos ? colon : colon + 1);
        const std::size_t end = line.find_last_not_of("\r\n \t");
        if (colon != line.npos && begin <= end)
            head.add_header(line.substr(0, colon), line.substr(begin, end - begin + 1));
        return size * count;
    }
};

/// Everything happens on the thread that calls `run`, except for `post`.
class event_loop {
public:
    event_loop() : multi_(curl_multi_init(), curl_multi_cleanup)
    {
        if (multi_ == nullptr)
            throw std::runtime_error("libcurl does not start");
    }

    /// Runs work on the loop's thread. May be called from any thread: it wakes the loop.
    void post(std::function<void()> work)
    {
        {
            const std::lock_guard lock(mutex_);
            posted_.push_back(std::move(work));
        }
        curl_multi_wakeup(multi_.get());
    }

    void start(std::unique_ptr<transfer> one)
    {
        if (const CURLMcode code = curl_multi_add_handle(multi_.get(), one->easy()); code != CURLM_OK)
            throw std::runtime_error(curl_multi_strerror(code));
        transfers_.emplace(one->easy(), std::move(one));
    }

    /// Calls `readable` while the descriptor has something to read, until it returns false.
    void read_from(int descriptor, std::function<bool()> readable)
    {
        descriptor_ = descriptor;
        readable_ = std::move(readable);
    }

    /// Returns when `is_done` says so, which is asked after all that happened.
    void run(const std::function<bool()> &is_done)
    {
        while (!is_done()) {
            int running = 0;
            check(curl_multi_perform(multi_.get(), &running));
            finish_transfers();
            run_posted();
            if (!is_done())
                wait();
        }
    }

private:
    std::unique_ptr<CURLM, CURLMcode (*)(CURLM *)> multi_;
    std::unordered_map<CURL *, std::unique_ptr<transfer>> transfers_;
    int descriptor_ = -1;
    std::function<bool()> readable_;
    std::mutex mutex_;
    std::vector<std::function<void()>> posted_;

    static void check(CURLMcode code)
    {
        if (code != CURLM_OK)
            throw std::runtime_error(curl_multi_strerror(code));
    }

    void finish_transfers()
    {
        int left = 0;
        while (const CURLMsg *message = curl_multi_info_read(multi_.get(), &left)) {
            const CURLcode code = message->data.result;
            const auto found = transfers_.find(message->easy_handle);
            const std::unique_ptr<transfer> one = std::move(found->second);
            transfers_.erase(found);
            check(curl_multi_remove_handle(multi_.get(), one->easy()));
            one->finish(code);
        }
    }

    void run_posted()
    {
        std::vector<std::function<void()>> work;
        {
            const std::lock_guard lock(mutex_);
            work.swap(posted_);
        }
        for (const auto &one : work)
            one();
    }

    void wait()
    {
        curl_waitfd input{};
        input.fd = descriptor_;
        input.events = CURL_WAIT_POLLIN;
        const unsigned count = descriptor_ < 0 ? 0 : 1;
        check(curl_multi_poll(multi_.get(), &input, count, 60000, nullptr));
        if (count == 1 && input.revents != 0 && !readable_())
            descriptor_ = -1;
    }
};

#endif
