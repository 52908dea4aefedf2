# SPDX-License-Identifier: Apache-2.0
"""Bad input, kind by kind: refused with a sentence in both languages, and the calibration in force stays."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from drivers.calibration.artifact import BadArtifact, Calibration
from drivers.calibration.fit import FitRefused
from drivers.calibration.forms import AnswerRefused
from drivers.calibration.result import finish
from drivers.calibration.session import Session, advance
from drivers.calibration.sessions import ProbeTaken, Sessions
from drivers.calibration.shelf import Shelf
from edge.calibration_words import TAKEN
from pages.words import Field, words
from tests.drivers.calibration.cases import NAMED
from tests.drivers.calibration.walk import START, Bench, record, session_for

SERIES = "tank/water_ph"
Refusal = tuple[str, dict[str, Field]]
PH = session_for(SERIES, "ph-3", "pH")


def fitted(shows: Callable[[Session, float], float], before: Calibration, method: str = "ph-3") -> None:
    """Walk through all points and sign."""
    bench = Bench(session_for(SERIES, method, "pH"), shows).walk()
    finish(bench.session, bench.now, adjusted=True, before=before, identity="c-2")


def swapped(before: Calibration, folder: Path) -> None:
    del folder
    fitted(lambda s, _: {7.0: 7.0, 4.01: 10.01, 10.01: 4.01}[s.truth or 0.0], before)


def equal(before: Calibration, folder: Path) -> None:
    del folder
    fitted(lambda _s, _t: 7.0, before)


def worn(before: Calibration, folder: Path) -> None:
    del folder
    fitted(lambda s, _: 7.0 + 0.8 * ((s.truth or 0.0) - 7.0), before)


def jumps(before: Calibration, folder: Path) -> None:
    del folder
    fitted(lambda s, _: (s.truth or 0.0) + 0.9, before, "ph-2")


def expired(before: Calibration, folder: Path) -> None:
    del before, folder
    advance(PH, "next", NAMED | {"expires": "2025-01-01"}, START)


def wrong_unit(before: Calibration, folder: Path) -> None:
    del before, folder
    advance(advance(PH, "next", NAMED, START), "next", {"truth": "701"}, START)


def wrong_scale(before: Calibration, folder: Path) -> None:
    """A level in cm where m was meant, within what is possible: the gain gives it away."""
    del before, folder
    session = session_for("tank/water_level", "two-point", "m")
    bench = Bench(session, lambda s, _: (s.truth or 0.0) / 10.0, NAMED | {"truth": ["5", "20"]}).walk()
    finish(bench.session, bench.now, adjusted=True, before=None, identity="c-2")


def two_hands(before: Calibration, folder: Path) -> None:
    del before
    sessions = Sessions(folder / "sessions")
    sessions.begin(PH, START)
    sessions.begin(msgspec.structs.replace(PH, id="c-other", person="Lan"), START + timedelta(minutes=5))


def torn(before: Calibration, folder: Path) -> None:
    path = Shelf(folder).add(record(before=before, identity="c-torn", jump_confirmed=True))
    path.write_bytes(path.read_bytes()[:300])
    (refused,) = Shelf(folder).kept(SERIES)[1]
    raise BadArtifact(refused.code, **refused.fields)


# what is done -> what the sentence says in English and in Vietnamese
KINDS: dict[str, tuple[Callable[[Calibration, Path], None], str, str]] = {
    "swapped buffers": (swapped, "were the two references swapped", "nhầm"),
    "equal points": (equal, "Equal points", "trùng nhau"),
    "slope out of health": (worn, "slope is 80.0 %", "80,0 %"),
    "jump over 15 %": (jumps, "would jump by 2[0-9] %", "nhảy 2[0-9] %"),
    "expired reference": (expired, "expired on 2025-01-01", "hết hạn.*2025-01-01"),
    "wrong unit": (wrong_unit, "701 pH is not possible here", "701 pH không hợp lý"),
    "wrong scale": (wrong_scale, "gain is 10", "10"),
    "two sessions on one probe": (two_hands, "Trần Văn Bình is calibrating", "Trần Văn Bình đang"),
    "a torn file": (torn, "cannot be read", "Không đọc được tệp"),
}


def said(error: Exception) -> Refusal:
    """Give the sentence as the terminal and the page say it."""
    if isinstance(error, ProbeTaken):
        return TAKEN, {"person": error.session.person, "series": error.session.series}
    assert isinstance(error, FitRefused | AnswerRefused | BadArtifact)
    return error.code, dict(error.fields)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_refused_with_a_sentence_and_the_old_calibration_stays(tmp_path: Path, kind: str) -> None:
    do, english, vietnamese = KINDS[kind]
    before = record()
    shelf = Shelf(tmp_path)
    shelf.add(before)
    shelf.activate(SERIES, before.id, "lan", START)
    with pytest.raises((FitRefused, AnswerRefused, BadArtifact, ProbeTaken)) as refused:
        do(before, tmp_path)
    code, fields = said(refused.value)
    assert re.search(english, words("en").say(code, fields))
    assert re.search(vietnamese, words("vi").say(code, fields)), words("vi").say(code, fields)
    assert Shelf(tmp_path).active(SERIES) == before
