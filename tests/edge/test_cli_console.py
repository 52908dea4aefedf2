# SPDX-License-Identifier: Apache-2.0
"""``vuon console`` as a process: says its address, listens on this machine only, ends in order, refuses clearly."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.users import Role, Users

ROOT = Path(__file__).resolve().parent.parent.parent
FARM = ROOT / "deploy" / "examples" / "demo.toml"


def start(state: Path, *arguments: str, farm: Path = FARM) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "edge", "console", "--config", str(farm), "--state", str(state), *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )


@contextmanager
def console(state: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    process = start(state, "--port", "0", "--json", *arguments)
    try:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["address"]
        yield process, int(address.rstrip("/").rpartition(":")[2])
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def listening(port: int) -> set[str]:
    """Give the local addresses (hexadecimal, as the kernel writes them) that listen on ``port``."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    rows = [line.split() for line in lines]
    return {row[1].partition(":")[0] for row in rows if row[3] == "0A" and int(row[1].partition(":")[2], 16) == port}


def test_it_answers_here_only_and_ends_in_order_with_an_open_page(tmp_path: Path) -> None:
    users = Users(tmp_path / "users.json")
    users.add("lan", Role.ADMIN)
    with console(tmp_path) as (process, port):
        assert listening(port) == {"0100007F"}
        page = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        page.request("POST", "/welcome", f"token={users.token_for('lan', time.time())}", {
            "origin": f"http://127.0.0.1:{port}", "content-type": "application/x-www-form-urlencoded",
        })  # fmt: skip
        answer = page.getresponse()
        answer.read()
        cookie = str(answer.getheader("set-cookie")).partition(";")[0]
        page.request("GET", "/", headers={"cookie": cookie})
        text = page.getresponse().read().decode()
        assert "Bộ điều khiển chưa chạy." in text
        assert "Nhà ớt chuông Đà Lạt" in text
        page.request("GET", "/live?place=&seen=", headers={"cookie": cookie})
        stream = page.getresponse()
        assert stream.getheader("content-type", "").startswith("text/event-stream")
        assert stream.readline() == b"retry: 2000\n"
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert time.monotonic() - began < 5
        page.close()
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


def test_the_local_network_is_answered_only_when_asked(tmp_path: Path) -> None:
    with console(tmp_path, "--lan") as (_, port):
        assert listening(port) == {"00000000"}


def test_it_stays_small(tmp_path: Path) -> None:
    with console(tmp_path) as (process, port):
        page = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        page.request("GET", "/login")
        assert page.getresponse().status == 200
        page.close()
        status = Path(f"/proc/{process.pid}/status").read_text()
        resident_kb = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
        assert resident_kb < 80_000
        maps = Path(f"/proc/{process.pid}/maps").read_text()
        assert "llvmlite" not in maps


def test_nobody_yet_is_said(tmp_path: Path) -> None:
    process = start(tmp_path, "--port", "0")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("Open http://127.0.0.1:")
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    assert "vuon user first" in process.communicate()[1]


def test_a_wrong_farm_and_a_taken_port_are_refused(tmp_path: Path) -> None:
    bad = tmp_path / "farm.toml"
    bad.write_text('[farm]\nedge = "x"\ntitel = "x"\n', encoding="utf-8")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        processes = [
            start(tmp_path, farm=bad),
            start(tmp_path, farm=tmp_path / "none.toml"),
            start(tmp_path, "--port", str(port)),
        ]
        found = [(process.communicate(timeout=20)[1], process.returncode) for process in processes]
    assert [code for _, code in found] == [3, 3, 75]
    assert "farm.toml:3" in found[0][0]
    assert "titel" in found[0][0]
    assert "none.toml" in found[1][0]
    assert str(port) in found[2][0]
