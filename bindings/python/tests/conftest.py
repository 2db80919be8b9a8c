from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from support.sandbox import Sandbox
from tango_token import Client


@pytest.fixture
def start_sandbox() -> Iterator[Callable[..., Sandbox]]:
    """Starts sandboxes with the options that a test gives."""
    with ExitStack() as stack:
        yield lambda *options: stack.enter_context(Sandbox(*options))


@pytest.fixture
def sandbox(start_sandbox: Callable[..., Sandbox]) -> Sandbox:
    """A sandbox without a daily quota."""
    return start_sandbox("--quota-window-seconds", "0")


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    return Client(**sandbox.options)
