# SPDX-License-Identifier: Apache-2.0
"""farm.toml: every mistake is named with its path and line, all of them at once, and nothing half-starts."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.cli import main
from edge.config import FarmConfig, parse
from edge.toml_reader import SettingsRefused, line_index, stem_of, unit_of

EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"
GOOD = (EXAMPLES / "da-lat-pepper.toml").read_text(encoding="utf-8")


def refused(text: str) -> list[tuple[str, int, str]]:
    with pytest.raises(SettingsRefused) as caught:
        parse(text, "farm.toml")
    return [(p.path, p.line, p.text()) for p in caught.value.problems]


def changed(old: str, new: str, count: int = 1) -> str:
    assert old in GOOD, f"{old!r} is not in the example"
    return GOOD.replace(old, new, count)


def line_of(text: str, part: str) -> int:
    return next(i for i, line in enumerate(text.splitlines(), start=1) if part in line)


@pytest.mark.parametrize("name", sorted(p.name for p in EXAMPLES.glob("*.toml")))
def test_the_examples_are_well(name: str) -> None:
    config = parse((EXAMPLES / name).read_text(encoding="utf-8"), name)
    assert isinstance(config, FarmConfig)
    assert config.devices


# what is changed in the example, where the mistake is, and what must be said of it
MISTAKES = {
    "a misspelled key": ("start_pct = 27.5", "start_pc = 27.5", "zone[0].start_pc", "did you mean start_pct"),
    "a wrong unit": ("rest_min_s = 1800.0", "rest_min_h = 0.5", "zone[0].rest_min_h", "rest_min_s in s"),
    "a number with its unit": ("period_s = 5.0", 'period_s = "5 s"', "device[0].period_s", "number in s"),
    "a duplicate address": ("address = 12", "address = 11", "device[4].address", "already belongs to pepper-1-soil-1"),
    "a missing port": ('port = "sim"\n', "", "bus[0]", "the key port is missing"),
    "no port at all": ('port = "sim"', 'port = "COM3"', "bus[0].port", "/dev/serial/by-id"),
    "a negative limit": ("daily_cap_l = 2500.0", "daily_cap_l = -2500.0", "zone[0].daily_cap_l", "must be from"),
    "a limit that is no number": ("heat_c = 38.0", "heat_c = nan", "house[0].heat_c", "must be"),
    "an endless period": ("period_s = 5.0", "period_s = inf", "device[0].period_s", "<= 86400"),
    "a bus that is not there": (
        'bus = "pepper-1-bus"', 'bus = "pepper-bus"', "device[0].bus", "no bus called pepper-bus",
    ),
    "an unknown device type": ('type = "xy-md02"', 'type = "xy-md20"', "device[0].type", "unknown device type"),
    "an unknown place": ('place = "pepper-1-outside"', 'place = "roof"', "device[8].place", "no house, zone, line"),
    "a channel that the board has not": ('"8" =', '"9" =', "device[9].outputs.9", "no channel 9"),
    "an output wired twice": (
        '"2" = "pepper-1-valve-2"', '"2" = "pepper-1-valve-1"', "device[9].outputs.2", "already wired",
    ),
    "an output wired nowhere": (', "8" = "pepper-1-shade"', "", "output[7].id", "no device has pepper-1-shade"),
    "a value that nobody measures": (
        'soil_moisture = ["pepper-1-1/soil_moisture"]', 'soil_moisture = ["pepper-1-1/soil_ph"]',
        "zone[0].soil_moisture", "no instrument delivers",
    ),
    "two devices for one series": (
        'place = "pepper-1-2"\nperiod_s', 'place = "pepper-1-1"\nperiod_s', "device[4]", "already comes from",
    ),
    "a name used twice": ('id = "pepper-1-2"', 'id = "pepper-1-1"', "zone[1].id", "already the id"),
    "too often for the instrument": (
        "period_s = 5.0", "period_s = 0.1", "device[0].period_s", "cannot be asked more often",
    ),
    "an unknown table": ("[limits]", "[limit]", "limit", "unknown table limit"),
    "no such time zone": ("Asia/Ho_Chi_Minh", "Asia/Saigon2", "farm.timezone", "no time zone"),
    "a broken time of day": ('starts = "18:00"', 'starts = "6 pm"', "house[0].day_parts", "time of day"),
    "an open valve as the safe state": (
        'title = "Van khu 1"', 'title = "Van khu 1"\nsafe_level = 1.0', "output[0].safe_level", "safe level",
    ),
    "no simulation for a simulated port": ("[simulation]\nseed = 1\n", "[log]\n#", "bus[0].port", "needs a table"),
    "an impossible place on earth": ("latitude_deg = 11.94", "latitude_deg = 119.4", "farm.latitude_deg", "<= 90"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_its_path_and_line(mistake: str) -> None:
    old, new, path, said = MISTAKES[mistake]
    text = changed(old, new)
    found = refused(text)
    here = [(p, line, words) for p, line, words in found if p.startswith(path)]
    assert here, f"nothing said of {path}; said: {found}"
    assert any(said in words for _, _, words in here), here
    lines = text.splitlines()
    for p, line, _ in here:
        key = re.sub(r"\[\d+\]$", "", p).rpartition(".")[2]
        assert key in lines[line - 1] or lines[line - 1].startswith("[["), (
            f"{p} is not on line {line}: {lines[line - 1]}"
        )


def test_all_mistakes_are_told_at_once() -> None:
    text = GOOD
    for mistake in ("a misspelled key", "a wrong unit", "a duplicate address", "a missing port", "a negative limit"):
        old, new, _, _ = MISTAKES[mistake]
        text = text.replace(old, new, 1)
    said = refused(text)
    for mistake in ("a misspelled key", "a wrong unit", "a duplicate address", "a missing port", "a negative limit"):
        _, _, path, words = MISTAKES[mistake]
        assert any(p.startswith(path) and words in w for p, _, w in said), (mistake, said)
    # and what merely refers to a refused table is not called wrong
    assert not any("no bus called" in words for _, _, words in said)


def test_broken_toml_is_told_with_its_line() -> None:
    ((path, line, words),) = refused(changed("[limits]", "[limits"))
    assert path == "(file)"
    assert line == line_of(GOOD, "[limits]")
    assert "not TOML" in words


def test_nested_tables_are_found_by_line() -> None:
    first = '[[house]]\nid = "a"\n[[house.day_parts]]\nstarts = "1"\n'
    second = '[[house]]\n[[house.day_parts]]\n\n[[house.day_parts]]\nstarts = "2"\n'
    third = '[[house]]\nday_parts = [\n  { name = "day", starts = "3" },\n\n  { starts = "4" },\n]\ntitle = "c"\n'
    lines = line_index(first + second + third)
    assert lines["house[0].day_parts[0].starts"] == 4
    assert lines["house[1].day_parts[1].starts"] == 9
    assert lines["house[2].day_parts[1].starts"] == 14
    assert lines["house[2].title"] == 16


@pytest.mark.parametrize(
    ("key", "stem", "unit"),
    [("period_s", "period", "s"), ("flow_l_min", "flow", "L/min"), ("area_m2", "area", "m²"), ("title", "title", "")],
)
def test_a_key_tells_its_unit(key: str, stem: str, unit: str) -> None:
    assert (stem_of(key), unit_of(key)) == (stem, unit)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=300))
@settings(max_examples=200)
def test_any_text_is_refused_in_words_and_never_breaks(text: str) -> None:
    with pytest.raises(SettingsRefused) as caught:
        parse(text)
    assert caught.value.problems


@given(st.data())
@settings(max_examples=60)
def test_any_damaged_number_is_refused_or_harmless(data: st.DataObject) -> None:
    numbers = list(re.finditer(r"= (-?\d+\.\d+)$", GOOD, re.MULTILINE))
    at = data.draw(st.sampled_from(numbers))
    seen = data.draw(st.sampled_from(["-1.0", "nan", "inf", "-inf", "1e308", '"5"', "[]", "{}", "true"]))
    text = GOOD[: at.start(1)] + seen + GOOD[at.end(1) :]
    try:
        parse(text)
    except SettingsRefused as error:
        assert error.problems  # noqa: PT017 both ways are right; only another exception is not


def test_check_prints_like_a_compiler_and_exits_with_3(tmp_path: Path) -> None:
    file = tmp_path / "farm.toml"
    file.write_text(changed("start_pct = 27.5", "start_pc = 27.5"), encoding="utf-8")
    result = CliRunner().invoke(main, ["check", str(file)])
    assert result.exit_code == 3
    assert f"{file}:{line_of(file.read_text(encoding='utf-8'), 'start_pc =')}: zone[0].start_pc" in result.stderr


def test_check_in_json_names_the_problems(tmp_path: Path) -> None:
    import json

    file = tmp_path / "farm.toml"
    file.write_text(changed("address = 12", "address = 11"), encoding="utf-8")
    result = CliRunner().invoke(main, ["check", "--json", str(file)])
    told = json.loads(result.stdout)
    assert not told["ok"]
    assert told["problems"][0]["path"] == "device[4].address"


def test_check_exits_with_4_where_a_port_is_not_on_this_machine(tmp_path: Path) -> None:
    file = tmp_path / "farm.toml"
    file.write_text(changed('port = "sim"', 'port = "/dev/serial/by-id/usb-none"'), encoding="utf-8")
    result = CliRunner().invoke(main, ["check", str(file)])
    assert result.exit_code == 4
    assert "usb-none" in result.stderr
    assert CliRunner().invoke(main, ["check", "--no-ports", str(file)]).exit_code == 0


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("daily_cap_l = 2500.0", "daily_cap_l = -1.0", 3),
        ('port = "sim"', 'port = "/dev/serial/by-id/usb-none"', 4),
        ("seed = 1", "seed = 2", 4),  # its port is still played by the demo only
    ],
)
def test_the_agent_refuses_to_start_and_leaves_nothing_behind(tmp_path: Path, old: str, new: str, code: int) -> None:
    file, state = tmp_path / "farm.toml", tmp_path / "state"
    file.write_text(changed(old, new), encoding="utf-8")
    result = CliRunner().invoke(main, ["run", "--config", str(file), "--state", str(state)])
    assert result.exit_code == code
    assert not state.exists()


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["check", str(tmp_path / "none.toml")])
    assert result.exit_code == 3
    assert "No such file" in result.stderr


@pytest.mark.parametrize(("encoding", "line"), [("cp1258", 0), ("utf-16", 1), ("latin-1", 0)])
def test_a_file_in_another_encoding_is_refused_with_its_line(tmp_path: Path, encoding: str, line: int) -> None:
    file, state = tmp_path / "farm.toml", tmp_path / "state"
    file.write_bytes(GOOD.encode(encoding, errors="replace"))
    if not line:
        damaged = file.read_bytes().splitlines()
        line = next(i for i, row in enumerate(damaged, start=1) if any(byte > 0x7F for byte in row))
    for command in (["check", str(file)], ["run", "--config", str(file), "--state", str(state)]):
        result = CliRunner().invoke(main, command, env={"VUON_LANG": "en"})
        assert result.exit_code == 3, result.output
        assert f"{file}:{line}: (file): byte 0x" in result.stderr
        assert "save the file with the encoding UTF-8" in result.stderr
    assert not state.exists()


def test_the_mark_that_some_editors_put_before_utf_8_is_no_mistake(tmp_path: Path) -> None:
    file = tmp_path / "farm.toml"
    file.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert CliRunner().invoke(main, ["check", str(file)]).exit_code == 0
