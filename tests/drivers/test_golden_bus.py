# SPDX-License-Identifier: Apache-2.0
"""Bus faults met once, each a folder in tests/golden: the bytes as they came, and what must be made of them."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from drivers.line_settings import LineSettings
from drivers.modbus_pdu import Request, RequestError, read, write_register
from drivers.modbus_rtu import Event, Failure, Reply, RtuMaster

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
CASES = sorted(path.parent for path in GOLDEN.glob("bus-*/case.toml"))


def _request(plan: dict[str, int]) -> Request:
    if plan["function"] == 6:
        return write_register(plan["unit"], plan["address"], plan["value"])
    return read(plan["unit"], plan["function"], plan["address"], plan["count"])


def _said(event: Event) -> str:
    if isinstance(event, Reply):
        return f"reply {event.payload.hex(' ')}".strip()
    if isinstance(event, Failure):
        return f"failure {event.kind}" + (f" {event.code}" if event.code else "")
    return f"stray {event.kind}"


@pytest.mark.parametrize("case", CASES, ids=[path.name for path in CASES])
def test_a_fault_met_once_is_never_met_again(case: Path) -> None:
    plan: dict[str, Any] = tomllib.loads((case / "case.toml").read_text(encoding="utf-8"))
    core = RtuMaster(LineSettings(baud=plan["baud"]))
    core.echo = plan.get("echo", False)
    for step in plan["step"]:
        now = step["at_s"]
        if "send" in step:
            request = _request(step["send"])
            if "refused" in step:
                with pytest.raises(RequestError, match=step["refused"]):
                    core.start(request, now, step["wait_s"])
            else:
                core.start(request, now, step["wait_s"])
            continue
        events = core.expire(now) if step.get("expire") else core.feed(bytes.fromhex(step["hear"]), now)
        assert [_said(event) for event in events] == step["expect"], step


def test_there_are_golden_cases() -> None:
    assert len(CASES) >= 6
