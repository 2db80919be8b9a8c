"""The examples, as a reader would run them."""

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


def test_plain(sandbox: Sandbox) -> None:
    first, second, headers = output(sandbox, "plain.py").splitlines()
    assert "Bearer token for raas.all" in first and "UTC" in first and second.startswith("2. Bearer")
    assert headers == "headers of a call: Authorization"
    assert sandbox.token_requests == 1


def test_plain_says_what_went_wrong(sandbox: Sandbox) -> None:
    sandbox.script({"status": 400, "body": "Client x 1 has exceeded the daily rate limit"})
    with pytest.raises(subprocess.CalledProcessError) as caught:
        output(sandbox, "plain.py")
    assert "the daily limit is used up; again in" in caught.value.stderr


def test_requests_with_dpop(sandbox: Sandbox) -> None:
    lines = output(sandbox, "requests_dpop.py").splitlines()
    assert [line.split()[:2] for line in lines] == [["200", "/accounts"], ["200", "/catalogs"]]
    assert sandbox.stats()["dpop_proofs_accepted"] == 3


def test_a_hundred_calls(sandbox: Sandbox) -> None:
    assert output(sandbox, "hundred_calls.py") == "100 calls answered with 200\n"
    assert (sandbox.token_requests, sandbox.stats()["api_requests"]) == (1, 100)
