"""The coroutines on asyncio, on uvloop, and on anyio's asyncio backend."""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from typing import Any

import anyio
import pytest

from support.sandbox import Sandbox
from tango_token import Client, InvalidArgument, ServerError, Token

Run = Callable[[Awaitable[Any]], Any]


def run_on_uvloop(main: Any) -> Any:
    import uvloop

    loop = uvloop.new_event_loop()
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()


def run_on_anyio(main: Any) -> Any:
    async def awaited() -> Any:
        return await main

    return anyio.run(awaited)


async def until_requested(sandbox: Sandbox) -> None:
    """Waits until the first token request has reached the sandbox."""
    while not sandbox.token_requests:
        await asyncio.sleep(0.01)


RUNS: dict[str, Any] = {"asyncio": asyncio.run, "anyio": run_on_anyio}
if find_spec("uvloop"):  # scripts/test-wheels.sh tests where there is none
    RUNS["uvloop"] = run_on_uvloop


@pytest.fixture(params=list(RUNS.values()), ids=list(RUNS))
def run(request: pytest.FixtureRequest) -> Run:
    return request.param  # type: ignore[no-any-return]


def test_hundred_tasks_share_one_token_request(run: Run, sandbox: Sandbox, client: Client) -> None:
    async def main() -> list[Token]:
        return await asyncio.gather(*(client.aacquire() for _ in range(100)))

    tokens = run(main())
    assert len(tokens) == 100
    assert len({token.value for token in tokens}) == 1
    assert sandbox.token_requests == 1


def test_event_loop_runs_while_a_task_waits(run: Run, sandbox: Sandbox, client: Client) -> None:
    sandbox.script({"status": 503, "delay_ms": 300})

    async def main() -> int:
        acquiring = asyncio.ensure_future(client.aacquire())
        turns = 0
        while not acquiring.done():
            await asyncio.sleep(0.001)
            turns += 1
        await acquiring
        return turns

    assert run(main()) > 10, "timers of Windows have steps of 16 ms"


def test_coroutine_finishes_without_the_event_loop_when_a_token_is_held(client: Client) -> None:
    client.acquire()
    with pytest.raises(StopIteration) as done:
        client.aacquire().send(None)
    assert done.value.value == client.acquire()


def test_other_tasks_get_the_token_when_one_is_cancelled(run: Run, sandbox: Sandbox, client: Client) -> None:
    sandbox.script({"status": 503, "delay_ms": 300})

    async def main() -> Token:
        first, second = (asyncio.ensure_future(client.aacquire()) for _ in range(2))
        await until_requested(sandbox)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client.aacquire(), 0.05)
        return await second

    assert run(main()) == client.acquire()
    assert sandbox.token_requests == 2, "one scripted response and one token"


def test_anyio_cancel_scope_ends_the_wait(sandbox: Sandbox, client: Client) -> None:
    sandbox.script({"status": 503, "delay_ms": 300})

    async def main() -> bool:
        with anyio.move_on_after(0.05) as scope:
            await client.aacquire()
        await client.aacquire()
        return scope.cancelled_caught

    assert anyio.run(main)


def test_every_task_gets_its_own_exception_when_the_fetch_fails(run: Run, sandbox: Sandbox, client: Client) -> None:
    sandbox.script(*({"status": 500} for _ in range(5)))

    async def main() -> list[BaseException | Token]:
        return await asyncio.gather(*(client.aacquire() for _ in range(10)), return_exceptions=True)

    outcomes = run(main())
    assert [type(outcome) for outcome in outcomes] == [ServerError] * 10
    assert len({id(outcome) for outcome in outcomes}) == 10, "each exception has its own traceback"


def test_fetch_completes_when_the_event_loop_that_started_it_is_closed(sandbox: Sandbox, client: Client) -> None:
    sandbox.script({"status": 503, "delay_ms": 200})

    async def main() -> None:
        asyncio.ensure_future(client.aacquire())
        await until_requested(sandbox)

    asyncio.run(main())
    assert asyncio.run(client.aacquire()) == client.acquire(), "the next loop gets the token"


def test_event_loops_in_several_threads_share_one_client(sandbox: Sandbox, client: Client) -> None:
    sandbox.script({"status": 503, "delay_ms": 100})

    async def main() -> list[Token]:
        return await asyncio.gather(*(asyncio.to_thread(asyncio.run, client.aacquire()) for _ in range(5)))

    assert len({token.value for token in asyncio.run(main())}) == 1
    assert sandbox.token_requests == 2


def test_aauthorize_and_aheaders_return_the_headers(run: Run, sandbox: Sandbox) -> None:
    async def main() -> None:
        async with Client(**sandbox.options, dpop="required") as client:
            authorization = await client.aauthorize("GET", sandbox.accounts)
            again = await client.aauthorize_again(authorization)
            assert authorization.headers["DPoP"] != again.headers["DPoP"]
            assert set(await client.aheaders("GET", sandbox.accounts)) == {"Authorization", "DPoP"}
            with pytest.raises(InvalidArgument):
                await client.aheaders("GET", "https://other.example/")
        with pytest.raises(InvalidArgument, match="closed"):
            await client.aacquire()

    run(main())


def test_aheaders_fetches_no_token_for_another_origin(run: Run, sandbox: Sandbox, client: Client) -> None:
    with pytest.raises(InvalidArgument):
        run(client.aheaders("GET", "https://other.example/"))
    assert sandbox.token_requests == 0


def test_coroutine_raises_runtime_error_without_an_event_loop(client: Client) -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        client.aacquire().send(None)


def test_no_future_is_leaked(sandbox: Sandbox, client: Client) -> None:
    sandbox.script({"status": 503, "delay_ms": 100})

    class TrackedFuture(asyncio.Future):  # type: ignore[type-arg]
        pass

    created: list[weakref.ref[Any]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def create_future() -> TrackedFuture:
            future = TrackedFuture(loop=loop)
            created.append(weakref.ref(future))
            return future

        loop.create_future = create_future  # type: ignore[method-assign]
        waiting = [asyncio.ensure_future(client.aacquire()) for _ in range(10)]
        await until_requested(sandbox)
        waiting[0].cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    asyncio.run(main())
    assert len(created) >= 10
    # The callback thread drops its reference to a future soon after it has woken it.
    deadline = time.monotonic() + 20
    while any(future() is not None for future in created):
        assert time.monotonic() < deadline, "a future is still referenced"
        gc.collect()
        time.sleep(0.01)
