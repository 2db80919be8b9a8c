"""Wrong arguments of functions: the error names the argument, and what it takes."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tango_token import Client, DpopKey, InvalidArgument, SigningFailed, dpop_proof

URL = "https://api.example/accounts"
KEY = DpopKey.generate()
CLIENT: Any = Client(
    token_url="https://localhost:1/", client_id="a", client_secret="b", username="c", password="d", api_url=URL
)
ANY_KEY: Any = DpopKey
PROOF: Any = dpop_proof


class Other:
    pass


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda wrong: Client(load_env=wrong), "load_env must be a bool"),
        (lambda wrong: CLIENT.authorize(wrong, URL), "method must be a str"),
        (lambda wrong: CLIENT.authorize("GET", wrong), "url must be a str"),
        (lambda wrong: CLIENT.headers("GET", wrong), "url must be a str"),
        (lambda wrong: CLIENT.authorize_again(wrong), "refused must be a tango_token.Authorization"),
        (lambda wrong: CLIENT.observe(wrong, 200), "authorization must be a tango_token.Authorization"),
        (lambda wrong: CLIENT.invalidate(wrong), "token must be a tango_token.Token"),
        (lambda wrong: ANY_KEY.generate(wrong), "algorithm must be a str"),
        (lambda wrong: ANY_KEY.from_pem(wrong), "pem must be a str"),
        (lambda wrong: ANY_KEY.from_pem("", wrong), "algorithm must be a str"),
        (lambda wrong: ANY_KEY.from_jwk(wrong), "jwk must be a dict or a str"),
        (lambda wrong: ANY_KEY.from_file(wrong), "path must be a str or an os.PathLike"),
        (lambda wrong: ANY_KEY.from_signer(wrong, "{}", len), "algorithm must be a str"),
        (lambda wrong: ANY_KEY.from_signer("ES256", wrong, len), "public_jwk must be a dict or a str"),
        (lambda wrong: ANY_KEY.from_signer("ES256", KEY.public_jwk, wrong), "sign must be a function"),
        (lambda wrong: PROOF(wrong, "GET", URL), "key must be a tango_token.DpopKey"),
        (lambda wrong: PROOF(KEY, wrong, URL), "method must be a str"),
        (lambda wrong: PROOF(KEY, "GET", wrong), "url must be a str"),
        (lambda wrong: PROOF(KEY, "GET", URL, access_token=wrong), "access_token must be a str"),
        (lambda wrong: PROOF(KEY, "GET", URL, nonce=wrong), "nonce must be a str"),
    ],
)
def test_wrong_type_is_a_type_error_that_names_the_argument(call: Callable[[object], object], expected: str) -> None:
    with pytest.raises(TypeError) as caught:
        call(Other())
    assert str(caught.value) == f"{expected}, not {__name__}.Other"


def test_surrogate_is_an_invalid_argument_that_names_the_argument() -> None:
    for call in (CLIENT.authorize, CLIENT.headers):
        with pytest.raises(InvalidArgument, match="^url contains a surrogate, which UTF-8 cannot represent$"):
            call("GET", URL + "\udcff")


def test_signer_that_returns_no_bytes_is_told_so() -> None:
    for value, name in [("a string", "str"), (None, "NoneType")]:
        with pytest.raises(SigningFailed, match=f"sign must return bytes, not {name}"):
            ANY_KEY.from_signer("ES256", KEY.public_jwk, lambda message, value=value: value)


def test_jwk_can_be_any_mapping() -> None:
    assert DpopKey.from_signer("ES256", MappingProxyType(KEY.public_jwk), sign).public_jwk == KEY.public_jwk


def sign(message: bytes) -> bytes:
    private = load_pem_private_key(KEY.to_pem().encode(), None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    return private.sign(message, ec.ECDSA(hashes.SHA256()))


def test_closed_client_says_what_to_do() -> None:
    with Client(token_url=URL, client_id="a", client_secret="b", username="c", password="d") as client:
        pass
    with pytest.raises(InvalidArgument, match="^the client is closed; create another one$"):
        client.acquire()
