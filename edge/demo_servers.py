# SPDX-License-Identifier: Apache-2.0
"""Mosquitto, InfluxDB behind nginx, and the hub, started for the demo from the files in ``deploy/``.

The rule it keeps: everything listens on free ports of this machine only, keeps its files below the demo's folder and
ends with the demo; nobody gets in without a password, and the edge sees only its own branch of the broker.
"""

import asyncio
import contextlib
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.demo import Demo, DemoFailed
from pages.words import N_

DEPLOY: Final = Path(__file__).parent.parent / "deploy"
PACKAGE: Final = {
    "mosquitto": "mosquitto",
    "mosquitto_passwd": "mosquitto",
    "influxd": "influxdb",
    "nginx": "nginx-light",
}
START_S: Final = 30.0
LOOK_S: Final = 0.05
DATABASE: Final = "vuon"
MEMBER: Final = "trai-thu"
NGINX_TEMPORARY: Final = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the demo's servers are. ``influx_url`` is nginx, which both writing and reading go through."""

    broker_port: int
    influx_url: str
    data: Path
    hub_toml: Path
    edge_secret: Path


def program(name: str) -> str:
    """Find a server program; DemoFailed names the Debian packages to install."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")
    if found is None:
        packages = " ".join(sorted(set(PACKAGE.values())))
        raise DemoFailed(
            N_("{name} is not installed; run: sudo apt-get install --no-install-recommends {packages}"),
            name=name,
            packages=packages,
        )
    return found


def free_ports(count: int) -> list[int]:
    """Give ports of the loopback interface that nobody uses just now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


@contextlib.asynccontextmanager
async def servers(demo: Demo, edge: str) -> AsyncIterator[Servers]:
    """Run broker, database, rewrite and hub for the length of a ``with``; DemoFailed when one does not come up."""
    folder = demo.state / "servers"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    broker, database, rpc, front = free_ports(4)
    made = Servers(broker, f"http://127.0.0.1:{front}", folder / "influx", folder / "hub.toml", folder / "edge.secret")
    write_broker(folder, broker, edge)
    write_influx(folder, database, rpc, front)
    write_hub(folder, made, edge)
    async with contextlib.AsyncExitStack() as stack:
        for name, arguments, answers in (
            ("mosquitto", ("-c", str(folder / "mosquitto.conf")), _taken(broker)),
            ("influxd", ("-config", str(folder / "influxdb.conf")), _says(f"http://127.0.0.1:{database}/ping")),
            ("nginx", ("-p", str(folder), "-c", str(folder / "nginx.conf")), _says(f"{made.influx_url}/ping")),
        ):
            await stack.enter_async_context(_serving(demo, name, (program(name), *arguments), folder, answers))
        await asyncio.to_thread(prepare_database, made)
        hub = (sys.executable, "-m", "cooperative.cli", "run", "--config", str(made.hub_toml))
        await stack.enter_async_context(_serving(demo, "hub", hub, folder, lambda: True))
        yield made


def write_broker(folder: Path, port: int, edge: str) -> None:
    """Write Mosquitto's files: deploy/mosquitto with this folder, this port and passwords made just now."""
    acl, passwords = folder / "vuon.acl", folder / "vuon.passwd"
    acl.write_bytes((DEPLOY / "mosquitto" / "vuon.acl").read_bytes())
    lines = []
    for name, file in ((edge, "edge.secret"), ("vuon-hub", "hub.secret")):
        secret = secrets.token_urlsafe(24)
        (folder / file).touch(mode=0o600)
        (folder / file).write_text(secret + "\n", encoding="ascii")
        lines.append(f"{name}:{secret}\n")
    passwords.touch(mode=0o600)
    passwords.write_text("".join(lines), encoding="ascii")
    subprocess.run([program("mosquitto_passwd"), "-U", str(passwords)], check=True, capture_output=True)
    text = (DEPLOY / "mosquitto" / "vuon.conf").read_text(encoding="utf-8")
    text = text.replace("listener 1883 127.0.0.1", f"listener {port} 127.0.0.1")
    text = text.replace("/etc/mosquitto/vuon.acl", str(acl)).replace("/etc/mosquitto/vuon.passwd", str(passwords))
    # Started by root, Mosquitto would become another user, who may not read this folder.
    user = pwd.getpwuid(os.geteuid()).pw_name
    (folder / "mosquitto.conf").write_text(f"{text}\nuser {user}\n", encoding="utf-8")


def write_influx(folder: Path, port: int, rpc: int, front: int) -> None:
    """Write InfluxDB's and nginx's files: deploy/influxdb with this folder and these ports."""
    conf = (DEPLOY / "influxdb" / "influxdb.conf").read_text(encoding="utf-8")
    conf = conf.replace("/var/lib/influxdb", str(folder / "influx"))
    conf = conf.replace("127.0.0.1:8088", f"127.0.0.1:{rpc}").replace("127.0.0.1:8086", f"127.0.0.1:{port}")
    (folder / "influxdb.conf").write_text(conf, encoding="utf-8")
    web = (DEPLOY / "influxdb" / "nginx.conf").read_text(encoding="utf-8")
    web = web.replace("127.0.0.1:8086", f"127.0.0.1:{port}").replace("127.0.0.1:8087", f"127.0.0.1:{front}")
    web = web.replace("/run/vuon-influx-nginx.pid", str(folder / "nginx.pid"))
    own = "".join(f"\n  {kind}_temp_path {folder}/{kind};" for kind in NGINX_TEMPORARY)
    web = web.replace("access_log off;", f"access_log off;{own}", 1)
    (folder / "nginx.conf").write_text(f"daemon off;\nmaster_process off;\nerror_log stderr;\n{web}", encoding="utf-8")


def write_hub(folder: Path, made: Servers, edge: str) -> None:
    """Write the hub's file."""
    text = f"""name = "demo-hub"
title = "Hợp tác xã Vườn thử nghiệm"
state = "hub"

[broker]
url = "mqtt://127.0.0.1:{made.broker_port}"
username = "vuon-hub"
password_file = "{folder / "hub.secret"}"

[store]
kind = "influx"
url = "{made.influx_url}"
bucket = "{DATABASE}"

[[members]]
name = "{MEMBER}"
title = "Trại thử Vườn"
edges = ["{edge}"]
"""
    made.hub_toml.write_text(text, encoding="utf-8")


def uplink_table(made: Servers, edge: str) -> str:
    """Give the table that sends the farm's log to the hub."""
    return (
        f'\n[uplink]\nhost = "127.0.0.1"\nport = {made.broker_port}\nmember = "{MEMBER}"\nusername = "{edge}"\n'
        f'password_file = "{made.edge_secret}"\n'
    )


def prepare_database(made: Servers) -> None:
    """Make the database, write a point and read it back, and look that its index is in memory.

    With the index ``tsi1`` a power cut loses a young shard, and InfluxDB says nothing of it; see deploy/influxdb.
    """
    from telemetry.ports import StoreError
    from telemetry.stores.http_client import HttpClient

    client = HttpClient(made.influx_url)
    try:
        client.post("/query", {"q": f'CREATE DATABASE "{DATABASE}"'})
        client.post("/api/v2/write", {"bucket": DATABASE, "org": "-", "precision": "s"}, b"vuon_start seen=1i")
        told = client.get("/query", {"db": DATABASE, "q": "SELECT last(seen) FROM vuon_start"})
    except StoreError as error:
        raise DemoFailed(N_("InfluxDB came up and does not store: {seen}"), seen=str(error)) from error
    finally:
        client.close()
    if b'"series"' not in told:
        raise DemoFailed(N_("InfluxDB took a point and did not give it back: {seen}"), seen=repr(told[:200]))
    if disk_indexes(made):
        raise DemoFailed(N_('InfluxDB keeps its index on the disk; deploy/influxdb says index-version = "inmem"'))


def disk_indexes(made: Servers) -> list[Path]:
    """Give the shards whose index is a folder on the disk (``tsi1``); none with ``inmem``."""
    return [path for path in (made.data / "data" / DATABASE).glob("*/*/index") if path.is_dir()]


@contextlib.asynccontextmanager
async def _serving(
    demo: Demo, name: str, command: tuple[str, ...], folder: Path, answers: Callable[[], bool]
) -> AsyncIterator[None]:
    """Run one server until the ``with`` ends; its words go to a file beside its data."""
    with (folder / f"{name}.log").open("ab") as log:
        async with demo.run_program(*command, stdout=log, stderr=log) as child:
            end_s = asyncio.get_running_loop().time() + START_S
            while not await asyncio.to_thread(answers):
                if child.returncode is not None or asyncio.get_running_loop().time() > end_s:
                    raise DemoFailed(N_("{name} did not start; read {file}"), name=name, file=f"{folder}/{name}.log")
                await asyncio.sleep(LOOK_S)
            yield


def _taken(port: int) -> Callable[[], bool]:
    def answers() -> bool:
        with socket.socket() as one:
            one.settimeout(0.5)
            return one.connect_ex(("127.0.0.1", port)) == 0

    return answers


def _says(url: str) -> Callable[[], bool]:
    def answers() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=1.0) as page:  # noqa: S310 an address made above
                return int(page.status) < 300
        except (OSError, urllib.error.URLError):
            return False

    return answers
