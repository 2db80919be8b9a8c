/*
 * tango-token for C++17 and later: the objects of tango_token.h as classes that free themselves. The first page of that
 * header is the contract.
 *
 *     tango::client client(tango::config().load_env());   // one for each set of credentials, shared by all threads
 *     tango::token token = client.acquire();              // fetched once for all callers, refreshed before it expires
 *     std::string header = "Authorization: Bearer " + std::string(token.value());
 *
 * What C++ adds to the contract:
 *
 * Objects   own one handle of the C interface. They can be moved but not copied; clone() makes another handle where C
 *           can. An object without a handle (default-constructed, moved from, released) corresponds to NULL in C: its
 *           getters return empty values, and calls with it fail with TANGO_STATUS_INVALID_ARGUMENT.
 * Strings   passed in are copied, and the copies are wiped. A string that contains a NUL is
 *           TANGO_STATUS_INVALID_ARGUMENT, because C would read only a part of it. Strings handed out are borrowed:
 *           they are valid as long as their object, and data() is NUL-terminated. A temporary object hands out none,
 *           because it would be destroyed before the string is read.
 * Errors    f() throws a tango::error; try_f() returns a tango::result, which holds the value or the error. Without
 *           exceptions (-fno-exceptions) only try_f() exists. A function that is `noexcept` cannot fail. Running out of
 *           memory is std::bad_alloc in both forms.
 * Threads   Any number of threads may call `const` functions of one object at once. All other functions (move,
 *           assignment, release()) change the object itself and need exclusive access to it.
 * Callbacks may throw only where their description says so. An exception that leaves any other callback ends the
 *           program (std::terminate), because it must not reach C.
 * Modes     One program can link translation units with and without exceptions, and with different versions of this
 *           header. Their objects have different types: pass native() handles between them.
 */

#ifndef TANGO_TOKEN_HPP
#define TANGO_TOKEN_HPP

#include "tango_token.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <future>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#if __has_include(<version>)
#include <version>
#endif
#ifdef __cpp_lib_jthread
#include <stop_token>
#endif

// Lets clang warn of a borrowed string that outlives its object.
#if defined(__clang__)
#define TANGO_TOKEN_BORROWED [[clang::lifetimebound]]
#else
#define TANGO_TOKEN_BORROWED
#endif

namespace tango {

// The linker must not confuse functions of two modes or versions.
#ifdef __cpp_exceptions
inline namespace v0_1_with_exceptions {
#else
inline namespace v0_1_without_exceptions {
#endif

namespace detail {

/// Converts a number of C to a duration of at most a century, so that adding it to any clock's now() cannot overflow.
template <class Unit, class Number>
Unit time_of(Number count) noexcept
{
    constexpr Unit most = std::chrono::hours(24 * 365 * 100);
    return count < static_cast<Number>(most.count()) ? Unit(static_cast<typename Unit::rep>(count)) : most;
}

} // namespace detail

/// The reason why a call failed, and what to do about it: a copy of every field of a `tango_error`. Copying it cannot
/// fail.
///
/// Its type is always exported, because a program has to catch what one of its shared libraries throws.
class [[gnu::visibility("default")]] error : public std::runtime_error {
public:
    /// Makes an error without a call of the C interface.
    error(tango_status status, const std::string &message)
        : std::runtime_error(message), fields_(std::make_shared<const fields>(status))
    {
    }

    /// Copies an error of the C interface and frees it. NULL gives TANGO_STATUS_OK and an empty message.
    explicit error(tango_error *taken) : error(std::unique_ptr<tango_error, freeing>(taken)) {}

    error(const error &) noexcept = default;
    error &operator=(const error &) noexcept = default;

    /// Returns the cause. `what()` returns the message: what happened and what to do, in one or two sentences.
    tango_status status() const noexcept { return fields_->status; }

    /// Returns the HTTP status of the server's response, if one arrived.
    std::optional<int> http_status() const noexcept { return fields_->http_status; }

    /// Returns the OAuth error code (RFC 6749 section 5.2), such as `invalid_grant`, or a gateway's in its place.
    const std::optional<std::string> &oauth_error() const & noexcept TANGO_TOKEN_BORROWED
    {
        return fields_->oauth_error;
    }
    const std::optional<std::string> &oauth_error() const && = delete;

    /// Returns the OAuth `error_description` (RFC 6749 section 5.2).
    const std::optional<std::string> &oauth_error_description() const & noexcept TANGO_TOKEN_BORROWED
    {
        return fields_->oauth_error_description;
    }
    const std::optional<std::string> &oauth_error_description() const && = delete;

    /// Returns Tango's `i18nKey`, a stable name for the failure.
    const std::optional<std::string> &i18n_key() const & noexcept TANGO_TOKEN_BORROWED { return fields_->i18n_key; }
    const std::optional<std::string> &i18n_key() const && = delete;

    /// Returns the server's own explanation: Tango's `message`, or the plain text of the response.
    const std::optional<std::string> &server_message() const & noexcept TANGO_TOKEN_BORROWED
    {
        return fields_->server_message;
    }
    const std::optional<std::string> &server_message() const && = delete;

    /// Returns the ID by which Tango's support finds the request (`X-REQUEST-ID`).
    const std::optional<std::string> &request_id() const & noexcept TANGO_TOKEN_BORROWED { return fields_->request_id; }
    const std::optional<std::string> &request_id() const && = delete;

    /// Returns the time until another call makes sense; nothing if waiting does not help.
    std::optional<std::chrono::seconds> retry_after() const noexcept { return fields_->retry_after; }

private:
    struct freeing {
        void operator()(tango_error *error) const noexcept { tango_error_free(error); }
    };

    struct fields {
        explicit fields(tango_status cause) : status(cause) {}
        explicit fields(const tango_error *from)
            : status(tango_error_status(from)), oauth_error(copied(tango_error_oauth_error(from))),
              oauth_error_description(copied(tango_error_oauth_error_description(from))),
              i18n_key(copied(tango_error_i18n_key(from))), server_message(copied(tango_error_server_message(from))),
              request_id(copied(tango_error_request_id(from)))
        {
            if (const int http = tango_error_http_status(from); http != 0)
                http_status = http;
            if (const std::int64_t seconds = tango_error_retry_after_seconds(from); seconds >= 0)
                retry_after = detail::time_of<std::chrono::seconds>(seconds);
        }

        static std::optional<std::string> copied(const char *field)
        {
            return field == nullptr ? std::nullopt : std::make_optional<std::string>(field);
        }

        tango_status status;
        std::optional<int> http_status;
        std::optional<std::string> oauth_error, oauth_error_description, i18n_key, server_message, request_id;
        std::optional<std::chrono::seconds> retry_after;
    };

    explicit error(std::unique_ptr<tango_error, freeing> taken)
        : std::runtime_error(taken ? tango_error_message(taken.get()) : ""),
          fields_(std::make_shared<const fields>(taken.get()))
    {
    }

    // Shared, so that copying a thrown error allocates nothing.
    std::shared_ptr<const fields> fields_;
};

namespace detail {

[[noreturn]] inline void fail([[maybe_unused]] const error &failure)
{
#ifdef __cpp_exceptions
    throw failure;
#else
    std::terminate();
#endif
}

} // namespace detail

/// The value of a call or its error, like C++23's `std::expected`.
template <class T>
class [[nodiscard]] result {
public:
    result(T value) noexcept : outcome_(std::in_place_index<0>, std::move(value)) {}
    result(tango::error failure) noexcept : outcome_(std::in_place_index<1>, failure) {}

    bool has_value() const noexcept { return outcome_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }

    /// Returns the value. If the call failed, throws the error; without exceptions, ends the program.
    T &value() & { return held_by(*this); }
    const T &value() const & { return held_by(*this); }
    T value() && { return std::move(held_by(*this)); }

    /// Returns the value without throwing: if the call failed, ends the program (std::terminate). Check first.
    T &operator*() & noexcept { return value(); }
    const T &operator*() const & noexcept { return value(); }
    T operator*() && noexcept { return std::move(*this).value(); }
    T *operator->() & noexcept { return &value(); }
    const T *operator->() const & noexcept { return &value(); }
    const T *operator->() const && = delete;

    /// Returns the error. Ends the program if the call succeeded.
    const tango::error &error() const & noexcept { return std::get<1>(outcome_); }
    tango::error error() && noexcept { return std::get<1>(outcome_); }

private:
    template <class Result>
    static auto &held_by(Result &from)
    {
        if (auto *held = std::get_if<0>(&from.outcome_))
            return *held;
        detail::fail(from.error());
    }

    std::variant<T, tango::error> outcome_;
};

/// The outcome of a call that returns no value.
template <>
class [[nodiscard]] result<void> {
public:
    result() noexcept = default;
    result(tango::error failure) noexcept : failure_(failure) {}
    result(std::optional<tango::error> failure) noexcept : failure_(std::move(failure)) {}

    bool has_value() const noexcept { return !failure_; }
    explicit operator bool() const noexcept { return has_value(); }

    /// Throws the error if the call failed; without exceptions, ends the program.
    void value() const
    {
        if (failure_)
            detail::fail(*failure_);
    }

    /// Returns the error. Ends the program if the call succeeded.
    const tango::error &error() const & noexcept { return failure_.value(); }
    tango::error error() && noexcept { return failure_.value(); }

private:
    std::optional<tango::error> failure_;
};

namespace detail {

/// The base of all objects: a handle that is freed once.
template <class Native, void (*Free)(Native *)>
class handle {
public:
    using native_type = Native;

    handle() noexcept = default;

    /// Takes ownership of a handle of the C interface.
    explicit handle(Native *taken) noexcept : native_(taken) {}

    explicit operator bool() const noexcept { return native_ != nullptr; }

    /// Returns the handle, borrowed, for calls of the C interface.
    Native *native() const noexcept TANGO_TOKEN_BORROWED { return native_.get(); }

    /// Gives up ownership of the handle, which the caller then frees.
    [[nodiscard]] Native *release() noexcept { return native_.release(); }

private:
    struct freeing {
        void operator()(Native *native) const noexcept { Free(native); }
    };

    std::unique_ptr<Native, freeing> native_;
};

/// A string argument for C: NUL-terminated, or NULL for none. The copy is wiped, because it may be a secret.
class string {
public:
    string(const char *name, std::optional<std::string_view> given)
        : name_(name), is_given_(given.has_value()), copy_(given.value_or(std::string_view()))
    {
    }

    string(const string &) = delete;
    string &operator=(const string &) = delete;

    ~string()
    {
        volatile char *wiped = copy_.data();
        for (std::size_t i = 0; i < copy_.size(); i++)
            wiped[i] = 0;
    }

    const char *c_str() const noexcept { return is_given_ ? copy_.c_str() : nullptr; }

    /// Returns the argument's name if it contains a NUL, so that C would read only a part of it; else NULL.
    const char *name_if_cut() const noexcept { return copy_.find('\0') == std::string::npos ? nullptr : name_; }

private:
    const char *name_;
    bool is_given_;
    std::string copy_;
};

inline const char *as_c(const string &argument) noexcept
{
    return argument.c_str();
}

template <class Argument>
const Argument &as_c(const Argument &argument) noexcept
{
    return argument;
}

inline const char *name_if_cut(const string &argument) noexcept
{
    return argument.name_if_cut();
}

template <class Argument>
const char *name_if_cut(const Argument &) noexcept
{
    return nullptr;
}

/// Returns the error of a call that must not be made because C would read only a part of an argument.
template <class... Arguments>
std::optional<error> refusal_of(const Arguments &...arguments)
{
    const char *cut = nullptr;
    ((cut = cut == nullptr ? name_if_cut(arguments) : cut), ...);
    if (cut == nullptr)
        return std::nullopt;
    return error(TANGO_STATUS_INVALID_ARGUMENT, std::string(cut) + " contains a NUL, which would end the string");
}

/// Calls a function of the C interface with these arguments and a place for its error.
template <class Function, class... Arguments>
std::optional<error> failure_of(Function function, const Arguments &...arguments)
{
    if (std::optional<error> refusal = refusal_of(arguments...))
        return refusal;
    tango_error *failure = nullptr;
    if (function(as_c(arguments)..., &failure) == TANGO_STATUS_OK)
        return std::nullopt;
    return error(failure);
}

/// Calls a function of the C interface that makes an object, with a place for it and one for the error.
template <class Object, class Function, class... Arguments>
result<Object> made(Function function, const Arguments &...arguments)
{
    typename Object::native_type *native = nullptr;
    if (std::optional<error> failure = failure_of(function, arguments..., &native))
        return *failure;
    return Object(native);
}

/// Calls a callback of the program on behalf of C, which no exception may reach. What an exception says becomes the reason
/// in the error of the call.
template <class Work>
std::int32_t status_of(Work work) noexcept
{
#ifdef __cpp_exceptions
    try {
        return work();
    } catch (const std::exception &exception) {
        tango_callback_fail(exception.what());
        return -1;
    } catch (...) {
        tango_callback_fail("it threw something that is not a std::exception");
        return -1;
    }
#else
    return work();
#endif
}

/// Copies bytes into a buffer of C of size `*length`. If it is too small, only the length is written, which C rejects.
template <class Bytes>
std::int32_t give(const Bytes &bytes, std::uint8_t *into, std::size_t *length) noexcept
{
    if (!bytes.empty() && bytes.size() <= *length)
        std::memcpy(into, bytes.data(), bytes.size());
    *length = bytes.size();
    return 0;
}

/// Converts a string of C to a view; NULL becomes an empty view whose data() is NULL.
inline std::string_view view(const char *borrowed) noexcept
{
    return borrowed == nullptr ? std::string_view() : std::string_view(borrowed);
}

/// Returns whether a callable is empty: a NULL function pointer or an empty std::function.
template <class Function>
bool is_empty(const Function &function) noexcept
{
    if constexpr (std::is_pointer_v<Function>)
        return function == nullptr;
    else
        return false;
}

template <class Signature>
bool is_empty(const std::function<Signature> &function) noexcept
{
    return function == nullptr;
}

/// Deletes the `user_data` that C carried for a callback.
template <class Data>
void end(void *user_data) noexcept
{
    delete static_cast<Data *>(user_data);
}

} // namespace detail

/// Signs a message with a private key that this process does not hold. Returns `R || S` or DER for ECDSA, otherwise the
/// format of RFC 7518; returns nothing, or throws, on failure. Called on any thread, several at once.
using signer = std::function<std::optional<std::vector<std::uint8_t>>(std::string_view message)>;

/// A key pair for DPoP proofs (RFC 9449). A private key in this process is wiped from memory with its last handle.
class dpop_key : public detail::handle<tango_dpop_key, tango_dpop_key_free> {
public:
    using handle::handle;

    /// Generates a key.
    static result<dpop_key> try_generate(tango_algorithm algorithm)
    {
        return detail::made<dpop_key>(tango_dpop_key_generate, algorithm);
    }

    /// Reads an unencrypted private key in PEM: PKCS#8, SEC1 or PKCS#1. The default algorithm is the one that fits the
    /// key.
    static result<dpop_key> try_from_pem(std::string_view pem, std::optional<tango_algorithm> algorithm = std::nullopt)
    {
        const std::int32_t number = algorithm ? *algorithm : 0;
        return detail::made<dpop_key>(tango_dpop_key_from_pem, detail::string("pem", pem), number);
    }

    /// Reads a private key as a JWK (RFC 7517).
    static result<dpop_key> try_from_jwk(std::string_view jwk)
    {
        return detail::made<dpop_key>(tango_dpop_key_from_jwk, detail::string("jwk", jwk));
    }

    /// Reads a private key from a file, in PEM or as a JWK.
    static result<dpop_key> try_from_file(std::string_view path)
    {
        return detail::made<dpop_key>(tango_dpop_key_from_file, detail::string("path", path));
    }

    /// Makes a key whose private part stays in an HSM, a TPM or a key service. `sign` is called once here, to check its
    /// signature, and then once for each proof. It is destroyed with the last handle.
    static result<dpop_key> try_from_signer(tango_algorithm algorithm, std::string_view public_jwk, signer sign)
    {
        const detail::string jwk("public_jwk", public_jwk);
        // Checked before the signer is allocated, which C then owns.
        if (std::optional<error> refusal = detail::refusal_of(jwk))
            return *refusal;
        return detail::made<dpop_key>(tango_dpop_key_from_signer, algorithm, jwk, &sign_for_c, &detail::end<signer>,
                                      new signer(std::move(sign)));
    }

#ifdef __cpp_exceptions
    static dpop_key generate(tango_algorithm algorithm) { return try_generate(algorithm).value(); }
    static dpop_key from_pem(std::string_view pem, std::optional<tango_algorithm> algorithm = std::nullopt)
    {
        return try_from_pem(pem, algorithm).value();
    }
    static dpop_key from_jwk(std::string_view jwk) { return try_from_jwk(jwk).value(); }
    static dpop_key from_file(std::string_view path) { return try_from_file(path).value(); }
    static dpop_key from_signer(tango_algorithm algorithm, std::string_view public_jwk, signer sign)
    {
        return try_from_signer(algorithm, public_jwk, std::move(sign)).value();
    }
    std::string_view to_pem() const & TANGO_TOKEN_BORROWED { return try_to_pem().value(); }
    std::string_view to_pem() const && = delete;
#endif

    /// Returns another handle of the same key.
    [[nodiscard]] dpop_key clone() const noexcept { return dpop_key(tango_dpop_key_clone(native())); }

    /// Returns the algorithm of the key's signatures; 0 without a handle.
    tango_algorithm algorithm() const noexcept
    {
        return static_cast<tango_algorithm>(tango_dpop_key_algorithm(native()));
    }

    /// Returns the public key as a JWK with its required members only.
    std::string_view public_jwk() const & noexcept TANGO_TOKEN_BORROWED
    {
        return detail::view(tango_dpop_key_public_jwk(native()));
    }
    std::string_view public_jwk() const && = delete;

    /// Returns the JWK thumbprint (RFC 7638), which is the `jkt` that tokens are bound to.
    std::string_view thumbprint() const & noexcept TANGO_TOKEN_BORROWED
    {
        return detail::view(tango_dpop_key_thumbprint(native()));
    }
    std::string_view thumbprint() const && = delete;

    /// Returns the private key as PKCS#8 in PEM: a secret, wiped from memory with the key. KEY_REJECTED for a key made
    /// from a signer.
    result<std::string_view> try_to_pem() const & TANGO_TOKEN_BORROWED
    {
        const char *pem = nullptr;
        if (std::optional<error> failure = detail::failure_of(tango_dpop_key_to_pem, native(), &pem))
            return *failure;
        return detail::view(pem);
    }
    result<std::string_view> try_to_pem() const && = delete;

private:
    static std::int32_t sign_for_c(void *user_data, const std::uint8_t *message, std::size_t message_length,
                                   std::uint8_t *signature, std::size_t *signature_length) noexcept
    {
        return detail::status_of([=]() -> std::int32_t {
            const std::string_view bytes(reinterpret_cast<const char *>(message), message_length);
            const signer &sign = *static_cast<const signer *>(user_data);
            const auto made = sign ? sign(bytes) : std::nullopt;
            return made ? detail::give(*made, signature, signature_length) : 1;
        });
    }
};

/// A DPoP proof (RFC 9449 section 4): a JWT that is valid for one request.
class dpop_proof : public detail::handle<tango_dpop_proof, tango_dpop_proof_free> {
public:
    using handle::handle;

    /// Makes a proof for one request with this HTTP method, exactly as it is sent, to this URL. `access_token` is the
    /// token that the request presents, or nothing for a token request; `nonce` is the last `DPoP-Nonce` of this
    /// server.
    static result<dpop_proof> try_make(const dpop_key &key, std::string_view method, std::string_view url,
                                       std::optional<std::string_view> access_token = std::nullopt,
                                       std::optional<std::string_view> nonce = std::nullopt)
    {
        return detail::made<dpop_proof>(tango_dpop_proof_new, key.native(), detail::string("method", method),
                                        detail::string("url", url), detail::string("access_token", access_token),
                                        detail::string("nonce", nonce));
    }

    dpop_proof() noexcept = default;

#ifdef __cpp_exceptions
    dpop_proof(const dpop_key &key, std::string_view method, std::string_view url,
               std::optional<std::string_view> access_token = std::nullopt,
               std::optional<std::string_view> nonce = std::nullopt)
        : dpop_proof(try_make(key, method, url, access_token, nonce).value())
    {
    }
#endif

    /// Returns the value of the `DPoP` header.
    std::string_view value() const & noexcept TANGO_TOKEN_BORROWED
    {
        return detail::view(tango_dpop_proof_value(native()));
    }
    std::string_view value() const && = delete;
};

/// An access token of a service account (RFC 6749 section 1.4). It stays readable as long as the object exists, also
/// after the token has expired.
class token : public detail::handle<tango_token, tango_token_free> {
public:
    using handle::handle;

    /// Returns another handle of the same token.
    [[nodiscard]] token clone() const noexcept { return token(tango_token_clone(native())); }

    /// Returns the access token, which follows the type in an `Authorization` header: a secret.
    std::string_view value() const & noexcept TANGO_TOKEN_BORROWED { return detail::view(tango_token_value(native())); }
    std::string_view value() const && = delete;

    /// Returns the scheme of the `Authorization` header: `Bearer`, or `DPoP` for a token that needs a proof with each
    /// request.
    std::string_view type() const & noexcept TANGO_TOKEN_BORROWED { return detail::view(tango_token_type(native())); }
    std::string_view type() const && = delete;

    /// Returns the scope that the server granted.
    std::string_view scope() const & noexcept TANGO_TOKEN_BORROWED { return detail::view(tango_token_scope(native())); }
    std::string_view scope() const && = delete;

    /// Returns the time until the token expires, from now; zero once it has expired.
    std::chrono::seconds expires_in() const noexcept
    {
        return detail::time_of<std::chrono::seconds>(tango_token_expires_in_seconds(native()));
    }

    /// Returns the key that the token is bound to; an object without a handle for a Bearer token.
    tango::dpop_key dpop_key() const noexcept { return tango::dpop_key(tango_token_dpop_key(native())); }
};

/// The headers of one request to the API. Pass it to `observe` with the response.
class authorization : public detail::handle<tango_authorization, tango_authorization_free> {
public:
    using handle::handle;

    /// Returns the value of the `Authorization` header: a secret.
    std::string_view value() const & noexcept TANGO_TOKEN_BORROWED
    {
        return detail::view(tango_authorization_value(native()));
    }
    std::string_view value() const && = delete;

    /// Returns the value of the `DPoP` header; nothing for a Bearer token.
    std::optional<std::string_view> dpop() const & noexcept TANGO_TOKEN_BORROWED
    {
        const char *proof = tango_authorization_dpop(native());
        return proof == nullptr ? std::nullopt : std::make_optional<std::string_view>(proof);
    }
    std::optional<std::string_view> dpop() const && = delete;
};

/// The parts of an API's response that `observe` learns from.
struct response {
    int http_status = 0;
    std::optional<std::string> dpop_nonce, www_authenticate, date;

    /// Keeps a header if it is one of the three above and ignores all others. Names are compared without case.
    void add_header(std::string_view name, std::string_view value)
    {
        if (is(name, "dpop-nonce"))
            dpop_nonce = value;
        else if (is(name, "date"))
            date = value;
        else if (is(name, "www-authenticate"))
            www_authenticate = www_authenticate ? *www_authenticate + ", " + std::string(value) : std::string(value);
    }

private:
    static bool is(std::string_view name, std::string_view lower_case) noexcept
    {
        const auto lower = [](char letter) { return letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter; };
        return std::equal(name.begin(), name.end(), lower_case.begin(), lower_case.end(),
                          [&](char one, char other) { return lower(one) == other; });
    }
};

/// An asynchronous acquire in flight. Destroying the object does not cancel it.
class request : public detail::handle<tango_request, tango_request_free> {
public:
    using handle::handle;

    /// Cancels the acquire: it completes with TANGO_STATUS_CANCELLED, unless it has completed before or another outcome
    /// is already on its way. Other callers that wait for the same token are not affected. May be called from any
    /// thread, any number of times.
    void cancel() const noexcept { tango_request_cancel(native()); }
};

/// A custom shared cache: the program derives a class that stores values and takes locks.
///
/// The library calls its functions on its own threads, several at once, and waits for each call for at most five
/// seconds. Names consist of letters, digits, `.` and `-`. Values are bytes, sealed or without a secret, and have at
/// most 128 KiB. Each function returns 0, or any other number on failure, which the error message names; an exception
/// counts as -1.
class shared_cache {
public:
    shared_cache() = default;
    shared_cache(const shared_cache &) = delete;
    shared_cache &operator=(const shared_cache &) = delete;
    virtual ~shared_cache() = default;

    /// Reads the value stored under `name` into `value`, which stays empty if nothing is stored.
    virtual std::int32_t load(std::string_view name, std::string &value) = 0;

    /// Stores a value under `name`, atomically replacing an earlier one; without a value, removes it. The value has to
    /// be kept for `keep` and may be dropped after that.
    virtual std::int32_t save(std::string_view name, std::optional<std::string_view> value,
                              std::chrono::milliseconds keep) = 0;

    /// Takes the lock called `name` for `owner`, or extends it if `owner` holds it. Returns 1 at once if another owner
    /// holds it. The lock has to expire `lease` later by itself, because the process of its owner may have died.
    virtual std::int32_t lock(std::string_view name, std::string_view owner, std::chrono::milliseconds lease) = 0;

    /// Releases the lock called `name` if `owner` holds it. Returns 0, also if `owner` does not hold it.
    virtual std::int32_t unlock(std::string_view name, std::string_view owner) = 0;
};

/// The configuration that clients are made from. For one thread at a time.
///
/// Setters only store their argument, and can be chained. Making a client reports the first invalid argument of a
/// setter, or everything that is missing or wrong in the whole.
class config : public detail::handle<tango_config, tango_config_free> {
public:
    /// Makes an empty configuration.
    config() noexcept : handle(tango_config_new()) {}

    /// Reads the options that the program does not set from the `TANGO_*` environment variables. What a setter sets
    /// wins, whether it is called before or after this function. Another call forgets what the last one read.
    config &load_env() & { return keep(tango_config_load_env); }

    // Each setter exists twice, for named and for temporary objects, so that a whole chain can be stored:
    // `auto config = tango::config()...`.
    [[nodiscard]] config load_env() && { return std::move(load_env()); }

    // Begin of the options: made from src/config/options.toml by scripts/interface, do not edit.
    /// Tango's environment. Required unless `token_url` is set.
    ///
    /// Variable: `TANGO_ENVIRONMENT`.
    config &set_environment(tango_environment environment) & { return keep(tango_config_set_environment, environment); }
    [[nodiscard]] config set_environment(tango_environment environment) &&
    {
        return std::move(set_environment(environment));
    }

    /// The token endpoint (RFC 6749 section 3.2) as an absolute URL. HTTPS, except for loopback hosts.
    ///
    /// Default: that of the environment. Variable: `TANGO_TOKEN_URL`.
    config &set_token_url(std::string_view token_url) &
    {
        return keep(tango_config_set_token_url, detail::string("token_url", token_url));
    }
    [[nodiscard]] config set_token_url(std::string_view token_url) && { return std::move(set_token_url(token_url)); }

    /// The client ID, from the Tango portal under OAuth client credentials. Required.
    ///
    /// Variable: `TANGO_CLIENT_ID`.
    config &set_client_id(std::string_view client_id) &
    {
        return keep(tango_config_set_client_id, detail::string("client_id", client_id));
    }
    [[nodiscard]] config set_client_id(std::string_view client_id) && { return std::move(set_client_id(client_id)); }

    /// The client secret that belongs to the client ID. Required.
    ///
    /// Variable: `TANGO_CLIENT_SECRET`, or `TANGO_CLIENT_SECRET_FILE` for a file that holds the value.
    config &set_client_secret(std::string_view client_secret) &
    {
        return keep(tango_config_set_client_secret, detail::string("client_secret", client_secret));
    }
    [[nodiscard]] config set_client_secret(std::string_view client_secret) &&
    {
        return std::move(set_client_secret(client_secret));
    }

    /// The user name of the service account, from the Tango portal under OAuth service accounts. Required.
    ///
    /// Variable: `TANGO_USERNAME`.
    config &set_username(std::string_view username) &
    {
        return keep(tango_config_set_username, detail::string("username", username));
    }
    [[nodiscard]] config set_username(std::string_view username) && { return std::move(set_username(username)); }

    /// The password of the service account. Required.
    ///
    /// Variable: `TANGO_PASSWORD`, or `TANGO_PASSWORD_FILE` for a file that holds the value.
    config &set_password(std::string_view password) &
    {
        return keep(tango_config_set_password, detail::string("password", password));
    }
    [[nodiscard]] config set_password(std::string_view password) && { return std::move(set_password(password)); }

    /// The audience: `24h` or `5min` for a token of that lifetime; any other audience is sent exactly as written.
    ///
    /// Default: `24h`. Variable: `TANGO_AUDIENCE`.
    config &set_audience(std::string_view audience) &
    {
        return keep(tango_config_set_audience, detail::string("audience", audience));
    }
    [[nodiscard]] config set_audience(std::string_view audience) && { return std::move(set_audience(audience)); }

    /// The scope to request (RFC 6749 section 3.3).
    ///
    /// Default: `raas.all`. Variable: `TANGO_SCOPE`.
    config &set_scope(std::string_view scope) & { return keep(tango_config_set_scope, detail::string("scope", scope)); }
    [[nodiscard]] config set_scope(std::string_view scope) && { return std::move(set_scope(scope)); }

    /// A PEM file of the certificate authorities to trust for the token endpoint. The HTTP client that calls the API
    /// has a setting of its own.
    ///
    /// Default: the system's certificates. Variable: `TANGO_CA_FILE`.
    config &set_ca_file(std::string_view path) &
    {
        return keep(tango_config_set_ca_file, detail::string("path", path));
    }
    [[nodiscard]] config set_ca_file(std::string_view path) && { return std::move(set_ca_file(path)); }

    /// `system` (`HTTPS_PROXY`, `NO_PROXY` and the like), `none`, or the URL of an HTTP or SOCKS5 proxy, which can
    /// contain a user name and a password.
    ///
    /// Default: `system`. Variable: `TANGO_PROXY`.
    config &set_proxy(std::string_view proxy) & { return keep(tango_config_set_proxy, detail::string("proxy", proxy)); }
    [[nodiscard]] config set_proxy(std::string_view proxy) && { return std::move(set_proxy(proxy)); }

    /// The `User-Agent` header to send, in ASCII.
    ///
    /// Default: `tango-token/VERSION`. Variable: `TANGO_USER_AGENT`.
    config &set_user_agent(std::string_view user_agent) &
    {
        return keep(tango_config_set_user_agent, detail::string("user_agent", user_agent));
    }
    [[nodiscard]] config set_user_agent(std::string_view user_agent) &&
    {
        return std::move(set_user_agent(user_agent));
    }

    /// The time limit for one connection to be established, TLS included. 1 ms to 10 min.
    ///
    /// Default: 5 seconds. Variable: `TANGO_CONNECT_TIMEOUT_MS`.
    template <class Rep, class Period>
    config &set_connect_timeout(std::chrono::duration<Rep, Period> timeout) &
    {
        return keep(tango_config_set_connect_timeout_ms, ms_of(timeout));
    }
    template <class Rep, class Period>
    [[nodiscard]] config set_connect_timeout(std::chrono::duration<Rep, Period> timeout) &&
    {
        return std::move(set_connect_timeout(timeout));
    }

    /// The time limit for one request, response included. 1 ms to 10 min.
    ///
    /// Default: 10 seconds. Variable: `TANGO_ATTEMPT_TIMEOUT_MS`.
    template <class Rep, class Period>
    config &set_attempt_timeout(std::chrono::duration<Rep, Period> timeout) &
    {
        return keep(tango_config_set_attempt_timeout_ms, ms_of(timeout));
    }
    template <class Rep, class Period>
    [[nodiscard]] config set_attempt_timeout(std::chrono::duration<Rep, Period> timeout) &&
    {
        return std::move(set_attempt_timeout(timeout));
    }

    /// The time limit for one call, retries included. 1 ms to 10 min.
    ///
    /// Default: 30 seconds. Variable: `TANGO_TOTAL_TIMEOUT_MS`.
    template <class Rep, class Period>
    config &set_total_timeout(std::chrono::duration<Rep, Period> timeout) &
    {
        return keep(tango_config_set_total_timeout_ms, ms_of(timeout));
    }
    template <class Rep, class Period>
    [[nodiscard]] config set_total_timeout(std::chrono::duration<Rep, Period> timeout) &&
    {
        return std::move(set_total_timeout(timeout));
    }

    /// Allows URLs without TLS on hosts that are not loopback. Secrets then cross the network unencrypted.
    ///
    /// Default: no. Variable: `TANGO_ALLOW_PLAIN_HTTP`.
    config &set_allow_plain_http(bool allowed) & { return keep(tango_config_set_allow_plain_http, allowed ? 1 : 0); }
    [[nodiscard]] config set_allow_plain_http(bool allowed) && { return std::move(set_allow_plain_http(allowed)); }

    /// The API that tokens are for, as an absolute URL. Headers are made for its origin only.
    ///
    /// Default: that of the environment. Variable: `TANGO_API_URL`.
    config &set_api_url(std::string_view api_url) &
    {
        return keep(tango_config_set_api_url, detail::string("api_url", api_url));
    }
    [[nodiscard]] config set_api_url(std::string_view api_url) && { return std::move(set_api_url(api_url)); }

    /// Allows another origin, such as `https://api.example`, to receive tokens. Can be called several times. Origins
    /// that are allowed in code replace those of the variable.
    ///
    /// Variable: `TANGO_ALLOWED_ORIGINS`.
    config &allow_origin(std::string_view url) & { return keep(tango_config_allow_origin, detail::string("url", url)); }
    [[nodiscard]] config allow_origin(std::string_view url) && { return std::move(allow_origin(url)); }

    /// Whether tokens are bound to a key (RFC 9449).
    ///
    /// Default: `off`. Variable: `TANGO_DPOP`.
    config &set_dpop(tango_dpop_mode mode) & { return keep(tango_config_set_dpop, mode); }
    [[nodiscard]] config set_dpop(tango_dpop_mode mode) && { return std::move(set_dpop(mode)); }

    /// A file with the key to which tokens are bound, in PEM or as a JWK. `dpop` has to be set as well. A file that
    /// every user of the machine can write to is refused; one that every user can read causes a warning in the log.
    ///
    /// Default: each client generates an ES256 key. Variable: `TANGO_DPOP_KEY_FILE`.
    config &set_dpop_key_file(std::string_view path) &
    {
        return keep(tango_config_set_dpop_key_file, detail::string("path", path));
    }
    [[nodiscard]] config set_dpop_key_file(std::string_view path) && { return std::move(set_dpop_key_file(path)); }

    /// The key to which tokens are bound, instead of `dpop_key_file`. `dpop` has to be set as well.
    ///
    /// Default: each client generates an ES256 key.
    config &set_dpop_key(const dpop_key &key) & { return keep(tango_config_set_dpop_key, key.native()); }
    [[nodiscard]] config set_dpop_key(const dpop_key &key) && { return std::move(set_dpop_key(key)); }

    /// Where the token outlives the process and is shared: `memory` (nowhere), `file` (a directory in the user's cache
    /// directory), `file:/another/directory`, or the URL of a Redis server, `redis://` or
    /// `rediss://[user:password@]host[:port][/db]`. With `?cluster=true` the server is a node of a cluster, and the
    /// URLs of further nodes can follow after spaces; with `?prefix=` keys begin with another string than
    /// `tango-token:`.
    ///
    /// Default: `memory`. Variable: `TANGO_CACHE`.
    config &set_cache(std::string_view cache) & { return keep(tango_config_set_cache, detail::string("cache", cache)); }
    [[nodiscard]] config set_cache(std::string_view cache) && { return std::move(set_cache(cache)); }

    /// A PEM file of the certificate authorities to trust for a `rediss://` cache.
    ///
    /// Default: the system's certificates. Variable: `TANGO_CACHE_CA_FILE`.
    config &set_cache_ca_file(std::string_view path) &
    {
        return keep(tango_config_set_cache_ca_file, detail::string("path", path));
    }
    [[nodiscard]] config set_cache_ca_file(std::string_view path) && { return std::move(set_cache_ca_file(path)); }

    /// Requests a token even if the cache cannot be used, instead of failing with CACHE_UNAVAILABLE. Each process then
    /// requests a token of its own, which the server's daily limit may refuse.
    ///
    /// Default: no. Variable: `TANGO_ALLOW_FETCH_WITHOUT_CACHE`.
    config &set_allow_fetch_without_cache(bool allowed) &
    {
        return keep(tango_config_set_allow_fetch_without_cache, allowed ? 1 : 0);
    }
    [[nodiscard]] config set_allow_fetch_without_cache(bool allowed) &&
    {
        return std::move(set_allow_fetch_without_cache(allowed));
    }

    // End of the options.

    /// Sets a custom shared cache. It is kept until no configuration, client or call uses it.
    config &set_shared_cache(std::shared_ptr<shared_cache> cache) &
    {
        if (cache == nullptr)
            return keep_failure(error(TANGO_STATUS_INVALID_ARGUMENT, "cache is NULL"));
        return keep(tango_config_set_cache_callbacks, &load_for_c, &save_for_c, &lock_for_c, &unlock_for_c,
                    &detail::end<std::shared_ptr<shared_cache>>, new std::shared_ptr<shared_cache>(std::move(cache)));
    }
    [[nodiscard]] config set_shared_cache(std::shared_ptr<shared_cache> cache) &&
    {
        return std::move(set_shared_cache(std::move(cache)));
    }

    /// Returns the first error of a setter, if any. Check it before passing native() to C, which does not know of it.
    const std::optional<error> &failure() const & noexcept TANGO_TOKEN_BORROWED { return failure_; }
    std::optional<error> failure() && noexcept { return failure_; }

private:
    template <class Function, class... Arguments>
    config &keep(Function function, const Arguments &...arguments)
    {
        return keep_failure(detail::failure_of(function, native(), arguments...));
    }

    config &keep_failure(const std::optional<error> &failure)
    {
        if (!failure_)
            failure_ = failure;
        return *this;
    }

    /// Rounds any duration to milliseconds without overflow. A value out of range stays out of range, and making a
    /// client rejects it.
    template <class Rep, class Period>
    static std::uint32_t ms_of(std::chrono::duration<Rep, Period> timeout) noexcept
    {
        constexpr auto most = std::numeric_limits<std::uint32_t>::max();
        const double ms = std::chrono::duration<double, std::milli>(timeout).count() + 0.5;
        return ms >= most ? most : ms >= 0 ? static_cast<std::uint32_t>(ms) : 0;
    }

    static shared_cache &cache_of(void *user_data) { return **static_cast<std::shared_ptr<shared_cache> *>(user_data); }

    static std::int32_t load_for_c(void *user_data, const char *name, std::uint8_t *value, std::size_t *length) noexcept
    {
        return detail::status_of([=] {
            std::string loaded;
            const std::int32_t status = cache_of(user_data).load(name, loaded);
            return status == 0 ? detail::give(loaded, value, length) : status;
        });
    }

    static std::int32_t save_for_c(void *user_data, const char *name, const std::uint8_t *value, std::size_t length,
                                   std::uint64_t keep_ms) noexcept
    {
        return detail::status_of([=] {
            std::optional<std::string_view> bytes;
            if (value != nullptr)
                bytes.emplace(reinterpret_cast<const char *>(value), length);
            return cache_of(user_data).save(name, bytes, detail::time_of<std::chrono::milliseconds>(keep_ms));
        });
    }

    static std::int32_t lock_for_c(void *user_data, const char *name, const char *owner,
                                   std::uint64_t lease_ms) noexcept
    {
        return detail::status_of([=] {
            return cache_of(user_data).lock(name, owner, detail::time_of<std::chrono::milliseconds>(lease_ms));
        });
    }

    static std::int32_t unlock_for_c(void *user_data, const char *name, const char *owner) noexcept
    {
        return detail::status_of([=] { return cache_of(user_data).unlock(name, owner); });
    }

    std::optional<error> failure_;
};

/// A string that may be absent, borrowed until the call that uses it. A temporary std::string does not compile, because
/// it would be destroyed before that call. NULL means absent.
class optional_string {
public:
    optional_string() noexcept = default;
    optional_string(std::optional<std::string_view> given) noexcept : given_(given) {}
    optional_string(std::string_view given) noexcept : given_(given) {}
    optional_string(const std::string &given TANGO_TOKEN_BORROWED) noexcept : given_(given) {}
    optional_string(const std::string &&) = delete;
    optional_string(const char *given) noexcept
    {
        if (given != nullptr)
            given_ = given;
    }

    operator std::optional<std::string_view>() const noexcept { return given_; }

private:
    std::optional<std::string_view> given_;
};

/// The metrics of a client at one moment: what the client has done in this process, and what it holds. docs/metrics.md
/// lists them.
class stats : public detail::handle<tango_stats, tango_stats_free> {
public:
    using handle::handle;

    /// The measurements of a histogram up to a bound, those of the buckets before it included.
    struct bucket {
        double upper_bound; // infinity in the last bucket
        std::uint64_t measurements;
    };

    /// One value of a metric. The strings are borrowed from the `stats`.
    struct sample {
        std::string_view name;            // for OpenTelemetry: `tango.token.requests`
        std::string_view prometheus_name; // for Prometheus: `tango_token_requests_total`
        tango_metric_kind kind;
        std::string_view unit; // `s`, or what is counted, such as `{request}`
        std::string_view description;
        std::vector<std::pair<std::string_view, std::string_view>> attributes; // such as `outcome` and `issued`
        double value;                                                          // the sum, for a histogram
        std::vector<bucket> buckets;                                           // empty unless it is a histogram
    };

    /// Returns the value of a metric by either of its names, such as `tango.token.requests`: the sum over its
    /// attributes, unless one follows, as in `tango_token_requests_total{outcome="issued"}`; the number of measurements
    /// of a histogram. Nothing if the library has no such metric.
    std::optional<double> value(std::string_view name) const
    {
        if (name.find('\0') != std::string_view::npos)
            return std::nullopt;
        const double value = tango_stats_value(native(), std::string(name).c_str());
        return std::isnan(value) ? std::nullopt : std::make_optional(value);
    }

    /// Returns every value.
    std::vector<sample> samples() const & TANGO_TOKEN_BORROWED
    {
        std::vector<sample> all;
        all.reserve(tango_stats_count(native()));
        for (std::size_t index = 0; index < tango_stats_count(native()); ++index)
            all.push_back(sample_at(index));
        return all;
    }
    std::vector<sample> samples() const && = delete;

private:
    sample sample_at(std::size_t index) const
    {
        sample one{detail::view(tango_stats_name(native(), index)),
                   detail::view(tango_stats_prometheus_name(native(), index)),
                   static_cast<tango_metric_kind>(tango_stats_kind(native(), index)),
                   detail::view(tango_stats_unit(native(), index)),
                   detail::view(tango_stats_description(native(), index)),
                   {},
                   tango_stats_value_at(native(), index),
                   {}};
        for (std::size_t i = 0; tango_stats_attribute_name(native(), index, i) != nullptr; ++i)
            one.attributes.emplace_back(detail::view(tango_stats_attribute_name(native(), index, i)),
                                        detail::view(tango_stats_attribute_value(native(), index, i)));
        for (std::size_t i = 0; i < tango_stats_bucket_count(native(), index); ++i)
            one.buckets.push_back(bucket{tango_stats_bucket_bound(native(), index, i),
                                         tango_stats_bucket_measurements(native(), index, i)});
        return one;
    }
};

/// New credentials: a client ID and secret, a service account, or both. Absent ones stay as they are.
struct credentials {
    optional_string client_id, client_secret, username, password;
};

/// Gets tokens for one set of credentials, and keeps the current one for every caller in the process.
///
/// Make one and share it between threads; a clone is another handle of the same client.
class client : public detail::handle<tango_client, tango_client_free> {
public:
    using handle::handle;

    client() noexcept = default;

    /// Makes a client. Reads the CA and key files; starts no thread and sends nothing. The error names everything that
    /// is missing or wrong.
    static result<client> try_make(const config &from)
    {
        if (from.failure())
            return *from.failure();
        return detail::made<client>(tango_client_new, from.native());
    }

    /// Returns another handle of the same client.
    [[nodiscard]] client clone() const noexcept { return client(tango_client_clone(native())); }

    /// Gets a valid token: the held one at once, otherwise the result of one refresh that all callers share. Waits for
    /// at most the total timeout. WOULD_BLOCK if it would have to wait inside a callback of this library.
    result<token> try_acquire() const { return detail::made<token>(tango_token_acquire, native()); }

    /// Gets the token that the client holds (`tango_token_try_acquire`), or an empty object if it holds none, and
    /// returns at once. Starts a refresh that is due. In C++ `try_acquire` is already the `acquire` that does not
    /// throw.
    result<token> try_acquire_held() const { return detail::made<token>(tango_token_try_acquire, native()); }

    /// Starts to acquire a token and returns at once. `done` takes a `result<token>`. If and only if this succeeds,
    /// `done` is called exactly once, later, on the library's callback thread, and destroyed there: it must not throw,
    /// and delays other callbacks until it returns. This client may be destroyed before that or inside `done`.
    /// Everything that `done` uses has to exist until then, also when `main` returns.
    template <class Done>
    result<request> try_acquire_start(Done done) const
    {
        static_assert(std::is_invocable_v<Done &, result<token>>, "`done` takes a tango::result<tango::token>");
        if (detail::is_empty(done))
            return error(TANGO_STATUS_INVALID_ARGUMENT, "done is NULL");
        auto kept = std::make_unique<Done>(std::move(done));
        return start(kept);
    }

    /// Starts to acquire a token and returns a future, which also reports that the start failed. Do not wait for it
    /// inside a callback of this library: its outcome comes on that very thread. `in_flight` can cancel it.
    [[nodiscard]] std::future<result<token>> try_acquire_async(request &in_flight) const
    {
        return promised<result<token>>(&in_flight);
    }
    [[nodiscard]] std::future<result<token>> try_acquire_async() const { return promised<result<token>>(nullptr); }

    /// Makes the headers for one request to the API: acquires a token if none is held, and signs a proof if the token
    /// is bound to a key. `method` is the HTTP method exactly as it is sent, and `url` the URL that the request goes
    /// to. A URL whose origin is neither the API's nor allowed is INVALID_ARGUMENT, so that no token reaches the wrong
    /// host.
    result<authorization> try_authorize(std::string_view method, std::string_view url) const
    {
        return detail::made<authorization>(tango_client_authorize, native(), detail::string("method", method),
                                           detail::string("url", url));
    }

    /// Makes the headers with the token that the client holds (`tango_client_try_authorize`), or returns an empty object if
    /// it holds none, and waits for no token. A URL that may get no token is refused before anything is sent, so
    /// asynchronous callers try this first, and then start an acquire.
    result<authorization> try_authorize_held(std::string_view method, std::string_view url) const
    {
        return detail::made<authorization>(tango_client_try_authorize, native(), detail::string("method", method),
                                           detail::string("url", url));
    }

    /// Makes the headers for sending the same request once more, after `TANGO_VERDICT_RETRY`.
    result<authorization> try_authorize_again(const authorization &rejected) const
    {
        return detail::made<authorization>(tango_client_authorize_again, native(), rejected.native());
    }

    /// Learns from the API's response, and returns whether to send the request once more. Call it for every response,
    /// also for a successful one, and go on while the verdict is RETRY: that ends, usually after one retry. PROOF_REFUSED and TOKEN_REFUSED mean that sending it again would not help, and say
    /// why.
    result<tango_verdict> try_observe(const authorization &sent, const response &received) const
    {
        std::int32_t verdict = 0;
        if (std::optional<error> failure = detail::failure_of(
                tango_client_observe, native(), sent.native(), received.http_status,
                detail::string("dpop_nonce", received.dpop_nonce),
                detail::string("www_authenticate", received.www_authenticate), detail::string("date", received.date),
                &verdict))
            return *failure;
        return static_cast<tango_verdict>(verdict);
    }

    /// Replaces the credentials. The held token is served until a token for the new credentials arrives; the next
    /// acquire starts to fetch one in the background.
    result<void> try_set_credentials(const credentials &rotated) const
    {
        return detail::failure_of(tango_client_set_credentials, native(),
                                  detail::string("client_id", rotated.client_id),
                                  detail::string("client_secret", rotated.client_secret),
                                  detail::string("username", rotated.username),
                                  detail::string("password", rotated.password));
    }

    /// Marks `rejected` as suspect, because an API rejected it with 401 and `invalid_token`. The next acquire requests
    /// one replacement; while there can be none, the suspect token is served again.
    result<void> try_invalidate(const token &rejected) const
    {
        return detail::failure_of(tango_client_invalidate, native(), rejected.native());
    }

    /// Takes a snapshot of the client's metrics. It sends nothing and waits for nothing.
    result<tango::stats> try_stats() const { return detail::made<tango::stats>(tango_client_stats, native()); }

#ifdef __cpp_exceptions
    explicit client(const config &from) : client(try_make(from).value()) {}
    token acquire() const { return try_acquire().value(); }
    token acquire_held() const { return try_acquire_held().value(); }
    template <class Done>
    request acquire_start(Done done) const
    {
        return try_acquire_start(std::move(done)).value();
    }
    [[nodiscard]] std::future<token> acquire_async(request &in_flight) const { return promised<token>(&in_flight); }
    [[nodiscard]] std::future<token> acquire_async() const { return promised<token>(nullptr); }
    [[nodiscard]] authorization authorize(std::string_view method, std::string_view url) const
    {
        return try_authorize(method, url).value();
    }
    [[nodiscard]] authorization authorize_held(std::string_view method, std::string_view url) const
    {
        return try_authorize_held(method, url).value();
    }
    [[nodiscard]] authorization authorize_again(const authorization &rejected) const
    {
        return try_authorize_again(rejected).value();
    }
    [[nodiscard]] tango_verdict observe(const authorization &sent, const response &received) const
    {
        return try_observe(sent, received).value();
    }
    [[nodiscard]] tango::stats stats() const { return try_stats().value(); }
    void set_credentials(const credentials &rotated) const { try_set_credentials(rotated).value(); }
    void invalidate(const token &rejected) const { try_invalidate(rejected).value(); }
#endif

private:
    /// A `done` that sets a promise: of a result, or of a token, whose future then throws the error.
    template <class Outcome>
    struct promise_keeper {
        std::promise<Outcome> promise;

        void operator()(result<token> outcome)
        {
            if constexpr (std::is_same_v<Outcome, result<token>>)
                promise.set_value(std::move(outcome));
            else if (outcome)
                promise.set_value(*std::move(outcome));
            else
                promise.set_exception(std::make_exception_ptr(outcome.error()));
        }
    };

    template <class Done>
    static void finish(void *user_data, tango_token *acquired, tango_error *failure) noexcept
    {
        const std::unique_ptr<Done> done(static_cast<Done *>(user_data));
        if (failure == nullptr)
            (*done)(result<token>(token(acquired)));
        else
            (*done)(result<token>(error(failure)));
    }

    /// Starts the acquire. If that succeeds, the library owns `done`; else the caller keeps it.
    template <class Done>
    result<request> start(std::unique_ptr<Done> &done) const
    {
        auto started = detail::made<request>(tango_token_acquire_start, native(), &finish<Done>, done.get());
        if (started)
            static_cast<void>(done.release());
        return started;
    }

    template <class Outcome>
    [[nodiscard]] std::future<Outcome> promised(request *in_flight) const
    {
        auto done = std::make_unique<promise_keeper<Outcome>>();
        auto future = done->promise.get_future();
        auto started = start(done);
        if (!started)
            (*done)(started.error());
        // Also written if the start failed, so that an earlier request in it is not cancelled by mistake.
        if (in_flight != nullptr)
            *in_flight = started ? *std::move(started) : request();
        return future;
    }
};

#ifdef __cpp_lib_jthread

/// Acquires a token, and fails with CANCELLED once `stop` is requested. Do not call it inside a callback of this
/// library.
inline result<token> try_acquire(const client &from, std::stop_token stop)
{
    request in_flight;
    auto outcome = from.try_acquire_async(in_flight);
    const std::stop_callback cancel(std::move(stop), [&] { in_flight.cancel(); });
    return outcome.get();
}

#ifdef __cpp_exceptions
inline token acquire(const client &from, std::stop_token stop)
{
    return try_acquire(from, std::move(stop)).value();
}
#endif

#endif

/// Receives one line of the log, borrowed until it returns. Called on the log thread, one line after the other; it must
/// not throw. Lines that the library would log from inside it are dropped.
using log_callback = std::function<void(tango_log_level level, std::string_view message)>;

/// A field of a line of the log: its value as a string, and the type that the value has.
struct log_field {
    std::string_view name;
    std::string_view value;
    tango_log_type type;
};

/// One line of the log with its fields apart. Everything in it is borrowed until the callback returns.
struct log_record {
    tango_log_level level;
    std::chrono::system_clock::time_point time;
    /// The part of the library that logged it, such as `tango_token::endpoint`.
    std::string_view target;
    /// The sentence, without the fields.
    std::string_view message;
    std::vector<log_field> fields;
};

/// Receives one record of the log. The rules of `log_callback` hold.
using log_record_callback = std::function<void(const log_record &record)>;

namespace detail {

/// Functions are kept until the process ends: a call may still be running when another function replaces them.
template <typename Callback>
struct kept_log {
    Callback callback;
    kept_log *earlier;
};

/// Sets a function of C, which gets the kept function as its data, with one of the two functions of the library.
template <typename Callback, typename Set, typename ForC>
result<void> set_kept_log(Set set, tango_log_level max_level, Callback callback, ForC for_c)
{
    static std::atomic<kept_log<Callback> *> newest{nullptr};
    auto made = std::make_unique<kept_log<Callback>>(kept_log<Callback>{std::move(callback), nullptr});
    if (auto failure = failure_of(set, max_level, for_c, made.get()))
        return *failure;
    made->earlier = newest.load();
    while (!newest.compare_exchange_weak(made->earlier, made.get())) {
    }
    static_cast<void>(made.release());
    return {};
}

} // namespace detail

/// Sends the log of the whole process to `callback`, up to a level. An empty function stops it. No line contains a
/// secret.
///
/// Functions are kept until the process ends, because a call may still be running when another one replaces them: set
/// one at the start of the program, not again and again.
inline result<void> try_set_log(tango_log_level max_level, log_callback callback)
{
    if (!callback)
        return detail::failure_of(tango_log_set_callback, max_level, nullptr, nullptr);
    const auto for_c = [](void *user_data, std::int32_t level, const char *message) noexcept {
        static_cast<const detail::kept_log<log_callback> *>(user_data)->callback(static_cast<tango_log_level>(level),
                                                                                 message);
    };
    return detail::set_kept_log(tango_log_set_callback, max_level, std::move(callback), for_c);
}

/// Sends the log to `callback` as records, with the fields of each line apart. Otherwise the same as `try_set_log`,
/// whose function it replaces.
inline result<void> try_set_log_records(tango_log_level max_level, log_record_callback callback)
{
    if (!callback)
        return detail::failure_of(tango_log_set_record_callback, max_level, nullptr, nullptr);
    const auto for_c = [](void *user_data, std::int32_t level, std::int64_t unix_ms, const char *target,
                          const char *message, std::size_t count, const char *const *names, const char *const *values,
                          const std::int32_t *types) noexcept {
        const std::chrono::system_clock::time_point time{std::chrono::milliseconds(unix_ms)};
        log_record record{static_cast<tango_log_level>(level), time, target, message, {}};
        record.fields.reserve(count);
        for (std::size_t i = 0; i < count; i++)
            record.fields.push_back({names[i], values[i], static_cast<tango_log_type>(types[i])});
        static_cast<const detail::kept_log<log_record_callback> *>(user_data)->callback(record);
    };
    return detail::set_kept_log(tango_log_set_record_callback, max_level, std::move(callback), for_c);
}

/// Writes the log of the whole process to stderr, up to a level; `TANGO_LOG_LEVEL_OFF` stops that. Without this call the
/// variables TANGO_LOG and TANGO_LOG_FORMAT decide. Lines that a callback gets are not written.
inline result<void> try_log_to_stderr(tango_log_level max_level, tango_log_format format = TANGO_LOG_FORMAT_TEXT)
{
    return detail::failure_of(tango_log_to_stderr, max_level, format);
}

#ifdef __cpp_exceptions
inline void set_log(tango_log_level max_level, log_callback callback)
{
    try_set_log(max_level, std::move(callback)).value();
}

inline void set_log_records(tango_log_level max_level, log_record_callback callback)
{
    try_set_log_records(max_level, std::move(callback)).value();
}

inline void log_to_stderr(tango_log_level max_level, tango_log_format format = TANGO_LOG_FORMAT_TEXT)
{
    try_log_to_stderr(max_level, format).value();
}
#endif

/// Returns the version of the loaded library, such as `0.1.0`.
inline std::string_view version() noexcept
{
    return tango_version();
}

/// Returns the ABI version of the loaded library. A program that loads it by hand compares it with `TANGO_ABI_VERSION`.
inline std::int32_t abi_version() noexcept
{
    return tango_abi_version();
}

/// Returns the name of a status, such as `TANGO_STATUS_QUOTA_REFUSED`; empty for an unknown number.
inline std::string_view status_name(tango_status status) noexcept
{
    return detail::view(tango_status_name(status));
}

} // inline namespace
} // namespace tango

#undef TANGO_TOKEN_BORROWED

#endif // TANGO_TOKEN_HPP
