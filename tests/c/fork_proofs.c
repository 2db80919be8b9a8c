/* A child has a copy of everything its parent had, random numbers that were drawn and not yet used among them. No proof of
 * the child may have the `jti` of one of the parent's. */
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { PROOFS = 40, JTI_CHARACTERS = 22 };

static tango_dpop_key *key;

/* The claims of a proof begin with `{"jti":"`, and so does their base64url, whose length says where the jti ends. */
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
    static char parents[PROOFS][(8 + JTI_CHARACTERS) * 4 / 3 + 1], childs[sizeof *parents];
    int ends[2];
    CHECK(tango_dpop_key_generate(TANGO_ALGORITHM_ES256, &key, NULL) == TANGO_STATUS_OK);
    claims(parents[0], sizeof *parents);
    CHECK(pipe(ends) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        for (int i = 0; i < PROOFS; i++) {
            claims(childs, sizeof childs);
            CHECK(write(ends[1], childs, sizeof childs) == (ssize_t)sizeof childs);
        }
        _exit(0);
    }
    for (int i = 0; i < PROOFS; i++)
        claims(parents[i], sizeof *parents);
    for (int i = 0; i < PROOFS; i++) {
        CHECK(read(ends[0], childs, sizeof childs) == (ssize_t)sizeof childs);
        for (int j = 0; j < PROOFS; j++)
            CHECK(strcmp(childs, parents[j]) != 0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    tango_dpop_key_free(key);
    puts("no number was used twice");
    return 0;
}
