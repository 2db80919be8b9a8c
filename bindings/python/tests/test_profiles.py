from __future__ import annotations

from pathlib import Path

import pytest

from support.sandbox import Sandbox
from tango_token import Client, InvalidConfiguration


@pytest.fixture
def file(tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration file with the profile `tests`, which the variables choose."""
    file = tmp_path / "config.toml"
    lines = [f'{name} = "{sandbox.variables["TANGO_" + name.upper()]}"\n' for name in sandbox.options]
    file.write_text("[tests]\n" + "".join(lines))
    file.chmod(0o600)
    monkeypatch.setenv("TANGO_CONFIG_FILE", str(file))
    monkeypatch.setenv("TANGO_PROFILE", "tests")
    return file


def test_profile_configures_a_client(file: Path, sandbox: Sandbox) -> None:
    assert Client.from_env().acquire().value
    assert sandbox.token_requests == 1


def test_variable_and_argument_win_over_the_profile(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANGO_TOKEN_URL", "http://127.0.0.1:9/variable")
    assert "127.0.0.1:9" in str(pytest.raises(Exception, Client.from_env().acquire).value)
    with pytest.raises(Exception, match=r"127\.0\.0\.1:7"):
        Client.from_env(token_url="http://127.0.0.1:7/argument").acquire()


def test_file_that_others_can_read_is_refused_without_its_secrets(file: Path, sandbox: Sandbox) -> None:
    file.chmod(0o644)
    with pytest.raises(InvalidConfiguration, match="chmod") as failure:
        Client.from_env()
    assert not any(secret in str(failure.value) for secret in sandbox.secrets)


def test_unknown_profile_is_an_error_that_names_the_profiles(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANGO_PROFILE", "live")
    with pytest.raises(InvalidConfiguration, match="tests"):
        Client.from_env()
