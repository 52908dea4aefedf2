# SPDX-License-Identifier: Apache-2.0
"""What every test must keep: no task, thread or process left behind; in CI nothing is skipped.

A test that needs a Debian program says so with ``@pytest.mark.server("mosquitto")``; where the program is missing
the test is left out by name with the line to run, and in CI that is a failure.
"""

import asyncio
import functools
import inspect
import os
import shutil
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.safety_table import tell_safety

settings.register_profile("vuon", deadline=None)  # no test looks at the time that the machine takes
settings.load_profile("vuon")

ROOT = Path(__file__).resolve().parent.parent
IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}

# program -> the Debian package that holds it
DEBIAN_PACKAGE = {
    "mosquitto": "mosquitto",
    "influxd": "influxdb",
    "victoria-metrics": "victoria-metrics",
    "nginx": "nginx-light",
    "nats-server": "nats-server",
    "chromium": "chromium",
    "avr-gcc": "gcc-avr avr-libc binutils-avr",
    "simavr": "simavr libsimavr-dev libelf-dev arduino-core-avr",
    "avrdude": "avrdude",
    "cppcheck": "cppcheck",
    "clang-tidy": "clang-tidy",
    "pdftotext": "poppler-utils",
    "pdftoppm": "poppler-utils",
    "zbarimg": "zbar-tools",
}
_SYSTEM_PATH = os.environ.get("PATH", "") + os.pathsep + "/usr/sbin"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out a test whose program is missing, naming the line that would bring it."""
    for mark in item.iter_markers("server"):
        for program in mark.args:
            if shutil.which(program, path=_SYSTEM_PATH) is None:
                package = DEBIAN_PACKAGE.get(program, program)
                pytest.skip(f"{program} is missing; run: sudo apt-get install --no-install-recommends {package}")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Make every asynchronous test fail when it leaves a task running."""
    if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
        item.obj = _without_leftover_tasks(item.obj)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the files of long tests first: at the end of a run on two processes none waits alone for a long one."""
    long = {item.path for item in items if item.get_closest_marker("slow") is not None}
    items.sort(key=lambda item: item.path not in long)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the safety table."""
    tell_safety(terminalreporter)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = len(reporter.stats.get("skipped", [])) if reporter is not None else 0
    if IN_CI and skipped and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        sys.stderr.write(f"\nin CI a skip is a failure: {skipped} skipped\n")


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fail the test that leaves a child process or a thread behind; give the environment back as it was."""
    children_before, threads_before = _children(), set(threading.enumerate())
    environment = dict(os.environ)
    yield
    if os.environ != environment:  # a command run in this process may choose to compute uncompiled, for instance
        os.environ.clear()
        os.environ.update(environment)
    give_up_at = time.monotonic() + 2.0
    while time.monotonic() < give_up_at:
        children = _children() - children_before
        threads = {t for t in threading.enumerate() if t.is_alive()} - threads_before
        if not children and not _foreign(threads):
            return
        threading.Event().wait(0.02)
    names = [_command_line(pid) for pid in children] + [t.name for t in _foreign(threads)]
    pytest.fail(f"left behind: {names}")


def _without_leftover_tasks(function: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
    @functools.wraps(function)
    async def checked(*args: object, **kwargs: object) -> object:
        before = asyncio.all_tasks()
        result = await function(*args, **kwargs)
        await asyncio.sleep(0)
        left = [task for task in asyncio.all_tasks() - before if not task.done()]
        assert not left, f"tasks left behind: {left}"
        return result

    return checked


def _foreign(threads: set[threading.Thread]) -> list[threading.Thread]:
    # asyncio's default executor keeps its idle threads until the loop closes, which is after this fixture.
    return [t for t in threads if not t.name.startswith(("asyncio_", "ThreadPoolExecutor"))]


def _children() -> set[int]:
    found: set[int] = set()
    for task in Path(f"/proc/{os.getpid()}/task").iterdir():
        try:
            found.update(int(pid) for pid in (task / "children").read_text().split())
        except OSError:
            continue
    return {pid for pid in found if not _is_lasting(pid)}


def _is_lasting(pid: int) -> bool:
    """Tell whether a child belongs to a session-wide fixture (a server, a browser, the forkserver) or is dead."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return b"VUON_TEST_SESSION=1" in environment or state == "Z" or "playwright" in _command_line(pid)


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return str(pid)
