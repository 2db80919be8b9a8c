"""Compares with msal, authlib with requests, and PyJWT in the same run. ``scripts/test-python.sh bench`` runs it.

It prints medians. The rounds of all libraries alternate, so that a disturbance of the machine affects all of them.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import msal
import uvloop
from authlib.integrations.requests_client import OAuth2Session
from cryptography.hazmat.primitives.serialization import load_pem_private_key

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support.sandbox import Sandbox

from tango_token import Client, DpopKey, Token, dpop_proof

ROUNDS = 15
PROCESSES = 31
URL = "https://integration-api.tangocard.com/raas/v2/orders"


def main() -> None:
    with Sandbox("--quota-window-seconds", "0") as sandbox:
        client = Client(**sandbox.options)
        token = client.acquire()
        print(f"Python {sys.version.split()[0]}, median of {ROUNDS} rounds")
        cached(client, token)
        proofs(token.value)
        print(f"new processes, median of {PROCESSES}")
        imports()
        first_tokens(sandbox)


def cached(client: Client, token: Token) -> None:
    session = OAuth2Session("id", "secret", token={"access_token": token.value, "expires_at": time.time() + 86_400})
    application = msal_with(token.value)

    def authlib_token() -> str:
        assert session.ensure_active_token(session.token)
        return str(session.token["access_token"])

    table(
        "get the current token, us",
        {
            "tango_token": (100_000, lambda: client.acquire().value),
            "authlib, its check": (100_000, authlib_token),
            "msal": (2_000, lambda: application.acquire_token_for_client(["scope/.default"])["access_token"]),
        },
    )
    print(f"  await aacquire(), uvloop       {awaited(client):>9.3f}")


def awaited(client: Client) -> float:
    async def loop() -> float:
        start = time.perf_counter()
        for _ in range(100_000):
            (await client.aacquire()).value  # noqa: B018
        return (time.perf_counter() - start) * 10

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return statistics.median(runner.run(loop()) for _ in range(ROUNDS))


def msal_with(value: str) -> msal.ConfidentialClientApplication:
    """Returns an msal application with a token in its cache. Its request for metadata gets a fixed response."""

    class FixedResponse:
        status_code = 200
        headers: dict[str, str] = {}
        base = "https://login.example/tenant"
        text = json.dumps(
            {"authorization_endpoint": base, "token_endpoint": base + "/token", "issuer": base, "access_token": value,
             "expires_in": 86_400, "token_type": "Bearer"}
        )

        def raise_for_status(self) -> None: ...

    class Metadata:
        def get(self, *_: Any, **__: Any) -> FixedResponse:
            return FixedResponse()

        post = get

        def close(self) -> None: ...

    application = msal.ConfidentialClientApplication(
        "id", client_credential="secret", oidc_authority=FixedResponse.base, http_client=Metadata()
    )
    assert application.acquire_token_for_client(["scope/.default"])["access_token"] == value
    return application


def proofs(value: str) -> None:
    key = DpopKey.generate()
    private: Any = load_pem_private_key(key.to_pem().encode(), None)
    header = {"typ": "dpop+jwt", "jwk": key.public_jwk}

    def pyjwt_proof() -> str:
        ath = base64.urlsafe_b64encode(hashlib.sha256(value.encode()).digest()).rstrip(b"=").decode()
        claims = {"jti": str(uuid.uuid4()), "htm": "GET", "htu": URL, "iat": int(time.time()), "ath": ath}
        return jwt.encode(claims, private, "ES256", headers=header)

    ours, theirs = table(
        "a DPoP proof with ath, ES256, us",
        {
            "tango_token": (3_000, lambda: dpop_proof(key, "GET", URL, access_token=value)),
            "PyJWT": (1_000, pyjwt_proof),
        },
    )
    print(f"  {theirs / ours:.2f} times as fast")


def imports() -> None:
    programs = {
        "the bare interpreter": "pass",
        "import tango_token": "import tango_token",
        "import msal": "import msal",
        "import authlib's session": "import authlib.integrations.requests_client",
    }
    processes("imports, ms", programs, {})


def first_tokens(sandbox: Sandbox) -> None:
    authlib_program = """
import os
from authlib.integrations.requests_client import OAuth2Session
e = os.environ
session = OAuth2Session(e["TANGO_CLIENT_ID"], e["TANGO_CLIENT_SECRET"], scope="raas.all",
                        token_endpoint_auth_method="client_secret_post")
session.trust_env = False
session.fetch_token(e["TANGO_TOKEN_URL"], username=e["TANGO_USERNAME"], password=e["TANGO_PASSWORD"],
                    audience="https://api.tangocard.com/", verify=e["TANGO_CA_FILE"])["access_token"]
"""
    programs = {
        "tango_token": "from tango_token import Client; Client.from_env().acquire().value",
        "authlib with requests": authlib_program,
    }
    ours, theirs = processes("to the first token over TLS, ms", programs, sandbox.environment)
    print(f"  {ours / theirs:.2f} of authlib's")


def processes(title: str, programs: dict[str, str], variables: dict[str, str]) -> list[float]:
    environment = {**os.environ, **variables}

    def started(program: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, "-c", program], env=environment, check=True)

    return table(title, {name: (1, started(program)) for name, program in programs.items()}, PROCESSES, 1e3)


def table(
    title: str, calls: dict[str, tuple[int, Callable[[], object]]], rounds: int = ROUNDS, unit: float = 1e6
) -> list[float]:
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, (count, call) in calls.items():
            start = time.perf_counter()
            for _ in range(count):
                call()
            times[name].append((time.perf_counter() - start) / count * unit)
    print(title)
    medians = [statistics.median(of) for of in times.values()]
    for name, median in zip(calls, medians):
        print(f"  {name:<30} {median:>9.3f}")
    return medians


if __name__ == "__main__":
    main()
