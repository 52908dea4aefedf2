# SPDX-License-Identifier: Apache-2.0
"""Keeps the session of each probe on disk, so that a lost SSH line or a power cut loses no point taken.

The rule it keeps: one probe, one session; a torn file is set aside, and the calibration in force is never touched here.
"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from drivers.calibration.session import SCHEMA, Session
from drivers.calibration.shelf import write_whole

ABANDONED_AFTER: Final = timedelta(hours=12)


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
        try:
            session = msgspec.json.decode(self._path(series).read_bytes(), type=Session)
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        if session.schema != SCHEMA or session.stage == "stopped" or now - session.started_at > ABANDONED_AFTER:
            return None
        return session

    def begin(self, session: Session, now: datetime) -> None:
        """Keep a new session; raises ProbeTaken while another person's is open."""
        other = self.open(session.series, now)
        if other is not None and other.id != session.id and other.person != session.person:
            raise ProbeTaken(other)
        self.save(session)

    def save(self, session: Session) -> None:
        """Keep where the session stands; whole or not at all."""
        write_whole(self._path(session.series), msgspec.json.encode(session))

    def end(self, series: str) -> None:
        """Forget the session of ``series``."""
        self._path(series).unlink(missing_ok=True)

    def _path(self, series: str) -> Path:
        return self._folder / f"{series.replace('/', '__')}.json"
