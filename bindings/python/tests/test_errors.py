"""The exceptions: one for each status, with the fields of the library's errors."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import re
from collections.abc import Callable
from datetime import timedelta

import pytest

import tango_token
from support.sandbox import ROOT, Sandbox
from tango_token import Client, CredentialsRefused, QuotaRefused, RateLimited, TangoError, errors


PACKAGE = ROOT / "bindings/python"
STATUSES = next(
    enum["members"]
    for enum in json.loads((ROOT / "include/tango_token.json").read_text())["enums"]
    if enum["name"] == "tango_status"
)
NUMBERS = {
    status["name"].removeprefix("TANGO_STATUS_").title().replace("_", ""): status["value"]
    for status in STATUSES
    if status["name"] != "TANGO_STATUS_OK"
}


def test_each_status_has_one_exception() -> None:
    assert len(NUMBERS) > 20
    assert {kind.__name__ for kind in TangoError.__subclasses__()} == set(NUMBERS)
    assert set(errors.__all__) == {"TangoError", *NUMBERS} <= set(tango_token.__all__)


def test_readme_lists_each_exception_once() -> None:
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| ", (PACKAGE / "README.md").read_text(), re.MULTILINE)
    assert sorted(re.findall(r"\w+", " ".join(rows))) == sorted(NUMBERS)


def test_status_is_the_number_in_the_header(sandbox: Sandbox) -> None:
    sandbox.script({"status": 429, "headers": {"Retry-After": "120"}})
    with pytest.raises(RateLimited) as limited:
        Client(**sandbox.options).acquire()
    with pytest.raises(tango_token.InvalidConfiguration) as invalid:
        Client()
    with pytest.raises(tango_token.KeyRejected) as rejected:
        tango_token.DpopKey.from_pem("no key")
    assert limited.value.status == NUMBERS["RateLimited"]
    assert invalid.value.status == NUMBERS["InvalidConfiguration"]
    assert rejected.value.status == NUMBERS["KeyRejected"]


@pytest.mark.parametrize(
    ("kind", "base"),
    [
        (errors.InvalidArgument, ValueError),
        (errors.InvalidConfiguration, ValueError),
        (errors.KeyRejected, ValueError),
        (errors.ConnectFailed, ConnectionError),
        (errors.TlsFailed, ConnectionError),
        (errors.ConnectionLost, ConnectionError),
        (errors.TimedOut, TimeoutError),
    ],
    ids=lambda kind: kind.__name__,
)
def test_exception_is_also_the_built_in_one_of_its_kind(kind: type[TangoError], base: type[Exception]) -> None:
    error = kind("what happened", status=5, http_status=503)
    assert isinstance(error, base)
    assert (str(error), error.args) == ("what happened", ("what happened",))
    assert repr(error) == f"{kind.__name__}('what happened')"
    for again in [pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)]:
        assert type(again) is kind
        assert (str(again), again.args, again.__dict__) == (str(error), error.args, error.__dict__)


def test_time_limit_raises_a_timeout_error_of_python(sandbox: Sandbox) -> None:
    sandbox.hold()
    client = Client(**sandbox.options, total_timeout=0.2)
    with pytest.raises(TimeoutError) as caught:
        client.acquire()
    assert type(caught.value) is errors.TimedOut
    with pytest.raises(TimeoutError):
        asyncio.run(client.aacquire())
    sandbox.release()


def refusal(sandbox: Sandbox) -> TangoError:
    body = '{"error": "invalid_grant", "error_description": "no", "i18nKey": "key", "message": "words"}'
    sandbox.script({"status": 400, "headers": {"X-REQUEST-ID": "id-1", "Content-Type": "application/json"}, "body": body})
    with pytest.raises(CredentialsRefused) as caught:
        Client(**sandbox.options).acquire()
    return caught.value


def test_error_has_the_fields_of_the_response(sandbox: Sandbox) -> None:
    error = refusal(sandbox)
    assert error.http_status == 400
    assert (error.oauth_error, error.oauth_error_description) == ("invalid_grant", "no")
    assert (error.i18n_key, error.server_message, error.request_id) == ("key", "words", "id-1")
    assert error.retry_after is None, "waiting does not correct a credential"


def test_error_is_equal_after_pickling_and_copying(sandbox: Sandbox) -> None:
    error = refusal(sandbox)
    for again in [pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)]:
        assert type(again) is CredentialsRefused
        assert (str(again), again.__dict__) == (str(error), error.__dict__)


def test_string_with_a_secret_is_not_shown_in_the_error(sandbox: Sandbox) -> None:
    sandbox.script({"status": 400, "body": "bad: " + " ".join(sandbox.secrets)})
    with pytest.raises(TangoError) as caught:
        Client(**sandbox.options).acquire()
    shown = repr(caught.value) + str(caught.value) + repr(caught.value.__dict__)
    assert "[not shown, because it contains a secret]" in shown
    assert not any(secret in shown for secret in sandbox.secrets)


def test_quota_refused_has_retry_after_and_sends_nothing_again(start_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = start_sandbox()
    Client(**sandbox.options).acquire()
    client = Client(**sandbox.options)
    for _ in range(3):
        with pytest.raises(QuotaRefused) as caught:
            client.acquire()
        assert caught.value.retry_after is not None
        assert caught.value.retry_after > timedelta(minutes=30)
    assert sandbox.token_requests == 2, "no request is sent that would be refused"
