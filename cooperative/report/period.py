# SPDX-License-Identifier: Apache-2.0
"""The period of a report, as an officer writes it: 2026, 2026-Q4, 2026-11, 2026-11-22, or two ends with "..".

The rule it keeps: a period is local calendar time of the cooperative; it ends before ``now`` at the latest, so an
unfinished month is judged by the days that were.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from cooperative.indicators.evidence import Span
from pages.words import N_, Told


class PeriodError(Told, ValueError):
    """What was written is no period."""


@dataclass(frozen=True, slots=True)
class Period:
    """A named span of time. ``span`` is cut at now; ``complete`` tells whether the whole period has passed."""

    label: str
    begin: datetime
    end: datetime  # exclusive, cut at now
    complete: bool

    @property
    def span(self) -> Span:
        """The period in milliseconds since 1970."""
        return Span(int(self.begin.timestamp() * 1000), int(self.end.timestamp() * 1000))


def parse_period(text: str, timezone: str, now: datetime) -> Period:
    """Read a period. Raises PeriodError saying what is accepted."""
    zone = ZoneInfo(timezone)
    first, dots, last = text.strip().partition("..")
    begin, end = _bounds(first, zone)
    if dots:
        end = _bounds(last, zone)[1]
    if end <= begin:
        raise PeriodError(N_("the period {seen} ends before it begins"), seen=text)
    if begin >= now:
        raise PeriodError(N_("the period {seen} has not begun"), seen=text)
    return Period(text.strip(), begin, min(end, now.astimezone(zone)), complete=end <= now)


def _bounds(text: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    if match := re.fullmatch(r"(\d{4})", text):
        year = int(match[1])
        return datetime(year, 1, 1, tzinfo=zone), datetime(year + 1, 1, 1, tzinfo=zone)
    if match := re.fullmatch(r"(\d{4})-Q([1-4])", text):
        return _month(int(match[1]), 3 * int(match[2]) - 2, zone)[0], _month(int(match[1]), 3 * int(match[2]), zone)[1]
    try:
        if match := re.fullmatch(r"(\d{4})-(\d{2})", text):
            return _month(int(match[1]), int(match[2]), zone)
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            day = datetime.fromisoformat(text).replace(tzinfo=zone)
            return day, day + timedelta(days=1)
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?", text):
            moment = datetime.fromisoformat(text).replace(tzinfo=zone)
            return moment, moment
    except ValueError as error:
        raise PeriodError(N_("{seen} is no date"), seen=text) from error
    raise PeriodError(
        N_("{seen} is no period; write 2026, 2026-Q4, 2026-11, 2026-11-22 or 2026-11-01..2026-11-15"), seen=text
    )


def _month(year: int, month: int, zone: ZoneInfo) -> tuple[datetime, datetime]:
    begin = datetime(year, month, 1, tzinfo=zone)
    following = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=zone)
    return begin, following
