# SPDX-License-Identifier: Apache-2.0
"""One line an event for the operator: key=value, with its severity, short."""

import logging

import pytest

from edge.log_lines import FIELDS_MAX, tell
from telemetry.records import Event


def line_of(event: Event, caplog: pytest.LogCaptureFixture) -> logging.LogRecord:
    caplog.set_level(logging.INFO, logger="vuon")
    tell(event)
    return caplog.records[-1]


def test_an_event_is_a_line_of_keys_and_values(caplog: pytest.LogCaptureFixture) -> None:
    event = Event("bus.dead", "soil-1", 5, "alarm", person="lan", fields={"detail": "no answer", "count": 3})
    line = line_of(event, caplog)
    assert line.getMessage() == "event=bus.dead subject=soil-1 person=lan detail='no answer' count=3"
    assert line.levelno == logging.ERROR


def test_a_long_account_is_cut_short(caplog: pytest.LogCaptureFixture) -> None:
    event = Event("plan.made", "zone-1", 5, "info", fields={f"k{i}": i for i in range(FIELDS_MAX + 1)})
    message = line_of(event, caplog).getMessage()
    assert f"k{FIELDS_MAX - 1}=" in message
    assert f"k{FIELDS_MAX}=" not in message
    assert message.endswith(" ...")
