# SPDX-License-Identifier: Apache-2.0
"""What the hub takes and refuses, by reason; and nothing it refuses is forgotten or written."""

import time
from math import inf
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cooperative.config import ConfigError, MemberConfig, load_config
from cooperative.ingest import Ingest
from cooperative.members import Members
from cooperative.memory import DEAD_MAX, DICTIONARIES_AN_EDGE, Memory
from telemetry.envelope import Header, Opener, Packer
from telemetry.notes import Spans
from telemetry.ports import Message
from telemetry.records import AnyRecord, Event, Sample
from telemetry.stores.line_protocol import LineError, escape, quote

NOW = 1_790_000_000_000
HEAD = Header("farm-1", 1, 7, 1, 0, 0, NOW - 60_000, True, 0)
MEMBERS = Members(
    [MemberConfig("anh-ba", "Anh Ba", ("farm-1", "farm-2")), MemberConfig("chi-tu", "Chị Tư", ("farm-3",))]
)
GOOD: list[AnyRecord] = [Sample("a/co2", 1000, 400.0, 400.0), Event("boot", "farm-1", 0)]


def ingest() -> Ingest:
    return Ingest(MEMBERS, Opener())


def message(data: bytes, topic: str = "vuon/1/anh-ba/farm-1/batch") -> Message:
    return Message(topic, data)


def pack(records: list[AnyRecord] = GOOD, **changes: object) -> bytes:
    return Packer().pack(HEAD._replace(**changes), records)  # type: ignore[arg-type]


def test_a_good_batch_is_taken_once_and_acknowledged_again_after_it_was_stored() -> None:
    worker = ingest()
    (batch,) = worker.take(message(pack()), NOW).batches
    assert worker.take(message(pack()), NOW).batches == []
    assert worker.stored([batch.header]) == {("farm-1", 1, 7): Spans(1, 7, [(1, 1)])}
    again = worker.take(message(pack() + pack(seq=2)), NOW)
    assert again.again == {("farm-1", 1, 7)}
    assert [each.header.seq for each in again.batches] == [2]
    worker.lost("farm-1", [Spans(1, 7, [(1, 1)])])
    assert [each.header.seq for each in worker.take(message(pack()), NOW).batches] == [1]


def test_a_lump_of_messages_is_judged_as_each_alone_would_be() -> None:
    far: list[AnyRecord] = [Sample("a/co2", 1000, 4e15, 4e15), Sample("a/co2", 2000, 4.0, 4.0)]
    lump = [
        message(pack(seq=1)),
        message(pack(seq=1)),  # twice in one lump
        message(pack(far, seq=2)),
        message(b"x" * 100),
        message(pack(seq=3) + pack(seq=4)[:-1]),  # the first of two is whole
        message(pack(seq=5), "vuon/1/chi-tu/farm-1/batch"),
        *(message(pack([Sample("a/co2", at * 1000, 400.5, 400.5) for at in range(6)], seq=10 + n)) for n in range(8)),
    ]
    together, alone = ingest(), ingest()
    verdict = together.take_all(lump, NOW)
    apart = [alone.take(each, NOW) for each in lump]
    assert [batch.data for batch in verdict.batches] == [batch.data for one in apart for batch in one.batches]
    assert [batch.header.seq for batch in verdict.batches] == [1, 3, *range(10, 18)]
    assert [refused[1] for refused in verdict.refused] == ["range"]
    assert [reason for reason, *_ in verdict.garbage] == ["magic", "length", "tenant"]
    assert together.counts == alone.counts
    assert together.pending_bytes == alone.pending_bytes == sum(len(batch.data) for batch in verdict.batches)
    assert together.take(lump[2], NOW).refused  # what was refused is not pending


@pytest.mark.parametrize(
    ("topic", "data", "reason"),
    [
        ("vuon/1/chi-tu/farm-1/batch", pack(), "tenant"),
        ("vuon/1/nobody/farm-9/batch", pack(), "tenant"),
        ("vuon/1/anh-ba/farm-2/batch", pack(), "identity"),
        ("vuon/1/anh-ba/farm-1\n/batch", pack(), "topic"),
        ("vuon/1/+/farm-1/batch", pack(), "topic"),
        ("vuon/1/anh-ba/farm-1/batch", pack()[:-1], "length"),
        ("vuon/1/anh-ba/farm-1/batch", b"{}", "length"),
        ("vuon/1/anh-ba/farm-1/batch", b"x" * 100, "magic"),
        ("vuon/1/anh-ba/farm-1/batch", pack()[:-1] + b"\x00", "crc"),
    ],
)
def test_a_message_of_nobody_is_counted_and_told_to_no_one(topic: str, data: bytes, reason: str) -> None:
    worker = ingest()
    verdict = worker.take(message(data, topic), NOW)
    assert [garbage[0] for garbage in verdict.garbage] == [reason]
    assert worker.counts[reason] == 1
    assert not verdict.batches
    assert not verdict.refused


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (pack(clock_ok=False), "clock"),
        (pack(wall_ms=NOW + 3_600_000), "future"),
        (pack(wall_ms=86_400_000), "past"),
        (pack([Sample("A co2,edge=farm-3", 0, 1.0, 1.0)]), "series"),
        (pack([Sample("a/co2\nb/co2 v=1", 0, 1.0, 1.0)]), "series"),
        (pack([Sample("a/co2", 0, 1.0, inf)]), "range"),
        (pack([Sample("a/co2", 0, 1.0, 1e300)]), "range"),
        (pack([Sample("a/co2", 0, 1.0, 1.0, 1 << 20)]), "quality"),
        (pack([Sample("a/co2", 0, 1.0, 1.0, -1)]), "quality"),
        (pack([Event("x", "y", 1 << 60)]), "future"),
    ],
)
def test_a_batch_that_may_not_be_believed_is_refused_by_reason(data: bytes, reason: str) -> None:
    worker = ingest()
    verdict = worker.take(message(data), NOW)
    assert [refused[1] for refused in verdict.refused] == [reason]
    assert not verdict.batches


def test_a_batch_with_an_unknown_dictionary_is_asked_for_and_taken_later() -> None:
    packer, known = Packer(), dict[int, bytes]()
    body = packer.encode(GOOD)
    number = packer.use_dictionary(body)
    worker = Ingest(MEMBERS, Opener(known.get))
    data = packer.seal(HEAD._replace(total=2), body)
    assert worker.take(message(data), NOW).unknown == {("farm-1", number)}
    known[number] = body
    assert len(worker.take(message(data), NOW).batches) == 1


def test_a_full_queue_takes_nothing_more_until_it_was_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cooperative.ingest.QUEUE_BYTES", 200)
    worker = ingest()
    taken = [worker.take(message(pack(seq=seq)), NOW).batches for seq in range(1, 10)]
    assert 0 < sum(map(len, taken)) < 9
    assert worker.counts["back_pressure"] > 0


@given(st.binary(max_size=400), st.booleans())
@settings(max_examples=400)
def test_any_bytes_are_refused_and_harm_nothing(data: bytes, begins_well: bool) -> None:
    worker = ingest()
    whole = pack()
    mutated = whole[: len(data) % len(whole)] + data if begins_well else data
    verdict = worker.take(message(mutated), NOW)
    assert not verdict.batches or mutated.startswith(whole)


@given(st.text(max_size=40))
def test_no_name_or_text_can_end_a_line(text: str) -> None:
    for write in (escape, quote):
        try:
            line = write(text)
        except LineError:
            continue
        assert "\n" not in line
    try:
        name = escape(text)
    except LineError:
        return
    plain = name.replace("\\,", "").replace("\\=", "").replace("\\ ", "")
    assert not set(plain) & {",", "=", " "}


def test_dead_letters_keep_their_bytes_and_come_back_when_asked_for(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "worker.db")
    memory.bury([("clock", "farm-1", "why", b"one"), ("range", "farm-1", "why", b"two")], NOW)
    assert memory.to_retry() == []
    assert memory.ask_retry("clock") == 1
    (letter,) = memory.to_retry()
    assert (letter.data, letter.reason, letter.topic) == (b"one", "clock", "farm-1")
    memory.unbury([letter])
    assert [each.data for each in memory.dead_letters()] == [b"two"]
    memory.bury([("x", "", "", b"")] * (DEAD_MAX + 5), NOW)
    assert len(memory.dead_letters(limit=DEAD_MAX * 2)) == DEAD_MAX
    memory.close()


def test_of_an_edge_the_newest_dictionaries_are_kept_and_one_announced_again_counts_as_new(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "worker.db")
    for number in range(1, DICTIONARIES_AN_EDGE + 1):
        memory.keep_dictionary("farm-1", number, b"%d" % number, NOW + number)
    memory.keep_dictionary("farm-1", 1, b"1", NOW + 60_000)  # so soon it need not be written
    memory.keep_dictionary("farm-1", 2, b"2", NOW + 7_200_000)
    memory.keep_dictionary("farm-1", 99, b"99", NOW + 7_200_001)
    memory.keep_dictionary("farm-1", 100, b"100", NOW + 7_200_002)
    kept = [number for number in (*range(1, DICTIONARIES_AN_EDGE + 1), 99, 100) if memory.dictionary(number)]
    assert kept == [2, *range(4, DICTIONARIES_AN_EDGE + 1), 99, 100]
    memory.close()


def test_marks_tell_which_batches_a_store_has_lost(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "worker.db")
    for mark in (3, 5, 9):
        memory.cover(mark, {"farm-1": [Spans(1, 7, [(mark, mark)])]}, NOW)
    assert memory.covered(NOW) == [3, 5, 9]
    assert memory.uncover([5, 9]) == {"farm-1": [Spans(1, 7, [(5, 5)]), Spans(1, 7, [(9, 9)])]}
    assert memory.covered(NOW) == [3]
    assert memory.covered(NOW + 7_200_000) == []
    memory.close()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('nmae = "x"\ntitle = "t"', "hub.toml:1: Object contains unknown field `nmae`"),
        ('name = "x"', "missing required field `title`"),
        ('name = "X y"\ntitle = "t"', "hub.toml:1: `X y`"),
        ('name = "x"\ntitle = "t"\nworkers = 0', "hub.toml:3: `workers` is 0"),
        ('name = "x"\ntitle = "t"\nworkers = 2', "the embedded store has one writer"),
        ('name = "x"\ntitle = "t"\n[store]\nkind = "influx"\nurl = "nowhere"', "hub.toml:5: `url` of the influx store"),
        ('name = "x"\ntitle = "t"\n[broker]\nurl = "http://x"', "hub.toml:4: `url` of the broker"),
        ('name = "x"\ntitle = "t"\n[store]\nkind = "cloud"', "Invalid enum value 'cloud'"),
        ('name = "x\n', "not TOML"),
        (
            (
                'name = "x"\ntitle = "t"\n[[members]]\nname = "a"\ntitle = "t"\nedges = ["e"]\n'
                '[[members]]\nname = "b"\ntitle = "t"\nedges = ["e"]'
            ),
            "`e` is there twice",
        ),
    ],
)
def test_a_wrong_hub_toml_is_refused_with_line_and_reason(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "hub.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "hub.toml")
    assert says in str(caught.value)


def test_a_hub_toml_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hub.toml").write_bytes('# hub\nname = "coop"\ntitle = "Coopérative"'.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"hub.toml:3: byte 0xE9 is not UTF-8"):
        load_config(tmp_path / "hub.toml")


def test_a_country_of_farms_is_read_in_a_moment(tmp_path: Path) -> None:
    edges = ", ".join(f'"farm-{at}"' for at in range(45_000))
    (tmp_path / "hub.toml").write_text(
        f'name = "x"\ntitle = "t"\n[[members]]\nname = "a"\ntitle = "t"\nedges = [{edges}]'
    )
    start = time.process_time()
    assert len(load_config(tmp_path / "hub.toml").members[0].edges) == 45_000
    assert time.process_time() - start < 10  # one comparison of each with each took minutes
