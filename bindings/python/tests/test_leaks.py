"""A hundred thousand calls of each kind do not increase the memory in use."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.sandbox import Sandbox
from tango_token import Client, DpopKey, InvalidArgument, dpop_proof

CALLS = 100_000
WARM_UP = 20_000
# About one byte for each call, which is less than the smallest object that could leak.
LIMIT_KIB = 96
# A leak grows in every round; what the interpreter and malloc allocate for themselves does not.
ROUNDS = 5


def resident_kib() -> int:
    gc.collect()
    with open("/proc/self/statm") as pages:
        return int(pages.read().split()[1]) * 4


def rounds_until_no_growth(limit_kib: int = LIMIT_KIB) -> Iterator[None]:
    growth = []
    for _ in range(ROUNDS):
        before = resident_kib()
        yield
        growth.append(resident_kib() - before)
        if growth[-1] < limit_kib:
            return
    raise AssertionError(f"the memory in use grew in each round, in KiB: {growth}")


def refused(call: Callable[[], object]) -> None:
    try:
        call()
    except InvalidArgument as error:
        str(error)


def kinds(sandbox: Sandbox) -> dict[str, Callable[[], Any]]:
    client = Client(**sandbox.options)
    bound = Client(**sandbox.options, dpop="required")
    token, key = client.acquire(), DpopKey.generate("EdDSA")
    authorization = client.authorize("GET", sandbox.accounts)
    with_proof = bound.authorize("GET", sandbox.accounts)
    return {
        "acquire": lambda: client.acquire().value,
        "token": lambda: (token.expires_in, token.expires_at, token.scope, token.token_type, repr(token)),
        "headers": lambda: client.headers("GET", sandbox.accounts),
        "authorize": lambda: client.authorize_again(authorization).headers,
        "observe": lambda: bound.observe(with_proof, 200, dpop_nonce="nonce", date="Tue, 24 Nov 2026 08:00:00 GMT"),
        "proof": lambda: dpop_proof(key, "GET", sandbox.accounts, access_token="token", nonce="nonce"),
        "key": lambda: (key.public_jwk, key.thumbprint, repr(key)),
        "error": lambda: refused(lambda: client.headers("GET", "https://other.example/")),
    }


NAMES = ["acquire", "token", "headers", "authorize", "observe", "proof", "key", "error"]


@pytest.mark.parametrize("name", NAMES)
def test_calls_leak_no_memory(name: str, sandbox: Sandbox) -> None:
    call = kinds(sandbox)[name]

    def calls(count: int) -> None:
        for _ in range(count):
            call()

    calls(WARM_UP)
    for _ in rounds_until_no_growth():
        calls(CALLS)


def test_coroutines_leak_no_memory(sandbox: Sandbox, client: Client) -> None:
    async def held(count: int) -> None:
        for _ in range(count):
            await client.aacquire()
            await client.aheaders("GET", sandbox.accounts)

    async def main() -> None:
        await held(WARM_UP)
        for _ in rounds_until_no_growth():
            await held(CALLS)

    client.acquire()
    asyncio.run(main())


def test_waiting_and_cancelled_coroutines_leak_no_memory(sandbox: Sandbox) -> None:
    """A hundred thousand coroutines, 500 of which wait for each fetch, and one in ten is cancelled."""
    client = Client(**sandbox.options)

    async def waits(rounds: int) -> None:
        for _ in range(rounds):
            waiting = [asyncio.ensure_future(client.aacquire()) for _ in range(500)]
            await asyncio.sleep(0)
            for task in waiting[::10]:
                task.cancel()
            outcomes = await asyncio.gather(*waiting, return_exceptions=True)
            client.invalidate(client.acquire())
            assert len(outcomes) == 500

    async def main() -> None:
        await waits(80)
        for _ in rounds_until_no_growth(10 * LIMIT_KIB):
            await waits(200)

    asyncio.run(main())
