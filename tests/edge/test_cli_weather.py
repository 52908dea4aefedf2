# SPDX-License-Identifier: Apache-2.0
"""``vuon weather`` gives a new farm the years before it, by the formula that the live zone uses."""

import socket
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from controllers.outside import HourlyWeather
from controllers.past_weather import RAIN, PastWeather
from controllers.past_weather_file import EPOCH_DAY, keep_hours
from controllers.weather_files import write_csv
from edge.boots import Boots
from edge.cli_weather import weather
from edge.exits import BAD_CONFIG, OK, SOCKET_FILE, TRY_AGAIN, USAGE
from tests.controllers.test_zone_season import FIELD, OPEN, TODAY, sun_w_m2

FARM = Path(__file__).parents[2] / "deploy" / "examples" / "demo.toml"
START_H = (TODAY - EPOCH_DAY) * 24


def hours(count: int, first: int = START_H) -> HourlyWeather:
    rows = np.array([[26.0, 60.0, sun_w_m2(60 * (i % 24) + 30), 1.5, 0.0, 1.0, 0.5, 420.0] for i in range(count)])
    return HourlyWeather(first, rows)


def test_whole_days_are_kept_by_the_formula_of_the_live_zone_and_measured_ones_stay() -> None:
    past = PastWeather()
    past.keep(TODAY + 1, 9.0, 9.0)
    assert keep_hours(past, hours(3 * 24 + 5), OPEN, FIELD) == 2
    assert [past.knows(TODAY + i) for i in range(4)] == [True, True, True, False]
    days = past._days[[(TODAY + i) % len(past._days) for i in range(3)]] * 0.01
    assert days[1].tolist() == [9.0, 9.0]
    assert days[0, RAIN] == pytest.approx(24.0)
    assert 4.0 < days[0, 0] < 6.5  # as the engine's own day in tests/controllers/test_zone_season.py


def test_a_file_that_begins_in_the_middle_of_a_day_loses_that_day() -> None:
    past = PastWeather()
    assert keep_hours(past, hours(40, START_H + 9), OPEN, FIELD) == 1
    assert past.knows(TODAY + 1)


def test_the_command_writes_what_the_next_boot_reads(tmp_path: Path) -> None:
    write_csv(tmp_path / "station.csv", hours(5 * 24))
    told = CliRunner().invoke(weather, [str(tmp_path / "station.csv"), "--state", str(tmp_path), "--config", str(FARM)])
    assert told.exit_code == OK, told.output
    assert "5" in told.output
    memory = Boots(tmp_path).memory()
    assert memory is not None
    assert memory.weather
    for saved in memory.weather.values():
        past = PastWeather()
        past.recall(saved)
        assert len(past) == 5
    args = [str(tmp_path / "station.csv"), "--state", str(tmp_path), "--config", str(FARM)]
    again = CliRunner().invoke(weather, args)
    twice = Boots(tmp_path).memory()
    assert again.exit_code == OK
    assert twice is not None
    assert twice.weather == memory.weather


def test_wrong_files_and_a_running_agent_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("time,temperature_c\n")
    state = ["--state", str(tmp_path), "--config", str(FARM)]
    assert CliRunner().invoke(weather, [str(tmp_path / "bad.csv"), *state]).exit_code == USAGE
    assert CliRunner().invoke(weather, [str(tmp_path / "none.csv"), *state]).exit_code == USAGE
    write_csv(tmp_path / "station.csv", hours(48))
    no_farm = ["--state", str(tmp_path), "--config", str(tmp_path / "none.toml")]
    assert CliRunner().invoke(weather, [str(tmp_path / "station.csv"), *no_farm]).exit_code == BAD_CONFIG
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as agent:
        agent.bind(str(tmp_path / SOCKET_FILE))
        agent.listen()
        assert CliRunner().invoke(weather, [str(tmp_path / "station.csv"), *state]).exit_code == TRY_AGAIN
    assert Boots(tmp_path).memory() is None
