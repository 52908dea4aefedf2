# SPDX-License-Identifier: Apache-2.0
"""A forecast comes from a file or an address, dies after a day, and its troubles are told once."""

import json
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge.forecast import ForecastError, ForecastWatch, fetch, read, samples
from telemetry.records import Event, Quality, Sample

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
NOW = datetime(2026, 11, 22, 5, 0, tzinfo=ZONE)
NOW_MS = round(NOW.timestamp() * 1000)


def text(issued: datetime = NOW, rain: float = 12.5) -> bytes:
    days = [{"date": (NOW.date() + timedelta(days=i)).isoformat(), "rain_mm": rain, "et_mm": 4.0} for i in range(5)]
    return json.dumps({"issued": issued.isoformat(), "days": days, "provider": "somebody"}).encode()


def test_today_and_the_days_after_become_samples() -> None:
    found = samples(read(text()), NOW_MS, 5000, ZONE)
    names = [one.series for one in found]
    assert names[:4] == ["forecast/rain_day", "forecast/reference_et", "forecast/rain_day.1", "forecast/reference_et.1"]
    assert len(names) == 10, "five of seven days are told"
    assert found[0] == Sample("forecast/rain_day", 5000, 12.5, 12.5, found[0].quality, "", found[0].uncertainty)


def test_the_days_move_with_the_date() -> None:
    tomorrow = NOW_MS + 23 * 3_600_000
    first = json.loads(text())["days"]
    first[1]["rain_mm"] = 99.0
    made = read(json.dumps({"issued": NOW.isoformat(), "days": first}).encode())
    assert samples(made, tomorrow, 0, ZONE)[0].value == 99.0


@pytest.mark.parametrize("hours", [25.0, -2.0])
def test_a_forecast_of_another_time_is_none(hours: float) -> None:
    with pytest.raises(ForecastError, match="24 h"):
        samples(read(text(NOW - timedelta(hours=hours))), NOW_MS, 0, ZONE)


@pytest.mark.parametrize(
    "data", [b"", b"<html>", b'{"issued": "today", "days": []}', b'{"issued": "2026-11-22T05:00:00"}']
)
def test_what_is_no_forecast_is_refused(data: bytes) -> None:
    with pytest.raises(ForecastError):
        read(data)


def test_an_absurd_rain_is_flagged_not_used() -> None:
    found = samples(read(text(rain=5000.0)), NOW_MS, 0, ZONE)
    assert found[0].quality & Quality.RANGE


@pytest.fixture
def server() -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    web = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=web.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{web.server_port}/forecast.json"
    web.shutdown()
    thread.join(10.0)
    web.server_close()


def test_it_comes_from_an_address_or_a_file(server: str, tmp_path: Path) -> None:
    file = tmp_path / "forecast.json"
    file.write_bytes(text())
    assert fetch("", server) == fetch(str(file), "") == text()
    with pytest.raises(OSError, match="no http address"):
        fetch("", "file:///etc/passwd")


def test_a_trouble_is_told_once() -> None:
    told: list[Event] = []
    taken: list[Sample] = []
    watch = ForecastWatch("x", "", "Asia/Ho_Chi_Minh", taken.extend, told.extend)
    for _ in range(3):
        watch._say("no such file", 1)
    assert [one.kind for one in told] == ["forecast.missing"]
    watch.look(text(), NOW_MS, 1)
    assert len(taken) == 10
