"""Verifies DPoP proofs (RFC 9449 section 4.3) with PyPI's joserfc.

Reads requests from standard input and prints results, each as one line of JSON, which README.md describes. verify.mjs
does the same with another library.
"""

import json
import sys
import time
import warnings

from joserfc import jwk, jws
from joserfc.errors import SecurityWarning

MAX_AGE_SECONDS = 60
MIN_JTI_LENGTH = 16  # 96 bits in base64url
CURVES = {"ES256": "P-256", "ES384": "P-384", "EdDSA": "Ed25519"}
PUBLIC_MEMBERS = {
    "ES256": ["crv", "kty", "x", "y"],
    "ES384": ["crv", "kty", "x", "y"],
    "EdDSA": ["crv", "kty", "x"],
    "RS256": ["e", "kty", "n"],
    "PS256": ["e", "kty", "n"],
}


class Registry(jws.JWSRegistry):
    # The default limits are too small for a header with an RSA key.
    max_header_length = 4096
    max_signature_length = 2048


def verify(request):
    alg = request["alg"]
    registry = Registry(algorithms=[alg])
    proof = jws.extract_compact(request["proof"].encode(), registry=registry)
    header = dict(proof.headers())
    public = header.pop("jwk")
    expect_equal("the header beside jwk", header, {"typ": "dpop+jwt", "alg": alg})
    expect_equal("the members of jwk", sorted(public), PUBLIC_MEMBERS[alg])
    expect_equal("crv", public.get("crv"), CURVES.get(alg))
    key = jwk.import_key(public)
    expect_equal("the thumbprint", key.thumbprint(), request["jkt"])
    expect(jws.validate_compact(proof, key, registry=registry), "the signature is wrong")

    claims = json.loads(proof.payload)
    jti, iat = claims.pop("jti"), claims.pop("iat")
    names = ["htm", "htu"] + [name for name in ("ath", "nonce") if request[name] is not None]
    expect_equal("the claims beside jti and iat", claims, {name: request[name] for name in names})
    expect(isinstance(jti, str) and len(jti) >= MIN_JTI_LENGTH, f"jti is {jti!r}")
    expect(type(iat) is int, f"iat is {iat!r}, not an integer")
    age = time.time() - iat
    expect(abs(age) <= MAX_AGE_SECONDS, f"iat is {age} seconds ago")


def expect(holds, why):
    if not holds:
        raise ValueError(why)


def expect_equal(what, actual, expected):
    expect(actual == expected, f"{what}: {json.dumps(actual)}, not {json.dumps(expected)}")


# joserfc warns because RFC 9864 prefers the name Ed25519; servers of RFC 9449 expect EdDSA.
warnings.simplefilter("ignore", SecurityWarning)
for line in sys.stdin:
    # Any exception, also one of the library, means that the proof was not verified.
    try:
        verify(json.loads(line))
        result = {"ok": True}
    except Exception as error:
        result = {"ok": False, "why": f"{type(error).__name__}: {error}"}
    print(json.dumps(result), flush=True)
