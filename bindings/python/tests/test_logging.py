"""The library's log, which goes to the logger ``tango_token``, or else to stderr."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.programs import run, run_to_end
from support.sandbox import Sandbox
from tango_token import Client, WouldBlock, log_to_stderr


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


def test_fields_are_attributes_of_the_record(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "tango_token")
    Client(**sandbox.options).acquire()
    wait_until(lambda: "a new token" in caplog.text)
    response = next(vars(record) for record in caplog.records if hasattr(record, "http_status"))
    assert (response["http_status"], response["client"]) == (200, sandbox.options["client_id"])
    assert isinstance(response["ms"], int) and f"ms={response['ms']}" in response["msg"]
    request = next(vars(record) for record in caplog.records if hasattr(record, "dpop"))
    assert request["dpop"] is False


def stderr_of(sandbox: Sandbox, program: str, **variables: str) -> tuple[list[dict[str, Any]], str]:
    """Returns the lines that a program logs to stderr as JSON, and what it prints."""
    variables = {"TANGO_LOG": "debug", "TANGO_LOG_FORMAT": "json", **variables}
    result = run_to_end(sandbox, program, timeout=120, **variables)
    assert result.returncode == 0, result.stdout + result.stderr
    assert not any(secret in result.stderr for secret in sandbox.secrets)
    return [json.loads(line) for line in result.stderr.splitlines()], result.stdout


def messages(lines: list[dict[str, Any]], level: str) -> list[str]:
    return [line["message"] for line in lines if line["level"] == level]


def test_variable_writes_the_log_to_stderr_when_logging_is_not_configured(sandbox: Sandbox) -> None:
    lines, printed = stderr_of(sandbox, "from tango_token import Client; Client.from_env().acquire()")
    assert len(lines) > 2 and not printed
    (news,) = messages(lines, "INFO")
    assert news.startswith("a new token is held"), "what is logged last is written before the process ends"
    assert all(line["target"].startswith("tango_token") and line["time"].endswith("Z") for line in lines)


def test_line_goes_to_a_handler_or_to_stderr_and_never_to_both(sandbox: Sandbox) -> None:
    program = """
        import logging, sys
        from tango_token import Client
        logger = logging.getLogger("tango_token")
        {configuration}
        Client.from_env().acquire()
    """
    to_stdout = "logging.basicConfig(stream=sys.stdout, format='%(levelname)s %(message)s', level=logging.{})"
    handler = "logger.addHandler(logging.StreamHandler(sys.stdout)); logger.handlers[-1].setLevel(logging.{})"
    enabled = "logger.setLevel(logging.DEBUG); " + handler
    disabled = to_stdout.format("DEBUG") + "; logger.disabled = True"
    alone = to_stdout.format("DEBUG") + "; logger.propagate = False"
    for configuration, printed, written in [
        (to_stdout.format("DEBUG"), {"DEBUG", "INFO"}, set()),
        (to_stdout.format("INFO"), {"INFO"}, {"DEBUG"}),
        (enabled.format("DEBUG"), {"DEBUG", "INFO"}, set()),
        (enabled.format("INFO"), {"INFO"}, {"DEBUG"}),
        (disabled, set(), {"DEBUG", "INFO"}),
        (alone, set(), {"DEBUG", "INFO"}),
    ]:
        sandbox.reset()
        lines, output = stderr_of(sandbox, program.format(configuration=configuration))
        assert {line["level"] for line in lines} == written, configuration
        assert ("a new token" in output, "a token request" in output) == ("INFO" in printed, "DEBUG" in printed)


def test_log_to_stderr_decides_instead_of_the_variable(sandbox: Sandbox) -> None:
    program = """
        from tango_token import Client, log_to_stderr
        log_to_stderr("info", "json")
        Client.from_env().acquire()
        log_to_stderr("off")
    """
    lines, _ = stderr_of(sandbox, program, TANGO_LOG_FORMAT="text")
    assert {line["level"] for line in lines} == {"INFO"}
    for level, format in [("verbose", "text"), ("info", "xml")]:
        with pytest.raises(ValueError, match="of the log must be"):
            log_to_stderr(level, format)  # type: ignore[arg-type]


def test_wrong_variable_is_reported_once_and_ignored(sandbox: Sandbox) -> None:
    program = "from tango_token import Client; Client.from_env().acquire(); Client.from_env()"
    result = run_to_end(sandbox, program, TANGO_LOG="verbose")
    assert result.returncode == 0
    assert result.stderr.count("\n") == 1
    assert "TANGO_LOG must be error, warn, info, debug, trace or off" in result.stderr
