/* A forked child inherits random numbers that its parent has drawn but not used yet. No proof of the child may have the
 * `jti` of a proof of the parent. */
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

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

int main(void)
{
    static char parent_claims[PROOFS][(8 + JTI_CHARACTERS) * 4 / 3 + 1], child_claims[sizeof *parent_claims];
    int ends[2];
    CHECK(tango_dpop_key_generate(TANGO_ALGORITHM_ES256, &key, NULL) == TANGO_STATUS_OK);
    claims(parent_claims[0], sizeof *parent_claims);
    CHECK(pipe(ends) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
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
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    tango_dpop_key_free(key);
    puts("no jti was used twice");
    return 0;
}
