# SPDX-License-Identifier: Apache-2.0
"""Keeps the session of each probe on disk, so that a lost SSH line or a power cut loses no point taken.

The rule it keeps: one probe, one session, one hand: who holds an older copy than the one on disk is refused; a torn
file is set aside, and the calibration in force is never touched here.
"""

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from drivers.calibration.methods import METHODS
from drivers.calibration.session import SCHEMA, Session, method_of
from drivers.whole_file import write_whole

ABANDONED_AFTER: Final = timedelta(hours=12)
# Soil cores dry for a day, and are weighed when somebody has time.
OVEN_AFTER: Final = timedelta(days=7)


class ProbeTaken(Exception):
    """Somebody is calibrating this probe now."""

    def __init__(self, session: Session) -> None:
        super().__init__(f"{session.person} is calibrating {session.series} since {session.started_at:%H:%M}")
        self.session = session


class Sessions:
    """The open sessions below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, series: str, now: datetime) -> Session | None:
        """Give the session of ``series`` that can be gone on with; None where there is none, or it was abandoned."""
        session = self._read(series)
        if session is None or session.stage == "stopped":
            return None
        patience = OVEN_AFTER if method_of(session).truth_last else ABANDONED_AFTER
        return session if now - session.started_at <= patience else None

    def begin(self, session: Session, now: datetime) -> Session:
        """Keep a new session; raises ProbeTaken while another one is open."""
        other = self.open(session.series, now)
        if other is not None:
            raise ProbeTaken(other)
        path = self._path(session.series)
        path.unlink(missing_ok=True)
        fresh = msgspec.structs.replace(session, saved=1)
        whole = path.with_name(f".{path.name}.{session.id}")
        write_whole(whole, _encoded(fresh))
        try:
            os.link(whole, path)  # of two who begin at once, one wins
        except FileExistsError:
            raise ProbeTaken(self._read(session.series) or session) from None
        finally:
            whole.unlink()
        return fresh

    def save(self, session: Session) -> Session:
        """Keep where the session stands, whole or not at all; ProbeTaken when another hand went on with it."""
        kept = self._read(session.series)
        if kept is None or (kept.id, kept.saved) != (session.id, session.saved):
            raise ProbeTaken(kept or session)
        fresh = msgspec.structs.replace(session, saved=session.saved + 1)
        write_whole(self._path(session.series), _encoded(fresh))
        return fresh

    def end(self, series: str) -> None:
        """Forget the session of ``series``."""
        self._path(series).unlink(missing_ok=True)

    def _read(self, series: str) -> Session | None:
        path = self._path(series)
        try:
            session = msgspec.json.decode(path.read_bytes(), type=Session)
        except FileNotFoundError:
            return None
        except (msgspec.DecodeError, UnicodeDecodeError):
            path.replace(path.with_suffix(".torn"))
            return None
        return session if session.schema == SCHEMA and session.method in METHODS else None

    def _path(self, series: str) -> Path:
        return self._folder / f"{series.replace('/', '__')}.json"


def _encoded(session: Session) -> bytes:
    # The trace belongs to the moment: after a break a signal settles anew.
    return msgspec.json.encode(msgspec.structs.replace(session, trace=()))
