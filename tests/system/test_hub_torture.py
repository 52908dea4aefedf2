# SPDX-License-Identifier: Apache-2.0
"""Each kind of fault once, seeded, with InfluxDB and Mosquitto: nothing accepted is lost, nothing is there twice."""

from pathlib import Path

import pytest

from tests.torture.telemetry import Rig


@pytest.mark.server("mosquitto", "influxd", "nginx")
async def test_each_kind_of_fault_loses_and_doubles_nothing(tmp_path: Path) -> None:
    async with Rig(tmp_path, seed=11).running() as rig:
        outcome = await rig.run(len(rig.faults()))
    assert set(outcome.kinds.values()) == {1}
    assert outcome.accepted > 500
    assert (outcome.lost, outcome.duplicates, outcome.disordered) == (0, 0, 0)
