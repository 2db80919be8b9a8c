"""The pytest plugin: fixtures for tests of programs that use the package. ``-p no:tango_token`` switches it off.

pytest imports it at each start, so the rest is imported when a test uses a fixture.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tango_token import Client
    from tango_token.testing import FakeClient, Sandbox


@pytest.fixture
def tango_fake_client() -> FakeClient:
    """A ``Client`` that sends nothing, for unit tests."""
    from tango_token.testing import FakeClient

    return FakeClient()


@pytest.fixture(scope="session")
def tango_sandbox_options() -> Sequence[str]:
    """Options of the program tango-sandbox. Override it in ``conftest.py``: ``return ["--dpop", "strict"]``."""
    return ()


@pytest.fixture(scope="session")
def tango_sandbox(tango_sandbox_options: Sequence[str]) -> Iterator[Sandbox]:
    """The program tango-sandbox, a local Tango server, started once for all tests."""
    from tango_token.testing import Sandbox, SandboxError

    try:
        sandbox = Sandbox(*tango_sandbox_options)
    except SandboxError as error:
        pytest.fail(f"tango_sandbox: {error}", pytrace=False)
    with sandbox:
        yield sandbox


@pytest.fixture
def tango_client(tango_sandbox: Sandbox) -> Iterator[Client]:
    """A client of ``tango_sandbox``, whose counters, faults and daily limit are cleared for the test."""
    from tango_token import Client

    tango_sandbox.release()
    tango_sandbox.reset()
    with Client(**tango_sandbox.options) as client:
        yield client
