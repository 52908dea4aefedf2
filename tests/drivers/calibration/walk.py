# SPDX-License-Identifier: Apache-2.0
"""A technician with a probe on the bench: walks a session by its own screens, with a clock that the test moves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import nan

from drivers.calibration.artifact import Calibration, Device, Reference
from drivers.calibration.result import finish
from drivers.calibration.session import SCHEMA, Screen, Session, advance, feed, render

START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
DEVICE = Device("probe-3", "atlas-ezo-ph", "A123", "bench", "1")


def session_for(series: str, method: str, unit: str, *, period_s: float = 1.0, beside: tuple[str, ...] = ()) -> Session:
    """Open a session as the desk does."""
    return Session(
        schema=SCHEMA, id=f"c-{method}", series=series, device=DEVICE, method=method, person="Trần Văn Bình",
        place="bench", signal_unit=unit, period_s=period_s, started_at=START, beside=beside,
    )  # fmt: skip


@dataclass
class Bench:
    """Feeds what ``shows`` says for the seconds since the start, answers what is asked, counts Enter keys."""

    session: Session
    shows: Callable[[Session, float], float]
    answers: Mapping[str, str | list[str]] = field(default_factory=dict)
    temperature_c: float = 25.0
    pressure_hpa: float = nan
    permittivity: float = nan
    seconds: float = 0.0
    typed: list[str] = field(default_factory=list)
    screens: list[Screen] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        """The bench's clock."""
        return START + timedelta(seconds=self.seconds)

    def step(self) -> None:
        """Do what the screen asks."""
        screen = render(self.session, self.now)
        self.screens.append(screen)
        if self.session.stage == "settle":
            self._settle()
            return
        given = {}
        for asked in screen.ask:
            answer = self.answers.get(asked.name, "")
            if isinstance(answer, list):
                answer = answer[self.session.point]
            given[asked.name] = answer or asked.value
            self.typed.append(answer)
        self.session = advance(self.session, "next", given, self.now)

    def _settle(self, patience_s: float = 600.0) -> None:
        end_s = self.seconds + patience_s
        while not render(self.session, self.now).stable:
            assert self.seconds < end_s, render(self.session, self.now).status
            self.seconds += self.session.period_s
            signal = self.shows(self.session, self.seconds)
            self.session = feed(
                self.session, signal, self.temperature_c, self.now, self.pressure_hpa, self.permittivity
            )
        self.typed.append("")
        self.session = advance(self.session, "take", {}, self.now)

    def walk(self) -> "Bench":
        """Go on until all points are taken."""
        while self.session.stage != "result":
            self.step()
        return self


def record(series: str = "tank/water_ph", before: Calibration | None = None, **changes: object) -> Calibration:
    """Give a sealed three-buffer pH record made through a whole session."""
    bench = Bench(session_for(series, "ph-3", "pH"), lambda s, _t: 7.0 + 0.97 * ((s.truth or 0.0) - 7.0) + 0.02)
    bench.walk()
    made = {"adjusted": True, "before": before, "identity": "c-ph-3", **changes}
    return finish(bench.session, bench.now, **made)  # type: ignore[arg-type]


BUFFER = Reference("pH buffers", 0.02, "L-77", START + timedelta(days=90))
