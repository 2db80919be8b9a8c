"""Forks, spawned children, subinterpreters, signals, and the exit of the interpreter."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable

import pytest

from support.programs import run
from support.sandbox import Sandbox

# Newer Pythons warn about a fork in a program with threads, which is what these tests do.
QUIET = ("-W", "ignore::DeprecationWarning")


def test_forked_child_keeps_the_token_and_fetches_its_own_next_one(sandbox: Sandbox) -> None:
    program = """
        import logging, os
        from tango_token import Client
        logging.basicConfig(filename=os.devnull)
        client, unused = Client.from_env(dpop="required"), Client.from_env()
        held = client.acquire()
        def child(number):
            assert client.acquire() == held, "the child has its parent's token"
            assert unused.acquire() != held
            client.invalidate(held)
            assert client.acquire() != held, "the child fetches by itself"
            os._exit(0)
        children = []
        for number in range(4):
            pid = os.fork()
            if pid == 0:
                child(number)
            children.append(pid)
        statuses = [os.waitpid(pid, 0)[1] for pid in children]
        assert client.acquire() == held
        print(statuses)
    """
    assert run(sandbox, program, *QUIET) == ["[0, 0, 0, 0]"]
    assert sandbox.token_requests == 1 + 4 * 2


def test_child_forked_during_a_fetch_fetches_its_own_token(sandbox: Sandbox) -> None:
    program = """
        import json, logging, os, threading, time, urllib.request
        from tango_token import Client
        logging.basicConfig(filename=os.devnull)
        client = Client.from_env()
        thread = threading.Thread(target=client.acquire)
        thread.start()
        url = os.environ["TANGO_SANDBOX_CONTROL_URL"] + "/stats"
        while not json.load(urllib.request.urlopen(url))["token_requests"]:
            time.sleep(0.01)
        pid = os.fork()
        if pid == 0:
            token = client.acquire()
            os._exit(0 if token.value else 1)
        status = os.waitpid(pid, 0)[1]
        thread.join()
        print(status)
    """
    sandbox.script({"status": 503, "delay_ms": 400})
    assert run(sandbox, program, *QUIET) == ["0"]
    assert sandbox.token_requests == 3


def test_forked_children_work_while_threads_log_and_run_event_loops(sandbox: Sandbox) -> None:
    program = """
        import asyncio, logging, os, threading
        from tango_token import Client
        class Handler(logging.Handler):  # a file has a lock of its own, which stays locked in a child
            def emit(self, record):
                assert record.getMessage()
        logging.basicConfig(level=logging.DEBUG, handlers=[Handler()])
        client = Client.from_env()
        stop = threading.Event()
        def busy():
            while not stop.is_set():
                client.invalidate(asyncio.run(client.aacquire()))
        threads = [threading.Thread(target=busy) for _ in range(3)]
        for thread in threads: thread.start()
        failed = 0
        for _ in range(40):
            pid = os.fork()
            if pid == 0:
                client.acquire()
                asyncio.run(client.aacquire())
                client.invalidate(client.acquire())
                os._exit(0)
            failed += os.waitpid(pid, 0)[1] != 0
        stop.set()
        for thread in threads: thread.join()
        print(failed)
    """
    # A busy machine may take longer than the default of 5 s for a handshake. A deadlock takes forever.
    patient = {f"TANGO_{limit}_TIMEOUT_MS": "100000" for limit in ("CONNECT", "ATTEMPT", "TOTAL")}
    assert run(sandbox, program, *QUIET, timeout=120, **patient) == ["0"]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_workers_get_tokens(method: str, sandbox: Sandbox, tmp_path: object) -> None:
    file = f"{tmp_path}/program.py"
    program = """
import multiprocessing, sys
from tango_token import Client
client = None
def work(number):
    global client
    client = client or Client.from_env()
    return client.acquire().token_type
if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    client = Client.from_env()
    client.acquire()
    with context.Pool(3) as pool:
        print(set(pool.map(work, range(60))))
"""
    with open(file, "w") as out:
        out.write(program)
    runner = f"import runpy, sys; sys.argv = [{file!r}, {method!r}]; runpy.run_path({file!r}, run_name='__main__')"
    if method == "fork":
        assert run(sandbox, runner, *QUIET) == ["{'Bearer'}"]
        assert sandbox.token_requests == 1, "the children have their parent's token"
    else:
        result = subprocess.run(
            [sys.executable, file, method],
            env={**os.environ, **sandbox.environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (result.returncode, result.stderr, result.stdout) == (0, "", "{'Bearer'}\n")


def test_import_fails_in_a_subinterpreter(sandbox: Sandbox) -> None:
    program = """
        import sys
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters
        import tango_token
        interpreter = interpreters.create()
        code = "try:\\n    import tango_token\\nexcept ImportError as error:\\n    print(error, flush=True)"
        try:
            failed = interpreters.run_string(interpreter, code)
        finally:
            interpreters.destroy(interpreter)
        sys.exit(1 if failed else 0)
    """
    [message] = run(sandbox, program)
    assert "subinterpreter" in message


@pytest.mark.parametrize("kind", ["thread", "daemon", "task"])
def test_interpreter_exits_while_a_fetch_is_in_flight(kind: str, sandbox: Sandbox) -> None:
    program = """
        import asyncio, logging, os, threading, time
        from tango_token import Client
        logging.basicConfig(level=logging.DEBUG, filename=os.devnull)
        client = Client.from_env(total_timeout=3)
        def ask():
            try:
                client.acquire()
            except Exception:
                pass
        kind = os.environ["KIND"]
        if kind == "thread":
            threading.Thread(target=ask).start()
        elif kind == "daemon":
            for _ in range(4):
                threading.Thread(target=ask, daemon=True).start()
        else:
            async def main():
                asyncio.ensure_future(client.aacquire())
                await asyncio.sleep(0.05)
            asyncio.run(main())
        time.sleep(0.1)
        print("end")
    """
    for delay in [0, 90, 110, 400]:
        sandbox.script({"status": 503, "delay_ms": delay}, {"status": 503, "delay_ms": delay})
        assert run(sandbox, program, KIND=kind) == ["end"]
        sandbox.reset()


def test_interpreter_exits_while_a_refresh_is_in_flight(start_sandbox: Callable[..., Sandbox]) -> None:
    program = """
        import json, logging, os, time, urllib.request
        from tango_token import Client
        logging.basicConfig(level=logging.DEBUG, filename=os.devnull)
        client = Client.from_env()
        held = client.acquire()
        url = os.environ["TANGO_SANDBOX_CONTROL_URL"]
        urllib.request.urlopen(url + "/responses", json.dumps([{"status": 503, "delay_ms": 300}]).encode())
        while json.load(urllib.request.urlopen(url + "/stats"))["token_requests"] < 2:
            assert client.acquire() == held, "the current token is served during the refresh"
            time.sleep(0.01)
        time.sleep(float(os.environ["PAUSE"]))
        print("end")
    """
    for pause in ["0", "0.25", "0.3"]:
        sandbox = start_sandbox("--token-lifetime-seconds", "4", "--quota-window-seconds", "0")
        assert run(sandbox, program, PAUSE=pause) == ["end"]


def test_interpreter_exits_while_the_log_thread_is_busy(sandbox: Sandbox) -> None:
    """The library's threads attach to the interpreter all the time, also while it is finalizing.

    No thread of Python runs beside them: CPython 3.10 itself crashes at times if daemon threads compete for the GIL
    while the interpreter exits.
    """
    program = """
        import asyncio, logging, os
        from tango_token import Client
        logging.basicConfig(level=logging.DEBUG, filename=os.devnull)
        clients = [Client.from_env() for _ in range(50)]
        loop = asyncio.new_event_loop()
        tasks = [loop.create_task(client.aacquire()) for client in clients]
        while not any(task.done() for task in tasks):
            loop.run_until_complete(asyncio.sleep(0.001))
        print(sum(not task.done() for task in tasks))
    """
    in_flight = [int(*run(sandbox, program)) for _ in range(15)]
    assert any(in_flight)


def test_lines_logged_before_the_interpreter_exits_are_not_lost(sandbox: Sandbox) -> None:
    program = """
        import logging, sys, time
        from tango_token import Client
        class Slow(logging.StreamHandler):
            def emit(self, record):
                time.sleep(0.3)
                super().emit(record)
        logging.getLogger("tango_token").addHandler(Slow(sys.stdout))
        logging.getLogger("tango_token").setLevel(logging.DEBUG)
        Client.from_env().acquire()
    """
    lines = run(sandbox, program)
    assert len(lines) > 2 and lines[-1].startswith("a new token is held")


@pytest.mark.parametrize("hang", ["threading.Event().wait()", "time.sleep(8)"])
def test_interpreter_exits_while_the_log_hangs(hang: str, sandbox: Sandbox) -> None:
    """A filter hangs, not a handler: `logging` itself waits at exit for each handler."""
    program = f"""
        import logging, os, threading, time
        from tango_token import Client
        logging.basicConfig(filename=os.devnull, level=logging.INFO)
        logging.getLogger("tango_token").addFilter(lambda record: {hang})
        Client.from_env().acquire()
        print("end")
    """
    assert run(sandbox, program) == ["end"]


def test_forked_child_writes_its_own_lines(sandbox: Sandbox) -> None:
    program = """
        import logging, os, sys
        from tango_token import Client
        logging.basicConfig(stream=sys.stdout, format="%(process)d %(message)s", level=logging.INFO)
        client = Client.from_env()
        client.invalidate(client.acquire())
        child = os.fork()
        client.acquire()
        if child:
            assert os.waitpid(child, 0)[1] == 0
            sys.stdout.write(f"{os.getpid()} parent\\n")
        else:
            sys.stdout.write(f"{os.getpid()} child\\n")
    """
    # Each line in one write, because those of two processes may come at once.
    lines = run(sandbox, program, "-u", *QUIET)
    processes = {line.split()[1]: line.split()[0] for line in lines if line.endswith(("parent", "child"))}
    issued = [line.split()[0] for line in lines if "a new token is held" in line]
    assert sorted(issued) == sorted([processes["parent"], processes["parent"], processes["child"]])


def test_ctrl_c_ends_a_wait(sandbox: Sandbox) -> None:
    # A background process of a shell ignores the signal, and Python keeps it ignored.
    program = """
        import signal, time
        from tango_token import Client
        signal.signal(signal.SIGINT, signal.default_int_handler)
        client = Client.from_env()
        print("ready", flush=True)
        start = time.monotonic()
        try:
            client.acquire()
        except KeyboardInterrupt:
            print(time.monotonic() - start < 5, flush=True)
        print(client.acquire().token_type)
    """
    sandbox.script({"fault": "hang"})
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**os.environ, **sandbox.environment, "TANGO_ATTEMPT_TIMEOUT_MS": "6000"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    while not sandbox.token_requests:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert out.split() == ["True", "Bearer"]
    assert process.returncode == 0


def test_signal_handlers_run_during_a_wait(sandbox: Sandbox) -> None:
    program = """
        import logging, os, signal
        from tango_token import Client
        logging.basicConfig(filename=os.devnull)
        calls = []
        signal.signal(signal.SIGALRM, lambda *_: calls.append(1))
        signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
        Client.from_env().acquire()
        signal.setitimer(signal.ITIMER_REAL, 0)
        print(len(calls) >= 3)
    """
    sandbox.script({"status": 503, "delay_ms": 600})
    assert run(sandbox, program) == ["True"]


def test_acquire_starts_one_or_two_threads(sandbox: Sandbox) -> None:
    program = """
        import os
        import time
        from tango_token import Client
        threads = lambda: len(os.listdir("/proc/self/task"))
        before = threads()
        client = Client.from_env()
        after = threads()
        client.acquire()
        # Threads that read a file and resolved a name can still be about to end.
        deadline = time.monotonic() + 10
        while threads() - before > 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        print(after - before, threads() - before in (1, 2))
    """
    assert run(sandbox, program) == ["0 True"]
