# SPDX-License-Identifier: Apache-2.0
"""What the processes of a farm write for their operator: one line an event, key=value.

The rule it keeps: no secret and no sensor stream in the log lines; under systemd each line begins with its
priority (sd-daemon(3)), else with the time. An event with a long account is cut short here: the log has it whole.
"""

import logging
import os
import sys
from typing import Final

from telemetry.records import Event

PRIORITIES: Final = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
LEVELS: Final = {
    "info": logging.INFO,
    "warning": logging.WARNING,
    "alarm": logging.ERROR,
    "critical": logging.CRITICAL,
}
FIELDS_MAX: Final = 8
_log: Final = logging.getLogger("vuon")


class _Journal(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"<{PRIORITIES.get(record.levelno, 6)}>{super().format(record)}"


def set_up(*, verbose: bool = False) -> None:
    """Send this process's log lines to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    if os.environ.get("JOURNAL_STREAM"):
        handler.setFormatter(_Journal("%(message)s"))
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S%z"))
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, handlers=[handler], force=True)
    _log.setLevel(logging.INFO)


def tell(event: Event) -> None:
    """Write one event."""
    told = list(event.fields.items())[:FIELDS_MAX]
    fields = "".join(f" {name}={_value(value)}" for name, value in told) + " ..." * (len(event.fields) > FIELDS_MAX)
    person = f" person={_value(event.person)}" if event.person else ""
    _log.log(LEVELS.get(event.severity, logging.INFO), "event=%s subject=%s%s%s", event.kind, event.subject, person,
             fields)  # fmt: skip


def _value(value: object) -> str:
    text = str(value)
    return repr(text) if " " in text or "=" in text or not text else text
