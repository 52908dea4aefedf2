# SPDX-License-Identifier: Apache-2.0
"""What is written to the stores, a whole batch at a time, says the same as one sample after the other would."""

import json
from collections.abc import Sequence
from math import inf, isfinite, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.envelope import Batch, Header, Opener, Packer
from telemetry.records import AnyRecord, Sample
from telemetry.stores.line_protocol import FRAMED_MAX, below_ms, sample_head, sample_text
from telemetry.stores.victoria import import_lines

HEAD = Header("farm-1", 3, 7, 1, 0, 0, 1_790_000_000_000, True, 0)
NUMBERS = st.one_of(
    st.sampled_from([0.0, -0.0, nan, inf, -inf, 24.3, 1e22, 1e-9, 5e-324, 123456789.0]),
    st.floats(width=64),
)
SERIES = st.sampled_from(["a/co2", "a/co2.2", "b-1/soil_ec", "b-1/soil_moisture.3", "zone-9/switch", "a%b/co2"])


@st.composite
def a_sample(draw: st.DrawFn) -> Sample:
    raw = draw(NUMBERS)
    value = draw(st.one_of(st.just(raw), NUMBERS))
    return Sample(draw(SERIES), draw(st.integers(0, 10_000)), raw, value, draw(st.sampled_from([0, 0, 0, 1, 256])))


def batch(samples: Sequence[AnyRecord], timeline: int = 0) -> Batch:
    return Opener().open(Packer().pack(HEAD._replace(timeline=timeline), samples))


def line(sample: Sample, *, every_tag: bool, timeline: int) -> tuple[str, dict[str, float], int]:
    """One sample as InfluxDB is to have it, written in the plainest way: head, fields, time."""
    fields: dict[str, float] = {}
    if isfinite(sample.value):
        fields["v"] = sample.value
    if sample.quality or not fields:
        fields["q"] = sample.quality
    if isfinite(sample.raw) and sample.raw != sample.value:
        fields["r"] = sample.raw
    wall_ns = (HEAD.wall_ms + sample.mono_ms) * 1_000_000 + below_ms(HEAD._replace(timeline=timeline))
    return sample_head("farm-1", sample.series, every_tag=every_tag).rstrip(" "), fields, wall_ns


def read_line(text: str) -> tuple[str, dict[str, float], int]:
    head, fields, wall_ns = text.split(" ")
    pairs = dict(each.split("=") for each in fields.split(","))
    assert all(number.endswith("i") == (name == "q") for name, number in pairs.items())
    return head, {name: float(number.removesuffix("i")) for name, number in pairs.items()}, int(wall_ns)


@given(st.lists(a_sample(), max_size=30), st.booleans(), st.integers(0, 2))
def test_the_lines_of_a_batch_are_the_lines_of_its_samples(
    samples: list[Sample], every_tag: bool, timeline: int
) -> None:
    text = sample_text(batch(samples, timeline), every_tag=every_tag)
    assert text == b"" or text.endswith(b"\n")
    found = [read_line(each) for each in text.decode().splitlines()]
    want = [line(sample, every_tag=every_tag, timeline=timeline) for sample in samples]
    assert found == want
    assert [repr(each[1].get("v")) for each in found] == [repr(each[1].get("v")) for each in want]  # -0.0 as well


@given(st.lists(a_sample(), max_size=30), st.integers(0, 2))
def test_the_columns_for_victoriametrics_hold_the_values_of_its_samples(samples: list[Sample], timeline: int) -> None:
    found: dict[tuple[str, ...], list[tuple[int, float]]] = {}
    for text in import_lines(batch(samples, timeline)).splitlines():
        each = json.loads(text)
        labels = tuple(f"{name}={label}" for name, label in sorted(each["metric"].items()))
        assert labels not in found
        found[labels] = list(zip(each["timestamps"], each["values"], strict=True))
    want: dict[tuple[str, ...], list[tuple[int, float]]] = {}
    for sample in samples:
        _, fields, _ = line(sample, every_tag=False, timeline=0)
        place, _, rest = sample.series.partition("/")
        quantity, _, index = rest.partition(".")
        for field, number in fields.items():
            metric = {"__name__": f"{quantity}_{field}", "edge": "farm-1", "place": place}
            metric |= {"n": index} if index else {}
            metric |= {"t": f"3-{timeline}"} if timeline else {}
            labels = tuple(f"{name}={label}" for name, label in sorted(metric.items()))
            want.setdefault(labels, []).append((HEAD.wall_ms + sample.mono_ms, number))
    assert found == want


@pytest.mark.parametrize("edge", ["any", "edge", "place"])
def test_an_edge_may_be_called_as_it_likes(edge: str) -> None:
    packed = Packer().pack(HEAD._replace(edge=edge), [Sample("edge/co2", 0, 1.0, 1.0)])
    wall_ns = HEAD.wall_ms * 1_000_000 + below_ms(HEAD)
    assert sample_text(Opener().open(packed)) == f"co2,edge={edge},place=edge v=1.0 {wall_ns}\n".encode()


@pytest.mark.parametrize("every_tag", [False, True])
@pytest.mark.parametrize("count", [1, FRAMED_MAX, FRAMED_MAX + 1])
def test_good_samples_of_any_number_are_written_one_a_line(count: int, every_tag: bool) -> None:
    names = ("a%b/co2", "b-1/soil_ec", "zone-9/switch.2")
    samples = [Sample(names[at % 3], at * 250, 0.1 * at, 0.1 * at) for at in range(count)]
    for edge in ("farm-1", "farm-2"):  # the second finds what was remembered of the first
        packed = Packer().pack(HEAD._replace(edge=edge), samples)
        found = [
            read_line(each) for each in sample_text(Opener().open(packed), every_tag=every_tag).decode().splitlines()
        ]
        want = [line(sample, every_tag=every_tag, timeline=0) for sample in samples]
        assert found == [(head.replace("farm-1", edge), *rest) for head, *rest in want]
