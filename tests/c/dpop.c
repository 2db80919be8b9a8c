/* Generates a key of every algorithm, writes and reads it, and signs proofs with it. Prints one line for each, for
 * other programs to verify: algorithm, thumbprint, proof of a token request, proof of an API request. */
#include "check.h"

#define TOKEN_URL "https://Auth.Example:443/oauth/token"
#define API_URL "https://api.example/raas/v2/a%2Fb/../orders?page=1#top"

static void *required(tango_status status, void *object, tango_error *error)
{
    if (status != TANGO_STATUS_OK) {
        fprintf(stderr, "%s\n", tango_error_message(error));
        exit(1);
    }
    CHECK(object != NULL && error == NULL);
    return object;
}

static tango_dpop_key *read_again(tango_dpop_key *key)
{
    const char *pem = NULL, *again = NULL;
    tango_dpop_key *read = NULL;
    tango_error *error = NULL;
    CHECK(tango_dpop_key_to_pem(key, &pem, NULL) == TANGO_STATUS_OK);
    CHECK(tango_dpop_key_to_pem(key, &again, NULL) == TANGO_STATUS_OK && again == pem);
    tango_status status = tango_dpop_key_from_pem(pem, tango_dpop_key_algorithm(key), &read, &error);
    required(status, read, error);
    CHECK(strcmp(tango_dpop_key_thumbprint(read), tango_dpop_key_thumbprint(key)) == 0);
    CHECK(strstr(tango_dpop_key_public_jwk(read), "\"d\"") == NULL);
    tango_dpop_key_free(key);
    return read;
}

static tango_dpop_proof *prove(const tango_dpop_key *key, const char *method, const char *url, const char *token,
                               const char *nonce)
{
    tango_dpop_proof *proof = NULL;
    tango_error *error = NULL;
    tango_status status = tango_dpop_proof_new(key, method, url, token, nonce, &proof, &error);
    return required(status, proof, error);
}

int main(void)
{
    static const char *names[] = {NULL, "ES256", "ES384", "EdDSA", "RS256", "PS256"};
    for (int32_t algorithm = TANGO_ALGORITHM_ES256; algorithm <= TANGO_ALGORITHM_PS256; algorithm++) {
        tango_dpop_key *key = NULL;
        tango_error *error = NULL;
        tango_status status = tango_dpop_key_generate(algorithm, &key, &error);
        key = read_again(required(status, key, error));
        tango_dpop_proof *token_request = prove(key, "POST", TOKEN_URL, NULL, NULL);
        tango_dpop_key *clone = tango_dpop_key_clone(key);
        tango_dpop_key_free(key);
        tango_dpop_proof *api_request = prove(clone, "GET", API_URL, "an-access-token", "a-nonce");
        printf("%s %s %s %s\n", names[algorithm], tango_dpop_key_thumbprint(clone),
               tango_dpop_proof_value(token_request), tango_dpop_proof_value(api_request));
        tango_dpop_key_free(clone);
        tango_dpop_proof_free(token_request);
        tango_dpop_proof_free(api_request);
    }
    return 0;
}
