# SPDX-License-Identifier: Apache-2.0
"""An Atlas EZO circuit's own calibration over its line: told point by point, kept first, brought back when refused.

The rule it keeps: nothing is told that the circuit would take amiss (``drivers.atlas_ezo``); what the circuit does not
confirm and count did not happen, and is raised as ``ChipRefused``.
"""

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from drivers import atlas_ezo
from drivers.ascii_line import Ask, ExchangeError, Got, Missed
from drivers.calibration.on_chip import ChipRefused

STRINGS_MAX: Final = 40
# The catalogue's types that are EZO circuits.
KINDS: Final[dict[str, atlas_ezo.Kind]] = {
    "atlas-ezo-ph": "pH",
    "atlas-ezo-ec": "EC",
    "atlas-ezo-do": "DO",
    "atlas-ezo-rtd": "RTD",
}
PRESSURE_HPA: Final = "hPa "  # among what was kept: the pressure that a DO circuit reckoned with
WITHOUT_VALUE: Final = frozenset({"dry", "air"})
Converse = Callable[[Ask], Awaitable[Got | Missed]]


class Slopes(NamedTuple):
    """What a pH circuit says of its probe: share of the ideal slope on each side, and mV at pH 7."""

    acid: float = 1.0
    base: float = 1.0
    zero_mv: float = 0.0


class Air(NamedTuple):
    """The air in which an oxygen probe is calibrated."""

    temperature_c: float
    pressure_hpa: float


class EzoChip:
    """One circuit; ``converse`` is one exchange on its line, judged by ``atlas_ezo.line()``."""

    def __init__(self, kind: atlas_ezo.Kind, converse: Converse) -> None:
        self._kind = kind
        self._converse = converse

    async def keep(self) -> tuple[str, ...]:
        """Give the calibration as it stands, for ``bring_back``."""
        strings: list[str] = []
        if self._kind == "DO":
            told = atlas_ezo.numbers((await self._said(atlas_ezo.pressure()))[0])
            strings += [f"{PRESSURE_HPA}{10.0 * kpa:.1f}" for kpa in told[:1]]
        await self._said(atlas_ezo.export_size())
        while len(strings) < STRINGS_MAX:
            answer = (await self._said(atlas_ezo.export()))[0]
            if answer == atlas_ezo.DONE:
                return tuple(strings)
            strings.append(answer.decode("ascii"))
        raise ChipRefused("The circuit's calibration does not end: {count} strings", count=float(len(strings)))

    async def tell(self, point: str, value: float, done: int = 0, air: Air | None = None) -> None:
        """Have the circuit take ``value`` (in its own unit) as what the probe stands in now.

        ``point`` as ``atlas_ezo.calibrate`` calls it; ``done``: how many it was told before; ``air``: at "air".
        """
        if self._kind == "pH":
            done = await self._count()
        asks = []
        try:
            if air is not None:
                asks = [atlas_ezo.compensate(air.temperature_c), atlas_ezo.at_pressure(air.pressure_hpa)]
            number = None if point in WITHOUT_VALUE else value
            asks.append(atlas_ezo.calibrate(self._kind, point, number, points_done=done))
        except ExchangeError as error:
            raise ChipRefused("The circuit would not take this point: {why:t}", why=str(error)) from error
        for ask in asks:
            await self._said(ask)
        counted, least = await self._count(), atlas_ezo.points_told(self._kind, point)
        if counted < least:
            raise ChipRefused(
                "The circuit counts {count:.0f} points after this one, not {least:.0f}: it did not take it",
                count=float(counted),
                least=float(least),
            )

    async def slopes(self) -> Slopes:
        """Ask for the slopes and the zero; the ideal ones where the circuit has none (EC, DO, RTD)."""
        if self._kind != "pH":
            return Slopes()
        numbers = atlas_ezo.numbers((await self._said(atlas_ezo.slope()))[0])
        if len(numbers) < 2:
            raise ChipRefused("The circuit did not tell its slopes")
        acid, base, *zero = numbers
        return Slopes(acid / 100.0, base / 100.0, zero[0] if zero else 0.0)

    async def bring_back(self, strings: tuple[str, ...]) -> None:
        """Put a calibration that was kept into force again; the circuit restarts with the last string."""
        for string in strings:
            if string.startswith(PRESSURE_HPA):
                await self._said(atlas_ezo.at_pressure(float(string.removeprefix(PRESSURE_HPA))))
            else:
                await self._said(atlas_ezo.bring_back(string))

    async def _count(self) -> int:
        """Ask how many points the circuit counts; one that only says that it is dry counts none."""
        count = atlas_ezo.numbers((await self._said(atlas_ezo.calibration_state()))[0])
        return int(count[0]) if count else 0

    async def _said(self, ask: Ask) -> tuple[bytes, ...]:
        got = await self._converse(ask)
        answers = got.answers if isinstance(got, Got) else ()
        if not answers or b"*ER" in answers:
            trouble = atlas_ezo.trouble(got if isinstance(got, Missed) else got.answers)
            raise ChipRefused("The circuit did not take the command: {why:t}", why=trouble or "*ER")
        return answers
