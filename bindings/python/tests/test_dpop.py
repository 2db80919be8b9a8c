"""DPoP keys, proofs (verified with PyJWT), and custom signers."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from support.sandbox import Sandbox
from tango_token import Client, DpopKey, InvalidArgument, KeyRejected, SigningFailed, dpop_proof

ALGORITHMS: list[Any] = ["ES256", "ES384", "EdDSA", "RS256", "PS256"]
URL = "https://API.example:443/orders?page=1#part"


def verified(proof: str, key: DpopKey) -> tuple[dict[str, Any], dict[str, Any]]:
    header = jwt.get_unverified_header(proof)
    public = jwt.PyJWK(header["jwk"], key.algorithm)
    return header, jwt.decode(proof, public, algorithms=[key.algorithm])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_pyjwt_verifies_the_proof(algorithm: Any) -> None:
    key = DpopKey.generate(algorithm)
    proof = dpop_proof(key, "POST", URL, access_token="the-token", nonce="the-nonce")
    header, claims = verified(proof, key)
    assert header == {"typ": "dpop+jwt", "alg": algorithm, "jwk": key.public_jwk}
    ath = base64.urlsafe_b64encode(hashlib.sha256(b"the-token").digest()).rstrip(b"=").decode()
    assert abs(claims.pop("iat") - time.time()) < 5
    assert len(claims.pop("jti")) >= 16
    assert claims == {"htm": "POST", "htu": "https://api.example/orders", "ath": ath, "nonce": "the-nonce"}
    assert proof != dpop_proof(key, "POST", URL, access_token="the-token", nonce="the-nonce")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_key_is_the_same_when_read_from_pem_or_file(algorithm: Any, tmp_path: Path) -> None:
    key = DpopKey.generate(algorithm)
    file = tmp_path / "key.pem"
    file.write_text(key.to_pem())
    for again in [DpopKey.from_pem(key.to_pem(), algorithm), DpopKey.from_file(file)]:
        assert (again.thumbprint, again.public_jwk) == (key.thumbprint, key.public_jwk)


def test_jwk_is_a_dict_or_its_json() -> None:
    private = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1())))
    first, second = DpopKey.from_jwk(private), DpopKey.from_jwk(json.dumps(private))
    assert first.thumbprint == second.thumbprint
    assert first.public_jwk == {name: private[name] for name in ["crv", "kty", "x", "y"]}


def test_error_says_which_key_or_argument_is_invalid() -> None:
    with pytest.raises(InvalidArgument, match="algorithm must be `ES256`"):
        DpopKey.generate("HS256")  # type: ignore[arg-type]
    with pytest.raises(KeyRejected, match="neither PEM nor a JWK"):
        DpopKey.from_pem("-----BEGIN")
    with pytest.raises(KeyRejected, match="/no/such/key"):
        DpopKey.from_file("/no/such/key")
    key = DpopKey.generate()
    with pytest.raises(InvalidArgument, match="method"):
        dpop_proof(key, "GET ", URL)
    with pytest.raises(InvalidArgument, match="url"):
        dpop_proof(key, "GET", "no url")
    with pytest.raises(TypeError):
        DpopKey()


Sign = Callable[[bytes], bytes]


@pytest.fixture
def external_key() -> tuple[dict[str, Any], Sign]:
    """The public half of a key that the library never sees, and a function that signs with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
    return public, lambda message: key.sign(message, ec.ECDSA(hashes.SHA256()))


def test_custom_signer_signs_token_requests_and_api_calls(
    sandbox: Sandbox, external_key: tuple[dict[str, Any], Sign]
) -> None:
    public, sign = external_key
    threads = []

    def recording_sign(message: bytes) -> bytes:
        threads.append(threading.current_thread())
        return sign(message)

    key = DpopKey.from_signer("ES256", public, recording_sign)
    client = Client(**sandbox.options, dpop="required", dpop_key=key)
    proof = client.headers("GET", sandbox.accounts)["DPoP"]
    assert verified(proof, key)[1]["htu"] == sandbox.accounts
    assert len(threads) == 3, "the check of the key, the token request, the API call"
    assert sandbox.stats()["dpop_proofs_accepted"] == 1
    with pytest.raises(KeyRejected):
        key.to_pem()


def test_exception_of_a_custom_signer_is_the_cause_of_signing_failed(
    sandbox: Sandbox, external_key: tuple[dict[str, Any], Sign]
) -> None:
    public, sign = external_key
    is_broken = False

    def failing_sign(message: bytes) -> bytes:
        if is_broken:
            raise OSError("no session")
        return sign(message)

    key = DpopKey.from_signer("ES256", public, failing_sign)
    client = Client(**sandbox.options, dpop="required", dpop_key=key)
    client.acquire()
    is_broken = True
    attempts: list[Callable[[], object]] = [
        lambda: dpop_proof(key, "GET", URL),
        lambda: client.authorize("GET", sandbox.accounts),
    ]
    for attempt in attempts:
        with pytest.raises(SigningFailed, match="OSError: no session") as caught:
            attempt()
        assert isinstance(caught.value.__cause__, OSError)
    with pytest.raises(SigningFailed, match="no session"):
        Client(**sandbox.options, dpop="required", dpop_key=key).acquire()


def test_custom_signer_that_returns_no_valid_signature_is_refused(external_key: tuple[dict[str, Any], Sign]) -> None:
    public, _ = external_key
    for wrong in ["string", None, b"short", b"x" * 64]:
        with pytest.raises((SigningFailed, KeyRejected)):
            DpopKey.from_signer("ES256", public, lambda _, wrong=wrong: wrong)  # type: ignore[misc]
