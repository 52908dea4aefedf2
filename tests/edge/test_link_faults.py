# SPDX-License-Identifier: Apache-2.0
"""The alarm of a link: of the last fault, once; over when the link has worked for a minute, and not before."""

from types import SimpleNamespace
from typing import Any

import pytest

from edge import virtual
from edge.alarms import CARRIED_MS, AlarmBoard
from edge.link_faults import STEADY_S, LinkFaults
from telemetry.login import BadFile
from telemetry.records import AnyRecord, Event
from tests.support.waiting import passes


@pytest.fixture
def log() -> list[AnyRecord]:
    return []


@pytest.fixture
def agent(log: list[AnyRecord]) -> Any:
    board = AlarmBoard(log.extend)
    return SimpleNamespace(alarms=board, boot=SimpleNamespace(mono_ms=lambda: 1000))


def told(log: list[AnyRecord]) -> list[tuple[str, object]]:
    return [(one.kind, one.fields.get("detail", "")) for one in log if isinstance(one, Event)]


def test_a_fault_that_lasts_is_told_once_and_another_one_anew(agent: Any, log: list[AnyRecord]) -> None:
    faults = LinkFaults("uplink.failed", "uplink")
    for _ in range(3):
        faults.tell(agent, BadFile("ca.pem", "No such file or directory"))
    faults.tell(agent, BadFile("broker.secret", "empty"))
    faults.tell(agent, ZeroDivisionError("x" * 1000))
    assert told(log) == [
        ("alarm.raised", "ca.pem"),
        ("alarm.cleared", ""),
        ("alarm.raised", "broker.secret"),
        ("alarm.cleared", ""),
        ("alarm.raised", "ZeroDivisionError"),
    ]
    assert isinstance(log[-1], Event)
    assert log[-1].fields["seen"] == "x" * 300


def test_a_fault_that_outlives_a_restart_is_not_told_as_new(agent: Any, log: list[AnyRecord]) -> None:
    LinkFaults("uplink.failed", "uplink").tell(agent, BadFile("ca.pem", "No such file or directory"))
    again = AlarmBoard(log.extend)
    again.restore(agent.alarms.memory(1000, 1000, clock_ok=True), 1000, 1000, clock_ok=True)
    agent.alarms = again
    LinkFaults("uplink.failed", "uplink").tell(agent, BadFile("ca.pem", "No such file or directory"))
    assert told(log) == [("alarm.raised", "ca.pem")]
    again.look(10 * CARRIED_MS)
    assert again.stands("uplink.failed", "uplink")


def test_a_link_that_breaks_again_within_a_minute_does_not_flap(agent: Any, log: list[AnyRecord]) -> None:
    faults = LinkFaults("mirror.failed", "mirror")

    async def live() -> None:
        for up_s in (1.0, STEADY_S - 1.0, STEADY_S + 1.0):
            faults.tell(agent, ZeroDivisionError("a bug"))
            with faults.connected(agent):
                await passes(up_s)
            await passes(2.0 * STEADY_S)

    virtual.run(lambda _loop: live())
    assert [kind for kind, _ in told(log)] == ["alarm.raised", "alarm.cleared"]
