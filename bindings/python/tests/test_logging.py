"""The library's log, which goes to the logger ``tango_token``."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from support.programs import run
from support.sandbox import Sandbox
from tango_token import Client, WouldBlock


def wait_until(condition: Callable[[], object]) -> None:
    """Records arrive on the library's log thread, a moment after the call that they are about."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_log_reports_tokens_and_retries_without_secrets(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "tango_token")
    sandbox.script({"status": 503, "body": "100% " + " ".join(sandbox.secrets)})
    client = Client(**sandbox.options)
    token = client.acquire()
    client.invalidate(token)
    wait_until(lambda: "rejected the token" in caplog.text)
    records = [(record.name, record.levelname) for record in caplog.records if record.levelno > logging.DEBUG]
    assert records == [("tango_token", "WARNING"), ("tango_token", "INFO"), ("tango_token", "WARNING")]
    text = caplog.text
    assert "trying again" in text
    assert "a new token is held for 24 h 0 min, until " in text
    assert f'the token endpoint responded client="{sandbox.options["client_id"]}" http_status=200 ms=' in text
    assert not any(secret in text for secret in [*sandbox.secrets, token.value])


def test_records_below_the_loggers_level_are_dropped(sandbox: Sandbox) -> None:
    program = """
        import logging, sys
        from tango_token import Client
        logging.basicConfig(stream=sys.stdout, format="%(levelname)s", level=logging.DEBUG)
        logging.getLogger("tango_token").setLevel(logging.WARNING)
        client = Client.from_env()
        client.invalidate(client.acquire())
    """
    assert run(sandbox, program) == ["WARNING"]


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
    """Adds handlers to the logger until the end of the test."""
    logger = logging.getLogger("tango_token")
    caplog.set_level(logging.DEBUG, "tango_token")
    added: list[logging.Handler] = []

    def add(work: Work) -> None:
        added.append(Handler(work))
        logger.addHandler(added[-1])

    yield add
    for handler in added:
        logger.removeHandler(handler)


def test_acquire_in_a_handler_raises_would_block_instead_of_a_deadlock(sandbox: Sandbox, handled: Handled) -> None:
    sandbox.script({"status": 503})
    client = Client(**sandbox.options)
    errors: list[BaseException] = []
    threads: list[int] = []

    def ask(record: logging.LogRecord) -> None:
        threads.append(threading.get_ident())
        if "trying again" in record.getMessage():
            with pytest.raises(WouldBlock) as caught:
                client.acquire()
            errors.append(caught.value)

    handled(ask)
    assert client.acquire().value
    wait_until(lambda: errors)
    assert len(set(threads)) == 1 and threading.get_ident() not in threads, "handlers run on the log thread"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_acquire_succeeds_when_a_handler_raises(sandbox: Sandbox, handled: Handled) -> None:
    failed: list[str] = []

    def fail(record: logging.LogRecord) -> None:
        failed.append(record.getMessage())
        raise RuntimeError("on purpose")

    handled(fail)
    assert Client(**sandbox.options).acquire().value
    wait_until(lambda: any("a new token" in message for message in failed))


def test_library_prints_nothing_when_logging_is_not_configured(sandbox: Sandbox) -> None:
    sandbox.script({"status": 503})
    program = """
        import logging
        from tango_token import Client
        Client.from_env().acquire()
        Client.from_env()
        print(*[type(handler).__name__ for handler in logging.getLogger("tango_token").handlers])
    """
    assert run(sandbox, program) == ["NullHandler"]
