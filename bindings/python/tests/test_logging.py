"""The library's log is that of the logger ``tango_token``."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

import pytest

from support.sandbox import Sandbox
from tango_token import Client, WouldBlock


def test_what_happens_is_told_without_secrets(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "tango_token")
    sandbox.script({"status": 503, "body": "100% " + " ".join(sandbox.secrets)})
    client = Client(**sandbox.options)
    token = client.acquire()
    client.invalidate(token)
    records = [(record.name, record.levelname) for record in caplog.records]
    assert records == [("tango_token", "WARNING"), ("tango_token", "INFO"), ("tango_token", "WARNING")]
    text = caplog.text
    assert "trying again" in text
    assert "a new token is held for 86400 s" in text
    assert not any(secret in text for secret in [*sandbox.secrets, token.value])


def test_levels_are_those_of_the_logger(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "tango_token")
    Client(**sandbox.options).acquire()
    assert caplog.records == []


Work = Callable[[logging.LogRecord], None]
Handled = Callable[[Work], None]


class Handler(logging.Handler):
    def __init__(self, work: Work) -> None:
        super().__init__()
        self.work = work

    def emit(self, record: logging.LogRecord) -> None:
        self.work(record)


@pytest.fixture
def handled(caplog: pytest.LogCaptureFixture) -> Iterator[Handled]:
    """Adds a handler for the time of a test."""
    logger = logging.getLogger("tango_token")
    caplog.set_level(logging.DEBUG, "tango_token")
    added: list[logging.Handler] = []

    def add(work: Work) -> None:
        added.append(Handler(work))
        logger.addHandler(added[-1])

    yield add
    for handler in added:
        logger.removeHandler(handler)


def test_a_handler_that_asks_for_a_token_does_not_wait_for_itself(sandbox: Sandbox, handled: Handled) -> None:
    sandbox.script({"status": 503})
    client = Client(**sandbox.options)
    errors: list[BaseException] = []
    threads: list[str] = []

    def ask(record: logging.LogRecord) -> None:
        threads.append(threading.current_thread().name)
        if "trying again" in record.getMessage():
            with pytest.raises(WouldBlock) as caught:
                client.acquire()
            errors.append(caught.value)

    handled(ask)
    assert client.acquire().value
    assert errors
    assert threading.current_thread().name not in threads, "it was the library's thread"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_handler_that_fails_does_not_stop_the_library(sandbox: Sandbox, handled: Handled) -> None:
    failed: list[str] = []

    def fail(record: logging.LogRecord) -> None:
        failed.append(record.getMessage())
        raise RuntimeError("on purpose")

    handled(fail)
    assert Client(**sandbox.options).acquire().value
    assert failed
