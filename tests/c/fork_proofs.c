/* A child inherits random numbers that its parent has drawn but not used yet. No proof of the child may have the `jti`
 * of a proof of the parent, however the child was created, and even if both have the same process ID.
 *
 *     fork_proofs fork|_Fork|clone|namespace */
#include "children.h"

enum { PROOFS = 40, JTI_CHARACTERS = 22 };

static tango_dpop_key *key;

/* Copies the beginning of a new proof's claims in base64url: `{"jti":"` and the whole jti. */
static void claims(char *into, size_t size)
{
    tango_dpop_proof *proof = NULL;
    CHECK(tango_dpop_proof_new(key, "GET", "https://api.example/", NULL, NULL, &proof, NULL) == TANGO_STATUS_OK);
    const char *begin = strchr(tango_dpop_proof_value(proof), '.') + 1;
    memset(into, 0, size);
    memcpy(into, begin, size - 1);
    tango_dpop_proof_free(proof);
}

static void compare(const char *how)
{
    static char parent_claims[PROOFS][(8 + JTI_CHARACTERS) * 4 / 3 + 1], child_claims[sizeof *parent_claims];
    int ends[2];
    CHECK(tango_dpop_key_generate(TANGO_ALGORITHM_ES256, &key, NULL) == TANGO_STATUS_OK);
    claims(parent_claims[0], sizeof *parent_claims);
    CHECK(pipe(ends) == 0);
    pid_t child = create_child(how);
    if (child == 0) {
        for (int i = 0; i < PROOFS; i++) {
            claims(child_claims, sizeof child_claims);
            CHECK(write(ends[1], child_claims, sizeof child_claims) == (ssize_t)sizeof child_claims);
        }
        _exit(0);
    }
    for (int i = 0; i < PROOFS; i++)
        claims(parent_claims[i], sizeof *parent_claims);
    for (int i = 0; i < PROOFS; i++) {
        CHECK(read(ends[0], child_claims, sizeof child_claims) == (ssize_t)sizeof child_claims);
        for (int j = 0; j < PROOFS; j++)
            CHECK(strcmp(child_claims, parent_claims[j]) != 0);
    }
    CHECK(!has_hung(child));
    tango_dpop_key_free(key);
}

int main(int count, char **arguments)
{
    CHECK(count == 2);
    if (strcmp(arguments[1], "namespace") == 0) {
        /* The parent is the first process of a namespace too. */
        CHECK(unshare(CLONE_NEWPID) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWPID) == 0);
        pid_t first = fork();
        CHECK(first >= 0);
        if (first > 0)
            return has_hung(first);
        CHECK(getpid() == 1);
    }
    compare(arguments[1]);
    puts("no jti was used twice");
    return 0;
}
