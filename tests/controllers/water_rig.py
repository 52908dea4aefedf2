# SPDX-License-Identifier: Apache-2.0
"""A farm with a dosing unit, a backwash valve, a tariff and an intake, and a rig whose water really mixes."""

import random
from dataclasses import dataclass, field

import msgspec

from controllers.mixing_unit import MixingUnit
from controllers.settings import ControlSettings, OutputSettings
from controllers.settings_water import FertigationSettings, RecipeSettings, StockSettings, TariffBand
from controllers.ticks import TickResult
from tests.controllers.farm_rig import FARM, GOOD, LINE, OUTPUTS, ZONE_A, Rig

EVN = (
    TariffBand("peak", 3000.0, (("09:30", "11:30"), ("17:00", "20:00")), (1, 2, 3, 4, 5, 6)),
    TariffBand("low", 1100.0, (("22:00", "04:00"),)),
    TariffBand("normal", 1700.0),
)
CAPS = {"max_on_s": 3600.0, "event_max_ml": 5000.0, "hour_max_ml": 20_000.0, "day_max_ml": 60_000.0}


def _doser(name: str, ml_per_s: float, **more: object) -> OutputSettings:
    given = {"id": name, "kind": "doser", "place": "line", "ml_per_s": ml_per_s, "safe_level": 0.0, **CAPS, **more}
    return msgspec.convert(given, OutputSettings)


STOCKS = (
    StockSettings("a", "doser-a", "tank-a", ms_cm_per_ml_l=0.45, n_g_l=90.0, k_g_l=60.0, calcium=True),
    StockSettings("b", "doser-b", "tank-b", ms_cm_per_ml_l=0.45, p_g_l=20.0, k_g_l=80.0, phosphate_or_sulphate=True),
    StockSettings("acid", "doser-acid", "tank-acid", kind="acid", acid_eq_l=0.5),
)
RECIPES = (
    RecipeSettings("fruit", 2.2, 5.9, {"a": 1.0, "b": 1.0}),
    RecipeSettings("young", 1.4, 6.0, {"a": 1.0, "b": 0.8}),
)
UNIT = FertigationSettings("line", dead_l=4.0, mix_l=25.0, raw_ec_ms_cm=0.3, raw_ph=7.6, alkalinity_meq_l=1.5)
ZONES = (
    msgspec.structs.replace(
        ZONE_A, recipe="fruit", flow_l_min=30.0, dose_l=400.0, daily_cap_l=4000.0, run_max_s=3600.0,
    ),
    msgspec.structs.replace(
        ZONE_A, id="zone-b", valve="valve-b", recipe="fruit", flow_l_min=30.0, dose_l=400.0, daily_cap_l=4000.0,
        run_max_s=3600.0,
    ),
)  # fmt: skip
_KEPT = tuple(
    msgspec.structs.replace(out, max_on_s=4000.0) if out.id.startswith("valve") else out
    for out in OUTPUTS
    if out.id != "doser"
)
FED: ControlSettings = msgspec.structs.replace(
    FARM,
    zones=ZONES,
    outputs=(*_KEPT, _doser("doser-a", 3.0), _doser("doser-b", 3.0), _doser("doser-acid", 2.5)),
    recipes=RECIPES,
    stocks=STOCKS,
    fertigation=(UNIT,),
)
WASHED: ControlSettings = msgspec.structs.replace(
    FARM,
    lines=(
        msgspec.structs.replace(
            LINE, filter_in="line/water_pressure.1", filter_out="line/water_pressure.2", backwash_valve="wash",
            backwash_flow_l_min=60.0, backwash_kpa=50.0, backwash_every_l=10_000.0, backwash_s=40.0,
        ),
    ),
    outputs=(
        *OUTPUTS,
        msgspec.convert({"id": "wash", "kind": "backwash_valve", "place": "line", "max_on_s": 120.0}, OutputSettings),
    ),
)  # fmt: skip


@dataclass
class FeedRig(Rig):
    """A rig whose EC and pH come out of the twin's dosing unit; ``bend`` makes its truth differ from the settings."""

    settings: ControlSettings = FED
    bend: dict[str, float] = field(default_factory=dict)
    noise: float = 0.0
    seed: int = 1
    ec: list[float] = field(default_factory=list)
    ph: list[float] = field(default_factory=list)
    litres: float = 0.0
    flow_factor: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.values = dict(GOOD)
        self.unit = MixingUnit(self.settings, "line", **self.bend)
        self.random = random.Random(self.seed)

    def tick(self) -> TickResult:
        """Let the water flow and mix, look at the probes, think."""
        dosers = {out: self.level(out) for out in ("doser-a", "doser-b", "doser-acid")}
        pumping = self.level("pump") > 0.0 and self.level("master") > 0.0
        flow = sum(self.level(z.valve) * z.flow_l_min for z in self.settings.zones) if pumping else 0.0
        flow *= self.flow_factor
        self.flows = False
        self.values["line/water_flow"] = flow
        self.unit.advance(self.step_ms / 1000.0, flow, dosers)
        self.litres += flow * self.step_ms / 60_000.0
        for name, truth in (("water_ec", self.unit.ec_ms_cm), ("water_ph", self.unit.ph)):
            self.values[f"line/{name}"] = truth + self.random.gauss(0.0, self.noise)
            self.values[f"line/{name}.1"] = truth + self.random.gauss(0.0, self.noise)
        if flow > 0.0:
            self.ec.append(self.unit.ec_ms_cm)
            self.ph.append(self.unit.ph)
        return super().tick()

    def water(self, seconds: float) -> "FeedRig":
        """Let zone A water for so long."""
        self.values["zone-a/soil_moisture"] = 20.0
        self.run(seconds)
        return self
