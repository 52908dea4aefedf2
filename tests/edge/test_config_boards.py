# SPDX-License-Identifier: Apache-2.0
"""Boards in farm.toml: every mistake is named with path and line, and water never hangs where nothing closes it."""

import re
from pathlib import Path

import pytest

from drivers.calibration.shelf import Shelf
from drivers.catalogue import Catalogue
from edge.boards import board_config
from edge.calibration_book import ShelfBook
from edge.config import parse
from edge.farm_profile import farm_profile
from edge.toml_reader import SettingsRefused
from edge.wiring import known_devices
from firmware_bridge.board_types import BOARD_TYPES
from tests.support.board_farm import BOARD, EXAMPLE, board_farm

PINS = Path(__file__).parents[2] / "firmware_bridge" / "firmware" / "boards"


def told(text: str) -> list[tuple[str, int, str]]:
    with pytest.raises(SettingsRefused) as refused:
        parse(text)
    return [(p.path, p.line, p.message.format(**p.fields)) for p in refused.value.problems]


def test_a_farm_with_its_water_on_a_board_is_well() -> None:
    config = parse(board_farm())
    (board,) = config.boards
    made = board_config(board, config.control)
    assert [valve.name for valve in made.valves] == ["pepper-1-valve-1", "pepper-1-valve-2"]
    (pump,) = made.pumps
    assert pump.valves == ("pepper-1-valve-1", "pepper-1-valve-2")
    assert pump.counter == "counter-0"
    assert made.crc == board_config(board, config.control).crc


def test_the_boards_limits_lie_just_outside_those_of_the_control_loop() -> None:
    config = parse(board_farm())
    settings = {output.id: output for output in config.control.outputs}
    for part in board_config(config.boards[0], config.control).outputs:
        assert settings[part.name].max_on_s < part.max_on_s <= settings[part.name].max_on_s + 10.0
        assert part.min_off_s <= settings[part.name].min_off_s


@pytest.mark.parametrize(
    ("old", "new", "path", "words"),
    [
        ('"2" = "pepper-1-pump" }', '"9" = "pepper-1-pump" }', "board[0].outputs.9", "avr-nano has no output 9"),
        ('"2" = "pepper-1-pump" }', '"02" = "pepper-1-pump" }', "board[0].outputs.02", "has no output 02"),
        ('"pepper-1-pump" }', '"moon" }', "board[0].outputs.2", "there is no output called moon"),
        ('"pepper-1-pump" }', '"pepper-1-fan" }', "board[0].outputs.2", "pepper-1-fan is already wired to"),
        ('"0" = "pepper-1-valve-1", ', "", "board[0].outputs.2", "wire the line's valves to the same board"),
        ('place = "pepper-1-water"\noutputs', 'place = "moon"\noutputs', "board[0].place", "called moon"),
        ("counter = 0", "counter = 3", "board[0].counters[0].counter", "avr-nano has no counter 3"),
        ('guards = ["pepper-1-pump"]', 'guards = ["x"]', "board[0].counters[0].guards", "no output called x"),
        ("/water_volume.1", "/co2", "board[0].counters[0].series", "is no series of a counters"),
        ("water_volume.1", "water_volume", "board[0].counters[0].series", "already comes from pepper-1-flow"),
        ("per_pulse = 0.1", "per_pulse = 0.0", "board[0].counters[0].per_pulse", "> 0"),
        ('port = "sim"\nplace = "pepper-1-water"', 'port = "COM3"\nplace = "pepper-1-water"', "board[0].port", "COM3"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_board_is_named_with_its_path_and_line(old: str, new: str, path: str, words: str) -> None:
    assert BOARD.count(old) == 1
    text = board_farm(BOARD.replace(old, new))
    found = [(line, said) for at, line, said in told(text) if at == path and words in said]
    assert found, told(text)
    key = path.rpartition("]")[2].removeprefix(".").partition(".")[0]
    assert text.splitlines()[found[0][0] - 1].startswith(key)


def test_an_output_that_may_stay_on_for_ever_cannot_hang_on_a_board() -> None:
    text = board_farm(BOARD.replace('"pepper-1-pump" }', '"pepper-1-pump", "3" = "pepper-1-vent" }'))
    text = text.replace('"4" = "pepper-1-vent", ', "")
    assert any(path == "board[0].outputs.3" and "needs max_on_s above 0" in said for path, _, said in told(text))


SDI12 = """
[[bus]]
name = "deep-soil"
port = "board:pepper-1-board"
kind = "sdi12-adapter"
"""


def test_a_line_may_be_the_sdi12_pin_of_a_board_that_is_there() -> None:
    assert parse(board_farm() + SDI12).buses[-1].port == "board:pepper-1-board"
    (gone,) = told(board_farm() + SDI12.replace("pepper-1-board", "moon"))
    assert gone[0] == "bus[1].port"
    assert "there is no board called moon" in gone[2]
    wrong = told(board_farm() + SDI12.replace('kind = "sdi12-adapter"\n', ""))
    assert ("bus[1].kind", "the line of a board speaks SDI-12") in {(path, said[:33]) for path, _, said in wrong}


def unleased(text: str) -> dict[str, str]:
    """Give what the farm tells its cooperative of water that nothing closes."""
    config = parse(text)
    book = ShelfBook(Shelf(Path("/nonexistent")), lambda: (0, True), {})
    return dict(farm_profile(config, known_devices(config, Catalogue()), book).unleased)


UNTIMED = 'type = "io-box-16"'
TIMED = 'type = "waveshare-relay-8ch"'


def test_water_on_a_relay_without_a_timer_of_its_own_is_refused_unless_a_reason_is_given() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert text.count(TIMED) == 1
    problems = [(path, said) for path, _, said in told(text.replace(TIMED, UNTIMED)) if "unleased_reason" in said]
    assert {path.rpartition(".")[0] for path, _ in problems} == {"device[9].outputs"}
    named = {said.partition(" ")[0] for _, said in problems}
    assert named == {"pepper-1-valve-1", "pepper-1-valve-2", "pepper-1-pump", "pepper-1-fogger"}
    reasoned = text.replace(TIMED, f'{UNTIMED}\nunleased_reason = "ball valve with a spring timer"')
    assert parse(reasoned).devices[9].unleased_reason
    assert unleased(reasoned)["pepper-1-valve-1"] == "ball valve with a spring timer"
    assert unleased(text) == {}
    blank = text.replace(TIMED, f'{UNTIMED}\nunleased_reason = " "')
    assert len(told(blank)) == len(problems)


@pytest.mark.parametrize(("board", "folder"), [("avr-nano", "avr"), ("linux", "linux")])
def test_what_a_board_has_room_for_is_what_its_firmware_says(board: str, folder: str) -> None:
    text = (PINS / folder / "board_pins.h").read_text(encoding="utf-8")
    assert f'BOARD_NAME "{board}"' in text
    kind = BOARD_TYPES[board]
    for name, count in {
        "OUTPUTS": kind.outputs, "PUMPS": kind.pumps, "DOSERS": kind.dosers,
        "INPUTS": kind.inputs, "COUNTERS": kind.counters, "ADCS": kind.channels,
    }.items():  # fmt: skip
        found = re.search(rf"^#define BOARD_{name} (\d+)u", text, re.MULTILINE)
        assert found is not None
        assert int(found.group(1)) == count, name
