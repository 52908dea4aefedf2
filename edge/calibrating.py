# SPDX-License-Identifier: Apache-2.0
"""Joins a calibration session to the running agent: locks the probe, feeds its readings, puts the result in force.

The rule it keeps: the terminal and the page use this same desk; the agent's gate decides who may, and a probe is
given back to control whatever happens.
"""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from math import nan
from pathlib import Path
from typing import Final, Protocol

import msgspec

from drivers.calibration.artifact import Calibration, Device, Reference
from drivers.calibration.chip_session import point_name, told
from drivers.calibration.methods import METHODS
from drivers.calibration.result import Preview, finish, preview
from drivers.calibration.session import SCHEMA, Session, feed, method_of, quantity_of
from drivers.calibration.sessions import ProbeTaken, Sessions
from drivers.calibration.shelf import Shelf
from drivers.calibration.telling import as_shown
from drivers.kept import kept_json
from edge.beside import neighbours, values
from edge.live import LiveState, Outcome, Tile
from edge.profile import PROFILE_FILE
from pages.words import N_
from telemetry.quantities import quantity
from telemetry.records import FarmProfile, Instrument

SHELF_FOLDER: Final = "calibrations"
SESSIONS_FOLDER: Final = "calibration-sessions"
STALE_PERIODS: Final = 3.0
Fields = dict[str, str | float | int | bool]
IN_THE_CHIP: Final = N_("The instrument's own memory was calibrated after that record: calibrate anew")


class Refused(Exception):
    """The agent's gate refused."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome


def _now() -> datetime:
    return datetime.now(UTC).astimezone()


class Agent(Protocol):
    """What a calibration asks of the running agent; ``edge.agent_client.AgentClient`` is one."""

    async def activate_calibration(
        self, series: str, artifact: str, person: str = "", role: str = "", reason: str = ""
    ) -> Outcome:
        """Make a kept record the active one."""

    async def lock(self, series: str, person: str, role: str = "technician") -> Outcome:
        """Take a probe out of control."""

    async def unlock(self, series: str, person: str = "", role: str = "technician") -> Outcome:
        """Give a probe back to control."""

    async def chip(
        self, series: str, do: str, person: str, role: str, *, point: str = "", value: float = 0.0, kept: str = "",
        done: int = 0, air: tuple[float, float] | None = None,
    ) -> Outcome:  # fmt: skip
        """Work on the instrument's own memory (``edge.agent_socket.ChipArgs``)."""


class CalibrationDesk:
    """The calibrations of one farm; ``folder`` is the agent's state folder."""

    def __init__(self, folder: Path, client: Agent, now: Callable[[], datetime] = _now) -> None:
        self.now = now
        self._folder = folder
        self.shelf = Shelf(folder / SHELF_FOLDER)
        self.sessions = Sessions(folder / SESSIONS_FOLDER)
        self._client = client

    def instrument(self, series: str) -> Instrument | None:
        """Give the instrument behind ``series`` as the agent described it; None where it did not yet."""
        profile = kept_json(self._folder / PROFILE_FILE, FarmProfile)
        return None if profile is None else next((one for one in profile.instruments if series in one.series), None)

    async def begin(
        self, state: LiveState, series: str, instrument: Instrument | None, method: str, person: str, role: str
    ) -> Session:
        """Lock the probe and open a session. Raises Refused, ProbeTaken, AgentAway; LookupError: no such series."""
        now = self.now()
        tile = tile_of(state, series)
        session = Session(
            schema=SCHEMA,
            id=f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}",
            series=series,
            device=Device(
                instrument.device if instrument is not None else series,
                instrument.model if instrument is not None else "",
            ),
            method=method,
            person=person,
            place=tile.place,
            signal_unit=tile.raw_unit or quantity(tile.quantity).unit,
            period_s=tile.period_s,
            step=tile.step,
            started_at=now,
            proposed=self.last_reference(series, method),
            beside=tuple(neighbours(series, [one.series for one in state.tiles])),
        )
        in_force = self.shelf.active(series)
        if in_force is not None and METHODS[method].chip:
            ours = in_force.id if in_force.adjusted and not _kept_in_chip(in_force) else ""
            session = msgspec.structs.replace(session, compared=True, curve=ours)
        session = self.sessions.begin(session, now)
        try:
            await self.keep_out(session, role)
        except BaseException:  # whatever ended it, Ctrl-C too: no session without its lock
            self.sessions.end(series)
            raise
        return session

    async def keep_out(self, session: Session, role: str) -> None:
        """Take the probe out of control, or keep it out; raises Refused, AgentAway."""
        outcome = await self._client.lock(session.series, session.person, role)
        if outcome.outcome != "done":
            raise Refused(outcome)

    def last_reference(self, series: str, method: str) -> Reference | None:
        """Give the reference last used with this method on ``series``, else on any probe of the farm."""
        for name in dict.fromkeys((series, *self.shelf.series())):
            for record in reversed(self.shelf.kept(name)[0]):
                if record.method == method:
                    return record.references[0]
        return None

    def hear(self, session: Session, state: LiveState, last_ms: int) -> tuple[Session, int]:
        """Feed what the agent reads into the session; ``last_ms`` is when the reading before was measured."""
        try:
            tile = tile_of(state, session.series)
        except LookupError:
            return session, last_ms
        measured_ms = state.mono_ms - round(tile.age_s * 1000.0)
        if measured_ms <= last_ms + AGE_NOISE_MS or tile.age_s > STALE_PERIODS * tile.period_s:
            return session, last_ms
        if last_ms >= 0:  # the agent reads a probe that is out for calibration more often than usual
            apart_s = round((measured_ms - last_ms) / 1000.0)
            session = msgspec.structs.replace(session, period_s=min(tile.period_s, max(1.0, apart_s)))
        beside = values(session.series, [one.series for one in state.tiles], lambda name: _fresh(state, name))
        now = self.now()
        fed = feed(
            session,
            tile.raw,
            beside.get("temperature", nan),
            now,
            beside.get("pressure", nan),
            beside.get("permittivity", nan),
        )
        return fed, measured_ms

    async def hold(self, session: Session, role: str) -> Session:
        """Note what an EZO circuit holds, once, before it is told anything; it takes some seconds. Raises Refused."""
        if method_of(session).chip != "ezo" or session.kept:
            return session
        held = await self._chip(session, role, "keep")
        slopes = (float(held["acid"]), float(held["base"]))
        kept = tuple(filter(None, str(held["kept"]).split("|")))
        return msgspec.structs.replace(session, kept=kept, slopes=slopes)

    async def tell(self, session: Session, role: str) -> Session:
        """Have the instrument's own memory take the point that stands; Refused when it does not.

        What an EZO circuit held is kept first. A curve of ours goes out of force with the first point, for it
        belongs to what the instrument showed before.
        """
        session = self.sessions.save(await self.hold(session, role))
        await self._tell_point(session, role)
        if session.curve and not session.told:
            await self._client.activate_calibration(session.series, "", session.person, role)
        session = told(session)
        if method_of(session).option == "pH" and session.told == len(method_of(session).points):
            seen = await self._chip(session, role, "slopes")
            health = {
                "slope_acid_pct": 100.0 * float(seen["acid"]),
                "slope_base_pct": 100.0 * float(seen["base"]),
                "zero_mv": float(seen["zero_mv"]),
            }
            session = msgspec.structs.replace(session, health=health)
        return self.sessions.save(session)

    async def _tell_point(self, session: Session, role: str) -> None:
        point = as_shown(session.waiting[0], session.signal_unit, quantity_of(session))
        air = (point.sheet["temperature_c"], point.sheet["pressure_hpa"]) if point_name(session) == "air" else None
        outcome = await self._client.chip(
            session.series, "tell", session.person, role,
            point=point_name(session), value=point.truth, done=session.told, air=air,
        )  # fmt: skip
        _done(outcome)

    async def _chip(self, session: Session, role: str, do: str, kept: str = "") -> Fields:
        return _done(await self._client.chip(session.series, do, session.person, role, kept=kept))

    def preview(self, session: Session) -> Preview:
        """Say what the points come to against what is in force. Raises FitRefused."""
        return preview(session, self.shelf.active(session.series))

    async def complete(self, session: Session, role: str, *, adjusted: bool, jump_confirmed: bool) -> Calibration:
        """Seal and keep the record, put it in force, give the probe back. Raises FitRefused, BadArtifact, Refused."""
        before = self.shelf.active(session.series)
        now = self.now()
        session = self.sessions.save(session)  # of two hands at the last step, one signs
        record = finish(
            session, now, adjusted=adjusted, before=before, identity=session.id, jump_confirmed=jump_confirmed
        )
        self.shelf.add(record)
        outcome = await self._client.activate_calibration(session.series, record.id, session.person, role)
        if outcome.outcome != "done":
            raise Refused(outcome)
        await self.leave(session, role)
        return record

    async def put_in_force(self, series: str, identity: str, person: str, role: str, reason: str) -> None:
        """Put an earlier record in force again ("" = the maker's scale). Raises Refused, ProbeTaken, AgentAway.

        A curve belongs to what the instrument showed then: what was made before the instrument's own memory was last
        calibrated never comes back.
        """
        at_work = self.sessions.open(series, self.now())
        if at_work is not None:
            raise ProbeTaken(at_work)
        kept = self.shelf.kept(series)[0]
        chosen = next((one for one in kept if one.id == identity), None)
        told = max((one.performed_at for one in kept if _kept_in_chip(one)), default=None)
        if chosen is not None and told is not None and chosen.performed_at < told:
            raise Refused(Outcome("refused", IN_THE_CHIP))
        outcome = await self._client.activate_calibration(series, identity, person, role, reason)
        if outcome.outcome != "done":
            raise Refused(outcome)

    async def leave(self, session: Session, role: str) -> None:
        """End the session and give the probe back to control."""
        self.sessions.end(session.series)
        await self._client.unlock(session.series, session.person, role)

    async def give_up(self, session: Session, role: str) -> None:
        """End the session with everything as it was: also what an EZO circuit held, and the curve in force."""
        if session.told and session.kept:
            await self._chip(session, role, "bring_back", kept="|".join(session.kept))
            if session.curve:
                await self._client.activate_calibration(session.series, session.curve, session.person, role)
        await self.leave(session, role)

    async def put_back(self, session: Session, role: str) -> None:
        """Give the probe back to control and keep the session for later (soil cores dry for a day)."""
        await self._client.unlock(session.series, session.person, role)


# Ages come as fractions of a second: two states with the same reading may differ by rounding.
AGE_NOISE_MS: Final = 20


def _done(outcome: Outcome) -> Fields:
    if outcome.outcome != "done":
        raise Refused(outcome)
    return outcome.fields


def _kept_in_chip(record: Calibration) -> bool:
    method = METHODS.get(record.method)
    return method is not None and bool(method.chip)


def tile_of(state: LiveState, series: str) -> Tile:
    """Give the tile of ``series``; LookupError when the farm has no such series."""
    for tile in state.tiles:
        if tile.series == series:
            return tile
    raise LookupError(series)


def _fresh(state: LiveState, series: str) -> float:
    tile = tile_of(state, series)
    return tile.value if tile.age_s <= STALE_PERIODS * tile.period_s else nan
