"""The pytest plugin, in runs of pytest of its own, and the sandbox that it starts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from support.sandbox import ROOT
from tango_token import Client, ServerError, TlsFailed
from tango_token.testing import Sandbox, SandboxError

EXAMPLE = ROOT / "examples/python/tested"


def pytest_run(directory: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(directory), *arguments]
    variables = {**os.environ, "PYTEST_ADDOPTS": "", "PYTHONDONTWRITEBYTECODE": "1", **environment}
    return subprocess.run(command, cwd=directory, env=variables, capture_output=True, text=True, check=False)


def test_tests_of_the_example_pass() -> None:
    result = pytest_run(EXAMPLE)
    assert result.returncode == 0 and " 4 passed" in result.stdout, result.stdout


def test_unit_tests_of_the_example_need_no_sandbox() -> None:
    result = pytest_run(EXAMPLE, "-k", "not sandbox", TANGO_SANDBOX="/not/there")
    assert result.returncode == 0 and " 3 passed" in result.stdout, result.stdout


@pytest.mark.parametrize(
    "file",
    [
        "examples/python/tested/test_accounts.py",
        "examples/go/tested/accounts_test.go",
        "bindings/dotnet/tests/TangoToken.Testing.Tests/Example/AccountsTests.cs",
        "examples/c/tested/header_test.c",
    ],
)
def test_document_shows_the_examples(file: str) -> None:
    blocks = re.findall(r"^```\w+\n(.*?)^```$", (ROOT / "docs/testing.md").read_text(), re.MULTILINE | re.DOTALL)
    assert (ROOT / file).read_text() in blocks, f"docs/testing.md does not show {file} as it is"


def test_missing_sandbox_is_an_error_that_says_how_to_get_it(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(tango_client): pass\n")
    result = pytest_run(tmp_path, TANGO_SANDBOX="/not/there")
    assert result.returncode == 1 and "1 error" in result.stdout
    assert "TANGO_SANDBOX names /not/there" in result.stdout
    result = pytest_run(tmp_path, TANGO_SANDBOX="", PATH="")
    assert 'pip install "tango-token[sandbox]"' in result.stdout and "Traceback" not in result.stdout


def test_sandbox_is_started_once_and_reset_for_each_client(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        textwrap.dedent("""
        import pytest

        @pytest.fixture(scope="session")
        def tango_sandbox_options():
            return ["--dpop", "off"]
        """)
    )
    (tmp_path / "test_it.py").write_text(
        textwrap.dedent("""
        import pytest

        @pytest.mark.parametrize("number", range(3))
        def test_it(number, tango_sandbox, tango_client):
            assert tango_client.acquire().token_type == "Bearer"
            assert tango_sandbox.stats()["token_requests"] == 1
            tango_sandbox.respond({"status": 503})
            tango_sandbox.hold()
        """)
    )
    result = pytest_run(tmp_path)
    assert result.returncode == 0 and "3 passed" in result.stdout, result.stdout


def test_plugin_imports_nothing_until_a_fixture_is_used(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("import sys\ndef test_it(): assert 'tango_token.testing' not in sys.modules\n")
    result = pytest_run(tmp_path)
    assert result.returncode == 0, result.stdout
    assert "tango_sandbox" in pytest_run(tmp_path, "--fixtures").stdout


def test_sandbox_that_does_not_start_says_why() -> None:
    with pytest.raises(SandboxError, match="--no-such-option"):
        Sandbox("--no-such-option")


def test_sandbox_queues_faults_and_shows_requests() -> None:
    with Sandbox("--quota-window-seconds", "0") as sandbox:
        sandbox.respond(*[{"status": 503}] * 10)
        with Client(**sandbox.options, total_timeout=1) as client, pytest.raises(ServerError):
            client.acquire()
        assert {request["path"] for request in sandbox.requests()} == {"/oauth/token"}
        assert " 503 " in sandbox.log()
        sandbox.reset()
        sandbox.break_connections("client-certificate")
        with Client(**sandbox.options) as client, pytest.raises(TlsFailed):
            client.acquire()
        with pytest.raises(SandboxError, match="/responses"):
            sandbox.respond({"no_such_field": 1})
