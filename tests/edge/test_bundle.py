# SPDX-License-Identifier: Apache-2.0
"""A support bundle replays bit for bit elsewhere and holds no secret; another farm.toml tells what it would do."""

import json
import tarfile
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from edge.agent import Agent
from edge.bundle import BadBundle, strip_secrets, to_toml, unpack, write
from edge.cli import main
from edge.config import parse
from edge.rehearsal import rehearse, start_wall_ms
from edge.replay import Span, replay
from edge.seen_orders import Giver
from edge.what_if import NotComparable, what_if
from edge.wiring import SimulatedField
from tests.support.waiting import passes

ROOT = Path(__file__).parents[2]
FARM = ROOT / "deploy" / "examples" / "da-lat-pepper.toml"
CANARY = "Kanarienvogel-7391"
SECONDS = 1500.0
SECRETS = f"""
[alarms]
contacts_file = "/etc/vuon/contacts.toml"  # the old password was {CANARY}
[uplink]
host = "mqtt://hub:{CANARY}@hub.example"
member = "demo"
"""


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A farm that lived for 25 minutes, with a person's hand in between, and secrets lying about."""
    state = tmp_path_factory.mktemp("lived")
    text = FARM.read_text(encoding="utf-8") + SECRETS

    async def script(agent: Agent, _field: SimulatedField) -> None:
        await passes(600.0)
        agent.orders.hold("pepper-1-vent", 1.0, 300.0, Giver("lan", "operator"))
        await passes(100.0)
        agent.alarms.put("bus.babble", "pepper-1-bus", "alarm", agent.boot.mono_ms())

    rehearse(parse(text), text, state, SECONDS, script)
    (state / "users.json").write_text(CANARY, encoding="utf-8")
    (state / "mqtt.password").write_text(CANARY, encoding="utf-8")
    return state


@pytest.fixture(scope="module")
def bundle(lived: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("out") / "bundle.tar.gz"
    start = start_wall_ms(parse(FARM.read_text(encoding="utf-8")))
    contents = write(lived, path, Span(start, start + 3_600_000), {"alarms": []})
    assert len(contents.boots) == 1
    assert contents.stripped == 1
    return path


def test_a_bundle_replays_bit_for_bit_in_a_new_folder(bundle: Path, tmp_path: Path, lived: Path) -> None:
    manifest = unpack(bundle, tmp_path)
    assert manifest["damage"] == {}
    assert manifest["machine"]["numpy"]
    (here,), (there,) = list(replay(tmp_path)), list(replay(lived))
    assert here.ok, here.differences
    assert here.decisions > 20
    assert (here.ticks, here.decisions) == (there.ticks, there.decisions)


def test_a_bundle_holds_no_secret_and_names_nobodys_machine(bundle: Path, tmp_path: Path) -> None:
    assert bundle.stat().st_mode & 0o777 == 0o600
    unpack(bundle, tmp_path)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path.name
    with tarfile.open(bundle) as tar:
        assert {(one.uid, one.uname) for one in tar.getmembers()} == {(0, "")}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alarms.state", "boots", "farm.log", "manifest.json"]


def test_the_commands_write_it_and_run_it_again(lived: Path, tmp_path: Path) -> None:
    out = tmp_path / "b.tar.gz"
    told = CliRunner().invoke(main, ["bundle", "--state", str(lived), "--days", "366", "--out", str(out), "--json"])
    assert told.exit_code == 0, told.output
    assert json.loads(told.output)["boots"] == 1
    again = CliRunner().invoke(main, ["replay", str(out), "--json"])
    assert again.exit_code == 0, again.output
    assert json.loads(again.output)["ok"]


def test_a_span_compares_only_what_lies_in_it(lived: Path) -> None:
    start = start_wall_ms(parse(FARM.read_text(encoding="utf-8")))
    (whole,) = replay(lived)
    (part,) = replay(lived, Span(start + 600_000, start + 900_000))
    assert part.ok
    assert 290 <= part.ticks <= 301 < whole.ticks
    assert 0 < part.decisions < whole.decisions
    assert list(replay(lived, Span(start - 1000, start))) == []


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "elsewhere", "other"])
def test_what_is_no_bundle_is_refused_and_writes_nothing_elsewhere(bundle: Path, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "bad.tar.gz"
    data = bundle.read_bytes()
    path.write_bytes({"empty": b"", "text": b"hello", "cut": data[: len(data) // 2]}.get(damage, b""))
    if damage in {"elsewhere", "other"}:
        with tarfile.open(path, "w:gz") as tar:
            tar.add(FARM, "../../escaped.toml" if damage == "elsewhere" else "manifest.json")
    folder = tmp_path / "in" / "deep"
    folder.mkdir(parents=True)
    with pytest.raises(BadBundle):
        unpack(path, folder)
    assert not (tmp_path / "escaped.toml").exists()


TOML_TREES = st.dictionaries(
    st.text(min_size=1, max_size=8).filter(lambda key: key.isprintable() and "password" not in key),
    st.recursive(
        st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False)
        | st.text(st.characters(exclude_categories=["Cs"]), max_size=20).filter(lambda text: "://" not in text),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="ascii"), max_size=6), inner, max_size=3),
        max_leaves=8,
    ),
    max_size=5,
)  # fmt: skip


@given(TOML_TREES)
def test_a_file_without_secrets_means_the_same_afterwards(tree: dict[str, object]) -> None:
    assert tomllib.loads(to_toml(tree)) == tree


@pytest.mark.parametrize(
    "text",
    [
        f'password = "{CANARY}"',
        f"[uplink]\nmqtt_password = '{CANARY}'",
        f'[[a]]\nx = {{ token = "{CANARY}", y = 1 }}',
        f'[a]\nTokens = ["{CANARY}", "b"]',
        f'[modem]\npin = """\n{CANARY}"""',
        f'url = "rfc2217://lan:{CANARY}@10.0.0.1:5000"',
        f'title = "x"  # {CANARY}',
        f'["a"]\n"api_key" = "{CANARY}"',
    ],
)
def test_secrets_are_found_wherever_they_stand(text: str) -> None:
    stripped, count = strip_secrets(text)
    assert CANARY not in stripped
    assert count == (0 if "#" in text else 1)
    tomllib.loads(stripped)


def test_names_of_files_stay() -> None:
    assert strip_secrets('password_file = "/etc/vuon/p"\ncontacts_file = "c"\npinion = "x"')[1] == 0


# ---- what if -------------------------------------------------------------------------------------


def drier(text: str) -> str:
    """Wait with watering until the soil is nearly dry."""
    for old, new in (("start_pct = 27.5", "start_pct = 5.0"), ("target_pct = 30.0", "target_pct = 6.0")):
        text = text.replace(old, new)
    return text


def test_the_same_file_would_have_decided_the_same(lived: Path) -> None:
    config = parse(FARM.read_text(encoding="utf-8"))
    (found,) = what_if(lived, config)
    assert found.differences == []
    assert found.ticks > 1400


def test_another_threshold_and_the_report_says_where_when_why_and_how_much(lived: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.toml"
    new.write_text(drier(FARM.read_text(encoding="utf-8")), encoding="utf-8")
    result = CliRunner().invoke(main, ["replay", "--state", str(lived), "--with", str(new), "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    valve = next(one for one in found["totals"] if one["output"] == "pepper-1-valve-1")
    assert (valve["starts"], valve["other_starts"], valve["other_litres"]) == (1, 0, 0.0)
    assert valve["litres"] > 50.0
    first = next(one for one in found["differences"] if one["output"] == "pepper-1-valve-1")
    assert (first["code"], first["other_code"]) == ("irrigation.start.moisture", "irrigation.idle.wet_enough")
    assert first["litres"] == pytest.approx(valve["litres"])
    told = CliRunner().invoke(main, ["replay", "--state", str(lived), "--with", str(new)], env={"LANG": "vi_VN.UTF-8"})
    assert "pepper-1-valve-1" in told.output
    assert "Không tưới" in told.output


def test_a_file_of_another_farm_and_a_wrong_file_are_refused(lived: Path, tmp_path: Path) -> None:
    text = FARM.read_text(encoding="utf-8")
    other = parse(text.replace("pepper-1-fan", "other-fan"))
    with pytest.raises(NotComparable, match="other-fan"):
        list(what_if(lived, other))
    bad = tmp_path / "bad.toml"
    bad.write_text(text.replace("daily_cap_l = ", "daily_cap_l = -"), encoding="utf-8")
    assert CliRunner().invoke(main, ["replay", "--state", str(lived), "--with", str(bad)]).exit_code == 3


def test_a_moment_without_a_zone_is_wrong_usage(lived: Path) -> None:
    assert CliRunner().invoke(main, ["replay", "--state", str(lived), "--from", "2026-03-01"]).exit_code == 2


def test_the_canary_was_really_there(lived: Path) -> None:
    (boot,) = (lived / "boots").iterdir()
    assert CANARY in (boot / "farm.toml").read_text(encoding="utf-8")
