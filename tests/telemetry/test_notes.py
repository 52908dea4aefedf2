# SPDX-License-Identifier: Apache-2.0
"""Notes between hub and edge: they come back, and any bytes are refused without harm."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.notes import AckNote, AskNote, NoteError, Spans, read_note, write_note
from telemetry.records import FarmProfile, Plot


@pytest.mark.parametrize(
    "note",
    [
        AckNote(stored=[Spans(1, 2, [(1, 5), (9, 9)])], held=[Spans(1, 2, [(10, 12)])], hold_s=70.0),
        AskNote(dictionaries=[7], replay=[Spans(3, 4, [(1, 2)])], profile=True, fresh=True),
        FarmProfile(
            "farm-1", "Vườn dưa", "anh-ba", "Asia/Ho_Chi_Minh", (Plot("a", "Nhà 1", 500.0, "melon", "drip"),), ()
        ),
    ],
)
def test_a_note_comes_back(note: AckNote | AskNote | FarmProfile) -> None:
    assert read_note(type(note), write_note(note)) == note  # type: ignore[type-var]


@pytest.mark.parametrize(
    "note",
    [
        AckNote(stored=[Spans(1, 2, [(5, 1)])]),
        AckNote(refused=[Spans(1, 2, [(0, 1)])]),
        AskNote(replay=[Spans(1, 2, [(1, 1 << 32)])]),
        AckNote(stored=[Spans(1, 2, [(at, at) for at in range(1, 200)])]),
        AckNote(stored=[Spans(1, at, []) for at in range(300)]),
    ],
)
def test_ranges_that_make_no_sense_are_refused(note: AckNote | AskNote) -> None:
    with pytest.raises(NoteError):
        read_note(type(note), write_note(note))  # type: ignore[type-var]


@given(st.binary(max_size=200))
def test_any_bytes_are_a_note_or_refused(data: bytes) -> None:
    for kind in (AckNote, AskNote, FarmProfile):
        note: Any = None
        with contextlib.suppress(NoteError):
            note = read_note(kind, data)  # type: ignore[type-var]
        assert note is None or read_note(kind, write_note(note)) == note  # type: ignore[type-var]


@pytest.mark.parametrize("payload", [b"\xa2\xe8\x30", b"\x81\xa4edge\xa3\xff\xff\xff", bytes(300_000)])
def test_text_that_is_none_and_notes_too_long_are_refused(payload: bytes) -> None:
    with pytest.raises(NoteError):
        read_note(FarmProfile, payload)
