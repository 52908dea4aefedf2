# SPDX-License-Identifier: Apache-2.0
"""Joins a calibration session to the running agent: locks the probe, feeds its readings, puts the result in force.

The rule it keeps: the terminal and the page use this same desk; the agent's gate decides who may, and a probe is
given back to control whatever happens.
"""

import secrets
from datetime import UTC, datetime
from math import nan
from pathlib import Path
from typing import Final

from drivers.calibration.artifact import Calibration, Device
from drivers.calibration.result import finish
from drivers.calibration.session import SCHEMA, Session, feed
from drivers.calibration.sessions import Sessions
from drivers.calibration.shelf import Shelf
from edge.agent_client import AgentClient
from edge.live import LiveState, Outcome, Tile
from telemetry.quantities import quantity
from telemetry.records import Instrument

SHELF_FOLDER: Final = "calibrations"
SESSIONS_FOLDER: Final = "calibration-sessions"
# The temperature beside a probe, in the order in which it is looked for.
_TEMPERATURES: Final = ("soil_temperature", "water_temperature", "air_temperature")


class Refused(Exception):
    """The agent's gate refused."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome


class CalibrationDesk:
    """The calibrations of one farm; ``folder`` is the agent's state folder."""

    def __init__(self, folder: Path, client: AgentClient) -> None:
        self.shelf = Shelf(folder / SHELF_FOLDER)
        self.sessions = Sessions(folder / SESSIONS_FOLDER)
        self._client = client

    async def begin(self, tile: Tile, instrument: Instrument | None, method: str, person: str, role: str) -> Session:
        """Lock the probe and open a session. Raises Refused, ProbeTaken, AgentAway."""
        now = datetime.now(UTC).astimezone()
        session = Session(
            schema=SCHEMA,
            id=f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}",
            series=tile.series,
            device=Device(
                instrument.device if instrument is not None else tile.series,
                instrument.model if instrument is not None else "",
            ),
            method=method,
            person=person,
            place=tile.place,
            signal_unit=tile.raw_unit or quantity(tile.quantity).unit,
            period_s=tile.period_s,
            started_at=now,
        )
        self.sessions.begin(session, now)
        outcome = await self._client.lock(tile.series, person, role)
        if outcome.outcome != "done":
            self.sessions.end(tile.series)
            raise Refused(outcome)
        return session

    def hear(self, session: Session, state: LiveState, last_ms: int) -> tuple[Session, int]:
        """Feed what the agent reads into the session; ``last_ms`` is when the reading before was measured."""
        tile = next((one for one in state.tiles if one.series == session.series), None)
        if tile is None:
            return session, last_ms
        measured_ms = state.mono_ms - round(tile.age_s * 1000.0)
        if measured_ms <= last_ms or tile.age_s > 3.0 * tile.period_s:
            return session, last_ms
        fed = feed(session, tile.raw, _temperature(state, tile.place), datetime.now(UTC).astimezone())
        return fed, measured_ms

    async def complete(self, session: Session, role: str, *, adjusted: bool, jump_confirmed: bool) -> Calibration:
        """Seal and keep the record, put it in force, give the probe back. Raises FitRefused, BadArtifact, Refused."""
        before = self.shelf.active(session.series)
        now = datetime.now(UTC).astimezone()
        record = finish(
            session, now, adjusted=adjusted, before=before, identity=session.id, jump_confirmed=jump_confirmed
        )
        self.shelf.add(record)
        outcome = await self._client.activate_calibration(session.series, record.id, session.person, role)
        if outcome.outcome != "done":
            raise Refused(outcome)
        await self.leave(session, role)
        return record

    async def leave(self, session: Session, role: str) -> None:
        """End the session and give the probe back to control."""
        self.sessions.end(session.series)
        await self._client.unlock(session.series, session.person, role)


def _temperature(state: LiveState, place: str) -> float:
    for name in _TEMPERATURES:
        for tile in state.tiles:
            if tile.place == place and tile.quantity == name and tile.age_s <= 3.0 * tile.period_s:
                return tile.value
    return nan
