"""Hundreds of children, created by `os.fork` and `multiprocessing` while threads of their parent use the library."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.programs import run, run_to_end
from support.sandbox import ROOT, Sandbox

# Newer Pythons warn about a fork in a program with threads, which is what these tests do.
QUIET = ("-W", "ignore::DeprecationWarning")
# A busy machine may take longer than the default of 5 s for a handshake. A child that hangs is killed after 60 s.
PATIENT = {f"TANGO_{limit}_TIMEOUT_MS": "40000" for limit in ("CONNECT", "ATTEMPT", "TOTAL")}

WORK = """
import os, signal, sys, threading
from tango_token import Client, DpopKey, dpop_proof
url = os.environ["TANGO_API_URL"] + "/accounts"
client, key, rsa = Client.from_env(), DpopKey.generate("ES256"), DpopKey.generate("RS256")
client.acquire()
def prove(key=key):
    assert dpop_proof(key, "GET", url)
def sign():
    prove(rsa)
def generate():
    prove(DpopKey.generate("ES384"))
def authorize():
    assert client.authorize("GET", url).headers
def fetch():  # by a client of its own, so that each thread has its refresh and its cache at the same time
    own = Client.from_env()
    own.invalidate(own.acquire())
    assert own.acquire().value
works = [globals()[name] for name in os.environ["WORKS"].split()]
stop = threading.Event()
def keep_busy(work):
    while not stop.is_set():
        work()
def use():
    for work in works:
        work()
    thread = threading.Thread(target=works[0])  # draws the first random number of a thread, and ends
    thread.start()
    thread.join()
"""

FORKS = (
    WORK
    + """
def in_child(number):
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(60)
    code = 1
    try:
        use()
        code = 0
    finally:
        if number % 2 and code == 0:
            sys.exit(0)  # the interpreter's own end, with the library's threads of the parent gone
        os._exit(code)
threads = [threading.Thread(target=keep_busy, args=(work,)) for work in works for _ in range(2)]
for thread in threads: thread.start()
bad = []
for number in range(int(os.environ["CHILDREN"])):
    pid = os.fork()
    if pid == 0:
        in_child(number)
    status = os.waitpid(pid, 0)[1]
    if status: bad.append(status)
stop.set()
for thread in threads: thread.join()
use()
print(bad)
"""
)

POOL = (
    WORK
    + """
import multiprocessing
def task(number):
    signal.alarm(60)
    use()
    return client.acquire().token_type
def main():
    threads = [threading.Thread(target=keep_busy, args=(work,)) for work in works for _ in range(2)]
    for thread in threads: thread.start()
    with multiprocessing.get_context("fork").Pool(4, maxtasksperchild=1) as pool:
        results = pool.map(task, range(int(os.environ["CHILDREN"])), chunksize=1)
    stop.set()
    for thread in threads: thread.join()
    print(len(results), set(results))
main()
"""
)


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A library that ends each child that inherits a lock held by this package: a few in thousands would hang."""
    library = tmp_path_factory.mktemp("recorder") / "locks.so"
    source = ROOT / "tests/c/preload_locks.c"
    command: list[str | Path] = [os.environ.get("CC", "cc"), "-D_GNU_SOURCE", "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"]
    subprocess.run(command, check=True)
    return str(library)


@contextmanager
def redis(directory: Path) -> Iterator[str]:
    """A Redis server that keeps nothing. Yields its URL."""
    program = shutil.which("redis-server")
    assert program, "these tests need redis-server"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(directory)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        for _ in range(500):
            with socket.socket() as attempt:
                if attempt.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield f"redis://127.0.0.1:{port}?prefix=forks:"
    finally:
        process.terminate()
        process.wait(30)


def create_children(sandbox: Sandbox, works: str, children: int, **variables: str) -> None:
    """`TANGO_TEST_FORK_FACTOR` sets how many times as many children as usual are created."""
    children *= int(os.environ.get("TANGO_TEST_FORK_FACTOR", "1"))
    variables = {"WORKS": works, "CHILDREN": str(children), **PATIENT, **variables}
    assert run(sandbox, FORKS, *QUIET, timeout=3600, **variables) == ["[]"]
    print(f"Figure: {children} children of Python that were forked during calls, none hung")


@pytest.mark.parametrize(("work", "children"), [("prove", 200), ("sign", 60), ("generate", 60)])
def test_children_forked_while_threads_use_keys_work(work: str, children: int, sandbox: Sandbox) -> None:
    create_children(sandbox, work, children)


def test_children_forked_while_threads_authorize_calls_work(sandbox: Sandbox) -> None:
    create_children(sandbox, "authorize", 150, TANGO_DPOP="required")


def test_children_forked_while_threads_fetch_tokens_work(sandbox: Sandbox) -> None:
    create_children(sandbox, "fetch", 50, TANGO_CACHE="memory")


def test_children_forked_while_a_directory_is_the_cache_work(sandbox: Sandbox, tmp_path: Path) -> None:
    create_children(sandbox, "fetch authorize", 50, TANGO_CACHE=f"file:{tmp_path}/cache")


def test_children_forked_while_redis_is_the_cache_work(sandbox: Sandbox, tmp_path: Path) -> None:
    with redis(tmp_path) as url:
        create_children(sandbox, "fetch authorize", 50, TANGO_CACHE=url)


@pytest.mark.parametrize("work", ["prove sign generate", "fetch authorize"])
def test_children_inherit_no_lock_that_is_held(work: str, recorder: str, sandbox: Sandbox, tmp_path: Path) -> None:
    variables = {"TANGO_DPOP": "required", "TANGO_CACHE": f"file:{tmp_path}/cache", "LD_PRELOAD": recorder}
    create_children(sandbox, work, 100, **variables)


def test_workers_of_multiprocessing_that_are_forked_during_calls_work(sandbox: Sandbox) -> None:
    """Each task has a process of its own, which the pool's own thread forks."""
    variables = {"WORKS": "prove authorize fetch", "CHILDREN": "80", "TANGO_DPOP": "required", **PATIENT}
    assert run(sandbox, POOL, *QUIET, timeout=600, **variables) == ["80 {'DPoP'}"]


def test_child_logs_to_stderr(sandbox: Sandbox) -> None:
    program = """
        import os
        from tango_token import Client
        Client.from_env().acquire()
        child = os.fork()
        if child == 0:
            Client.from_env().acquire()
        else:
            assert os.waitpid(child, 0)[1] == 0
    """
    result = run_to_end(sandbox, program, *QUIET, timeout=120, TANGO_LOG="info", TANGO_LOG_FORMAT="json", **PATIENT)
    lines = [json.loads(line) for line in result.stderr.splitlines()]
    assert result.returncode == 0
    assert len(lines) == len({line["pid"] for line in lines}) == 2
