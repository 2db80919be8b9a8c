"""gunicorn and a Celery worker with prefork, with one Redis for the queue and the token, against the sandbox."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from testing import Program, Sandbox, assert_no_secrets, free_port, request, request_many, wait_until

HERE = Path(__file__).parent
CHILDREN = 3


class Shop:
    def __init__(self, start: Callable[..., Program], environment: dict[str, str], redis: str) -> None:
        self._start = start
        self.redis = redis
        # Databases of their own in one server: the queue in 0, the token in 1.
        broker = {"BROKER_URL": f"redis://{redis}/0", "TANGO_CACHE": f"redis://{redis}/1"}
        self._environment = {**environment, **broker}
        self.url = f"http://127.0.0.1:{free_port()}"

    def start_web(self) -> Program:
        options = ["--workers", 2, "--bind", self.url.removeprefix("http://"), "--log-level", "info"]
        web = self._python("web", "gunicorn", *options, "shop.wsgi")
        web.wait_until_it_serves(f"{self.url}/health")
        return web

    def start_worker(self) -> Program:
        options = ["worker", "--pool", "prefork", "--concurrency", CHILDREN, "--loglevel", "INFO"]
        worker = self._python("worker", "celery", "--app", "shop", *options)
        ready = worker.log.read_text().count(" ready.")
        wait_until("the worker is ready", lambda: worker.log.read_text().count(" ready.") > ready)
        return worker

    def _python(self, name: str, module: str, *arguments: object) -> Program:
        return self._start([os.environ["RECIPE_PYTHON"], "-m", module, *arguments], self._environment, HERE, name)

    def place(self, *references: str) -> None:
        for reference in references:
            assert request(f"{self.url}/orders", {"externalRefID": reference, "amount": 5}).status == 202

    def cached(self) -> bytes:
        """Returns all that Redis holds for the token."""
        host, port = self.redis.split(":")

        def redis(*command: str) -> bytes:
            cli = ["redis-cli", "-h", host, "-p", port, "-n", "1", *command]
            return subprocess.run(cli, capture_output=True, check=True).stdout

        return b"".join(redis("get", key) for key in redis("keys", "*").decode().split())


def placed(worker: Program) -> set[str]:
    return set(re.findall(r"placed (\S+)", worker.log.read_text()))


def children_that_placed(worker: Program) -> set[int]:
    return {int(pid) for pid in re.findall(r" (\d+) INFO rewards.tasks: placed", worker.log.read_text())}


@pytest.fixture
def shop(start: Callable[..., Program], environment: dict[str, str], redis: str) -> Shop:
    return Shop(start, environment, redis)


def test_web_and_worker_share_one_token_through_a_crash_and_a_restart(shop: Shop, sandbox: Sandbox) -> None:
    web, worker = shop.start_web(), shop.start_worker()
    assert sandbox.token_requests == 0, "processes that start spend no token"

    references: set[str] = set()
    while len(children_that_placed(worker)) < CHILDREN:
        assert len(references) < 500, "some children of the worker got no task"
        new = {f"order-{len(references) + number}" for number in range(20)}
        shop.place(*sorted(new))
        references |= new
        wait_until("the orders are placed", lambda: placed(worker) == references)
    assert {one.status for one in request_many([f"{shop.url}/accounts"] * 20)} == {200}
    assert sandbox.token_requests == 1, "children and web processes share one token"

    killed = children_that_placed(worker)
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    shop.place("after-the-crash")
    wait_until("the order is placed", lambda: "after-the-crash" in placed(worker))
    assert children_that_placed(worker) - killed, "a child that the worker started instead has placed it"

    assert worker.stop() == 0
    shop.start_worker()
    shop.place("after-the-restart")
    wait_until("the order is placed", lambda: "after-the-restart" in placed(worker))
    assert sandbox.token_requests == 1

    sent = [one["body"] for one in sandbox.requests("/raas/v2/orders")]
    assert len(sent) == len(placed(worker)), "no order was sent twice"
    assert_no_secrets(sandbox, sandbox.log, worker.log)
    cached = shop.cached()
    assert cached and not any(secret.encode() in cached for secret in sandbox.secrets()), "the token is sealed"


def test_orders_wait_in_the_queue_while_the_daily_limit_lasts(shop: Shop, sandbox: Sandbox) -> None:
    sandbox.respond({"status": 400, "body": "Client x 1 has exceeded the daily rate limit"})
    web, worker = shop.start_web(), shop.start_worker()
    shop.place("first", "second", "third")
    wait_until("each order is put off", lambda: len(countdowns(worker)) == 3)
    assert all(1_800 <= seconds <= 2_160 for seconds in countdowns(worker)), "less than the hour of Redis"
    refusal = request(f"{shop.url}/accounts")
    assert refusal.status == 503 and int(refusal.headers["Retry-After"]) > 3_000
    assert sandbox.token_requests == 1, "the refusal is remembered for all processes"
    assert not placed(worker)


def countdowns(worker: Program) -> list[float]:
    return [float(seconds) for seconds in re.findall(r"retry: Retry in ([0-9.]+)s", worker.log.read_text())]
