# SPDX-License-Identifier: Apache-2.0
"""Real servers for tests: Mosquitto, InfluxDB behind nginx, VictoriaMetrics, NATS; on free loopback ports, own folders.

The rule it keeps: a server lives inside a ``with`` and is dead after it, whatever the test did; a missing program
is a skip that names its Debian package, and an error where CI=true.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

PACKAGES: Final = {
    "mosquitto": "mosquitto",
    "mosquitto_passwd": "mosquitto",
    "influxd": "influxdb",
    "nginx": "nginx-light",
    "victoria-metrics": "victoria-metrics",
    "nats-server": "nats-server",
}
START_S: Final = 20.0
DEPLOY: Final = Path(__file__).resolve().parents[2] / "deploy"


def program(name: str) -> str:
    """Find a server program, or skip with the line that installs it."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if found:
        return found
    message = f"{name} is not installed: apt-get install --no-install-recommends {PACKAGES[name]}"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def free_port() -> int:
    """Give a port of the loopback interface that nobody uses just now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@dataclass
class Server:
    """A server process that can be killed, frozen and started again on its port and its data."""

    name: str
    command: list[str]
    folder: Path
    port: int
    ready: Callable[["Server"], bool]
    process: subprocess.Popen[bytes] | None = field(default=None)
    env: Mapping[str, str] = field(default_factory=dict)  # beside what this process has

    @property
    def url(self) -> str:
        """Its address over HTTP."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.folder / f"{self.name}.log").open("ab") as log:
            env = {**os.environ, **self.env}
            self.process = subprocess.Popen(self.command, cwd=self.folder, env=env, stdout=log, stderr=log)
        end = time.monotonic() + START_S
        while not self.ready(self):
            if self.process.poll() is not None or time.monotonic() > end:
                self.kill()
                tail = (self.folder / f"{self.name}.log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{self.name} did not start:\n{tail}")
            time.sleep(0.02)

    def kill(self) -> None:
        """Kill it as kill -9 does."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        if self.process:
            self.process.wait()

    def freeze(self) -> None:
        """Stop it in its tracks (SIGSTOP)."""
        assert self.process
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self.process
        self.process.send_signal(signal.SIGCONT)


def answers(server: Server) -> bool:
    """Say whether the server's port takes connections."""
    with socket.socket() as sock:
        sock.settimeout(0.5)
        return sock.connect_ex(("127.0.0.1", server.port)) == 0


def http_answers(path: str) -> Callable[[Server], bool]:
    """Make a check that asks a page of the server."""

    def check(server: Server) -> bool:
        try:
            with urllib.request.urlopen(server.url + path, timeout=1) as answer:
                return int(answer.status) < 300
        except OSError:
            return False

    return check


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """Run a server for the length of a with."""
    try:
        server.start()
        yield server
    finally:
        server.kill()


@contextmanager
def mosquitto(folder: Path, extra: str = "allow_anonymous true\n") -> Iterator[Server]:
    """Run Mosquitto with the settings of deploy/mosquitto that matter."""
    name, port = program("mosquitto"), free_port()
    conf = folder / "mosquitto.conf"
    conf.write_text(
        f"listener {port} 127.0.0.1\npersistence false\nset_tcp_nodelay true\nmax_packet_size 1200000\n"
        f"max_queued_messages 10000\nmax_queued_bytes 67108864\n{extra}"
    )
    with running(Server("mosquitto", [name, "-c", str(conf)], folder, port, answers)) as server:
        yield server


@contextmanager
def influxdb(folder: Path) -> Iterator[tuple[Server, Server]]:
    """Run InfluxDB and, before it, nginx, both with our deploy files; give (InfluxDB, nginx)."""
    influxd, nginx = program("influxd"), program("nginx")
    port, rpc, front = free_port(), free_port(), free_port()
    conf = (DEPLOY / "influxdb/influxdb.conf").read_text()
    conf = conf.replace("/var/lib/influxdb", str(folder / "influx"))
    conf = conf.replace("127.0.0.1:8088", f"127.0.0.1:{rpc}").replace("127.0.0.1:8086", f"127.0.0.1:{port}")
    (folder / "influxdb.conf").write_text(conf)
    web = (DEPLOY / "influxdb/nginx.conf").read_text()
    web = web.replace("127.0.0.1:8086", f"127.0.0.1:{port}").replace("127.0.0.1:8087", f"127.0.0.1:{front}")
    web = web.replace("/run/vuon-influx-nginx.pid", str(folder / "nginx.pid"))
    for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"):
        web = web.replace("access_log off;", f"access_log off;\n  {kind}_temp_path {folder}/{kind};", 1)
    (folder / "nginx.conf").write_text("daemon off;\nmaster_process off;\nerror_log stderr;\n" + web)
    rows = (DEPLOY / "influxdb/default").read_text().splitlines()
    env = dict(row.split("=") for row in rows if row and not row.startswith("#"))
    command = [influxd, "-config", str(folder / "influxdb.conf")]
    database = Server("influxd", command, folder, port, http_answers("/ping"), env=env)
    proxy = Server("nginx", [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")], folder, front, answers)
    with running(database), running(proxy):
        yield database, proxy


@contextmanager
def victoria_metrics(folder: Path) -> Iterator[Server]:
    """Run VictoriaMetrics; it merges what came twice."""
    name, port = program("victoria-metrics"), free_port()
    command = [
        name,
        f"-httpListenAddr=127.0.0.1:{port}",
        f"-storageDataPath={folder}/victoria",
        "-dedup.minScrapeInterval=1ms",
        "-retentionPeriod=100y",
        "-search.latencyOffset=0s",
    ]
    with running(Server("victoria-metrics", command, folder, port, http_answers("/health"))) as server:
        yield server


@dataclass
class NatsNode(Server):
    """One of three NATS servers."""

    monitor: int = 0

    def whole(self) -> bool:
        """Say whether it holds every copy that it should."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.monitor}/healthz", timeout=1) as answer:
                return int(answer.status) == 200
        except OSError:
            return False

    def leaders(self) -> list[tuple[str, str]]:
        """Give who leads each stream and its consumer, as this node knows it."""
        try:
            url = f"http://127.0.0.1:{self.monitor}/jsz?accounts=true&streams=true&consumers=true"
            with urllib.request.urlopen(url, timeout=1) as answer:
                accounts = json.load(answer).get("account_details", [])
        except OSError:
            return []
        streams = [stream for account in accounts for stream in account.get("stream_detail", [])]
        return [
            (stream["cluster"].get("leader", ""), consumer["cluster"].get("leader", ""))
            for stream in streams
            for consumer in stream.get("consumer_detail", [])
        ]


@contextmanager
def nats_cluster(folder: Path) -> Iterator[list[NatsNode]]:
    """Run three NATS servers as one JetStream cluster, with our deploy files."""
    name = program("nats-server")
    ports, routes, monitors = ([free_port() for _ in range(3)] for _ in range(3))
    with ExitStack() as stack:
        nodes: list[NatsNode] = []
        for at in range(3):
            own = folder / f"nats-{at + 1}"
            own.mkdir()
            shutil.copy(DEPLOY / "nats/vuon-users.conf", own)
            conf = (DEPLOY / "nats/vuon.conf").read_text().replace("vuon-1", f"vuon-{at + 1}")
            conf = conf.replace("/var/lib/nats/vuon", str(own / "jetstream"))
            conf = conf.replace("127.0.0.1:4222", f"127.0.0.1:{ports[at]}").replace(
                "http: 127.0.0.1:8222", f"http: 127.0.0.1:{monitors[at]}"
            )
            conf = conf.replace("listen: 127.0.0.1:6222", f"listen: 127.0.0.1:{routes[at]}")
            for other in range(3):
                conf = conf.replace(f"nats://127.0.0.{other + 1}:6222", f"nats://127.0.0.1:{routes[other]}")
            (own / "vuon.conf").write_text(conf)
            command = [name, "-c", str(own / "vuon.conf")]
            node = NatsNode(f"nats-{at + 1}", command, own, ports[at], answers, monitor=monitors[at])
            stack.enter_context(running(node))
            nodes.append(node)
        yield nodes
