// Keys of every algorithm, a key that only OpenSSL holds, proofs, and what the client learns from responses.
#include <atomic>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <tango_token.hpp>

#include "check.hpp"

static void keys_are_written_and_read(std::initializer_list<tango_algorithm> algorithms)
{
    for (const auto algorithm : algorithms) {
        tango::dpop_key key = tango::dpop_key::generate(algorithm);
        const tango::dpop_key read = tango::dpop_key::from_pem(key.to_pem(), algorithm);
        CHECK(read.algorithm() == algorithm && read.thumbprint() == key.thumbprint());
        CHECK(read.public_jwk() == key.public_jwk() && read.public_jwk().find("\"d\"") == std::string_view::npos);
        const tango::dpop_key kept = key.clone();
        key = tango::dpop_key();
        const tango::dpop_proof one(kept, "POST", "https://auth.example/oauth/token");
        const tango::dpop_proof two(kept, "GET", "https://api.example/orders", "an-access-token", "a-nonce");
        CHECK(one.value().substr(0, 2) == "ey" && two.value().size() > one.value().size());
    }
}

static void invalid_keys_are_rejected()
{
    const tango::dpop_key es384 = tango::dpop_key::generate(TANGO_ALGORITHM_ES384);
    CHECK(tango::dpop_key::from_pem(es384.to_pem()).algorithm() == TANGO_ALGORITHM_ES384);
    const auto broken = tango::dpop_key::try_from_jwk("{}");
    CHECK(!broken && broken.error().status() == TANGO_STATUS_KEY_REJECTED);
    const auto absent = tango::dpop_key::try_from_file("/no/such/key.pem");
    CHECK(!absent && std::string(absent.error().what()).find("/no/such/key.pem") != std::string::npos);
    const tango::dpop_key key = tango::dpop_key::generate(TANGO_ALGORITHM_ES256);
    const auto proof = tango::dpop_proof::try_make(key, "G T", "https://api.example/");
    CHECK(!proof && proof.error().status() == TANGO_STATUS_INVALID_ARGUMENT);
}

/// Holds a private key in OpenSSL. Counts its signatures and its instances.
class vault {
public:
    static inline std::atomic<int> alive{0};
    std::atomic<int> signatures{0};

    explicit vault(std::string_view pem)
    {
        const std::unique_ptr<BIO, int (*)(BIO *)> bytes(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                                         BIO_free);
        key_.reset(PEM_read_bio_PrivateKey(bytes.get(), nullptr, nullptr, nullptr));
        CHECK(key_ != nullptr);
        alive++;
    }

    vault(const vault &) = delete;
    vault &operator=(const vault &) = delete;
    ~vault() { alive--; }

    std::vector<std::uint8_t> sign(std::string_view message)
    {
        signatures++;
        const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX *)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
        const auto *bytes = reinterpret_cast<const unsigned char *>(message.data());
        std::size_t length = 0;
        CHECK(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1);
        CHECK(EVP_DigestSign(context.get(), nullptr, &length, bytes, message.size()) == 1);
        std::vector<std::uint8_t> signature(length);
        CHECK(EVP_DigestSign(context.get(), signature.data(), &length, bytes, message.size()) == 1);
        signature.resize(length);
        return signature;
    }

private:
    std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY *)> key_{nullptr, EVP_PKEY_free};
};

static void signer_signs_for_a_key_outside_the_library()
{
    const tango::dpop_key original = tango::dpop_key::generate(TANGO_ALGORITHM_ES256);
    const auto in_vault = std::make_shared<vault>(original.to_pem());
    const auto sign = [in_vault](std::string_view message) { return in_vault->sign(message); };
    {
        const auto key = tango::dpop_key::from_signer(TANGO_ALGORITHM_ES256, original.public_jwk(), sign);
        CHECK(in_vault->signatures == 1 && key.thumbprint() == original.thumbprint());
        const auto secret = key.try_to_pem();
        CHECK(!secret && secret.error().status() == TANGO_STATUS_KEY_REJECTED);

        const tango::client client(tango::config().load_env().set_dpop(TANGO_DPOP_MODE_REQUIRED).set_dpop_key(key));
        const tango::token token = client.acquire();
        const tango::dpop_key bound = token.dpop_key();
        CHECK(token.type() == "DPoP" && bound.thumbprint() == original.thumbprint());
        CHECK(in_vault->signatures >= 2 && "the server verified one of its signatures");
    }
    // The library's thread may release it slightly later.
    for (int waited_ms = 0; in_vault.use_count() > 2 && waited_ms < 5000; waited_ms++)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    CHECK(in_vault.use_count() == 2 && "owned here and by `sign`");
}

static void failing_signer_is_reported_and_released()
{
    const tango::dpop_key original = tango::dpop_key::generate(TANGO_ALGORITHM_ES256);
    auto marker = std::make_shared<int>();
    const auto error_of = [&](tango_algorithm algorithm, std::string_view jwk, tango::signer sign) {
        const auto key = tango::dpop_key::try_from_signer(algorithm, jwk, std::move(sign));
        CHECK(!key && marker.use_count() == 1);
        return key.error();
    };
    using signature = std::optional<std::vector<std::uint8_t>>;
    const auto es256 = TANGO_ALGORITHM_ES256;
    const auto jwk = original.public_jwk();
    auto failure = error_of(es256, jwk, [marker](std::string_view) -> signature { return std::nullopt; });
    CHECK(failure.status() == TANGO_STATUS_SIGNING_FAILED);
    CHECK(std::string(failure.what()).find("returned 1") != std::string::npos);
    failure = error_of(es256, jwk, [marker](std::string_view) -> signature { throw std::runtime_error("no HSM"); });
    CHECK(failure.status() == TANGO_STATUS_SIGNING_FAILED);
    CHECK(std::string(failure.what()).find("no HSM") != std::string::npos);
    failure = error_of(es256, jwk, [marker](std::string_view) -> signature { throw 42; });
    CHECK(std::string(failure.what()).find("not a std::exception") != std::string::npos);
    failure = error_of(es256, jwk, [marker](std::string_view) { return std::vector<std::uint8_t>(5000); });
    CHECK(std::string(failure.what()).find("5000 bytes") != std::string::npos);
    failure = error_of(es256, jwk, [marker](std::string_view) { return std::vector<std::uint8_t>(); });
    CHECK(failure.status() == TANGO_STATUS_SIGNING_FAILED || failure.status() == TANGO_STATUS_KEY_REJECTED);
    failure = error_of(es256, "no JWK", [marker](std::string_view) -> signature { std::abort(); });
    CHECK(failure.status() == TANGO_STATUS_KEY_REJECTED);
    const auto unknown = static_cast<tango_algorithm>(9);
    failure = error_of(unknown, jwk, [marker](std::string_view) -> signature { std::abort(); });
    CHECK(failure.status() == TANGO_STATUS_INVALID_ARGUMENT);
    CHECK(error_of(es256, jwk, nullptr).status() == TANGO_STATUS_SIGNING_FAILED);
}

static void headers_follow_the_responses(const tango::client &client, const std::string &url)
{
    const tango::authorization first = client.authorize("GET", url);
    CHECK(first.value().substr(0, 7) == "DPoP ey" && first.dpop()->substr(0, 2) == "ey");

    tango::response challenge{401, {}, {}, {}};
    challenge.add_header("dPoP-nOnCe", "n-1");
    challenge.add_header("WWW-Authenticate", "Bearer");
    challenge.add_header("WWW-AUTHENTICATE", "DPoP error=\"use_dpop_nonce\"");
    challenge.add_header("Dates", "not the Date header");
    CHECK(challenge.www_authenticate == "Bearer, DPoP error=\"use_dpop_nonce\"" && !challenge.date);
    CHECK(client.observe(first, challenge) == TANGO_VERDICT_RETRY);

    const tango::authorization again = client.authorize_again(first);
    CHECK(again.value() == first.value() && again.dpop() != first.dpop());
    CHECK(client.observe(again, {200, {}, {}, {}}) == TANGO_VERDICT_DONE);
    const auto failure = client.try_observe(again, challenge);
    CHECK(!failure && failure.error().status() == TANGO_STATUS_PROOF_REFUSED);
    CHECK(failure.error().http_status() == 401);

    const tango::authorization held = client.authorize_held("GET", url);
    CHECK(held.value() == first.value() && held.dpop());
    CHECK(client.try_authorize_held("GET", "https://other.example/").error().status() == TANGO_STATUS_INVALID_ARGUMENT);
    CHECK(client.try_authorize("GET", "https://other.example/").error().status() == TANGO_STATUS_INVALID_ARGUMENT);
}

int main(int argc, char **)
{
    // OpenSSL keeps random state for each thread that signs. Its clean-up at exit would drop that of the library's
    // thread, which is still running, and the leak sanitizer would sometimes report it.
    CHECK(OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr) == 1);
    keys_are_written_and_read({TANGO_ALGORITHM_ES256, TANGO_ALGORITHM_ES384, TANGO_ALGORITHM_EDDSA});
    // Generating an RSA key takes many seconds under valgrind, so an argument asks for it.
    if (argc > 1)
        keys_are_written_and_read({TANGO_ALGORITHM_RS256, TANGO_ALGORITHM_PS256});
    invalid_keys_are_rejected();
    signer_signs_for_a_key_outside_the_library();
    CHECK(vault::alive == 0);
    failing_signer_is_reported_and_released();
    const tango::client client(tango::config().load_env().set_dpop(TANGO_DPOP_MODE_REQUIRED));
    headers_follow_the_responses(client, std::string(std::getenv("TANGO_API_URL")) + "/accounts");
    std::puts("keys, proofs and headers");
}
