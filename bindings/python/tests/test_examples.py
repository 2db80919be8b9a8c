"""The programs of examples/python, run as a reader runs them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from support.sandbox import ROOT, Sandbox

EXAMPLES = ROOT / "examples/python"


def output(sandbox: Sandbox, example: str) -> str:
    environment = {**os.environ, **sandbox.environment}
    command = [sys.executable, str(EXAMPLES / example)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    return ended.stdout


def test_plain_prints_a_token_from_the_server_and_one_from_memory(sandbox: Sandbox) -> None:
    first, second, headers = output(sandbox, "plain.py").splitlines()
    assert "Bearer token for raas.all" in first and "UTC" in first and second.startswith("2. Bearer")
    assert headers == "headers of an API call: Authorization"
    assert sandbox.token_requests == 1


def test_plain_reports_the_daily_limit(sandbox: Sandbox) -> None:
    sandbox.script({"status": 400, "body": "Client x 1 has exceeded the daily rate limit"})
    with pytest.raises(subprocess.CalledProcessError) as caught:
        output(sandbox, "plain.py")
    assert "the daily limit is reached; try again in" in caught.value.stderr


def test_requests_dpop_calls_the_api_with_proofs(sandbox: Sandbox) -> None:
    lines = output(sandbox, "requests_dpop.py").splitlines()
    assert [line.split()[:2] for line in lines] == [["200", "/accounts"], ["200", "/catalogs"]]
    assert sandbox.stats()["dpop_proofs_accepted"] == 3


def test_hundred_calls_need_one_token_request(sandbox: Sandbox) -> None:
    assert output(sandbox, "hundred_calls.py") == "100 responses with status 200\n"
    assert (sandbox.token_requests, sandbox.stats()["api_requests"]) == (1, 100)
