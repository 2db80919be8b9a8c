"""The lines of the crontab, run as cron runs them: by sh, with cron's few variables, and all in the same minute."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from testing import Sandbox, assert_no_secrets

HERE = Path(__file__).parent
PLACES = ("/opt/rewards", "/etc/rewards", "/var/lib/rewards")


class Cron:
    """The recipe as installed, with a root of its own for the three directories that it uses."""

    def __init__(self, root: Path, variables: Mapping[str, str]) -> None:
        self.root = root
        opt, etc, self.state = (root / place[1:] for place in PLACES)
        for directory in (opt, etc, self.state):
            directory.mkdir(parents=True)
        for file in ("run-job", "job.py"):
            (opt / file).write_text(self._here((HERE / file).read_text()))
            (opt / file).chmod(0o755)
        (opt / "venv").symlink_to(Path(os.environ["RECIPE_PYTHON"]).parent.parent)
        self._configure(etc, variables)
        self.crontab = root / "crontab"
        self.crontab.write_text(self._here((HERE / "crontab").read_text()))
        lines = self.crontab.read_text().splitlines()
        self._variables = dict(line.split("=", 1) for line in lines if re.match(r"[A-Z]+=", line))
        # Five fields of the time, the user, and the command.
        self.commands = [line.split(maxsplit=6)[6] for line in lines if re.match(r"[0-9*]", line)]

    def _here(self, text: str) -> str:
        for place in PLACES:
            text = text.replace(place, str(self.root / place[1:]))
        return text

    def _configure(self, etc: Path, variables: Mapping[str, str]) -> None:
        for file, name in (("client-secret", "TANGO_CLIENT_SECRET"), ("password", "TANGO_PASSWORD")):
            (etc / file).write_text(variables[name] + "\n")
        names = re.findall(r"^(TANGO_[A-Z_]+)=", (HERE / "tango.env").read_text(), re.MULTILINE)
        assert "TANGO_CLIENT_SECRET" not in names, "a secret belongs into a file of its own"
        text = self._here((HERE / "tango.env").read_text())
        # The sandbox is no environment of Tango: it has a URL and an authority of its own.
        text = text.replace("TANGO_ENVIRONMENT=sandbox\n", "TANGO_TOKEN_URL=\nTANGO_CA_FILE=\nTANGO_PROXY=\n")
        for name in ("TOKEN_URL", "CA_FILE", "PROXY", "API_URL", "CLIENT_ID", "USERNAME"):
            line = f"TANGO_{name}='{variables[f'TANGO_{name}']}'"
            text = re.sub(rf"^TANGO_{name}=.*$", line, text, flags=re.MULTILINE)
        (etc / "tango.env").write_text(text)

    def run(self, commands: list[str]) -> list[tuple[int, str]]:
        """Runs the commands at once. Returns the status of each, and the output, which cron would mail."""
        environment = {**self._variables, "HOME": str(self.root), "LOGNAME": "rewards"}
        running = [
            subprocess.Popen(
                [self._variables["SHELL"], "-c", command], env=environment, cwd=self.root, text=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )
            for command in commands
        ]  # fmt: skip
        outputs = [process.communicate(timeout=120)[0] for process in running]
        return [(process.returncode, output) for process, output in zip(running, outputs)]

    def logs(self) -> list[Path]:
        return sorted(self.state.glob("*.log"))


@pytest.fixture
def cron(sandbox: Sandbox, tmp_path: Path) -> Cron:
    return Cron(tmp_path / "root", sandbox.variables)


def test_crontab_is_one_that_cron_accepts(cron: Cron) -> None:
    subprocess.run(["crontab", "-n", cron.crontab], check=True)
    assert len(cron.commands) == 3


def test_jobs_of_one_minute_and_of_later_ones_share_one_token(cron: Cron, sandbox: Sandbox) -> None:
    first = cron.run(cron.commands * 2)
    assert first == [(os.EX_OK, "")] * 6, "a job that succeeds makes no mail"
    assert (sandbox.token_requests, sandbox.api_requests) == (1, 6)
    assert cron.run(cron.commands) == [(os.EX_OK, "")] * 3
    assert (sandbox.token_requests, sandbox.api_requests) == (1, 9)
    assert_no_secrets(sandbox, sandbox.log, *cron.logs())


def test_daily_limit_makes_no_mail_and_no_further_request(cron: Cron, sandbox: Sandbox) -> None:
    sandbox.respond({"status": 400, "body": "Client x 1 has exceeded the daily rate limit"})
    assert cron.run(cron.commands) == [(os.EX_TEMPFAIL, "")] * 3
    assert cron.run(cron.commands) == [(os.EX_TEMPFAIL, "")] * 3
    assert sandbox.token_requests == 1, "jobs that begin later know of the refusal"
    # A file of the last success that is 27 hours old.
    job = cron.commands[0]
    succeeded = cron.state / "accounts.succeeded"
    os.utime(succeeded, (succeeded.stat().st_mtime - 27 * 3600,) * 2)
    ((status, mail),) = cron.run([job])
    assert status == os.EX_TEMPFAIL and "accounts has not succeeded for 26 hours" in mail and "QuotaRefused" in mail


def test_wrong_password_makes_a_mail_that_says_what_to_do(cron: Cron, sandbox: Sandbox) -> None:
    (cron.root / "etc/rewards/password").write_text("mistyped\n")
    ((status, mail),) = cron.run(cron.commands[:1])
    assert status == os.EX_CONFIG
    assert "CredentialsRefused" in mail and "mistyped" not in mail
    assert cron.run(cron.commands[:1])[0][0] == os.EX_CONFIG
    assert sandbox.token_requests == 1, "a job that begins later does not send the wrong password again"
