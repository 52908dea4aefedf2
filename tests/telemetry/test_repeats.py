# SPDX-License-Identifier: Apache-2.0
"""A batch that looks like others is read in short, and gives what reading all of it gives; any other one too."""

from collections.abc import Callable
from math import nan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry import repeats
from telemetry.codec import Samples, decode_samples, lengths_of
from telemetry.encoding import BodyEncoder
from telemetry.ints import ColumnError
from telemetry.records import AnyRecord, Event, Reading, Sample

SERIES = ("a/co2", "a/soil_ec", "b/soil_moisture")


def poll(at: int, raw: list[float], *, readings: bool, calibrated: bool, quality: int, late_ms: int) -> list[AnyRecord]:
    """Give one poll of all instruments, as an edge makes it."""
    mono = 1_000 + at * 10_000
    made: list[AnyRecord] = []
    if readings:
        made += [Reading(name, "p", mono + late_ms * i, raw[i], "ppm") for i, name in enumerate(SERIES)]
    for i, name in enumerate(SERIES):
        value = round(raw[i] * 1.5, 2) if calibrated and i != 1 else raw[i]
        made.append(Sample(name, mono + late_ms * i, raw[i], value, quality if i == 2 else 0, "cal-1", 0.3))
    return made


def bits(read: Callable[[bytes], Samples], body: bytes) -> list[object] | None:
    """Give what a reader makes of a body, to the last bit; None when it refuses it."""
    try:
        found = read(body)
    except ColumnError:
        return None
    return columns(found)


def columns(found: Samples) -> list[object]:
    """Give all columns of samples, to the last bit."""
    return [(one.dtype, one.tobytes()) if isinstance(one, np.ndarray) else one for one in found[:-1]]


@given(
    readings=st.booleans(),
    calibrated=st.booleans(),
    rows=st.integers(1, 3),
    raws=st.lists(
        st.lists(st.sampled_from([20.0, 20.1, 21.5, 400.0, -3.25, 1 / 3, nan, -0.0]), min_size=3, max_size=3),
        min_size=4,
        max_size=8,
    ),
    qualities=st.lists(st.sampled_from([0, 0, 0, 4]), min_size=8, max_size=8),
    late=st.lists(st.sampled_from([0, 0, 130, 131]), min_size=8, max_size=8),
    flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 255)), max_size=12),
)
@settings(max_examples=150)
def test_what_is_read_in_short_is_what_is_read_whole(
    readings: bool,
    calibrated: bool,
    rows: int,
    raws: list[list[float]],
    qualities: list[int],
    late: list[int],
    flips: list[tuple[int, int]],
) -> None:
    encoder = BodyEncoder()
    bodies = []
    for at, raw in enumerate(raws):
        records: list[AnyRecord] = []
        for row in range(rows):
            kind = {"readings": readings, "calibrated": calibrated, "quality": qualities[at], "late_ms": late[at]}
            records += poll(at * rows + row, raw, **kind)  # type: ignore[arg-type]
        if at % 3 == 2:
            records.append(Event("boot", "farm-1", at))
        bodies.append(encoder.encode(records))
    for body in bodies + bodies:
        assert bits(repeats.samples_of, body) == bits(decode_samples, body) is not None
    for at, mask in flips:  # damaged, after the sound ones are known
        for body in bodies[-2:]:
            damaged = bytearray(body)
            damaged[at % len(body)] ^= mask
            bodies.append(bytes(damaged))
            assert bits(repeats.samples_of, bytes(damaged)) == bits(decode_samples, bytes(damaged))
    agree_together(bodies)


def agree_together(bodies: list[bytes]) -> int:
    """Make sure that bodies read as one array are what they are alone; give how many could be read so."""
    together = repeats.samples_together(bodies)
    for body, found in zip(bodies, together, strict=True):
        if found is not None:
            assert columns(found) == bits(decode_samples, body)
            assert repr(found.extent) == repr(decode_samples(body).extent)
    return sum(found is not None for found in together)


def test_many_farms_that_differ_are_read_as_one_array(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "ROWS_AT_ONCE", 40)  # several lumps
    bodies = []
    for farm in range(24):
        encoder = BodyEncoder()
        polls = [
            poll(
                at,
                [round(farm * 7.3 + at / 10, 1), 1.5, 1e9 * farm],
                readings=farm % 2 > 0,
                calibrated=farm % 3 > 0,
                quality=farm & 4,
                late_ms=0,
            )
            for at in range(1 + farm % 4)
        ]
        bodies.append(encoder.encode([record for one in polls for record in one]))
    whole = BodyEncoder().encode([Event("boot", "farm-1", 0)])  # no samples in it
    assert agree_together([*bodies, whole, b"nothing"]) == len(bodies)


def test_values_of_sixty_bits_are_read_together_as_they_are_alone() -> None:
    raws = [8e15, -8e15, 1.5, -2.5, 7e15]
    bodies = [
        BodyEncoder().encode([Sample("a/co2", at, raws[at], raws[at]), Sample("a/co2", at + 1, -raws[at], -raws[at])])
        for at in range(5)
    ]
    assert agree_together(bodies * 2) == 10


def test_a_farm_that_repeats_itself_is_known_from_its_second_batch_on(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = BodyEncoder()
    bodies = [
        encoder.encode(poll(at, [20.0 + at / 10, 1.5, 30.0], readings=True, calibrated=True, quality=0, late_ms=130))
        for at in range(12)
    ]
    for body in bodies[:6]:
        assert bits(repeats.samples_of, body) == bits(decode_samples, body)
    monkeypatch.setattr(repeats, "_look", lambda *_: pytest.fail("looked at anew"))
    for body in bodies[6:]:
        assert bits(repeats.samples_of, body) == bits(decode_samples, body)


def test_a_column_with_exceptions_is_read_whole() -> None:
    """What is no decimal stands before the bits: read in short, these bytes once gave a count that no memory holds.

    A body that a simulated farm wrote among faults (``tests/torture/agent.py``, seed 1).
    """
    body = (Path(__file__).parents[1] / "golden" / "body-with-exceptions.bin").read_bytes()
    assert repeats._look(body, lengths_of(body)) is None
    assert bits(repeats.samples_of, body) == bits(decode_samples, body) is not None


def test_the_memory_of_shapes_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "SHAPES_MAX", 4)
    for count in range(1, 12):
        records: list[AnyRecord] = [Sample("a/co2", at, 400.0 + at, 400.0 + at) for at in range(count)]
        body = BodyEncoder().encode(records)
        assert bits(repeats.samples_of, body) == bits(decode_samples, body)
    assert len(repeats._shapes) <= 4
