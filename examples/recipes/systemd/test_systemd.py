"""The unit: checked by systemd-analyze, and its service run under its restrictions, by restrict.sh.

No systemd is started: the test applies the settings of the unit that it lists in APPLIED.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from testing import Program, Sandbox, assert_no_secrets, free_port, request, request_many

HERE = Path(__file__).parent
UNIT = HERE / "rewards.service"
USER = 61184  # the first of those that DynamicUser= takes

APPLIED = {
    "ExecStart", "Environment", "EnvironmentFile", "LoadCredential", "DynamicUser", "StateDirectory",
    "StateDirectoryMode", "LimitCORE", "CapabilityBoundingSet", "MemoryDenyWriteExecute", "PrivateDevices",
    "ProcSubset", "ProtectHome", "ProtectKernelTunables", "ProtectProc", "RestrictAddressFamilies",
    "SystemCallErrorNumber", "SystemCallFilter", "UMask",
}  # fmt: skip
# What systemd does with the process, and restrictions of calls that a user without capabilities has anyhow no right to,
# or that neither Go nor the library makes.
NOT_APPLIED = {
    "Type", "Restart", "RestartSec", "TimeoutStopSec", "LockPersonality", "PrivateUsers", "ProtectClock",
    "ProtectControlGroups", "ProtectHostname", "ProtectKernelLogs", "ProtectKernelModules", "RestrictNamespaces",
    "RestrictRealtime", "SystemCallArchitectures",
}  # fmt: skip


def service_settings() -> list[tuple[str, str]]:
    section = UNIT.read_text().split("[Service]\n")[1].split("\n[")[0]
    return re.findall(r"^(\w+)=(.*)$", section, re.MULTILINE)


def values(name: str) -> list[str]:
    return [value for setting, value in service_settings() if setting == name]


def allowed_calls() -> set[str]:
    """Returns the system calls of SystemCallFilter=, whose sets systemd-analyze lists."""

    def members(name: str) -> set[str]:
        if not name.startswith("@"):
            return {name}
        listed = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True)
        lines = [line.strip() for line in listed.stdout.splitlines()[1:]]
        return set().union(*[members(line) for line in lines if line and not line.startswith("#")])

    calls: set[str] = set()
    for value in values("SystemCallFilter"):
        for name in value.removeprefix("~").split():
            calls = calls - members(name) if value.startswith("~") else calls | members(name)
    # systemd allows these with each list of allowed calls.
    return calls | members("@default")


class Service:
    """The service as installed, and started as often as the test wants."""

    def __init__(self, start: Callable[..., Program], directory: Path, sandbox: Sandbox) -> None:
        self._start = start
        self._directory = directory
        self._files = directory / "files"
        variables = sandbox.variables
        opt, credentials = self._files / "opt/rewards", self._files / "credentials"
        for place in (opt, credentials, self._files / "state"):
            place.mkdir(parents=True)
        shutil.copy(os.environ["RECIPE_GIN"], opt / "rewards")
        shutil.copy(HERE / "restrict_calls.py", opt)
        shutil.copy(variables["TANGO_CA_FILE"], opt / "ca.pem")
        secrets = {"/etc/rewards/client-secret": "TANGO_CLIENT_SECRET", "/etc/rewards/password": "TANGO_PASSWORD"}
        for credential in values("LoadCredential"):
            name, source = credential.split(":")
            (credentials / name).write_text(variables[secrets[source]] + "\n")
        self.url = f"http://127.0.0.1:{free_port()}"
        self.environment = self._environment(variables)

    def _environment(self, variables: dict[str, str]) -> dict[str, str]:
        assert values("EnvironmentFile") == ["/etc/rewards/tango.env"]
        names = re.findall(r"^(TANGO_\w+)=", (HERE / "tango.env").read_text(), re.MULTILINE)
        # The sandbox is no environment of Tango: it has a URL and an authority of its own.
        names = [name for name in names if name != "TANGO_ENVIRONMENT"] + ["TANGO_TOKEN_URL", "TANGO_PROXY"]
        found = {name: variables[name] for name in names} | {"TANGO_CA_FILE": "/opt/rewards/ca.pem"}
        for setting in values("Environment"):
            name, value = setting.split("=", 1)
            found[name] = value.replace("%d", "/run/credentials/rewards.service").replace("%S", "/var/lib")
        found["LISTEN"] = self.url.removeprefix("http://")
        if "TANGO_TOKEN_LIBRARY" in os.environ:
            shutil.copy(os.environ["TANGO_TOKEN_LIBRARY"], self._files / "opt/rewards/libtango_token.so")
            found["TANGO_TOKEN_LIBRARY"] = "/opt/rewards/libtango_token.so"
        return found

    def start(self) -> Program:
        namespaces = ["--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child"]
        (program,) = values("ExecStart")
        (families,) = values("RestrictAddressFamilies")
        restricted = [HERE / "restrict.sh", self._files, USER, ",".join(sorted(allowed_calls()))]
        command = ["unshare", *namespaces, *restricted, families.replace(" ", ","), program]
        started = self._start(command, {**self.environment, "PATH": os.environ["PATH"]}, self._directory, "rewards")
        started.wait_until_it_serves(f"{self.url}/healthz")
        return started

    def pid(self, started: Program) -> int:
        """Returns the ID of the service's own process, which is the child of unshare."""
        (child,) = Path(f"/proc/{started.pid}/task/{started.pid}/children").read_text().split()
        return int(child)


@pytest.fixture
def service(start: Callable[..., Program], tmp_path: Path, sandbox: Sandbox) -> Iterator[Service]:
    yield Service(start, tmp_path, sandbox)


def test_unit_is_valid_and_little_exposed(tmp_path: Path) -> None:
    # verify wants that the program exists, which it does where the recipe is installed.
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("ExecStart=/opt/rewards/rewards", "ExecStart=/bin/true"))
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=True
    )
    assert str(unit) not in verified.stderr
    # The scale ends at 100; a service without any restriction has 96.
    rating = ["systemd-analyze", "security", "--no-pager", "--offline=yes", "--threshold=20", unit]
    subprocess.run(rating, capture_output=True, check=True)


def test_misspelt_setting_is_found_by_the_same_check(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("ProtectHome=", "ProtectHomes="))
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )
    assert "ProtectHomes" in verified.stderr


def test_each_setting_of_the_unit_is_applied_here_or_listed_as_not_applied() -> None:
    settings = {name for name, _ in service_settings()}
    assert settings == APPLIED | NOT_APPLIED


def test_stop_and_crash_lose_no_token(service: Service, sandbox: Sandbox) -> None:
    first = service.start()
    assert sandbox.token_requests == 0, "a service that starts spends no token"
    assert {one.status for one in request_many([f"{service.url}/accounts"] * 50)} == {200}
    assert sandbox.token_requests == 1
    os.kill(service.pid(first), signal.SIGTERM)
    assert first.wait() == 0

    second = service.start()
    assert request(f"{service.url}/accounts").status == 200
    os.kill(service.pid(second), signal.SIGKILL)
    second.wait()

    service.start()
    assert request(f"{service.url}/accounts").status == 200
    assert sandbox.token_requests == 1, "the token is in the state directory"
    assert_no_secrets(sandbox, sandbox.log, first.log)


def test_secrets_are_in_no_place_but_the_credentials(service: Service, sandbox: Sandbox) -> None:
    pid = service.pid(service.start())
    assert request(f"{service.url}/accounts").status == 200
    process = Path(f"/proc/{pid}")
    shown = (process / "environ").read_text() + (process / "cmdline").read_text()
    assert "TANGO_CLIENT_SECRET_FILE=/run/credentials/rewards.service/client-secret" in shown
    kept = [file.read_bytes() for file in (process / "root/var/lib/rewards").rglob("*") if file.is_file()]
    assert any(kept), "the cache has files"
    for secret in sandbox.secrets():
        assert secret not in shown
        assert not any(secret.encode() in content for content in kept), "the token is sealed"
    assert (process / "root/var/lib/rewards/tango-token").stat().st_mode & 0o777 == 0o700


def test_restrictions_are_in_force(service: Service) -> None:
    process = Path(f"/proc/{service.pid(service.start())}")
    status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines())
    assert status["Uid"].split() == [str(USER)] * 4
    assert (status["CapBnd"], status["CapEff"]) == ("0" * 16, "0" * 16)
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    mounts = {line.split()[4]: line.split()[5] for line in (process / "mountinfo").read_text().splitlines()}
    assert mounts["/"].startswith("ro") and mounts["/opt"].startswith("ro")
    assert mounts["/var/lib/rewards"].startswith("rw")
    assert re.search(r"^Max core file size +0 +0 ", (process / "limits").read_text(), re.MULTILINE)
