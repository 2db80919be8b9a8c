"""Code of the program that blocks, or holds the GIL: it delays no request and no deadline."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Iterator

import pytest

from support.programs import run
from support.sandbox import Sandbox
from tango_token import Client


class Gate(logging.Handler):
    """Holds the first record until the gate opens."""

    def __init__(self) -> None:
        super().__init__()
        self.is_open = threading.Event()
        self.is_reached = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.is_reached.set()
        assert self.is_open.wait(30)


@pytest.fixture
def gate() -> Iterator[Gate]:
    logger = logging.getLogger("tango_token")
    handler, level = Gate(), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    handler.is_open.set()
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_clients_get_tokens_while_a_log_handler_hangs(sandbox: Sandbox, client: Client, gate: Gate) -> None:
    client.acquire()
    assert gate.is_reached.wait(10)
    assert Client(**sandbox.options, total_timeout=1.5).acquire().value
    asynchronous = Client(**sandbox.options, total_timeout=1.5)
    assert asyncio.run(asyncio.wait_for(asynchronous.aacquire(), 10)).value
    assert not gate.is_open.is_set()


# Lets the held responses go after it has read a byte, and writes one when the server has got as many requests as that.
HELPER = """
import json, os, sys, time, urllib.request
control, count = os.environ["CONTROL"], int(os.environ["COUNT"])
sys.stdin.buffer.read(1)
urllib.request.urlopen(os.environ["TANGO_SANDBOX_CONTROL_URL"] + "/release", b"")
urllib.request.urlopen(control + "/release", b"")
end = time.monotonic() + 20
while json.load(urllib.request.urlopen(control + "/stats"))["token_requests"] < count and time.monotonic() < end:
    time.sleep(0.02)
os.write(1, b"n" if time.monotonic() > end else b"y")
"""

# `hold_the_gil` keeps the GIL in a C call until the server has got the second request of a client, and returns b"y"
# then. It returns b"n" if the request does not come.
HOLD_THE_GIL = """
import asyncio, ctypes, json, logging, os, subprocess, sys, threading, time, urllib.request
from tango_token import Client, CredentialsRefused
logging.basicConfig(level=logging.DEBUG, filename=os.devnull)
helper = subprocess.Popen([sys.executable, "-c", os.environ["HELPER"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
def hold_the_gil():
    os.write(helper.stdin.fileno(), b"x")
    outcome = ctypes.create_string_buffer(1)
    ctypes.PyDLL(None).read(helper.stdout.fileno(), outcome, 1)
    return outcome.value
def wait_for_request(control):
    while not json.load(urllib.request.urlopen(control + "/stats"))["token_requests"]:
        time.sleep(0.01)
"""


def test_request_is_repeated_while_the_program_holds_the_gil(sandbox: Sandbox) -> None:
    program = """
client = Client.from_env()
caller = threading.Thread(target=client.acquire)
caller.start()
wait_for_request(os.environ["CONTROL"])
print(hold_the_gil())
caller.join()
"""
    sandbox.hold()
    sandbox.script({"status": 503})
    control = sandbox.variables["TANGO_SANDBOX_CONTROL_URL"]
    variables = {"HELPER": HELPER, "CONTROL": control, "COUNT": "2", "TANGO_TOTAL_TIMEOUT_MS": "60000"}
    assert run(sandbox, HOLD_THE_GIL + program, timeout=60, **variables) == ["b'y'"]


def test_asyncio_task_is_woken_without_the_network_thread(start_sandbox: Callable[..., Sandbox]) -> None:
    """A task's own request has ended, and cannot wake it: another client's request is repeated all the same."""
    program = """
async def main():
    task = asyncio.ensure_future(Client.from_env().aacquire())
    await asyncio.sleep(0)
    other = Client(**json.loads(os.environ["OTHER"]), total_timeout=60)
    caller = threading.Thread(target=other.acquire)
    caller.start()
    for control in [os.environ["TANGO_SANDBOX_CONTROL_URL"], os.environ["CONTROL"]]:
        await asyncio.to_thread(wait_for_request, control)
    print(hold_the_gil())
    caller.join()
    try:
        await task
    except CredentialsRefused:
        print("refused")
asyncio.run(main())
"""
    failing, sandbox = start_sandbox(), start_sandbox("--quota-window-seconds", "0")
    failing.hold()
    failing.script({"status": 400, "body": '{"error": "invalid_client"}'})
    sandbox.hold()
    sandbox.script({"status": 503})
    control = sandbox.variables["TANGO_SANDBOX_CONTROL_URL"]
    variables = {"HELPER": HELPER, "CONTROL": control, "COUNT": "2", "OTHER": json.dumps(sandbox.options)}
    variables["TANGO_TOTAL_TIMEOUT_MS"] = "60000"
    assert run(failing, HOLD_THE_GIL + program, timeout=60, **variables) == ["b'y'", "refused"]


def test_finalizer_of_a_signer_may_use_the_client_that_is_being_closed(sandbox: Sandbox) -> None:
    program = """
        import json
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec
        from jwt.algorithms import ECAlgorithm
        from tango_token import Client, DpopKey
        private = ec.generate_private_key(ec.SECP256R1())
        clients = []
        class Signer:
            def __call__(self, message):
                return private.sign(message, ec.ECDSA(hashes.SHA256()))
            def __del__(self):
                print(clients)
        key = DpopKey.from_signer("ES256", ECAlgorithm.to_jwk(private.public_key()), Signer())
        clients.append(Client.from_env(dpop="required", dpop_key=key))
        del key
        clients[0].close()
    """
    assert run(sandbox, program) == ["[<tango_token.Client, closed>]"]
