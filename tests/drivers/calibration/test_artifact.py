# SPDX-License-Identifier: Apache-2.0
"""A hostile set of artifact files, each refused with its own words; the calibration in force stays."""

import contextlib
from collections.abc import Callable
from datetime import timedelta
from math import inf, nan
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.calibration.artifact import BadArtifact, Calibration, content_hash, decode, encode, seal, summary
from drivers.calibration.shelf import Shelf, UnknownCalibration
from drivers.whole_file import write_whole
from tests.drivers.calibration.walk import START, record

GOOD = record()
SERIES = GOOD.series


def changed(**parts: Any) -> bytes:
    """Change parts of the record and seal it anew, as a forger with our program would."""
    edited = msgspec.structs.replace(GOOD, **parts)
    return encode(msgspec.structs.replace(edited, content_hash=content_hash(edited)))


def points(**parts: Any) -> tuple[Any, ...]:
    return (msgspec.structs.replace(GOOD.points[0], **parts), *GOOD.points[1:])


def reference(**parts: Any) -> tuple[Any, ...]:
    return (msgspec.structs.replace(GOOD.references[0], **parts),)


def text(old: str, new: str) -> bytes:
    data = encode(GOOD).decode()
    assert old in data
    return data.replace(old, new, 1).encode()


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "cannot be read"),
    "torn in the middle": (lambda: encode(GOOD)[:700], "cannot be read"),
    "torn at the end": (lambda: encode(GOOD)[:-3], "cannot be read"),
    "zeros after a power cut": (lambda: b"\0" * 4096, "cannot be read"),
    "not JSON": (lambda: b"gain = 1.0\n", "cannot be read"),
    "not UTF-8": (lambda: encode(GOOD).replace("Bình".encode(), b"\xff\xfe"), "cannot be read"),
    "a list": (lambda: b"[]", "cannot be read"),
    "huge": (lambda: b" " * 300_000, "bytes long"),
    "deep": (lambda: b"[" * 200_000, "cannot be read"),
    "unknown key": (lambda: text('"schema"', '"scheme"'), "cannot be read"),
    "extra key": (lambda: text("{", '{"gain": 2.0,'), "cannot be read"),
    "other schema": (lambda: changed(schema="vuon-calibration/9"), "has schema"),
    "number edited": (lambda: text('"expanded_uncertainty": ', '"expanded_uncertainty": 1'), "was changed"),
    "person edited": (lambda: text("Bình", "An"), "was changed"),
    "hash missing": (lambda: encode(msgspec.structs.replace(GOOD, content_hash="")), "was changed"),
    "nobody signed": (lambda: changed(person="  "), "Nobody signed"),
    "no zone": (lambda: changed(performed_at=GOOD.performed_at.replace(tzinfo=None)), "without its zone"),
    "point without zone": (lambda: changed(points=points(at=START.replace(tzinfo=None))), "without its zone"),
    "due before done": (lambda: changed(due_at=GOOD.performed_at - timedelta(days=1)), "due before"),
    "series of another quantity": (lambda: changed(series="tank/water_ec"), "does not hold"),
    "no series": (lambda: changed(series="../../etc/passwd"), "names no series"),
    "wrong unit": (lambda: changed(unit="°C"), "not measured in"),
    "unknown quantity": (lambda: changed(quantity="mood"), "not measured in"),
    "no points": (lambda: changed(points=(), residuals=()), "no calibration"),
    "residual missing": (lambda: changed(residuals=GOOD.residuals[:2]), "no calibration"),
    "residuals of another curve": (lambda: changed(residuals=(0.5, 0.5, 0.5)), "residuals are not"),
    "point moved": (lambda: changed(points=points(truth=6.0)), "residuals are not"),
    "curve swapped": (lambda: text('"slope_acid": 0.9', '"slope_acid": 0.8'), "was changed|residuals"),
    "unknown reference": (lambda: changed(points=points(reference="else")), "not among the references"),
    "expired reference": (lambda: changed(references=reference(expires=START - timedelta(days=1))), "had expired"),
    "reference of no doubt": (lambda: changed(references=reference(uncertainty=-1.0)), "uncertainty is no number"),
    "negative uncertainty": (lambda: changed(expanded_uncertainty=-0.1), "uncertainty is no number"),
    "domain upside down": (lambda: changed(domain_low=9.0, domain_high=3.0), "ends before it begins"),
    "count of none": (lambda: changed(points=points(count=0)), "not a number"),
    "signal out of floats": (lambda: text('"signal": ', '"signal": 1e999'), "cannot be read|was changed|not a number"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_and_the_calibration_in_force_stays(tmp_path: Path, name: str) -> None:
    make, why = HOSTILE[name]
    with pytest.raises(BadArtifact, match=why):
        decode(make())
    shelf = Shelf(tmp_path)
    shelf.add(GOOD)
    shelf.activate(SERIES, GOOD.id, "lan", START)
    hostile = tmp_path / "tank__water_ph" / "c-hostile.json"
    hostile.write_bytes(make())
    assert shelf.active(SERIES) == GOOD
    kept, refused = shelf.kept(SERIES)
    assert kept == [GOOD]
    assert [one.path for one in refused] == [hostile]
    with pytest.raises(UnknownCalibration):
        shelf.activate(SERIES, "c-hostile", "lan", START)
    assert shelf.active(SERIES) == GOOD


@pytest.mark.parametrize(
    ("name", "value"), [("expanded_uncertainty", nan), ("domain_high", nan), ("as_left_error", inf)]
)
def test_what_json_cannot_hold_is_not_sealed(name: str, value: float) -> None:
    with pytest.raises(BadArtifact):
        seal(msgspec.structs.replace(GOOD, **{name: value}))


@settings(max_examples=200)
@given(at=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_flipped_bit_is_noticed_or_changes_nothing(at: int, bit: int) -> None:
    data = bytearray(encode(GOOD))
    data[at % len(data)] ^= 1 << bit
    with contextlib.suppress(BadArtifact):
        assert decode(bytes(data)) == GOOD


def test_a_record_comes_back_as_it_was_with_its_summary() -> None:
    assert decode(encode(GOOD)) == GOOD
    told = summary(GOOD)
    assert (told.id, told.series, told.content_hash) == (GOOD.id, GOOD.series, GOOD.content_hash)


def test_a_file_at_anothers_place_or_under_anothers_name_is_refused(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    write_whole(tmp_path / "tank__water_ph" / "other.json", encode(GOOD))
    write_whole(tmp_path / "pond__water_ph" / "c-ph-3.json", encode(GOOD))
    assert shelf.kept(SERIES)[0] == []
    assert shelf.kept("pond/water_ph")[0] == []


def second(before: Calibration) -> Calibration:
    return record(before=before, identity="c-two", jump_confirmed=True)


def test_many_are_kept_one_is_active_and_rolling_back_is_one_step(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    assert shelf.active(SERIES) is None
    with pytest.raises(UnknownCalibration):
        shelf.roll_back(SERIES, "lan", START)
    two = second(GOOD)
    assert two.previous_hash == GOOD.content_hash
    for one in (GOOD, two):
        shelf.add(one)
        assert shelf.activate(SERIES, one.id, "lan", START) == one
    with pytest.raises(FileExistsError):
        shelf.add(GOOD)
    assert shelf.roll_back(SERIES, "minh", START) == GOOD
    assert shelf.active(SERIES) == GOOD
    assert [(s.id, s.person) for s in shelf.history(SERIES)] == [
        ("c-ph-3", "lan"),
        ("c-two", "lan"),
        ("c-ph-3", "minh"),
    ]
    assert len(shelf.kept(SERIES)[0]) == 2
    assert shelf.activate(SERIES, "", "lan", START) is None
    assert shelf.active(SERIES) is None


def test_when_the_active_file_is_torn_the_one_before_is_in_force(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    two = second(GOOD)
    for one in (GOOD, two):
        path = shelf.add(one)
        shelf.activate(SERIES, one.id, "lan", START)
    path.write_bytes(path.read_bytes()[:300])
    assert Shelf(tmp_path).active(SERIES) == GOOD


@pytest.mark.parametrize("torn", [b"", b"{", b"\0" * 64, b'{"schema":"vuon-active/1","id":"c-ph-3"'])
def test_a_torn_pointer_is_replaced_by_its_copy_and_never_invented(tmp_path: Path, torn: bytes) -> None:
    shelf = Shelf(tmp_path)
    shelf.add(GOOD)
    shelf.activate(SERIES, GOOD.id, "lan", START)
    (tmp_path / "tank__water_ph" / "active.json").write_bytes(torn)
    assert shelf.active(SERIES) == GOOD
    (tmp_path / "tank__water_ph" / "active-copy.json").write_bytes(torn)
    assert shelf.active(SERIES) is None  # the maker's scale, flagged as uncalibrated; nothing is guessed
    assert shelf.activate(SERIES, GOOD.id, "lan", START) == GOOD
