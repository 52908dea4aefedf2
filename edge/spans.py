# SPDX-License-Identifier: Apache-2.0
"""Days and moments as people write them on a command line.

The rule it keeps: a day without a zone is the farm's; the last day of a span is included.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo


def moment_ms(text: str, zone: ZoneInfo, *, last: bool = False) -> int:
    """Give ms since 1970 of ``2026-11-22`` or ``2026-11-22T06:00:00+07:00``. ValueError says what is no day."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no day; write 2026-11-22") from None
    if len(text) == 10 and last:
        moment += timedelta(days=1)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp() * 1000.0)
