# SPDX-License-Identifier: Apache-2.0
"""The demo's two houses run ``adaptive``: every zone plans with a reason and its account, and the log replays it."""

from pathlib import Path

from controllers.planning import PLAN_MADE
from controllers.reasons import BY_NAME
from edge.config import parse
from edge.rehearsal import rehearse
from edge.replay import replay
from telemetry.history import LogReader
from telemetry.records import Event

DEMO = Path(__file__).parents[2] / "deploy" / "examples" / "demo.toml"
SECONDS = 400.0


def test_both_houses_plan_with_a_reason_and_the_log_replays_bit_for_bit(tmp_path: Path) -> None:
    text = DEMO.read_text(encoding="utf-8")
    config = parse(text)
    assert {zone.strategy for zone in config.control.zones} == {"adaptive"}
    rehearse(config, text, tmp_path, SECONDS)
    reader = LogReader(tmp_path / "farm.log")
    try:
        plans = [one.record for one in reader.others(0, 2**53) if isinstance(one.record, Event)]
    finally:
        reader.close()
    plans = [one for one in plans if one.kind == PLAN_MADE]
    assert {one.subject for one in plans} == {zone.id for zone in config.control.zones}
    for one in plans:
        assert BY_NAME[str(one.fields["code"])].text
        assert float(one.fields["depletion_mm"]) >= 0.0
    outcomes = list(replay(tmp_path))
    assert outcomes
    assert all(one.ok for one in outcomes), outcomes[0].differences[:2]
