"""The Python runner: reads one call a line, makes it, and prints its result as JSON. See README.md.

With ``--asyncio`` it uses the coroutine of every call that has one; otherwise only for ``acquire_async``.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import sys

from tango_token import Authorization, Client, TangoError, Token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tango_token._native import Options


def status_name(error: TangoError) -> str:
    """Returns the name in C: ``TANGO_STATUS_QUOTA_REFUSED`` for ``QuotaRefused``."""
    return "TANGO_STATUS" + re.sub("[A-Z]", r"_\g<0>", type(error).__name__).upper()


def error(error: TangoError) -> dict[str, object]:
    fields = {
        "status": status_name(error),
        "message": str(error),
        "http_status": error.http_status,
        "oauth_error": error.oauth_error,
        "oauth_error_description": error.oauth_error_description,
        "i18n_key": error.i18n_key,
        "server_message": error.server_message,
        "request_id": error.request_id,
        # Rounded up, so that a caller does not retry too early.
        "retry_after_seconds": None if error.retry_after is None else math.ceil(error.retry_after.total_seconds()),
    }
    return {"error": fields}


class Runner:
    """Keeps the results that later lines refer to."""

    token: Token
    authorization: Authorization

    def __init__(self, client: Client) -> None:
        self._client = client

    def run(self, call: str, *fields: str | None) -> dict[str, object]:
        return getattr(self, call)(*fields)  # type: ignore[no-any-return]

    def acquire(self) -> dict[str, object]:
        return self._acquired(self._client.acquire())

    def acquire_async(self) -> dict[str, object]:
        return self._acquired(asyncio.run(self._client.aacquire()))

    def authorize(self, method: str, url: str) -> dict[str, object]:
        return self._authorized(self._client.authorize(method, url))

    def authorize_again(self) -> dict[str, object]:
        return self._authorized(self._client.authorize_again(self.authorization))

    def observe(self, status: str, nonce: str | None, challenges: str | None, date: str | None) -> dict[str, object]:
        should_retry = self._client.observe(
            self.authorization, int(status), dpop_nonce=nonce, www_authenticate=challenges, date=date
        )
        return {"verdict": "retry" if should_retry else "done"}

    def invalidate(self) -> dict[str, object]:
        self._client.invalidate(self.token)
        return {"done": True}

    def set_credentials(self, *fields: str | None) -> dict[str, object]:
        names = ("client_id", "client_secret", "username", "password")
        self._client.set_credentials(**dict(zip(names, fields)))
        return {"done": True}

    def _acquired(self, token: Token) -> dict[str, object]:
        self.token = token
        fields = {
            "value": token.value,
            "type": token.token_type,
            "scope": token.scope,
            "expires_in_seconds": int(token.expires_in.total_seconds()),
        }
        return {"token": fields}

    def _authorized(self, authorization: Authorization) -> dict[str, object]:
        self.authorization = authorization
        headers = authorization.headers
        return {"authorization": {"value": headers["Authorization"], "dpop": headers.get("DPoP")}}


class AsyncioRunner(Runner):
    """Makes the calls with coroutines."""

    def acquire(self) -> dict[str, object]:
        return self.acquire_async()

    def authorize(self, method: str, url: str) -> dict[str, object]:
        return self._authorized(asyncio.run(self._client.aauthorize(method, url)))

    def authorize_again(self) -> dict[str, object]:
        return self._authorized(asyncio.run(self._client.aauthorize_again(self.authorization)))


def print_json(result: dict[str, object]) -> None:
    print(json.dumps(result), flush=True)


def configured(arguments: list[str]) -> Client:
    """Does what the arguments say: ``load_env``, or NAME=VALUE for an option that is set in code."""
    options: Options = {}
    for name, _, value in (argument.partition("=") for argument in arguments):
        if name == "audience":
            options["audience"] = value
        elif name == "user_agent":
            options["user_agent"] = value
        elif name == "allowed_origins":
            options["allowed_origins"] = [value]
        elif name == "allow_plain_http":
            options["allow_plain_http"] = value == "true"
        elif name != "load_env":
            raise ValueError(f"not an option that a runner knows: {name}")
    return Client.from_env(**options) if "load_env" in arguments else Client(**options)


def main() -> None:
    arguments = sys.argv[1:]
    kind = AsyncioRunner if "--asyncio" in arguments else Runner
    try:
        runner = kind(configured([argument for argument in arguments if argument != "--asyncio"]))
    except TangoError as failed:
        print_json(error(failed))
        return
    print_json({"client": True})
    # Read as bytes, since a text stream treats further characters as line ends.
    for line in sys.stdin.buffer:
        call, *fields = line.decode().removesuffix("\n").split("\t")
        try:
            print_json(runner.run(call, *(field or None for field in fields)))
        except TangoError as failed:
            print_json(error(failed))


main()
