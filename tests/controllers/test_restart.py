# SPDX-License-Identifier: Apache-2.0
"""What a power cut leaves: everything off, latches and counts kept, a cut run finished once (H22)."""

import msgspec
import pytest

from tests.controllers.farm_rig import Rig, RigMaker


def cut(farm: Rig, down_s: float, *, clock_ok: bool = True) -> Rig:
    """Cut the power now; the same farm after ``down_s``, with monotonic time begun anew."""
    state = farm.engine.snapshot(farm.mono_ms, farm.wall_ms, clock_ok=farm.clock_ok)
    kept = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=type(state))
    after = Rig(settings=farm.settings, minute=farm.minute, day=farm.day, wall_ms=farm.wall_ms + int(down_s * 1000))
    after.values = dict(farm.values)
    after.clock_ok = clock_ok
    after.events.append(after.engine.restore(kept, 0, after.wall_ms, clock_ok=clock_ok))
    return after


def test_h22_a_run_cut_by_a_power_failure_is_finished_once_and_never_with_more_water(rig: RigMaker) -> None:
    farm = rig()
    farm.values["zone-a/soil_moisture"] = 20.0
    farm.run(200)
    given = farm.engine.water_today_l()["zone-a"]
    after = cut(farm, 300.0)
    assert after.events[0].fields == {"code": "time.restarted", "down_s": 300.0}
    after.run(30)
    assert after.code("valve-a") == "irrigation.start.resumed"
    again = cut(after, 60.0)
    again.values["zone-a/soil_moisture"] = 20.0
    again.run(1700)
    assert again.level("valve-a") == 0.0
    assert again.code("valve-a") == "irrigation.idle.resting"
    whole = cut(farm, 300.0).run(600)
    total = whole.engine.water_today_l()["zone-a"]
    assert given < total <= 105.0


@pytest.mark.parametrize(("down_s", "clock_ok"), [(3600.0, True), (300.0, False)])
def test_h22_an_old_or_undatable_cut_is_not_resumed(rig: RigMaker, down_s: float, clock_ok: bool) -> None:
    farm = rig()
    farm.values["zone-a/soil_moisture"] = 20.0
    farm.run(200)
    after = cut(farm, down_s, clock_ok=clock_ok)
    after.values["zone-a/soil_moisture"] = 30.0
    after.run(300)
    assert after.level("valve-a") == 0.0
    assert "irrigation.start.resumed" not in [d.code for d in after.decisions]


def test_latches_water_counts_and_dose_counts_survive_a_restart(rig: RigMaker) -> None:
    farm = rig()
    farm.flows = False
    farm.values["line/water_flow"] = 5.0
    farm.run(30)
    after = cut(farm, 60.0)
    after.flows = False
    after.values |= {"line/water_flow": 0.0, "zone-a/soil_moisture": 20.0}
    after.run(120)
    assert after.level("pump") == 0.0
    assert after.engine.hazards() == [("line", "safety.leak")]
    wet = rig()
    wet.values["zone-a/soil_moisture"] = 20.0
    wet.run(400)
    before = wet.engine.water_today_l()
    assert cut(wet, 60.0).engine.water_today_l() == before
