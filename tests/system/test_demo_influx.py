# SPDX-License-Identifier: Apache-2.0
"""The demo through Mosquitto, the hub and a real InfluxDB: what the farm's log holds, the database gives back."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edge.demo import EXAMPLE, DemoFailed
from edge.demo_influx import Contents, compare
from edge.demo_servers import program


@pytest.mark.server("mosquitto", "influxd", "nginx")
def test_every_acknowledged_point_of_the_demo_is_in_influxdb(tmp_path: Path) -> None:
    config = str(EXAMPLE.parent / "da-lat-pepper.toml")
    command = ("demo", "--influx", "--headless", "--seconds", "20", "--state", str(tmp_path), "--config", config)
    done = subprocess.run(
        [sys.executable, "-m", "edge", *command], capture_output=True, text=True, timeout=150, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.strip().splitlines()[-1])
    assert told["ok"]
    assert told["points_acknowledged"] > 100
    assert told["points_in_influxdb"] == told["points_acknowledged"]
    assert told["lost"] == told["different"] == 0
    secrets = [(tmp_path / "servers" / name).read_text().strip() for name in ("edge.secret", "hub.secret")]
    assert all(len(secret) > 20 for secret in secrets)
    assert not any(secret in done.stdout + done.stderr for secret in secrets)


def test_a_missing_and_a_changed_point_are_faults() -> None:
    accepted: Contents = {"a/co2": {1: 400.0, 2: 410.0, 3: None}, "b/co2": {1: 1.0}}
    there: Contents = {"a/co2": {1: 400.0, 2: 411.0, 3: None}}
    carried = compare(accepted, there)
    assert (carried.lost, carried.different) == (1, 1)
    assert len(carried.faults) == 2
    assert [str(fault) for fault in compare({}, {}).faults] == ["no point was acknowledged"]


def test_a_missing_server_is_named_with_the_line_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(DemoFailed, match="apt-get install --no-install-recommends influxdb mosquitto nginx-light"):
        program("no-such-server")
