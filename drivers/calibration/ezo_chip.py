# SPDX-License-Identifier: Apache-2.0
"""An Atlas EZO-pH circuit's own calibration over its line: told point by point, kept first, brought back when refused.

The rule it keeps: nothing is told that the circuit would take amiss (``drivers.atlas_ezo``); what the circuit does not
confirm did not happen, and is raised as ``ChipRefused``.
"""

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from drivers import atlas_ezo
from drivers.ascii_line import Ask, ExchangeError, Got, Missed
from drivers.calibration.on_chip import ChipRefused

STRINGS_MAX: Final = 40
Converse = Callable[[Ask], Awaitable[Got | Missed]]


class Slopes(NamedTuple):
    """What the circuit says of its probe: share of the ideal slope on each side, and mV at pH 7."""

    acid: float = 1.0
    base: float = 1.0
    zero_mv: float = 0.0


class EzoChip:
    """One circuit; ``converse`` is one exchange on its line, judged by ``atlas_ezo.line()``."""

    def __init__(self, converse: Converse) -> None:
        self._converse = converse

    async def keep(self) -> tuple[str, ...]:
        """Give the calibration as it stands, for ``bring_back``."""
        await self._said(atlas_ezo.export_size())
        strings: list[str] = []
        while len(strings) < STRINGS_MAX:
            answer = (await self._said(atlas_ezo.export()))[0]
            if answer == atlas_ezo.DONE:
                return tuple(strings)
            strings.append(answer.decode("ascii"))
        raise ChipRefused("The circuit's calibration does not end: {count} strings", count=float(len(strings)))

    async def tell(self, point: str, value: float) -> None:
        """Have the circuit take ``value`` (pH) as what the probe stands in now; ``point`` mid, low or high."""
        count = atlas_ezo.numbers((await self._said(atlas_ezo.calibration_state()))[0])
        try:
            ask = atlas_ezo.calibrate("pH", point, value, points_done=int(count[0]) if count else 0)
        except ExchangeError as error:
            raise ChipRefused("The circuit would not take this point: {why}", why=str(error)) from error
        await self._said(ask)

    async def slopes(self) -> Slopes:
        """Ask for the slopes and the zero."""
        numbers = atlas_ezo.numbers((await self._said(atlas_ezo.slope()))[0])
        if len(numbers) < 2:
            raise ChipRefused("The circuit did not tell its slopes")
        acid, base, *zero = numbers
        return Slopes(acid / 100.0, base / 100.0, zero[0] if zero else 0.0)

    async def bring_back(self, strings: tuple[str, ...]) -> None:
        """Put a calibration that was kept into force again."""
        for string in strings:
            await self._said(atlas_ezo.bring_back(string))

    async def _said(self, ask: Ask) -> tuple[bytes, ...]:
        got = await self._converse(ask)
        answers = got.answers if isinstance(got, Got) else ()
        if not answers or b"*ER" in answers:
            trouble = atlas_ezo.trouble(got if isinstance(got, Missed) else got.answers)
            raise ChipRefused("The circuit did not take the command: {why}", why=trouble or "*ER")
        return answers
